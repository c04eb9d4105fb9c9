// Where the sums of a product go: through the kernel's region, if it has one, to the results.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_MATMULRESULTS_H
#define MOTLEY_CODEGEN_CPU_KERNELS_MATMULRESULTS_H

#include "codegen/cpu/kernels/Gemm.h"

namespace mlir::motley::codegen {

/// A block of columns of the results: panels of `targets`, which have `numColumns` columns each.
struct ResultBlock {
  Val begin, end;             ///< panels
  SmallVector<Val> bankPanel; ///< of each accumulator: what its panel 0 is in the bank (forward)
  Val numColumns;
  SmallVector<Buffer> targets;
};

class MatmulResults {
public:
  MatmulResults(KernelFrame &frame, KernelBuilder &k) : frame(frame), k(k) {}

  bool hasEpilogue() const { return !frame.kernel.getBody().empty(); }
  /// Reads the operands from `next` on: extras, then results, of a product with `numAccumulators`.
  void readOperands(unsigned next, unsigned numAccumulators);
  /// Columns of the widest extra or result: those that an epilogue sees, since sums of panels have fewer.
  int64_t widestColumns() const;
  /// Results of an epilogue that sees `columns` columns have as many, or a sum for each panel of them.
  LogicalResult check(int64_t columns);

  /// Rows [firstSlot, firstSlot + numRows) of `sums` [accumulator][row][32], through the epilogue, to the columns of
  /// `panel`.
  void write(const Buffer &sums, Val firstSlot, Val numRows, Val panel, const ResultBlock &block, bool mayBePartial);
  /// Whether the region could be cloned wherever it was needed.
  bool isGood() const { return isRegionGood; }

  SmallVector<Buffer> results;

private:
  void writeRow(const Buffer &sums, Val row, Val slot, Val panel, const ResultBlock &block, bool mayBePartial);
  /// What the region yields for the accumulators and extras at one vector; nothing where that fails.
  SmallVector<Value> applyEpilogue(SmallVector<Value> values, ArrayRef<Val> rowValues, Val place, Val mask);
  /// Whether `target` holds sums of each row over the columns of each panel. Only an epilogue has such results.
  bool holdsPanelSums(const Buffer &target) const { return hasEpilogue() && target.size(1) != epilogueColumns; }

  KernelFrame &frame;
  KernelBuilder &k;
  SmallVector<Buffer> extras;
  int64_t epilogueColumns = 0;
  bool isRegionGood = true;
};

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_MATMULRESULTS_H
