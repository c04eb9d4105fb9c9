// Logic, shifts and permutation.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.8: logic and shift. Shift amounts are 32 bits wide whatever is shifted.
    {"and.(pred|b16|b32|b64)", "=T0 T0 T0", "logic", 80},
    {"or.(pred|b16|b32|b64)", "=T0 T0 T0", "logic", 80},
    {"xor.(pred|b16|b32|b64)", "=T0 T0 T0", "logic", 80},
    {"not.(pred|b16|b32|b64)", "=T0 T0", "logic", 80},
    {"cnot.(b16|b32|b64)", "=T0 T0", "logic", 80},
    {"lop3.b32", "=T0 T0 T0 T0 imm", "logic", 80},
    {"lop3.(or|and).b32", "=b32|p T0 T0 T0 imm p", "logic", 80},
    {"shl.(b16|b32|b64)", "=T0 T0 u32", "logic", 80},
    {"shr.(b16|b32|b64|u16|u32|u64|s16|s32|s64)", "=T0 T0 u32", "logic", 80},
    {"shf.(l|r).(clamp|wrap).b32", "=T0 T0 T0 u32", "logic", 80},
    {"prmt.b32{.(f4e|b4e|rc8|ecl|ecr|rc16)}", "=T0 T0 T0 T0", "logic", 80},
};
// clang-format on

llvm::ArrayRef<Form> logicForms() { return forms; }

} // namespace ptxsim::ptx
