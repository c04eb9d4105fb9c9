#include "codegen/cpu/kernels/MatmulResults.h"

namespace mlir::motley::codegen {

void MatmulResults::readOperands(unsigned next, unsigned numAccumulators) {
  unsigned numExtras = hasEpilogue() ? frame.kernel.getBody().front().getNumArguments() - numAccumulators : 0;
  for (unsigned i = 0; i < numExtras; ++i)
    extras.push_back(k.operand(next++));
  while (next < k.numOperands())
    results.push_back(k.operand(next++));
}

int64_t MatmulResults::widestColumns() const {
  int64_t columns = 0;
  for (ArrayRef<Buffer> buffers : {ArrayRef<Buffer>(extras), ArrayRef<Buffer>(results)})
    for (const Buffer &buffer : buffers)
      if (buffer.shape.size() == 2)
        columns = std::max(columns, buffer.size(1));
  return columns;
}

LogicalResult MatmulResults::check(int64_t columns) {
  epilogueColumns = columns;
  int64_t numPanels = llvm::divideCeil(columns, kPanelColumns);
  for (const Buffer &result : results)
    if (hasEpilogue() && result.size(1) != columns && result.size(1) != numPanels)
      return frame.kernel.emitOpError() << "has a result of " << result.size(1) << " columns, expected " << columns
                                        << ", or " << numPanels << " sums";
  return success();
}

void MatmulResults::write(const Buffer &sums, Val firstSlot, Val numRows, Val panel, const ResultBlock &block,
                          bool mayBePartial) {
  k.loop(0, numRows, 1, [&](Val row) { writeRow(sums, row, firstSlot + row, panel, block, mayBePartial); });
}

void MatmulResults::writeRow(const Buffer &sums, Val row, Val slot, Val panel, const ResultBlock &block,
                             bool mayBePartial) {
  Val column = panel * kPanelColumns, start = slot * block.numColumns + column;
  KernelBuilder::Vals rowValues; // of the extras that have one value for each row
  for (const Buffer &extra : extras)
    rowValues.push_back(extra.shape.size() == 1 ? k.broadcast(extra.load(slot)) : Val());
  KernelBuilder::Vals panelSums(block.targets.size());
  panelVectors(k, column, block.numColumns, mayBePartial, [&](int64_t offset, Val mask) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < sums.size(0); ++i)
      values.push_back(sums.row(k.index(i)).row(row).loadVector(offset));
    if (hasEpilogue())
      values = applyEpilogue(values, rowValues, start + offset, mask);
    for (auto [target, value, panelSum] : llvm::zip(block.targets, values, panelSums)) {
      if (!holdsPanelSums(target)) {
        target.store(Val(k, value), start + offset, mask);
        continue;
      }
      Val living = mask ? select(mask, Val(k, value), k.zeros()) : Val(k, value);
      panelSum = offset == 0 ? living : panelSum + living;
      if (offset + kLanes == kPanelColumns)
        target.store(k.sum(panelSum), slot * target.size(1) + panel);
    }
  });
}

SmallVector<Value> MatmulResults::applyEpilogue(SmallVector<Value> values, ArrayRef<Val> rowValues, Val place,
                                                Val mask) {
  for (auto [extra, rowValue] : llvm::zip(extras, rowValues))
    values.push_back(rowValue ? rowValue : extra.loadVector(place, kLanes, mask));
  FailureOr<SmallVector<Value>> mapped = cloneScalarRegion(frame, values);
  isRegionGood &= succeeded(mapped) && mapped->size() == results.size();
  return isRegionGood ? *mapped : SmallVector<Value>();
}

} // namespace mlir::motley::codegen
