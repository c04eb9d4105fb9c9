#include "Harness.h"

#include <algorithm>

using namespace programs;

static void checkSoftmax(const Module &module, int rows, int columns) {
  Random random(rows * 131 + columns);
  std::vector<float> in(rows * columns);
  std::vector<double> wanted;
  for (float &x : in)
    x = random.uniform(-20, 20);
  for (int r = 0; r < rows; ++r) {
    double most = -INFINITY, sum = 0;
    for (int i = 0; i < columns; ++i)
      most = std::max(most, double(in[r * columns + i]));
    for (int i = 0; i < columns; ++i)
      sum += std::exp(in[r * columns + i] - most);
    for (int i = 0; i < columns; ++i)
      wanted.push_back(std::exp(in[r * columns + i] - most) / sum);
  }
  Buffer<float> device(in), out(in.size());
  launch(module.kernel("softmax"), {.grid = {ceilDiv(rows, 4)}, .block = {128}},
         static_cast<const float *>(device.get()), out.get(), rows, columns);
  expectClose("softmax", out.read(), wanted, 2e-5, 1e-12);
}

static void checkLayerNorm(const Module &module, int rows, int columns) {
  Random random(rows * 131 + columns);
  std::vector<uint16_t> in(rows * columns), scale(columns), bias(columns);
  for (auto *values : {&in, &scale, &bias})
    for (uint16_t &x : *values)
      x = toBf16(random.uniform(-3, 3));
  std::vector<double> wanted;
  for (int r = 0; r < rows; ++r) {
    double mean = 0, variance = 0;
    for (int i = 0; i < columns; ++i)
      mean += fromBf16(in[r * columns + i]) / double(columns);
    for (int i = 0; i < columns; ++i)
      variance += std::pow(fromBf16(in[r * columns + i]) - mean, 2) / columns;
    for (int i = 0; i < columns; ++i)
      wanted.push_back((fromBf16(in[r * columns + i]) - mean) / std::sqrt(variance + 1e-5) * fromBf16(scale[i]) +
                       fromBf16(bias[i]));
  }
  Buffer<uint16_t> device(in), deviceScale(scale), deviceBias(bias), out(in.size());
  using Pointer = const uint16_t *;
  launch(module.kernel("layerNorm"), {.grid = {unsigned(rows)}, .block = {96}}, Pointer(device.get()),
         Pointer(deviceScale.get()), Pointer(deviceBias.get()), out.get(), columns);
  std::vector<double> got;
  for (uint16_t x : out.read())
    got.push_back(fromBf16(x));
  expectClose("layerNorm", got, wanted, 1.0 / 200, 1e-4);
}

PROGRAM(Softmax, 80) {
  Module module;
  checkSoftmax(module, 1, 1);
  checkSoftmax(module, 5, 20);
  checkSoftmax(module, 9, 333);
  checkLayerNorm(module, 1, 1);
  checkLayerNorm(module, 4, 257);
  checkLayerNorm(module, 3, 512);
}
