// Video instructions (PTX ISA 9.0, sections 9.7.17 and 9.7.18). Everything is computed in 64 bits, where no
// intermediate result overflows, and clamped at the end.
#include "translate/Emitter.h"

namespace ptxsim::jit {

using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;
using ptx::Type;

namespace {
/// Selectors as the parser numbers them: 0 none, 1..4 the bytes, 5 and 6 the halves.
struct Part {
  unsigned shift = 0, width = 32;
  explicit Part(const ptx::Operand &operand) {
    if (operand.component >= 5) {
      width = 16;
      shift = 16 * (operand.component - 5);
    } else if (operand.component >= 1) {
      width = 8;
      shift = 8 * (operand.component - 1);
    }
  }
};
} // namespace

/// A selected part of a source, extended to 64 bits by its type.
Value *FunctionEmitter::videoSource(const Operand &operand, Type type, unsigned shift, unsigned width) {
  Operand plain = operand;
  plain.negated = false;
  Value *part = b.CreateTrunc(b.CreateLShr(get(plain, Type::B32), shift), intType(width));
  return type == Type::S32 ? b.CreateSExt(part, b.getInt64Ty()) : b.CreateZExt(part, b.getInt64Ty());
}

/// To the range of a part of the destination.
Value *FunctionEmitter::videoClamp(Value *value, bool isSigned, unsigned width) {
  int64_t low = isSigned ? -(int64_t(1) << (width - 1)) : 0;
  int64_t high = isSigned ? (int64_t(1) << (width - 1)) - 1 : (int64_t(1) << width) - 1;
  value = b.CreateBinaryIntrinsic(Intrinsic::smax, value, b.getInt64(low));
  return b.CreateBinaryIntrinsic(Intrinsic::smin, value, b.getInt64(high));
}

Value *FunctionEmitter::videoOperation(const Instruction &i, llvm::StringRef name, Value *x, Value *y) {
  if (name == "vadd")
    return b.CreateAdd(x, y);
  if (name == "vsub")
    return b.CreateSub(x, y);
  if (name == "vabsdiff")
    return b.CreateBinaryIntrinsic(Intrinsic::abs, b.CreateSub(x, y), b.getFalse());
  if (name == "vmin")
    return b.CreateBinaryIntrinsic(Intrinsic::smin, x, y);
  if (name == "vmax")
    return b.CreateBinaryIntrinsic(Intrinsic::smax, x, y);
  if (name == "vavrg") { // rounds half away from zero
    Value *sum = b.CreateAdd(x, y);
    Value *up = b.CreateZExt(b.CreateICmpSGE(sum, b.getInt64(0)), b.getInt64Ty());
    return b.CreateAShr(b.CreateAdd(sum, up), 1);
  }
  if (name == "vshl" || name == "vshr") {
    Value *amount =
        i.has("wrap") ? b.CreateAnd(y, b.getInt64(31)) : b.CreateBinaryIntrinsic(Intrinsic::umin, y, b.getInt64(32));
    return name == "vshl" ? b.CreateShl(x, amount) : b.CreateAShr(x, amount);
  }
  if (name == "vset") {
    llvm::StringRef relation = i.first({"eq", "ne", "lt", "le", "gt", "ge"});
    llvm::CmpInst::Predicate predicate = relation == "eq"   ? llvm::CmpInst::ICMP_EQ
                                         : relation == "ne" ? llvm::CmpInst::ICMP_NE
                                         : relation == "lt" ? llvm::CmpInst::ICMP_SLT
                                         : relation == "le" ? llvm::CmpInst::ICMP_SLE
                                         : relation == "gt" ? llvm::CmpInst::ICMP_SGT
                                                            : llvm::CmpInst::ICMP_SGE;
    return b.CreateZExt(b.CreateICmp(predicate, x, y), b.getInt64Ty());
  }
  notTranslated(i);
}

void FunctionEmitter::emitVideo(const Instruction &i) {
  llvm::StringRef name = i.opcode();
  if (name == "vmad")
    return emitVideoMad(i);
  bool compares = name == "vset"; // has no type of its own for the destination
  Type to = compares ? Type::U32 : i.type(0), typeA = i.type(compares ? 0 : 1), typeB = i.type(compares ? 1 : 2);
  bool isSigned = to == Type::S32;
  Part partA(op(i, 1)), partB(op(i, 2)), part(op(i, 0));
  Value *x = videoSource(op(i, 1), typeA, partA.shift, partA.width);
  Value *y = videoSource(op(i, 2), typeB, partB.shift, partB.width);
  Value *result = videoOperation(i, name, x, y);
  if (i.has("sat"))
    result = videoClamp(result, isSigned, part.width);
  result = b.CreateTrunc(result, b.getInt32Ty());
  if (i.operands.size() > 3) {
    Value *c = get(op(i, 3), Type::B32);
    llvm::StringRef second = i.first({"add", "min", "max"});
    if (second == "add") {
      result = b.CreateAdd(result, c);
    } else if (second == "min") {
      result = b.CreateBinaryIntrinsic(isSigned ? Intrinsic::smin : Intrinsic::umin, result, c);
    } else if (second == "max") {
      result = b.CreateBinaryIntrinsic(isSigned ? Intrinsic::smax : Intrinsic::umax, result, c);
    } else { // merged into the other parts of c
      uint32_t mask = part.width == 32 ? ~0u : ((1u << part.width) - 1) << part.shift;
      result =
          b.CreateOr(b.CreateAnd(b.CreateShl(result, part.shift), b.getInt32(mask)), b.CreateAnd(c, b.getInt32(~mask)));
    }
  }
  Operand whole = op(i, 0);
  whole.component = 0;
  put(whole, result);
}

/// vmad: the product of a and b, which may be negated, plus c (plus one with .po), shifted right.
void FunctionEmitter::emitVideoMad(const Instruction &i) {
  const Operand &a = op(i, 1), &c = op(i, 2), &addend = op(i, 3);
  Type typeA = i.type(1), typeB = i.type(2);
  Part partA(a), partB(c);
  llvm::Type *i128 = intType(128);
  bool negated = a.negated != c.negated;
  bool isSigned = typeA == Type::S32 || typeB == Type::S32 || negated || addend.negated;
  Value *product = b.CreateMul(b.CreateSExt(videoSource(a, typeA, partA.shift, partA.width), i128),
                               b.CreateSExt(videoSource(c, typeB, partB.shift, partB.width), i128));
  Operand plain = addend;
  plain.negated = false;
  Value *third = get(plain, Type::B32);
  uint64_t one = i.has("po");
  if (!one && negated) {
    product = b.CreateNot(product);
    one = 1;
  } else if (!one && addend.negated) {
    third = b.CreateNot(third);
    one = 1;
  }
  Value *sum = b.CreateAdd(product, isSigned ? b.CreateSExt(third, i128) : b.CreateZExt(third, i128));
  sum = b.CreateAdd(sum, constant(128, one));
  unsigned shift = i.has("shr7") ? 7 : i.has("shr15") ? 15 : 0;
  Value *result = b.CreateAShr(sum, shift);
  if (i.has("sat")) {
    llvm::APInt low = isSigned ? llvm::APInt::getSignedMinValue(32).sext(128) : llvm::APInt(128, 0);
    llvm::APInt high = isSigned ? llvm::APInt::getSignedMaxValue(32).sext(128) : llvm::APInt::getMaxValue(32).zext(128);
    result = b.CreateBinaryIntrinsic(Intrinsic::smax, result, llvm::ConstantInt::get(b.getContext(), low));
    result = b.CreateBinaryIntrinsic(Intrinsic::smin, result, llvm::ConstantInt::get(b.getContext(), high));
  }
  put(op(i, 0), b.CreateTrunc(result, b.getInt32Ty()));
}

/// Two or four lanes at once; with .add their sum plus c.
void FunctionEmitter::emitVideoSimd(const Instruction &i) {
  unsigned count = i.opcode().back() - '0', width = 32 / count;
  llvm::StringRef name = i.opcode().drop_back();
  bool compares = name == "vset", sum = i.has("add");
  Type to = compares ? Type::U32 : i.type(0), typeA = i.type(compares ? 0 : 1), typeB = i.type(compares ? 1 : 2);
  Value *result = sum ? get(op(i, 3), Type::B32) : b.getInt32(0);
  for (unsigned k = 0; k < count; ++k) {
    Value *x = videoSource(op(i, 1), typeA, width * k, width), *y = videoSource(op(i, 2), typeB, width * k, width);
    Value *lane = videoOperation(i, name, x, y);
    if (i.has("sat"))
      lane = videoClamp(lane, to == Type::S32, width);
    lane = b.CreateTrunc(lane, b.getInt32Ty());
    if (sum)
      result = b.CreateAdd(result, lane);
    else
      result = b.CreateOr(result, b.CreateShl(b.CreateAnd(lane, b.getInt32((1u << width) - 1)), width * k));
  }
  put(op(i, 0), result);
}

} // namespace ptxsim::jit
