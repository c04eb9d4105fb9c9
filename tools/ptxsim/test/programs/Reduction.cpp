#include "Harness.h"

#include <algorithm>

using namespace programs;

PROGRAM(Reduction, 80) {
  Module module;
  for (int count : {0, 1, 100, 3000}) {
    Random random(count);
    std::vector<float> in(count);
    double sum = 0;
    for (float &x : in)
      sum += x = random.eighths();
    std::vector<double> wanted{sum};
    Buffer<float> deviceIn(in), out(1), scratch(5);
    Buffer<unsigned> counter(1);
    const float *values = deviceIn.get();
    out.clear();
    launch(module.kernel("sumAtomic"), {.grid = {4}, .block = {160}}, values, out.get(), count);
    expectClose("sumAtomic", out.read(), wanted);
    out.clear();
    launch(module.kernel("sumTree"), {.grid = {3}, .block = {64}}, values, out.get(), count);
    expectClose("sumTree", out.read(), wanted);
    out.clear(), counter.clear();
    launch(module.kernel("sumLastBlock"), {.grid = {5}, .block = {96}}, values, scratch.get(), counter.get(), out.get(),
           count);
    expectClose("sumLastBlock", out.read(), wanted);
  }
  for (unsigned mask : {0xffffffffu, 0xfu}) {
    Random random(mask);
    std::vector<unsigned> in(32);
    for (unsigned &x : in)
      x = unsigned(random.bits()) & mask;
    std::vector<unsigned> wanted(11);
    wanted[0] = wanted[3] = ~0u;
    int least = INT32_MAX, most = INT32_MIN;
    wanted[10] = 1;
    for (unsigned i = 0; i < 32; ++i) {
      unsigned x = in[i];
      wanted[0] = std::min(wanted[0], x), wanted[1] = std::max(wanted[1], x), wanted[2] += x;
      wanted[3] &= x, wanted[4] |= x, wanted[5] ^= x;
      least = std::min(least, int(x)), most = std::max(most, int(x));
      wanted[8] |= (x & 1) << i;
      wanted[9] |= x == 7, wanted[10] &= x != 7;
    }
    wanted[6] = unsigned(least), wanted[7] = unsigned(most);
    Buffer<unsigned> deviceIn(in), out(11);
    launch(module.kernel("reduceWarp"), {.grid = {1}, .block = {32}}, static_cast<const unsigned *>(deviceIn.get()),
           out.get());
    expectEqual("reduceWarp", out.read(), wanted);
  }
}
