// cvt and cvt.pack: PTX ISA 9.0, "Data Movement and Conversion Instructions: cvt".
#include "interpret/Evaluation.h"

namespace ptxsim {
namespace {

using namespace numbers;
using ptx::Type;
using i128 = __int128;

i128 smallest(Type type) { return ptx::isSigned(type) ? -(i128(1) << (ptx::bitWidth(type) - 1)) : 0; }
i128 largest(Type type) { return (i128(1) << (ptx::bitWidth(type) - ptx::isSigned(type))) - 1; }
i128 clamp(i128 value, Type type) {
  return value < smallest(type) ? smallest(type) : value > largest(type) ? largest(type) : value;
}

Type elementOf(Type type) {
  switch (type) {
  case Type::F16x2:
    return Type::F16;
  case Type::BF16x2:
    return Type::BF16;
  case Type::E4M3x2:
    return Type::E4M3;
  case Type::E5M2x2:
    return Type::E5M2;
  default:
    return type;
  }
}

bool isKnownFloat(Type type) {
  return type == Type::F16 || type == Type::BF16 || type == Type::F32 || type == Type::F64 || type == Type::E4M3 ||
         type == Type::E5M2;
}

uint64_t flushIf(bool flush, uint64_t bits, Type type) {
  const Format format = formatOf(type);
  return flush && isSubnormal(bits, format) ? bits & uint64_t(1) << (format.bits - 1) : bits;
}

uint64_t integerToInteger(const Evaluation &e, Type to, Type from) {
  i128 value = ptx::isSigned(from) ? i128(e.readSigned(1, from)) : i128(e.read(1, from));
  return uint64_t(e.has("sat") ? clamp(value, to) : value);
}

/// Always clamped. NaN gives zero, or the top bit alone where either side has 64 bits.
uint64_t floatToInteger(const Evaluation &e, Type to, Type from) {
  const Wide value = decode(flushIf(e.has("ftz"), e.read(1, from), from), formatOf(from));
  if (isNan(value)) {
    const bool wide = from == Type::F64 || ptx::bitWidth(to) == 64;
    return wide ? uint64_t(1) << (ptx::bitWidth(to) - 1) : 0;
  }
  const Wide rounded = roundToInteger(value, roundingOf(e.instruction, Round::Zero));
  if (rounded <= Wide(smallest(to)))
    return uint64_t(smallest(to));
  return uint64_t(rounded >= Wide(largest(to)) ? largest(to) : i128(rounded));
}

Wide clamped(const Evaluation &e, Wide value) {
  if (e.has("sat"))
    value = isNan(value) || signBit(value) ? Wide(0) : value > 1 ? Wide(1) : value;
  if (e.has("relu") && !isNan(value) && signBit(value))
    value = 0;
  return value;
}

uint64_t floatToFloat(const Evaluation &e, uint64_t bits, Type to, Type from) {
  const bool flush = e.has("ftz");
  Wide value = decode(flushIf(flush && from == Type::F32, bits, from), formatOf(from));
  const bool toInteger = e.has("rni") || e.has("rzi") || e.has("rmi") || e.has("rpi");
  const Round mode = roundingOf(e.instruction, Round::Nearest);
  if (toInteger)
    value = roundToInteger(value, mode);
  const uint64_t result =
      encode(clamped(e, value), formatOf(to), toInteger ? Round::Nearest : mode, e.has("satfinite"));
  return flushIf(flush && to == Type::F32, result, to);
}

/// tf32 is an f32 whose lowest 13 bits are zero.
uint64_t toTf32(const Evaluation &e) {
  const Format tf32{19, 10, 127, true};
  const Wide value = clamped(e, decode(e.read(1, Type::F32), formatOf(Type::F32)));
  if (isNan(value))
    return 0x7fffffff;
  return encode(value, tf32, roundingOf(e.instruction, Round::Nearest), e.has("satfinite")) << 13;
}

/// cvt.pack.sat.convertType.abType d, a, b{, c}: a and b clamped and put side by side, above what is left of c.
bool pack(Evaluation &e) {
  // The result's type may be as narrow as u2, which nothing else has.
  const llvm::StringRef to = e.instruction.parts[3];
  unsigned width = 0;
  to.drop_front().getAsInteger(10, width);
  const bool isSigned = to.front() == 's';
  const int64_t low = isSigned ? -(int64_t(1) << (width - 1)) : 0, high = (int64_t(1) << (width - isSigned)) - 1;
  auto part = [&](size_t k) {
    const int64_t value = e.readSigned(k, Type::S32);
    return maskTo(uint64_t(value < low ? low : value > high ? high : value), width);
  };
  uint64_t result = part(1) << width | part(2);
  if (e.count() > 3)
    result |= e.read(3, Type::B32) << 2 * width;
  e.write(Type::B32, result);
  return true;
}

/// Two values into or out of a packed type.
bool packedConversion(Evaluation &e, Type to, Type from) {
  const Type toElement = elementOf(to), fromElement = elementOf(from);
  if (!isKnownFloat(toElement) || !isKnownFloat(fromElement))
    return false;
  const unsigned width = ptx::bitWidth(toElement);
  uint64_t high, low;
  if (fromElement != from) { // from a packed value
    const unsigned fromWidth = ptx::bitWidth(fromElement);
    const uint64_t bits = e.read(1, from);
    high = floatToFloat(e, maskTo(bits >> fromWidth, fromWidth), toElement, fromElement);
    low = floatToFloat(e, maskTo(bits, fromWidth), toElement, fromElement);
  } else { // a above b
    high = floatToFloat(e, e.read(1, from), toElement, fromElement);
    low = floatToFloat(e, e.read(2, from), toElement, fromElement);
  }
  e.write(to, high << width | low);
  return true;
}

} // namespace

bool evaluateConversion(Evaluation &e) {
  if (e.opcode() != "cvt")
    return false;
  if (e.has("pack"))
    return pack(e);
  const Type to = e.type(0), from = e.type(1);
  if (to == Type::TF32) {
    e.write(Type::B32, toTf32(e));
    return true;
  }
  if (elementOf(to) != to)
    return packedConversion(e, to, from);
  const bool toFloat = ptx::isFloat(to), fromFloat = ptx::isFloat(from);
  if ((toFloat && !isKnownFloat(to)) || (fromFloat && !isKnownFloat(from)))
    return false;
  if (!toFloat && !fromFloat) {
    e.write(to, integerToInteger(e, to, from));
  } else if (!toFloat) {
    e.write(to, floatToInteger(e, to, from));
  } else if (!fromFloat) {
    const i128 value = ptx::isSigned(from) ? i128(e.readSigned(1, from)) : i128(e.read(1, from));
    e.write(to, encode(clamped(e, Wide(value)), formatOf(to), roundingOf(e.instruction, Round::Nearest)));
  } else {
    e.write(to, floatToFloat(e, e.read(1, from), to, from));
  }
  return true;
}

} // namespace ptxsim
