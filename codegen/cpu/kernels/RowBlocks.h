// Units of kernels that work on rows one by one.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_ROWBLOCKS_H
#define MOTLEY_CODEGEN_CPU_KERNELS_ROWBLOCKS_H

#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// Rows of one unit.
inline constexpr int64_t kRowsPerBlock = 64;

/// Calls the body for the rows below `end` of each unit.
inline void blocksOfRows(KernelBuilder &k, Val end, function_ref<void(Val row)> body) {
  k.units([&](Val unit) {
    Val lower = unit * kRowsPerBlock;
    k.loop(lower, min(lower + kRowsPerBlock, end), 1, body);
  });
}

/// The live end of a table: offset[G].
inline Val liveEnd(KernelBuilder &k, Buffer offset) { return k.convert(offset.load(offset.size(0) - 1), k.i64()); }

/// 1 where the condition holds, else 0, as i32.
inline Val asInt(KernelBuilder &k, Val condition) { return k.convertUnsigned(condition, k.i32()); }

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_ROWBLOCKS_H
