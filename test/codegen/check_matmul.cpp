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
