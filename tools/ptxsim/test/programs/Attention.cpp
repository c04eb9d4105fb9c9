#include "Harness.h"

#include <algorithm>

using namespace programs;

static void check(const Module &module, int queries, int keys, bool causal) {
  constexpr int kColumns = 64;
  Random random(queries * 1000 + keys);
  auto draw = [&](int rows) {
    std::vector<uint16_t> matrix(rows * kColumns);
    for (uint16_t &x : matrix)
      x = toBf16(random.uniform(-2, 2));
    return matrix;
  };
  std::vector<uint16_t> q = draw(queries), k = draw(keys), v = draw(keys);
  std::vector<double> wanted(queries * kColumns);
  for (int i = 0; i < queries; ++i) {
    int end = causal ? std::min(keys, i + 1) : keys;
    std::vector<double> weights(end);
    double most = -INFINITY, sum = 0;
    for (int j = 0; j < end; ++j) {
      for (int c = 0; c < kColumns; ++c)
        weights[j] += double(fromBf16(q[i * kColumns + c])) * fromBf16(k[j * kColumns + c]) / 8;
      most = std::max(most, weights[j]);
    }
    for (double &weight : weights)
      sum += weight = std::exp(weight - most);
    for (int j = 0; j < end; ++j)
      for (int c = 0; c < kColumns; ++c)
        wanted[i * kColumns + c] += weights[j] / sum * fromBf16(v[j * kColumns + c]);
  }
  Buffer<uint16_t> deviceQ(q), deviceK(k), deviceV(v);
  using Pointer = const uint16_t *;
  auto compare = [&](const Buffer<uint16_t> &out, const std::string &what) {
    std::vector<double> got;
    for (uint16_t x : out.read())
      got.push_back(fromBf16(x));
    // Weights and results are rounded to bf16: 2^-9 of values up to 2 each.
    expectClose(what + " " + std::to_string(queries) + "x" + std::to_string(keys), got, wanted, 0, 0.012);
  };
  {
    Buffer<uint16_t> out(q.size());
    launch(module.kernel("attention"), {.grid = {ceilDiv(queries, 64)}, .block = {128}}, Pointer(deviceQ.get()),
           Pointer(deviceK.get()), Pointer(deviceV.get()), out.get(), queries, keys, int(causal));
    compare(out, "attention");
  }
  if (architecture() < 90)
    return;
  auto map = [&](const Buffer<uint16_t> &matrix, int rows) {
    return tensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, CUdeviceptr(matrix.get()), {kColumns, uint64_t(rows)},
                     {kColumns * 2}, {kColumns, 64}, CU_TENSOR_MAP_SWIZZLE_128B);
  };
  Buffer<uint16_t> out(q.size());
  launch(module.kernel("attentionTma"), {.grid = {ceilDiv(queries, 64)}, .block = {128}, .dynamicShared = 5 * 64 * 128},
         map(deviceQ, queries), map(deviceK, keys), map(deviceV, keys), out.get(), queries, keys, int(causal));
  compare(out, "attentionTma");
}

PROGRAM(Attention, 80) {
  Module module;
  check(module, 1, 1, false);
  check(module, 64, 200, false);
  check(module, 100, 70, true);
  check(module, 70, 300, true);
}
