// Atomic operations and reductions.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

#define SPACE "{.global|.shared|.shared::cta|.shared::cluster}"
#define GLOBAL "{.global}"
#define SCOPE "{.cta|.cluster|.gpu|.sys}"
#define ATOM_ORDER "{.relaxed|.acquire|.release|.acq_rel}" SCOPE
#define RED_ORDER "{.relaxed|.release}" SCOPE

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.13.12: atom; 9.7.13.13: red.
    {"atom" ATOM_ORDER SPACE ".(and|or|xor).(b32|b64)", "=T0 [T0] T0", "atomic", 80},
    {"atom" ATOM_ORDER SPACE ".add.(u32|s32|u64|f32|f64)", "=T0 [T0] T0", "atomic", 80},
    {"atom" ATOM_ORDER SPACE ".(inc|dec).u32", "=T0 [T0] T0", "atomic", 80},
    {"atom" ATOM_ORDER SPACE ".(min|max).(u32|s32|u64|s64)", "=T0 [T0] T0", "atomic", 80},
    {"atom" ATOM_ORDER SPACE ".add.noftz.(f16|f16x2)", "=T0 [T0] T0", "atomic", 80},
    {"atom" ATOM_ORDER SPACE ".add.noftz.(bf16|bf16x2)", "=T0 [T0] T0", "atomic", 90},
    {"atom" ATOM_ORDER GLOBAL ".(and|or|xor).L2::cache_hint.(b32|b64)", "=T0 [T0] T0 b64", "atomic", 80},
    {"atom" ATOM_ORDER GLOBAL ".add.L2::cache_hint.(u32|s32|u64|f32|f64)", "=T0 [T0] T0 b64", "atomic", 80},
    {"atom" ATOM_ORDER GLOBAL ".(inc|dec).L2::cache_hint.u32", "=T0 [T0] T0 b64", "atomic", 80},
    {"atom" ATOM_ORDER GLOBAL ".(min|max).L2::cache_hint.(u32|s32|u64|s64)", "=T0 [T0] T0 b64", "atomic", 80},
    {"atom" ATOM_ORDER GLOBAL ".add.noftz.L2::cache_hint.(f16|f16x2)", "=T0 [T0] T0 b64", "atomic", 80},
    {"atom" ATOM_ORDER GLOBAL ".add.noftz.L2::cache_hint.(bf16|bf16x2)", "=T0 [T0] T0 b64", "atomic", 90},
    {"red" RED_ORDER SPACE ".(and|or|xor).(b32|b64)", "[T0] T0", "atomic", 80},
    {"red" RED_ORDER SPACE ".add.(u32|s32|u64|f32|f64)", "[T0] T0", "atomic", 80},
    {"red" RED_ORDER SPACE ".(inc|dec).u32", "[T0] T0", "atomic", 80},
    {"red" RED_ORDER SPACE ".(min|max).(u32|s32|u64|s64)", "[T0] T0", "atomic", 80},
    {"red" RED_ORDER SPACE ".add.noftz.(f16|f16x2)", "[T0] T0", "atomic", 80},
    {"red" RED_ORDER SPACE ".add.noftz.(bf16|bf16x2)", "[T0] T0", "atomic", 90},
    {"red" RED_ORDER GLOBAL ".(and|or|xor).L2::cache_hint.(b32|b64)", "[T0] T0 b64", "atomic", 80},
    {"red" RED_ORDER GLOBAL ".add.L2::cache_hint.(u32|s32|u64|f32|f64)", "[T0] T0 b64", "atomic", 80},
    {"red" RED_ORDER GLOBAL ".(inc|dec).L2::cache_hint.u32", "[T0] T0 b64", "atomic", 80},
    {"red" RED_ORDER GLOBAL ".(min|max).L2::cache_hint.(u32|s32|u64|s64)", "[T0] T0 b64", "atomic", 80},
    {"red" RED_ORDER GLOBAL ".add.noftz.L2::cache_hint.(f16|f16x2)", "[T0] T0 b64", "atomic", 80},
    {"red" RED_ORDER GLOBAL ".add.noftz.L2::cache_hint.(bf16|bf16x2)", "[T0] T0 b64", "atomic", 90},
    {"atom" ATOM_ORDER SPACE ".exch.(b32|b64)", "=T0 [T0] T0", "atomic", 80},
    {"atom" ATOM_ORDER SPACE ".exch.b128", "=T0 [T0] T0", "atomic", 90},
    {"atom" ATOM_ORDER GLOBAL ".exch.L2::cache_hint.(b32|b64)", "=T0 [T0] T0 b64", "atomic", 80},
    {"atom" ATOM_ORDER GLOBAL ".exch.L2::cache_hint.b128", "=T0 [T0] T0 b64", "atomic", 90},
    {"atom" ATOM_ORDER SPACE ".cas.(b16|b32|b64)", "=T0 [T0] T0 T0", "atomic", 80},
    {"atom" ATOM_ORDER SPACE ".cas.b128", "=T0 [T0] T0 T0", "atomic", 90},
    // Vectors, in global memory only.
    {"atom" ATOM_ORDER "{.global}.add.(v2|v4).f32", "={T0*v} [T0] {T0*v}", "atomic", 90},
    {"atom" ATOM_ORDER "{.global}.(add|min|max).noftz(.(v2|v4|v8).(f16|bf16)|.(v2|v4).(f16x2|bf16x2))",
     "={T0*v} [T0] {T0*v}", "atomic", 90},
    {"atom" ATOM_ORDER "{.global}.add.L2::cache_hint.(v2|v4).f32", "={T0*v} [T0] {T0*v} b64", "atomic", 90},
    {"atom" ATOM_ORDER "{.global}.(add|min|max).noftz.L2::cache_hint(.(v2|v4|v8).(f16|bf16)|.(v2|v4).(f16x2|bf16x2))",
     "={T0*v} [T0] {T0*v} b64", "atomic", 90},
    {"red" RED_ORDER "{.global}.add.(v2|v4).f32", "[T0] {T0*v}", "atomic", 90},
    {"red" RED_ORDER "{.global}.(add|min|max).noftz(.(v2|v4|v8).(f16|bf16)|.(v2|v4).(f16x2|bf16x2))",
     "[T0] {T0*v}", "atomic", 90},
    {"red" RED_ORDER "{.global}.add.L2::cache_hint.(v2|v4).f32", "[T0] {T0*v} b64", "atomic", 90},
    {"red" RED_ORDER "{.global}.(add|min|max).noftz.L2::cache_hint(.(v2|v4|v8).(f16|bf16)|.(v2|v4).(f16x2|bf16x2))",
     "[T0] {T0*v} b64", "atomic", 90},
};
// clang-format on

llvm::ArrayRef<Form> atomicForms() { return forms; }

} // namespace ptxsim::ptx
