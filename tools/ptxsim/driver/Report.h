// Where the driver's findings and messages go, and what they mean for the process's exit status.
#pragma once

#include "check/Finding.h"
#include "driver/Environment.h"

#include <string>

namespace ptxsim {

namespace report {

void open(const Environment &environment);
/// A line "ptxsim: MESSAGE".
void message(const std::string &message);
/// A line, but only the first time for this text.
void messageOnce(const std::string &message);
void text(const std::string &text);
/// Prints a finding and counts it. `where`: the launch or the copy. With PTXSIM_ON_FINDING=abort does not return.
void finding(const Finding &finding, const std::string &where);
void suppressed(uint64_t count);

} // namespace report
} // namespace ptxsim
