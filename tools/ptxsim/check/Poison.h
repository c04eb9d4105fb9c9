// Undefined bits that decide something. Translated code calls these when a shadow is not zero; the launch goes on.
#pragma once

#include "engine/Thread.h"

extern "C" {
void ptxsim_poison_branch(ptxsim::Thread *thread, const ptxsim::Site *site);  ///< a guard or a branch condition
void ptxsim_poison_address(ptxsim::Thread *thread, const ptxsim::Site *site); ///< an address
void ptxsim_poison_operand(ptxsim::Thread *thread,
                           const ptxsim::Site *site); ///< a mask, a barrier number, a count, a descriptor
}
