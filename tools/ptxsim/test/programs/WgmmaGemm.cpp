#include "Harness.h"

using namespace programs;

namespace {

constexpr unsigned kDynamicShared = 4 * (128 + 64) * 128 + 1024;

/// Exact inputs and sums, so results must be equal.
template <class Element, class Encode>
void check(const Module &module, const char *kernel, int m, int n, int k, Encode encode,
           unsigned persistentBlocks = 0) {
  Random random(m * 1000003 + n * 1009 + k);
  std::vector<double> a(size_t(m) * k), b(size_t(n) * k), wanted(size_t(m) * n);
  std::vector<Element> encodedA, encodedB;
  for (double &x : a)
    encodedA.push_back(encode(float(x = random.eighths())));
  for (double &x : b)
    encodedB.push_back(encode(float(x = random.eighths())));
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < k; ++l)
        wanted[size_t(i) * n + j] += a[size_t(i) * k + l] * b[size_t(j) * k + l];
  Buffer<Element> deviceA(encodedA), deviceB(encodedB);
  Buffer<float> c(size_t(m) * n);
  Buffer<int> counter(std::vector<int>{0});
  CUtensorMapDataType type = sizeof(Element) == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  uint64_t pitch = uint64_t(k) * sizeof(Element);
  auto map = [&](const Buffer<Element> &matrix, int rows, uint32_t boxRows) {
    return tensorMap(type, CUdeviceptr(matrix.get()), {uint64_t(k), uint64_t(rows)}, {pitch},
                     {uint32_t(128 / sizeof(Element)), boxRows}, CU_TENSOR_MAP_SWIZZLE_128B);
  };
  CUtensorMap mapA = map(deviceA, m, 128), mapB = map(deviceB, n, 64);
  CUfunction function = module.kernel(kernel, kDynamicShared);
  if (persistentBlocks)
    launch(function, {.grid = {persistentBlocks}, .block = {384}, .dynamicShared = kDynamicShared}, mapA, mapB, c.get(),
           m, n, k, counter.get());
  else
    launch(function, {.grid = {ceilDiv(n, 64), ceilDiv(m, 128)}, .block = {384}, .dynamicShared = kDynamicShared}, mapA,
           mapB, c.get(), m, n, k);
  expectClose(std::string(kernel) + " " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k),
              c.read(), wanted);
}

} // namespace

PROGRAM(WgmmaGemm, 90) {
  Module module;
  check<uint16_t>(module, "gemmBf16", 128, 64, 64 * 7, toBf16);
  check<uint16_t>(module, "gemmBf16", 1, 1, 8, toBf16);
  check<uint16_t>(module, "gemmBf16", 150, 70, 64 * 4 + 24, toBf16);
  check<uint8_t>(module, "gemmE4m3", 130, 65, 128 * 6 + 48, toE4m3);
  check<uint16_t>(module, "gemmRegistersBf16", 70, 66, 64 * 9 + 8, toBf16);
  check<uint8_t>(module, "gemmRegistersE4m3", 129, 20, 128 * 5 + 16, toE4m3);
  check<uint16_t>(module, "gemmPersistent", 300, 150, 64 * 3, toBf16, 2);
  check<uint16_t>(module, "gemmPersistent", 40, 30, 64 * 5, toBf16, 3);
}
