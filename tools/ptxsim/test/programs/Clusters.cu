// Distributed shared memory on sm_90: a histogram whose counts are spread over the blocks of a cluster, a sum over a
// cluster through map_shared_rank, ranks and shapes.
// Faults: 1 no cluster barrier before the peers' counts are touched, 2 none before the block ends, 3 rank out of range,
// 4 plain increments, 5 arrive without wait.
#include <cooperative_groups.h>

#ifndef FAULT
#define FAULT 0
#endif

namespace cg = cooperative_groups;

/// 64 counts; block `rank` of a cluster of `size` holds those from rank * 64 / size on.
extern "C" __global__ void histogram(const unsigned char *in, int count, unsigned *out) {
  __shared__ unsigned counts[64];
  cg::cluster_group cluster = cg::this_cluster();
  unsigned size = cluster.num_blocks(), share = 64 / size;
  for (int i = threadIdx.x; i < share; i += blockDim.x)
    counts[i] = 0;
#if FAULT == 1
  __syncthreads();
#elif FAULT == 5
  cluster.barrier_arrive();
#else
  cluster.sync();
#endif
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    unsigned value = in[i] % 64;
#if FAULT == 3
    unsigned *owner = cluster.map_shared_rank(counts, value / share + 1);
#else
    unsigned *owner = cluster.map_shared_rank(counts, value / share);
#endif
#if FAULT == 4
    ++owner[value % share];
#else
    atomicAdd(owner + value % share, 1);
#endif
  }
#if FAULT == 5
  cluster.barrier_wait();
#endif
  cluster.sync();
  for (int i = threadIdx.x; i < share; i += blockDim.x)
    atomicAdd(&out[cluster.block_rank() * share + i], counts[i]);
}

/// out[block] = sum over the cluster of in[block]; also rank and coordinates.
extern "C" __global__ void sumCluster(const float *in, float *out, int *places) {
  __shared__ float value;
  cg::cluster_group cluster = cg::this_cluster();
  int block = blockIdx.y * gridDim.x + blockIdx.x;
  if (threadIdx.x == 0)
    value = in[block];
  cluster.sync();
  if (threadIdx.x < 32) {
    float part = threadIdx.x < cluster.num_blocks() ? *cluster.map_shared_rank(&value, threadIdx.x) : 0;
    for (int distance = 16; distance > 0; distance /= 2)
      part += __shfl_xor_sync(~0u, part, distance);
    if (threadIdx.x == 0) {
      out[block] = part;
      dim3 index = cluster.block_index();
      places[block] = int(cluster.block_rank() * 10000 + index.y * 100 + index.x);
    }
  }
#if FAULT != 2
  cluster.sync();
#endif
}
