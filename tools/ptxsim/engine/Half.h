// The 16-bit floats of atomics and reductions, one value at a time.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace ptxsim {

inline float floatOfHalf(uint16_t bits) { return float(std::bit_cast<_Float16>(bits)); }
/// Rounds to nearest even; NaN becomes 0x7fff, as on the chip.
inline uint16_t halfOfFloat(float value) {
  return std::isnan(value) ? 0x7fff : std::bit_cast<uint16_t>(static_cast<_Float16>(value));
}
inline float floatOfBfloat(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }
inline uint16_t bfloatOfFloat(float value) {
  if (std::isnan(value))
    return 0x7fff;
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

} // namespace ptxsim
