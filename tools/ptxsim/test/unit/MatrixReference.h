// Independent evaluation of matrix products for the tests: element by element, formats decoded by their definition.
#pragma once

#include "ptx/Module.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace ptxsim::test {

/// A binary float of 1 + exponentBits + mantissaBits; ieee: the highest exponent is infinity and NaN, else only the
/// value with all bits set is NaN (e4m3).
inline double decodeFloat(uint32_t bits, int exponentBits, int mantissaBits, bool ieee) {
  int sign = bits >> (exponentBits + mantissaBits) & 1;
  int exponent = bits >> mantissaBits & ((1 << exponentBits) - 1), mantissa = bits & ((1 << mantissaBits) - 1);
  int bias = (1 << (exponentBits - 1)) - 1, highest = (1 << exponentBits) - 1;
  double value;
  if (exponent == highest && ieee)
    value = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else if (exponent == highest && mantissa == (1 << mantissaBits) - 1)
    value = std::numeric_limits<double>::quiet_NaN();
  else if (exponent == 0)
    value = std::ldexp(double(mantissa), 1 - bias - mantissaBits);
  else
    value = std::ldexp(double(mantissa) + (1 << mantissaBits), exponent - bias - mantissaBits);
  return sign ? -value : value;
}

/// An element of any operand type as a double; all of them are exact.
inline double decodeElement(ptx::Type type, uint64_t bits) {
  switch (type) {
  case ptx::Type::F16:
    return decodeFloat(bits & 0xffff, 5, 10, true);
  case ptx::Type::BF16:
    return decodeFloat(bits & 0xffff, 8, 7, true);
  case ptx::Type::TF32:
    return decodeFloat(uint32_t(bits) >> 13, 8, 10, true);
  case ptx::Type::F32:
    return decodeFloat(uint32_t(bits), 8, 23, true);
  case ptx::Type::E4M3:
    return decodeFloat(bits & 0xff, 4, 3, false);
  case ptx::Type::E5M2:
    return decodeFloat(bits & 0xff, 5, 2, true);
  case ptx::Type::S8:
    return int8_t(bits);
  case ptx::Type::U8:
    return uint8_t(bits);
  case ptx::Type::S4:
    return (bits & 15) >= 8 ? double(bits & 15) - 16 : double(bits & 15);
  case ptx::Type::U4:
    return double(bits & 15);
  case ptx::Type::B1:
    return double(bits & 1);
  case ptx::Type::F64:
    return std::bit_cast<double>(bits);
  default:
    return double(int32_t(bits));
  }
}

inline unsigned elementBits(ptx::Type type) {
  switch (type) {
  case ptx::Type::F64:
    return 64;
  case ptx::Type::TF32:
  case ptx::Type::F32:
  case ptx::Type::S32:
    return 32;
  case ptx::Type::F16:
  case ptx::Type::BF16:
    return 16;
  case ptx::Type::S4:
  case ptx::Type::U4:
    return 4;
  case ptx::Type::B1:
    return 1;
  default:
    return 8;
  }
}

inline bool isFloating(ptx::Type type) {
  return type == ptx::Type::F16 || type == ptx::Type::BF16 || type == ptx::Type::TF32 || type == ptx::Type::F32 ||
         type == ptx::Type::E4M3 || type == ptx::Type::E5M2 || type == ptx::Type::F64;
}

/// Random bits of an element: mostly numbers near one, but also zeros of both signs, subnormals, infinities and NaN
/// when `special`.
inline uint64_t randomElement(ptx::Type type, std::mt19937 &random, bool special) {
  unsigned bits = elementBits(type);
  if (!isFloating(type))
    return bits == 32 ? random() : random() & ((1u << bits) - 1);
  int mantissa = type == ptx::Type::F16    ? 10
                 : type == ptx::Type::BF16 ? 7
                 : type == ptx::Type::E4M3 ? 3
                 : type == ptx::Type::E5M2 ? 2
                 : type == ptx::Type::F64  ? 52
                                           : 23;
  int exponent = bits - 1 - mantissa, bias = (1 << (exponent - 1)) - 1;
  uint64_t fraction = (uint64_t(random()) << 32 | random()) & ((1ull << mantissa) - 1);
  uint64_t sign = uint64_t(random() & 1) << (bits - 1);
  uint64_t biased = bias - 3 + random() % 6;
  if (special && random() % 16 == 0)
    switch (random() % 4) {
    case 0:
      return sign; // zero
    case 1:
      biased = 0; // subnormal
      break;
    case 2:
      return sign | ((1ull << exponent) - 1) << mantissa; // infinity; a number in e4m3
    default:
      biased = (1 << exponent) - 1; // NaN; a number in e4m3
    }
  return sign | biased << mantissa | fraction;
}

/// A float, rounded to half by the nearest-even rule from the definition: among the two neighbours.
inline uint16_t roundToHalf(float value) {
  if (std::isnan(value))
    return 0x7fff;
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(double(value));
  if (magnitude >= 65520)
    return sign | 0x7c00;
  uint16_t low = 0, high = 0x7c00; // the largest half not above, by bisection: halves are ordered as their bits
  while (high - low > 1) {
    uint16_t middle = (low + high) / 2;
    (decodeFloat(middle, 5, 10, true) <= magnitude ? low : high) = middle;
  }
  double below = decodeFloat(low, 5, 10, true), above = low == 0x7bff ? 65536 : decodeFloat(low + 1, 5, 10, true);
  bool up = magnitude - below > above - magnitude || (magnitude - below == above - magnitude && (low & 1));
  return sign | (up ? low + 1 : low);
}

} // namespace ptxsim::test
