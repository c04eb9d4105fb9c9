#include "Harness.h"

#include <cfenv>

using namespace programs;

#pragma STDC FENV_ACCESS ON

namespace {

template <class T, class Operation> T rounded(int mode, T a, T b, Operation operation) {
  volatile T x = a, y = b;
  std::fesetround(mode);
  volatile T result = operation(x, y);
  std::fesetround(FE_TONEAREST);
  return result;
}

template <class T> void roundedOnHost(T x, T y, T small, std::vector<T> &out) {
  volatile T scaled = y * small;
  out.push_back(rounded<T>(FE_UPWARD, x, scaled, [](T a, T b) { return a + b; }));
  out.push_back(rounded<T>(FE_DOWNWARD, x, y, [](T a, T b) { return a * b; }));
  out.push_back(rounded<T>(FE_TOWARDZERO, x, y, [](T a, T b) { return a / b; }));
}

} // namespace

PROGRAM(DoubleMath, 80) {
  Module module;
  for (int count : {1, 200}) {
    Random random(count);
    std::vector<double> in(count), wanted, wantedFloat, exact;
    std::vector<float> inFloat(count), exactFloat;
    for (int i = 0; i < count; ++i) {
      double x = in[i] = random.uniform(-50, 50);
      float f = inFloat[i] = random.uniform(-20, 20);
      double g = f;
      wanted.insert(wanted.end(),
                    {sin(x), cos(x), exp(x / 8), log(fabs(x) + 0.5), pow(fabs(x), 1.7), tanh(x), atan2(x, 3.0), cbrt(x),
                     erf(x / 4), fmod(x, 0.7), rint(x), sqrt(fabs(x)), 1 / sqrt(fabs(x) + 0.1), 1 / (x + 100)});
      wantedFloat.insert(wantedFloat.end(),
                         {sin(g), cos(double(f * 10000)), exp(g / 8), log(fabs(g) + 0.5), pow(fabs(g), double(1.7f)),
                          tanh(g), g / 3, g / 7, sqrt(fabs(g)), 1 / sqrt(double(fabsf(f) + 0.1f)), sin(double(f / 8)),
                          log2(double(fabsf(f) + 1)), fmod(g, double(0.7f)), exp2(g)});
    }
    for (int i = 0; i < count; ++i) {
      double x = in[i], y = in[(i + 1) % count];
      roundedOnHost(x, y, 1e-9, exact);
      volatile double product = -x * y;
      exact.push_back(std::fma(x, y, product));
      float a = float(x), b = float(y);
      roundedOnHost(a, b, 1e-5f, exactFloat);
      exactFloat.push_back(rounded<float>(FE_UPWARD, std::fabs(a), 0, [](float c, float) { return std::sqrt(c); }));
    }
    Buffer<double> device(in), out(count * 14), outExact(count * 4);
    Buffer<float> deviceFloat(inFloat), outFloat(count * 14), outExactFloat(count * 4);
    Dim grid{ceilDiv(count, 64)}, block{64};
    launch(module.kernel("elementary"), {.grid = grid, .block = block}, static_cast<const double *>(device.get()),
           out.get(), count);
    expectClose("double", out.read(), wanted, 1e-13, 1e-15);
    launch(module.kernel("elementaryFloat"), {.grid = grid, .block = block},
           static_cast<const float *>(deviceFloat.get()), outFloat.get(), count);
    expectClose("float", outFloat.read(), wantedFloat, 2e-6, 1e-6);
    launch(module.kernel("rounded"), {.grid = grid, .block = block}, static_cast<const double *>(device.get()),
           outExact.get(), outExactFloat.get(), count);
    expectClose("rounded double", outExact.read(), exact);
    expectClose("rounded float", outExactFloat.read(), exactFloat);
  }
}
