// Accumulators of wgmma that have not landed. The translator keeps every accumulator register of wgmma in memory (a
// bank: an array of 64-bit slots on the fiber's stack, the shadows behind them when poison is tracked), passes the bank
// as `out`, and, before any other instruction touches such a register while Thread::wgmmaInFlight is not zero, calls
// ptxsim_settle_wgmma. Likewise before a function that has banks returns, whose frame they lie in.
#pragma once

#include "engine/Thread.h"

extern "C" void ptxsim_settle_wgmma(ptxsim::Thread *thread); ///< lands all products in flight of the thread's warpgroup
/// An instruction other than a move reads or writes accumulators of the bank, which the ISA leaves undefined until a
/// wgmma.wait_group has covered the product ("wgmma.mma_async": accessing the registers before is undefined). Moves are
/// let pass: compilers copy accumulators that are in flight, and ptxas undoes it.
extern "C" void ptxsim_touch_wgmma(ptxsim::Thread *thread, const ptxsim::Site *site, const uint64_t *bank);

namespace ptxsim {
/// A thread ends (while its stack still stands): what is in flight lands, and products that no wgmma.wait_group has
/// waited for are a finding.
void leaveWarpgroup(Thread &thread);
} // namespace ptxsim
