// C[m][n] = A[m][k] * B[n][k]^T in bf16 for sm_90a by clusters of two blocks one above the other: they need the same
// tile of B, so each loads half of it and multicasts it to both. A slot is empty when the consumers of both blocks have
// released it. One producer warp and one consumer warpgroup per block, tile 64 x 64 x 64, ring of three stages; the
// result leaves through shared memory by a TMA store. Launch: 160 threads, clusters of 2 along y. Faults: 1 multicast
// to the block itself alone, 2 only the own producer is told that a slot is empty, 3 no cluster barrier behind the
// initialisation, 4 no cluster barrier at the end, 5 no proxy fence before the store, 6 no wait for the store's reads
// before the tile is used again, 7 both halves of B go to the same place, 8 the remote block is the own.
#include "Asm90.cuh"

constexpr int kStages = 3, kTileBytes = 64 * 128, kStageBytes = 2 * kTileBytes;

extern __shared__ char storage[];

extern "C" __global__ void __launch_bounds__(160, 1)
    gemm(const __grid_constant__ CUtensorMap mapA, const __grid_constant__ CUtensorMap mapB,
         const __grid_constant__ CUtensorMap mapC, int k) {
  __shared__ unsigned long long barriers[2 * kStages];
  uint32_t data = (sharedAddress(storage) + 1023) & ~1023u, full = sharedAddress(barriers), empty = full + 8 * kStages;
  uint32_t rank = clusterRank();
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) {
      barrierInit(full + 8 * i, 1);
      barrierInit(empty + 8 * i, 2);
    }
    fenceBarrierInit();
  }
#if FAULT == 3
  __syncthreads();
#else
  clusterSync();
#endif
  int row0 = blockIdx.y * 64, column0 = blockIdx.x * 64, steps = (k + 63) / 64;
  if (threadIdx.x >= 128) {
    if (electOne())
      for (int step = 0; step < steps; ++step) {
        int stage = step % kStages;
        uint32_t tileA = data + stage * kStageBytes, tileB = tileA + kTileBytes, ready = full + 8 * stage;
        waitCluster(empty + 8 * stage, (step / kStages + 1) & 1);
        arriveExpecting(ready, kStageBytes);
        copyTensor2(tileA, &mapA, step * 64, row0, ready);
        uint32_t half = tileB + rank * kTileBytes / 2;
#if FAULT == 7
        half = tileB;
#endif
#if FAULT == 1
        copyTensor2Multicast(half, &mapB, step * 64, column0 + rank * 32, ready, uint16_t(1 << rank));
#else
        copyTensor2Multicast(half, &mapB, step * 64, column0 + rank * 32, ready, 3);
#endif
      }
  } else {
    float sums[32];
    for (int step = 0; step < steps; ++step) {
      int stage = step % kStages;
      uint32_t tileA = data + stage * kStageBytes, tileB = tileA + kTileBytes;
      wait(full + 8 * stage, step / kStages & 1);
      wgmmaFence();
      for (int i = 0; i < 4; ++i)
        wgmmaBf16(sums, descriptor128(tileA + i * 32), descriptor128(tileB + i * 32), step > 0 || i > 0);
      wgmmaCommit();
      wgmmaWait<0>(sums);
      if (threadIdx.x < 2) {
#if FAULT == 2
        if (threadIdx.x == rank)
#endif
#if FAULT == 8
          arriveRemote(empty + 8 * stage, rank);
#else
        arriveRemote(empty + 8 * stage, threadIdx.x);
#endif
      }
    }
    // Two halves of 32 columns go out one after the other through one buffer of 64 x 32 floats, 128-byte swizzle.
    uint32_t outgoing = data + kStages * kStageBytes;
    int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane / 4;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (half == 1) {
#if FAULT != 6
        if (threadIdx.x == 0)
          waitBulkRead<0>();
#endif
        asm volatile("bar.sync 1, 128;" ::: "memory");
      }
#pragma unroll
      for (int i = 0; i < 16; ++i) {
        int r = row + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        uint32_t address = outgoing + r * 128 + ((column / 4 ^ r & 7) << 4) + column % 4 * 4;
        asm volatile("st.shared.f32 [%0], %1;" ::"r"(address), "f"(sums[half * 16 + i]) : "memory");
      }
#if FAULT != 5
      fenceAsyncShared();
#endif
      asm volatile("bar.sync 1, 128;" ::: "memory");
      if (threadIdx.x == 0) {
        asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&mapC),
                     "r"(column0 + half * 32), "r"(row0), "r"(outgoing)
                     : "memory");
        commitBulk();
      }
    }
    if (threadIdx.x == 0)
      waitBulk<0>();
  }
  __syncwarp();
  // The other block may still write into this one's shared memory.
#if FAULT != 4
  clusterSync();
#endif
}
