// Learning rate and coefficients over the steps of a run.
#ifndef MOTLEY_RUNTIME_SCHEDULE_H
#define MOTLEY_RUNTIME_SCHEDULE_H

#include "runtime/status.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace motley::runtime {

/// Linear warm-up to `peak` over `warmup` steps, then constant, or cosine or linear from `peak` down to `last` at step
/// `steps`; `last` from there on.
struct Schedule {
  enum class Kind { Constant, Cosine, Linear };

  Kind kind = Kind::Cosine;
  double peak = 0;
  double last = 0; ///< unused by Constant
  int64_t warmup = 0;
  int64_t steps = 0;

  /// For steps 1, 2, ...
  double learningRate(int64_t step) const;
  Status check() const;
};

/// A coefficient of a loss by step: linear between its points, constant before the first and behind the last.
struct Coefficient {
  std::string name;
  std::vector<std::pair<int64_t, double>> points; ///< step, value

  double at(int64_t step) const;
  Status check() const;
};

/// "constant", "cosine" or "linear".
Result<Schedule::Kind> scheduleKindFromName(const std::string &name);
const char *scheduleKindName(Schedule::Kind kind);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_SCHEDULE_H
