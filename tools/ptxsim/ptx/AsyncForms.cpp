// Asynchronous copies.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.9.25.3: cp.async. The last operand is bytes to read or a predicate that ignores the source.
    {"cp.async.ca.(shared|shared::cta).global{.L2::64B|.L2::128B|.L2::256B}", "[] [] imm ?u32", "async", 80},
    {"cp.async.ca.(shared|shared::cta).global{.L2::64B|.L2::128B|.L2::256B}", "[] [] imm p", "async", 80},
    {"cp.async.ca.(shared|shared::cta).global.L2::cache_hint{.L2::64B|.L2::128B|.L2::256B}",
     "[] [] imm b64", "async", 80},
    {"cp.async.ca.(shared|shared::cta).global.L2::cache_hint{.L2::64B|.L2::128B|.L2::256B}",
     "[] [] imm u32 b64", "async", 80},
    {"cp.async.ca.(shared|shared::cta).global.L2::cache_hint{.L2::64B|.L2::128B|.L2::256B}",
     "[] [] imm p b64", "async", 80},
    {"cp.async.cg.(shared|shared::cta).global{.L2::64B|.L2::128B|.L2::256B}", "[] [] imm ?u32", "async", 80},
    {"cp.async.cg.(shared|shared::cta).global{.L2::64B|.L2::128B|.L2::256B}", "[] [] imm p", "async", 80},
    {"cp.async.cg.(shared|shared::cta).global.L2::cache_hint{.L2::64B|.L2::128B|.L2::256B}",
     "[] [] imm b64", "async", 80},
    {"cp.async.cg.(shared|shared::cta).global.L2::cache_hint{.L2::64B|.L2::128B|.L2::256B}",
     "[] [] imm u32 b64", "async", 80},
    {"cp.async.cg.(shared|shared::cta).global.L2::cache_hint{.L2::64B|.L2::128B|.L2::256B}",
     "[] [] imm p b64", "async", 80},
    {"cp.async.commit_group", "", "async", 80},
    {"cp.async.wait_group", "imm", "async", 80},
    {"cp.async.wait_all", "", "async", 80},
    // Section 9.7.9.25.4: bulk copies and reductions.
    {"cp.async.bulk.(shared::cluster|shared::cta).global.mbarrier::complete_tx::bytes", "[] [] u32 [b64]", "bulk", 90},
    {"cp.async.bulk.(shared::cluster|shared::cta).global.mbarrier::complete_tx::bytes.L2::cache_hint",
     "[] [] u32 [b64] b64", "bulk", 90},
    {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster",
     "[] [] u32 [b64] u16", "bulk", 90},
    {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster.L2::cache_hint",
     "[] [] u32 [b64] u16 b64", "bulk", 90},
    {"cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes", "[] [] u32 [b64]", "bulk", 90},
    {"cp.async.bulk.global.shared::cta.bulk_group", "[] [] u32", "bulk", 90},
    {"cp.async.bulk.global.shared::cta.bulk_group.L2::cache_hint", "[] [] u32 b64", "bulk", 90},
    {"cp.async.bulk.prefetch.L2.global", "[] u32", "bulk", 90},
    {"cp.async.bulk.prefetch.L2.global.L2::cache_hint", "[] u32 b64", "bulk", 90},
    {"cp.async.bulk.commit_group", "", "bulk", 90},
    {"cp.async.bulk.wait_group{.read}", "imm", "bulk", 90},
    {"cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.(and|or|xor).b32",
     "[] [] u32 [b64]", "bulk", 90},
    {"cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.add.(u32|s32|u64)",
     "[] [] u32 [b64]", "bulk", 90},
    {"cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.(inc|dec).u32",
     "[] [] u32 [b64]", "bulk", 90},
    {"cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.(min|max).(u32|s32)",
     "[] [] u32 [b64]", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.(and|or|xor).(b32|b64)", "[] [] u32", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.add.(u32|s32|u64|f32|f64)", "[] [] u32", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.(inc|dec).u32", "[] [] u32", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.(min|max).(u32|s32|u64|s64|f16|bf16)",
     "[] [] u32", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.add.noftz.(f16|bf16)", "[] [] u32", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.L2::cache_hint.(and|or|xor).(b32|b64)",
     "[] [] u32 b64", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.L2::cache_hint.add.(u32|s32|u64|f32|f64)",
     "[] [] u32 b64", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.L2::cache_hint.(inc|dec).u32", "[] [] u32 b64", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.L2::cache_hint.(min|max).(u32|s32|u64|s64|f16|bf16)",
     "[] [] u32 b64", "bulk", 90},
    {"cp.reduce.async.bulk.global.shared::cta.bulk_group.L2::cache_hint.add.noftz.(f16|bf16)",
     "[] [] u32 b64", "bulk", 90},
    // Section 9.7.9.12: st.async; 9.7.13.14: red.async.
    {"st.async{.weak}{.shared::cluster}.mbarrier::complete_tx::bytes({.v2|.v4}.(b32|u32|s32|f32)|{.v2}.(b64|u64|s64|f64))",
     "[T0] {T0*v} [b64]", "bulk", 90},
    {"red.async.relaxed.cluster{.shared::cluster}.mbarrier::complete_tx::bytes.(inc|dec).u32",
     "[T0] T0 [b64]", "bulk", 90},
    {"red.async.relaxed.cluster{.shared::cluster}.mbarrier::complete_tx::bytes.(min|max).(u32|s32)",
     "[T0] T0 [b64]", "bulk", 90},
    {"red.async.relaxed.cluster{.shared::cluster}.mbarrier::complete_tx::bytes.(and|or|xor).b32",
     "[T0] T0 [b64]", "bulk", 90},
    {"red.async.relaxed.cluster{.shared::cluster}.mbarrier::complete_tx::bytes.add.(u32|s32|u64)",
     "[T0] T0 [b64]", "bulk", 90},
};
// clang-format on

llvm::ArrayRef<Form> asyncForms() { return forms; }

} // namespace ptxsim::ptx
