// Checks the mathematics of routers: sigmoids, sums and softmaxes of rows, means over rows; against sums in double.
#include "KernelText.h"

using namespace kernelcheck;

namespace {

constexpr int64_t R = 130, numUnits = 3; // blocks of 64 rows
const double infinity = std::numeric_limits<double>::infinity();

/// Logits: of a few units, of hundreds, and some minus infinity (never a whole row).
Buffer<float> logits(Check &check, int64_t E, float scale) {
  return Buffer<float>(R * E, [&](size_t i) {
    return i % E != 0 && check.random() % 9 == 0 ? -float(infinity) : scale * check.uniform();
  });
}

/// log of the sum of exponentials over the chosen columns; -infinity without any.
double logSumExp(const float *x, const int32_t *chosen, int64_t E) {
  double largest = -infinity, sum = 0;
  for (int64_t e = 0; e < E; ++e)
    if (!chosen || chosen[e])
      largest = std::max(largest, double(x[e]));
  for (int64_t e = 0; e < E; ++e)
    if (!chosen || chosen[e])
      sum += std::exp(x[e] - largest);
  return largest + std::log(sum);
}

} // namespace

KERNEL_CHECK(row_sum_adds_columns) {
  for (int64_t D : {1, 4, 16, 37, 200}) {
    Buffer<float> x = check.uniforms(R * D), y(R);
    check.run(kernelText("row_sum", {memref({R, D}), memref({R})}), {x, y}, numUnits, 2);
    for (int64_t r = 0; r < R; ++r) {
      double want = 0, magnitude = 0;
      for (int64_t d = 0; d < D; ++d) {
        want += x[r * D + d];
        magnitude += std::fabs(x[r * D + d]);
      }
      // 16 lanes of 4 accumulators: at most 8 roundings of a term for 200 columns.
      check.expectNear(y[r], want, 8 * kEpsilon * magnitude, "row " + std::to_string(r));
    }
  }
}

KERNEL_CHECK(row_broadcast_repeats) {
  for (int64_t D : {1, 4, 16, 37, 200}) {
    Buffer<float> x = check.uniforms(R), y(R * D);
    check.run(kernelText("row_broadcast", {memref({R}), memref({R, D})}), {x, y}, numUnits, 2);
    check.expectSameBits(y, Buffer<float>(R * D, [&](size_t i) { return x[i / D]; }), "y");
  }
}

KERNEL_CHECK(softmax_over_columns) {
  for (int64_t E : {1, 4, 16, 37, 100})
    for (float scale : {1.0f, 300.0f})
      for (bool hasChosen : {false, true}) {
        Buffer<float> x = logits(check, E, scale), y(R * E);
        // The first row chooses none, the second one column.
        Buffer<int32_t> chosen(R * E, [&](size_t i) {
          int64_t r = i / E;
          return r == 0 ? 0 : r == 1 ? i % E == 0 : i % E == 0 ? 1 : int32_t(check.random() % 2) * 5;
        });
        for (int64_t e = 0; e < E; ++e)
          if (!chosen[3 * E + e]) // what is not chosen has no say
            x[3 * E + e] = hasChosen ? std::numeric_limits<float>::quiet_NaN() : x[3 * E + e];
        std::vector<std::string> types = {memref({R, E}), memref({R, E})};
        std::vector<Operand> operands = {x, y};
        if (hasChosen) {
          types.insert(types.begin() + 1, memref({R, E}, "i32"));
          operands.insert(operands.begin() + 1, chosen);
        }
        check.run(kernelText(std::string("softmax<has_chosen = ") + (hasChosen ? "true>" : "false>"), types), operands,
                  numUnits, 2);
        for (int64_t r = 0; r < R; ++r) {
          double total = logSumExp(&x[r * E], hasChosen ? &chosen[r * E] : nullptr, E);
          for (int64_t e = 0; e < E; ++e) {
            double z = x[r * E + e] - total, want = std::exp(z);
            if (hasChosen && !chosen[r * E + e]) {
              check.expect(y[r * E + e] == 0, "a column that is not chosen is not 0");
              continue;
            }
            // The difference from the maximum is rounded, which the exponential multiplies; below e^-87 it is 0.
            check.expectNear(y[r * E + e], want, 16 * kEpsilon * (1 + std::min(std::fabs(z), 87.0)) * want + 1e-37,
                             "row " + std::to_string(r));
          }
        }
      }
}

KERNEL_CHECK(softmax_of_nan_is_nan) {
  Buffer<float> x = check.uniforms(4 * 20), y(4 * 20);
  x[25] = std::numeric_limits<float>::quiet_NaN();
  check.run(kernelText("softmax<has_chosen = false>", {memref({4, 20}), memref({4, 20})}), {x, y}, 1);
  for (int64_t i = 0; i < 80; ++i)
    check.expect(std::isnan(y[i]) == (i / 20 == 1), "element " + std::to_string(i));
}

KERNEL_CHECK(log_sum_exp_over_columns) {
  for (int64_t E : {1, 4, 16, 37, 100})
    for (float scale : {1.0f, 300.0f}) {
      Buffer<float> x = logits(check, E, scale), y(R);
      check.run(kernelText("log_sum_exp", {memref({R, E}), memref({R})}), {x, y}, numUnits, 2);
      for (int64_t r = 0; r < R; ++r) {
        double want = logSumExp(&x[r * E], nullptr, E);
        check.expectNear(y[r], want, 4 * kEpsilon * (4 + std::fabs(want)), "row " + std::to_string(r));
      }
    }
}

KERNEL_CHECK(mean_rows_over_scopes) {
  const int64_t D = 6;
  const std::vector<int64_t> map = {0, -1, 1};
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{50, 20, 57}, {0, 0, 0}, {0, 9, 0}, {1, 0, 0}})
    for (int64_t E : {1, 4, 37})
      for (bool hasDocuments : {false, true}) {
        Groups groups = Groups::ofSizes(sizes, R), documents = Groups::random(check, D, groups.live(), R);
        Buffer<float> x = check.uniforms(R * E), y(R * E);
        killRows(x, groups.live(), E);
        std::vector<std::string> types = {memref({R, E}), memref({4}, "i32"), memref({R, E})};
        std::vector<Operand> operands = {x, groups.offset, y};
        if (hasDocuments) {
          types.insert(types.begin() + 2, {memref({R}, "i32"), memref({D + 1}, "i32")});
          operands.insert(operands.begin() + 2, {documents.row, documents.offset});
        }
        check.run(kernelText(std::string("mean_rows<has_documents = ") + (hasDocuments ? "true" : "false") +
                                 ", map = " + list(map) + ">",
                             types),
                  operands, hasDocuments ? D : 1, 4);
        auto isIn = [&](int64_t r) { return r < groups.live() && map[groups.groupOf(r)] >= 0; };
        for (int64_t r = 0; r < R; ++r)
          for (int64_t e = 0; e < E; ++e) {
            if (!isIn(r)) {
              check.expect(std::isnan(y[r * E + e]), "a row outside was written");
              continue;
            }
            double sum = 0, magnitude = 0;
            int64_t count = 0;
            for (int64_t q = 0; q < R; ++q)
              if (isIn(q) && (!hasDocuments || documents.ids[q] == documents.ids[r])) {
                sum += x[q * E + e];
                magnitude += std::fabs(x[q * E + e]);
                ++count;
              }
            // One sum after the other: a rounding for each row.
            check.expectNear(y[r * E + e], sum / count, (count + 1) * kEpsilon * magnitude / count, "mean");
          }
      }
}

/// A sigmoid keeps its digits where it is small: 8 units in the last place, from where it is as small as numbers get.
/// relu and sigmoid pass NaN on.
KERNEL_CHECK(map_sigmoid_keeps_its_digits) {
  const int64_t n = 4096;
  float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  Buffer<float> x(n, [&](size_t i) { return float((int64_t(i) - 2048) * 0.05f); }), y(n), z(n); // -102.4 to 102.4
  x[0] = -infinity, x[1] = infinity, x[2] = nan, x[3] = -0.0f;
  check.run(kernelText("map<num_inputs = 1>", {memref({n}), memref({n}), memref({n})},
                       "^bb0(%a: f32):\n  %s = motley.sigmoid %a : f32\n  %r = motley.relu %a : f32\n"
                       "  motley.yield %s, %r : f32, f32"),
            {x, y, z}, 1);
  check.expect(y[0] == 0 && y[1] == 1 && std::isnan(y[2]) && y[3] == 0.5f, "sigmoid at the ends");
  check.expect(z[0] == 0 && z[1] == infinity && std::isnan(z[2]) && z[3] == 0, "relu at the ends");
  for (int64_t i = 4; i < n; ++i) {
    double want = 1 / (1 + std::exp(-double(x[i])));
    check.expectNear(y[i], want, std::max(8 * kEpsilon * want, double(std::numeric_limits<float>::denorm_min())),
                     "sigmoid at " + std::to_string(x[i]));
  }
}

KERNEL_CHECK(to_float_converts_integers) {
  for (int64_t n : {1, 4097, 5000}) {
    Buffer<int32_t> x(n, [&](size_t) { return int32_t(check.random()); });
    x[0] = std::numeric_limits<int32_t>::min();
    Buffer<float> y(n);
    check.run(kernelText("to_float", {memref({n}, "i32"), memref({n})}), {x, y}, (n + 4095) / 4096, 1);
    check.expectSameBits(y, Buffer<float>(n, [&](size_t i) { return float(x[i]); }), "y");
  }
}
