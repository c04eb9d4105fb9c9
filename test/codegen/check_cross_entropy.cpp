// Checks the loss over logits, its adjoint, and the sums of losses.
//
// The log-sum-exp is within 4 eps of max(|largest logit|, its own size): one exponential, folded sums, one logarithm.
#include "KernelText.h"

using namespace kernelcheck;

namespace {
constexpr int64_t R = 40, begin = 16;
constexpr double zLoss = 1e-2;

std::string crossEntropyText(int64_t V, bool backward) {
  std::string ints = memref({R}, "i32"), floats = memref({R});
  std::vector<std::string> types = {memref({R, V}), ints, memref({3}, "i32"), "i64", floats, floats};
  if (backward)
    types.insert(types.end(), {floats, floats});
  return kernelText("softmax_cross_entropy<z_loss = " + number(zLoss) +
                        ", backward = " + (backward ? "true" : "false") + ">",
                    types);
}
} // namespace

KERNEL_CHECK(cross_entropy_and_its_adjoint) {
  for (int64_t V : {2, 16, 100, 517})
    for (float spread : {1.0f, 40.0f})
      for (int64_t live : {begin, begin + 1, begin + 21}) {
        Groups groups = Groups::ofSizes({begin, live - begin}, R);
        Buffer<float> logits(R * V, [&](size_t) { return spread * check.uniform(); }), forward = logits.copy(),
                                                                                       backward = logits.copy();
        Buffer<int32_t> target(R, [&](size_t i) { return i % 5 == 3 ? -1 : int32_t(check.random() % V); });
        Buffer<float> dce = check.uniforms(R), dz = check.uniforms(R), ce(R), z(R), ceAgain(R), zAgain(R);
        check.run(crossEntropyText(V, false), {forward, target, groups.offset, begin, ce, z}, 3, 1);
        check.run(crossEntropyText(V, true), {backward, target, groups.offset, begin, dce, dz, ceAgain, zAgain}, 3);
        check.expectSameBits(forward, logits, "logits of the forward kernel");
        for (int64_t r = 0; r < R; ++r) {
          bool isLive = r >= begin && r < live;
          if (!isLive) {
            check.expect(std::isnan(ce[r]) && backward[r * V] == logits[r * V], "a row outside was written");
            continue;
          }
          if (target[r] < 0) {
            check.expect(ce[r] == 0 && z[r] == 0 && ceAgain[r] == 0 && zAgain[r] == 0, "loss of a row without target");
            for (int64_t v = 0; v < V; ++v)
              check.expect(backward[r * V + v] == 0, "slope of a row without target");
            continue;
          }
          double sum = 0, largest = 0;
          for (int64_t v = 0; v < V; ++v) {
            sum += std::exp(double(logits[r * V + v]));
            largest = std::max(largest, std::fabs(double(logits[r * V + v])));
          }
          double lse = std::log(sum), size = std::max(largest, std::fabs(lse)) + 1;
          check.expectNear(ce[r], lse - logits[r * V + target[r]], 4 * kEpsilon * size, "ce");
          check.expectNear(z[r], zLoss * lse * lse, 12 * kEpsilon * zLoss * size * size, "z");
          check.expect(ce[r] == ceAgain[r] && z[r] == zAgain[r], "the adjoint computes other losses");
          double slope = dce[r] + 2 * zLoss * lse * dz[r];
          for (int64_t v = 0; v < V; ++v) {
            double p = std::exp(logits[r * V + v] - lse), isTarget = v == target[r];
            // The exponent's rounding is relative to the logits' spread.
            double tolerance =
                8 * kEpsilon * ((std::fabs(dce[r]) + 2 * zLoss * size) * p * size + std::fabs(dce[r]) * isTarget);
            check.expectNear(backward[r * V + v], slope * p - dce[r] * isTarget, tolerance + 1e-37, "dlogits");
          }
        }
      }
}

KERNEL_CHECK(cross_entropy_shows_nan) {
  const int64_t V = 100;
  Groups groups = Groups::ofSizes({R}, R);
  Buffer<float> logits = check.uniforms(R * V), ce(R), z(R);
  Buffer<int32_t> target(R, [](size_t) { return 1; }), offset{0, 0, R};
  logits[20 * V + 37] = NAN;
  check.run(crossEntropyText(V, false), {logits, target, offset, begin, ce, z}, 3);
  for (int64_t r = begin; r < R; ++r)
    check.expect(std::isnan(ce[r]) == (r == 20) && std::isnan(z[r]) == (r == 20), "row " + std::to_string(r));
}

KERNEL_CHECK(loss_sums_by_modality) {
  std::string floats = memref({R});
  std::string text =
      kernelText("loss_sums<begins = [0, 10, 30], ends = [10, 30, 40]>",
                 {floats, floats, floats, memref({R}, "i32"), memref({2}, "i32"), memref({2, 3}, "f64")});
  for (int64_t live : {0, 1, 33}) {
    Groups groups = Groups::ofSizes({live}, R);
    Buffer<float> ce = check.uniforms(R), z = check.uniforms(R), weight = check.uniforms(R);
    killRows(ce, live, 1);
    Buffer<int32_t> target(R, [&](size_t) { return int32_t(check.random() % 41) - 1; });
    Buffer<double> sums(6);
    check.run(text, {ce, z, weight, target, groups.offset, sums}, 1);
    double want[6] = {};
    for (int64_t r = 0; r < live; ++r)
      if (target[r] >= 0) {
        int64_t m = target[r] < 10 ? 0 : target[r] < 30 ? 1 : 2;
        want[m] += double(weight[r]) * ce[r];
        want[3 + m] += double(weight[r]) * z[r];
      }
    for (int64_t i = 0; i < 6; ++i)
      check.expect(sums[i] == want[i], "sum " + std::to_string(i) + " differs from the sum in row order");
  }
}
