// cvt between any two types (PTX ISA 9.0, sections 9.7.9.21 and 9.7.9.22).
#include "translate/Emitter.h"

namespace ptxsim::jit {

using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;
using ptx::Type;

void FunctionEmitter::emitCvt(const Instruction &i) {
  if (i.has("pack"))
    return emitCvtPack(i);
  Type to = i.type(0), from = i.type(1);
  if (ptx::bitWidth(to) == 0 || ptx::bitWidth(from) == 0)
    notTranslated(i);
  auto packed = [](Type type) { return lanes(type) == 2 || type == Type::E4M3x2 || type == Type::E5M2x2; };
  if (packed(to) || packed(from))
    return convertPacked(i, to, from);
  if (!ptx::isFloat(to))
    return ptx::isFloat(from) ? convertToInteger(i, to, from) : convertIntegers(i, to, from);
  if (!ptx::isFloat(from))
    return convertFromInteger(i, to, from);
  convertFloats(i, to, from);
}

void FunctionEmitter::convertIntegers(const Instruction &i, Type to, Type from) {
  unsigned toWidth = ptx::bitWidth(to), fromWidth = ptx::bitWidth(from);
  bool toSigned = ptx::isSigned(to), fromSigned = ptx::isSigned(from);
  Bits a = read(op(i, 1), from);
  auto resized = [&](Value *v) {
    return fromSigned ? b.CreateSExtOrTrunc(v, intType(toWidth)) : b.CreateZExtOrTrunc(v, intType(toWidth));
  };
  if (!i.has("sat"))
    return write(op(i, 0), {resized(a.value), a.shadow ? resized(a.shadow) : nullptr}, toSigned);
  // One bit more than either type needs, so that both ranges are signed.
  unsigned width = std::max(toWidth, fromWidth) + 1;
  Value *wide = fromSigned ? b.CreateSExt(a.value, intType(width)) : b.CreateZExt(a.value, intType(width));
  llvm::APInt low = toSigned ? llvm::APInt::getSignedMinValue(toWidth).sext(width) : llvm::APInt(width, 0);
  llvm::APInt high =
      toSigned ? llvm::APInt::getSignedMaxValue(toWidth).sext(width) : llvm::APInt::getMaxValue(toWidth).zext(width);
  wide = b.CreateBinaryIntrinsic(Intrinsic::smax, wide, llvm::ConstantInt::get(b.getContext(), low));
  wide = b.CreateBinaryIntrinsic(Intrinsic::smin, wide, llvm::ConstantInt::get(b.getContext(), high));
  write(op(i, 0), {b.CreateTrunc(wide, intType(toWidth)), allOrNothing(a.shadow, toWidth)}, toSigned);
}

/// Rounds a value to an integer that it keeps as a float.
Value *FunctionEmitter::roundToIntegral(Value *value, Rounding mode) {
  switch (mode) {
  case Rounding::Zero:
    return b.CreateUnaryIntrinsic(Intrinsic::trunc, value);
  case Rounding::Down:
    return b.CreateUnaryIntrinsic(Intrinsic::floor, value);
  case Rounding::Up:
    return b.CreateUnaryIntrinsic(Intrinsic::ceil, value);
  default:
    return b.CreateUnaryIntrinsic(Intrinsic::roundeven, value);
  }
}

/// Out of range: the nearest bound. NaN: 0, or 1 << (width - 1) where the source is f64 or the destination has 64 bits.
void FunctionEmitter::convertToInteger(const Instruction &i, Type to, Type from) {
  unsigned width = ptx::bitWidth(to);
  Value *pattern = get(op(i, 1), from);
  if (i.has("ftz") && from == Type::F32)
    pattern = flush(pattern, from);
  Value *value = toFloat(pattern, from);
  Rounding mode = rounding(i);
  if (mode != Rounding::Zero)
    value = roundToIntegral(value, mode);
  auto kind = ptx::isSigned(to) ? Intrinsic::fptosi_sat : Intrinsic::fptoui_sat;
  Value *result = b.CreateIntrinsic(kind, {intType(width), value->getType()}, {value});
  if (from == Type::F64 || width == 64)
    result = b.CreateSelect(b.CreateFCmpUNO(value, value),
                            llvm::ConstantInt::get(b.getContext(), llvm::APInt::getSignMask(width)), result);
  put(op(i, 0), result, ptx::isSigned(to));
}

void FunctionEmitter::convertFromInteger(const Instruction &i, Type to, Type from) {
  bool isSigned = ptx::isSigned(from);
  Value *a = get(op(i, 1), from), *result;
  Rounding mode = rounding(i);
  bool half = to == Type::F16 || to == Type::BF16;
  if (mode == Rounding::NearestEven && (!half || ptx::bitWidth(from) <= 16)) {
    llvm::Type *type = to == Type::F64 ? b.getDoubleTy() : b.getFloatTy();
    result = fromFloat(isSigned ? b.CreateSIToFP(a, type) : b.CreateUIToFP(a, type), to);
  } else {
    Value *wide = isSigned ? b.CreateSExt(a, b.getInt64Ty()) : b.CreateZExt(a, b.getInt64Ty());
    Value *how[] = {b.getInt32(isSigned), b.getInt32(uint32_t(to)), b.getInt32(uint32_t(mode))};
    if (to == Type::F64)
      result = callPure(runtime::integerToFloat64, {wide, how[0], how[2]});
    else
      result =
          b.CreateTrunc(callPure(runtime::integerToFloat, {wide, how[0], how[1], how[2]}), intType(ptx::bitWidth(to)));
  }
  put(op(i, 0), i.has("sat") ? saturate(result, to) : result);
}

/// One value of a small or single format, from single or double precision, with relu and satfinite.
Value *FunctionEmitter::convertOne(const Instruction &i, Value *pattern, Type to, Type from) {
  Rounding mode = rounding(i);
  bool satFinite = i.has("satfinite");
  unsigned width = to == Type::TF32 ? 32 : ptx::bitWidth(to);
  Value *how[] = {b.getInt32(uint32_t(to)), b.getInt32(uint32_t(mode)), b.getInt32(satFinite)};
  Value *result;
  if (from == Type::F64) {
    if (to == Type::F32 && mode == Rounding::NearestEven)
      result = fromFloat(b.CreateFPTrunc(toFloat(pattern, from), b.getFloatTy()), to);
    else
      result = b.CreateTrunc(callPure(runtime::roundDoubleTo, {pattern, how[0], how[1]}), intType(width));
  } else {
    Value *single = toFloat(pattern, from); // exact
    if ((to == Type::F16 || to == Type::BF16) && mode == Rounding::NearestEven && !satFinite)
      result = narrow(single, to);
    else if (to == Type::TF32 && mode == Rounding::NearestAway && !satFinite)
      result = roundTf32Away(b.CreateBitCast(single, b.getInt32Ty()));
    else
      result = b.CreateTrunc(
          callPure(runtime::encodeSingle, {b.CreateBitCast(single, b.getInt32Ty()), how[0], how[1], how[2]}),
          intType(width));
  }
  if (!i.has("relu"))
    return result;
  if (width == 8) // a NaN has a positive pattern in the 8-bit formats
    return b.CreateBinaryIntrinsic(Intrinsic::smax, result, constant(8, 0));
  Type shape = to == Type::TF32 ? Type::F32 : to;
  Value *clamped = b.CreateBinaryIntrinsic(Intrinsic::smax, result, constant(width, 0));
  return b.CreateSelect(isNan(result, shape), result, clamped);
}

Value *FunctionEmitter::roundTf32Away(Value *pattern) {
  Value *rounded = b.CreateAnd(b.CreateAdd(pattern, b.getInt32(0x1000)), b.getInt32(0xffffe000));
  return b.CreateSelect(isNan(pattern, Type::F32), b.getInt32(0x7fffffff), rounded);
}

void FunctionEmitter::convertFloats(const Instruction &i, Type to, Type from) {
  Value *pattern = get(op(i, 1), from), *result;
  if (i.has("ftz") && (from == Type::F32 || to == from))
    pattern = flush(pattern, from);
  if (to == from) {
    llvm::StringRef integral = i.first({"rni", "rzi", "rmi", "rpi"});
    result = integral.empty() ? pattern : fromFloat(roundToIntegral(toFloat(pattern, from), rounding(i)), to);
  } else if (to == Type::F64) {
    result = fromFloat(b.CreateFPExt(toFloat(pattern, from), b.getDoubleTy()), to);
  } else if (to == Type::F32 && from != Type::F64) {
    result = fromFloat(toFloat(pattern, from), to);
  } else {
    result = convertOne(i, pattern, to, from);
  }
  if (i.has("ftz") && to == Type::F32)
    result = flush(result, to);
  if (i.has("sat"))
    result = saturate(result, to);
  put(op(i, 0), result);
}

/// Pairs: of two sources the first becomes the upper half.
void FunctionEmitter::convertPacked(const Instruction &i, Type to, Type from) {
  auto laneOf = [](Type type) {
    return type == Type::E4M3x2 ? Type::E4M3 : type == Type::E5M2x2 ? Type::E5M2 : laneType(type);
  };
  Type toLane = laneOf(to), fromLane = laneOf(from);
  unsigned toWidth = ptx::bitWidth(toLane), fromWidth = ptx::bitWidth(fromLane), width = 2 * toWidth;
  bool two = fromLane == from;
  Value *result = nullptr, *shadow = nullptr;
  for (unsigned k = 0; k < 2; ++k) { // from the lower half up
    Bits source = read(op(i, two ? 2 - k : 1), from);
    auto part = [&](Value *v) { return two ? v : b.CreateTrunc(b.CreateLShr(v, fromWidth * k), intType(fromWidth)); };
    Value *value = part(source.value), *converted;
    if (fromWidth == 8) // to f16, exact
      converted =
          b.CreateTrunc(callPure(runtime::convertSmall, {b.CreateZExt(value, b.getInt32Ty()),
                                                         b.getInt32(uint32_t(fromLane)), b.getInt32(uint32_t(toLane))}),
                        intType(toWidth));
    else
      converted = convertOne(i, value, toLane, fromLane);
    if (fromWidth == 8 && i.has("relu")) {
      Value *clamped = b.CreateBinaryIntrinsic(Intrinsic::smax, converted, constant(toWidth, 0));
      converted = b.CreateSelect(isNan(converted, toLane), converted, clamped);
    }
    Value *wide = b.CreateShl(b.CreateZExt(converted, intType(width)), toWidth * k);
    result = result ? b.CreateOr(result, wide) : wide;
    if (source.shadow)
      if (Value *undefined = allOrNothing(part(source.shadow), toWidth))
        shadow = orShadows(shadow, b.CreateShl(b.CreateZExt(undefined, intType(width)), toWidth * k));
  }
  write(op(i, 0), {result, shadow});
}

/// cvt.pack: clamps a and b, packs them with b lowest, and the low bits of c above.
void FunctionEmitter::emitCvtPack(const Instruction &i) {
  llvm::StringRef name = i.first({"u16", "s16", "u8", "s8", "u4", "s4", "u2", "s2"});
  unsigned width = 0;
  if (name.empty() || name.drop_front().getAsInteger(10, width))
    notTranslated(i);
  bool isSigned = name[0] == 's';
  int64_t low = isSigned ? -(int64_t(1) << (width - 1)) : 0;
  int64_t high = isSigned ? (int64_t(1) << (width - 1)) - 1 : (int64_t(1) << width) - 1;
  auto clamped = [&](unsigned k) {
    Value *v = b.CreateBinaryIntrinsic(Intrinsic::smax, get(op(i, k), Type::S32), b.getInt32(low));
    v = b.CreateBinaryIntrinsic(Intrinsic::smin, v, b.getInt32(high));
    return b.CreateAnd(v, b.getInt32((uint64_t(1) << width) - 1));
  };
  Value *result = b.CreateOr(b.CreateShl(clamped(1), width), clamped(2));
  if (i.operands.size() > 3)
    result = b.CreateOr(result, b.CreateShl(get(op(i, 3), Type::B32), 2 * width));
  put(op(i, 0), result);
}

} // namespace ptxsim::jit
