// CUB's device-wide scan (decoupled look-back) and radix sort (one sweep per digit) as its dispatch instantiates them
// for int and unsigned. The functions of the host are never run: they name the kernels, and the host part launches
// those by hand with the sizes below.
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

using Scan = cub::detail::scan::policy_hub<int, int, int, unsigned, cuda::std::plus<>>::MaxPolicy;
using Sort = cub::detail::radix::policy_hub<unsigned, cub::NullType, unsigned>::MaxPolicy;

/// Threads and items per thread of: the scan, the histogram of the sort, its sweep.
template <class Scan, class Sort> __device__ void describe(int *out) {
  using ScanPolicy = typename Scan::ActivePolicy::ScanPolicyT;
  using Histogram = typename Sort::ActivePolicy::HistogramPolicy;
  using Sweep = typename Sort::ActivePolicy::OnesweepPolicy;
  int sizes[] = {ScanPolicy::BLOCK_THREADS,   ScanPolicy::ITEMS_PER_THREAD, Histogram::BLOCK_THREADS,
                 Histogram::ITEMS_PER_THREAD, Sweep::BLOCK_THREADS,         Sweep::ITEMS_PER_THREAD};
  for (int i = 0; i < 6; ++i)
    out[i] = sizes[i];
}
extern "C" __global__ void describePolicies(int *out) { describe<Scan, Sort>(out); }

void instantiate(int *values, unsigned *keys) {
  size_t bytes = 0;
  cub::DeviceScan::InclusiveSum(nullptr, bytes, values, values, 1);
  cub::DeviceRadixSort::SortKeys(nullptr, bytes, keys, keys, 1);
}
