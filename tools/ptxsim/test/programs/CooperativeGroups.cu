// Groups: tiles of a warp and their collectives, groups of the lanes that are in a branch, and barriers over the whole
// grid of a cooperative launch.
// Faults: 1 no grid barrier, 2 a tile's collective in a branch that not all its lanes take, 3 the grid barrier is in a
// branch, 4 exchange of the wrong tile size.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

#ifndef FAULT
#define FAULT 0
#endif

namespace cg = cooperative_groups;

/// out[i]: sum, maximum, exclusive prefix sum and neighbour of the value in its tile.
template <int Size> __device__ void tiles(const int *in, int4 *out, int count) {
  auto tile = cg::tiled_partition<Size>(cg::this_thread_block());
  int i = blockIdx.x * blockDim.x + threadIdx.x, value = i < count ? in[i] : 0;
  int sum = cg::reduce(tile, value, cg::plus<int>());
#if FAULT == 2
  int most = value;
  if (i < count)
    most = cg::reduce(tile, value, cg::greater<int>());
#else
  int most = cg::reduce(tile, value, cg::greater<int>());
#endif
  int prefix = cg::exclusive_scan(tile, value, cg::plus<int>());
#if FAULT == 4
  int neighbour = cg::tiled_partition<2>(cg::this_thread_block()).shfl(value, tile.thread_rank() + 1);
#else
  int neighbour = tile.shfl(value, tile.thread_rank() + 1);
#endif
  if (i < count)
    out[i] = make_int4(sum, most, prefix, neighbour);
}
extern "C" __global__ void tiles4(const int *in, int4 *out, int count) { tiles<4>(in, out, count); }
extern "C" __global__ void tiles16(const int *in, int4 *out, int count) { tiles<16>(in, out, count); }
extern "C" __global__ void tiles32(const int *in, int4 *out, int count) { tiles<32>(in, out, count); }

/// Even and odd values are numbered apart, per warp: {lane of rank 0, rank, size of the group}. Which lanes of a branch
/// come together is up to the machine.
extern "C" __global__ void numberByParity(const int *in, int4 *out) {
  int lane = threadIdx.x % 32;
  if (in[threadIdx.x] % 2) {
    auto group = cg::coalesced_threads();
    out[threadIdx.x] = make_int4(group.shfl(lane, 0), group.thread_rank(), group.size(), group.ballot(true));
  } else {
    auto group = cg::coalesced_threads();
    out[threadIdx.x] = make_int4(group.shfl(lane, 0), group.thread_rank(), group.size(), group.ballot(true));
  }
}

/// Labelled groups of equal values in each warp.
extern "C" __global__ void sumByLabel(const int *labels, const int *in, int *out) {
  auto group = cg::labeled_partition(cg::tiled_partition<32>(cg::this_thread_block()), labels[threadIdx.x]);
  out[threadIdx.x] = cg::reduce(group, in[threadIdx.x], cg::plus<int>());
}

/// `steps` rounds of values[i] = left + right over the whole array, with a barrier over the grid after each.
extern "C" __global__ void diffuse(int *values, int *next, int count, int steps) {
  cg::grid_group grid = cg::this_grid();
  int i = int(grid.thread_rank());
  for (int step = 0; step < steps; ++step) {
    if (i < count)
      next[i] = values[(i + count - 1) % count] + values[(i + 1) % count];
#if FAULT == 1
    __syncthreads();
#elif FAULT == 3
    if (blockIdx.x != 1)
      grid.sync();
#else
    grid.sync();
#endif
    int *swap = values;
    values = next;
    next = swap;
  }
}
