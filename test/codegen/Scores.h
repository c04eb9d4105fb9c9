// What the checks of choices share: scores with every kind of tie, and the order that choices go by.
#ifndef MOTLEY_TEST_CODEGEN_SCORES_H
#define MOTLEY_TEST_CODEGEN_SCORES_H

#include "KernelText.h"

namespace kernelcheck {

/// smooth: no ties. few: a handful of values, among them both zeros, NaN, infinities and the smallest number. same: one
/// value. nan: nothing else.
enum class Scores { smooth, few, same, nan };
inline constexpr Scores kAllScores[] = {Scores::smooth, Scores::few, Scores::same, Scores::nan};

inline Buffer<float> makeScores(Check &check, int64_t size, Scores kind) {
  float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  const float values[] = {0.0f, -0.0f, nan, -nan, infinity, -infinity, 1e-45f, -1e-45f, 0.5f, 0.5f, 0.25f, -3.0f};
  return Buffer<float>(size, [&](size_t) -> float {
    switch (kind) {
    case Scores::smooth:
      return check.uniform();
    case Scores::few:
      return values[check.random() % 12];
    case Scores::same:
      return 0.25f;
    case Scores::nan:
      return nan;
    }
    return 0;
  });
}

/// Whether a score with an index comes before another: the higher score, then the lower index; NaN comes last.
inline bool comesBefore(float score, int64_t index, float other, int64_t otherIndex) {
  if (std::isnan(score) || std::isnan(other))
    return std::isnan(score) != std::isnan(other) ? !std::isnan(score) : index < otherIndex;
  return score != other ? score > other : index < otherIndex;
}

} // namespace kernelcheck

#endif // MOTLEY_TEST_CODEGEN_SCORES_H
