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

/// Waits until every lane of `mask` that has not exited has arrived with the same mask, and then runs `work` once, on
/// the stack of the last one; `mask` names those who take part. aligned: all lanes that exist, at this very instruction
/// and none exited, else a divergence finding (`mask` is ignored then). Not aligned: the same operation with the same
/// modifiers may stand elsewhere in the text (compilers duplicate code). A mask that lacks the caller, or two masks
/// whose lanes wait for each other, is a finding. `work` must not block.
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
