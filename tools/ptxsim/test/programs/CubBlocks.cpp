#include "Harness.h"

#include <algorithm>

using namespace programs;

PROGRAM(CubBlocks, 80) {
  Module module;
  for (int count : {1, 63, 256}) {
    Random random(count);
    std::vector<int> in(count), sums(count);
    int sum = 0;
    for (int i = 0; i < count; ++i)
      sums[i] = sum += in[i] = int(random.integer(-100, 100));
    Buffer<int> device(in), out(count), total(1);
    launch(module.kernel("scan"), {.grid = {1}, .block = {64}}, static_cast<const int *>(device.get()), out.get(),
           total.get(), count);
    expectEqual("scan", out.read(), sums);
    expectEqual("total", total.read(), {sum});

    std::vector<std::pair<unsigned, uint8_t>> pairs(count);
    std::vector<unsigned> keys, wantedKeys;
    std::vector<uint8_t> values, wantedValues;
    for (int i = 0; i < count; ++i) {
      pairs[i] = {unsigned(random.bits() >> 50), uint8_t(i)};
      keys.push_back(pairs[i].first), values.push_back(pairs[i].second);
    }
    Buffer<unsigned> deviceKeys(keys);
    Buffer<uint8_t> deviceValues(values);
    launch(module.kernel("sort"), {.grid = {1}, .block = {64}}, deviceKeys.get(), deviceValues.get(), count);
    std::sort(pairs.begin(), pairs.end()); // values were ascending: the same as a stable sort by keys
    for (auto [key, value] : pairs)
      wantedKeys.push_back(key), wantedValues.push_back(value);
    expectEqual("keys", deviceKeys.read(), wantedKeys);
    expectEqual("values", deviceValues.read(), wantedValues);
  }
  Random random(1);
  std::vector<double> in(64);
  std::vector<int> wanted(64);
  for (double &x : in)
    x = double(random.integer(-5000, 5000)) / 8;
  for (int i = 0; i < 64; ++i) {
    wanted[i] = -1000;
    for (int j = i / 8 * 8; j < i; ++j)
      wanted[i] = std::max(wanted[i], int(in[j]));
  }
  Buffer<double> device(in), least(1);
  Buffer<int> prefixes(64);
  launch(module.kernel("reduce"), {.grid = {1}, .block = {64}}, static_cast<const double *>(device.get()), least.get(),
         prefixes.get());
  expectEqual("least", least.read(), {*std::min_element(in.begin(), in.end())});
  expectEqual("prefixes", prefixes.read(), wanted);
}
