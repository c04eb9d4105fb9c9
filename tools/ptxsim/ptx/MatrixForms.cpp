// Warp-level matrix instructions.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.14.5: matrices of 8 by 8 halves.
    {"ldmatrix.sync.aligned.m8n8.x1{.trans}{.shared|.shared::cta}.b16", "={b32*1} [b16]", "matrix", 80},
    {"ldmatrix.sync.aligned.m8n8.x2{.trans}{.shared|.shared::cta}.b16", "={b32*2} [b16]", "matrix", 80},
    {"ldmatrix.sync.aligned.m8n8.x4{.trans}{.shared|.shared::cta}.b16", "={b32*4} [b16]", "matrix", 80},
    {"stmatrix.sync.aligned.m8n8.x1{.trans}{.shared|.shared::cta}.b16", "[b16] {b32*1}", "matrix", 90},
    {"stmatrix.sync.aligned.m8n8.x2{.trans}{.shared|.shared::cta}.b16", "[b16] {b32*2}", "matrix", 90},
    {"stmatrix.sync.aligned.m8n8.x4{.trans}{.shared|.shared::cta}.b16", "[b16] {b32*4}", "matrix", 90},
    {"movmatrix.sync.aligned.m8n8.trans.b16", "=b32 b32", "matrix", 80},
    // mma: the fragments of D, A, B, C.
    {"mma.sync.aligned.m8n8k4.(row|col).(row|col).f16.f16.f16.f16", "={b32*4} {b32*2} {b32*2} {b32*4}", "mma", 80},
    {"mma.sync.aligned.m8n8k4.(row|col).(row|col).f32.f16.f16.f16", "={f32*8} {b32*2} {b32*2} {b32*4}", "mma", 80},
    {"mma.sync.aligned.m8n8k4.(row|col).(row|col).f32.f16.f16.f32", "={f32*8} {b32*2} {b32*2} {f32*8}", "mma", 80},
    {"mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16", "={b32*2} {b32*2} {b32*1} {b32*2}", "mma", 80},
    {"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", "={f32*4} {b32*2} {b32*1} {f32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", "={f32*4} {b32*2} {b32*1} {f32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", "={f32*4} {b32*2} {b32*1} {f32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16", "={b32*2} {b32*4} {b32*2} {b32*2}", "mma", 80},
    {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", "={f32*4} {b32*4} {b32*2} {f32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "={f32*4} {b32*4} {b32*2} {f32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", "={f32*4} {b32*4} {b32*2} {f32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k16.row.col.f32.(e4m3|e5m2).(e4m3|e5m2).f32",
     "={f32*4} {b32*2} {b32*1} {f32*4}", "mma", 90},
    {"mma.sync.aligned.m16n8k16.row.col.f16.(e4m3|e5m2).(e4m3|e5m2).f16",
     "={b32*2} {b32*2} {b32*1} {b32*2}", "mma", 90},
    {"mma.sync.aligned.m16n8k32.row.col.f32.(e4m3|e5m2).(e4m3|e5m2).f32",
     "={f32*4} {b32*4} {b32*2} {f32*4}", "mma", 90},
    {"mma.sync.aligned.m16n8k32.row.col.f16.(e4m3|e5m2).(e4m3|e5m2).f16",
     "={b32*2} {b32*4} {b32*2} {b32*2}", "mma", 90},
    {"mma.sync.aligned.m8n8k4.row.col{.rn|.rz|.rm|.rp}.f64.f64.f64.f64", "={f64*2} {f64*1} {f64*1} {f64*2}", "mma", 80},
    {"mma.sync.aligned.m16n8k4.row.col{.rn|.rz|.rm|.rp}.f64.f64.f64.f64",
     "={f64*4} {f64*2} {f64*1} {f64*4}", "mma", 90},
    {"mma.sync.aligned.m16n8k8.row.col{.rn|.rz|.rm|.rp}.f64.f64.f64.f64",
     "={f64*4} {f64*4} {f64*2} {f64*4}", "mma", 90},
    {"mma.sync.aligned.m16n8k16.row.col{.rn|.rz|.rm|.rp}.f64.f64.f64.f64",
     "={f64*4} {f64*8} {f64*4} {f64*4}", "mma", 90},
    {"mma.sync.aligned.m8n8k16.row.col{.satfinite}.s32.(u8|s8).(u8|s8).s32",
     "={s32*2} {b32*1} {b32*1} {s32*2}", "mma", 80},
    {"mma.sync.aligned.m16n8k16.row.col{.satfinite}.s32.(u8|s8).(u8|s8).s32",
     "={s32*4} {b32*2} {b32*1} {s32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k32.row.col{.satfinite}.s32.(u8|s8).(u8|s8).s32",
     "={s32*4} {b32*4} {b32*2} {s32*4}", "mma", 80},
    {"mma.sync.aligned.m8n8k32.row.col{.satfinite}.s32.(u4|s4).(u4|s4).s32",
     "={s32*2} {b32*1} {b32*1} {s32*2}", "mma", 80},
    {"mma.sync.aligned.m16n8k32.row.col{.satfinite}.s32.(u4|s4).(u4|s4).s32",
     "={s32*4} {b32*2} {b32*1} {s32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k64.row.col{.satfinite}.s32.(u4|s4).(u4|s4).s32",
     "={s32*4} {b32*4} {b32*2} {s32*4}", "mma", 80},
    {"mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.(xor|and).popc", "={s32*2} {b32*1} {b32*1} {s32*2}", "mma", 80},
    {"mma.sync.aligned.m16n8k128.row.col.s32.b1.b1.s32.(xor|and).popc", "={s32*4} {b32*2} {b32*1} {s32*4}", "mma", 80},
    {"mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.(xor|and).popc", "={s32*4} {b32*4} {b32*2} {s32*4}", "mma", 80},
};
// clang-format on

llvm::ArrayRef<Form> matrixForms() { return forms; }

} // namespace ptxsim::ptx
