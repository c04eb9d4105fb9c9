// Control flow, calls and the stack.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.12. A call is "{results}? callee {arguments}? {targets or prototype}?", checked against the callee.
    {"bra{.uni}", "L", "control", 80},
    {"brx.idx{.uni}", "u32 L", "control", 80},
    {"call{.uni}", "...", "control", 80},
    {"ret{.uni}", "", "control", 80},
    {"exit", "", "control", 80},
    {"trap", "", "control", 80},
    {"brkpt", "", "control", 80},
    {"pmevent{.mask}", "imm", "control", 80},
    {"alloca.(u32|u64)", "=T0 T0 ?imm", "control", 80},
    {"stacksave.(u32|u64)", "=T0", "control", 80},
    {"stackrestore.(u32|u64)", "T0", "control", 80},
};
// clang-format on

llvm::ArrayRef<Form> controlForms() { return forms; }

} // namespace ptxsim::ptx
