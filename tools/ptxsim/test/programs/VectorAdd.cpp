#include "Harness.h"

using namespace programs;

PROGRAM(VectorAdd, 80) {
  Module module;
  for (int count : {128, 1, 3, 1000, 4097}) {
    Random random(count);
    std::vector<float> x, y, sum, scaled;
    for (int i = 0; i < count; ++i) {
      x.push_back(random.uniform(-5, 5));
      y.push_back(random.uniform(-5, 5));
      sum.push_back(x[i] + y[i]);
      scaled.push_back(std::fma(1.5f, x[i], y[i]));
    }
    Buffer<float> deviceX(x), deviceY(y), z(count), z4(count);
    const float *constX = deviceX.get(), *constY = deviceY.get();
    launch(module.kernel("add"), {.grid = {ceilDiv(count, 128)}, .block = {128}}, constX, constY, z.get(), count);
    expectClose("add", z.read(), sum);
    launch(module.kernel("add4"), {.grid = {ceilDiv(count, 256)}, .block = {64}}, constX, constY, z4.get(), count);
    expectClose("add4", z4.read(), sum);
    launch(module.kernel("saxpy"), {.grid = {3}, .block = {96}}, 1.5f, constX, deviceY.get(),
           static_cast<long long>(count));
    expectClose("saxpy", deviceY.read(), scaled);
  }
}
