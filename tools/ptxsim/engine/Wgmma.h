// Accumulators of wgmma that have not landed. The translator keeps every accumulator register of wgmma in memory (a
// bank: an array of 64-bit slots on the fiber's stack, the shadows behind them when poison is tracked), passes the bank
// as `out`, and, before any other instruction touches such a register while Thread::wgmmaInFlight is not zero, calls
// ptxsim_settle_wgmma. Likewise before a function that has banks returns, whose frame they lie in.
#pragma once

#include "engine/Thread.h"

extern "C" void ptxsim_settle_wgmma(ptxsim::Thread *thread); ///< lands all products in flight of the thread's warpgroup

namespace ptxsim {
/// A thread ends (while its stack still stands): what is in flight lands, and products that no wgmma.wait_group has
/// waited for are a finding.
void leaveWarpgroup(Thread &thread);
} // namespace ptxsim
