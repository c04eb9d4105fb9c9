// Products in flight of one warpgroup.
#pragma once

#include "check/Race.h"
#include "engine/Thread.h"

#include <array>
#include <cstdint>
#include <deque>

namespace ptxsim {

/// The products and groups of one warpgroup. Groups are numbered from 1; a product belongs to the group that the next
/// wgmma.commit_group closes. The number is the clock of the warpgroup's reads of shared memory.
struct WgmmaGroup {
  bool fenced = false;           ///< a wgmma.fence has been executed
  bool reported = false;         ///< unwaited products have been reported
  uint64_t committed = 0;        ///< groups closed so far
  uint64_t uncommitted = 0;      ///< products since the last commit
  uint64_t lastProductGroup = 0; ///< group of the last product
  uint64_t waited = 0;           ///< groups that some wait_group has covered
  uint64_t queue = 0;            ///< of AsyncWork
  uint64_t issued = 0;           ///< products in all
  std::deque<uint64_t> inFlight; ///< group of each product that has not landed, oldest first
  /// Products that no wait has covered, oldest first, with the banks they write; kept where translated code asks
  /// (random schedules).
  struct Unwaited {
    uint64_t group;
    const Site *site;
    std::array<const uint64_t *, 128> banks;
  };
  std::deque<Unwaited> unwaited;
  const Site *lastProduct = nullptr; ///< for reports
  Agent agent = kNoAgent;
};

WgmmaGroup &wgmmaGroupOf(Thread &thread);

} // namespace ptxsim
