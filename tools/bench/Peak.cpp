#include "Peak.h"
#include "runtime/abi.h"

#include <algorithm>
#include <ctime>
#include <immintrin.h>

// Twelve chains cover a latency of 4 at two a cycle, with room.
#define CHAINS(X) X(c0) X(c1) X(c2) X(c3) X(c4) X(c5) X(c6) X(c7) X(c8) X(c9) X(c10) X(c11)
#define DECLARE(c) auto c = start;
#define FMA(c) asm volatile("vfmadd231ps %1, %1, %0" : "+v"(c) : "v"(start));
#define DOT(c) asm volatile("vdpbf16ps %1, %1, %0" : "+v"(c) : "v"(start));

static constexpr long kRounds = 100000;

__attribute__((target("avx2,fma"))) static void chains256() {
  __m256 start = _mm256_set1_ps(0.5f);
  CHAINS(DECLARE)
  for (long i = 0; i < kRounds; ++i) {
    CHAINS(FMA)
  }
}
__attribute__((target("avx512f"))) static void chains512() {
  __m512 start = _mm512_set1_ps(0.5f);
  CHAINS(DECLARE)
  for (long i = 0; i < kRounds; ++i) {
    CHAINS(FMA)
  }
}
__attribute__((target("avx512f,avx512bf16"))) static void chainsOfPairs() {
  __m512 start = _mm512_set1_ps(0.5f);
  CHAINS(DECLARE)
  for (long i = 0; i < kRounds; ++i) {
    CHAINS(DOT)
  }
}

double secondsNow() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

double measurePeak(int level, bool isBf16) {
  bool hasPairs = isBf16 && level == MOTLEY_LEVEL_AVX512_BF16;
  auto chains = hasPairs ? chainsOfPairs : level >= MOTLEY_LEVEL_AVX512 ? chains512 : chains256;
  double best = 1e9;
  for (int repeat = 0; repeat < 200; ++repeat) {
    double start = secondsNow();
    chains();
    best = std::min(best, secondsNow() - start);
  }
  double productsOfChain = hasPairs ? 32 : level >= MOTLEY_LEVEL_AVX512 ? 16 : 8;
  return 2 * productsOfChain * 12 * kRounds / best * 1e-9;
}
