// A launch as its host threads share it, and the parts of the engine that start and end blocks. Private to engine/.
#pragma once

#include "engine/Barrier.h"
#include "engine/Device.h"
#include "engine/Scheduler.h"
#include "translate/Translator.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>

namespace ptxsim {

/// Where a kernel's shared variables lie.
struct SharedLayout {
  llvm::DenseMap<const ptx::Variable *, uint32_t> address;
  uint32_t staticBytes = 0;  ///< from kSharedStart on
  uint32_t dynamicStart = 0; ///< address of all `.extern .shared` arrays
};

/// Clusters are started, and end, as one.
struct Unit {
  std::unique_ptr<Cluster> cluster;
  std::vector<std::unique_ptr<Cta>> blocks;
  std::vector<std::pair<uint8_t *, size_t>> buffers; ///< local memory of all threads
};

struct Launch : Grid {
  const Translation *code = nullptr;
  uint64_t parameterBlock = 0; ///< device address
  uint64_t gridWorkspace = 0;  ///< device address of what a cooperative launch's grid barrier counts in, else 0
  uint32_t staticShared = 0, sharedEnd = 0;
  uint32_t units = 0;              ///< clusters of the grid
  uint32_t unitsResident = 0;      ///< at most, on each host thread
  unsigned workers = 1;
  std::chrono::steady_clock::time_point start, deadline;

  std::atomic<uint32_t> nextUnit{0};
  std::atomic<bool> stopped{false};
  std::atomic<uint64_t> steps{0};
  /// By host thread: how often it has seen that all its threads wait or spin. kDone: it has none left.
  static constexpr uint64_t kDone = ~uint64_t(0);
  std::vector<std::atomic<uint64_t>> proofs;
  std::mutex failureMutex;
  std::exception_ptr failure; ///< what a host thread threw, such as no memory; Device::launch throws it on
  std::atomic<uint64_t> time{0}; ///< in nanoseconds and in cycles: moves when it is read, and when somebody sleeps
};

inline Launch &launchOf(const Thread &thread) { return *static_cast<Launch *>(thread.grid); }

/// Builds the blocks of a cluster: threads without fibers, shared and local memory.
std::unique_ptr<Unit> makeUnit(Launch &launch, uint32_t index, Scheduler &scheduler);
void endUnit(Launch &launch, Unit &unit);

// What the end of a thread means to those who wait for it.
void leaveWarp(Thread &thread);     ///< engine/Rendezvous
void leaveBarriers(Thread &thread); ///< engine/Barrier
void leaveCluster(Thread &thread);  ///< engine/ClusterBarrier
void leaveBulkCopies(Thread &thread); ///< engine/BulkCopy

/// A switched-off check of a rule whose breach harms nobody outside the program lets the launch go on: true then.
inline bool tolerates(const Thread &thread, Check check) { return !thread.grid->options.checks.has(check); }

/// The text of a deadlock: who waits where, grouped.
std::string describeWaiting(const std::vector<std::unique_ptr<Unit>> &units);
/// "32..127" or "0, 3, 5..7".
std::string describeRanges(llvm::ArrayRef<uint32_t> sorted);

} // namespace ptxsim
