// State of the barriers of a block and of a cluster. Private to engine/.
#pragma once

#include "check/Race.h"
#include "engine/Rendezvous.h"
#include "engine/Thread.h"

namespace ptxsim {

/// One of the sixteen named barriers of a block (PTX ISA 9.0, section 9.7.13.1 "bar, barrier").
struct NamedBarrier {
  const Site *first = nullptr; ///< of the first arrival of this phase; null: nobody has arrived
  bool wholeBlock = false;     ///< no count was given: all threads that have not exited
  uint32_t expected = 0;       ///< threads; warps count as 32, whatever exists of them
  struct WarpArrivals {
    uint32_t lanes = 0;
    const Site *site = nullptr; ///< of the first of them
  };
  std::vector<WarpArrivals> warps;
  struct Waiter {
    Thread *thread;
    uint64_t *out;
  };
  std::vector<Waiter> waiting;
  uint32_t arrivedLanes = 0;
  uint32_t votes = 0;       ///< bar.red: threads whose predicate was true
  bool undefined = false;   ///< bar.red: some predicate was undefined
  bool hasArrivals = false; ///< some came by bar.arrive: what they release is in `released`
  SyncClock released;
};

struct WarpgroupMeeting {
  const Site *site = nullptr;
  uint32_t arrived = 0;
  WarpgroupWork work = nullptr;
  WarpgroupOperands operands;
};

/// Lanes of one warp that have come to one activemask and go on together.
struct ActiveLanes {
  const Warp *warp = nullptr;
  const Site *site = nullptr; ///< null: not in use
  uint32_t arrived = 0;
  uint64_t *out[32];
};

struct BlockBarriers {
  static constexpr uint32_t kCount = 16;
  NamedBarrier named[kCount];
  uint32_t active = 0; ///< barriers at which somebody has arrived
  std::vector<std::unique_ptr<WarpgroupMeeting>> warpgroups;
  std::vector<std::unique_ptr<ActiveLanes>> activeLanes;
};

/// barrier.cluster, and the life of a cluster.
struct ClusterBarrier {
  uint32_t live = 0;        ///< threads of all blocks that have not returned
  uint32_t liveArrived = 0; ///< those of them that have arrived in this phase
  uint64_t phase = 1;
  struct Participant {
    uint64_t arrived = 0;  ///< phase of the last arrival
    bool mustWait = false; ///< has arrived and not waited yet
  };
  std::vector<std::vector<Participant>> participants; ///< by rank and thread
  std::vector<Thread *> waiting;
  SyncClock gathering, completed;
};

/// Memory accesses of the lanes before a meeting come before theirs after it.
void orderLanes(Warp &warp, uint32_t mask);

} // namespace ptxsim
