// What a thread is ordered after, and the epoch that its own accesses carry.
#pragma once

#include "check/Race.h"
#include "check/VectorClock.h"

#include <memory>

namespace ptxsim {

struct SharedShadow; // check/Shadow.h

struct ThreadClock {
  /// What happened before the thread's next access, but for its own accesses: those are ordered by the program. The
  /// thread's own component in it is what other threads gave back.
  VectorClock generic;
  /// The part of it that asynchronous-proxy operations issued by the thread are ordered after; likewise without the
  /// thread's own accesses.
  VectorClock async;
  uint32_t component = 0;
  uint32_t clock = 1;        ///< epoch of the next access
  bool accessed = false;     ///< the current epoch has accesses: the next release closes it
  uint32_t asyncOwn = 0;     ///< own epochs up to this are behind a proxy fence
  uint32_t ownInGeneric = 0; ///< own component of `generic` as the last barrier left it
  uint32_t ownInAsync = 0;
  SharedShadow *shared = nullptr; ///< of the thread's own block
  /// The agent's operations that the thread waited for last, up to a clock; not in `generic` yet, so that threads that
  /// wait for their own copies keep sharing one clock until they meet.
  uint32_t waited = ~0u, waitedClock = 0;

  /// The clocks with the own components in them, as the last snapshot made them; reset by every change.
  SyncClock published;

  /// Fences (PTX ISA 9.0, "Release and Acquire Patterns"), by the scope that they need at least: what a relaxed write
  /// publishes since the last release fence, and what relaxed reads saw that awaits an acquire fence.
  struct Fences {
    SyncClock released[4], pending[4];
  };
  std::unique_ptr<Fences> fences;

  /// The words that the thread read by strong accesses last, and how many strong writes each had seen by then. Whoever
  /// has observed all of them comes after them (PTX ISA 9.0, "Causality Order": observation order).
  struct Observed {
    const void *words = nullptr; ///< of which memory
    uint64_t granule = 0;
    uint32_t writes = 0;
  };
  /// Updates apart from reads, so that a loop of volatile reads does not push out the counter that led to it.
  Observed observedUpdates[8], observedReads[8];
  unsigned nextObserved[2] = {};
};

} // namespace ptxsim
