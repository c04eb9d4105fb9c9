#include "passes/KernelChoice.h"

#include <cassert>

using namespace mlir::motley;

int64_t mlir::motley::numPanels(int64_t columns) { return ceilDiv(columns, 32); }

int64_t mlir::motley::numTiles(int64_t rows, int64_t numGroups, int64_t rowTile) {
  return ceilDiv(rows, rowTile) + numGroups;
}

int64_t mlir::motley::forwardColumnBlocks(llvm::ArrayRef<int64_t> columns, int64_t panelsPerBlock, bool hasEpilogue) {
  assert(!columns.empty() && "a product has at least one range");
  if (hasEpilogue)
    return ceilDiv(numPanels(columns.front()), panelsPerBlock);
  int64_t blocks = 0;
  for (int64_t width : columns)
    blocks += ceilDiv(numPanels(width), panelsPerBlock);
  return blocks;
}

int64_t mlir::motley::transposedColumnBlocks(int64_t columns, int64_t panelsPerBlock) {
  return ceilDiv(columns, 32 * panelsPerBlock);
}
