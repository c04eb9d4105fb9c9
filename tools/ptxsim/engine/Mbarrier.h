// mbarrier objects as the asynchronous families see them. Private to engine/.
#pragma once

#include "engine/AsyncSupport.h"

namespace ptxsim {

/// A live mbarrier and where it lies.
struct MbarrierPlace {
  Cta *cta = nullptr;
  uint32_t address = 0; ///< in the window of `cta`
  Mbarrier *barrier = nullptr;
  Location where;
};

/// The mbarrier at an address; a fatal finding if there is none.
MbarrierPlace liveMbarrier(Thread &thread, const Site *site, ptx::Space space, uint64_t address);
/// The same object later on, or null if it was invalidated in between.
Mbarrier *mbarrierAgain(Cta &cta, uint32_t address, uint64_t serial);

/// Counts `count` arrivals and ends the phase if nothing is missing any more. Never blocks; findings are notes.
void countArrivals(const Thread &thread, const Site *site, Cta &cta, uint32_t address, Mbarrier &barrier,
                   uint32_t count);
/// Bytes to come are added, bytes that came subtracted; ends the phase if nothing is missing any more.
void countTransactions(const Thread &thread, const Site *site, Cta &cta, uint32_t address, Mbarrier &barrier,
                       int64_t bytes);

/// A copy that will complete on a barrier.
struct MbarrierTicket {
  Cta *cta = nullptr;
  uint32_t address = 0;
  uint64_t serial = 0;
  Agent agent = kNoAgent;
  uint64_t operation = 0;
};
/// Announces a copy: numbers it and tells the race detector that it updates the barrier. The asynchronous proxy needs a
/// proxy fence behind mbarrier.init for that.
MbarrierTicket announceCopy(Thread &thread, const Site *site, const MbarrierPlace &place, const SyncClock &issued,
                            bool asyncProxy);
/// The copy has landed.
void completeCopy(const Thread &issuer, const Site *site, const MbarrierTicket &ticket, uint64_t bytes);

} // namespace ptxsim
