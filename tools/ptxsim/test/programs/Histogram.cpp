#include "Harness.h"

#include <algorithm>

using namespace programs;

PROGRAM(Histogram, 80) {
  Module module;
  for (int count : {0, 1, 77, 2000}) {
    Random random(count);
    std::vector<uint8_t> in(count), kept;
    std::vector<unsigned> wanted(256);
    for (uint8_t &x : in) {
      x = uint8_t(random.integer(0, 255) & random.integer(0, 255));
      ++wanted[x];
      if (x < 60)
        kept.push_back(x);
    }
    Buffer<uint8_t> deviceIn(in), filtered(count);
    Buffer<unsigned> out(256), length(1);
    const uint8_t *values = deviceIn.get();
    out.clear();
    launch(module.kernel("histogramShared"), {.grid = {3}, .block = {128}}, values, count, out.get());
    expectEqual("histogramShared", out.read(), wanted);
    out.clear();
    launch(module.kernel("histogramMatch"), {.grid = {2}, .block = {96}}, values, count, out.get());
    expectEqual("histogramMatch", out.read(), wanted);
    if (count == 0)
      continue;
    length.clear();
    launch(module.kernel("filter"), {.grid = {ceilDiv(count, 64)}, .block = {64}}, values, count, uint8_t(60),
           filtered.get(), length.get());
    std::vector<uint8_t> got = filtered.read();
    expectEqual("filter", length.read(), {unsigned(kept.size())});
    got.resize(kept.size());
    std::sort(got.begin(), got.end());
    std::sort(kept.begin(), kept.end());
    expectEqual("filter", got, kept);
  }
}
