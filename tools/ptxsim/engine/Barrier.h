// State of the barriers of a block and of a cluster. Private to engine/.
#pragma once

#include "check/Race.h"
#include "engine/Rendezvous.h"
#include "engine/Thread.h"

namespace ptxsim {

/// One of the sixteen named barriers of a block (PTX ISA 9.0, section 9.7.13.1 "bar, barrier").
struct NamedBarrier {
  uint32_t expected = 0;          ///< threads of this phase; 0: all of the block. Valid while anybody has arrived
  uint32_t arrived = 0;           ///< threads, whole warps counted as 32
  std::vector<uint32_t> lanes;    ///< by warp: lanes that have arrived
  std::vector<const Site *> site; ///< by warp: of the first lane that arrived
  const Site *first = nullptr;    ///< of the first arrival of this phase; null: nobody has arrived
  std::vector<Thread *> waiting;
  bool hasArrivals = false; ///< some came by bar.arrive: their memory order is in `released`
  SyncClock released;
  uint32_t votes = 0;                  ///< bar.red: threads whose predicate was true
  bool undefined = false;              ///< bar.red: some predicate was undefined
  uint32_t result = 0, resultUndefined = 0; ///< of the last phase; read by those it woke
};

struct WarpgroupMeeting {
  const Site *site = nullptr;
  uint32_t arrived = 0;
  WarpgroupWork work = nullptr;
  WarpgroupOperands operands;
};

struct BlockBarriers {
  NamedBarrier named[16];
  std::vector<std::unique_ptr<WarpgroupMeeting>> warpgroups;
};

/// barrier.cluster, and the life of a cluster.
struct ClusterBarrier {
  uint32_t live = 0; ///< threads of all blocks that have not returned
  uint32_t arrived = 0;
  uint64_t phase = 0;
  std::vector<std::vector<uint8_t>> state; ///< by block and thread: 0: may arrive, 1: has arrived and must wait
  std::vector<std::vector<uint64_t>> arrivedPhase;
  std::vector<Thread *> waiting;
  SyncClock gathering, completed;
};

} // namespace ptxsim
