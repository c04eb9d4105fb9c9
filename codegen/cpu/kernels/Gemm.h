// What the matrix kernels share: the register tile, the packed bank, and results in panels of 32 columns.
//
// Every element of a product is one accumulator that takes its terms in ascending order of the summed index: by fma, or
// two products of bf16 at a time (Rounding.h). So its bits depend neither on the tile it lies in, nor on the rows
// beside it, nor, where it takes them by fma, on the level of instructions.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_GEMM_H
#define MOTLEY_CODEGEN_CPU_KERNELS_GEMM_H

#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// Columns of a panel: two vectors of kLanes.
inline constexpr int64_t kPanelColumns = 32;

/// Rows x columns of accumulators. AVX-512: 8 x 32 of 32 registers, 16 chains for two units of latency 4. AVX2: 6 x 16,
/// 12 of 16 registers.
struct RegisterTile {
  int64_t rows, columns;
  /// Row counts to emit code for, largest first; a block of fewer rows repeats its last row to fill the next larger
  /// one.
  SmallVector<int64_t> variants;

  static RegisterTile of(const Target &target);
  int64_t numVectors() const { return columns / kLanes; }
};

/// A matrix read one scalar at a time: element n of row m is rows[m][n * stride].
struct LeftMatrix {
  SmallVector<Buffer> rows;
  int64_t stride;
};
/// A matrix read in vectors: row n begins at base[n * stride].
struct RightMatrix {
  Buffer base;
  int64_t stride;
};

/// accumulators[m * vectors + v] += sum over n < depth of left(m, n) * right(n, v), in order. Both hold f32, or words
/// of two bf16; depth counts what they hold.
KernelBuilder::Vals multiplyAccumulate(KernelBuilder &k, KernelBuilder::Vals accumulators, const LeftMatrix &left,
                                       const RightMatrix &right, IndexArg depth);

/// The panels of the column ranges that a kernel uses, one range after the other.
struct PanelRanges {
  SmallVector<int64_t> firstPanel; ///< of each range, in the bank
  SmallVector<int64_t> numColumns; ///< of each range

  int64_t numRanges() const { return numColumns.size(); }
  int64_t numPanels(int64_t range) const { return llvm::divideCeil(numColumns[range], kPanelColumns); }
  int64_t totalPanels() const;
  /// Columns of all ranges, each padded to whole panels.
  int64_t paddedColumns() const { return totalPanels() * kPanelColumns; }
  bool hasPartialPanel() const;
};

/// A column block: panels of one range. Every range is cut on its own, ranges one after the other.
struct PanelBlock {
  Val begin, end; ///< panels of the range
  Val bankPanel;  ///< what the range's panel 0 is in the bank
  Val numColumns; ///< columns of the range
  Buffer rows;    ///< the row-major matrix of the range
};
/// Blocks of all ranges.
int64_t countBlocks(const PanelRanges &ranges, int64_t panelsPerBlock);
/// Block number `block`. `matrices` has one row-major matrix per range.
PanelBlock findBlock(KernelBuilder &k, const PanelRanges &ranges, int64_t panelsPerBlock, ArrayRef<Buffer> matrices,
                     Val block);

/// Panel `panel` of `member` in a bank memref<M x P x K x 32>, as a buffer of K x 32.
Buffer bankPanel(const Buffer &bank, Val member, Val panel);

/// Calls the body for each vector of a panel: its column in the panel, and a mask that is null where all lanes lie
/// below `numColumns`. With `mayBePartial` the body is emitted twice.
void panelVectors(KernelBuilder &k, Val column, Val numColumns, bool mayBePartial,
                  function_ref<void(int64_t offset, Val mask)> body);

/// Transposes the 32 x 32 block at `source` (rows of 32) to `target`. Rows from `numRows` on are not read; the columns
/// that they would fill hold repeats of the last row. `numRows` may be null: all rows exist.
void transposeBlock(KernelBuilder &k, const Buffer &source, const Buffer &target, Val numRows);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_GEMM_H
