#include "driver/Report.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>
#include <unistd.h>

namespace ptxsim::report {
namespace {

/// Never destroyed: host threads may still report while the process ends.
struct State {
  std::mutex mutex;
  std::FILE *file = stderr;
  std::set<std::string> once;
  Environment::OnFinding onFinding = Environment::OnFinding::Continue;
  std::atomic<uint64_t> findings{0}, suppressed{0};
};

State &state() {
  static State *instance = new State;
  return *instance;
}

void write(const std::string &text) {
  std::fwrite(text.data(), 1, text.size(), state().file);
  std::fflush(state().file);
}

/// The last word. A destructor of the shared library runs after the program's own atexit handlers, and the library is
/// linked with -z nodelete, so that dlclose does not run it early. The standard streams are flushed by hand because
/// _exit, the only way left to change the status, does not.
__attribute__((destructor)) void summary() {
  State &all = state();
  if (!all.findings)
    return;
  std::string line = "ptxsim: " + std::to_string(all.findings) + (all.findings == 1 ? " finding" : " findings");
  if (all.suppressed)
    line += ", and " + std::to_string(all.suppressed) + " more of the same or beyond the limit";
  write(line + "\n");
  if (all.onFinding != Environment::OnFinding::Fail)
    return;
  std::fflush(nullptr);
  _exit(1);
}

} // namespace

void open(const Environment &environment) {
  State &all = state();
  std::lock_guard lock(all.mutex);
  all.onFinding = environment.onFinding;
  if (environment.report.empty() || all.file != stderr)
    return;
  if (std::FILE *file = std::fopen(environment.report.c_str(), "a"))
    all.file = file;
  else
    throw std::invalid_argument("PTXSIM_REPORT: cannot write '" + environment.report + "'");
}

void text(const std::string &text) {
  std::lock_guard lock(state().mutex);
  write(text.empty() || text.back() == '\n' ? text : text + "\n");
}

void message(const std::string &message) { text("ptxsim: " + message); }

void messageOnce(const std::string &line) {
  {
    std::lock_guard lock(state().mutex);
    if (!state().once.insert(line).second)
      return;
  }
  message(line);
}

void finding(const Finding &finding, const std::string &where) {
  text("ptxsim: in " + where + ":\n" + format(finding));
  ++state().findings;
  state().suppressed += finding.repetitions - 1;
  if (state().onFinding == Environment::OnFinding::Abort)
    std::abort();
}

void suppressed(uint64_t count) { state().suppressed += count; }

} // namespace ptxsim::report
