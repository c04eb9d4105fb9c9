// Integer arithmetic (PTX ISA 9.0, sections 9.7.1 and 9.7.2). Opcodes that floats share are told apart by type.
#include "translate/Emitter.h"

namespace ptxsim::jit {

using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;
using ptx::Type;

static bool isPacked16(Type type) { return type == Type::U16x2 || type == Type::S16x2; }

void FunctionEmitter::emitAdd(const Instruction &i) {
  if (ptx::isFloat(i.lastType()))
    floatArithmetic(i, FloatOperation::Add);
  else if (i.has("cc"))
    emitCarryAdd(i);
  else
    integerAdd(i);
}

void FunctionEmitter::emitSub(const Instruction &i) {
  if (ptx::isFloat(i.lastType()))
    floatArithmetic(i, FloatOperation::Subtract);
  else if (i.has("cc"))
    emitCarrySub(i);
  else
    integerSub(i);
}

void FunctionEmitter::emitMul(const Instruction &i) {
  if (ptx::isFloat(i.lastType()))
    floatArithmetic(i, FloatOperation::Multiply);
  else
    integerMul(i);
}

void FunctionEmitter::emitMad(const Instruction &i) {
  if (ptx::isFloat(i.lastType()))
    floatArithmetic(i, FloatOperation::Fma);
  else if (i.has("cc"))
    emitCarryMad(i);
  else
    integerMad(i);
}

void FunctionEmitter::emitDiv(const Instruction &i) {
  if (ptx::isFloat(i.lastType()))
    floatDivide(i);
  else
    integerDivide(i, false);
}

void FunctionEmitter::emitRem(const Instruction &i) { integerDivide(i, true); }

void FunctionEmitter::emitMin(const Instruction &i) {
  if (ptx::isFloat(i.lastType()))
    floatMinMax(i, false);
  else
    integerMinMax(i, false);
}

void FunctionEmitter::emitMax(const Instruction &i) {
  if (ptx::isFloat(i.lastType()))
    floatMinMax(i, true);
  else
    integerMinMax(i, true);
}

void FunctionEmitter::integerAdd(const Instruction &i) {
  Type type = i.lastType();
  if (isPacked16(type) || i.has("sat")) {
    Value *a = get(op(i, 1), type), *c = get(op(i, 2), type);
    if (i.has("sat"))
      return put(op(i, 0), b.CreateBinaryIntrinsic(Intrinsic::sadd_sat, a, c));
    auto *pair = llvm::FixedVectorType::get(b.getInt16Ty(), 2);
    Value *sum = b.CreateAdd(b.CreateBitCast(a, pair), b.CreateBitCast(c, pair));
    return put(op(i, 0), b.CreateBitCast(sum, b.getInt32Ty()), false, 16);
  }
  Bits a = read(op(i, 1), type), c = read(op(i, 2), type);
  write(op(i, 0), {b.CreateAdd(a.value, c.value), smearUp(orShadows(a.shadow, c.shadow))}, ptx::isSigned(type));
}

void FunctionEmitter::integerSub(const Instruction &i) {
  Type type = i.lastType();
  if (i.has("sat")) {
    Value *a = get(op(i, 1), type), *c = get(op(i, 2), type);
    return put(op(i, 0), b.CreateBinaryIntrinsic(Intrinsic::ssub_sat, a, c));
  }
  Bits a = read(op(i, 1), type), c = read(op(i, 2), type);
  write(op(i, 0), {b.CreateSub(a.value, c.value), smearUp(orShadows(a.shadow, c.shadow))}, ptx::isSigned(type));
}

/// The whole product, twice as wide. Its low bits depend only on the low bits of the factors.
Bits FunctionEmitter::multiplyWide(Bits a, Bits c, bool isSigned) {
  unsigned width = a.value->getType()->getIntegerBitWidth();
  auto widen = [&](Value *v) {
    return isSigned ? b.CreateSExt(v, intType(2 * width)) : b.CreateZExt(v, intType(2 * width));
  };
  Value *shadow = orShadows(a.shadow, c.shadow);
  return {b.CreateMul(widen(a.value), widen(c.value)), shadow ? smearUp(resize(shadow, 2 * width)) : nullptr};
}

void FunctionEmitter::integerMul(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Bits a = read(op(i, 1), type), c = read(op(i, 2), type);
  if (i.has("lo")) {
    write(op(i, 0), {b.CreateMul(a.value, c.value), smearUp(orShadows(a.shadow, c.shadow))}, ptx::isSigned(type));
    return;
  }
  Bits product = multiplyWide(a, c, ptx::isSigned(type));
  if (i.has("wide"))
    return write(op(i, 0), product);
  write(op(i, 0), {b.CreateTrunc(b.CreateLShr(product.value, width), intType(width)),
                   allOrNothing(orShadows(a.shadow, c.shadow), width)});
}

void FunctionEmitter::integerMad(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Bits a = read(op(i, 1), type), c = read(op(i, 2), type);
  if (i.has("wide")) {
    Bits product = multiplyWide(a, c, ptx::isSigned(type));
    Bits addend = readWidth(op(i, 3), 2 * width);
    return write(op(i, 0),
                 {b.CreateAdd(product.value, addend.value), smearUp(orShadows(product.shadow, addend.shadow))});
  }
  Bits addend = read(op(i, 3), type);
  Value *shadow = orShadows(orShadows(a.shadow, c.shadow), addend.shadow);
  if (i.has("lo"))
    return write(op(i, 0), {b.CreateAdd(b.CreateMul(a.value, c.value), addend.value), smearUp(shadow)});
  Bits product = multiplyWide(a, c, ptx::isSigned(type));
  Value *high = b.CreateTrunc(b.CreateLShr(product.value, width), intType(width));
  Value *sum =
      i.has("sat") ? b.CreateBinaryIntrinsic(Intrinsic::sadd_sat, high, addend.value) : b.CreateAdd(high, addend.value);
  write(op(i, 0), {sum, allOrNothing(shadow, width)});
}

/// mul24 and mad24 take the low 24 bits of their factors; hi is bits 16..47 of the product.
void FunctionEmitter::emitMul24(const Instruction &i) {
  Type type = i.lastType();
  bool isSigned = ptx::isSigned(type);
  auto factor = [&](unsigned k) {
    Value *low = b.CreateTrunc(get(op(i, k), type), intType(24));
    return isSigned ? b.CreateSExt(low, b.getInt64Ty()) : b.CreateZExt(low, b.getInt64Ty());
  };
  Value *product = b.CreateMul(factor(1), factor(2));
  if (i.has("hi"))
    product = b.CreateLShr(product, 16);
  Value *result = b.CreateTrunc(product, b.getInt32Ty());
  if (i.opcode() == "mad24") {
    Value *addend = get(op(i, 3), type);
    result = i.has("sat") ? b.CreateBinaryIntrinsic(Intrinsic::sadd_sat, result, addend) : b.CreateAdd(result, addend);
  }
  put(op(i, 0), result);
}

void FunctionEmitter::emitSad(const Instruction &i) {
  Type type = i.lastType();
  Value *a = get(op(i, 1), type), *c = get(op(i, 2), type), *addend = get(op(i, 3), type);
  Value *less = ptx::isSigned(type) ? b.CreateICmpSLT(a, c) : b.CreateICmpULT(a, c);
  Value *difference = b.CreateSelect(less, b.CreateSub(c, a), b.CreateSub(a, c));
  put(op(i, 0), b.CreateAdd(addend, difference), ptx::isSigned(type));
}

/// Division by zero gives all ones, as the chip does, and the dividend as remainder; the ISA leaves it open.
void FunctionEmitter::integerDivide(const Instruction &i, bool remainder) {
  Type type = i.lastType();
  bool isSigned = ptx::isSigned(type);
  unsigned width = ptx::bitWidth(type);
  Value *a = get(op(i, 1), type), *c = get(op(i, 2), type);
  Value *zero = b.CreateICmpEQ(c, constant(width, 0));
  Value *divisor = b.CreateSelect(zero, constant(width, 1), c);
  Value *overflow = nullptr;
  if (isSigned) { // the least value by -1: the host would trap; the quotient wraps and the remainder is 0
    overflow = b.CreateICmpEQ(c, llvm::Constant::getAllOnesValue(c->getType()));
    divisor = b.CreateSelect(overflow, constant(width, 1), divisor);
  }
  Value *result;
  if (remainder) {
    result = isSigned ? b.CreateSRem(a, divisor) : b.CreateURem(a, divisor);
    result = b.CreateSelect(zero, a, result);
  } else {
    result = isSigned ? b.CreateSDiv(a, divisor) : b.CreateUDiv(a, divisor);
    if (overflow)
      result = b.CreateSelect(overflow, b.CreateNeg(a), result);
    result = b.CreateSelect(zero, llvm::Constant::getAllOnesValue(a->getType()), result);
  }
  put(op(i, 0), result, isSigned);
}

void FunctionEmitter::emitAbs(const Instruction &i) {
  Type type = i.lastType();
  if (!ptx::isFloat(type)) {
    Value *a = get(op(i, 1), type);
    return put(op(i, 0),
               b.CreateSelect(b.CreateICmpSLT(a, llvm::Constant::getNullValue(a->getType())), b.CreateNeg(a), a), true);
  }
  forLanes(i, type, 1, [&](llvm::ArrayRef<Value *> s, Type lane) {
    unsigned width = ptx::bitWidth(lane);
    return b.CreateAnd(s[0], llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignedMaxValue(width)));
  });
}

void FunctionEmitter::emitNeg(const Instruction &i) {
  Type type = i.lastType();
  if (!ptx::isFloat(type)) {
    Bits a = read(op(i, 1), type);
    return write(op(i, 0), {b.CreateNeg(a.value), smearUp(a.shadow)}, true);
  }
  forLanes(i, type, 1, [&](llvm::ArrayRef<Value *> s, Type lane) {
    unsigned width = ptx::bitWidth(lane);
    return b.CreateXor(s[0], llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignMask(width)));
  });
}

void FunctionEmitter::integerMinMax(const Instruction &i, bool max) {
  Type type = i.lastType();
  bool isSigned = ptx::isSigned(type);
  auto kind = isSigned ? (max ? Intrinsic::smax : Intrinsic::smin) : (max ? Intrinsic::umax : Intrinsic::umin);
  Value *a = get(op(i, 1), type), *c = get(op(i, 2), type);
  if (isPacked16(type)) {
    auto *pair = llvm::FixedVectorType::get(b.getInt16Ty(), 2);
    a = b.CreateBitCast(a, pair);
    c = b.CreateBitCast(c, pair);
  }
  Value *result = b.CreateBinaryIntrinsic(kind, a, c);
  if (i.has("relu"))
    result = b.CreateBinaryIntrinsic(Intrinsic::smax, result, llvm::Constant::getNullValue(result->getType()));
  if (isPacked16(type))
    return put(op(i, 0), b.CreateBitCast(result, b.getInt32Ty()), false, 16);
  put(op(i, 0), result, isSigned);
}

/// dp4a, dp2a: products of bytes; dp2a multiplies the halves of a with two bytes of b.
void FunctionEmitter::emitDot(const Instruction &i) {
  bool four = i.opcode() == "dp4a";
  bool signedA = i.type(0) == Type::S32, signedB = i.type(1) == Type::S32;
  Value *a = get(op(i, 1), Type::B32), *c = get(op(i, 2), Type::B32), *sum = get(op(i, 3), Type::B32);
  auto part = [&](Value *v, unsigned width, unsigned k, bool isSigned) {
    Value *narrow = b.CreateTrunc(b.CreateLShr(v, width * k), intType(width));
    return isSigned ? b.CreateSExt(narrow, b.getInt32Ty()) : b.CreateZExt(narrow, b.getInt32Ty());
  };
  for (unsigned k = 0; k < (four ? 4 : 2); ++k) {
    Value *left = part(a, four ? 8 : 16, k, signedA);
    Value *right = part(c, 8, four ? k : k + (i.has("hi") ? 2 : 0), signedB);
    sum = b.CreateAdd(sum, b.CreateMul(left, right));
  }
  put(op(i, 0), sum);
}

// ---------------------------------------------------------------------------------------------------------------------
// Extended precision: CC.CF is a local flag; calls and returns leave it undefined, as the ISA does.

Bits FunctionEmitter::carryIn() {
  setUpCarry();
  Bits flag{b.CreateLoad(b.getInt1Ty(), carry), nullptr};
  if (poison())
    flag.shadow = b.CreateLoad(b.getInt1Ty(), carryShadow);
  return flag;
}

void FunctionEmitter::setUpCarry() {
  if (carry)
    return;
  carry = entryAlloca(b.getInt1Ty(), 1);
  new llvm::StoreInst(b.getFalse(), carry, entryEnd());
  if (poison()) {
    carryShadow = entryAlloca(b.getInt1Ty(), 1);
    new llvm::StoreInst(b.getTrue(), carryShadow, entryEnd());
  }
}

void FunctionEmitter::setCarry(Value *flag) {
  setUpCarry();
  Bits bits{flag, got.empty() ? nullptr : gotShadow(1, 0)};
  if (guard.value)
    bits = select(guard, bits, carryIn());
  b.CreateStore(bits.value, carry);
  if (poison())
    b.CreateStore(bits.shadow ? bits.shadow : b.getFalse(), carryShadow);
}

void FunctionEmitter::emitCarryAdd(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Value *a = b.CreateZExt(get(op(i, 1), type), intType(width + 1));
  Value *sum = b.CreateAdd(a, b.CreateZExt(get(op(i, 2), type), intType(width + 1)));
  if (i.opcode() == "addc") {
    Bits in = carryIn();
    if (in.shadow)
      got.push_back(in.shadow);
    sum = b.CreateAdd(sum, b.CreateZExt(in.value, intType(width + 1)));
  }
  if (i.has("cc"))
    setCarry(b.CreateTrunc(b.CreateLShr(sum, width), b.getInt1Ty()));
  put(op(i, 0), b.CreateTrunc(sum, intType(width)));
}

/// The flag of a subtraction is the borrow.
void FunctionEmitter::emitCarrySub(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Value *a = b.CreateZExt(get(op(i, 1), type), intType(width + 1));
  Value *difference = b.CreateSub(a, b.CreateZExt(get(op(i, 2), type), intType(width + 1)));
  if (i.opcode() == "subc") {
    Bits in = carryIn();
    if (in.shadow)
      got.push_back(in.shadow);
    difference = b.CreateSub(difference, b.CreateZExt(in.value, intType(width + 1)));
  }
  if (i.has("cc"))
    setCarry(b.CreateTrunc(b.CreateLShr(difference, width), b.getInt1Ty()));
  put(op(i, 0), b.CreateTrunc(difference, intType(width)));
}

void FunctionEmitter::emitCarryMad(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Value *a = get(op(i, 1), type), *c = get(op(i, 2), type);
  Value *product = multiplyWide({a}, {c}, ptx::isSigned(type)).value;
  if (i.has("hi"))
    product = b.CreateLShr(product, width);
  Value *sum = b.CreateAdd(b.CreateZExt(b.CreateTrunc(product, intType(width)), intType(width + 1)),
                           b.CreateZExt(get(op(i, 3), type), intType(width + 1)));
  if (i.opcode() == "madc") {
    Bits in = carryIn();
    if (in.shadow)
      got.push_back(in.shadow);
    sum = b.CreateAdd(sum, b.CreateZExt(in.value, intType(width + 1)));
  }
  if (i.has("cc"))
    setCarry(b.CreateTrunc(b.CreateLShr(sum, width), b.getInt1Ty()));
  put(op(i, 0), b.CreateTrunc(sum, intType(width)));
}

} // namespace ptxsim::jit
