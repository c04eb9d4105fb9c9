// Conversions and arithmetic of half, bf16 and the 8-bit formats through CUDA's types: every one of the small formats'
// values, and floats on, between and outside them.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

/// All 65,536 half and bf16 values to float.
extern "C" __global__ void widen(float *half, float *bfloat) {
  unsigned short bits = blockIdx.x * blockDim.x + threadIdx.x;
  half[bits] = __half2float(__ushort_as_half(bits));
  bfloat[bits] = __bfloat162float(__ushort_as_bfloat16(bits));
}

/// All 256 values of the 8-bit formats to float.
extern "C" __global__ void widen8(float *e4m3, float *e5m2) {
  int bits = threadIdx.x;
  e4m3[bits] = __half2float(__half(__nv_cvt_fp8_to_halfraw(bits, __NV_E4M3)));
  e5m2[bits] = __half2float(__half(__nv_cvt_fp8_to_halfraw(bits, __NV_E5M2)));
}

extern "C" __global__ void narrow(const float *in, unsigned short *half, unsigned short *bfloat, unsigned char *e4m3,
                                  unsigned char *e5m2, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  half[i] = __half_as_ushort(__float2half_rn(in[i]));
  bfloat[i] = __bfloat16_as_ushort(__float2bfloat16_rn(in[i]));
  e4m3[i] = __nv_cvt_float_to_fp8(in[i], __NV_SATFINITE, __NV_E4M3);
  e5m2[i] = __nv_cvt_float_to_fp8(in[i], __NV_SATFINITE, __NV_E5M2);
}

/// Truncating and directed conversions between float and integers.
extern "C" __global__ void integers(const float *in, int *nearest, int *down, int *up, int *zero, unsigned *positive,
                                    long long *wide, signed char *narrow, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  nearest[i] = __float2int_rn(in[i]);
  down[i] = __float2int_rd(in[i]);
  up[i] = __float2int_ru(in[i]);
  zero[i] = __float2int_rz(in[i]);
  positive[i] = __float2uint_rz(in[i]);
  wide[i] = __float2ll_rn(in[i]);
  narrow[i] = (signed char)(int)fminf(fmaxf(in[i], -128.0f), 127.0f);
}

/// Packed arithmetic: fused multiply-add, minimum, comparison.
extern "C" __global__ void packed(const float2 *in, float2 *half, float2 *bfloat, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  __half2 h = __float22half2_rn(in[i]), k = __floats2half2_rn(1.5f, -0.25f);
  half[i] = __half22float2(__hmin2(__hfma2(h, k, h), __hadd2(h, k)));
  __nv_bfloat162 b = __float22bfloat162_rn(in[i]), c = __floats2bfloat162_rn(1.5f, -0.25f);
  bfloat[i] = __bfloat1622float2(__hmax2(__hfma2(b, c, b), __hmul2(b, c)));
}
