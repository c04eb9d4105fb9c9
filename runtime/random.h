// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based generator, so
// that a value depends on its key and counter alone, never on the order in which values are drawn.
#ifndef MOTLEY_RUNTIME_RANDOM_H
#define MOTLEY_RUNTIME_RANDOM_H

#include <array>
#include <cstdint>

namespace motley::runtime {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

inline PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t(0xD2511F53u) * counter[0];
    uint64_t product1 = uint64_t(0xCD9E8D57u) * counter[2];
    counter = {uint32_t(product1 >> 32) ^ counter[1] ^ key[0], uint32_t(product1),
               uint32_t(product0 >> 32) ^ counter[3] ^ key[1], uint32_t(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

inline PhiloxKey philoxKey(uint64_t seed) { return {uint32_t(seed), uint32_t(seed >> 32)}; }

/// A value in [0, bound) from 64 random bits by the high half of the product; its bias is below bound / 2^64.
inline uint64_t boundedFromBits(uint64_t bits, uint64_t bound) {
  return uint64_t((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_RANDOM_H
