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

double Coefficient::at(int64_t step) const {
  size_t next = 0;
  while (next < points.size() && points[next].first <= step)
    ++next;
  if (next == 0)
    return points.front().second;
  const auto &[from, before] = points[next - 1];
  if (next == points.size())
    return before;
  const auto &[to, after] = points[next];
  return before + (after - before) * (double(step - from) / double(to - from));
}

Status Coefficient::check() const {
  auto invalid = [&](const std::string &what) {
    return Status::error(Code::InvalidArgument, "coefficient '" + name + "' " + what);
  };
  if (points.empty())
    return invalid("has no value");
  for (size_t i = 0; i < points.size(); ++i) {
    if (!std::isfinite(points[i].second))
      return invalid("is " + std::to_string(points[i].second) + " at step " + std::to_string(points[i].first) +
                     ", expected a finite value");
    if (points[i].first < 0 || (i > 0 && points[i].first <= points[i - 1].first))
      return invalid("has the step " + std::to_string(points[i].first) + " as its point " + std::to_string(i) +
                     "; steps must ascend from 0");
  }
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
