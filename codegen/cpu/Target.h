// Instruction set levels that kernels are built for. The plan is the same at every level; only vectors differ. Results
// have the same bits at every level, but for products of bf16 operands (see runtime/abi.h).
#ifndef MOTLEY_CODEGEN_CPU_TARGET_H
#define MOTLEY_CODEGEN_CPU_TARGET_H

#include "runtime/abi.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mlir::motley::codegen {

/// One level of runtime/abi.h as the kernel emitters see it.
struct Target {
  int level;                ///< MOTLEY_LEVEL_*
  llvm::StringRef name;     ///< as MOTLEY_LEVEL takes it; suffix of kernel symbols
  llvm::StringRef cpu;      ///< LLVM's -mcpu
  llvm::StringRef features; ///< LLVM's -mattr: what the level has beyond `cpu`
  int64_t lanes;            ///< f32 lanes of one vector register
  int64_t numRegisters;     ///< vector registers
  bool hasMasks;            ///< masked loads and stores and tail code by mask are cheap
  bool hasBf16;             ///< conversion to bf16 and sums of products of pairs of bf16
};

inline constexpr Target kAvx2 = {MOTLEY_LEVEL_AVX2, "avx2", "x86-64-v3", "", 8, 16, false, false};
inline constexpr Target kAvx512 = {MOTLEY_LEVEL_AVX512, "avx512", "x86-64-v4", "", 16, 32, true, false};
inline constexpr Target kAvx512Bf16 = {
    MOTLEY_LEVEL_AVX512_BF16, "avx512_bf16", "x86-64-v4", "+avx512bf16", 16, 32, true, true};
inline constexpr Target kTargets[MOTLEY_NUM_LEVELS] = {kAvx2, kAvx512, kAvx512Bf16};

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_TARGET_H
