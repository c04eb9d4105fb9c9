// Single and double precision.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.3: floating point.
    {"add{.(rn|rz|rm|rp)}{.ftz}{.sat}.f32", "=T0 T0 T0", "float", 80},
    {"add{.(rn|rz|rm|rp)}.f64", "=T0 T0 T0", "float", 80},
    {"sub{.(rn|rz|rm|rp)}{.ftz}{.sat}.f32", "=T0 T0 T0", "float", 80},
    {"sub{.(rn|rz|rm|rp)}.f64", "=T0 T0 T0", "float", 80},
    {"mul{.(rn|rz|rm|rp)}{.ftz}{.sat}.f32", "=T0 T0 T0", "float", 80},
    {"mul{.(rn|rz|rm|rp)}.f64", "=T0 T0 T0", "float", 80},
    {"fma.(rn|rz|rm|rp){.ftz}{.sat}.f32", "=T0 T0 T0 T0", "float", 80},
    {"fma.(rn|rz|rm|rp).f64", "=T0 T0 T0 T0", "float", 80},
    {"mad.(rn|rz|rm|rp){.ftz}{.sat}.f32", "=T0 T0 T0 T0", "float", 80},
    {"mad.(rn|rz|rm|rp).f64", "=T0 T0 T0 T0", "float", 80},
    {"div.(approx|full){.ftz}.f32", "=T0 T0 T0", "float", 80},
    {"div.(rn|rz|rm|rp){.ftz}.f32", "=T0 T0 T0", "float", 80},
    {"div.(rn|rz|rm|rp).f64", "=T0 T0 T0", "float", 80},
    {"abs{.ftz}.f32", "=T0 T0", "float", 80},
    {"abs.f64", "=T0 T0", "float", 80},
    {"neg{.ftz}.f32", "=T0 T0", "float", 80},
    {"neg.f64", "=T0 T0", "float", 80},
    {"min{.ftz}{.NaN}.f32", "=T0 T0 T0", "float", 80},
    {"min{.ftz}{.NaN}.xorsign.abs.f32", "=T0 T0 T0", "float", 90},
    {"min.f64", "=T0 T0 T0", "float", 80},
    {"max{.ftz}{.NaN}.f32", "=T0 T0 T0", "float", 80},
    {"max{.ftz}{.NaN}.xorsign.abs.f32", "=T0 T0 T0", "float", 90},
    {"max.f64", "=T0 T0 T0", "float", 80},
    {"rcp.(approx|rn|rz|rm|rp){.ftz}.f32", "=T0 T0", "float", 80},
    {"rcp.(rn|rz|rm|rp).f64", "=T0 T0", "float", 80},
    {"sqrt.(approx|rn|rz|rm|rp){.ftz}.f32", "=T0 T0", "float", 80},
    {"sqrt.(rn|rz|rm|rp).f64", "=T0 T0", "float", 80},
    {"rcp.approx.ftz.f64", "=T0 T0", "float", 80},
    {"rsqrt.approx{.ftz}.(f32|f64)", "=T0 T0", "float", 80},
    {"sin.approx{.ftz}.f32", "=T0 T0", "float", 80},
    {"cos.approx{.ftz}.f32", "=T0 T0", "float", 80},
    {"lg2.approx{.ftz}.f32", "=T0 T0", "float", 80},
    {"ex2.approx{.ftz}.f32", "=T0 T0", "float", 80},
    {"tanh.approx.f32", "=T0 T0", "float", 80},
    {"testp.(finite|infinite|number|notanumber|normal|subnormal).(f32|f64)", "=p T0", "float", 80},
    {"copysign.(f32|f64)", "=T0 T0 T0", "float", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.(f32)", "=p|p T0 T0", "compare", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.(f32)",
     "=p|p T0 T0 p", "compare", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(f64)", "=p|p T0 T0", "compare", 80},
    {"setp.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).(f64)", "=p|p T0 T0 p", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan){.ftz}.(u32|s32|f32).(f32)", "=T0 T1 T1", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor){.ftz}.(u32|s32|f32).(f32)",
     "=T0 T1 T1 p", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(u32|s32|f32).(f64)", "=T0 T1 T1", "compare", 80},
    {"set.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan).(and|or|xor).(u32|s32|f32).(f64)",
     "=T0 T1 T1 p", "compare", 80},
};
// clang-format on

llvm::ArrayRef<Form> floatForms() { return forms; }

} // namespace ptxsim::ptx
