// Exact rounding in every mode. Results that single precision or less will hold are computed in double precision and
// "rounded to odd": if a result is not exact its last bit is made 1, so that rounding it again, in any mode and with at
// least two bits less, gives what rounding the exact value gives.
#include "translate/Runtime.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"

#include <algorithm>
#include <cmath>

namespace ptxsim::jit::runtime {

using llvm::bit_cast;
using ptx::Type;

namespace {

struct Format {
  unsigned exponentBits, fractionBits, shift; ///< shift: of the pattern in its word
  bool hasInfinity;
  uint32_t nan, maxFinite, infinity, sign; ///< patterns in place
  int leastExponent() const { return 2 - (1 << (exponentBits - 1)); }
};

Format formatOf(uint32_t type) {
  switch (Type(type)) {
  case Type::F16:
    return {5, 10, 0, true, 0x7fff, 0x7bff, 0x7c00, 0x8000};
  case Type::BF16:
    return {8, 7, 0, true, 0x7fff, 0x7f7f, 0x7f80, 0x8000};
  case Type::TF32:
    return {8, 10, 13, true, 0x7fffffff, 0x7f7fe000, 0x7f800000, 0x80000000};
  case Type::E4M3: // no infinities; S.1111.111 is NaN
    return {4, 3, 0, false, 0x7f, 0x7e, 0x7f, 0x80};
  case Type::E5M2:
    return {5, 2, 0, true, 0x7f, 0x7b, 0x7c, 0x80};
  default:
    return {8, 23, 0, true, 0x7fffffff, 0x7f7fffff, 0x7f800000, 0x80000000};
  }
}

/// s plus an error much smaller than its last place, rounded to odd.
double toOdd(double s, double error) {
  uint64_t bits = bit_cast<uint64_t>(s);
  if (error == 0 || !std::isfinite(s) || !std::isfinite(error) || bits & 1)
    return s;
  return bit_cast<double>((error > 0) == (s > 0) ? bits + 1 : bits - 1);
}

/// x + y rounded to odd; exact zeros get the sign that the mode asks for.
double addToOdd(double x, double y, Rounding rounding) {
  double s = x + y;
  if (!std::isfinite(s))
    return s;
  double fromY = s - x, fromX = s - fromY;
  double error = (x - fromX) + (y - fromY);
  if (s == 0 && error == 0 && std::signbit(x) != std::signbit(y))
    return rounding == Rounding::Down ? -0.0 : 0.0;
  return toOdd(s, error);
}

double single(uint32_t pattern) { return bit_cast<float>(pattern); }

} // namespace

uint32_t encode(double value, uint32_t type, Rounding rounding, bool satFinite) {
  Format format = formatOf(type);
  if (std::isnan(value))
    return format.nan;
  uint64_t pattern = bit_cast<uint64_t>(value);
  bool negative = pattern >> 63;
  uint32_t sign = negative ? format.sign : 0;
  int exponent = int(pattern >> 52 & 0x7ff);
  if (exponent == 0x7ff)
    return sign | (satFinite || !format.hasInfinity ? format.maxFinite : format.infinity);
  uint64_t fraction = pattern & ((uint64_t(1) << 52) - 1);
  if (exponent)
    fraction |= uint64_t(1) << 52;
  exponent = std::max(exponent, 1) - 1023;
  // The value is fraction * 2^(exponent - 52); the result counts steps of 2^(top - fractionBits).
  int top = std::max(exponent, format.leastExponent());
  int drop = std::min(52 - int(format.fractionBits) + top - exponent, 63);
  uint64_t steps = fraction >> drop, rest = fraction & ((uint64_t(1) << drop) - 1), half = uint64_t(1) << (drop - 1);
  bool up = false;
  switch (rounding) {
  case Rounding::NearestEven:
    up = rest > half || (rest == half && steps & 1);
    break;
  case Rounding::NearestAway:
    up = rest >= half;
    break;
  case Rounding::Zero:
    break;
  case Rounding::Down:
    up = rest && negative;
    break;
  case Rounding::Up:
    up = rest && !negative;
    break;
  }
  // The leading one of a normal number counts the exponent up by one: the patterns are consecutive.
  uint64_t code = (uint64_t(top - format.leastExponent()) << format.fractionBits) + steps + up;
  if (code << format.shift <= format.maxFinite)
    return sign | uint32_t(code << format.shift);
  bool towardsZero = rounding == Rounding::Zero || rounding == (negative ? Rounding::Up : Rounding::Down);
  return sign | (satFinite || towardsZero ? format.maxFinite : format.infinity);
}

double decode(uint32_t pattern, uint32_t type) {
  Format format = formatOf(type);
  bool negative = pattern & format.sign;
  pattern &= format.sign - 1;
  double value;
  if (format.hasInfinity ? pattern > format.infinity : pattern == format.nan)
    return std::nan("");
  if (format.hasInfinity && pattern == format.infinity) {
    value = HUGE_VAL;
  } else {
    uint32_t code = pattern >> format.shift, exponent = code >> format.fractionBits;
    uint32_t fraction = code & ((1u << format.fractionBits) - 1);
    if (exponent)
      fraction |= 1u << format.fractionBits;
    value = std::ldexp(double(fraction),
                       format.leastExponent() + int(std::max(exponent, 1u)) - 1 - int(format.fractionBits));
  }
  return negative ? -value : value;
}

uint32_t encodeSingle(uint32_t pattern, uint32_t format, uint32_t rounding, uint32_t satFinite) {
  return encode(single(pattern), format, Rounding(rounding), satFinite);
}

uint32_t decodeSingle(uint32_t pattern, uint32_t format) {
  double value = decode(pattern, format);
  return std::isnan(value) ? 0x7fffffff : bit_cast<uint32_t>(float(value));
}

uint32_t convertSmall(uint32_t pattern, uint32_t from, uint32_t to) {
  return encode(decode(pattern, from), to, Rounding::NearestEven, false);
}

uint32_t roundDoubleTo(uint64_t value, uint32_t format, uint32_t rounding) {
  return encode(bit_cast<double>(value), format, Rounding(rounding), false);
}

// ---------------------------------------------------------------------------------------------------------------------
// Integers

/// |value| rounded to odd as a double: 64 bits do not fit.
static double integerToOdd(uint64_t magnitude) {
  unsigned excess = magnitude >> 53 ? 11 - unsigned(llvm::countl_zero(magnitude)) : 0;
  uint64_t kept = magnitude >> excess;
  if (magnitude & ((uint64_t(1) << excess) - 1))
    kept |= 1;
  return std::ldexp(double(kept), int(excess));
}

uint32_t integerToFloat(uint64_t value, uint32_t isSigned, uint32_t format, uint32_t rounding) {
  bool negative = isSigned && int64_t(value) < 0;
  double magnitude = integerToOdd(negative ? 0 - value : value);
  return encode(negative ? -magnitude : magnitude, format, Rounding(rounding), false);
}

static llvm::RoundingMode modeOf(uint32_t rounding) {
  switch (Rounding(rounding)) {
  case Rounding::Zero:
    return llvm::RoundingMode::TowardZero;
  case Rounding::Down:
    return llvm::RoundingMode::TowardNegative;
  case Rounding::Up:
    return llvm::RoundingMode::TowardPositive;
  case Rounding::NearestAway:
    return llvm::RoundingMode::NearestTiesToAway;
  default:
    return llvm::RoundingMode::NearestTiesToEven;
  }
}

uint64_t integerToFloat64(uint64_t value, uint32_t isSigned, uint32_t rounding) {
  llvm::APFloat result(llvm::APFloat::IEEEdouble());
  result.convertFromAPInt(llvm::APInt(64, value), isSigned, modeOf(rounding));
  return result.bitcastToAPInt().getZExtValue();
}

// ---------------------------------------------------------------------------------------------------------------------
// Arithmetic

uint32_t arithmetic32(uint32_t operation, uint32_t mode, uint32_t a, uint32_t b, uint32_t c) {
  double x = single(a), y = single(b), result = 0;
  Rounding rounding = Rounding(mode);
  switch (FloatOperation(operation)) {
  case FloatOperation::Add:
    result = addToOdd(x, y, rounding);
    break;
  case FloatOperation::Subtract:
    result = addToOdd(x, -y, rounding);
    break;
  case FloatOperation::Multiply: // exact: 48 bits
    result = x * y;
    break;
  case FloatOperation::Fma:
    result = addToOdd(x * y, single(c), rounding);
    break;
  case FloatOperation::Divide: {
    result = x / y;
    double rest = std::fma(-result, y, x);
    result = toOdd(result, y > 0 ? rest : -rest);
    break;
  }
  case FloatOperation::Root:
    result = std::sqrt(x);
    result = toOdd(result, std::fma(-result, result, x));
    break;
  }
  return encode(result, uint32_t(Type::F32), rounding, false);
}

/// The root in a directed mode: to nearest first, then a step back if the square's error has the wrong sign.
static double root64(double x, Rounding rounding) {
  if (!(x > 0) || !std::isfinite(x))
    return std::sqrt(x);
  int exponent;
  double scaled = std::frexp(x, &exponent); // scaled by a power of 4 so that the error is exact
  if (exponent & 1) {
    scaled *= 2;
    --exponent;
  }
  double root = std::sqrt(scaled), error = std::fma(-root, root, scaled);
  if (error < 0 && rounding != Rounding::Up)
    root = std::nextafter(root, 0.0);
  else if (error > 0 && rounding == Rounding::Up)
    root = std::nextafter(root, HUGE_VAL);
  return std::ldexp(root, exponent / 2);
}

uint64_t arithmetic64(uint32_t operation, uint32_t rounding, uint64_t a, uint64_t b, uint64_t c) {
  if (FloatOperation(operation) == FloatOperation::Root)
    return bit_cast<uint64_t>(root64(bit_cast<double>(a), Rounding(rounding)));
  llvm::APFloat x(bit_cast<double>(a)), y(bit_cast<double>(b)), z(bit_cast<double>(c));
  llvm::RoundingMode mode = modeOf(rounding);
  switch (FloatOperation(operation)) {
  case FloatOperation::Add:
    x.add(y, mode);
    break;
  case FloatOperation::Subtract:
    x.subtract(y, mode);
    break;
  case FloatOperation::Multiply:
    x.multiply(y, mode);
    break;
  case FloatOperation::Divide:
    x.divide(y, mode);
    break;
  default:
    x.fusedMultiplyAdd(y, z, mode);
    break;
  }
  return x.bitcastToAPInt().getZExtValue();
}

static uint32_t fmaSmall(uint32_t a, uint32_t b, uint32_t c, Type type) {
  // The product is exact in double precision: at most 22 bits.
  double product = decode(a, uint32_t(type)) * decode(b, uint32_t(type));
  return encode(addToOdd(product, decode(c, uint32_t(type)), Rounding::NearestEven), uint32_t(type),
                Rounding::NearestEven, false);
}

uint32_t fmaHalf(uint32_t a, uint32_t b, uint32_t c) { return fmaSmall(a, b, c, Type::F16); }

uint32_t fmaBfloat(uint32_t a, uint32_t b, uint32_t c) {
  double product = single(a << 16) * single(b << 16);
  return encode(addToOdd(product, single(c << 16), Rounding::NearestEven), uint32_t(Type::BF16), Rounding::NearestEven,
                false);
}

uint32_t multiplyBfloat(uint32_t a, uint32_t b) {
  return encode(single(a << 16) * single(b << 16), uint32_t(Type::BF16), Rounding::NearestEven, false);
}

} // namespace ptxsim::jit::runtime
