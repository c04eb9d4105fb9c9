// C[m][n] = A[m][k] * B[k][n] + C[m][n] through nvcuda::wmma fragments: halves in several shapes and layouts, signed
// bytes, tf32 and doubles. One warp a tile, sizes are multiples of the tile; a staged kernel goes through shared
// memory. Faults: 1 no barrier behind staging, 2 wrong leading dimension, 3 layout of B taken for the other one.
#include <cuda_fp16.h>
#include <mma.h>

#ifndef FAULT
#define FAULT 0
#endif

using namespace nvcuda;

template <int M, int N, int K, class Element, class Stored, class Sum, class Left, class Right>
__device__ void multiply(const Stored *a, const Stored *b, Sum *c, int n, int k) {
  int row = blockIdx.y * M, column = blockIdx.x * N;
  wmma::fragment<wmma::matrix_a, M, N, K, Element, Left> left;
  wmma::fragment<wmma::matrix_b, M, N, K, Element, Right> right;
  wmma::fragment<wmma::accumulator, M, N, K, Sum> sum;
  constexpr bool kColumnMajor = std::is_same<Right, wmma::col_major>::value;
  wmma::load_matrix_sync(sum, c + row * n + column, n, wmma::mem_row_major);
  for (int i = 0; i < k; i += K) {
    wmma::load_matrix_sync(left, a + row * k + i, k);
    // B is kept as [n][k] for column-major fragments.
    if (kColumnMajor)
      wmma::load_matrix_sync(right, b + column * k + i, k);
    else
#if FAULT == 2
      wmma::load_matrix_sync(right, b + i * n + column, n + 8);
#else
      wmma::load_matrix_sync(right, b + i * n + column, n);
#endif
    wmma::mma_sync(sum, left, right, sum);
  }
  wmma::store_matrix_sync(c + row * n + column, sum, n, wmma::mem_row_major);
}

using Row = wmma::row_major;
#if FAULT == 3
using Column = wmma::row_major;
#else
using Column = wmma::col_major;
#endif

extern "C" {
__global__ void half16(const __half *a, const __half *b, float *c, int n, int k) {
  multiply<16, 16, 16, __half, __half, float, Row, Row>(a, b, c, n, k);
}
__global__ void half16Column(const __half *a, const __half *b, float *c, int n, int k) {
  multiply<16, 16, 16, __half, __half, float, Row, Column>(a, b, c, n, k);
}
__global__ void half32(const __half *a, const __half *b, float *c, int n, int k) {
  multiply<32, 8, 16, __half, __half, float, Row, Row>(a, b, c, n, k);
}
__global__ void half8(const __half *a, const __half *b, float *c, int n, int k) {
  multiply<8, 32, 16, __half, __half, float, Row, Row>(a, b, c, n, k);
}
__global__ void bytes16(const signed char *a, const signed char *b, int *c, int n, int k) {
  multiply<16, 16, 16, signed char, signed char, int, Row, Row>(a, b, c, n, k);
}
__global__ void tf32(const float *a, const float *b, float *c, int n, int k) {
  multiply<16, 16, 8, wmma::precision::tf32, float, float, Row, Row>(a, b, c, n, k);
}
__global__ void doubles(const double *a, const double *b, double *c, int n, int k) {
  multiply<8, 8, 4, double, double, double, Row, Row>(a, b, c, n, k);
}

/// Four warps share a 32 x 32 tile through padded shared memory; half accumulators.
__global__ void staged(const __half *a, const __half *b, __half *c, int n, int k) {
  __shared__ __half tileA[32][24], tileB[16][40];
  int row = blockIdx.y * 32, column = blockIdx.x * 32, warp = threadIdx.x / 32;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, Row> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, Row> right;
  wmma::fragment<wmma::accumulator, 16, 16, 16, __half> sum;
  wmma::fill_fragment(sum, __float2half(0.0f));
  for (int i = 0; i < k; i += 16) {
    for (int j = threadIdx.x; j < 512; j += 128) {
      tileA[j / 16][j % 16] = a[(row + j / 16) * k + i + j % 16];
      tileB[j / 32][j % 32] = b[(i + j / 32) * n + column + j % 32];
    }
#if FAULT != 1
    __syncthreads();
#endif
    wmma::load_matrix_sync(left, &tileA[warp / 2 * 16][0], 24);
    wmma::load_matrix_sync(right, &tileB[0][warp % 2 * 16], 40);
    wmma::mma_sync(sum, left, right, sum);
    __syncthreads();
  }
  for (int i = 0; i < sum.num_elements; ++i)
    sum.x[i] = __hmul(sum.x[i], __float2half(2.0f));
  wmma::store_matrix_sync(c + (row + warp / 2 * 16) * n + column + warp % 2 * 16, sum, n, wmma::mem_row_major);
}
}
