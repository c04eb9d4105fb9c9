#include "Harness.h"

using namespace programs;

static void check(const Module &module, int m, int n, int k) {
  constexpr unsigned kDynamicShared = 3 * 2 * 64 * 128 + 64 * 128 + 1024;
  Random random(m * 1000003 + n * 1009 + k);
  std::vector<double> a(size_t(m) * k), b(size_t(n) * k), wanted(size_t(m) * n);
  std::vector<uint16_t> encodedA, encodedB;
  for (double &x : a)
    encodedA.push_back(toBf16(float(x = random.eighths())));
  for (double &x : b)
    encodedB.push_back(toBf16(float(x = random.eighths())));
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < k; ++l)
        wanted[size_t(i) * n + j] += a[size_t(i) * k + l] * b[size_t(j) * k + l];
  Buffer<uint16_t> deviceA(encodedA), deviceB(encodedB);
  Buffer<float> c(size_t(m) * n);
  auto map = [&](const Buffer<uint16_t> &matrix, int rows, uint32_t boxRows) {
    return tensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, CUdeviceptr(matrix.get()), {uint64_t(k), uint64_t(rows)},
                     {uint64_t(k) * 2}, {64, boxRows}, CU_TENSOR_MAP_SWIZZLE_128B);
  };
  CUtensorMap mapC = tensorMap(CU_TENSOR_MAP_DATA_TYPE_FLOAT32, CUdeviceptr(c.get()), {uint64_t(n), uint64_t(m)},
                               {uint64_t(n) * 4}, {32, 64}, CU_TENSOR_MAP_SWIZZLE_128B);
  launch(module.kernel("gemm", kDynamicShared),
         {.grid = {ceilDiv(n, 64), ceilDiv(m, 128) * 2},
          .block = {160},
          .dynamicShared = kDynamicShared,
          .cluster = {1, 2, 1}},
         map(deviceA, m, 64), map(deviceB, n, 32), mapC, k);
  expectClose("C " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k), c.read(), wanted);
}

PROGRAM(ClusterGemm, 90) {
  Module module;
  check(module, 128, 64, 64 * 8);
  check(module, 1, 4, 8);
  check(module, 140, 100, 64 * 4 + 16);
}
