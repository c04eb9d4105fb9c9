// The subcommand mutate: runs a test on broken copies of a kernel and tells which of them it did not notice.
#include "tool/Command.h"
#include "tool/Mutants.h"
#include "tool/ReadFile.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <sys/wait.h>
#include <tuple>
#include <unistd.h>

namespace ptxsim {
namespace {

using Clock = std::chrono::steady_clock;

/// Starts the test in a process group of its own, so that a timeout ends all that it started.
pid_t startTest(const std::string &command, const std::string &mutant) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child < 0)
    throw std::runtime_error(std::string("no process can be started: ") + strerror(errno));
  if (child > 0) {
    setpgid(child, child);
    return child;
  }
  setpgid(0, 0);
  setenv("PTXSIM_MUTANT", mutant.c_str(), 1);
  const int null = open("/dev/null", O_RDWR);
  for (int stream = 0; stream < 3; ++stream)
    dup2(null, stream);
  execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  _exit(127);
}

struct Verdict {
  bool killed = false;
  std::string how;
};

Verdict verdictOf(int status) {
  if (WIFSIGNALED(status))
    return {true, std::string("died of ") + strsignal(WTERMSIG(status))};
  if (WEXITSTATUS(status) == 0)
    return {false, ""};
  return {true, "exit status " + std::to_string(WEXITSTATUS(status))};
}

std::string oneLine(const std::string &text) {
  std::string line;
  for (char c : text)
    if (c != '\n' && c != '\t' && (c != ' ' || (!line.empty() && line.back() != ' ')))
      line += c;
  return line.size() > 90 ? line.substr(0, 87) + "..." : line;
}

std::string describe(const Mutant &mutant) {
  std::string text =
      "line " + std::to_string(mutant.position.line) + ": " + mutant.operation + ": " + oneLine(mutant.before);
  return mutant.after.empty() ? text : text + " -> " + oneLine(mutant.after);
}

/// The mutants that are tried: all, or `limit` of them drawn by the seed, in the order of the text.
std::vector<Mutant> draw(const ptx::Module &module, const MutateRequest &request) {
  std::vector<Mutant> candidates = makeMutants(module, request.kernel), mutants;
  if (request.limit) {
    std::mt19937_64 random(request.seed);
    std::shuffle(candidates.begin(), candidates.end(), random);
  }
  for (Mutant &candidate : candidates) {
    if (request.limit && mutants.size() == request.limit)
      break;
    if (parses(module, candidate))
      mutants.push_back(std::move(candidate));
  }
  std::sort(mutants.begin(), mutants.end(), [](const Mutant &a, const Mutant &b) {
    return std::tie(a.offset, a.operation, a.after) < std::tie(b.offset, b.operation, b.after);
  });
  return mutants;
}

void writeText(const std::filesystem::path &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file)
    throw std::runtime_error(path.string() + ": cannot be written: " + strerror(errno));
}

/// A folder for the mutants that goes away with this object unless it is the user's.
struct Folder {
  std::filesystem::path path;
  bool temporary = false;
  explicit Folder(const std::string &wanted) : path(wanted) {
    if (!wanted.empty()) {
      std::filesystem::create_directories(path);
      return;
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "ptxsim-mutants-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      throw std::runtime_error(pattern + ": cannot be made: " + strerror(errno));
    path = pattern;
    temporary = true;
  }
  ~Folder() {
    std::error_code ignored;
    if (temporary)
      std::filesystem::remove_all(path, ignored);
  }
};

} // namespace

int mutateCommand(const MutateRequest &request) {
  const std::unique_ptr<ptx::Module> module = ptx::parse(readFile(request.file, kMostText), request.file);
  if (!request.kernel.empty() && !module->find(request.kernel))
    throw UsageError(request.file + ": has no function '" + request.kernel + "'");
  const std::vector<Mutant> mutants = draw(*module, request);
  if (request.listOnly) {
    for (const Mutant &mutant : mutants)
      printf("%s\n", describe(mutant).c_str());
    printf("%zu mutants\n", mutants.size());
    return Clean;
  }
  if (request.test.empty())
    throw UsageError("mutate needs --test COMMAND (or --list)");

  Folder folder(request.folder);
  const std::string extension = ".ptx", original = (folder.path / ("original" + extension)).string();
  writeText(original, module->text);
  int status = 0;
  waitpid(startTest(request.test, original), &status, 0);
  if (verdictOf(status).killed)
    throw UsageError("the test does not pass on the unchanged file (" + verdictOf(status).how + "): " + request.test);

  struct Running {
    size_t index;
    Clock::time_point deadline;
    bool timedOut = false;
  };
  std::map<pid_t, Running> running;
  std::vector<Verdict> verdicts(mutants.size());
  size_t next = 0;
  while (next < mutants.size() || !running.empty()) {
    while (next < mutants.size() && running.size() < request.jobs) {
      const std::string path = (folder.path / ("mutant" + std::to_string(next) + extension)).string();
      writeText(path, mutants[next].apply(module->text));
      running[startTest(request.test, path)] = {next, Clock::now() + std::chrono::seconds(request.timeoutSeconds)};
      ++next;
    }
    const pid_t child = waitpid(-1, &status, WNOHANG);
    if (child > 0 && running.count(child)) {
      const Running &done = running[child];
      verdicts[done.index] = done.timedOut ? Verdict{true, "timeout"} : verdictOf(status);
      printf("%s  %s%s%s\n", verdicts[done.index].killed ? "killed  " : "SURVIVED",
             describe(mutants[done.index]).c_str(), verdicts[done.index].killed ? "  by " : "",
             verdicts[done.index].how.c_str());
      fflush(stdout);
      running.erase(child);
      continue;
    }
    for (auto &[process, test] : running)
      if (Clock::now() > test.deadline && !test.timedOut) {
        test.timedOut = true;
        kill(-process, SIGKILL);
      }
    usleep(2000);
  }
  const size_t killed =
      std::count_if(verdicts.begin(), verdicts.end(), [](const Verdict &verdict) { return verdict.killed; });
  printf("%zu mutants: %zu killed, %zu survived\n", mutants.size(), killed, mutants.size() - killed);
  return killed == mutants.size() ? Clean : Found;
}

} // namespace ptxsim
