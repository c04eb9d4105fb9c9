// C[m][n] = A[m][k] * B[n][k]^T for sm_90a, warp-specialised: one producer warpgroup fills a ring of four stages by TMA
// (128-byte swizzle), two consumer warpgroups multiply by wgmma, each 64 rows of the 128 x 64 tile. bf16 and e4m3, A
// from shared memory or from registers; a persistent variant takes tiles from an atomic counter. Sizes may be ragged:
// TMA fills with zeros. Launch: 384 threads, dynamic shared memory kRingBytes + 1024. Faults: 1 the producer does not
// wait for empty slots, 2 consumers do not wait for full slots, 3 expect_tx counts A alone, 4 expect_tx counts too
// much, 5 the products are not awaited before the slot is released, 6 no wait before the epilogue, 7 no barrier behind
// mbarrier.init, 8 one consumer never releases, 9 no wgmma.fence, 10 descriptor with a wrong stride, 11 descriptor
// without swizzle, 12 the parity is never flipped, 13 TMA coordinates swapped.
#include "Asm90.cuh"

extern __shared__ char storage[];

constexpr int kStages = 4, kBytesA = 128 * 128, kBytesB = 64 * 128, kStageBytes = kBytesA + kBytesB;

__device__ inline uint64_t descriptor(uint32_t address) {
#if FAULT == 10
  return descriptor128(address) ^ uint64_t(64 ^ 32) << 32;
#elif FAULT == 11
  return descriptor128(address) & ~(uint64_t(3) << 62);
#else
  return descriptor128(address);
#endif
}

struct Ring {
  uint32_t data, full, empty; ///< shared addresses: tiles, kStages mbarriers each
  int stage = 0;
  uint32_t phase = 0;
  __device__ void advance() {
    if (++stage == kStages) {
      stage = 0;
#if FAULT != 12
      phase ^= 1;
#endif
    }
  }
  __device__ uint32_t tileA() const { return data + stage * kStageBytes; }
  __device__ uint32_t tileB() const { return tileA() + kBytesA; }
};

__device__ inline Ring makeRing(unsigned long long *barriers) {
  Ring ring{(sharedAddress(storage) + 1023) & ~1023u, sharedAddress(barriers), sharedAddress(barriers + kStages)};
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) {
      barrierInit(ring.full + 8 * i, 1);
      barrierInit(ring.empty + 8 * i, 2);
    }
    fenceBarrierInit();
  }
#if FAULT != 7
  __syncthreads();
#endif
  return ring;
}

/// One thread: `steps` pairs of tiles. elements: of k in 128 bytes.
__device__ inline void produce(Ring &ring, const CUtensorMap *mapA, const CUtensorMap *mapB, int row0, int column0,
                               int steps, int elements) {
  for (int step = 0; step < steps; ++step) {
#if FAULT != 1
    wait(ring.empty + 8 * ring.stage, ring.phase ^ 1);
#endif
    uint32_t full = ring.full + 8 * ring.stage;
#if FAULT == 3
    arriveExpecting(full, kBytesA);
#elif FAULT == 4
    arriveExpecting(full, kStageBytes + 16);
#else
    arriveExpecting(full, kStageBytes);
#endif
#if FAULT == 13
    copyTensor2(ring.tileA(), mapA, row0, step * elements, full);
#else
    copyTensor2(ring.tileA(), mapA, step * elements, row0, full);
#endif
    copyTensor2(ring.tileB(), mapB, step * elements, column0, full);
    ring.advance();
  }
}

struct SharedBf16 {
  static constexpr int kInFlight = 1;
  static constexpr int kElements = 64;
  static __device__ void multiply(float (&sums)[32], uint32_t a, uint32_t b, int group, bool first) {
    for (int i = 0; i < 4; ++i)
      wgmmaBf16(sums, descriptor(a + group * 8192 + i * 32), descriptor(b + i * 32), !first || i > 0);
  }
};
struct SharedE4m3 {
  static constexpr int kInFlight = 1;
  static constexpr int kElements = 128;
  static __device__ void multiply(float (&sums)[32], uint32_t a, uint32_t b, int group, bool first) {
    for (int i = 0; i < 4; ++i)
      wgmmaE4m3(sums, descriptor(a + group * 8192 + i * 32), descriptor(b + i * 32), !first || i > 0);
  }
};
/// A goes through registers: 16 rows of a warp, chunks of 16 bytes at their swizzled places.
template <void Multiply(float (&)[32], const uint32_t (&)[4], uint64_t, int), int Elements> struct Registers {
  static constexpr int kInFlight = 0; // the next step overwrites the fragments
  static constexpr int kElements = Elements;
  static __device__ void multiply(float (&sums)[32], uint32_t a, uint32_t b, int group, bool first) {
    int lane = threadIdx.x % 32, row = group * 64 + threadIdx.x / 32 % 4 * 16 + lane % 16;
    uint32_t fragments[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      loadMatrix4(fragments[i], a + row * 128 + (((i * 2 + lane / 16) ^ (row & 7)) << 4));
    wgmmaFence();
#pragma unroll
    for (int i = 0; i < 4; ++i)
      Multiply(sums, fragments[i], descriptor(b + i * 32), !first || i > 0);
  }
};

/// A consumer warpgroup's part of one tile.
template <class Kind>
__device__ void consume(Ring &ring, int group, float *c, int m, int n, int row0, int column0, int steps) {
  float sums[32];
  int previous = 0;
  for (int step = 0; step < steps; ++step) {
#if FAULT != 2
    wait(ring.full + 8 * ring.stage, ring.phase);
#endif
#if FAULT != 9
    wgmmaFence();
#endif
    Kind::multiply(sums, ring.tileA(), ring.tileB(), group, step == 0);
    wgmmaCommit();
#if FAULT == 5
    wgmmaWait<Kind::kInFlight + 1>(sums);
#else
    wgmmaWait<Kind::kInFlight>(sums);
#endif
    // Fragments are read by each thread for itself; products are the warpgroup's.
    if (Kind::kInFlight == 0)
      asm volatile("bar.sync %0, 128;" ::"r"(group + 1) : "memory");
    // All but this step's products are done, so the slot of the step before is free.
    if (step > 0 && threadIdx.x % 128 == 0) {
#if FAULT == 8
      if (group == 0)
#endif
        arrive(ring.empty + 8 * previous);
    }
    previous = ring.stage;
    ring.advance();
  }
#if FAULT != 6
  wgmmaWait<0>(sums);
#endif
  if (threadIdx.x % 128 == 0)
    arrive(ring.empty + 8 * previous);
  int lane = threadIdx.x % 32, row = row0 + group * 64 + threadIdx.x / 32 % 4 * 16 + lane / 4;
#pragma unroll
  for (int i = 0; i < 32; ++i) {
    int r = row + i / 2 % 2 * 8, column = column0 + i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (r < m && column < n)
      c[size_t(r) * n + column] = sums[i];
  }
}

template <class Kind>
__device__ void gemm(const CUtensorMap *mapA, const CUtensorMap *mapB, float *c, int m, int n, int k) {
  __shared__ unsigned long long barriers[2 * kStages];
  Ring ring = makeRing(barriers);
  int row0 = blockIdx.y * 128, column0 = blockIdx.x * 64, steps = (k + Kind::kElements - 1) / Kind::kElements;
  int group = threadIdx.x / 128;
  if (group == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0)
      produce(ring, mapA, mapB, row0, column0, steps, Kind::kElements);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    consume<Kind>(ring, group - 1, c, m, n, row0, column0, steps);
  }
}

#define KERNEL(NAME, ...)                                                                                              \
  extern "C" __global__ void __launch_bounds__(384, 1)                                                                 \
      NAME(const __grid_constant__ CUtensorMap mapA, const __grid_constant__ CUtensorMap mapB, float *c, int m, int n, \
           int k) {                                                                                                    \
    gemm<__VA_ARGS__>(&mapA, &mapB, c, m, n, k);                                                                       \
  }
KERNEL(gemmBf16, SharedBf16)
KERNEL(gemmE4m3, SharedE4m3)
KERNEL(gemmRegistersBf16, Registers<wgmmaRegistersBf16, 64>)
KERNEL(gemmRegistersE4m3, Registers<wgmmaRegistersE4m3, 128>)

/// Blocks take tiles from a counter until none is left. The producer passes the numbers on through a ring of two slots.
extern "C" __global__ void __launch_bounds__(384, 1)
    gemmPersistent(const __grid_constant__ CUtensorMap mapA, const __grid_constant__ CUtensorMap mapB, float *c, int m,
                   int n, int k, int *counter) {
  __shared__ unsigned long long barriers[2 * kStages], slotBarriers[4];
  __shared__ int tiles[2];
  uint32_t filled = sharedAddress(slotBarriers), drained = filled + 16;
  if (threadIdx.x == 0)
    for (int i = 0; i < 2; ++i) {
      barrierInit(filled + 8 * i, 1);
      barrierInit(drained + 8 * i, 256);
    }
  Ring ring = makeRing(barriers);
  int across = (n + 63) / 64, count = across * ((m + 127) / 128), steps = (k + 63) / 64, group = threadIdx.x / 128;
  if (group == 0) {
    if (threadIdx.x > 0)
      return;
    for (int i = 0;; ++i) {
      int slot = i % 2;
      wait(drained + 8 * slot, (i / 2 + 1) & 1);
      int tile = atomicAdd(counter, 1);
      tiles[slot] = tile;
      arrive(filled + 8 * slot);
      if (tile >= count)
        return;
      produce(ring, &mapA, &mapB, tile / across * 128, tile % across * 64, steps, 64);
    }
  }
  for (int i = 0;; ++i) {
    int slot = i % 2;
    wait(filled + 8 * slot, i / 2 & 1);
    int tile = tiles[slot];
    arrive(drained + 8 * slot);
    if (tile >= count)
      return;
    consume<SharedBf16>(ring, group - 1, c, m, n, tile / across * 128, tile % across * 64, steps);
  }
}
