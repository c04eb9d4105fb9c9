// Special registers (PTX ISA 9.0, section 10), and the instructions that stop a program.
//
// Time is a number that moves by a fixed amount whenever somebody reads it: monotone, and the same in every run of a
// schedule.
#include "engine/Launch.h"
#include "engine/SchedulerState.h"

namespace ptxsim {

namespace {

constexpr uint64_t kTick = 32;
constexpr uint64_t kEpoch = 1'700'000'000'000'000'000; // %globaltimer of the first launch: a Unix time in nanoseconds
constexpr uint64_t kLaunchTime = 1'000'000'000;        // between launches

// A thread that watches the clock does not hang, even if nothing else changes.
uint64_t readTime(Thread &thread) {
  thread.cta->scheduler->implementation->clearSpinning(thread);
  return launchOf(thread).time.fetch_add(kTick, std::memory_order_relaxed) + kTick;
}

uint64_t globalTime(Thread &thread) { return kEpoch + thread.grid->id * kLaunchTime + readTime(thread); }

uint32_t volume(const std::array<uint32_t, 3> &shape) { return shape[0] * shape[1] * shape[2]; }

void runTrap(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  thread->grid->reporter->fail(Check::Trap, *thread, site,
                               site->instruction->opcode() == "brkpt" ? "breakpoint: the program stopped itself"
                                                                      : "trap: the program stopped itself");
}

void runNothing(Thread *, const Site *, const uint64_t *, uint64_t *) {}

} // namespace

bool bindSpecial(Site &site) {
  llvm::StringRef opcode = site.instruction->opcode();
  if (opcode == "trap" || opcode == "brkpt")
    return site.handler = runTrap, true;
  if (opcode == "pmevent") // performance monitors are not modelled
    return site.handler = runNothing, true;
  return false;
}

} // namespace ptxsim

extern "C" uint64_t ptxsim_special_register(ptxsim::Thread *thread, uint32_t special, uint32_t component) {
  using namespace ptxsim;
  using S = ptx::SpecialRegister;
  const Cta &cta = *thread->cta;
  const Launch &launch = launchOf(*thread);
  const LaunchConfig &config = launch.config;
  const Architecture &chip = launch.device->architecture();
  uint32_t lane = thread->lane;
  uint32_t axis = component < 3 ? component : 0;
  switch (S(special)) {
  case S::Tid:
    return thread->tid[axis];
  case S::Ntid:
    return config.block[axis];
  case S::Laneid:
    return lane;
  case S::Warpid:
    return thread->linear / 32;
  case S::Nwarpid:
    return cta.warps.size();
  case S::Ctaid:
    return cta.id[axis];
  case S::Nctaid:
    return config.grid[axis];
  case S::Smid:
    return cta.linear % chip.multiprocessors;
  case S::Nsmid:
    return chip.multiprocessors;
  case S::Gridid:
    return launch.id;
  case S::IsExplicitCluster:
    return volume(config.cluster) > 1 || launch.kernel->explicitcluster || launch.kernel->reqnctapercluster[0];
  case S::Clusterid:
    return cta.cluster->id[axis];
  case S::Nclusterid:
    return config.grid[axis] / config.cluster[axis];
  case S::ClusterCtaid:
    return cta.id[axis] % config.cluster[axis];
  case S::ClusterNctaid:
    return config.cluster[axis];
  case S::ClusterCtarank:
    return cta.rank;
  case S::ClusterNctarank:
    return cta.cluster->blocks.size();
  case S::LanemaskEq:
    return 1u << lane;
  case S::LanemaskLt:
    return (1u << lane) - 1;
  case S::LanemaskLe:
    return ~0u >> (31 - lane);
  case S::LanemaskGe:
    return uint32_t(~0u << lane);
  case S::LanemaskGt:
    return uint32_t(~0u << lane << 1);
  case S::Clock:
    return uint32_t(readTime(*thread));
  case S::ClockHi:
    return readTime(*thread) >> 32;
  case S::Clock64:
    return readTime(*thread);
  case S::Globaltimer:
    return globalTime(*thread);
  case S::GlobaltimerLo:
    return uint32_t(globalTime(*thread));
  case S::GlobaltimerHi:
    return globalTime(*thread) >> 32;
  case S::TotalSmemSize:
    return launch.sharedEnd - kSharedStart;
  case S::AggrSmemSize:
    return launch.sharedEnd;
  case S::DynamicSmemSize:
    return config.dynamicShared;
  case S::ReservedSmemEnd:
  case S::ReservedSmemCap:
    return kSharedStart;
  case S::WarpSz:
    return 32;
  case S::ReservedSmemBegin:
  case S::ReservedSmemOffset:
  case S::CurrentGraphExec: // no graph node runs kernels from the device
  case S::Pm:               // performance monitors read as zero
  case S::None:
    return 0;
  case S::Envreg: // the driver's own; 1 and 2 are the halves of the grid workspace's address
    return component == 1 ? launch.gridWorkspace >> 32 : component == 2 ? uint32_t(launch.gridWorkspace) : 0;
  }
  return 0;
}
