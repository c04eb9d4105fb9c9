// Every environment variable that libptxsim.so reads, in one place. Read once, at cuInit.
#pragma once

#include "check/Finding.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace ptxsim {

struct Environment {
  /// PTXSIM_ARCH: the chip to answer for: sm_80 or A100, sm_90, sm_90a or H100 (default).
  std::string architecture = "H100";
  /// PTXSIM_CHECKS: as for `ptxsim check`: "default", "all", "none", "race,poison", "all,-race".
  CheckSet checks = CheckSet::memorySafety();
  /// PTXSIM_SEED: a number, or "random". Schedules of kernels and the order among streams become random; the seed is
  /// printed. Unset: the fixed schedule, and work in the order of the calls.
  bool random = false;
  uint64_t seed = 0;
  /// PTXSIM_WORKERS: host threads for the blocks of a kernel; 0: as many as the machine has. Counts only with fixed
  /// schedules and without the race check.
  unsigned workers = 0;
  /// PTXSIM_REPORT: file that findings and messages are appended to; default: standard error.
  std::string report;
  /// PTXSIM_ON_FINDING: "continue" (default): report and go on; "fail": also end the process with status 1 when it
  /// exits; "abort": abort() at the first finding, for a debugger.
  enum class OnFinding : uint8_t { Continue, Fail, Abort } onFinding = OnFinding::Continue;
  /// PTXSIM_STATS: "1": print the statistics of every launch to the report.
  bool statistics = false;
  /// PTXSIM_TIME_LIMIT: seconds of a launch, or of a wait for a stream, before it is given up; default 600.
  std::chrono::seconds timeLimit{600};

  /// Throws std::invalid_argument that names the variable, its value and what is accepted.
  static Environment read();
};

} // namespace ptxsim
