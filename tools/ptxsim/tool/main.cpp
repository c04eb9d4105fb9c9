// ptxsim: runs, checks, measures and mutates CUDA kernels given as PTX.
#include "ptx/InstructionTable.h"
#include "tool/Command.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <thread>

using namespace ptxsim;

namespace {

std::array<uint32_t, 3> triple(const std::string &option, const std::vector<uint32_t> &values) {
  if (values.empty() || values.size() > 3)
    throw UsageError(option + ": expected one to three numbers, got " + std::to_string(values.size()));
  std::array<uint32_t, 3> result{1, 1, 1};
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

/// The options of a launch, and the values they are parsed into.
struct LaunchOptions {
  Request request;
  std::vector<uint32_t> grid{1}, block{1}, cluster{1};
  uint64_t seed = 0;
  CLI::Option *seedOption = nullptr;

  void add(CLI::App &command) {
    command.add_option("file", request.file, "PTX text")->required();
    command.add_option("--kernel", request.kernel, "the .entry to launch; not needed where there is one only");
    command.add_option("--grid", grid, "blocks: x[,y[,z]]")->delimiter(',');
    command.add_option("--block", block, "threads of a block: x[,y[,z]]")->delimiter(',');
    command.add_option("--cluster", cluster, "blocks of a cluster: x[,y[,z]]")->delimiter(',');
    command.add_option("--shared", request.dynamicShared, "bytes of dynamic shared memory");
    command.add_flag("--cooperative", request.cooperative, "all blocks are resident together");
    command
        .add_option("--arg", request.argumentTexts,
                    "next kernel argument: in.npy, inout:a.npy, out:f32[64,32], zero:s32[4], 42, f32:1.5, map:m.json, "
                    "bytes:s.bin, null")
        ->take_all();
    command
        .add_option("--buffer", request.bufferTexts,
                    "an array that is no argument, for tensor maps; numbered behind the arguments")
        ->take_all();
    command
        .add_option("--expect", request.expectationTexts, "INDEX:FILE.npy[,abs=X][,rel=X]: what output INDEX must hold")
        ->take_all();
    command.add_option("--out", request.outputFolder, "folder for the outputs, argINDEX.npy");
    command.add_option("--arch", request.architecture, "sm_80 (A100) or sm_90a (H100); by default as the PTX says");
    command.add_option("--checks", request.checks,
                       "all, none, default, or names with commas, -name takes one away: bounds, lifetime, space, race, "
                       "poison, divergence, "
                       "barrier, deadlock, descriptor, proxy, trap");
    seedOption = command.add_option(
        "--seed", seed, "of the random schedule; with run and stats: run that schedule instead of the fixed one");
    for (const char *option : {"--arg", "--buffer", "--expect", "--seed"})
      command.get_option(option)->default_str(""); // empty lists, and a seed that is drawn, are no defaults to show
    command.add_option("--time-limit", request.timeLimitSeconds, "seconds before a launch is stopped as a hang")
        ->check(CLI::Range(uint64_t(0), uint64_t(1) << 32));
  }

  Request &finish() {
    request.grid = triple("--grid", grid);
    request.block = triple("--block", block);
    request.cluster = triple("--cluster", cluster);
    if (*seedOption)
      request.seed = seed;
    return request;
  }
};

int listForms() {
  for (const ptx::Form &form : ptx::instructionTable())
    printf("%-12s sm_%u  %-70s %s\n", form.family, form.sm, form.pattern, form.operands);
  return Clean;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("ptxsim executes CUDA kernels, given as PTX, on the CPU, and checks them harder than hardware does.\n"
               "Exit status: 0 right and clean, 1 a finding, 2 bad usage or PTX that is not understood.");
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default(); // the subcommands inherit it; --help shows the defaults
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());

  LaunchOptions run, check, stats;
  CLI::App *runApp = app.add_subcommand("run", "launch a kernel once");
  run.add(*runApp);
  run.request.workers = processors;
  runApp->add_option("--workers", run.request.workers, "host threads that run blocks side by side")
      ->check(CLI::Range(1, 1024));

  CLI::App *checkApp = app.add_subcommand("check", "launch a kernel under many schedules with all checks");
  check.add(*checkApp);
  unsigned schedules = 16, jobs = processors;
  checkApp->add_option("--schedules", schedules, "random schedules, beside the fixed one")
      ->check(CLI::Range(0, 1000000));
  checkApp->add_option("--jobs", jobs, "schedules that run side by side")->check(CLI::Range(1, 1024));

  CLI::App *statsApp =
      app.add_subcommand("stats", "count bank conflicts, sectors, bytes, tensor share, instruction mix, divergence");
  stats.add(*statsApp);
  bool json = false;
  statsApp->add_flag("--json", json, "as JSON");

  CLI::App *mutateApp = app.add_subcommand("mutate", "break a kernel in many ways and see which breaks a test notices");
  MutateRequest mutate;
  mutate.jobs = processors;
  mutateApp->add_option("file", mutate.file, "PTX text")->required();
  mutateApp->add_option("--test", mutate.test,
                        "command that is run for each mutant; it finds the mutant's file in $PTXSIM_MUTANT and kills "
                        "it by an exit status other than 0");
  mutateApp->add_option("--kernel", mutate.kernel, "mutate this function only");
  mutateApp->add_option("--limit", mutate.limit, "at most this many mutants, drawn at random (0: all)");
  mutateApp->add_option("--seed", mutate.seed, "of that draw");
  mutateApp->add_option("--jobs", mutate.jobs, "tests that run side by side")->check(CLI::Range(1, 1024));
  mutateApp->add_option("--timeout", mutate.timeoutSeconds,
                        "seconds after which a test counts as having killed its mutant");
  mutateApp->add_option("--keep", mutate.folder, "folder to keep the mutants in");
  mutateApp->add_flag("--list", mutate.listOnly, "print the mutants, run nothing");

  CLI::App *formsApp = app.add_subcommand("forms", "list the instruction forms that are known");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? Clean : Usage;
  }
  try {
    if (*runApp)
      return runCommand(run.finish());
    if (*checkApp)
      return checkCommand(check.finish(), schedules, jobs);
    if (*statsApp)
      return statsCommand(stats.finish(), json);
    if (*formsApp)
      return listForms();
    return mutateCommand(mutate);
  } catch (const ptx::Error &error) {
    const std::string &file = *runApp     ? run.request.file
                              : *checkApp ? check.request.file
                              : *statsApp ? stats.request.file
                                          : mutate.file;
    fprintf(stderr, "%s:%s\n", file.c_str(), error.what());
  } catch (const std::exception &error) {
    fprintf(stderr, "ptxsim: %s\n", error.what());
  }
  return Usage;
}
