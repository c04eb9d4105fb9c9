// Exchange and election within a warp.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Sections 9.7.9.6 and 9.7.13.9 to 9.7.13.15: what the lanes of a warp do together.
    {"shfl.sync.(up|down|bfly|idx).b32", "=b32|p b32 b32 b32 b32", "warp", 80},
    {"vote.sync.(all|any|uni).pred", "=p p b32", "warp", 80},
    {"vote.sync.ballot.b32", "=b32 p b32", "warp", 80},
    {"match.any.sync.(b32|b64)", "=b32 T0 b32", "warp", 80},
    {"match.all.sync.(b32|b64)", "=b32|p T0 b32", "warp", 80},
    {"activemask.b32", "=b32", "warp", 80},
    {"redux.sync.(add|min|max).(u32|s32)", "=T0 T0 b32", "warp", 80},
    {"redux.sync.(and|or|xor).b32", "=T0 T0 b32", "warp", 80},
    {"elect.sync", "=b32|p b32", "warp", 90},
};
// clang-format on

llvm::ArrayRef<Form> warpForms() { return forms; }

} // namespace ptxsim::ptx
