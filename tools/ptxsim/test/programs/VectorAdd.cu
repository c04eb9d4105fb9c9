// z = x + y by single elements and by float4, and y += a x with a grid-stride loop.
// Faults: 1 off by one at the end, 2 misaligned float4, 3 the last element is skipped, 4 no bound at all.
#ifndef FAULT
#define FAULT 0
#endif

extern "C" __global__ void add(const float *x, const float *y, float *z, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
#if FAULT == 1
  if (i <= count)
#elif FAULT == 3
  if (i < count - 1)
#elif FAULT != 4
  if (i < count)
#endif
    z[i] = x[i] + y[i];
}

extern "C" __global__ void add4(const float *x, const float *y, float *z, int count) {
  int i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
#if FAULT == 2
  i += 1;
#endif
  if (i + 4 <= count) {
    float4 a = *reinterpret_cast<const float4 *>(x + i), b = *reinterpret_cast<const float4 *>(y + i);
    *reinterpret_cast<float4 *>(z + i) = make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
    return;
  }
  for (; i < count; ++i)
    z[i] = x[i] + y[i];
}

extern "C" __global__ void saxpy(float a, const float *__restrict__ x, float *__restrict__ y, long long count) {
  for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    y[i] = a * x[i] + y[i];
}
