// Loads, stores, cache control and address conversion.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

#define CONST_SPACE ".(const|local|param|param::entry|param::func|shared|shared::cta|shared::cluster)"
#define STORE_SPACE ".(local|param|param::func|shared|shared::cta|shared::cluster)"
#define STRONG_SPACE ".(shared|shared::cta|shared::cluster)"
#define SCOPE ".(cta|cluster|gpu|sys)"
// Vectors are 128 bits wide at most.
#define TYPE "({.v2|.v4}.(b8|u8|s8|b16|u16|s16|b32|u32|s32|f32)|{.v2}.(b64|u64|s64|f64)|.b128)"
#define SCALAR ".(b8|u8|s8|b16|u16|s16|b32|u32|s32|f32|b64|u64|s64|f64|b128)"
#define EVICT ".L1::evict_normal|.L1::evict_unchanged|.L1::evict_first|.L1::evict_last|.L1::no_allocate"
#define PREFETCH "{.L2::64B|.L2::128B|.L2::256B}"
#define HINT ".L2::cache_hint"

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.9.8: ld. Eviction priorities, prefetches and cache hints are for global memory and generic addresses.
    {"ld{.weak}" CONST_SPACE "{.ca|.cg|.cs|.lu|.cv}" TYPE, "=~{T0*v} [T0]", "memory", 80},
    {"ld.(relaxed|acquire)" SCOPE STRONG_SPACE TYPE, "=~{T0*v} [T0]", "memory", 80},
    {"ld.volatile" STRONG_SPACE TYPE, "=~{T0*v} [T0]", "memory", 80},
    {"ld{.weak}{.global}{.ca|.cg|.cs|.lu|.cv|" EVICT "}" PREFETCH TYPE, "=~{T0*v} [T0]", "memory", 80},
    {"ld.(relaxed|acquire)" SCOPE "{.global}{" EVICT "}" PREFETCH TYPE, "=~{T0*v} [T0]", "memory", 80},
    {"ld.global.nc{.ca|.cg|.cs|" EVICT "}" PREFETCH TYPE, "=~{T0*v} [T0]", "memory", 80},
    {"ld{.weak}{.global}{.ca|.cg|.cs|.lu|.cv|" EVICT "}" HINT PREFETCH TYPE, "=~{T0*v} [T0] b64", "memory", 80},
    {"ld.(relaxed|acquire)" SCOPE "{.global}{" EVICT "}" HINT PREFETCH TYPE, "=~{T0*v} [T0] b64", "memory", 80},
    {"ld.global.nc{.ca|.cg|.cs|" EVICT "}" HINT PREFETCH TYPE, "=~{T0*v} [T0] b64", "memory", 80},
    {"ld.volatile{.global}" PREFETCH TYPE, "=~{T0*v} [T0]", "memory", 80},
    {"ld.mmio.relaxed.sys{.global}" SCALAR, "=~T0 [T0]", "memory", 80},
    {"ldu{.global}" TYPE, "=~{T0*v} [T0]", "memory", 80},
    // Section 9.7.9.11: st.
    {"st{.weak}" STORE_SPACE "{.wb|.cg|.cs|.wt}" TYPE, "[T0] ~{T0*v}", "memory", 80},
    {"st.(relaxed|release)" SCOPE STRONG_SPACE TYPE, "[T0] ~{T0*v}", "memory", 80},
    {"st.volatile" STRONG_SPACE TYPE, "[T0] ~{T0*v}", "memory", 80},
    {"st{.weak}{.global}{.wb|.cg|.cs|.wt|" EVICT "}" TYPE, "[T0] ~{T0*v}", "memory", 80},
    {"st.(relaxed|release)" SCOPE "{.global}{" EVICT "}" TYPE, "[T0] ~{T0*v}", "memory", 80},
    {"st{.weak}{.global}{.wb|.cg|.cs|.wt|" EVICT "}" HINT TYPE, "[T0] ~{T0*v} b64", "memory", 80},
    {"st.(relaxed|release)" SCOPE "{.global}{" EVICT "}" HINT TYPE, "[T0] ~{T0*v} b64", "memory", 80},
    {"st.volatile{.global}" TYPE, "[T0] ~{T0*v}", "memory", 80},
    {"st.mmio.relaxed.sys{.global}" SCALAR, "[T0] ~T0", "memory", 80},
    // Prefetches and cache policies: they change no value.
    {"prefetch{.global|.local}.(L1|L2)", "[]", "memory", 80},
    {"prefetch{.global}.(L2::evict_last|L2::evict_normal)", "[]", "memory", 80},
    {"prefetchu.L1", "[]", "memory", 80},
    {"prefetch{.const|.param}.tensormap", "[]", "memory", 90},
    {"applypriority{.global}.L2::evict_normal", "[] imm", "memory", 80},
    {"discard{.global}.L2", "[] imm", "memory", 80},
    {"createpolicy.range{.global}.(L2::evict_last|L2::evict_normal|L2::evict_first|L2::evict_unchanged){.L2::evict_first|.L2::evict_unchanged}.b64",
     "=b64 [] u32 u32", "memory", 80},
    {"createpolicy.fractional.(L2::evict_last|L2::evict_normal|L2::evict_first|L2::evict_unchanged){.L2::evict_first|.L2::evict_unchanged}.b64",
     "=b64 ?f32", "memory", 80},
    {"createpolicy.cvt.L2.b64", "=b64 b64", "memory", 80},
    // Address conversion.
    {"cvta{.to}.(const|global|local|shared|shared::cta|shared::cluster|param|param::entry).(u32|u64)",
     "=T0 T0", "memory", 80},
    {"isspacep.(const|global|local|shared|shared::cta|shared::cluster|param|param::entry)", "=p any", "memory", 80},
    {"mapa{.shared::cluster}.(u32|u64)", "=T0 T0 u32", "memory", 90},
    {"getctarank{.shared::cluster}.(u32|u64)", "=u32 T0", "memory", 90},
};
// clang-format on

llvm::ArrayRef<Form> memoryForms() { return forms; }

} // namespace ptxsim::ptx
