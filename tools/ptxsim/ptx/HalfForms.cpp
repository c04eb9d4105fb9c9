// Half precision: f16, bf16 and their packed pairs.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.4: half precision. Packed pairs are computed element by element.
    {"add{.rn}{.ftz}{.sat}.(f16|f16x2)", "=T0 T0 T0", "half", 80},
    {"add{.rn}.(bf16|bf16x2)", "=T0 T0 T0", "half", 90},
    {"sub{.rn}{.ftz}{.sat}.(f16|f16x2)", "=T0 T0 T0", "half", 80},
    {"sub{.rn}.(bf16|bf16x2)", "=T0 T0 T0", "half", 90},
    {"mul{.rn}{.ftz}{.sat}.(f16|f16x2)", "=T0 T0 T0", "half", 80},
    {"mul{.rn}.(bf16|bf16x2)", "=T0 T0 T0", "half", 90},
    {"fma.rn{.ftz}{.sat|.relu}.(f16|f16x2)", "=T0 T0 T0 T0", "half", 80},
    {"fma.rn{.relu}.(bf16|bf16x2)", "=T0 T0 T0 T0", "half", 80},
    {"fma.rn.oob{.relu}.(f16|f16x2|bf16|bf16x2)", "=T0 T0 T0 T0", "half", 90},
    {"abs{.ftz}.(f16|f16x2)", "=T0 T0", "half", 80},
    {"abs.(bf16|bf16x2)", "=T0 T0", "half", 80},
    {"neg{.ftz}.(f16|f16x2)", "=T0 T0", "half", 80},
    {"neg.(bf16|bf16x2)", "=T0 T0", "half", 80},
    {"min{.ftz}{.NaN}{.xorsign.abs}.(f16|f16x2)", "=T0 T0 T0", "half", 80},
    {"min{.NaN}{.xorsign.abs}.(bf16|bf16x2)", "=T0 T0 T0", "half", 80},
    {"max{.ftz}{.NaN}{.xorsign.abs}.(f16|f16x2)", "=T0 T0 T0", "half", 80},
    {"max{.NaN}{.xorsign.abs}.(bf16|bf16x2)", "=T0 T0 T0", "half", 80},
    {"tanh.approx.(f16|f16x2)", "=T0 T0", "half", 80},
    {"tanh.approx.(bf16|bf16x2)", "=T0 T0", "half", 90},
    {"ex2.approx.(f16|f16x2)", "=T0 T0", "half", 80},
    {"ex2.approx.ftz.(bf16|bf16x2)", "=T0 T0", "half", 90},
    // Section 9.7.7: half precision comparison. Packed setp writes a predicate for either half.
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.(f16)", "=p|p T0 T0", "half", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.(f16)", "=p|p T0 T0 p", "half", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(bf16)", "=p|p T0 T0", "half", 90},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).(bf16)", "=p|p T0 T0 p", "half", 90},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.f16x2", "=p|p T0 T0", "half", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.f16x2", "=p|p T0 T0 p", "half", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).bf16x2", "=p|p T0 T0", "half", 90},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).bf16x2", "=p|p T0 T0 p", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.(u16|s16|u32|s32|f16).(f16)",
     "=T0 T1 T1", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.(u16|s16|u32|s32|f16).(f16)",
     "=T0 T1 T1 p", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(u16|s16|u32|s32|bf16).(bf16)", "=T0 T1 T1", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).(u16|s16|u32|s32|bf16).(bf16)",
     "=T0 T1 T1 p", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.(u32|s32|f16x2).(f16x2)", "=T0 T1 T1", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.(u32|s32|f16x2).(f16x2)",
     "=T0 T1 T1 p", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(u32|s32|bf16x2).(bf16x2)", "=T0 T1 T1", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).(u32|s32|bf16x2).(bf16x2)",
     "=T0 T1 T1 p", "half", 90},
    {"set.(eq|ne).(f16).(b16|b32|b64)", "=T0 T1 T1", "half", 80},
    {"set.(eq|ne).(and|or|xor).(f16).(b16|b32|b64)", "=T0 T1 T1 p", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge).(f16).(s16|s32|s64)", "=T0 T1 T1", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge).(and|or|xor).(f16).(s16|s32|s64)", "=T0 T1 T1 p", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(f16).(u16|u32|u64)", "=T0 T1 T1", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(and|or|xor).(f16).(u16|u32|u64)", "=T0 T1 T1 p", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.(f16).(f32)", "=T0 T1 T1", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.(f16).(f32)",
     "=T0 T1 T1 p", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(f16).(f64)", "=T0 T1 T1", "half", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).(f16).(f64)", "=T0 T1 T1 p", "half", 80},
    {"set.(eq|ne).(bf16).(b16|b32|b64)", "=T0 T1 T1", "half", 90},
    {"set.(eq|ne).(and|or|xor).(bf16).(b16|b32|b64)", "=T0 T1 T1 p", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge).(bf16).(s16|s32|s64)", "=T0 T1 T1", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge).(and|or|xor).(bf16).(s16|s32|s64)", "=T0 T1 T1 p", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(bf16).(u16|u32|u64)", "=T0 T1 T1", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|lo|ls|hi|hs).(and|or|xor).(bf16).(u16|u32|u64)", "=T0 T1 T1 p", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.(bf16).(f32)", "=T0 T1 T1", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.(bf16).(f32)",
     "=T0 T1 T1 p", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(bf16).(f64)", "=T0 T1 T1", "half", 90},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).(bf16).(f64)", "=T0 T1 T1 p", "half", 90},
};
// clang-format on

llvm::ArrayRef<Form> halfForms() { return forms; }

} // namespace ptxsim::ptx
