// The kernel of mlir/GroupedGemm.py, whose sizes these are: ragged groups, gathered rows, gated scatter.
#include "Harness.h"

#include <algorithm>

using namespace programs;

PROGRAM(GroupedGemm, 80) {
  constexpr int kTokens = 90, kK = 160, kN = 128, kGroups = 3, kRows = 300, kTiles = 5;
  const int sizes[kGroups] = {130, 1, 169};
  Module module;
  Random random(7);
  std::vector<uint16_t> a(kTokens * kK), w(kGroups * kN * kK);
  for (auto *values : {&a, &w})
    for (uint16_t &x : *values)
      x = toBf16(random.eighths());
  std::vector<float> gate(kRows);
  std::vector<int> source(kRows), destination(kRows), tiles;
  for (int s = 0; s < kRows; ++s) {
    gate[s] = random.uniform(0.1f, 1);
    source[s] = int(random.integer(0, kTokens - 1));
    destination[s] = s;
  }
  for (int s = kRows - 1; s > 0; --s)
    std::swap(destination[s], destination[random.integer(0, s)]);
  std::vector<double> wanted(kRows * kN);
  for (int group = 0, first = 0; group < kGroups; first += sizes[group++]) {
    for (int start = 0; start < sizes[group]; start += 128)
      tiles.insert(tiles.end(), {group, first + start, std::min(128, sizes[group] - start)});
    for (int s = first; s < first + sizes[group]; ++s)
      for (int n = 0; n < kN; ++n) {
        double sum = 0;
        for (int k = 0; k < kK; ++k)
          sum += double(fromBf16(a[source[s] * kK + k])) * fromBf16(w[(group * kN + n) * kK + k]);
        wanted[destination[s] * kN + n] = fromBf16(toBf16(float(sum) * gate[s])); // the sum is exact
      }
  }
  expect(tiles.size() == kTiles * 3, "the table of tiles has the kernel's size");
  Buffer<uint16_t> deviceA(a), deviceW(w), y(kRows * kN);
  Buffer<float> deviceGate(gate);
  Buffer<int> deviceSource(source), deviceDestination(destination), deviceTiles(tiles);
  launch(module.kernel("groupedGemm"), {.grid = {kTiles, kN / 128}, .block = {128}}, deviceA.get(), deviceSource.get(),
         deviceW.get(), deviceGate.get(), deviceDestination.get(), deviceTiles.get(), y.get());
  std::vector<double> got;
  for (uint16_t x : y.read())
    got.push_back(fromBf16(x));
  expectClose("y", got, wanted);
}
