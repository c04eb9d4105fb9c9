// Logic, shifts, bit fields and permutation (PTX ISA 9.0, sections 9.7.1 and 9.7.8).
#include "translate/Emitter.h"

namespace ptxsim::jit {

using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;
using ptx::Type;

void FunctionEmitter::emitAnd(const Instruction &i) {
  write(op(i, 0), bitAnd(read(op(i, 1), i.lastType()), read(op(i, 2), i.lastType())));
}

void FunctionEmitter::emitOr(const Instruction &i) {
  write(op(i, 0), bitOr(read(op(i, 1), i.lastType()), read(op(i, 2), i.lastType())));
}

void FunctionEmitter::emitXor(const Instruction &i) {
  write(op(i, 0), bitXor(read(op(i, 1), i.lastType()), read(op(i, 2), i.lastType())));
}

void FunctionEmitter::emitNot(const Instruction &i) { write(op(i, 0), bitNot(read(op(i, 1), i.lastType()))); }

void FunctionEmitter::emitCnot(const Instruction &i) {
  Value *a = get(op(i, 1), i.lastType());
  put(op(i, 0), b.CreateZExt(b.CreateIsNull(a), a->getType()));
}

/// The function of three bits that `table` tabulates: bit 4*a + 2*b + c of it.
Value *FunctionEmitter::lookup3(Value *a, Value *c, Value *d, unsigned table) {
  // By a: two functions of (b, c), each one of sixteen; then a multiplexer. Common tables fold to few operations.
  auto ofTwo = [&](unsigned four) -> Value * {
    llvm::Type *type = a->getType();
    switch (four & 15) {
    case 0:
      return llvm::Constant::getNullValue(type);
    case 1:
      return b.CreateNot(b.CreateOr(c, d));
    case 2:
      return b.CreateAnd(b.CreateNot(c), d);
    case 3:
      return b.CreateNot(c);
    case 4:
      return b.CreateAnd(c, b.CreateNot(d));
    case 5:
      return b.CreateNot(d);
    case 6:
      return b.CreateXor(c, d);
    case 7:
      return b.CreateNot(b.CreateAnd(c, d));
    case 8:
      return b.CreateAnd(c, d);
    case 9:
      return b.CreateNot(b.CreateXor(c, d));
    case 10:
      return d;
    case 11:
      return b.CreateOr(b.CreateNot(c), d);
    case 12:
      return c;
    case 13:
      return b.CreateOr(c, b.CreateNot(d));
    case 14:
      return b.CreateOr(c, d);
    default:
      return llvm::Constant::getAllOnesValue(type);
    }
  };
  unsigned low = table & 15, high = table >> 4 & 15;
  if (low == high)
    return ofTwo(low);
  Value *zero = ofTwo(low), *one = ofTwo(high);
  if ((low ^ 15) == high)
    return b.CreateXor(a, zero);
  if (low == 0)
    return b.CreateAnd(a, one);
  if (high == 0)
    return b.CreateAnd(b.CreateNot(a), zero);
  if (high == 15)
    return b.CreateOr(a, zero);
  if (low == 15)
    return b.CreateOr(b.CreateNot(a), one);
  return b.CreateOr(b.CreateAnd(a, one), b.CreateAnd(b.CreateNot(a), zero));
}

void FunctionEmitter::emitLop3(const Instruction &i) {
  // d, a, b, c, table; with a Boolean operation d|p, a, b, c, table, q.
  Bits a = read(op(i, 1), Type::B32), c = read(op(i, 2), Type::B32), d = read(op(i, 3), Type::B32);
  unsigned table = op(i, 4).bits & 0xff;
  Bits result{lookup3(a.value, c.value, d.value, table)};
  if (a.shadow || c.shadow || d.shadow) {
    // A bit is undefined if the values that its undefined sources may take reach both a 0 and a 1 of the table.
    Value *zero = constant(32, 0), *mayBe[2] = {zero, zero};
    auto matches = [&](Bits source, bool one) {
      Value *equal = one ? source.value : b.CreateNot(source.value);
      return source.shadow ? b.CreateOr(equal, source.shadow) : equal;
    };
    for (unsigned k = 0; k < 8; ++k) {
      Value *reached = b.CreateAnd(b.CreateAnd(matches(a, k & 4), matches(c, k & 2)), matches(d, k & 1));
      mayBe[table >> k & 1] = b.CreateOr(mayBe[table >> k & 1], reached);
    }
    result.shadow = b.CreateAnd(mayBe[0], mayBe[1]);
  }
  if (op(i, 0).kind != Operand::Kind::Pair)
    return write(op(i, 0), result);
  Bits q = read(op(i, 5), Type::Pred);
  Bits nonzero{b.CreateIsNotNull(result.value), nullptr};
  if (result.shadow) // decided by a defined bit that is set
    nonzero.shadow = b.CreateAnd(b.CreateIsNotNull(result.shadow),
                                 b.CreateIsNull(b.CreateAnd(result.value, b.CreateNot(result.shadow))));
  Bits p = i.has("and") ? bitAnd(nonzero, q) : bitOr(nonzero, q);
  write(op(i, 0).elements[0], result);
  write(op(i, 0).elements[1], p);
}

/// Shifts with amounts beyond the width: the amount is clamped to it.
Value *FunctionEmitter::shiftClamped(Value *a, Value *amount, llvm::Instruction::BinaryOps operation) {
  unsigned width = a->getType()->getIntegerBitWidth();
  if (auto *known = llvm::dyn_cast<llvm::ConstantInt>(amount)) {
    uint64_t by = known->getZExtValue();
    if (by < width)
      return b.CreateBinOp(operation, a, constant(width, by));
    return operation == llvm::Instruction::AShr ? b.CreateAShr(a, width - 1) : constant(width, 0);
  }
  Value *inside = b.CreateICmpULT(amount, b.getInt32(width));
  if (operation == llvm::Instruction::AShr) {
    Value *clamped = b.CreateSelect(inside, amount, b.getInt32(width - 1));
    return b.CreateAShr(a, b.CreateZExtOrTrunc(clamped, a->getType()));
  }
  // Out of range the shift is not evaluated for its value: the select drops it. The amount is masked all the same, so
  // that the shift is never undefined.
  Value *by = b.CreateZExtOrTrunc(b.CreateAnd(amount, b.getInt32(width - 1)), a->getType());
  return b.CreateSelect(inside, b.CreateBinOp(operation, a, by), constant(width, 0));
}

Bits FunctionEmitter::shiftLeft(Bits a, Bits amount) {
  Bits result{shiftClamped(a.value, amount.value, llvm::Instruction::Shl), nullptr};
  if (a.shadow)
    result.shadow = shiftClamped(a.shadow, amount.value, llvm::Instruction::Shl);
  result.shadow = orShadows(result.shadow, allOrNothing(amount.shadow, a.value->getType()->getIntegerBitWidth()));
  return result;
}

Bits FunctionEmitter::shiftRight(Bits a, Bits amount, bool arithmetic) {
  auto operation = arithmetic ? llvm::Instruction::AShr : llvm::Instruction::LShr;
  Bits result{shiftClamped(a.value, amount.value, operation), nullptr};
  if (a.shadow)
    result.shadow = shiftClamped(a.shadow, amount.value, operation);
  result.shadow = orShadows(result.shadow, allOrNothing(amount.shadow, a.value->getType()->getIntegerBitWidth()));
  return result;
}

void FunctionEmitter::emitShl(const Instruction &i) {
  write(op(i, 0), shiftLeft(read(op(i, 1), i.lastType()), read(op(i, 2), Type::U32)));
}

void FunctionEmitter::emitShr(const Instruction &i) {
  Type type = i.lastType();
  write(op(i, 0), shiftRight(read(op(i, 1), type), read(op(i, 2), Type::U32), ptx::isSigned(type)));
}

/// shf: a is the low half of the 64 bits, b the high one.
void FunctionEmitter::emitShf(const Instruction &i) {
  Bits a = read(op(i, 1), Type::B32), c = read(op(i, 2), Type::B32), amount = read(op(i, 3), Type::U32);
  bool left = i.has("l"), clamp = i.has("clamp");
  auto funnel = [&](Value *low, Value *high) -> Value * {
    auto kind = left ? Intrinsic::fshl : Intrinsic::fshr;
    Value *shifted = b.CreateIntrinsic(kind, {b.getInt32Ty()}, {high, low, amount.value});
    if (!clamp)
      return shifted;
    // By 32 and more: left gives the low word, right the high one.
    return b.CreateSelect(b.CreateICmpULT(amount.value, b.getInt32(32)), shifted, left ? low : high);
  };
  Bits result{funnel(a.value, c.value), nullptr};
  if (a.shadow || c.shadow) {
    Value *none = constant(32, 0);
    result.shadow = funnel(a.shadow ? a.shadow : none, c.shadow ? c.shadow : none);
  }
  result.shadow = orShadows(result.shadow, allOrNothing(amount.shadow, 32));
  write(op(i, 0), result);
}

/// bfe: position and length are the low bytes of b and c; bits beyond the word repeat the sign, or are 0.
void FunctionEmitter::emitBfe(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  bool isSigned = ptx::isSigned(type);
  Bits a = read(op(i, 1), type);
  Value *start = b.CreateAnd(get(op(i, 2), Type::U32), b.getInt32(255));
  Value *length = b.CreateAnd(get(op(i, 3), Type::U32), b.getInt32(255));
  auto extract = [&](Value *v) {
    Value *field = shiftClamped(v, start, isSigned ? llvm::Instruction::AShr : llvm::Instruction::LShr);
    // The field's top to the top of the word and back; length 0 gives 0.
    Value *unused = b.CreateBinaryIntrinsic(Intrinsic::usub_sat, b.getInt32(width), length);
    Value *up = shiftClamped(field, unused, llvm::Instruction::Shl);
    return shiftClamped(up, unused, isSigned ? llvm::Instruction::AShr : llvm::Instruction::LShr);
  };
  Bits result{extract(a.value), a.shadow ? extract(a.shadow) : nullptr};
  if (!got.empty())
    result.shadow = orShadows(result.shadow, gotShadow(width, 0));
  write(op(i, 0), result);
}

/// bfi: inserts the low `length` bits of a into b.
void FunctionEmitter::emitBfi(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Bits a = read(op(i, 1), type), c = read(op(i, 2), type);
  Value *start = b.CreateAnd(get(op(i, 3), Type::U32), b.getInt32(255));
  Value *length = b.CreateAnd(get(op(i, 4), Type::U32), b.getInt32(255));
  Value *ones =
      b.CreateNot(shiftClamped(llvm::Constant::getAllOnesValue(intType(width)), length, llvm::Instruction::Shl));
  Value *mask = shiftClamped(ones, start, llvm::Instruction::Shl);
  auto insert = [&](Value *field, Value *into) {
    return b.CreateOr(b.CreateAnd(shiftClamped(field, start, llvm::Instruction::Shl), mask),
                      b.CreateAnd(into, b.CreateNot(mask)));
  };
  Bits result{insert(a.value, c.value), nullptr};
  if (a.shadow || c.shadow) {
    Value *none = constant(width, 0);
    result.shadow = insert(a.shadow ? a.shadow : none, c.shadow ? c.shadow : none);
  }
  if (!got.empty())
    result.shadow = orShadows(result.shadow, gotShadow(width, 0));
  write(op(i, 0), result);
}

void FunctionEmitter::emitBfind(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Value *a = get(op(i, 1), type);
  if (ptx::isSigned(type)) // the highest bit that differs from the sign
    a = b.CreateXor(a, b.CreateAShr(a, width - 1));
  Value *zeros = b.CreateIntrinsic(Intrinsic::ctlz, {a->getType()}, {a, b.getFalse()});
  Value *result = i.has("shiftamt") ? zeros : b.CreateSub(constant(width, width - 1), zeros);
  Value *found = b.CreateSelect(b.CreateIsNull(a), llvm::Constant::getAllOnesValue(a->getType()), result);
  put(op(i, 0), b.CreateTrunc(found, b.getInt32Ty()));
}

void FunctionEmitter::emitBrev(const Instruction &i) {
  Bits a = read(op(i, 1), i.lastType());
  write(op(i, 0), {b.CreateUnaryIntrinsic(Intrinsic::bitreverse, a.value),
                   a.shadow ? b.CreateUnaryIntrinsic(Intrinsic::bitreverse, a.shadow) : nullptr});
}

void FunctionEmitter::emitClz(const Instruction &i) {
  Value *a = get(op(i, 1), i.lastType());
  Value *zeros = b.CreateIntrinsic(Intrinsic::ctlz, {a->getType()}, {a, b.getFalse()});
  put(op(i, 0), b.CreateTrunc(zeros, b.getInt32Ty()));
}

void FunctionEmitter::emitPopc(const Instruction &i) {
  Value *a = get(op(i, 1), i.lastType());
  put(op(i, 0), b.CreateTrunc(b.CreateUnaryIntrinsic(Intrinsic::ctpop, a), b.getInt32Ty()));
}

void FunctionEmitter::emitFns(const Instruction &i) {
  Value *mask = get(op(i, 1), Type::B32), *base = get(op(i, 2), Type::B32), *offset = get(op(i, 3), Type::B32);
  put(op(i, 0), callPure(runtime::findNthSet, {mask, base, offset}));
}

/// bmsk: `length` ones from bit `start`; clamp limits both to 32, wrap takes them modulo 32.
void FunctionEmitter::emitBmsk(const Instruction &i) {
  Value *start = get(op(i, 1), Type::U32), *length = get(op(i, 2), Type::U32);
  if (i.has("wrap")) {
    start = b.CreateAnd(start, b.getInt32(31));
    length = b.CreateAnd(length, b.getInt32(31));
  }
  Value *ones =
      b.CreateNot(shiftClamped(llvm::Constant::getAllOnesValue(b.getInt32Ty()), length, llvm::Instruction::Shl));
  put(op(i, 0), shiftClamped(ones, start, llvm::Instruction::Shl));
}

/// szext: the low `length` bits, extended; clamp: 32 and more keep all; wrap: modulo 32, 0 gives 0.
void FunctionEmitter::emitSzext(const Instruction &i) {
  Type type = i.lastType();
  Bits a = read(op(i, 1), type);
  Value *length = get(op(i, 2), Type::U32);
  if (i.has("wrap"))
    length = b.CreateAnd(length, b.getInt32(31));
  Value *unused = b.CreateBinaryIntrinsic(Intrinsic::usub_sat, b.getInt32(32), length);
  auto extend = [&](Value *v) {
    return shiftClamped(shiftClamped(v, unused, llvm::Instruction::Shl), unused,
                        ptx::isSigned(type) ? llvm::Instruction::AShr : llvm::Instruction::LShr);
  };
  // A length of 0 clamps the second shift to a copy of the sign of zeros: 0.
  Bits result{extend(a.value), a.shadow ? extend(a.shadow) : nullptr};
  if (!got.empty())
    result.shadow = orShadows(result.shadow, gotShadow(32, 0));
  write(op(i, 0), result);
}

/// prmt with known selectors: neighbouring bytes move together. Selectors have bit 3 set to repeat the byte's sign.
Value *FunctionEmitter::permuteConstant(Value *a, Value *c, unsigned selector) {
  Value *both = b.CreateOr(b.CreateZExt(a, b.getInt64Ty()), b.CreateShl(b.CreateZExt(c, b.getInt64Ty()), 32));
  Value *result = constant(32, 0);
  for (unsigned k = 0; k < 4;) {
    unsigned which = selector >> (4 * k) & 15;
    if (which & 8) {
      Value *byte = b.CreateTrunc(b.CreateLShr(both, 8 * (which & 7)), b.getInt8Ty());
      Value *sign = b.CreateZExt(b.CreateAShr(byte, 7), b.getInt32Ty());
      result = b.CreateOr(result, b.CreateShl(sign, 8 * k));
      ++k;
      continue;
    }
    unsigned run = 1;
    while (k + run < 4 && (selector >> (4 * (k + run)) & 15) == which + run && which + run < 8)
      ++run;
    Value *bytes = b.CreateTrunc(b.CreateLShr(both, 8 * which), b.getInt32Ty());
    if (run < 4)
      bytes = b.CreateAnd(bytes, b.getInt32((1u << (8 * run)) - 1));
    result = b.CreateOr(result, b.CreateShl(bytes, 8 * k));
    k += run;
  }
  return result;
}

void FunctionEmitter::emitPrmt(const Instruction &i) {
  Bits a = read(op(i, 1), Type::B32), c = read(op(i, 2), Type::B32), selector = read(op(i, 3), Type::B32);
  llvm::StringRef name = i.first({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  unsigned mode = name == "f4e"    ? 1
                  : name == "b4e"  ? 2
                  : name == "rc8"  ? 3
                  : name == "ecl"  ? 4
                  : name == "ecr"  ? 5
                  : name == "rc16" ? 6
                                   : 0;
  auto permute = [&](Value *x, Value *y) -> Value * {
    if (auto *known = llvm::dyn_cast<llvm::ConstantInt>(selector.value))
      return permuteConstant(x, y, runtime::permuteSelector(known->getZExtValue(), mode));
    return callPure(runtime::permute, {x, y, selector.value, b.getInt32(mode)});
  };
  Bits result{permute(a.value, c.value), nullptr};
  if (a.shadow || c.shadow)
    result.shadow = permute(a.shadow ? a.shadow : constant(32, 0), c.shadow ? c.shadow : constant(32, 0));
  result.shadow = orShadows(result.shadow, allOrNothing(selector.shadow, 32));
  write(op(i, 0), result);
}

} // namespace ptxsim::jit
