// Sorting of 32-bit keys: bitonic in shared memory, and least-significant-digit radix sort (four bits a pass: digit
// counts per tile, a scan over all counts, a stable scatter).
// Faults: 1 no barrier between bitonic steps, 2 wrong comparison direction, 3 the padding of ragged ends is not set,
// 4 counts not cleared, 5 scatter by ranks without the lanes before.
#ifndef FAULT
#define FAULT 0
#endif

/// One block of 128 threads sorts up to 256 keys.
extern "C" __global__ void sortBitonic(unsigned *keys, int count) {
  __shared__ unsigned values[256];
  for (int i = threadIdx.x; i < 256; i += 128)
#if FAULT == 3
    if (i < count)
      values[i] = keys[i];
#else
    values[i] = i < count ? keys[i] : 0xffffffff;
#endif
  for (int size = 2; size <= 256; size *= 2)
    for (int stride = size / 2; stride > 0; stride /= 2) {
#if FAULT != 1
      __syncthreads();
#endif
      int low = threadIdx.x / stride * stride * 2 + threadIdx.x % stride, high = low + stride;
#if FAULT == 2
      bool ascending = (low & stride) == 0;
#else
      bool ascending = (low & size) == 0;
#endif
      unsigned a = values[low], b = values[high];
      if ((a > b) == ascending) {
        values[low] = b;
        values[high] = a;
      }
    }
  __syncthreads();
  for (int i = threadIdx.x; i < count; i += 128)
    keys[i] = values[i];
}

/// counts[digit * tiles + tile]; a tile is 128 keys, a block of 128 threads.
extern "C" __global__ void countDigits(const unsigned *keys, int count, int shift, int *counts) {
  __shared__ int digits[16];
#if FAULT != 4
  if (threadIdx.x < 16)
    digits[threadIdx.x] = 0;
#endif
  __syncthreads();
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i < count)
    atomicAdd(&digits[keys[i] >> shift & 15], 1);
  __syncthreads();
  if (threadIdx.x < 16)
    counts[threadIdx.x * gridDim.x + blockIdx.x] = digits[threadIdx.x];
}

/// Exclusive, one thread: the counts are few.
extern "C" __global__ void scanCounts(int *counts, int count) {
  for (int i = 0, sum = 0; i < count; ++i) {
    int value = counts[i];
    counts[i] = sum;
    sum += value;
  }
}

extern "C" __global__ void scatter(const unsigned *keys, unsigned *out, int count, int shift, const int *offsets) {
  __shared__ int warpCounts[4][16];
  int i = blockIdx.x * 128 + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (lane < 16)
    warpCounts[warp][lane] = 0;
  __syncwarp();
  bool valid = i < count;
  unsigned key = valid ? keys[i] : 0, digit = valid ? key >> shift & 15 : 16;
  unsigned peers = __match_any_sync(0xffffffff, digit);
  int rank = __popc(peers & ((1u << lane) - 1));
#if FAULT == 5
  rank = 0;
#endif
  if (valid && lane == __ffs(peers) - 1)
    warpCounts[warp][digit] = __popc(peers);
  __syncthreads();
  if (!valid)
    return;
  for (int before = 0; before < warp; ++before)
    rank += warpCounts[before][digit];
  out[offsets[digit * gridDim.x + blockIdx.x] + rank] = key;
}
