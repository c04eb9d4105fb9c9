#include "runtime/schedule.h"

#include <cmath>

namespace motley::runtime {

double Schedule::learningRate(int64_t step) const {
  if (step <= warmup)
    return peak * double(step) / double(warmup);
  if (kind == Kind::Constant)
    return peak;
  if (step >= steps)
    return last;
  double done = double(step - warmup) / double(steps - warmup);
  if (kind == Kind::Linear)
    return peak + (last - peak) * done;
  constexpr double pi = 3.14159265358979323846;
  return last + (peak - last) * 0.5 * (1 + std::cos(pi * done));
}

Status Schedule::check() const {
  auto invalid = [](const std::string &what) { return Status::error(Code::InvalidArgument, what); };
  if (!(peak >= 0) || !std::isfinite(peak))
    return invalid("learning rate is " + std::to_string(peak) + ", expected a finite value of at least 0");
  if (!(last >= 0) || last > peak)
    return invalid("final learning rate is " + std::to_string(last) + ", expected 0 to the learning rate " +
                   std::to_string(peak));
  if (warmup < 0 || warmup > steps)
    return invalid("warm-up is " + std::to_string(warmup) + " steps, expected 0 to the " + std::to_string(steps) +
                   " steps of the run");
  return Status::ok();
}

static constexpr const char *kindNames[] = {"constant", "cosine", "linear"};

const char *scheduleKindName(Schedule::Kind kind) { return kindNames[int(kind)]; }

Result<Schedule::Kind> scheduleKindFromName(const std::string &name) {
  for (Schedule::Kind kind : {Schedule::Kind::Constant, Schedule::Kind::Cosine, Schedule::Kind::Linear})
    if (name == scheduleKindName(kind))
      return kind;
  return Status::error(Code::InvalidArgument, "schedule is '" + name + "', expected constant, cosine or linear");
}

} // namespace motley::runtime
