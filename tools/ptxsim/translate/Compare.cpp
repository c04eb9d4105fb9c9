// Comparison and selection (PTX ISA 9.0, sections 9.7.6 and 9.7.7), testp.
#include "translate/Emitter.h"

#include "llvm/ADT/StringSwitch.h"

namespace ptxsim::jit {

using llvm::CmpInst;
using llvm::Value;
using ptx::Type;

static CmpInst::Predicate floatRelation(llvm::StringRef relation) {
  return llvm::StringSwitch<CmpInst::Predicate>(relation)
      .Case("eq", CmpInst::FCMP_OEQ)
      .Case("ne", CmpInst::FCMP_ONE)
      .Case("lt", CmpInst::FCMP_OLT)
      .Case("le", CmpInst::FCMP_OLE)
      .Case("gt", CmpInst::FCMP_OGT)
      .Case("ge", CmpInst::FCMP_OGE)
      .Case("equ", CmpInst::FCMP_UEQ)
      .Case("neu", CmpInst::FCMP_UNE)
      .Case("ltu", CmpInst::FCMP_ULT)
      .Case("leu", CmpInst::FCMP_ULE)
      .Case("gtu", CmpInst::FCMP_UGT)
      .Case("geu", CmpInst::FCMP_UGE)
      .Case("num", CmpInst::FCMP_ORD)
      .Case("nan", CmpInst::FCMP_UNO)
      .Default(CmpInst::BAD_FCMP_PREDICATE);
}

static CmpInst::Predicate integerRelation(llvm::StringRef relation, bool isSigned) {
  auto either = [&](CmpInst::Predicate s, CmpInst::Predicate u) { return isSigned ? s : u; };
  return llvm::StringSwitch<CmpInst::Predicate>(relation)
      .Case("eq", CmpInst::ICMP_EQ)
      .Case("ne", CmpInst::ICMP_NE)
      .Case("lt", either(CmpInst::ICMP_SLT, CmpInst::ICMP_ULT))
      .Case("le", either(CmpInst::ICMP_SLE, CmpInst::ICMP_ULE))
      .Case("gt", either(CmpInst::ICMP_SGT, CmpInst::ICMP_UGT))
      .Case("ge", either(CmpInst::ICMP_SGE, CmpInst::ICMP_UGE))
      .Case("lo", CmpInst::ICMP_ULT)
      .Case("ls", CmpInst::ICMP_ULE)
      .Case("hi", CmpInst::ICMP_UGT)
      .Case("hs", CmpInst::ICMP_UGE)
      .Default(CmpInst::BAD_ICMP_PREDICATE);
}

static llvm::StringRef relationOf(const ptx::Instruction &i) {
  return i.first({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu", "geu",
                  "num", "nan"});
}

/// One comparison of scalars. Integers: undefined only where the undefined bits can change the outcome.
Bits FunctionEmitter::compare(const Instruction &i, Type type, Bits a, Bits c) {
  llvm::StringRef relation = relationOf(i);
  if (ptx::isFloat(type)) {
    auto predicate = floatRelation(relation);
    if (predicate == CmpInst::BAD_FCMP_PREDICATE)
      notTranslated(i);
    if (i.has("ftz")) {
      a.value = flush(a.value, type);
      c.value = flush(c.value, type);
    }
    Value *result = b.CreateFCmp(predicate, toFloat(a.value, type), toFloat(c.value, type));
    return {result, allOrNothing(orShadows(a.shadow, c.shadow), 1)};
  }
  bool isSigned = ptx::isSigned(type);
  auto predicate = integerRelation(relation, isSigned);
  if (predicate == CmpInst::BAD_ICMP_PREDICATE)
    notTranslated(i);
  Bits result{b.CreateICmp(predicate, a.value, c.value), nullptr};
  Value *shadow = orShadows(a.shadow, c.shadow);
  if (!shadow)
    return result;
  if (CmpInst::isEquality(predicate)) { // decided if two defined bits differ
    Value *differ = b.CreateAnd(b.CreateXor(a.value, c.value), b.CreateNot(shadow));
    result.shadow = b.CreateAnd(b.CreateIsNotNull(shadow), b.CreateIsNull(differ));
    return result;
  }
  // Compare the least a with the greatest c and the other way round; the sign bit counts the other way.
  unsigned width = ptx::bitWidth(type);
  Value *sign = llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignMask(width));
  auto bounds = [&](Bits x) -> std::pair<Value *, Value *> {
    if (!x.shadow)
      return {x.value, x.value};
    Value *up = isSigned ? b.CreateAnd(x.shadow, b.CreateNot(sign)) : x.shadow;
    Value *low = b.CreateAnd(x.value, b.CreateNot(up)), *high = b.CreateOr(x.value, up);
    if (isSigned) {
      Value *signShadow = b.CreateAnd(x.shadow, sign);
      low = b.CreateOr(low, signShadow);
      high = b.CreateAnd(high, b.CreateNot(signShadow));
    }
    return {low, high};
  };
  auto [lowA, highA] = bounds(a);
  auto [lowC, highC] = bounds(c);
  result.shadow = b.CreateXor(b.CreateICmp(predicate, lowA, highC), b.CreateICmp(predicate, highA, lowC));
  return result;
}

/// The Boolean operation with the predicate operand, if the instruction has one.
Bits FunctionEmitter::combine(const Instruction &i, Bits p, unsigned sourceIndex, bool negate) {
  llvm::StringRef operation = i.first({"and", "or", "xor"});
  if (negate)
    p.value = b.CreateNot(p.value);
  if (operation.empty())
    return p;
  Bits q = read(op(i, sourceIndex), Type::Pred);
  if (operation == "and")
    return bitAnd(p, q);
  return operation == "or" ? bitOr(p, q) : bitXor(p, q);
}

static Bits half(llvm::IRBuilderBase &b, Bits bits, unsigned k) {
  auto part = [&](Value *v) -> Value * { return v ? b.CreateTrunc(b.CreateLShr(v, 16 * k), b.getInt16Ty()) : nullptr; };
  return {part(bits.value), part(bits.shadow)};
}

void FunctionEmitter::emitSetp(const Instruction &i) {
  Type type = i.lastType();
  Bits a = read(op(i, 1), type), c = read(op(i, 2), type);
  const Operand &d = op(i, 0);
  bool pair = d.kind == Operand::Kind::Pair;
  if (lanes(type) == 2) { // p is of the low halves, q of the high ones
    Bits low = combine(i, compare(i, laneType(type), half(b, a, 0), half(b, c, 0)), 3, false);
    Bits high = combine(i, compare(i, laneType(type), half(b, a, 1), half(b, c, 1)), 3, false);
    write(pair ? d.elements[0] : d, low);
    if (pair)
      write(d.elements[1], high);
    return;
  }
  Bits outcome = compare(i, type, a, c);
  Bits p = combine(i, outcome, 3, false);
  if (!pair)
    return write(d, p);
  Bits q = combine(i, outcome, 3, true);
  write(d.elements[0], p);
  write(d.elements[1], q);
}

void FunctionEmitter::emitSet(const Instruction &i) {
  Type to = i.type(0), from = i.type(1);
  Bits a = read(op(i, 1), from), c = read(op(i, 2), from);
  auto one = [&](Type type) -> uint64_t {
    switch (type) {
    case Type::F32:
      return 0x3f800000;
    case Type::F16:
      return 0x3c00;
    case Type::BF16:
      return 0x3f80;
    default:
      return ~uint64_t(0);
    }
  };
  auto expand = [&](Bits p, Type type) -> Bits {
    unsigned width = ptx::bitWidth(type);
    Value *yes = llvm::ConstantInt::get(b.getContext(), llvm::APInt(width, one(type), false, true));
    return {b.CreateSelect(p.value, yes, constant(width, 0)), allOrNothing(p.shadow, width)};
  };
  if (lanes(from) == 1)
    return write(op(i, 0), expand(combine(i, compare(i, from, a, c), 3, false), to));
  // Packed: each half of the destination is 1.0, or all ones for an integer destination.
  Type lane = lanes(to) == 2 ? laneType(to) : Type::B16;
  Bits result;
  for (unsigned k = 0; k < 2; ++k) {
    Bits part = expand(combine(i, compare(i, laneType(from), half(b, a, k), half(b, c, k)), 3, false), lane);
    Value *value = b.CreateShl(b.CreateZExt(part.value, b.getInt32Ty()), 16 * k);
    result.value = k ? b.CreateOr(result.value, value) : value;
    if (part.shadow)
      result.shadow = orShadows(result.shadow, b.CreateShl(b.CreateZExt(part.shadow, b.getInt32Ty()), 16 * k));
  }
  write(op(i, 0), result);
}

void FunctionEmitter::emitSelp(const Instruction &i) {
  Type type = i.lastType();
  write(op(i, 0), select(read(op(i, 3), Type::Pred), read(op(i, 1), type), read(op(i, 2), type)));
}

/// slct: a if c >= 0; -0.0 counts as 0 and NaN selects b.
void FunctionEmitter::emitSlct(const Instruction &i) {
  Type type = i.type(0), test = i.type(1);
  Bits a = read(op(i, 1), type), c = read(op(i, 2), type), d = read(op(i, 3), test);
  Bits condition;
  if (test == Type::F32) {
    Value *value = i.has("ftz") ? flush(d.value, test) : d.value;
    condition = {b.CreateFCmpOGE(toFloat(value, test), llvm::ConstantFP::get(b.getFloatTy(), 0.0)),
                 allOrNothing(d.shadow, 1)};
  } else {
    condition.value = b.CreateICmpSGE(d.value, b.getInt32(0));
    if (d.shadow)
      condition.shadow = b.CreateICmpSLT(d.shadow, b.getInt32(0));
  }
  write(op(i, 0), select(condition, a, c));
}

void FunctionEmitter::emitTestp(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type), fraction = width == 32 ? 23 : 52;
  Value *magnitude =
      b.CreateAnd(get(op(i, 1), type), llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignedMaxValue(width)));
  uint64_t infinity = width == 32 ? 0x7f800000u : 0x7ff0000000000000u;
  Value *inf = constant(width, infinity), *least = constant(width, uint64_t(1) << fraction);
  Value *result;
  if (i.has("finite"))
    result = b.CreateICmpULT(magnitude, inf);
  else if (i.has("infinite"))
    result = b.CreateICmpEQ(magnitude, inf);
  else if (i.has("number"))
    result = b.CreateICmpULE(magnitude, inf);
  else if (i.has("notanumber"))
    result = b.CreateICmpUGT(magnitude, inf);
  else if (i.has("normal"))
    result = b.CreateAnd(b.CreateICmpUGE(magnitude, least), b.CreateICmpULT(magnitude, inf));
  else
    result = b.CreateAnd(b.CreateICmpULT(magnitude, least), b.CreateIsNotNull(magnitude));
  put(op(i, 0), result);
}

} // namespace ptxsim::jit
