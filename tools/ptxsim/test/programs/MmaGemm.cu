// C[m][n] = A[m][k] * B[n][k]^T on tensor cores of sm_80: a ring of three stages filled by cp.async, XOR-swizzled
// shared memory, ldmatrix, mma.sync, in bf16, f16, tf32 and s8. Tile 64 x 64 x 64 bytes, 128 threads as 2 x 2 warps.
// Any m and n; the bytes of a row (k elements) are a multiple of 16. Faults: 1 one group too many stays in flight, 2 no
// barrier in the loop, 3 the tail commits no groups, 4 ldmatrix swizzles otherwise than the copies, 5 rows past the end
// are loaded, 6 the ragged end of k is not zero-filled, 7 no wait at all, 8 the ring is one stage short.
#include "Asm80.cuh"

constexpr int kRows = 64, kRowBytes = 64, kStages = 3, kStageBytes = kRows * kRowBytes;

/// Offset of a 16-byte chunk in a tile: eight neighbouring rows fall into different banks.
__device__ inline uint32_t swizzled(int row, int chunk) { return row * kRowBytes + ((chunk ^ (row >> 1 & 3)) << 4); }

/// One operand's tile: rows [row0, row0 + 64) of a matrix with `rows` rows of `rowBytes`, bytes [byte0, byte0 + 64).
__device__ inline void loadTile(uint32_t tile, const char *matrix, int rows, int rowBytes, int row0, int byte0) {
  for (int i = threadIdx.x; i < kRows * 4; i += blockDim.x) {
    int row = i / 4, chunk = i % 4, byte = byte0 + chunk * 16;
    bool inside = row0 + row < rows && byte < rowBytes;
#if FAULT == 5
    inside = byte < rowBytes;
#elif FAULT == 6
    inside = row0 + row < rows;
    byte = min(byte, rowBytes - 16);
#endif
    const char *source = matrix + (inside ? size_t(row0 + row) * rowBytes + byte : 0);
    copyAsync16(tile + swizzled(row, chunk), source, inside ? 16 : 0);
  }
}

template <class Accumulator, void Multiply(Accumulator (&)[4], const uint32_t (&)[4], uint32_t, uint32_t)>
__device__ void gemm(const void *a, const void *b, Accumulator *c, int m, int n, int rowBytes) {
  __shared__ __align__(128) char tiles[2 * kStages * kStageBytes];
  uint32_t tilesA = sharedAddress(tiles), tilesB = tilesA + kStages * kStageBytes;
  int row0 = blockIdx.y * kRows, column0 = blockIdx.x * kRows;
  int steps = (rowBytes + kRowBytes - 1) / kRowBytes;
  auto load = [&](int step) {
    int stage = step % kStages;
    loadTile(tilesA + stage * kStageBytes, static_cast<const char *>(a), m, rowBytes, row0, step * kRowBytes);
    loadTile(tilesB + stage * kStageBytes, static_cast<const char *>(b), n, rowBytes, column0, step * kRowBytes);
  };
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps)
      load(step);
    commitCopies();
  }
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int warpRow = warp / 2 * 32, warpColumn = warp % 2 * 32;
  Accumulator sums[2][4][4] = {};
  for (int step = 0; step < steps; ++step) {
#if FAULT == 1
    waitCopies<kStages - 1>();
#elif FAULT != 7
    waitCopies<kStages - 2>();
#endif
#if FAULT != 2
    __syncthreads();
#endif
    if (step + kStages - 1 < steps) {
      load(step + kStages - 1);
#if FAULT == 3
      commitCopies();
#endif
    }
#if FAULT != 3
    commitCopies();
#endif
#if FAULT == 8
    int stage = step % (kStages - 1);
#else
    int stage = step % kStages;
#endif
    uint32_t tileA = tilesA + stage * kStageBytes, tileB = tilesB + stage * kStageBytes;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      uint32_t left[2][4], right[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        int row = warpRow + i * 16 + lane % 16, chunk = half * 2 + lane / 16;
#if FAULT == 4
        chunk ^= row & 1;
#endif
        loadMatrix4(left[i], tileA + swizzled(row, chunk));
        row = warpColumn + i * 16 + lane % 8 + lane / 16 * 8, chunk = half * 2 + lane / 8 % 2;
        loadMatrix4(right[i], tileB + swizzled(row, chunk));
      }
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
          Multiply(sums[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
    }
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 4; ++k) {
        int row = row0 + warpRow + i * 16 + lane / 4 + k / 2 * 8,
            column = column0 + warpColumn + j * 8 + lane % 4 * 2 + k % 2;
        if (row < m && column < n)
          c[size_t(row) * n + column] = sums[i][j][k];
      }
}

extern "C" {
__global__ void gemmBf16(const void *a, const void *b, float *c, int m, int n, int rowBytes) {
  gemm<float, multiplyBf16>(a, b, c, m, n, rowBytes);
}
__global__ void gemmF16(const void *a, const void *b, float *c, int m, int n, int rowBytes) {
  gemm<float, multiplyF16>(a, b, c, m, n, rowBytes);
}
__global__ void gemmTf32(const void *a, const void *b, float *c, int m, int n, int rowBytes) {
  gemm<float, multiplyTf32>(a, b, c, m, n, rowBytes);
}
__global__ void gemmS8(const void *a, const void *b, int *c, int m, int n, int rowBytes) {
  gemm<int, multiplyS8>(a, b, c, m, n, rowBytes);
}
}
