// Instructions that several threads execute together: the last to arrive does the work for all.
#pragma once

#include "engine/Scheduler.h"
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
///
/// Split in two so that no frame but the caller's is left while the thread waits: what many fibers keep on their stacks
/// misses the cache when they come back. arriveAtWarp says whether the thread has to wait.
bool arriveAtWarp(Thread &thread, const Site *site, uint32_t mask, bool aligned, const uint64_t *in, uint64_t *out,
                  WarpWork work);
inline void meetWarp(Thread &thread, const Site *site, uint32_t mask, bool aligned, const uint64_t *in, uint64_t *out,
                     WarpWork work) {
  if (arriveAtWarp(thread, site, mask, aligned, in, out, work))
    Scheduler::block(thread);
}

struct WarpgroupOperands {
  Thread *threads[128];
  const uint64_t *in[128];
  uint64_t *out[128];
};
using WarpgroupWork = void (*)(Cta &cta, const Site *site, WarpgroupOperands &operands);
/// The same for the four warps of a warpgroup, always aligned.
bool arriveAtWarpgroup(Thread &thread, const Site *site, const uint64_t *in, uint64_t *out, WarpgroupWork work);
inline void meetWarpgroup(Thread &thread, const Site *site, const uint64_t *in, uint64_t *out, WarpgroupWork work) {
  if (arriveAtWarpgroup(thread, site, in, out, work))
    Scheduler::block(thread);
}

} // namespace ptxsim
