// Conversions and moves.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.9.21: cvt.
    {"cvt.sat.u8.(u16|u32|u64|s8|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.sat.u16.(u32|u64|s8|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.sat.u32.(u64|s8|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.sat.u64.(s8|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.sat.s8.(u8|u16|u32|u64|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.sat.s16.(u16|u32|u64|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.sat.s32.(u32|u64|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.sat.s64.(u64)", "=~T0 ~T1", "convert", 80},
    {"cvt.(u8|u16|u32|u64|s8|s16|s32|s64).(u8|u16|u32|u64|s8|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.(rni|rzi|rmi|rpi){.ftz}{.sat}.(u8|u16|u32|u64|s8|s16|s32|s64).f32", "=~T0 ~T1", "convert", 80},
    {"cvt.(rni|rzi|rmi|rpi){.sat}.(u8|u16|u32|u64|s8|s16|s32|s64).(f16|f64)", "=~T0 ~T1", "convert", 80},
    {"cvt.(rn|rz|rm|rp){.ftz}{.sat}.f32.(u8|u16|u32|u64|s8|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt.(rn|rz|rm|rp){.sat}.(f16|f64).(u8|u16|u32|u64|s8|s16|s32|s64)", "=~T0 ~T1", "convert", 80},
    {"cvt{.(rni|rzi|rmi|rpi)}{.ftz}{.sat}.f32.f32", "=~T0 ~T1", "convert", 80},
    {"cvt{.(rni|rzi|rmi|rpi)}{.sat}.f64.f64", "=~T0 ~T1", "convert", 80},
    {"cvt{.(rni|rzi|rmi|rpi)}{.sat}.f16.f16", "=~T0 ~T1", "convert", 80},
    {"cvt{.ftz}{.sat}.f32.f16", "=~T0 ~T1", "convert", 80},
    {"cvt{.sat}.f64.f16", "=~T0 ~T1", "convert", 80},
    {"cvt{.ftz}{.sat}.f64.f32", "=~T0 ~T1", "convert", 80},
    {"cvt.(rn|rz|rm|rp){.ftz}{.sat}.f32.f64", "=~T0 ~T1", "convert", 80},
    {"cvt.(rn|rz|rm|rp){.ftz}{.sat}.f16.f32", "=~T0 ~T1", "convert", 80},
    {"cvt.(rn|rz|rm|rp){.sat}.f16.f64", "=~T0 ~T1", "convert", 80},
    // bf16, tf32 and packed results; of two sources the first becomes the upper half.
    {"cvt.f32.bf16", "=~T0 ~T1", "convert", 80},
    {"cvt.(rni|rzi|rmi|rpi).(u16|u32|u64|s16|s32|s64).bf16", "=~T0 ~T1", "convert", 90},
    {"cvt.(rn|rz|rm|rp).bf16.(u16|u32|u64|s16|s32|s64)", "=~T0 ~T1", "convert", 90},
    {"cvt.f64.bf16", "=~T0 ~T1", "convert", 90},
    {"cvt.(rn|rz|rm|rp).bf16.(f16|f64)", "=~T0 ~T1", "convert", 90},
    {"cvt.(rn|rz|rm|rp).f16.bf16", "=~T0 ~T1", "convert", 90},
    {"cvt{.(rni|rzi|rmi|rpi)}.bf16.bf16", "=~T0 ~T1", "convert", 90},
    {"cvt.(rn|rz).relu{.satfinite}.(f16|bf16).f32", "=~T0 ~T1", "convert", 80},
    {"cvt.(rn|rz).satfinite.(f16|bf16).f32", "=~T0 ~T1", "convert", 80},
    {"cvt.(rn|rz).bf16.f32", "=~T0 ~T1", "convert", 80},
    {"cvt.(rm|rp).bf16.f32", "=~T0 ~T1", "convert", 90},
    {"cvt.(rn|rz){.relu}{.satfinite}.(f16x2|bf16x2).f32", "=T0 T1 T1", "convert", 80},
    {"cvt.rna{.satfinite}.tf32.f32", "=b32 f32", "convert", 80},
    {"cvt.(rn|rz){.relu}.tf32.f32", "=b32 f32", "convert", 90},
    // fp8 in pairs.
    {"cvt.rn.satfinite{.relu}.(e4m3x2|e5m2x2).f32", "=T0 T1 T1", "convert", 90},
    {"cvt.rn.satfinite{.relu}.(e4m3x2|e5m2x2).f16x2", "=T0 T1", "convert", 90},
    {"cvt.rn{.relu}.f16x2.(e4m3x2|e5m2x2)", "=T0 T1", "convert", 90},
    {"cvt.pack.sat.(u16|s16).s32", "=b32 s32 s32", "convert", 80},
    {"cvt.pack.sat.(u8|s8|u4|s4|u2|s2).s32.b32", "=b32 s32 s32 b32", "convert", 80},
    // Section 9.7.9.2: mov; packing puts the first element into the lowest bits.
    {"mov.(pred|b16|u16|s16|b32|u32|s32|b64|u64|s64|f32|f64|b128)", "=T0 T0", "move", 80},
    {"mov.b16", "=T0 {b8*2}", "move", 80},
    {"mov.b16", "={b8*2} T0", "move", 80},
    {"mov.b32", "=T0 {b16*2}", "move", 80},
    {"mov.b32", "={b16*2} T0", "move", 80},
    {"mov.b32", "=T0 {b8*4}", "move", 80},
    {"mov.b32", "={b8*4} T0", "move", 80},
    {"mov.b64", "=T0 {b32*2}", "move", 80},
    {"mov.b64", "={b32*2} T0", "move", 80},
    {"mov.b64", "=T0 {b16*4}", "move", 80},
    {"mov.b64", "={b16*4} T0", "move", 80},
    {"mov.b128", "=T0 {b64*2}", "move", 80},
    {"mov.b128", "={b64*2} T0", "move", 80},
    {"mov.b128", "=T0 {b32*4}", "move", 80},
    {"mov.b128", "={b32*4} T0", "move", 80},
};
// clang-format on

llvm::ArrayRef<Form> conversionForms() { return forms; }

} // namespace ptxsim::ptx
