// Small kernels for the host part, which is about the order of asynchronous work.
extern "C" __global__ void fill(int *out, int count, int value) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    out[i] = value + i;
}
extern "C" __global__ void scale(const int *in, int *out, int count, int factor) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    out[i] = in[i] * factor;
}
extern "C" __global__ void add(const int *a, const int *b, int *out, int count) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    out[i] = a[i] + b[i];
}
