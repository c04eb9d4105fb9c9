#include "Harness.h"

using namespace programs;

namespace {

struct Tile {
  unsigned m, n, threads = 32;
};

/// Small whole numbers: exact in every format and sum. `columnMajor`: B is handed over as [n][k].
template <class Element, class Sum, class Encode, class Decode>
void check(const Module &module, const char *kernel, Tile tile, int m, int n, int k, bool columnMajor, double factor,
           Encode encode, Decode decode) {
  Random random(m + n + k);
  std::vector<double> a(m * k), b(k * n), wanted(m * n);
  std::vector<Element> encodedA, encodedB(k * n);
  std::vector<Sum> initial(m * n);
  for (double &x : a)
    encodedA.push_back(encode(x = double(random.integer(-4, 4))));
  for (int l = 0; l < k; ++l)
    for (int j = 0; j < n; ++j)
      encodedB[columnMajor ? j * k + l : l * n + j] = encode(b[l * n + j] = double(random.integer(-4, 4)));
  for (int i = 0; i < m * n; ++i) {
    if (factor == 1)
      initial[i] = Sum(wanted[i] = double(i % 7));
    for (int l = 0; l < k; ++l)
      wanted[i] += a[i / n * k + l] * b[l * n + i % n] * factor;
  }
  Buffer<Element> deviceA(encodedA), deviceB(encodedB);
  Buffer<Sum> c(initial);
  launch(module.kernel(kernel), {.grid = {n / tile.n, m / tile.m}, .block = {tile.threads}},
         static_cast<const Element *>(deviceA.get()), static_cast<const Element *>(deviceB.get()), c.get(), n, k);
  std::vector<double> got;
  for (Sum x : c.read())
    got.push_back(decode(x));
  expectClose(kernel, got, wanted);
}

} // namespace

PROGRAM(WmmaGemm, 80) {
  Module module;
  auto half = [](double x) { return toHalf(float(x)); };
  auto plain = [](auto x) { return double(x); };
  check<uint16_t, float>(module, "half16", {16, 16}, 32, 48, 64, false, 1, half, plain);
  check<uint16_t, float>(module, "half16Column", {16, 16}, 16, 32, 48, true, 1, half, plain);
  check<uint16_t, float>(module, "half32", {32, 8}, 32, 24, 32, false, 1, half, plain);
  check<uint16_t, float>(module, "half8", {8, 32}, 16, 32, 32, false, 1, half, plain);
  check<int8_t, int>(
      module, "bytes16", {16, 16}, 16, 32, 32, false, 1, [](double x) { return int8_t(x); }, plain);
  check<float, float>(
      module, "tf32", {16, 16}, 16, 16, 24, false, 1, [](double x) { return float(x); }, plain);
  check<double, double>(
      module, "doubles", {8, 8}, 16, 8, 12, false, 1, [](double x) { return x; }, plain);
  check<uint16_t, uint16_t>(module, "staged", {32, 32, 128}, 64, 32, 48, false, 2, half,
                            [](uint16_t x) { return double(fromHalf(x)); });
}
