#include "Harness.h"

using namespace programs;

PROGRAM(Clusters, 90) {
  Module module;
  for (unsigned size : {1u, 2u, 4u, 8u})
    for (int count : {1, 500}) {
      Random random(count);
      std::vector<uint8_t> in(count);
      std::vector<unsigned> wanted(64);
      for (uint8_t &x : in)
        ++wanted[(x = uint8_t(random.bits())) % 64];
      Buffer<uint8_t> device(in);
      Buffer<unsigned> out(64);
      out.clear();
      launch(module.kernel("histogram"), {.grid = {8}, .block = {32}, .cluster = {size}},
             static_cast<const uint8_t *>(device.get()), count, out.get());
      expectEqual("histogram", out.read(), wanted);
    }
  struct {
    unsigned x, y;
  } shapes[] = {{2, 1}, {1, 2}, {2, 2}, {4, 2}};
  for (auto [x, y] : shapes) {
    constexpr unsigned kAcross = 4, kDown = 4;
    std::vector<float> in(kAcross * kDown);
    std::vector<double> wanted(in.size());
    std::vector<int> places(in.size());
    for (unsigned i = 0; i < in.size(); ++i)
      in[i] = float(i * i + 1);
    for (unsigned i = 0; i < in.size(); ++i) {
      unsigned column = i % kAcross, row = i / kAcross;
      for (unsigned j = 0; j < in.size(); ++j)
        if (j % kAcross / x == column / x && j / kAcross / y == row / y)
          wanted[i] += in[j];
      places[i] = int((row % y * x + column % x) * 10000 + row % y * 100 + column % x);
    }
    Buffer<float> device(in), out(in.size());
    Buffer<int> devicePlaces(in.size());
    launch(module.kernel("sumCluster"), {.grid = {kAcross, kDown}, .block = {64}, .cluster = {x, y}},
           static_cast<const float *>(device.get()), out.get(), devicePlaces.get());
    expectClose("sumCluster", out.read(), wanted);
    expectEqual("places", devicePlaces.read(), places);
  }
}
