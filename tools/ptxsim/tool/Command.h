// What the subcommands share: the kernel, its configuration and arguments, and running it once.
#pragma once

#include "engine/Device.h"
#include "tool/Arguments.h"

namespace ptxsim {

enum ExitStatus { Clean = 0, Found = 1, Usage = 2 };

/// An expected output: argument `index` must equal the array within absolute + relative x |expected|.
struct Expectation {
  size_t index = 0;
  Array array;
  double absolute = 0, relative = 0;
};

/// The options that run, check and stats have in common, as parsed.
struct Request {
  std::string file, kernel, architecture = "", outputFolder;
  std::array<uint32_t, 3> grid{1, 1, 1}, block{1, 1, 1}, cluster{1, 1, 1};
  uint32_t dynamicShared = 0;
  bool cooperative = false;
  std::vector<std::string> argumentTexts, bufferTexts, expectationTexts;
  std::string checks;
  std::optional<uint64_t> seed;
  uint64_t timeLimitSeconds = 600;
  unsigned workers = 1;

  // Made by prepare().
  std::string text;
  std::vector<Argument> arguments; ///< those of --arg, then those of --buffer
  std::vector<Expectation> expectations;
};

/// Reads the files and checks what can be checked before a launch. Throws UsageError or std::runtime_error.
void prepare(Request &request);

struct Outcome {
  LaunchResult launch;
  std::vector<std::pair<size_t, Array>> outputs; ///< argument index, contents
  std::vector<std::string> mismatches;           ///< expectations that do not hold
  std::vector<std::string> notes;                ///< what is worth a look and no fault
  bool clean() const { return launch.clean() && mismatches.empty(); }
};

/// Loads the program on a fresh device and launches it once. `random`: in the schedule of `seed`.
Outcome runOnce(const Request &request, CheckSet checks, bool random, uint64_t seed, Statistics *statistics = nullptr);

/// Prints findings, mismatches and notes to stderr.
void report(const Outcome &outcome);
void writeOutputs(const Request &request, const Outcome &outcome);

int runCommand(Request &request);
int checkCommand(Request &request, unsigned schedules, unsigned jobs);
int statsCommand(Request &request, bool json);

struct MutateRequest {
  std::string file, test, kernel, folder;
  unsigned jobs = 1, limit = 0;
  uint64_t seed = 0, timeoutSeconds = 120;
  bool listOnly = false;
};
int mutateCommand(const MutateRequest &request);

} // namespace ptxsim
