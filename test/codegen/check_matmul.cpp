// The grouped GEMM, forward and transposed, against sums in f64.
#include "MatmulProblem.h"

using namespace kernelcheck;

/// Runs forward without an epilogue; results start as NaN.
static std::vector<Buffer<float>> runForward(Check &check, const Problem &p, const Buffer<float> &x, int64_t rowTile) {
  MatmulCall call(p, "forward", rowTile, {x}, p.shape.blocksOfRanges());
  std::vector<Buffer<float>> results;
  for (int64_t n : p.shape.columns) {
    results.emplace_back(p.numSlots * n);
    call.add(results.back(), p.matrixType(n));
  }
  call.run(check, 3);
  return results;
}

static void checkForward(Check &check, const Problem &p, const Buffer<float> &x,
                         const std::vector<Buffer<float>> &results) {
  for (size_t i = 0; i < p.shape.columns.size(); ++i) {
    for (int64_t slot = 0; slot < p.numSlots; ++slot) {
      for (int64_t n = 0; n < p.shape.columns[i]; ++n) {
        float got = results[i][slot * p.shape.columns[i] + n];
        if (p.isUnwritten(slot)) {
          check.expect(std::isnan(got), p.element("y", slot, n) + " was written");
          continue;
        }
        Sum sum;
        for (int64_t k = 0; k < p.shape.depth; ++k)
          sum.add(p.read(x, p.shape.depth, slot, k, p.mode.isGathered), p.weight(slot, i, k, n));
        expectClose(check, got, sum.value, sum.tolerance(p.shape.depth), p.element("y", slot, n));
      }
    }
  }
}

KERNEL_CHECK(matmulForward) {
  for (Mode mode : kModes)
    for (const Shape &shape : shapes()) {
      Problem p(check, shape, mode);
      Buffer<float> x = p.matrix(check, shape.depth, mode.isGathered);
      checkForward(check, p, x, runForward(check, p, x, shape.rowTile));
    }
}

// The bits of a row depend neither on the tiles nor on its place in them.
KERNEL_CHECK(matmulForwardTilings) {
  for (Mode mode : {Mode{false, false}, Mode{true, true}})
    for (const Shape &shape : shapes()) {
      Problem p(check, shape, mode);
      Buffer<float> x = p.matrix(check, shape.depth, mode.isGathered);
      std::vector<Buffer<float>> want = runForward(check, p, x, 32);
      for (int64_t rowTile : {1, 5, 8, 13}) {
        std::vector<Buffer<float>> got = runForward(check, p, x, rowTile);
        for (size_t i = 0; i < got.size(); ++i)
          check.expectSameBits(got[i], want[i], shape.describe() + ": tiles of " + std::to_string(rowTile));
      }
    }
}

static Buffer<float> runTransposed(Check &check, const Problem &p, const std::vector<Buffer<float>> &inputs,
                                   int64_t rowTile) {
  MatmulCall call(p, "transposed", rowTile, inputs, p.shape.blocksOf(p.shape.depth));
  Buffer<float> y(p.numSlots * p.shape.depth);
  call.add(y, p.matrixType(p.shape.depth));
  call.run(check, 2);
  return y;
}

static void checkTransposed(Check &check, const Problem &p, const std::vector<Buffer<float>> &inputs,
                            const Buffer<float> &y) {
  int64_t total = std::accumulate(p.shape.columns.begin(), p.shape.columns.end(), int64_t(0));
  for (int64_t slot = 0; slot < p.numSlots; ++slot) {
    for (int64_t k = 0; k < p.shape.depth; ++k) {
      float got = y[slot * p.shape.depth + k];
      if (p.isUnwritten(slot)) {
        check.expect(std::isnan(got), p.element("dx", slot, k) + " was written");
        continue;
      }
      Sum sum;
      for (size_t i = 0; i < inputs.size(); ++i)
        for (int64_t n = 0; n < p.shape.columns[i]; ++n)
          sum.add(p.read(inputs[i], p.shape.columns[i], slot, n, p.mode.isGathered), p.weight(slot, i, k, n));
      expectClose(check, got, sum.value, sum.tolerance(total), p.element("dx", slot, k));
    }
  }
}

KERNEL_CHECK(matmulTransposed) {
  for (Mode mode : kModes)
    for (const Shape &shape : shapes()) {
      Problem p(check, shape, mode);
      std::vector<Buffer<float>> inputs;
      for (int64_t n : shape.columns)
        inputs.push_back(p.matrix(check, n, mode.isGathered));
      Buffer<float> y = runTransposed(check, p, inputs, shape.rowTile);
      checkTransposed(check, p, inputs, y);
      if (mode.isGathered == mode.isRounded)
        check.expectSameBits(runTransposed(check, p, inputs, 7), y, shape.describe() + ": tiles of 7");
    }
}

// A tile of more rows than a pass packs at a time, and a block of more panels than one keeps.
KERNEL_CHECK(matmulPasses) {
  for (const Shape &shape : {Shape{2101, {200}, {70, 1}, {0, 0}, 70, 8}, Shape{200, {2101}, {70, 1}, {0, 0}, 70, 8}}) {
    Problem p(check, shape, {true, true});
    Buffer<float> x = p.matrix(check, shape.depth, true), dy = p.matrix(check, shape.columns[0], true);
    checkForward(check, p, x, runForward(check, p, x, shape.rowTile));
    checkTransposed(check, p, {dy}, runTransposed(check, p, {dy}, shape.rowTile));
  }
}

// What is not finite reaches what it is multiplied with, and nothing else: not through the zeros that pad odd sizes.
KERNEL_CHECK(matmulNotFinite) {
  for (Mode mode : {Mode{false, false}, Mode{false, true}}) {
    Shape shape = {37, {33, 33}, {13, 1}, {0, 1}};
    Problem p(check, shape, mode);
    std::vector<Buffer<float>> inputs = {p.matrix(check, 33), p.matrix(check, 33)};
    Buffer<float> x = p.matrix(check, 37);
    x[2 * 37 + 5] = INFINITY;
    x[3 * 37 + 36] = -INFINITY;
    x[4 * 37 + 36] = NAN;
    inputs[0][5 * 33 + 32] = INFINITY;
    inputs[1][6 * 33 + 32] = NAN;
    p.bank[p.place(0, 0, 36, 32)] = INFINITY;
    p.bank[p.place(0, 1, 35, 32)] = NAN;
    checkForward(check, p, x, runForward(check, p, x, shape.rowTile));
    checkTransposed(check, p, inputs, runTransposed(check, p, inputs, shape.rowTile));
  }
}

/// The float of these bits.
static float ofBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// Every case of rounding, seen through one product with a power of two. Denormals may become zeros.
KERNEL_CHECK(matmulRounding) {
  const std::vector<uint32_t> values = {
      0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001, 0xbf818000, // ties to even, below and above a tie
      0x3fffffff, 0x7f7f7fff, 0x7f7fffff, 0xff7fffff, // a carry to the exponent; the largest, and to infinity
      0x7f800000, 0xff800000, 0x7f800001, 0xffffffff, // infinities; NaN even where the kept bits are zeros
      0x00000000, 0x80000000, 0x00800000, 0x00000001, 0x007fffff, // zeros, the least normal, denormals
  };
  Shape shape = {1, {33}, {int64_t(values.size())}, {0}};
  Problem p(check, shape, {false, true});
  for (int64_t n = 0; n < 33; ++n)
    p.bank[p.place(0, 0, 0, n)] = n % 2 ? 1.0f : -0.5f;
  Buffer<float> x = p.matrix(check, 1);
  for (size_t i = 0; i < values.size(); ++i)
    x[i] = ofBits(values[i]);
  Buffer<float> y = runForward(check, p, x, shape.rowTile)[0];
  for (size_t i = 0; i < values.size(); ++i)
    for (int64_t n = 0; n < 33; ++n) {
      float got = y[i * 33 + n], want = roundToBf16(x[i]) * (n % 2 ? 1.0f : -0.5f);
      if (std::fabs(want) <= ofBits(0x00800000) && got == 0)
        continue;
      check.expect(std::isnan(want) ? std::isnan(got) : got == want,
                   p.element("y", i, n) + " of bits " + std::to_string(values[i]) + ": got " + std::to_string(got));
    }
}
