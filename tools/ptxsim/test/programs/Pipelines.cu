// libcu++'s asynchronous machinery: a stencil whose tiles come in by cuda::memcpy_async through a cuda::pipeline with
// two stages, the same with a warp-specialised producer, a running sum with cuda::barrier between producer and
// consumers, and plain __pipeline_memcpy_async. Faults: 1 the consumer does not wait, 2 the consumer releases before it
// reads, 3 __pipeline_wait_prior leaves the copy in flight, 4 no arrival on the empty barrier, 5 no wait on the full
// barrier, 6 no barrier behind the wait. The constructors of the shared objects below do nothing; they are initialised
// by hand.
#pragma nv_diag_suppress 20054

#include <cooperative_groups.h>
#include <cuda/barrier>
#include <cuda/pipeline>
#include <cuda_pipeline.h>

#ifndef FAULT
#define FAULT 0
#endif

namespace cg = cooperative_groups;

constexpr int kTile = 64;

/// out[i] = in[i] + in[i+1] + in[i+2] for `tiles` tiles of a block; in has two values more than out.
extern "C" __global__ void stencilPipeline(const float *in, float *out, int tiles) {
  __shared__ __align__(16) float stages[2][kTile + 2];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
  cg::thread_block block = cg::this_thread_block();
  auto pipeline = cuda::make_pipeline(block, &state);
  in += blockIdx.x * tiles * kTile, out += blockIdx.x * tiles * kTile;
  auto fetch = [&](int tile) {
    pipeline.producer_acquire();
    if (tile < tiles)
      cuda::memcpy_async(block, stages[tile % 2], in + tile * kTile, cuda::aligned_size_t<4>(sizeof(stages[0])),
                         pipeline);
    pipeline.producer_commit();
  };
  fetch(0);
  for (int tile = 0; tile < tiles; ++tile) {
    fetch(tile + 1);
#if FAULT != 1
    pipeline.consumer_wait();
#endif
#if FAULT == 2
    pipeline.consumer_release();
#endif
    const float *stage = stages[tile % 2];
    for (int i = threadIdx.x; i < kTile; i += blockDim.x)
      out[tile * kTile + i] = stage[i] + stage[i + 1] + stage[i + 2];
#if FAULT != 2
    pipeline.consumer_release();
#endif
  }
}

/// Warp 0 copies with cp.async that arrives on a cuda::barrier, the other warps multiply by two.
extern "C" __global__ void scaleBarriers(const float4 *in, float4 *out, int tiles) {
  using Barrier = cuda::barrier<cuda::thread_scope_block>;
  __shared__ float4 stages[2][32];
  __shared__ Barrier full[2], empty[2];
  if (threadIdx.x == 0)
    for (int i = 0; i < 2; ++i) {
      init(&full[i], blockDim.x);
      init(&empty[i], blockDim.x);
    }
  __syncthreads();
  in += blockIdx.x * tiles * 32, out += blockIdx.x * tiles * 32;
  if (threadIdx.x < 32) {
    for (int tile = 0; tile < tiles; ++tile) {
      empty[tile % 2].arrive_and_wait();
      cuda::memcpy_async(&stages[tile % 2][threadIdx.x], in + tile * 32 + threadIdx.x, sizeof(float4), full[tile % 2]);
      (void)full[tile % 2].arrive();
    }
    return;
  }
  for (int i = 0; i < 2; ++i)
    (void)empty[i].arrive();
  for (int tile = 0; tile < tiles; ++tile) {
#if FAULT == 5
    (void)full[tile % 2].arrive();
#else
    full[tile % 2].arrive_and_wait();
#endif
    if (threadIdx.x < 64) {
      float4 value = stages[tile % 2][threadIdx.x - 32];
      out[tile * 32 + threadIdx.x - 32] = make_float4(value.x * 2, value.y * 2, value.z * 2, value.w * 2);
    }
#if FAULT == 4
    if (threadIdx.x != 40)
#endif
      (void)empty[tile % 2].arrive();
  }
}

/// Reverses each tile through shared memory.
extern "C" __global__ void reversePrimitives(const int *in, int *out, int tiles) {
  __shared__ int stages[2][kTile];
  in += blockIdx.x * tiles * kTile, out += blockIdx.x * tiles * kTile;
  __pipeline_memcpy_async(&stages[0][threadIdx.x], in + threadIdx.x, 4);
  __pipeline_commit();
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles)
      __pipeline_memcpy_async(&stages[(tile + 1) % 2][threadIdx.x], in + (tile + 1) * kTile + threadIdx.x, 4);
    __pipeline_commit();
#if FAULT == 3
    __pipeline_wait_prior(2);
#else
    __pipeline_wait_prior(1);
#endif
#if FAULT != 6
    __syncthreads();
#endif
    out[tile * kTile + threadIdx.x] = stages[tile % 2][kTile - 1 - threadIdx.x];
    __syncthreads();
  }
}
