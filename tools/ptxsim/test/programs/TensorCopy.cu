// Bulk copies of sm_90a one at a time: tensor boxes of one to five dimensions into shared memory and back, with
// addition on the way out, contiguous copies in both directions, and from one block's shared memory into another's.
// Faults: 1 no proxy fence before the box is stored, 2 the mbarrier is not awaited, 3 the block ends without awaiting
// the store, 4 misaligned destination, 5 expect_tx counts too much, 6 expect_tx counts too little, 7 no cluster barrier
// before the peer's shared memory is written, 8 the bytes are cut off, 9 no proxy fence before the contiguous store.
#include "Asm90.cuh"

extern __shared__ __align__(1024) char box[];

struct Coordinates {
  int at[5];
};

template <int Rank>
__device__ void load(uint32_t destination, const CUtensorMap *map, const int (&c)[5], uint32_t barrier) {
#define LOAD(DIM, LIST, ...)                                                                                           \
  asm volatile("cp.async.bulk.tensor." DIM ".shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {" LIST    \
               "}], [%2];" ::"r"(destination),                                                                         \
               "l"(map), "r"(barrier), __VA_ARGS__                                                                     \
               : "memory")
  if constexpr (Rank == 1)
    LOAD("1d", "%3", "r"(c[0]));
  if constexpr (Rank == 2)
    LOAD("2d", "%3, %4", "r"(c[0]), "r"(c[1]));
  if constexpr (Rank == 3)
    LOAD("3d", "%3, %4, %5", "r"(c[0]), "r"(c[1]), "r"(c[2]));
  if constexpr (Rank == 4)
    LOAD("4d", "%3, %4, %5, %6", "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]));
  if constexpr (Rank == 5)
    LOAD("5d", "%3, %4, %5, %6, %7", "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), "r"(c[4]));
}

template <int Rank> __device__ void store(const CUtensorMap *map, const int (&c)[5], uint32_t source, bool add) {
#define STORE(OPCODE, LIST, ...)                                                                                       \
  asm volatile(OPCODE " [%0, {" LIST "}], [%1];" ::"l"(map), "r"(source), __VA_ARGS__ : "memory")
#define STORE_OR_ADD(DIM, LIST, ...)                                                                                   \
  if (add)                                                                                                             \
    STORE("cp.reduce.async.bulk.tensor." DIM ".global.shared::cta.add.tile.bulk_group", LIST, __VA_ARGS__);            \
  else                                                                                                                 \
    STORE("cp.async.bulk.tensor." DIM ".global.shared::cta.tile.bulk_group", LIST, __VA_ARGS__)
  if constexpr (Rank == 1)
    STORE_OR_ADD("1d", "%2", "r"(c[0]));
  if constexpr (Rank == 2)
    STORE_OR_ADD("2d", "%2, %3", "r"(c[0]), "r"(c[1]));
  if constexpr (Rank == 3)
    STORE_OR_ADD("3d", "%2, %3, %4", "r"(c[0]), "r"(c[1]), "r"(c[2]));
  if constexpr (Rank == 4)
    STORE_OR_ADD("4d", "%2, %3, %4, %5", "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]));
  if constexpr (Rank == 5)
    STORE_OR_ADD("5d", "%2, %3, %4, %5, %6", "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), "r"(c[4]));
}

/// Loads a box and gives its bytes out as they lie in shared memory.
template <int Rank> __device__ void loadBox(const CUtensorMap *map, Coordinates where, uint32_t *raw, int bytes) {
  __shared__ unsigned long long barrier;
  uint32_t barrierAddress = sharedAddress(&barrier), destination = sharedAddress(box);
#if FAULT == 4
  destination += 16;
#endif
  if (threadIdx.x == 0) {
    barrierInit(barrierAddress, 1);
    fenceBarrierInit();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
#if FAULT == 5
    arriveExpecting(barrierAddress, bytes + 32);
#elif FAULT == 6
    arriveExpecting(barrierAddress, bytes / 2);
#else
    arriveExpecting(barrierAddress, bytes);
#endif
    load<Rank>(destination, map, where.at, barrierAddress);
  }
#if FAULT != 2
  wait(barrierAddress, 0);
#endif
  for (int i = threadIdx.x; i < bytes / 4; i += blockDim.x)
    raw[i] = reinterpret_cast<uint32_t *>(box)[i];
}

/// The other way round.
template <int Rank>
__device__ void storeBox(const CUtensorMap *map, Coordinates where, const uint32_t *raw, int bytes, int add) {
  for (int i = threadIdx.x; i < bytes / 4; i += blockDim.x)
    reinterpret_cast<uint32_t *>(box)[i] = raw[i];
#if FAULT != 1
  fenceAsyncShared();
#endif
  __syncthreads();
  if (threadIdx.x == 0) {
    store<Rank>(map, where.at, sharedAddress(box), add);
    commitBulk();
#if FAULT != 3
    waitBulkRead<0>();
#endif
  }
}

#define KERNELS(RANK)                                                                                                  \
  extern "C" __global__ void load##RANK(const __grid_constant__ CUtensorMap map, Coordinates where, uint32_t *raw,     \
                                        int bytes) {                                                                   \
    loadBox<RANK>(&map, where, raw, bytes);                                                                            \
  }                                                                                                                    \
  extern "C" __global__ void store##RANK(const __grid_constant__ CUtensorMap map, Coordinates where,                   \
                                         const uint32_t *raw, int bytes, int add) {                                    \
    storeBox<RANK>(&map, where, raw, bytes, add);                                                                      \
  }
KERNELS(1)
KERNELS(2)
KERNELS(3)
KERNELS(4)
KERNELS(5)

/// Clusters of two: a contiguous piece comes in, goes to the peer's shared memory, is doubled there and added to `sums`
/// and stored to `out`. Each block does `count` values (a multiple of 4).
extern "C" __global__ void exchange(const uint32_t *in, uint32_t *out, uint32_t *sums, int count) {
  __shared__ unsigned long long barriers[2];
  uint32_t *received = reinterpret_cast<uint32_t *>(box) + count;
  uint32_t own = sharedAddress(box), loaded = sharedAddress(barriers), swapped = loaded + 8, bytes = count * 4;
#if FAULT == 8
  bytes -= 16;
#endif
  if (threadIdx.x == 0) {
    barrierInit(loaded, 1);
    barrierInit(swapped, 1);
    fenceBarrierInit();
  }
#if FAULT == 7
  __syncthreads();
#else
  clusterSync();
#endif
  if (threadIdx.x == 0) {
    arriveExpecting(swapped, count * 4);
    arriveExpecting(loaded, bytes);
    copyBulk(own, in + blockIdx.x * count, bytes, loaded);
    wait(loaded, 0);
    uint32_t peer = clusterRank() ^ 1, destination, barrier;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(destination) : "r"(own + count * 4), "r"(peer));
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(barrier) : "r"(swapped), "r"(peer));
    asm volatile("cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                     destination),
                 "r"(own), "r"(count * 4), "r"(barrier)
                 : "memory");
  }
  waitCluster(swapped, 0);
  for (int i = threadIdx.x; i < count; i += blockDim.x)
    received[i] *= 2;
#if FAULT != 9
  fenceAsyncShared();
#endif
  __syncthreads();
  if (threadIdx.x == 0) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(out + blockIdx.x * count),
                 "r"(own + count * 4), "r"(count * 4)
                 : "memory");
    asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%0], [%1], %2;" ::"l"(sums),
                 "r"(own + count * 4), "r"(count * 4)
                 : "memory");
    commitBulk();
    waitBulk<0>();
  }
  __syncwarp();
  clusterSync();
}
