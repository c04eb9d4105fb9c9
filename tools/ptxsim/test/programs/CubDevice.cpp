// Launches the kernels of CUB as its dispatch layer does.
#include "Harness.h"

#include <algorithm>

using namespace programs;

namespace {

struct Policy {
  int threads, items;
  unsigned tiles(int count) const { return ceilDiv(size_t(count), size_t(threads) * items); }
  unsigned block() const { return unsigned(threads); }
};

struct Empty {}; // operators and absent values take a byte of the parameter block

void checkScan(const Module &module, Policy policy, int count) {
  Random random(count);
  std::vector<int> in(count), wanted(count);
  int sum = 0;
  for (int i = 0; i < count; ++i)
    wanted[i] = sum += in[i] = int(random.integer(-50, 50));
  unsigned tiles = policy.tiles(count);
  Buffer<int> device(in), out(count);
  Buffer<uint64_t> states(tiles + 32); // a warp's worth of padding in front
  launch(module.kernelContaining("DeviceScanInitKernel"), {.grid = {ceilDiv(tiles, 128)}, .block = {128}}, states.get(),
         int(tiles));
  launch(module.kernelContaining("DeviceScanKernel"), {.grid = {tiles}, .block = {policy.block()}}, device.get(),
         out.get(), states.get(), 0, Empty(), Empty(), unsigned(count));
  expectEqual("scan", out.read(), wanted);
}

void checkSort(const Module &module, Policy histogram, Policy sweep, int count) {
  Random random(count);
  std::vector<unsigned> keys(count);
  for (unsigned &key : keys)
    key = unsigned(random.bits());
  constexpr int kPasses = 4, kDigits = 256;
  unsigned blocks = sweep.tiles(count);
  Buffer<unsigned> first(keys), second(count), bins(kPasses * kDigits);
  Buffer<int> lookBack(blocks * kDigits), counters(kPasses);
  bins.clear(), counters.clear();
  unsigned *in = first.get(), *out = second.get();
  launch(module.kernelContaining("DeviceRadixSortHistogramKernel"), {.grid = {2}, .block = {histogram.block()}},
         bins.get(), static_cast<const unsigned *>(in), unsigned(count), 0, 32, Empty());
  launch(module.kernelContaining("DeviceRadixSortExclusiveSumKernel"), {.grid = {kPasses}, .block = {256}}, bins.get());
  for (int pass = 0; pass < kPasses; ++pass) {
    synchronize();
    lookBack.clear();
    launch(module.kernelContaining("DeviceRadixSortOnesweepKernel"), {.grid = {blocks}, .block = {sweep.block()}},
           lookBack.get(), counters.get() + pass, static_cast<unsigned *>(nullptr),
           static_cast<const unsigned *>(bins.get() + pass * kDigits), out, static_cast<const unsigned *>(in),
           static_cast<Empty *>(nullptr), static_cast<const Empty *>(nullptr), count, pass * 8, 8, Empty());
    std::swap(in, out);
  }
  std::sort(keys.begin(), keys.end());
  expectEqual("sort", first.read(), keys);
}

} // namespace

PROGRAM(CubDevice, 80) {
  Module module;
  Buffer<Policy> policies(3);
  launch(module.kernel("describePolicies"), {.grid = {1}, .block = {1}}, policies.get());
  std::vector<Policy> policy = policies.read();
  for (int count : {1, 1000, 20000})
    checkScan(module, policy[0], count);
  for (int count : {100, 12000})
    checkSort(module, policy[1], policy[2], count);
}
