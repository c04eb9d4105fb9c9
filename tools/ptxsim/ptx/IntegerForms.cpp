// Integer arithmetic, bit fields, comparison and selection.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.1: integer arithmetic.
    {"add.(u16|s16|u32|u64|s64)", "=T0 T0 T0", "integer", 80},
    {"add{.sat}.s32", "=T0 T0 T0", "integer", 80},
    {"add.(u16x2|s16x2)", "=T0 T0 T0", "integer", 90},
    {"sub.(u16|s16|u32|u64|s64)", "=T0 T0 T0", "integer", 80},
    {"sub{.sat}.s32", "=T0 T0 T0", "integer", 80},
    // Section 9.7.2: extended precision; the carry flag CC.CF is a hidden register of the thread.
    {"add.cc.(u32|s32|u64|s64)", "=T0 T0 T0", "carry", 80},
    {"addc{.cc}.(u32|s32|u64|s64)", "=T0 T0 T0", "carry", 80},
    {"sub.cc.(u32|s32|u64|s64)", "=T0 T0 T0", "carry", 80},
    {"subc{.cc}.(u32|s32|u64|s64)", "=T0 T0 T0", "carry", 80},
    {"mad.(hi|lo).cc.(u32|s32|u64|s64)", "=T0 T0 T0 T0", "carry", 80},
    {"madc.(hi|lo){.cc}.(u32|s32|u64|s64)", "=T0 T0 T0 T0", "carry", 80},
    {"mul.(hi|lo).(u16|s16|u32|s32|u64|s64)", "=T0 T0 T0", "integer", 80},
    {"mul.wide.(u16|s16|u32|s32)", "=W0 T0 T0", "integer", 80},
    {"mad.(hi|lo).(u16|s16|u32|s32|u64|s64)", "=T0 T0 T0 T0", "integer", 80},
    {"mad.hi.sat.s32", "=T0 T0 T0 T0", "integer", 80},
    {"mad.wide.(u16|s16|u32|s32)", "=W0 T0 T0 W0", "integer", 80},
    {"mul24.(hi|lo).(u32|s32)", "=T0 T0 T0", "integer", 80},
    {"mad24.(hi|lo).(u32|s32)", "=T0 T0 T0 T0", "integer", 80},
    {"mad24.hi.sat.s32", "=T0 T0 T0 T0", "integer", 80},
    {"sad.(u16|s16|u32|s32|u64|s64)", "=T0 T0 T0 T0", "integer", 80},
    {"div.(u16|s16|u32|s32|u64|s64)", "=T0 T0 T0", "integer", 80},
    {"rem.(u16|s16|u32|s32|u64|s64)", "=T0 T0 T0", "integer", 80},
    {"abs.(s16|s32|s64)", "=T0 T0", "integer", 80},
    {"neg.(s16|s32|s64)", "=T0 T0", "integer", 80},
    {"min.(u16|s16|u32|s32|u64|s64)", "=T0 T0 T0", "integer", 80},
    {"min.(u16x2|s16x2)", "=T0 T0 T0", "integer", 90},
    {"min.relu.(s16x2|s32)", "=T0 T0 T0", "integer", 90},
    {"max.(u16|s16|u32|s32|u64|s64)", "=T0 T0 T0", "integer", 80},
    {"max.(u16x2|s16x2)", "=T0 T0 T0", "integer", 90},
    {"max.relu.(s16x2|s32)", "=T0 T0 T0", "integer", 90},
    // Counts and bit fields.
    {"popc.(b32|b64)", "=u32 T0", "integer", 80},
    {"clz.(b32|b64)", "=u32 T0", "integer", 80},
    {"bfind{.shiftamt}.(u32|s32|u64|s64)", "=u32 T0", "integer", 80},
    {"fns.b32", "=b32 b32 u32 s32", "integer", 80},
    {"brev.(b32|b64)", "=T0 T0", "integer", 80},
    {"bfe.(u32|s32|u64|s64)", "=T0 T0 u32 u32", "integer", 80},
    {"bfi.(b32|b64)", "=T0 T0 T0 u32 u32", "integer", 80},
    {"szext.(clamp|wrap).(u32|s32)", "=T0 T0 u32", "integer", 80},
    {"bmsk.(clamp|wrap).b32", "=b32 u32 u32", "integer", 80},
    {"dp4a.(u32|s32).(u32|s32)", "=b32 b32 b32 b32", "integer", 80},
    {"dp2a.(lo|hi).(u32|s32).(u32|s32)", "=b32 b32 b32 b32", "integer", 80},
    // Section 9.7.6: comparison and selection.
    {"setp.(eq|ne).(b16|b32|b64)", "=p|p T0 T0", "compare", 80},
    {"setp.(eq|ne).(and|or|xor).(b16|b32|b64)", "=p|p T0 T0 p", "compare", 80},
    {"setp.(eq|ne|lt|le|gt|ge).(s16|s32|s64)", "=p|p T0 T0", "compare", 80},
    {"setp.(eq|ne|lt|le|gt|ge).(and|or|xor).(s16|s32|s64)", "=p|p T0 T0 p", "compare", 80},
    {"setp.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(u16|u32|u64)", "=p|p T0 T0", "compare", 80},
    {"setp.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(and|or|xor).(u16|u32|u64)", "=p|p T0 T0 p", "compare", 80},
    {"set.(eq|ne).(u32|s32|f32).(b16|b32|b64)", "=T0 T1 T1", "compare", 80},
    {"set.(eq|ne).(and|or|xor).(u32|s32|f32).(b16|b32|b64)", "=T0 T1 T1 p", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge).(u32|s32|f32).(s16|s32|s64)", "=T0 T1 T1", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge).(and|or|xor).(u32|s32|f32).(s16|s32|s64)", "=T0 T1 T1 p", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(u32|s32|f32).(u16|u32|u64)", "=T0 T1 T1", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(and|or|xor).(u32|s32|f32).(u16|u32|u64)", "=T0 T1 T1 p", "compare", 80},
    {"selp.(b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64)", "=T0 T0 T0 p", "compare", 80},
    {"slct.(b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64).s32", "=T0 T0 T0 T1", "compare", 80},
    {"slct{.ftz}.(b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64).f32", "=T0 T0 T0 T1", "compare", 80},
};
// clang-format on

llvm::ArrayRef<Form> integerForms() { return forms; }

} // namespace ptxsim::ptx
