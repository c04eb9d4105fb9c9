// The kernel of mlir/HopperGemm.py, whose k this is.
#include "Harness.h"

using namespace programs;

static void check(const Module &module, int m, int n) {
  constexpr int kK = 576;
  constexpr unsigned kDynamicShared = 4 * (128 + 256) * 128;
  Random random(m + n);
  std::vector<uint16_t> a(m * kK), b(n * kK);
  for (auto *values : {&a, &b})
    for (uint16_t &x : *values)
      x = toBf16(random.eighths());
  std::vector<float> left, right;
  for (uint16_t x : a)
    left.push_back(fromBf16(x));
  for (uint16_t x : b)
    right.push_back(fromBf16(x));
  std::vector<double> wanted, got;
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0; // exact
      for (int k = 0; k < kK; ++k)
        sum += left[i * kK + k] * right[j * kK + k];
      wanted.push_back(fromBf16(toBf16(sum)));
    }
  Buffer<uint16_t> deviceA(a), deviceB(b), c(size_t(m) * n);
  auto map = [&](const Buffer<uint16_t> &matrix, int rows, uint32_t boxRows) {
    return tensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, CUdeviceptr(matrix.get()), {kK, uint64_t(rows)}, {kK * 2},
                     {64, boxRows}, CU_TENSOR_MAP_SWIZZLE_128B);
  };
  launch(module.kernel("hopperGemm", kDynamicShared),
         {.grid = {unsigned(m) / 128, unsigned(n) / 256}, .block = {384}, .dynamicShared = kDynamicShared},
         map(deviceA, m, 128), map(deviceB, n, 256), c.get(), n);
  for (uint16_t x : c.read())
    got.push_back(fromBf16(x));
  expectClose("c", got, wanted);
}

PROGRAM(HopperGemm, 90) {
  Module module;
  check(module, 128, 256);
  check(module, 256, 256);
}
