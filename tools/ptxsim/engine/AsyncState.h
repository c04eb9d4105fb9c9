// What threads and blocks remember of asynchronous copies: groups of cp.async and of bulk copies, and mbarriers.
#pragma once

#include "check/Race.h"
#include "engine/Scheduler.h"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ptxsim {

/// A copy that has been issued and whose bytes have not moved yet (random schedules only).
struct PendingCopy {
  virtual ~PendingCopy() = default;
  virtual void read() {}   ///< takes the source's bytes, so that it may be overwritten
  virtual void land() = 0; ///< reads if that has not been done, and writes
};

/// The copies of one thread that complete by groups, either its cp.async or its bulk copies. Operations are numbered
/// from 1; the number is the clock of the queue's agents. Groups complete in the order of their commits, the copies
/// of one group land in any order (PTX ISA 9.0, section 9.7.9.25, "Async-group mechanism").
struct CopyQueue : AsyncQueue {
  Agent agent = kNoAgent;      ///< writes destinations
  Agent readAgent = kNoAgent;  ///< reads sources; for cp.async the same
  uint64_t issued = 0;         ///< operations so far
  std::deque<uint64_t> groups; ///< last operation of each group that no wait has covered
  struct Entry {
    uint64_t operation, group;
    std::unique_ptr<PendingCopy> copy;
  };
  std::vector<Entry> pending; ///< by groups, oldest first; what lies before `landed` is over
  size_t landed = 0;
  uint64_t openGroup = 0;
  uint64_t waited = 0;     ///< the last operation that a wait, of either kind, has covered
  uint64_t sharedRead = 0; ///< the last bulk copy that reads the block's shared memory, and where it stands
  const Site *sharedReader = nullptr;
  /// Hashes of the thread's last stores from shared to global memory, to recognise one that several lanes issue. Between
  /// two barriers a lane may run ahead of the others by as many.
  uint64_t stores[64] = {};
  std::vector<Entry> triggers; ///< what happens when all operations up to that one have landed
  llvm::MutableArrayRef<Entry> inOrder() { return llvm::MutableArrayRef(pending).drop_front(landed); }
  void landNext() override;
  void fireTriggers();
};

/// Of one thread: engine/AsyncCopy and engine/BulkCopy.
struct AsyncThread {
  std::shared_ptr<CopyQueue> copies, bulk; ///< shared with the work in flight
};

/// One mbarrier object. Its state is kept here; the eight bytes in shared memory hold a pattern that plain stores
/// destroy.
struct Mbarrier {
  uint32_t expected = 0;                     ///< arrivals of the phases to come
  int64_t pending = 0;                       ///< arrivals that the phase under way still misses
  int64_t transactions = 0;                  ///< bytes expected and not complete; below 0 while completions run ahead
  uint64_t phase = 0;                        ///< phases completed since init: the number of the one under way
  uint32_t initComponent = 0, initClock = 0; ///< epoch of the init, while races are checked
  bool initFenced = false;                   ///< a fence.mbarrier_init of the same thread followed
  uint64_t serial = 0;                       ///< tells this object from earlier ones at the same place
  Agent agent = kNoAgent;                    ///< of the bulk copies that complete on it
  uint64_t issued = 0;                       ///< such copies so far: the agent's clock
  std::set<uint64_t> inFlight;               ///< those that have not landed
  SyncClock gathering;                       ///< what arrivals have released so far; a release sequence spans phases
  SyncClock completed[2];                    ///< the same at the end of the last phase of each parity
  std::vector<Thread *> waiting;             ///< blocked in try_wait for the phase under way
};

/// Of one block.
struct AsyncCta {
  std::map<uint32_t, Mbarrier> barriers; ///< live ones, by shared address
  uint64_t barrierSerial = 0, mapSerial = 0;
  std::map<uint64_t, uint64_t> acquiredMaps; ///< address of a tensor map -> the modification that a fence acquired
  /// The live mbarrier that overlaps [address, address + bytes) of the block's window, or null; `at` is its address.
  const Mbarrier *overlapping(uint32_t address, uint64_t bytes, uint32_t &at) const {
    auto next = barriers.lower_bound(address > 7 ? address - 7 : 0);
    if (next == barriers.end() || next->first >= address + bytes)
      return nullptr;
    at = next->first;
    return &next->second;
  }
};

/// For the deadlock report: what the mbarrier phase that a blocked thread waits for still misses. Empty if the thread
/// does not wait for one.
std::string describeMbarrierWait(const Thread &thread);

} // namespace ptxsim
