// Sums and extrema: by shuffles, through shared memory, by atomics on one word, by redux.sync and __reduce_*_sync, and
// one value from all blocks by the block that finishes last.
// Faults: 1 no barrier between warps, 2 shuffle mask without the last lanes, 3 no __syncwarp in the tree of one warp,
// 4 the last block reads without a fence, 5 plain addition instead of an atomic, 6 wrong shuffle distance, 7 the tree
// starts one step too far, 8 counter incremented with block scope.
#include <cuda/atomic>

#ifndef FAULT
#define FAULT 0
#endif

__device__ inline float warpSum(float value) {
#if FAULT == 2
  unsigned mask = 0x0fffffff;
#else
  unsigned mask = 0xffffffff;
#endif
#if FAULT == 6
  for (int distance = 16; distance > 1; distance /= 2)
#else
  for (int distance = 16; distance > 0; distance /= 2)
#endif
    value += __shfl_down_sync(mask, value, distance);
  return value;
}

/// Thread 0 has the sum.
__device__ inline float blockSum(float value) {
  __shared__ float sums[32];
  value = warpSum(value);
  if (threadIdx.x % 32 == 0)
    sums[threadIdx.x / 32] = value;
#if FAULT != 1
  __syncthreads();
#endif
  value = threadIdx.x < blockDim.x / 32 ? sums[threadIdx.x] : 0;
  if (threadIdx.x < 32)
    value = warpSum(value);
  return value;
}

__device__ inline float partial(const float *in, int count) {
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    sum += in[i];
  return sum;
}

extern "C" __global__ void sumAtomic(const float *in, float *out, int count) {
  float sum = blockSum(partial(in, count));
  if (threadIdx.x == 0) {
#if FAULT == 5
    *out += sum;
#else
    atomicAdd(out, sum);
#endif
  }
}

/// 64 threads: a tree in shared memory whose last steps one warp does alone.
extern "C" __global__ void sumTree(const float *in, float *out, int count) {
  __shared__ float values[64];
  int i = threadIdx.x;
  values[i] = partial(in, count);
  __syncthreads();
#if FAULT == 7
  if (i <= 32)
#else
  if (i < 32)
#endif
  {
    for (int distance = 32; distance > 0; distance /= 2) {
      float sum = values[i] + values[i + distance];
#if FAULT != 3
      __syncwarp();
#endif
      values[i] = sum;
#if FAULT != 3
      __syncwarp();
#endif
    }
  }
  if (i == 0)
    atomicAdd(out, values[0]);
}

/// The block that finishes last adds up what all have left in `scratch`.
extern "C" __global__ void sumLastBlock(const float *in, float *scratch, unsigned *counter, float *out, int count) {
  __shared__ bool isLast;
  float sum = blockSum(partial(in, count));
  if (threadIdx.x == 0) {
    scratch[blockIdx.x] = sum;
#if FAULT != 4
    __threadfence();
#endif
#if FAULT == 8
    cuda::atomic_ref<unsigned, cuda::thread_scope_block> shared(*counter);
    isLast = shared.fetch_add(1, cuda::memory_order_relaxed) == gridDim.x - 1;
#else
    isLast = atomicAdd(counter, 1) == gridDim.x - 1;
#endif
#if FAULT != 4
    __threadfence();
#endif
  }
  __syncthreads();
  if (!isLast)
    return;
  sum = 0;
  for (int i = threadIdx.x; i < gridDim.x; i += blockDim.x)
    sum += scratch[i];
  __syncthreads();
  sum = blockSum(sum);
  if (threadIdx.x == 0)
    *out = sum;
}

/// One warp: minimum, maximum, sum, and, or, xor of 32 values.
extern "C" __global__ void reduceWarp(const unsigned *in, unsigned *out) {
  unsigned value = in[threadIdx.x], all = 0xffffffff;
  unsigned results[] = {__reduce_min_sync(all, value),
                        __reduce_max_sync(all, value),
                        __reduce_add_sync(all, value),
                        __reduce_and_sync(all, value),
                        __reduce_or_sync(all, value),
                        __reduce_xor_sync(all, value),
                        unsigned(__reduce_min_sync(all, int(value))),
                        unsigned(__reduce_max_sync(all, int(value))),
                        __ballot_sync(all, value & 1),
                        unsigned(__any_sync(all, value == 7)),
                        unsigned(__all_sync(all, value != 7))};
  if (threadIdx.x == 0)
    for (int i = 0; i < 11; ++i)
      out[i] = results[i];
}
