// The grouped GEMM with an epilogue: several accumulators, extras of rows and of one value for each row, results that
// are sums over panels.
#include "MatmulProblem.h"

using namespace kernelcheck;

/// The sum over the living columns of a panel in the order that dialect/PlanKernels.td names: lanes j and j + 16, then
/// the 16 lanes by halves.
static float sumOfPanel(const float *values, int64_t count) {
  float lanes[kPanel] = {};
  std::copy(values, values + count, lanes);
  for (int64_t half = kPanel / 2; half >= 1; half /= 2)
    for (int64_t lane = 0; lane < half; ++lane)
      lanes[lane] += lanes[lane + half];
  return lanes[0];
}

static void expectPanelSums(Check &check, const Problem &p, const Buffer<float> &terms, const Buffer<float> &sums,
                            int64_t columns) {
  int64_t numSums = panelsOf(columns);
  for (int64_t slot = 0; slot < p.numSlots; ++slot)
    for (int64_t panel = 0; panel < numSums; ++panel) {
      float got = sums[slot * numSums + panel];
      const float *first = &terms[slot * columns + panel * kPanel];
      float want = sumOfPanel(first, std::min(kPanel, columns - panel * kPanel));
      if (p.isUnwritten(slot))
        check.expect(std::isnan(got), p.element("sums", slot, panel) + " was written");
      else
        check.expect(std::memcmp(&got, &want, sizeof(got)) == 0, p.element("sums", slot, panel) + ": got " +
                                                                     std::to_string(got) + ", expected the bits of " +
                                                                     std::to_string(want));
    }
}

// Gate, up, a residual and a factor for each row in one kernel: y = relu(acc0) * acc1 + extra, acc0 kept, and the terms
// y * factor with their sums.
KERNEL_CHECK(matmulEpilogue) {
  const char *body = R"(^bb0(%a: f32, %b: f32, %e: f32, %w: f32):
        %r = motley.relu %a : f32
        %p = arith.mulf %r, %b : f32
        %s = arith.addf %p, %e : f32
        %t = arith.mulf %s, %w : f32
        motley.yield %s, %a, %t, %t : f32, f32, f32, f32)";
  for (Mode mode : kModes)
    for (int64_t columns : {64, 45, 33, 32, 7}) {
      Shape shape = {49, {columns, columns}, {11, 0, 30}, {1, 0, 0}};
      Problem p(check, shape, mode);
      Buffer<float> x = p.matrix(check, shape.depth, mode.isGathered), extra = p.matrix(check, columns);
      Buffer<float> factor = p.matrix(check, 1), sums(p.numSlots * panelsOf(columns));
      Buffer<float> y(p.numSlots * columns), kept(p.numSlots * columns), terms(p.numSlots * columns);
      MatmulCall call(p, "forward", shape.rowTile, {x}, shape.blocksOf(columns));
      call.add(extra, p.matrixType(columns));
      call.add(factor, memref({p.numSlots}));
      for (const Buffer<float> &result : {y, kept, terms})
        call.add(result, p.matrixType(columns));
      call.add(sums, p.matrixType(panelsOf(columns)));
      call.run(check, INT64_MAX, body);
      for (int64_t slot = 0; slot < p.numSlots; ++slot)
        for (int64_t n = 0; n < columns; ++n) {
          int64_t at = slot * columns + n;
          if (p.isUnwritten(slot)) {
            check.expect(std::isnan(y[at]) && std::isnan(kept[at]), p.element("y", slot, n) + " was written");
            continue;
          }
          Sum a, b;
          for (int64_t k = 0; k < shape.depth; ++k) {
            double input = p.read(x, shape.depth, slot, k, mode.isGathered);
            a.add(input, p.weight(slot, 0, k, n));
            b.add(input, p.weight(slot, 1, k, n));
          }
          expectClose(check, kept[at], a.value, a.tolerance(shape.depth), p.element("acc0", slot, n));
          double want = std::max(a.value, 0.0) * b.value + extra[at];
          double errorOfSum = shape.depth / 2.0 * kEpsilon;
          double tolerance = 2 * (errorOfSum + kEpsilon) * a.magnitude * b.magnitude + kEpsilon * std::fabs(want);
          expectClose(check, y[at], want, tolerance, p.element("y", slot, n));
          check.expect(terms[at] == y[at] * factor[slot], p.element("terms", slot, n) + " has the wrong factor");
        }
      expectPanelSums(check, p, terms, sums, columns);
    }
}

// The way back: the cotangent times what the gate let through, and the gate's own cotangent. Without a full result, the
// columns of a forward product are those of its extras.
KERNEL_CHECK(matmulSumsAlone) {
  for (const char *form : {"forward", "transposed"})
    for (Mode mode : {Mode{false, false}, Mode{true, true}})
      for (int64_t columns : {40, 70}) {
        bool isForward = form == std::string("forward");
        Shape shape = {isForward ? 35 : columns, {isForward ? columns : 35}, {9, 14}, {0, 1}};
        Problem p(check, shape, mode);
        Buffer<float> x = p.matrix(check, 35, mode.isGathered), extra = p.matrix(check, columns);
        Buffer<float> sums(p.numSlots * panelsOf(columns));
        MatmulCall call(p, form, shape.rowTile, {x}, shape.blocksOf(columns));
        call.add(extra, p.matrixType(columns));
        call.add(sums, p.matrixType(panelsOf(columns)));
        call.run(check, 1, R"(^bb0(%a: f32, %e: f32):
        %p = arith.mulf %a, %e : f32
        motley.yield %p : f32)");
        for (int64_t slot = 0; slot < p.liveSlots; ++slot)
          for (int64_t panel = 0; panel < panelsOf(columns); ++panel) {
            Sum sum;
            for (int64_t c = panel * kPanel; c < std::min(columns, (panel + 1) * kPanel); ++c)
              for (int64_t k = 0; k < 35; ++k)
                sum.add(p.read(x, 35, slot, k, mode.isGathered) * extra[slot * columns + c],
                        isForward ? p.weight(slot, 0, k, c) : p.weight(slot, 0, c, k));
            expectClose(check, sums[slot * panelsOf(columns) + panel], sum.value, sum.tolerance(35 + 8),
                        p.element("sums", slot, panel));
          }
      }
}
