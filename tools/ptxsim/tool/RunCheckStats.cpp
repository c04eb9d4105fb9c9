// The subcommands that launch a kernel: run once, check under many schedules, count.
#include "check/Statistics.h"
#include "tool/Command.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

namespace ptxsim {
namespace {

CheckSet checksOf(const std::string &text, CheckSet otherwise) {
  if (text.empty())
    return otherwise;
  std::string error;
  std::optional<CheckSet> checks = CheckSet::parse(text, error);
  if (!checks)
    throw UsageError("--checks: " + error);
  return *checks;
}

/// What a child process says about its schedule: one line "clean DIGEST" or "found", then the report.
struct ScheduleReport {
  int status = Usage;
  std::string digest, text;
};

uint64_t digestOf(const Outcome &outcome) { // FNV-1a, 64 bits
  uint64_t digest = 0xcbf29ce484222325;
  for (const auto &[index, array] : outcome.outputs)
    for (uint8_t byte : array.bytes)
      digest = (digest ^ byte) * 0x100000001b3;
  return digest;
}

/// Runs one schedule in a process of its own: a schedule that brings the simulator down takes nothing else with it.
pid_t startSchedule(const Request &request, CheckSet checks, bool random, uint64_t seed, FILE *output) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child != 0)
    return child;
  int status = Usage;
  dup2(fileno(output), 2);
  try {
    const Outcome outcome = runOnce(request, checks, random, seed);
    report(outcome);
    status = outcome.clean() ? Clean : Found;
    fprintf(stderr, "digest %016llx\n", (unsigned long long)digestOf(outcome));
    if (!random)
      writeOutputs(request, outcome);
  } catch (const ptx::Error &error) {
    fprintf(stderr, "%s:%s\n", request.file.c_str(), error.what());
  } catch (const std::exception &error) {
    fprintf(stderr, "ptxsim: %s\n", error.what());
  }
  fflush(nullptr);
  _exit(status);
}

std::string textOf(FILE *file) {
  std::string text;
  rewind(file);
  char buffer[4096];
  while (size_t count = fread(buffer, 1, sizeof buffer, file))
    text.append(buffer, count);
  fclose(file);
  return text;
}

} // namespace

int runCommand(Request &request) {
  prepare(request);
  const Outcome outcome = runOnce(request, checksOf(request.checks, CheckSet::memorySafety()), request.seed.has_value(),
                                  request.seed.value_or(0));
  report(outcome);
  writeOutputs(request, outcome);
  return outcome.clean() ? Clean : Found;
}

int checkCommand(Request &request, unsigned schedules, unsigned jobs) {
  prepare(request);
  const CheckSet checks = checksOf(request.checks, CheckSet::all());
  const uint64_t first = request.seed ? *request.seed : std::random_device()() & 0x7fffffff;
  request.workers = 1;
  printf("seed %llu: schedules %llu..%llu, and the fixed one\n", (unsigned long long)first, (unsigned long long)first,
         (unsigned long long)(first + schedules - 1));

  // Schedule 0 is the fixed round, the others are random.
  struct Running {
    unsigned schedule;
    FILE *output;
  };
  std::map<pid_t, Running> running;
  std::map<unsigned, ScheduleReport> reports;
  unsigned next = 0;
  bool refused = false;
  while (next <= schedules || !running.empty()) {
    while (!refused && next <= schedules && running.size() < jobs) {
      FILE *output = tmpfile();
      if (!output)
        throw std::runtime_error(std::string("no temporary file can be made: ") + strerror(errno));
      const pid_t child = startSchedule(request, checks, next != 0, first + next - 1, output);
      if (child < 0)
        throw std::runtime_error(std::string("no process can be started: ") + strerror(errno));
      running[child] = {next++, output};
    }
    if (running.empty())
      break;
    int status = 0;
    const pid_t child = wait(&status);
    if (child < 0)
      throw std::runtime_error(std::string("waiting for a schedule failed: ") + strerror(errno));
    auto it = running.find(child);
    if (it == running.end())
      continue;
    ScheduleReport report;
    report.text = textOf(it->second.output);
    if (WIFEXITED(status)) {
      report.status = WEXITSTATUS(status);
    } else {
      report.status = Found;
      report.text +=
          std::string("error[simulator]: ptxsim itself died of ") + strsignal(WTERMSIG(status)) + " in this schedule\n";
    }
    const size_t at = report.text.rfind("digest ");
    if (at != std::string::npos) {
      report.digest = report.text.substr(at + 7, 16);
      report.text.erase(at);
    }
    refused |= report.status == Usage; // the same for every schedule: do not start the others
    reports[it->second.schedule] = std::move(report);
    running.erase(it);
  }

  // Tell every distinct report once, with the schedules that gave it.
  int result = Clean;
  std::map<std::string, std::string> told;
  std::vector<std::string> order;
  std::map<std::string, unsigned> digests;
  unsigned found = 0;
  for (const auto &[schedule, report] : reports) {
    if (report.status == Usage) {
      fputs(report.text.c_str(), stderr);
      return Usage;
    }
    ++digests[report.digest];
    if (report.status == Clean)
      continue;
    ++found;
    result = Found;
    std::string &seeds = told[report.text];
    if (seeds.empty())
      order.push_back(report.text);
    seeds += (seeds.empty() ? "" : ", ") +
             (schedule == 0 ? std::string("the fixed one") : "--seed " + std::to_string(first + schedule - 1));
  }
  for (const std::string &text : order)
    fprintf(stderr, "%sin schedule %s\n\n", text.c_str(), told[text].c_str());
  if (result == Clean && digests.size() > 1)
    printf("note: the outputs are not the same bits in all schedules (%zu variants)\n", digests.size());
  printf("%zu schedules: %zu clean, %u with findings\n", reports.size(), reports.size() - found, found);
  return result;
}

int statsCommand(Request &request, bool json) {
  prepare(request);
  Statistics statistics;
  request.workers = 1;
  const Outcome outcome = runOnce(request, checksOf(request.checks, CheckSet::memorySafety()), request.seed.has_value(),
                                  request.seed.value_or(0), &statistics);
  fputs((json ? statistics.json() : statistics.text()).c_str(), stdout);
  report(outcome);
  writeOutputs(request, outcome);
  return outcome.clean() ? Clean : Found;
}

} // namespace ptxsim
