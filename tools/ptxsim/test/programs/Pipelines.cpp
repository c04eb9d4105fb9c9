#include "Harness.h"

using namespace programs;

PROGRAM(Pipelines, 80) {
  Module module;
  for (int tiles : {1, 2, 5}) {
    constexpr int kBlocks = 2;
    Random random(tiles);
    {
      std::vector<float> in(kBlocks * tiles * 64 + 2), wanted;
      for (float &x : in)
        x = random.eighths();
      for (size_t i = 0; i + 2 < in.size(); ++i)
        wanted.push_back(in[i] + in[i + 1] + in[i + 2]);
      Buffer<float> device(in), out(wanted.size());
      launch(module.kernel("stencilPipeline"), {.grid = {kBlocks}, .block = {64}},
             static_cast<const float *>(device.get()), out.get(), tiles);
      expectClose("stencilPipeline", out.read(), wanted);
    }
    {
      std::vector<float> in(kBlocks * tiles * 128), wanted;
      for (float &x : in)
        wanted.push_back(2 * (x = random.eighths()));
      Buffer<float> device(in), out(wanted.size());
      launch(module.kernel("scaleBarriers"), {.grid = {kBlocks}, .block = {96}},
             static_cast<const float *>(device.get()), out.get(), tiles);
      expectClose("scaleBarriers", out.read(), wanted);
    }
    std::vector<int> in(kBlocks * tiles * 64), wanted(in.size());
    for (size_t i = 0; i < in.size(); ++i)
      wanted[i / 64 * 64 + 63 - i % 64] = in[i] = int(random.bits() >> 40);
    Buffer<int> device(in), out(in.size());
    launch(module.kernel("reversePrimitives"), {.grid = {kBlocks}, .block = {64}},
           static_cast<const int *>(device.get()), out.get(), tiles);
    expectEqual("reversePrimitives", out.read(), wanted);
  }
}
