// A launch from its configuration to its result.
#include "engine/Launch.h"

#include "check/Race.h"
#include "check/Statistics.h"
#include "engine/DeviceState.h"
#include "engine/SchedulerState.h"

#include <cstring>
#include <stdexcept>

namespace ptxsim {

namespace {

constexpr uint64_t kMostLocalBytes = uint64_t(8) << 30; ///< of all threads that are resident

TranslateOptions translateOptions(const Grid &grid) {
  TranslateOptions options;
  options.poison = grid.poison;
  options.instrumented = grid.instrumented;
  options.count = grid.options.statistics != nullptr;
  options.deferProducts = options.preempt = grid.options.randomSchedule;
  return options;
}

/// Bytes in device memory for the time of a launch.
class LaunchBlock {
public:
  LaunchBlock(Memory &memory, llvm::ArrayRef<uint8_t> bytes, const char *label, bool readOnly) : memory(memory) {
    if (bytes.empty())
      return;
    address = memory.allocate(bytes.size(), label, readOnly);
    if (!address)
      throw std::runtime_error(std::string("no device memory for a ") + label + " of " + std::to_string(bytes.size()) + " bytes");
    std::memcpy(reinterpret_cast<void *>(address), bytes.data(), bytes.size());
    memory.markDefined(address, bytes.size());
  }
  ~LaunchBlock() {
    if (address)
      memory.free(address);
  }
  uint64_t address = 0;

private:
  Memory &memory;
};

} // namespace

LaunchResult Device::launch(const Kernel &kernel, const LaunchConfig &config, llvm::ArrayRef<uint8_t> parameters,
                            const Options &options) {
  if (!kernel.program || !kernel.function)
    throw std::invalid_argument("launch of a kernel that does not exist");
  Program::Implementation &program = *kernel.program->implementation;
  Launch launch;
  launch.device = this;
  launch.program = kernel.program;
  launch.kernel = kernel.function;
  launch.config = config;
  launch.options = options;
  const SharedLayout &layout = program.layout(*kernel.function);
  uint64_t resident =
      checkConfiguration(architecture(), *kernel.function, launch.config, layout.staticBytes, parameters.size());
  launch.poison = options.checks.has(Check::Poison);
  bool races = options.checks.has(Check::Race) || options.checks.has(Check::Proxy);
  launch.instrumented = launch.poison || races || options.statistics;
  launch.code = &program.translation(*kernel.function, translateOptions(launch));
  launch.id = ++implementation->launches;

  launch.staticShared = layout.staticBytes;
  launch.sharedAddresses = &layout.address;
  launch.sharedEnd = std::max(kSharedStart + layout.staticBytes,
                              launch.config.dynamicShared ? layout.dynamicStart + launch.config.dynamicShared : 0);
  const auto &grid = launch.config.grid, &cluster = launch.config.cluster;
  uint64_t blocks = uint64_t(grid[0]) * grid[1] * grid[2], perCluster = uint64_t(cluster[0]) * cluster[1] * cluster[2];
  launch.units = uint32_t(blocks / perCluster);
  // What races and statistics keep, and the choices of a random schedule, belong to one host thread.
  bool alone = options.randomSchedule || races || options.statistics;
  launch.workers = alone ? 1 : std::clamp<unsigned>(options.workers, 1, std::min(launch.units, 256u));
  launch.proofs = std::vector<std::atomic<uint64_t>>(launch.workers);
  launch.unitsResident = launch.config.cooperative
                             ? launch.units
                             : uint32_t(std::max<uint64_t>(1, resident / perCluster / launch.workers));
  // The chip, too, holds no more threads than it has local memory for.
  uint64_t localBytes = uint64_t(launch.code->localBytes) * launch.config.block[0] * launch.config.block[1] *
                        launch.config.block[2] * perCluster * (launch.poison ? 2 : 1);
  uint64_t unitsOfLocal = std::max<uint64_t>(1, kMostLocalBytes / std::max<uint64_t>(1, localBytes * launch.workers));
  if (launch.config.cooperative && launch.units > unitsOfLocal)
    throw std::invalid_argument("launch of '" + kernel.function->name + "': a cooperative grid needs " +
                                std::to_string(localBytes * launch.units) + " bytes of local memory, expected at most " +
                                std::to_string(kMostLocalBytes));
  launch.unitsResident = uint32_t(std::min<uint64_t>(launch.unitsResident, unitsOfLocal));
  launch.start = std::chrono::steady_clock::now();
  // A limit of many years must not overflow the clock.
  launch.deadline = launch.start + std::min<std::chrono::seconds>(options.timeLimit, std::chrono::hours(24 * 365));

  if (launch.poison)
    memory().enableShadow();
  else
    memory().distrustShadow();
  // Programs may take the address of their parameters.
  LaunchBlock block(memory(), parameters, "parameter block", true);
  launch.parameterBlock = block.address;
  // Cooperative groups find {size, barrier}, two zeroed words, by %envreg1 and %envreg2 (cooperative_groups/details).
  const uint8_t zeros[8] = {};
  LaunchBlock workspace(memory(), launch.config.cooperative ? llvm::ArrayRef<uint8_t>(zeros) : llvm::ArrayRef<uint8_t>(), "grid workspace",
                        false);
  launch.gridWorkspace = workspace.address;
  Reporter reporter(launch);
  launch.reporter = &reporter;
  std::unique_ptr<RaceDetector> detector;
  if (races)
    detector = std::make_unique<RaceDetector>(launch);
  launch.races = detector.get();

  implementation->workers.run(launch.workers, [&](unsigned worker) {
    std::unique_ptr<Scheduler> scheduler = implementation->takeScheduler();
    scheduler->implementation->run(launch, worker);
    implementation->giveScheduler(std::move(scheduler));
  });

  if (launch.failure)
    std::rethrow_exception(launch.failure);
  if (options.statistics)
    options.statistics->finish(launch);
  LaunchResult result;
  result.completed = !launch.stopped;
  result.findings = reporter.take(result.suppressed);
  return result;
}

} // namespace ptxsim
