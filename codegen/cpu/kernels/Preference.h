// The order in which scores are preferred, as integers: what every choice of experts or rows goes by.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_PREFERENCE_H
#define MOTLEY_CODEGEN_CPU_KERNELS_PREFERENCE_H

#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// Less than every preference.
inline constexpr int64_t kNoPreference = std::numeric_limits<int64_t>::min();

/// An i64 that is greater for the greater score, and among equal scores (-0 equals +0, NaN is less than any number) for
/// the lower index (i32). Lanes of both, or scalars.
Val preference(Val score, Val index);

/// The index that a preference was made of, as i32.
Val indexOf(Val preference);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_PREFERENCE_H
