// O = softmax(Q K^T / 8) V for one head of 64 columns in bf16, with a running maximum and sum (no score leaves the
// registers). On sm_80: cp.async, ldmatrix, mma.sync, two stages of K and V. On sm_90a: TMA, wgmma from shared memory
// and registers, V transposed through its descriptor. 64 queries a block, 128 threads, steps of 64 keys; causal or not.
// Faults: 1 the old output is not rescaled, 2 copies not awaited (sm_90a: mbarrier of V not awaited), 3 no barrier
// before a stage is overwritten, 4 keys past the end are not masked, 5 V loaded without transposing.
#include "Asm80.cuh"
#if __CUDA_ARCH__ >= 900
#include "Asm90.cuh"
#else
#include <cuda.h>
#endif
#include <cuda_bf16.h>

constexpr int kColumns = 64, kTile = 64, kTileBytes = kTile * 128;

__device__ inline uint32_t pack(float low, float high) {
  __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return reinterpret_cast<uint32_t &>(pair);
}

/// What a thread knows of its two rows; scores and outputs in the layout of mma accumulators: [column / 8][4].
struct Rows {
  float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

  /// Turns a step's scores into weights, updates the statistics and rescales the output.
  __device__ void update(float (&scores)[32], float (&output)[32], int key0, int keys, int query, bool causal) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float larger = most[half];
#pragma unroll
      for (int i = 0; i < 16; ++i) {
        int index = i / 2 * 4 + half * 2 + i % 2, key = key0 + i / 2 * 8 + lane % 4 * 2 + i % 2;
        float &score = scores[index];
        score *= 0.125f * 1.4426950408889634f;
#if FAULT != 4
        if (key >= keys)
          score = -INFINITY;
#endif
        if (causal && key > query + half * 8)
          score = -INFINITY;
        larger = fmaxf(larger, score);
      }
      larger = fmaxf(larger, __shfl_xor_sync(~0u, larger, 1));
      larger = fmaxf(larger, __shfl_xor_sync(~0u, larger, 2));
      float base = larger == -INFINITY ? 0 : larger, scale = exp2f(most[half] - base), part = 0;
      most[half] = larger;
#pragma unroll
      for (int i = 0; i < 16; ++i) {
        float &score = scores[i / 2 * 4 + half * 2 + i % 2];
        part += score = exp2f(score - base);
      }
      sum[half] = sum[half] * scale + part;
#pragma unroll
      for (int i = 0; i < 16; ++i)
#if FAULT != 1
        output[i / 2 * 4 + half * 2 + i % 2] *= scale;
#else
        output[i / 2 * 4 + half * 2 + i % 2] *= 1;
#endif
    }
  }
  __device__ void store(const float (&output)[32], __nv_bfloat16 *out, int query, int queries) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      sum[half] += __shfl_xor_sync(~0u, sum[half], 1);
      sum[half] += __shfl_xor_sync(~0u, sum[half], 2);
      int row = query + half * 8;
      if (row >= queries)
        continue;
      for (int i = 0; i < 8; ++i) {
        int column = i * 8 + threadIdx.x % 4 * 2;
        *reinterpret_cast<uint32_t *>(out + row * kColumns + column) =
            pack(output[i * 4 + half * 2] / sum[half], output[i * 4 + half * 2 + 1] / sum[half]);
      }
    }
  }
};

extern "C" __global__ void __launch_bounds__(128)
    attention(const __nv_bfloat16 *q, const __nv_bfloat16 *k, const __nv_bfloat16 *v, __nv_bfloat16 *out, int queries,
              int keys, int causal) {
  __shared__ __align__(128) char tiles[5 * kTileBytes];
  uint32_t tileQ = sharedAddress(tiles);
  auto load = [&](uint32_t tile, const __nv_bfloat16 *matrix, int row0, int rows) {
    for (int i = threadIdx.x; i < kTile * 8; i += 128) {
      int row = i / 8, chunk = i % 8;
      bool inside = row0 + row < rows;
      copyAsync16(tile + row * 128 + ((chunk ^ (row & 7)) << 4),
                  matrix + (inside ? (row0 + row) * kColumns + chunk * 8 : 0), inside ? 16 : 0);
    }
  };
  int query0 = blockIdx.x * kTile, lane = threadIdx.x % 32, warpRow = threadIdx.x / 32 * 16;
  int query = query0 + warpRow + lane / 4, end = causal ? min(keys, query0 + kTile) : keys;
  int steps = (end + kTile - 1) / kTile;
  auto loadStep = [&](int step) {
    uint32_t stage = tileQ + (1 + step % 2 * 2) * kTileBytes;
    load(stage, k, step * kTile, keys);
    load(stage + kTileBytes, v, step * kTile, keys);
  };
  load(tileQ, q, query0, queries);
  loadStep(0);
  commitCopies();
  Rows rows;
  float output[32] = {};
  for (int step = 0; step < steps; ++step) {
    if (step + 1 < steps)
      loadStep(step + 1);
    commitCopies();
#if FAULT != 2
    waitCopies<1>();
#endif
    __syncthreads();
    uint32_t tileK = tileQ + (1 + step % 2 * 2) * kTileBytes, tileV = tileK + kTileBytes;
    float scores[32] = {};
    auto &scoreTiles = reinterpret_cast<float(&)[8][4]>(scores);
    auto &outputTiles = reinterpret_cast<float(&)[8][4]>(output);
#pragma unroll
    for (int part = 0; part < 4; ++part) {
      uint32_t left[4], right[4];
      int row = warpRow + lane % 16, chunk = part * 2 + lane / 16;
      loadMatrix4(left, tileQ + row * 128 + ((chunk ^ (row & 7)) << 4));
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        row = j * 16 + lane % 8 + lane / 16 * 8, chunk = part * 2 + lane / 8 % 2;
        loadMatrix4(right, tileK + row * 128 + ((chunk ^ (row & 7)) << 4));
        multiplyBf16(scoreTiles[j * 2], left, right[0], right[1]);
        multiplyBf16(scoreTiles[j * 2 + 1], left, right[2], right[3]);
      }
    }
    rows.update(scores, output, step * kTile, keys, query, causal);
#pragma unroll
    for (int part = 0; part < 4; ++part) {
      const float *first = scoreTiles[part * 2], *second = scoreTiles[part * 2 + 1];
      uint32_t left[4] = {pack(first[0], first[1]), pack(first[2], first[3]), pack(second[0], second[1]),
                          pack(second[2], second[3])};
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        uint32_t right[4];
        int row = part * 16 + lane % 16, chunk = j * 2 + lane / 16;
#if FAULT == 5
        loadMatrix4(right, tileV + row * 128 + ((chunk ^ (row & 7)) << 4));
#else
        loadMatrix4Transposed(right, tileV + row * 128 + ((chunk ^ (row & 7)) << 4));
#endif
        multiplyBf16(outputTiles[j * 2], left, right[0], right[1]);
        multiplyBf16(outputTiles[j * 2 + 1], left, right[2], right[3]);
      }
    }
#if FAULT != 3
    __syncthreads();
#endif
  }
  rows.store(output, out, query, queries);
}

#if __CUDA_ARCH__ >= 900
extern __shared__ __align__(1024) char storage[];

extern "C" __global__ void __launch_bounds__(128)
    attentionTma(const __grid_constant__ CUtensorMap mapQ, const __grid_constant__ CUtensorMap mapK,
                 const __grid_constant__ CUtensorMap mapV, __nv_bfloat16 *out, int queries, int keys, int causal) {
  __shared__ unsigned long long barriers[5];
  uint32_t tileQ = sharedAddress(storage), ready = sharedAddress(barriers), readyK = ready + 8, readyV = ready + 24;
  if (threadIdx.x == 0) {
    for (int i = 0; i < 5; ++i)
      barrierInit(ready + 8 * i, 1);
    fenceBarrierInit();
  }
  __syncthreads();
  int query0 = blockIdx.x * kTile, lane = threadIdx.x % 32;
  int query = query0 + threadIdx.x / 32 * 16 + lane / 4, end = causal ? min(keys, query0 + kTile) : keys;
  int steps = (end + kTile - 1) / kTile;
  auto loadStep = [&](int step) {
    uint32_t stage = tileQ + (1 + step % 2 * 2) * kTileBytes;
    arriveExpecting(readyK + step % 2 * 8, kTileBytes);
    copyTensor2(stage, &mapK, 0, step * kTile, readyK + step % 2 * 8);
    arriveExpecting(readyV + step % 2 * 8, kTileBytes);
    copyTensor2(stage + kTileBytes, &mapV, 0, step * kTile, readyV + step % 2 * 8);
  };
  if (threadIdx.x == 0) {
    arriveExpecting(ready, kTileBytes);
    copyTensor2(tileQ, &mapQ, 0, query0, ready);
    loadStep(0);
  }
  wait(ready, 0);
  Rows rows;
  float output[32] = {};
  for (int step = 0; step < steps; ++step) {
    if (threadIdx.x == 0 && step + 1 < steps)
      loadStep(step + 1);
    uint32_t tileK = tileQ + (1 + step % 2 * 2) * kTileBytes, tileV = tileK + kTileBytes;
    float scores[32];
    wait(readyK + step % 2 * 8, step / 2 & 1);
    wgmmaFence();
#pragma unroll
    for (int part = 0; part < 4; ++part)
      wgmmaBf16(scores, descriptor128(tileQ + part * 32), descriptor128(tileK + part * 32), part > 0);
    wgmmaCommit();
    wgmmaWait<0>(scores);
    rows.update(scores, output, step * kTile, keys, query, causal);
    uint32_t weights[4][4];
#pragma unroll
    for (int part = 0; part < 4; ++part)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        weights[part][i] = pack(scores[part * 8 + i * 2], scores[part * 8 + i * 2 + 1]);
#if FAULT != 2
    wait(readyV + step % 2 * 8, step / 2 & 1);
#endif
    wgmmaFence();
#pragma unroll
    for (int part = 0; part < 4; ++part)
#if FAULT == 5
      wgmmaRegistersBf16(output, weights[part], descriptor128(tileV + part * 32), 1);
#else
      wgmmaRegistersTransposedB(output, weights[part], descriptor128(tileV + part * 2048), 1);
#endif
    wgmmaCommit();
    wgmmaWait<0>(output);
#if FAULT != 3
    __syncthreads();
#endif
  }
  rows.store(output, out, query, queries);
}
#endif
