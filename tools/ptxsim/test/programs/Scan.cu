// Inclusive prefix sums: of one block, and of a whole array in one pass by decoupled look-back (each tile publishes its
// sum, then its prefix, and looks back over the tiles before it).
// Faults: 1 the flag is published without release, 2 it is read without acquire, 3 no barrier in the block scan,
// 4 shuffle takes the wrong lane, 5 a tile waits for its own prefix (deadlock),
// 6 flag published before the value, 7 flag with block scope, 8 out of the shared array's bounds.
#include <cuda/atomic>

#ifndef FAULT
#define FAULT 0
#endif

constexpr int kThreads = 128;

/// Inclusive over the block; `total` in every thread.
__device__ inline int blockScan(int value, int &total) {
  __shared__ int sums[kThreads / 32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int distance = 1; distance < 32; distance *= 2) {
#if FAULT == 4
    int other = __shfl_up_sync(~0u, value, distance + 1);
#else
    int other = __shfl_up_sync(~0u, value, distance);
#endif
    if (lane >= distance)
      value += other;
  }
  if (lane == 31)
#if FAULT == 8
    sums[warp * 32] = value;
#else
    sums[warp] = value;
#endif
#if FAULT != 3
  __syncthreads();
#endif
  total = 0;
  for (int i = 0; i < kThreads / 32; ++i) {
    if (i < warp)
      value += sums[i];
    total += sums[i];
  }
  __syncthreads();
  return value;
}

extern "C" __global__ void scanBlock(const int *in, int *out, int count) {
  int carry = 0;
  for (int start = 0; start < count; start += kThreads) {
    int i = start + threadIdx.x, total;
    int value = blockScan(i < count ? in[i] : 0, total) + carry;
    if (i < count)
      out[i] = value;
    carry += total;
  }
}

enum Flag { Nothing, Sum, Prefix };

#if FAULT == 7
using Atomic = cuda::atomic_ref<int, cuda::thread_scope_block>;
#else
using Atomic = cuda::atomic_ref<int, cuda::thread_scope_device>;
#endif

__device__ inline void publish(int *flag, int value) {
#if FAULT == 1
  Atomic(*flag).store(value, cuda::memory_order_relaxed);
#else
  Atomic(*flag).store(value, cuda::memory_order_release);
#endif
}
__device__ inline int look(int *flag) {
#if FAULT == 2
  return Atomic(*flag).load(cuda::memory_order_relaxed);
#else
  return Atomic(*flag).load(cuda::memory_order_acquire);
#endif
}

/// flags and ticket start at zero; one tile per block.
extern "C" __global__ void scanLookBack(const int *in, int *out, int count, int *ticket, int *flags, int *sums,
                                        int *prefixes) {
  __shared__ int sharedTile, sharedPrefix;
  if (threadIdx.x == 0)
    sharedTile = atomicAdd(ticket, 1);
  __syncthreads();
  int tile = sharedTile, i = tile * kThreads + threadIdx.x, total;
  int value = blockScan(i < count ? in[i] : 0, total);
  if (threadIdx.x == 0) {
#if FAULT == 6
    publish(flags + tile, Sum);
    sums[tile] = total;
#else
    sums[tile] = total;
    publish(flags + tile, Sum);
#endif
    int prefix = 0;
#if FAULT == 5
    while (look(flags + tile) != Prefix)
      __nanosleep(20);
#endif
    for (int before = tile - 1; before >= 0; --before) {
      int flag;
      while ((flag = look(flags + before)) == Nothing)
        __nanosleep(20);
      prefix += flag == Prefix ? prefixes[before] : sums[before];
      if (flag == Prefix)
        break;
    }
    prefixes[tile] = prefix + total;
    publish(flags + tile, Prefix);
    sharedPrefix = prefix;
  }
  __syncthreads();
  if (i < count)
    out[i] = value + sharedPrefix;
}
