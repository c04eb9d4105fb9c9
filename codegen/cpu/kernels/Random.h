// Counter-based random numbers: a draw depends on key and counter alone (motley.variable, motley.noise, motley.hash).
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_RANDOM_H
#define MOTLEY_CODEGEN_CPU_KERNELS_RANDOM_H

#include "codegen/cpu/KernelBuilder.h"

#include <array>

namespace mlir::motley::codegen {

using RandomWords = std::array<Val, 4>;

/// Philox4x32-10 (Salmon et al., SC 2011) on counters, one per lane; i32 all. Scalars stand for the same in every lane.
RandomWords philox(RandomWords counter, Val keyLow, Val keyHigh);

/// ((word >> 9) + 0.5) * 2^-23, in (0, 1), exact: the `u` of motley.variable.
Val unitInterval(Val word);

/// 2 u_0 - 1.
Val uniformDraw(const RandomWords &words);

/// sqrt(-2 ln u_0) cos(2 pi u_1).
Val normalDraw(const RandomWords &words);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_RANDOM_H
