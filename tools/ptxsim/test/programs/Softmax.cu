// Softmax of rows in one pass (running maximum and sum, one warp a row), and layer normalisation of bf16 rows, one
// block a row. Faults: 1 the sum is not rescaled when the maximum grows, 2 shuffle among too few lanes, 3 no barrier
// between the two statistics, 4 the row's last odd element is left out, 5 row index not bounded.
#include <cuda_bf16.h>

#ifndef FAULT
#define FAULT 0
#endif

extern "C" __global__ void softmax(const float *in, float *out, int rows, int columns) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
#if FAULT != 5
  if (row >= rows)
    return;
#endif
  in += size_t(row) * columns, out += size_t(row) * columns;
  float most = -INFINITY, sum = 0;
  for (int i = lane; i < columns; i += 32) {
    float x = in[i], larger = fmaxf(most, x);
#if FAULT == 1
    sum = sum + __expf(x - larger);
#else
    sum = sum * __expf(most - larger) + __expf(x - larger);
#endif
    most = larger;
  }
#if FAULT == 2
  for (int distance = 8; distance > 0; distance /= 2) {
#else
  for (int distance = 16; distance > 0; distance /= 2) {
#endif
    float otherMost = __shfl_xor_sync(~0u, most, distance), otherSum = __shfl_xor_sync(~0u, sum, distance);
    float larger = fmaxf(most, otherMost);
    // A lane without elements has -inf and a sum of 0.
    sum = (sum > 0 ? sum * __expf(most - larger) : 0) + (otherSum > 0 ? otherSum * __expf(otherMost - larger) : 0);
    most = larger;
  }
  for (int i = lane; i < columns; i += 32)
    out[i] = __expf(in[i] - most) / sum;
}

__device__ inline float blockSum(float value, float *shared) {
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(~0u, value, distance);
  if (threadIdx.x % 32 == 0)
    shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = 0;
  for (int i = 0; i < blockDim.x / 32; ++i)
    value += shared[i];
#if FAULT != 3
  __syncthreads();
#endif
  return value;
}

/// Columns may be odd; pairs are loaded where the row's start is aligned for them.
extern "C" __global__ void layerNorm(const __nv_bfloat16 *in, const __nv_bfloat16 *scale, const __nv_bfloat16 *bias,
                                     __nv_bfloat16 *out, int columns) {
  __shared__ float shared[32];
  in += size_t(blockIdx.x) * columns, out += size_t(blockIdx.x) * columns;
  float sum = 0;
  if (columns % 2 == 0) {
    for (int i = threadIdx.x; i < columns / 2; i += blockDim.x) {
      float2 pair = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162 *>(in)[i]);
      sum += pair.x + pair.y;
    }
  } else {
#if FAULT == 4
    for (int i = threadIdx.x; i < columns - 1; i += blockDim.x)
#else
    for (int i = threadIdx.x; i < columns; i += blockDim.x)
#endif
      sum += __bfloat162float(in[i]);
  }
  float mean = blockSum(sum, shared) / columns, squares = 0;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) {
    float difference = __bfloat162float(in[i]) - mean;
    squares += difference * difference;
  }
  float inverse = rsqrtf(blockSum(squares, shared) / columns + 1e-5f);
  for (int i = threadIdx.x; i < columns; i += blockDim.x)
    out[i] = __float2bfloat16((__bfloat162float(in[i]) - mean) * inverse * __bfloat162float(scale[i]) +
                              __bfloat162float(bias[i]));
}
