// Floating-point arithmetic (PTX ISA 9.0, sections 9.7.3 and 9.7.4). To nearest even the host's instructions do it; the
// directed modes go to exact functions of the runtime. Halves are computed in single precision where that rounds the
// same (24 >= 2 * 11 + 2 bits), else by the runtime. Results that are NaN are canonical except in double precision.
#include "translate/Emitter.h"

namespace ptxsim::jit {

using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;
using ptx::Type;

Type FunctionEmitter::laneType(Type type) {
  switch (type) {
  case Type::F16x2:
    return Type::F16;
  case Type::BF16x2:
    return Type::BF16;
  default:
    return type;
  }
}

unsigned FunctionEmitter::lanes(Type type) { return laneType(type) == type ? 1 : 2; }

Rounding FunctionEmitter::rounding(const Instruction &i) const {
  llvm::StringRef mode = i.first({"rn", "rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi"}, "rn");
  if (mode == "rna")
    return Rounding::NearestAway;
  switch (mode[1]) {
  case 'z':
    return Rounding::Zero;
  case 'm':
    return Rounding::Down;
  case 'p':
    return Rounding::Up;
  default:
    return Rounding::NearestEven;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Patterns and values

Value *FunctionEmitter::widen(Value *half, Type type) {
  if (type == Type::BF16)
    return b.CreateBitCast(b.CreateShl(b.CreateZExt(half, b.getInt32Ty()), 16), b.getFloatTy());
  if (program.hostHasHalf)
    return b.CreateFPExt(b.CreateBitCast(half, b.getHalfTy()), b.getFloatTy());
  Value *pattern = callPure(runtime::decodeSingle, {b.CreateZExt(half, b.getInt32Ty()), b.getInt32(uint32_t(type))});
  return b.CreateBitCast(pattern, b.getFloatTy());
}

/// To nearest even.
Value *FunctionEmitter::narrow(Value *single, Type type) {
  Value *nan = b.CreateFCmpUNO(single, single);
  Value *pattern = b.CreateBitCast(single, b.getInt32Ty()), *half;
  if (type == Type::BF16) {
    Value *odd = b.CreateAnd(b.CreateLShr(pattern, 16), b.getInt32(1));
    half = b.CreateLShr(b.CreateAdd(b.CreateAdd(pattern, b.getInt32(0x7fff)), odd), 16);
    half = b.CreateTrunc(half, b.getInt16Ty());
  } else if (program.hostHasHalf) {
    half = b.CreateBitCast(b.CreateFPTrunc(single, b.getHalfTy()), b.getInt16Ty());
  } else {
    half = callPure(runtime::encodeSingle, {pattern, b.getInt32(uint32_t(type)), b.getInt32(0), b.getInt32(0)});
    half = b.CreateTrunc(half, b.getInt16Ty());
  }
  return b.CreateSelect(nan, b.getInt16(0x7fff), half);
}

Value *FunctionEmitter::toFloat(Value *bits, Type type) {
  switch (type) {
  case Type::F32:
    return b.CreateBitCast(bits, b.getFloatTy());
  case Type::F64:
    return b.CreateBitCast(bits, b.getDoubleTy());
  case Type::F16:
  case Type::BF16:
    return widen(bits, type);
  default:
    notTranslated(*current);
  }
}

Value *FunctionEmitter::canonical(Value *bits, Type type) {
  switch (type) {
  case Type::F32: {
    Value *value = b.CreateBitCast(bits, b.getFloatTy());
    return b.CreateSelect(b.CreateFCmpUNO(value, value), b.getInt32(0x7fffffff), bits);
  }
  case Type::F16:
  case Type::BF16:
    return b.CreateSelect(isNan(bits, type), b.getInt16(0x7fff), bits);
  default:
    return bits;
  }
}

Value *FunctionEmitter::fromFloat(Value *value, Type type) {
  switch (type) {
  case Type::F32:
    return canonical(b.CreateBitCast(value, b.getInt32Ty()), type);
  case Type::F64:
    return b.CreateBitCast(value, b.getInt64Ty());
  default:
    return narrow(value, type);
  }
}

/// The pattern of infinity, which is all bits of the exponent.
static uint64_t infinity(Type type) {
  switch (type) {
  case Type::F16:
    return 0x7c00;
  case Type::BF16:
    return 0x7f80;
  case Type::F32:
    return 0x7f800000;
  default:
    return 0x7ff0000000000000;
  }
}

Value *FunctionEmitter::isNan(Value *bits, Type type) {
  unsigned width = ptx::bitWidth(type);
  Value *magnitude = b.CreateAnd(bits, llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignedMaxValue(width)));
  return b.CreateICmpUGT(magnitude, constant(width, infinity(type)));
}

Value *FunctionEmitter::flush(Value *bits, Type type) {
  unsigned width = ptx::bitWidth(type);
  Value *exponent = b.CreateAnd(bits, constant(width, infinity(type)));
  Value *sign = b.CreateAnd(bits, llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignMask(width)));
  return b.CreateSelect(b.CreateIsNull(exponent), sign, bits);
}

/// To [0, 1]; NaN and -0 become +0.
Value *FunctionEmitter::saturate(Value *bits, Type type) {
  unsigned width = ptx::bitWidth(type);
  uint64_t one = type == Type::F16    ? 0x3c00
                 : type == Type::BF16 ? 0x3f80
                 : type == Type::F32  ? 0x3f800000
                                      : 0x3ff0000000000000;
  // As integers positive patterns are in the order of their values; negative ones are below 0.
  Value *nan = isNan(bits, type);
  Value *low = b.CreateBinaryIntrinsic(Intrinsic::smax, bits, constant(width, 0));
  Value *both = b.CreateBinaryIntrinsic(Intrinsic::smin, low, constant(width, one));
  return b.CreateSelect(nan, constant(width, 0), both);
}

/// Modifiers that act on a result: flush, clamp, and for relu negative values (and -0) to +0.
Value *FunctionEmitter::finish(Value *bits, Type type, const Instruction &i) {
  unsigned width = ptx::bitWidth(type);
  if (i.has("ftz"))
    bits = flush(bits, type);
  if (i.has("sat"))
    bits = saturate(bits, type);
  if (i.has("relu")) {
    Value *clamped = b.CreateBinaryIntrinsic(Intrinsic::smax, bits, constant(width, 0));
    bits = b.CreateSelect(isNan(bits, type), bits, clamped);
  }
  return bits;
}

/// Computes the lanes of a result, with ftz applied to sources and result, and writes it.
void FunctionEmitter::forLanes(const Instruction &i, Type type, unsigned numSources, Lane lane) {
  Type each = laneType(type);
  unsigned width = ptx::bitWidth(each), count = lanes(type);
  llvm::SmallVector<Value *, 3> whole;
  for (unsigned k = 0; k < numSources; ++k)
    whole.push_back(get(op(i, k + 1), type));
  Value *result = nullptr;
  for (unsigned n = 0; n < count; ++n) {
    llvm::SmallVector<Value *, 3> sources;
    for (Value *value : whole) {
      Value *part = count > 1 ? b.CreateTrunc(b.CreateLShr(value, width * n), intType(width)) : value;
      sources.push_back(i.has("ftz") ? flush(part, each) : part);
    }
    Value *part = finish(lane(sources, each), each, i);
    if (count == 1) {
      result = part;
    } else {
      Value *wide = b.CreateShl(b.CreateZExt(part, b.getInt32Ty()), width * n);
      result = result ? b.CreateOr(result, wide) : wide;
    }
  }
  put(op(i, 0), result, false, count > 1 ? width : 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// Operations

Value *FunctionEmitter::arithmetic(const Instruction &i, Type type, FloatOperation operation,
                                   llvm::ArrayRef<Value *> s) {
  using F = FloatOperation;
  Rounding mode = rounding(i);
  bool half = type == Type::F16 || type == Type::BF16;
  if (half && operation == F::Fma) {
    auto wide = [&](Value *v) { return b.CreateZExt(v, b.getInt32Ty()); };
    auto *function = type == Type::F16 ? runtime::fmaHalf : runtime::fmaBfloat;
    return b.CreateTrunc(callPure(function, {wide(s[0]), wide(s[1]), wide(s[2])}), b.getInt16Ty());
  }
  if (type == Type::BF16 && operation == F::Multiply) // the product may be subnormal as a float: rounded twice there
    return b.CreateTrunc(
        callPure(runtime::multiplyBfloat, {b.CreateZExt(s[0], b.getInt32Ty()), b.CreateZExt(s[1], b.getInt32Ty())}),
        b.getInt16Ty());
  if (mode != Rounding::NearestEven) {
    Value *how[] = {b.getInt32(uint32_t(operation)), b.getInt32(uint32_t(mode))};
    Value *none = constant(ptx::bitWidth(type), 0);
    Value *arguments[] = {how[0], how[1], s[0], s.size() > 1 ? s[1] : none, s.size() > 2 ? s[2] : none};
    return type == Type::F64 ? callPure(runtime::arithmetic64, arguments) : callPure(runtime::arithmetic32, arguments);
  }
  Value *x = toFloat(s[0], type), *y = s.size() > 1 ? toFloat(s[1], type) : nullptr, *result;
  switch (operation) {
  case F::Add:
    result = b.CreateFAdd(x, y);
    break;
  case F::Subtract:
    result = b.CreateFSub(x, y);
    break;
  case F::Multiply:
    result = b.CreateFMul(x, y);
    break;
  case F::Divide:
    result = b.CreateFDiv(x, y);
    break;
  case F::Root:
    result = b.CreateUnaryIntrinsic(Intrinsic::sqrt, x);
    break;
  case F::Fma:
    result = b.CreateIntrinsic(Intrinsic::fma, {x->getType()}, {x, y, toFloat(s[2], type)});
    break;
  }
  return fromFloat(result, type);
}

void FunctionEmitter::floatArithmetic(const Instruction &i, FloatOperation operation) {
  unsigned numSources = operation == FloatOperation::Fma ? 3 : 2;
  forLanes(i, i.lastType(), numSources,
           [&](llvm::ArrayRef<Value *> s, Type type) { return arithmetic(i, type, operation, s); });
}

void FunctionEmitter::emitFma(const Instruction &i) {
  if (!i.has("oob"))
    return floatArithmetic(i, FloatOperation::Fma);
  // A factor that is the NaN with which out-of-bounds elements of tensor copies are filled makes the result 0.
  forLanes(i, i.lastType(), 3, [&](llvm::ArrayRef<Value *> s, Type type) {
    Value *outside = b.CreateOr(b.CreateICmpEQ(s[0], b.getInt16(runtime::kOutOfBoundsNan)),
                                b.CreateICmpEQ(s[1], b.getInt16(runtime::kOutOfBoundsNan)));
    return b.CreateSelect(outside, b.getInt16(0), arithmetic(i, type, FloatOperation::Fma, s));
  });
}

void FunctionEmitter::floatMinMax(const Instruction &i, bool max) {
  bool nan = i.has("NaN"), xorsign = i.has("xorsign");
  forLanes(i, i.lastType(), 2, [&](llvm::ArrayRef<Value *> s, Type type) {
    unsigned width = ptx::bitWidth(type);
    Value *sign = llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignMask(width));
    Value *x = s[0], *y = s[1];
    if (xorsign) {
      x = b.CreateAnd(x, b.CreateNot(sign));
      y = b.CreateAnd(y, b.CreateNot(sign));
    }
    auto kind =
        nan ? (max ? Intrinsic::maximum : Intrinsic::minimum) : (max ? Intrinsic::maximumnum : Intrinsic::minimumnum);
    Value *result = fromFloat(b.CreateBinaryIntrinsic(kind, toFloat(x, type), toFloat(y, type)), type);
    if (!xorsign)
      return result;
    Value *signs = b.CreateAnd(b.CreateXor(s[0], s[1]), sign);
    return b.CreateSelect(isNan(result, type), result, b.CreateOr(result, signs));
  });
}

void FunctionEmitter::floatDivide(const Instruction &i) {
  bool approximate = i.has("approx");
  forLanes(i, i.lastType(), 2, [&](llvm::ArrayRef<Value *> s, Type type) {
    Value *result = arithmetic(i, type, FloatOperation::Divide, s);
    if (!approximate)
      return result;
    // a * (1 / b): for 2^126 < |b| < 2^128 the reciprocal is flushed, so that the quotient is 0, or NaN for infinite a.
    Value *magnitude = b.CreateAnd(s[1], b.getInt32(0x7fffffff));
    Value *large = b.CreateAnd(b.CreateICmpUGT(magnitude, b.getInt32(0x7e800000)),
                               b.CreateICmpULT(magnitude, b.getInt32(0x7f800000)));
    Value *zero = b.CreateBitCast(b.CreateAnd(s[1], b.getInt32(0x80000000)), b.getFloatTy());
    Value *flushed = fromFloat(b.CreateFMul(toFloat(s[0], type), zero), type);
    return b.CreateSelect(large, flushed, result);
  });
}

/// rcp and rsqrt .approx.ftz.f64 give the upper word only; subnormal sources count as 0.
Value *FunctionEmitter::upperWord(Value *bits) {
  return b.CreateSelect(isNan(bits, Type::F64), bits, b.CreateAnd(bits, b.getInt64(0xffffffff00000000)));
}

void FunctionEmitter::emitRcp(const Instruction &i) {
  forLanes(i, i.lastType(), 1, [&](llvm::ArrayRef<Value *> s, Type type) {
    Value *one = type == Type::F64 ? b.getInt64(0x3ff0000000000000) : b.getInt32(0x3f800000);
    Value *result = arithmetic(i, type, FloatOperation::Divide, {one, s[0]});
    return type == Type::F64 && i.has("approx") ? upperWord(result) : result;
  });
}

void FunctionEmitter::emitSqrt(const Instruction &i) {
  forLanes(i, i.lastType(), 1,
           [&](llvm::ArrayRef<Value *> s, Type type) { return arithmetic(i, type, FloatOperation::Root, s); });
}

/// rsqrt, sin, cos, lg2, ex2, tanh: double-precision functions, rounded once.
void FunctionEmitter::emitApproximate(const Instruction &i) {
  llvm::StringRef name = i.opcode();
  forLanes(i, i.lastType(), 1, [&](llvm::ArrayRef<Value *> s, Type type) -> Value * {
    if (type == Type::F64) {
      Value *root = b.CreateUnaryIntrinsic(Intrinsic::sqrt, toFloat(s[0], type));
      Value *result = fromFloat(b.CreateFDiv(llvm::ConstantFP::get(b.getDoubleTy(), 1.0), root), type);
      return i.has("ftz") ? upperWord(result) : result;
    }
    auto *function = name == "rsqrt" ? runtime::inverseRoot
                     : name == "sin" ? runtime::sine
                     : name == "cos" ? runtime::cosine
                     : name == "lg2" ? runtime::logarithm2
                     : name == "ex2" ? runtime::exponential2
                                     : runtime::hyperbolicTangent;
    return fromFloat(callPure(function, {toFloat(s[0], type)}), type);
  });
}

/// The sign of a on the magnitude of b.
void FunctionEmitter::emitCopysign(const Instruction &i) {
  Type type = i.lastType();
  unsigned width = ptx::bitWidth(type);
  Bits sign{llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignMask(width))};
  Bits magnitude{llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignedMaxValue(width))};
  write(op(i, 0), bitOr(bitAnd(read(op(i, 1), type), sign), bitAnd(read(op(i, 2), type), magnitude)));
}

} // namespace ptxsim::jit
