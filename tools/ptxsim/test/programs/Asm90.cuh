// The instructions of sm_90a that the corpus writes as inline PTX: mbarriers, bulk copies, wgmma, clusters.
#pragma once

#include "Asm80.cuh"

#include <cuda.h> // CUtensorMap, as a kernel parameter

// --- mbarrier; addresses are of the block's own shared window unless said otherwise ---
__device__ inline void barrierInit(uint32_t barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
/// Makes initialised mbarriers visible to the async proxy and to the cluster.
__device__ inline void fenceBarrierInit() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ inline void arrive(uint32_t barrier) {
  asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared::cta.b64 state, [%0];\n}" ::"r"(barrier) : "memory");
}
__device__ inline void arriveExpecting(uint32_t barrier, uint32_t bytes) {
  asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1;\n}" ::"r"(barrier),
               "r"(bytes)
               : "memory");
}
/// Arrives at the barrier of the same offset in another block of the cluster.
__device__ inline void arriveRemote(uint32_t barrier, uint32_t rank) {
  asm volatile("{\n.reg .b32 remote;\nmapa.shared::cluster.u32 remote, %0, %1;\n"
               "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n}" ::"r"(barrier),
               "r"(rank)
               : "memory");
}
__device__ inline bool tryWait(uint32_t barrier, uint32_t parity) {
  uint32_t done;
  asm volatile("{\n.reg .pred done;\nmbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2;\n"
               "selp.u32 %0, 1, 0, done;\n}"
               : "=r"(done)
               : "r"(barrier), "r"(parity)
               : "memory");
  return done;
}
__device__ inline void wait(uint32_t barrier, uint32_t parity) {
  while (!tryWait(barrier, parity)) {
  }
}
/// The same when other blocks of the cluster arrive.
__device__ inline void waitCluster(uint32_t barrier, uint32_t parity) {
  uint32_t done = 0;
  while (!done)
    asm volatile("{\n.reg .pred done;\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, done;\n}"
                 : "=r"(done)
                 : "r"(barrier), "r"(parity)
                 : "memory");
}

// --- clusters ---
__device__ inline uint32_t clusterRank() {
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ inline void clusterSync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/// True in one lane of a converged warp.
__device__ inline bool electOne() {
  uint32_t elected;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.u32 %0, 1, 0, p;\n}" : "=r"(elected)::"memory");
  return elected;
}

// --- bulk copies ---
__device__ inline void fenceAsyncShared() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
/// Global to shared, contiguous; completes on the mbarrier.
__device__ inline void copyBulk(uint32_t destination, const void *source, uint32_t bytes, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(destination),
      "l"(__cvta_generic_to_global(source)), "r"(bytes), "r"(barrier)
      : "memory");
}
__device__ inline void copyTensor2(uint32_t destination, const CUtensorMap *map, int x, int y, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          destination),
      "l"(map), "r"(x), "r"(y), "r"(barrier)
      : "memory");
}
/// Into the same offset of every block whose bit is set; signals the barrier of the same offset there.
__device__ inline void copyTensor2Multicast(uint32_t destination, const CUtensorMap *map, int x, int y,
                                            uint32_t barrier, uint16_t blocks) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
               " [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(destination),
               "l"(map), "r"(x), "r"(y), "r"(barrier), "h"(blocks)
               : "memory");
}
__device__ inline void commitBulk() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
/// Until the sources of all but `Pending` groups have been read.
template <int Pending> __device__ inline void waitBulkRead() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Pending) : "memory");
}
template <int Pending> __device__ inline void waitBulk() {
  asm volatile("cp.async.bulk.wait_group %0;" ::"n"(Pending) : "memory");
}

// --- wgmma ---
/// Matrix descriptor of a K-major tile with rows of 128 bytes and the 128-byte swizzle: eight rows are 1024 bytes
/// apart.
__device__ inline uint64_t descriptor128(uint32_t address) {
  return uint64_t((address & 0x3ffff) >> 4) | uint64_t(1) << 16 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 62;
}
__device__ inline void wgmmaFence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void wgmmaCommit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
/// Naming the accumulators keeps the compiler from touching them before the wait.
template <int Pending> __device__ inline void wgmmaWait(float (&d)[32]) {
  asm volatile("wgmma.wait_group.sync.aligned %32;"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),
                 "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]),
                 "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]),
                 "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
               : "n"(Pending)
               : "memory");
}

#define PROGRAMS_ACCUMULATORS                                                                                          \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                                            \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define PROGRAMS_ACCUMULATOR_OPERANDS                                                                                  \
  "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),          \
      "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),           \
      "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),          \
      "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])

/// d (+)= A * B for 64 x 64: A and B through descriptors, K-major. `accumulate` 0: d is overwritten.
#define DEFINE_WGMMA(NAME, TYPES, TAIL)                                                                                \
  __device__ inline void NAME(float(&d)[32], uint64_t a, uint64_t b, int accumulate) {                                 \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\nwgmma.mma_async.sync.aligned." TYPES                       \
                 " " PROGRAMS_ACCUMULATORS ", %32, %33, p, " TAIL ";\n}"                                               \
                 : PROGRAMS_ACCUMULATOR_OPERANDS                                                                       \
                 : "l"(a), "l"(b), "r"(accumulate));                                                                   \
  }
DEFINE_WGMMA(wgmmaBf16, "m64n64k16.f32.bf16.bf16", "1, 1, 0, 0")
DEFINE_WGMMA(wgmmaBf16TransposedB, "m64n64k16.f32.bf16.bf16", "1, 1, 0, 1")
DEFINE_WGMMA(wgmmaE4m3, "m64n64k32.f32.e4m3.e4m3", "1, 1")

/// The same with A in registers: each warp holds its 16 rows, laid out as for mma.sync.
#define DEFINE_WGMMA_REGISTERS(NAME, TYPES, TAIL)                                                                      \
  __device__ inline void NAME(float(&d)[32], const uint32_t(&a)[4], uint64_t b, int accumulate) {                      \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\nwgmma.mma_async.sync.aligned." TYPES                       \
                 " " PROGRAMS_ACCUMULATORS ", {%32, %33, %34, %35}, %36, p, " TAIL ";\n}"                              \
                 : PROGRAMS_ACCUMULATOR_OPERANDS                                                                       \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));                               \
  }
DEFINE_WGMMA_REGISTERS(wgmmaRegistersBf16, "m64n64k16.f32.bf16.bf16", "1, 1, 0")
DEFINE_WGMMA_REGISTERS(wgmmaRegistersTransposedB, "m64n64k16.f32.bf16.bf16", "1, 1, 1")
DEFINE_WGMMA_REGISTERS(wgmmaRegistersE4m3, "m64n64k32.f32.e4m3.e4m3", "1, 1")
