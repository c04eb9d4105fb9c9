// Counts of byte values: shared atomics, warp-aggregated increments of one counter, match_any aggregation on global
// memory.
// Faults: 1 shared counts not cleared, 2 no barrier before they are added up, 3 plain increments, 4 aggregated with the
// wrong leader, 5 block-scope atomics across blocks.
#include <cooperative_groups.h>

#ifndef FAULT
#define FAULT 0
#endif

extern "C" __global__ void histogramShared(const unsigned char *in, int count, unsigned *out) {
  __shared__ unsigned counts[256];
#if FAULT != 1
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    counts[i] = 0;
#endif
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
#if FAULT == 3
    ++counts[in[i]];
#else
    atomicAdd(&counts[in[i]], 1);
#endif
#if FAULT != 2
  __syncthreads();
#endif
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
#if FAULT == 5
    atomicAdd_block(&out[i], counts[i]);
#else
    atomicAdd(&out[i], counts[i]);
#endif
}

extern "C" __global__ void histogramMatch(const unsigned char *in, int count, unsigned *out) {
  for (int start = blockIdx.x * blockDim.x; start < count; start += gridDim.x * blockDim.x) {
    int i = start + threadIdx.x;
    unsigned active = __ballot_sync(0xffffffff, i < count);
    if (i < count) {
      unsigned peers = __match_any_sync(active, in[i]);
#if FAULT == 4
      if (threadIdx.x % 32 == 0)
#else
      if (threadIdx.x % 32 == __ffs(peers) - 1)
#endif
        atomicAdd(&out[in[i]], __popc(peers));
    }
    __syncwarp();
  }
}

/// Keeps the values below a limit, in any order: one atomic for all lanes that keep theirs.
extern "C" __global__ void filter(const unsigned char *in, int count, unsigned char limit, unsigned char *out,
                                  unsigned *kept) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count || in[i] >= limit)
    return;
  auto group = cooperative_groups::coalesced_threads();
  unsigned base = 0;
  if (group.thread_rank() == 0)
    base = atomicAdd(kept, group.size());
  out[group.shfl(base, 0) + group.thread_rank()] = in[i];
}
