#include "Harness.h"

using namespace programs;

namespace {

/// Inputs that are exact in the element's format; every sum is exact in the accumulator, so results must be equal.
template <class Element, class Accumulator, class Draw, class Encode>
void check(const Module &module, const char *kernel, int m, int n, int k, Draw draw, Encode encode) {
  Random random(m * 1000003 + n * 1009 + k);
  std::vector<double> a(size_t(m) * k), b(size_t(n) * k), wanted(size_t(m) * n);
  std::vector<Element> encodedA, encodedB;
  for (double &x : a)
    encodedA.push_back(encode(x = draw(random)));
  for (double &x : b)
    encodedB.push_back(encode(x = draw(random)));
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < k; ++l)
        wanted[size_t(i) * n + j] += a[size_t(i) * k + l] * b[size_t(j) * k + l];
  Buffer<Element> deviceA(encodedA), deviceB(encodedB);
  Buffer<Accumulator> c(size_t(m) * n);
  launch(module.kernel(kernel), {.grid = {ceilDiv(n, 64), ceilDiv(m, 64)}, .block = {128}},
         static_cast<const void *>(deviceA.get()), static_cast<const void *>(deviceB.get()), c.get(), m, n,
         int(k * sizeof(Element)));
  expectClose(std::string(kernel) + " " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k),
              c.read(), wanted);
}

} // namespace

PROGRAM(MmaGemm, 80) {
  Module module;
  auto eighths = [](Random &random) { return random.eighths(); };
  auto bytes = [](Random &random) { return float(random.integer(-128, 127)); };
  struct {
    int m, n, k;
  } shapes[] = {{64, 64, 256}, {1, 1, 16}, {70, 9, 144}, {128, 130, 64}};
  for (auto [m, n, k] : shapes) {
    check<uint16_t, float>(module, "gemmBf16", m, n, k, eighths, [](double x) { return toBf16(float(x)); });
    check<uint16_t, float>(module, "gemmF16", m, n, k, eighths, [](double x) { return toHalf(float(x)); });
    check<float, float>(module, "gemmTf32", m, n, k, eighths, [](double x) { return float(x); });
    check<int8_t, int>(module, "gemmS8", m, n, k, bytes, [](double x) { return int8_t(x); });
  }
}
