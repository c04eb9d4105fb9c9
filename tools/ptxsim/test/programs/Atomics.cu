// Atomic operations of every width, on global and shared memory: integers, floats and packed halves, exchange and
// compare, 128 bits on sm_90; a list pushed to without locks; scopes and orders of libcu++. Faults: 1 the list's head
// is exchanged without comparing, 2 relaxed publication of a node, 3 increments are not atomic.
#include <cuda/atomic>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#ifndef FAULT
#define FAULT 0
#endif

/// words[0..9]; wide[0..4]; reals; every thread takes part in each.
extern "C" __global__ void everyKind(unsigned *words, unsigned long long *wide, double *sumDouble, float *sumFloat,
                                     __half2 *sumHalf, __nv_bfloat162 *sumBfloat) {
  __shared__ unsigned sharedWords[4];
  __shared__ unsigned long long sharedWide;
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (threadIdx.x < 4)
    sharedWords[threadIdx.x] = 0;
  if (threadIdx.x == 0)
    sharedWide = 0;
  __syncthreads();
#if FAULT == 3
  words[0] += i;
#else
  atomicAdd(&words[0], i);
#endif
  atomicSub(&words[1], 3);
  atomicMin(&words[2], i * 7 + 5);
  atomicMax(&words[3], i * 11);
  atomicAnd(&words[4], ~(1u << i % 32));
  atomicOr(&words[5], 1u << i % 29);
  atomicXor(&words[6], i * 0x01010101);
  atomicInc(&words[7], 9);
  atomicDec(&words[8], 12);
  atomicMin(reinterpret_cast<int *>(&words[9]), -int(i));
  atomicAdd(&wide[0], (unsigned long long)i << 33);
  atomicMax(&wide[1], (unsigned long long)i << 40);
  atomicXor(&wide[2], 0x100000001ull * i);
  atomicMin(reinterpret_cast<long long *>(&wide[3]), -((long long)i << 35));
  for (unsigned long long seen = 0, was;; seen = was) {
    was = atomicCAS(&wide[4], seen, seen + i * i);
    if (was == seen)
      break;
  }
  atomicAdd(sumDouble, i * 0.5);
  atomicAdd(sumFloat, i * 0.25f);
  atomicAdd(sumHalf, __floats2half2_rn(1, i % 2));
#if __CUDA_ARCH__ >= 900 // before, the header reads the word first by a plain load, which is a race
  atomicAdd(sumBfloat, __floats2bfloat162_rn(0.5f, -1));
#endif
  atomicAdd(&sharedWords[0], i);
  atomicExch(&sharedWords[1], 77);
  atomicMax(reinterpret_cast<int *>(&sharedWords[2]), int(i));
  atomicCAS(&sharedWords[3], 0, 5);
  atomicAdd(&sharedWide, 0x100000000ull + i);
  __syncthreads();
  if (threadIdx.x < 4)
    words[10 + blockIdx.x * 4 + threadIdx.x] = sharedWords[threadIdx.x];
  if (threadIdx.x == 0)
    wide[5 + blockIdx.x] = sharedWide;
}

struct Node {
  int value, next;
};

/// Pushes a node per thread onto a list of indices; the last block to finish walks it.
extern "C" __global__ void pushList(Node *nodes, int *head, unsigned *finished, int *count, long long *sum) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  cuda::atomic_ref<int, cuda::thread_scope_device> top(*head);
  nodes[i].value = i * i;
#if FAULT == 1
  nodes[i].next = top.load(cuda::memory_order_relaxed);
  top.store(i, cuda::memory_order_release);
#else
  int seen = top.load(cuda::memory_order_relaxed);
  do
    nodes[i].next = seen;
#if FAULT == 2
  while (!top.compare_exchange_weak(seen, i, cuda::memory_order_relaxed, cuda::memory_order_relaxed));
#else
  while (!top.compare_exchange_weak(seen, i, cuda::memory_order_release, cuda::memory_order_relaxed));
#endif
#endif
  cuda::atomic_ref<unsigned, cuda::thread_scope_device> done(*finished);
#if FAULT == 2
  if (done.fetch_add(1, cuda::memory_order_relaxed) != gridDim.x * blockDim.x - 1)
#else
  if (done.fetch_add(1, cuda::memory_order_acq_rel) != gridDim.x * blockDim.x - 1)
#endif
    return;
  int length = 0;
  long long total = 0;
  for (int node = top.load(cuda::memory_order_acquire); node >= 0; node = nodes[node].next) {
    ++length;
    total += nodes[node].value;
  }
  *count = length;
  *sum = total;
}

#if __CUDA_ARCH__ >= 900
/// {low, high} += {i, 1} by 128-bit compare and swap.
extern "C" __global__ void add128(ulonglong2 *value) {
  unsigned long long low = 0, high = 0, wasLow, wasHigh;
  for (;;) {
    asm volatile("{\n.reg .b128 expected, desired, was;\nmov.b128 expected, {%3, %4};\nmov.b128 desired, {%5, %6};\n"
                 "atom.relaxed.gpu.global.cas.b128 was, [%2], expected, desired;\nmov.b128 {%0, %1}, was;\n}"
                 : "=l"(wasLow), "=l"(wasHigh)
                 : "l"(__cvta_generic_to_global(value)), "l"(low), "l"(high), "l"(low + threadIdx.x), "l"(high + 1)
                 : "memory");
    if (wasLow == low && wasHigh == high)
      return;
    low = wasLow, high = wasHigh;
  }
}
/// Four floats at once.
extern "C" __global__ void addVector(float *values) {
  asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(values)),
               "f"(1.0f), "f"(float(threadIdx.x)), "f"(0.5f), "f"(-2.0f)
               : "memory");
}
#endif
