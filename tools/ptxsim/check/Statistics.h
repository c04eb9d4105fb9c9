// Counters of `ptxsim stats`: how a kernel uses memory and issue slots, as far as the instruction stream tells it.
#pragma once

#include "engine/Memory.h"
#include "engine/Thread.h"

#include <map>

namespace ptxsim {

/// Filled by instrumented loads and stores, matrix handlers and translated code; one for a launch, one host thread.
class Statistics {
public:
  Statistics();
  ~Statistics();
  /// One thread's access. Accesses of the lanes of a warp at the same site and the same turn count as one warp
  /// instruction.
  void access(Thread &thread, const Site *site, const Location &where, uint64_t bytes, Access kind);
  /// One warp's tensor instruction: multiply-adds.
  void tensor(const Site *site, uint64_t multiplyAdds);
  /// One warp instruction, or part of one, with `lanes` active (from translated code's counters).
  void executed(const Site *site, uint64_t threads);
  void finish(const Grid &grid); ///< after the launch: closes what is open
  std::string text() const;      ///< tables for people
  std::string json() const;

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace ptxsim
