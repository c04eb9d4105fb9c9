// Video instructions.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.17: scalar video instructions.
    {"vadd.(u32|s32).(u32|s32).(u32|s32){.sat}", "=b32 sel sel", "video", 80},
    {"vadd.(u32|s32).(u32|s32).(u32|s32){.sat}", "=sel sel sel b32", "video", 80},
    {"vadd.(u32|s32).(u32|s32).(u32|s32){.sat}.(add|min|max)", "=b32 sel sel b32", "video", 80},
    {"vsub.(u32|s32).(u32|s32).(u32|s32){.sat}", "=b32 sel sel", "video", 80},
    {"vsub.(u32|s32).(u32|s32).(u32|s32){.sat}", "=sel sel sel b32", "video", 80},
    {"vsub.(u32|s32).(u32|s32).(u32|s32){.sat}.(add|min|max)", "=b32 sel sel b32", "video", 80},
    {"vabsdiff.(u32|s32).(u32|s32).(u32|s32){.sat}", "=b32 sel sel", "video", 80},
    {"vabsdiff.(u32|s32).(u32|s32).(u32|s32){.sat}", "=sel sel sel b32", "video", 80},
    {"vabsdiff.(u32|s32).(u32|s32).(u32|s32){.sat}.(add|min|max)", "=b32 sel sel b32", "video", 80},
    {"vmin.(u32|s32).(u32|s32).(u32|s32){.sat}", "=b32 sel sel", "video", 80},
    {"vmin.(u32|s32).(u32|s32).(u32|s32){.sat}", "=sel sel sel b32", "video", 80},
    {"vmin.(u32|s32).(u32|s32).(u32|s32){.sat}.(add|min|max)", "=b32 sel sel b32", "video", 80},
    {"vmax.(u32|s32).(u32|s32).(u32|s32){.sat}", "=b32 sel sel", "video", 80},
    {"vmax.(u32|s32).(u32|s32).(u32|s32){.sat}", "=sel sel sel b32", "video", 80},
    {"vmax.(u32|s32).(u32|s32).(u32|s32){.sat}.(add|min|max)", "=b32 sel sel b32", "video", 80},
    {"vshl.(u32|s32).(u32|s32).u32{.sat}.(clamp|wrap)", "=b32 sel sel", "video", 80},
    {"vshl.(u32|s32).(u32|s32).u32{.sat}.(clamp|wrap)", "=sel sel sel b32", "video", 80},
    {"vshl.(u32|s32).(u32|s32).u32{.sat}.(clamp|wrap).(add|min|max)", "=b32 sel sel b32", "video", 80},
    {"vshr.(u32|s32).(u32|s32).u32{.sat}.(clamp|wrap)", "=b32 sel sel", "video", 80},
    {"vshr.(u32|s32).(u32|s32).u32{.sat}.(clamp|wrap)", "=sel sel sel b32", "video", 80},
    {"vshr.(u32|s32).(u32|s32).u32{.sat}.(clamp|wrap).(add|min|max)", "=b32 sel sel b32", "video", 80},
    {"vmad.(u32|s32).(u32|s32).(u32|s32){.sat}{.shr7|.shr15}", "=b32 sel sel b32", "video", 80},
    {"vmad.(u32|s32).(u32|s32).(u32|s32).po{.sat}{.shr7|.shr15}", "=b32 sel sel b32", "video", 80},
    {"vset.(u32|s32).(u32|s32).(eq|ne|lt|le|gt|ge)", "=b32 sel sel", "video", 80},
    {"vset.(u32|s32).(u32|s32).(eq|ne|lt|le|gt|ge)", "=sel sel sel b32", "video", 80},
    {"vset.(u32|s32).(u32|s32).(eq|ne|lt|le|gt|ge).(add|min|max)", "=b32 sel sel b32", "video", 80},
    // Section 9.7.18: packed video instructions, without selectors and masks.
    {"vadd2.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vsub2.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vavrg2.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vabsdiff2.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vmin2.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vmax2.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vset2.(u32|s32).(u32|s32).(eq|ne|lt|le|gt|ge){.add}", "=b32 b32 b32 b32", "video", 80},
    {"vadd4.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vsub4.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vavrg4.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vabsdiff4.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vmin4.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vmax4.(u32|s32).(u32|s32).(u32|s32){.sat|.add}", "=b32 b32 b32 b32", "video", 80},
    {"vset4.(u32|s32).(u32|s32).(eq|ne|lt|le|gt|ge){.add}", "=b32 b32 b32 b32", "video", 80},
};
// clang-format on

llvm::ArrayRef<Form> videoForms() { return forms; }

} // namespace ptxsim::ptx
