#include "interpret/Numbers.h"

#include <bit>
#include <cstring>

namespace ptxsim::numbers {
namespace {

using u128 = unsigned __int128;

// IEEE binary128: 1 sign, 15 exponent and 112 mantissa bits.
u128 bitsOf(Wide value) { return std::bit_cast<u128>(value); }
Wide wideOf(u128 bits) { return std::bit_cast<Wide>(bits); }
constexpr unsigned kWideMantissa = 112;
int exponentField(Wide value) { return int(bitsOf(value) >> kWideMantissa & 0x7fff); }

Wide powerOfTwo(int exponent) { return wideOf(u128(exponent + 16383) << kWideMantissa); }
Wide magnitude(Wide value) { return wideOf(bitsOf(value) << 1 >> 1); }

/// The neighbour of `value` with an odd last bit, given that the exact result lies strictly between `value` and the
/// next number in the direction of `error`'s sign.
Wide towardOdd(Wide value, bool errorPositive) {
  u128 bits = bitsOf(value);
  if (value == 0 || (bits & 1))
    return value;
  // Even: the exact result is nearer to the odd neighbour on the error's side.
  const bool grows = errorPositive != signBit(value);
  return wideOf(grows ? bits + 1 : bits - 1);
}

} // namespace

Format formatOf(ptx::Type type) {
  switch (type) {
  case ptx::Type::F16:
    return {16, 10, 15, true};
  case ptx::Type::BF16:
    return {16, 7, 127, true};
  case ptx::Type::TF32:
    return {32, 23, 127, true};
  case ptx::Type::F64:
    return {64, 52, 1023, true};
  case ptx::Type::E4M3:
    return {8, 3, 7, false};
  case ptx::Type::E5M2:
    return {8, 2, 15, true};
  default:
    return {32, 23, 127, true};
  }
}

bool isNan(Wide value) { return value != value; }
bool isInfinite(Wide value) { return exponentField(value) == 0x7fff && !isNan(value); }
bool signBit(Wide value) { return bitsOf(value) >> 127; }

bool isSubnormal(uint64_t bits, const Format &format) {
  const uint64_t fraction = bits & ((uint64_t(1) << format.mantissa) - 1);
  const uint64_t exponent = bits >> format.mantissa & ((uint64_t(1) << (format.bits - 1 - format.mantissa)) - 1);
  return exponent == 0 && fraction != 0;
}

uint64_t canonicalNan(const Format &format) {
  return format.bits == 64 ? 0x7fffffffffffffff : (uint64_t(1) << (format.bits - 1)) - 1;
}

Wide decode(uint64_t bits, const Format &format) {
  const unsigned exponentBits = format.bits - 1 - format.mantissa;
  const uint64_t top = (uint64_t(1) << exponentBits) - 1;
  const uint64_t fraction = bits & ((uint64_t(1) << format.mantissa) - 1), exponent = bits >> format.mantissa & top;
  const bool negative = bits >> (format.bits - 1) & 1;
  Wide value;
  if (exponent == top && format.infinity)
    value = fraction ? wideOf(u128(0x7fff8) << 108) : wideOf(u128(0x7fff) << kWideMantissa);
  else if (!format.infinity && exponent == top && fraction == (uint64_t(1) << format.mantissa) - 1)
    value = wideOf(u128(0x7fff8) << 108);
  else if (exponent == 0)
    value = Wide(fraction) * powerOfTwo(1 - format.bias - int(format.mantissa));
  else
    value = Wide(fraction + (uint64_t(1) << format.mantissa)) *
            powerOfTwo(int(exponent) - format.bias - int(format.mantissa));
  return negative ? -value : value;
}

Wide roundToInteger(Wide value, Round mode) {
  if (isNan(value) || magnitude(value) >= powerOfTwo(kWideMantissa))
    return value;
  const Wide size = magnitude(value);
  const u128 whole = u128(size);
  const Wide rest = size - Wide(whole);
  const bool negative = signBit(value);
  bool up = false;
  switch (mode) {
  case Round::Nearest:
    up = rest > 0.5 || (rest == 0.5 && (whole & 1));
    break;
  case Round::NearestAway:
    up = rest >= 0.5;
    break;
  case Round::Zero:
    break;
  case Round::Down:
    up = negative && rest > 0;
    break;
  case Round::Up:
    up = !negative && rest > 0;
    break;
  }
  const Wide rounded = Wide(whole + up);
  return negative ? -rounded : rounded;
}

uint64_t encode(Wide value, const Format &format, Round mode, bool saturateFinite) {
  if (isNan(value))
    return canonicalNan(format);
  const bool negative = signBit(value);
  const uint64_t sign = uint64_t(negative) << (format.bits - 1);
  const unsigned exponentBits = format.bits - 1 - format.mantissa;
  const uint64_t top = (uint64_t(1) << exponentBits) - 1;
  const uint64_t infinity = format.infinity ? top << format.mantissa : canonicalNan(format);
  const uint64_t largest = infinity - 1;
  const Wide size = magnitude(value);
  if (isInfinite(value))
    return sign | (saturateFinite ? largest : infinity);
  // In units of the last place of the result's binade: an integer after rounding.
  int exponent = exponentField(value) - 16383;
  if (exponent < 1 - format.bias)
    exponent = 1 - format.bias;
  const Wide units = value * powerOfTwo(int(format.mantissa) - exponent);
  if (exponent > format.bias + 1) { // beyond every binade, also of formats without infinity
    const bool finite = saturateFinite || mode == Round::Zero || mode == (negative ? Round::Up : Round::Down);
    return sign | (finite ? largest : infinity);
  }
  const uint64_t rounded = uint64_t(magnitude(roundToInteger(units, mode)));
  // Adding the fraction to the exponent's field carries into it where rounding reached the next binade.
  uint64_t bits = size == 0 ? 0 : rounded + ((uint64_t(exponent + format.bias) - 1) << format.mantissa);
  if (rounded == 0)
    bits = 0;
  if (bits >= infinity) {
    const bool finite = saturateFinite || mode == Round::Zero || mode == (negative ? Round::Up : Round::Down);
    bits = finite ? largest : infinity;
  }
  return sign | bits;
}

Wide addOdd(Wide a, Wide b) {
  const Wide sum = a + b;
  if (isNan(sum) || isInfinite(sum))
    return sum;
  // Knuth's two-sum: the rounding error of a sum is a number.
  const Wide bb = sum - a, error = (a - (sum - bb)) + (b - bb);
  return error == 0 ? sum : towardOdd(sum, error > 0);
}

Wide multiplyOdd(Wide a, Wide b) { return a * b; } // of at most 53 bits each: 106 bits, exact

Wide divideOdd(Wide a, Wide b) {
  const Wide quotient = a / b;
  if (isNan(quotient) || isInfinite(quotient) || quotient == 0)
    return quotient;
  // The remainder a - q b by splitting q into halves whose products with b (at most 53 bits) are exact.
  const Wide high = wideOf(bitsOf(quotient) >> 56 << 56), low = quotient - high;
  const Wide remainder = (a - high * b) - low * b;
  return remainder == 0 ? quotient : towardOdd(quotient, (remainder > 0) != signBit(b));
}

Wide squareRootOdd(Wide a) {
  if (isNan(a) || a < 0)
    return wideOf(u128(0x7fff8) << 108);
  if (a == 0 || isInfinite(a))
    return a;
  // Digit by digit on an integer: a = whole x 2^(2k) with whole of 120..122 bits... two passes give 61 bits, enough
  // for 53.
  int exponent = exponentField(a) - 16383;
  exponent &= ~1;
  const Wide scaled = a * powerOfTwo(120 - exponent); // in [2^120, 2^122), an integer for inputs of at most 53 bits
  const u128 whole = u128(scaled);
  u128 root = 0;
  for (int bit = 61; bit >= 0; --bit) {
    const u128 trial = root | u128(1) << bit;
    if (trial * trial <= whole)
      root = trial;
  }
  const bool inexact = root * root != whole;
  // Two more bits of room below, the lowest sticky: odd.
  return Wide(root * 4 + inexact) * powerOfTwo(exponent / 2 - 62);
}

} // namespace ptxsim::numbers
