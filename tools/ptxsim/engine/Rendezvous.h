// Instructions that several threads execute together: the last to arrive does the work for all.
#pragma once

#include "engine/Thread.h"

namespace ptxsim {

/// The operands of every lane that takes part; null for the others.
struct LaneOperands {
  const uint64_t *in[32];
  uint64_t *out[32];
};
using WarpWork = void (*)(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes);

/// Waits until every lane of `mask` has arrived with the same mask and then runs `work` once, on the last one's stack.
/// aligned: all 32 lanes that exist, at this very instruction, else a divergence finding. Not aligned: the same
/// operation with the same modifiers may stand elsewhere in the text (compilers duplicate code). A mask that lacks the
/// caller, names a lane that does not exist, or waits for a lane that has exited is a finding. `work` must not block.
void meetWarp(Thread &thread, const Site *site, uint32_t mask, bool aligned, const uint64_t *in, uint64_t *out,
              WarpWork work);

struct WarpgroupOperands {
  Thread *threads[128];
  const uint64_t *in[128];
  uint64_t *out[128];
};
using WarpgroupWork = void (*)(Cta &cta, const Site *site, WarpgroupOperands &operands);
/// The same for the four warps of a warpgroup, always aligned.
void meetWarpgroup(Thread &thread, const Site *site, const uint64_t *in, uint64_t *out, WarpgroupWork work);

} // namespace ptxsim
