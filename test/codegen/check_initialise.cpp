// Checks initial values against Philox4x32-10 written with 64-bit integers, and a known answer of Random123.
#include "KernelText.h"
#include "Philox.h"

using namespace kernelcheck;

namespace {

constexpr uint64_t site = 0xF123456789ABCDEFull;
constexpr double scale = 0.02;

/// What dialect/StateOps.td says of motley.variable, in double.
double want(const std::string &init, int64_t seed, uint64_t element) {
  Words w = philox({{uint32_t(element), uint32_t(element >> 32), uint32_t(site), uint32_t(site >> 32)}}, uint32_t(seed),
                   uint32_t(uint64_t(seed) >> 32));
  if (init == "constant")
    return scale;
  if (init == "uniform")
    return scale * (2 * w.u(0) - 1);
  return scale * std::sqrt(-2 * std::log(w.u(0))) * std::cos(2 * M_PI * w.u(1));
}
// A normal draw is a product of a root (at most 6) and a cosine, each within a few roundings of its own size.
double tolerance(const std::string &init) { return (init == "normal" ? 16 : 1) * kEpsilon * scale; }

std::string text(const std::string &init, int64_t rows, int64_t columns, const std::string &type) {
  return kernelText("initialise<" + init + ", rows = " + std::to_string(rows) +
                        ", columns = " + std::to_string(columns) + ">",
                    {type, "i64", "f32", "i64", "i64", "i64"});
}
std::vector<Operand> operands(const Buffer<float> &bank, int64_t seed, int64_t member, int64_t panel) {
  return {bank, seed, float(scale), int64_t(site), member, panel};
}

} // namespace

KERNEL_CHECK(philox_known_answer) {
  Words w = philox({{0, 0, 0, 0}}, 0, 0);
  check.expect(w.word[0] == 0x6627e8d5 && w.word[1] == 0xe169c58d && w.word[2] == 0xbc57ac4c && w.word[3] == 0x9b00dbd8,
               "the reference of this check is wrong");
}

KERNEL_CHECK(initialise_fills_a_packed_matrix) {
  const int64_t members = 3, panels = 4, K = 40;
  for (std::string init : {"constant", "normal", "uniform"})
    for (int64_t N : {32, 40, 64}) {
      int64_t seed = -0x123456789ABCDEFll;
      Buffer<float> bank(members * panels * K * 32);
      check.run(text(init, K, N, memref({members, panels, K, 32})), operands(bank, seed, 1, 2), 2, 1);
      int64_t ownPanels = (N + 31) / 32;
      for (int64_t m = 0; m < members; ++m)
        for (int64_t p = 0; p < panels; ++p)
          for (int64_t k = 0; k < K; ++k)
            for (int64_t c = 0; c < 32; ++c) {
              float got = bank[((m * panels + p) * K + k) * 32 + c];
              int64_t n = (p - 2) * 32 + c;
              if (m != 1 || p < 2 || p >= 2 + ownPanels)
                check.expect(std::isnan(got), "another variable was written");
              else if (n >= N)
                check.expect(got == 0, "padding is not zero");
              else
                check.expectNear(got, want(init, seed, k * N + n), tolerance(init), init);
            }
    }
}

KERNEL_CHECK(initialise_fills_vectors_and_tables) {
  int64_t seed = 42;
  Buffer<float> vectors(3 * 50), table(70 * 37);
  check.run(text("normal", 1, 50, memref({3, 50})), operands(vectors, seed, 2, 0), 1);
  for (int64_t i = 0; i < 150; ++i)
    if (i < 100)
      check.expect(std::isnan(vectors[i]), "another member was written");
    else
      check.expectNear(vectors[i], want("normal", seed, i - 100), tolerance("normal"), "vector");
  check.run(text("uniform", 70, 37, memref({70, 37})), operands(table, seed, 0, 0), 3, 1);
  for (int64_t i = 0; i < 70 * 37; ++i)
    check.expectNear(table[i], want("uniform", seed, i), tolerance("uniform"), "table");
}
