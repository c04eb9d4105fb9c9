// Double and single precision through libdevice: elementary functions, division and square roots with every rounding,
// fused multiply-add, classification.
extern "C" __global__ void elementary(const double *in, double *out, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  double x = in[i];
  double results[] = {sin(x),
                      cos(x),
                      exp(x / 8),
                      log(fabs(x) + 0.5),
                      pow(fabs(x), 1.7),
                      tanh(x),
                      atan2(x, 3.0),
                      cbrt(x),
                      erf(x / 4),
                      fmod(x, 0.7),
                      rint(x),
                      sqrt(fabs(x)),
                      rsqrt(fabs(x) + 0.1),
                      1 / (x + 100)};
  for (int k = 0; k < 14; ++k)
    out[i * 14 + k] = results[k];
}

extern "C" __global__ void elementaryFloat(const float *in, float *out, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  float x = in[i];
  float results[] = {sinf(x),
                     cosf(x * 10000),
                     expf(x / 8),
                     logf(fabsf(x) + 0.5f),
                     powf(fabsf(x), 1.7f),
                     tanhf(x),
                     x / 3,
                     __fdividef(x, 7),
                     sqrtf(fabsf(x)),
                     rsqrtf(fabsf(x) + 0.1f),
                     __sinf(x / 8),
                     __log2f(fabsf(x) + 1),
                     fmodf(x, 0.7f),
                     exp2f(x)};
  for (int k = 0; k < 14; ++k)
    out[i * 14 + k] = results[k];
}

/// Correctly rounded operations: these must be exact.
extern "C" __global__ void rounded(const double *in, double *out, float *single, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  double x = in[i], y = in[(i + 1) % count];
  out[i * 4] = __dadd_ru(x, y * 1e-9);
  out[i * 4 + 1] = __dmul_rd(x, y);
  out[i * 4 + 2] = __ddiv_rz(x, y);
  out[i * 4 + 3] = fma(x, y, -x * y);
  float a = x, b = y;
  single[i * 4] = __fadd_ru(a, b * 1e-5f);
  single[i * 4 + 1] = __fmul_rd(a, b);
  single[i * 4 + 2] = __fdiv_rz(a, b);
  single[i * 4 + 3] = __fsqrt_ru(fabsf(a));
}
