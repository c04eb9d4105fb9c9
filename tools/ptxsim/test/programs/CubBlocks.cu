// CUB's block-wide templates: scan, radix sort with payload, reduction, exclusive sums per warp, blocked load and
// striped store. Faults: 1 the temporary storage is used again without a barrier, 2 items past the end are sorted in
// with key 0.
#include <cub/block/block_load.cuh>
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_store.cuh>
#include <cub/warp/warp_scan.cuh>
#include <cuda/functional>

#ifndef FAULT
#define FAULT 0
#endif

constexpr int kThreads = 64, kItems = 4;

extern "C" __global__ void __launch_bounds__(kThreads) scan(const int *in, int *out, int *total, int count) {
  using Load = cub::BlockLoad<int, kThreads, kItems, cub::BLOCK_LOAD_WARP_TRANSPOSE>;
  using Store = cub::BlockStore<int, kThreads, kItems, cub::BLOCK_STORE_TRANSPOSE>;
  using Scan = cub::BlockScan<int, kThreads, cub::BLOCK_SCAN_WARP_SCANS>;
  __shared__ union {
    Load::TempStorage load;
    Store::TempStorage store;
    Scan::TempStorage scan;
  } temporary;
  int items[kItems], sum;
  Load(temporary.load).Load(in, items, count, 0);
  __syncthreads();
  Scan(temporary.scan).InclusiveSum(items, items, sum);
#if FAULT != 1
  __syncthreads();
#endif
  Store(temporary.store).Store(out, items, count);
  if (threadIdx.x == 0)
    *total = sum;
}

extern "C" __global__ void __launch_bounds__(kThreads) sort(unsigned *keys, unsigned char *values, int count) {
  using Sort = cub::BlockRadixSort<unsigned, kThreads, kItems, unsigned char>;
  __shared__ Sort::TempStorage temporary;
  unsigned items[kItems];
  unsigned char payload[kItems];
  for (int i = 0; i < kItems; ++i) {
    int index = threadIdx.x * kItems + i;
#if FAULT == 2
    items[i] = index < count ? keys[index] : 0;
#else
    items[i] = index < count ? keys[index] : 0xffffffff;
#endif
    payload[i] = index < count ? values[index] : 0;
  }
  Sort(temporary).SortBlockedToStriped(items, payload);
  for (int i = 0; i < kItems; ++i) {
    int index = i * kThreads + threadIdx.x;
    if (index < count)
      keys[index] = items[i], values[index] = payload[i];
  }
}

/// Minimum of doubles over a block, and 8-wide exclusive prefix maxima.
extern "C" __global__ void __launch_bounds__(kThreads) reduce(const double *in, double *least, int *prefixes) {
  using Reduce = cub::BlockReduce<double, kThreads, cub::BLOCK_REDUCE_RAKING>;
  using Scan = cub::WarpScan<int, 8>;
  __shared__ Reduce::TempStorage temporary;
  __shared__ Scan::TempStorage scans[kThreads / 8];
  double value = in[threadIdx.x];
  double result = Reduce(temporary).Reduce(value, cuda::minimum<>{});
  if (threadIdx.x == 0)
    *least = result;
  int prefix;
  Scan(scans[threadIdx.x / 8]).ExclusiveScan(int(value), prefix, -1000, cuda::maximum<>{});
  prefixes[threadIdx.x] = prefix;
}
