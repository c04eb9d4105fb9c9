// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#ifndef MOTLEY_TOOLS_INTERP_PHILOX_H
#define MOTLEY_TOOLS_INTERP_PHILOX_H

#include <array>
#include <cstdint>

namespace mlir::motley::interp {

struct PhiloxWords {
  uint32_t words[4];
};

constexpr PhiloxWords philox(PhiloxWords counter, uint32_t key0, uint32_t key1) {
  uint32_t x0 = counter.words[0], x1 = counter.words[1], x2 = counter.words[2], x3 = counter.words[3];
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t(0xD2511F53u) * x0;
    uint64_t product1 = uint64_t(0xCD9E8D57u) * x2;
    x0 = uint32_t(product1 >> 32) ^ x1 ^ key0;
    x1 = uint32_t(product1);
    x2 = uint32_t(product0 >> 32) ^ x3 ^ key1;
    x3 = uint32_t(product0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return {{x0, x1, x2, x3}};
}

/// A number in (0, 1).
constexpr double unitOf(uint32_t word) { return (double(word >> 9) + 0.5) * 0x1p-23; }

constexpr bool isPhilox(PhiloxWords got, uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
  return got.words[0] == w0 && got.words[1] == w1 && got.words[2] == w2 && got.words[3] == w3;
}
// Known answers published with the generator.
static_assert(isPhilox(philox({{0, 0, 0, 0}}, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
static_assert(isPhilox(philox({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
static_assert(isPhilox(philox({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0), 0xd16cfe09,
                       0x94fdcceb, 0x5001e420, 0x24126ea1));

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_PHILOX_H
