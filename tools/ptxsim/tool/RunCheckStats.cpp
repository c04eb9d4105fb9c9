// The subcommands that launch a kernel: run once, check under many schedules, count.
#include "check/Statistics.h"
#include "tool/Command.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
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

/// One thing that a schedule tells. Reports that differ in nothing but numbers (threads, addresses, values) have the
/// same key.
struct Told {
  std::string key, text;
};

/// What a child process says about its schedule.
struct ScheduleReport {
  int status = Usage;
  bool died = false;
  std::string digest;
  std::string plain; ///< what stands outside the records: why nothing was run
  std::vector<Told> told;
};

// A child's report: plain text, then records "R key U text" and, last, "R U digest", with these separators.
constexpr char kRecord = '\x1e', kUnit = '\x1f';

uint64_t digestOf(const Outcome &outcome) { // FNV-1a, 64 bits
  uint64_t digest = 0xcbf29ce484222325;
  for (const auto &[index, array] : outcome.outputs)
    for (uint8_t byte : array.bytes)
      digest = (digest ^ byte) * 0x100000001b3;
  return digest;
}

/// The first line without its numbers, 0x47c included.
std::string withoutNumbers(const std::string &text) {
  std::string result;
  for (size_t k = 0; k < text.size() && text[k] != '\n'; ++k) {
    if (!isdigit(uint8_t(text[k]))) {
      result += text[k];
      continue;
    }
    result += '#';
    while (k + 1 < text.size() && (isxdigit(uint8_t(text[k + 1])) || text[k + 1] == 'x'))
      ++k;
  }
  return result;
}

void writeRecords(const Outcome &outcome) {
  auto tell = [](const std::string &key, const std::string &text) {
    fprintf(stderr, "%c%s%c%s\n", kRecord, key.c_str(), kUnit, text.c_str());
  };
  uint64_t beyond = outcome.launch.suppressed;
  for (const Finding &finding : outcome.launch.findings) {
    const std::string text = format(finding);
    tell(withoutNumbers(text) + finding.actor.instruction + (finding.other ? finding.other->instruction : ""), text);
    beyond -= std::min(beyond, finding.repetitions - 1);
  }
  if (beyond)
    tell("more", "and " + std::to_string(beyond) + " more findings, beyond the limit of what is kept");
  for (const std::vector<std::string> *lines : {&outcome.mismatches, &outcome.notes})
    for (const std::string &line : *lines)
      tell(withoutNumbers(line), line);
  fprintf(stderr, "%c%c%016llx", kRecord, kUnit, (unsigned long long)digestOf(outcome));
}

void readRecords(const std::string &text, ScheduleReport &report) {
  size_t at = std::min(text.find(kRecord), text.size());
  report.plain = text.substr(0, at);
  while (at < text.size()) {
    const size_t end = std::min(text.find(kRecord, at + 1), text.size());
    const std::string record = text.substr(at + 1, end - at - 1);
    const size_t unit = std::min(record.find(kUnit), record.size());
    if (unit == 0)
      report.digest = record.substr(1);
    else if (unit < record.size())
      report.told.push_back({record.substr(0, unit), record.substr(unit + 1)});
    at = end;
  }
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
    writeRecords(outcome);
    status = outcome.clean() ? Clean : Found;
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

ScheduleReport readReport(FILE *output, int status) {
  ScheduleReport report;
  readRecords(textOf(output), report);
  report.died = !WIFEXITED(status);
  if (!report.died) {
    report.status = WEXITSTATUS(status);
    return report;
  }
  const std::string signal = strsignal(WTERMSIG(status));
  report.told.push_back({"died " + signal, "error[simulator]: ptxsim itself died of '" + signal +
                                               "' in this schedule; that is its fault, not the kernel's\n" +
                                               report.plain});
  return report;
}

/// Schedule 0 is the fixed round, the others are random, with seeds from `first` on.
std::map<unsigned, ScheduleReport> runSchedules(const Request &request, CheckSet checks, uint64_t first,
                                                unsigned schedules, unsigned jobs) {
  struct Running {
    unsigned schedule;
    FILE *output;
  };
  std::map<pid_t, Running> running;
  std::map<unsigned, ScheduleReport> reports;
  unsigned next = 0;
  bool refused = false; // the same for every schedule: do not start the others
  while ((next <= schedules && !refused) || !running.empty()) {
    while (!refused && next <= schedules && running.size() < jobs) {
      FILE *output = tmpfile();
      if (!output)
        throw std::runtime_error(std::string("no temporary file can be made: ") + strerror(errno));
      const pid_t child = startSchedule(request, checks, next != 0, first + next - 1, output);
      if (child < 0)
        throw std::runtime_error(std::string("no process can be started: ") + strerror(errno));
      running[child] = {next++, output};
    }
    int status = 0;
    const pid_t child = wait(&status);
    if (child < 0)
      throw std::runtime_error(std::string("waiting for a schedule failed: ") + strerror(errno));
    auto it = running.find(child);
    if (it == running.end())
      continue;
    ScheduleReport report = readReport(it->second.output, status);
    refused |= !report.died && report.status == Usage;
    reports[it->second.schedule] = std::move(report);
    running.erase(it);
  }
  return reports;
}

/// "3 of 9 schedules: the fixed one, seed 5, seeds 7..9"
std::string scheduleList(const std::vector<unsigned> &schedules, size_t all, uint64_t first) {
  std::string text = std::to_string(schedules.size()) + " of " + std::to_string(all) + " schedules:";
  for (size_t k = 0; k < schedules.size(); ++k) {
    text += k ? ", " : " ";
    if (schedules[k] == 0) {
      text += "the fixed one";
      continue;
    }
    const size_t start = k;
    while (k + 1 < schedules.size() && schedules[k + 1] == schedules[k] + 1)
      ++k;
    const std::string from = std::to_string(first + schedules[start] - 1);
    text += k == start ? "seed " + from : "seeds " + from + ".." + std::to_string(first + schedules[k] - 1);
  }
  return text;
}

/// One example of everything that was told, with the schedules that told it.
void printExamples(const std::map<unsigned, ScheduleReport> &reports, uint64_t first) {
  struct Group {
    const std::string *example;
    std::vector<unsigned> schedules;
  };
  std::vector<Group> groups;
  std::map<std::string, size_t> places;
  for (const auto &[schedule, report] : reports)
    for (const Told &told : report.told) {
      const auto [place, isNew] = places.try_emplace(told.key, groups.size());
      if (isNew)
        groups.push_back({&told.text, {}});
      std::vector<unsigned> &schedules = groups[place->second].schedules;
      if (schedules.empty() || schedules.back() != schedule)
        schedules.push_back(schedule);
    }
  for (const Group &group : groups)
    fprintf(stderr, "%sin %s\n\n", group.example->c_str(),
            scheduleList(group.schedules, reports.size(), first).c_str());
}

int summarise(const std::map<unsigned, ScheduleReport> &reports) {
  std::map<std::string, unsigned> digests;
  unsigned found = 0, died = 0;
  for (const auto &[schedule, report] : reports) {
    died += report.died;
    found += !report.died && report.status != Clean;
    if (!report.died)
      ++digests[report.digest];
  }
  if (!found && digests.size() > 1)
    printf("note: the outputs are not the same bits in all schedules (%zu variants)\n", digests.size());
  printf("%zu schedules: %zu clean, %u with findings", reports.size(), reports.size() - found - died, found);
  if (died)
    printf(", %u ended by a fault of the simulator", died);
  printf("\n");
  return died ? Usage : found ? Found : Clean;
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
  if (schedules)
    printf("seed %llu: schedules %llu..%llu, and the fixed one\n", (unsigned long long)first, (unsigned long long)first,
           (unsigned long long)(first + schedules - 1));
  else
    printf("the fixed schedule\n");

  const std::map<unsigned, ScheduleReport> reports = runSchedules(request, checks, first, schedules, jobs);
  for (const auto &[schedule, report] : reports)
    if (!report.died && report.status == Usage) {
      fputs(report.plain.c_str(), stderr);
      return Usage;
    }
  printExamples(reports, first);
  return summarise(reports);
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
