// Checks the choices that each row makes by itself against sorted lists: exact.
#include "Scores.h"

using namespace kernelcheck;

namespace {

constexpr int64_t R = 130, numUnits = 3; // blocks of 64 rows

std::string ints(int64_t rows, int64_t columns) { return memref({rows, columns}, "i32"); }

/// The experts of a row, the best first.
std::vector<int64_t> ranking(const float *scores, int64_t numExperts) {
  std::vector<int64_t> experts(numExperts);
  std::iota(experts.begin(), experts.end(), 0);
  std::sort(experts.begin(), experts.end(),
            [&](int64_t a, int64_t b) { return comesBefore(scores[a], a, scores[b], b); });
  return experts;
}

Buffer<int32_t> zeros(int64_t size) {
  return Buffer<int32_t>(size, [](size_t) { return 0; });
}

} // namespace

KERNEL_CHECK(choose_experts_takes_the_best) {
  for (Scores kind : kAllScores)
    for (int64_t E : {1, 4, 16, 17, 70})
      for (int64_t k : {int64_t(1), int64_t(2), E / 2 + 1, E})
        for (bool hasAllowed : {false, true}) {
          if (k > E)
            continue;
          Buffer<float> scores = makeScores(check, R * E, kind);
          Buffer<int32_t> allowed(R * E, [&](size_t i) { return i < size_t(E) ? 0 : int32_t(check.random() % 2) * 7; });
          Buffer<int32_t> chosen(R * E), want = zeros(R * E);
          for (int64_t r = 0; r < R; ++r) {
            int64_t left = k;
            for (int64_t e : ranking(&scores[r * E], E))
              if (left > 0 && (!hasAllowed || allowed[r * E + e])) {
                want[r * E + e] = 1;
                --left;
              }
          }
          std::vector<std::string> types = {memref({R, E}), ints(R, E)};
          std::vector<Operand> operands = {scores, chosen};
          if (hasAllowed) {
            types.insert(types.begin() + 1, ints(R, E));
            operands.insert(operands.begin() + 1, allowed);
          }
          check.run(kernelText("choose_experts<k = " + std::to_string(k) +
                                   ", has_allowed = " + (hasAllowed ? "true" : "false") + ">",
                               types),
                    operands, numUnits, 2);
          check.expectSameBits(chosen, want, "k = " + std::to_string(k) + " of " + std::to_string(E));
        }
}

KERNEL_CHECK(choose_top_p_takes_the_fewest) {
  for (double p : {1e-3, 0.3, 0.7, 1.0})
    for (int64_t E : {1, 4, 17, 40})
      for (Scores kind : kAllScores) {
        Buffer<float> scores = makeScores(check, R * E, kind);
        for (int64_t r = 0; r < R; ++r) { // shares of 1; the row's NaN stay
          float total = 0;
          for (int64_t e = 0; e < E; ++e)
            total += std::isnan(scores[r * E + e]) ? 0 : std::min(std::fabs(scores[r * E + e]), 8.0f);
          for (int64_t e = 0; e < E && total > 0; ++e)
            scores[r * E + e] = std::min(std::fabs(scores[r * E + e]), 8.0f) / total;
        }
        Buffer<int32_t> chosen(R * E), want = zeros(R * E);
        for (int64_t r = 0; r < R; ++r) {
          double sum = 0;
          for (int64_t e : ranking(&scores[r * E], E)) {
            if (sum >= float(p))
              break;
            want[r * E + e] = 1;
            if (!std::isnan(scores[r * E + e]))
              sum += scores[r * E + e];
          }
        }
        check.run(kernelText("choose_top_p<" + number(p) + ">", {memref({R, E}), ints(R, E)}), {scores, chosen},
                  numUnits, 1);
        check.expectSameBits(chosen, want, "p = " + std::to_string(p));
      }
}

KERNEL_CHECK(choose_above_compares) {
  for (double threshold : {0.0, 0.25, -3.0})
    for (int64_t E : {1, 4, 37})
      for (Scores kind : kAllScores) {
        Buffer<float> scores = makeScores(check, R * E, kind);
        Buffer<int32_t> chosen(R * E), want(R * E, [&](size_t i) { return scores[i] > float(threshold); });
        check.run(kernelText("choose_above<" + number(threshold) + ">", {memref({R, E}), ints(R, E)}), {scores, chosen},
                  numUnits, 2);
        check.expectSameBits(chosen, want, "threshold " + std::to_string(threshold));
      }
}

KERNEL_CHECK(one_hot_names_one_expert) {
  for (int64_t E : {1, 4, 37}) {
    Buffer<int32_t> ids(R, [&](size_t i) { return int32_t(i % (E + 3)) - 1; }), chosen(R * E);
    ids[5] = std::numeric_limits<int32_t>::min();
    Buffer<int32_t> want(R * E, [&](size_t i) { return ids[i / E] == int32_t(i % E); });
    check.run(kernelText("one_hot", {memref({R}, "i32"), ints(R, E)}), {ids, chosen}, numUnits, 2);
    check.expectSameBits(chosen, want, "chosen");
  }
}
