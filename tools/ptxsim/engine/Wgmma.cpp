#include "engine/Wgmma.h"
#include "engine/WgmmaState.h"

namespace ptxsim {
bool bindWgmma(Site &) { return false; }
} // namespace ptxsim
extern "C" void ptxsim_settle_wgmma(ptxsim::Thread *) {}
