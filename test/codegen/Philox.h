// Philox4x32-10 written with 64-bit integers, for the checks of random numbers.
#ifndef MOTLEY_TEST_CODEGEN_PHILOX_H
#define MOTLEY_TEST_CODEGEN_PHILOX_H

#include <cstdint>

namespace kernelcheck {

struct Words {
  uint32_t word[4];
  /// The `u_j` of motley.variable.
  double u(int j) const { return ((word[j] >> 9) + 0.5) * 0x1p-23; }
};

inline Words philox(Words c, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    uint64_t p = 0xD2511F53ull * c.word[0], q = 0xCD9E8D57ull * c.word[2];
    c = {{uint32_t(q >> 32) ^ c.word[1] ^ key0, uint32_t(q), uint32_t(p >> 32) ^ c.word[3] ^ key1, uint32_t(p)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

} // namespace kernelcheck

#endif // MOTLEY_TEST_CODEGEN_PHILOX_H
