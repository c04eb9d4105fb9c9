// How kernels are cut into units: pure functions of shapes, so that a plan depends on nothing but the module.
//
// A unit is what one thread takes at a time. Many units balance the load; few reuse what a unit has read: a tile's rows for
// every panel of the block, a panel for every row of the tile.
#ifndef MOTLEY_PASSES_KERNELCHOICE_H
#define MOTLEY_PASSES_KERNELCHOICE_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace mlir::motley {

/// Slots of a tile. Forward: 128 rows of 512 floats stay in the second-level cache beside the panels of a block. Transposed: a
/// block reads all columns of the bank, which more rows repay. Attention: queries (or keys) whose scores fit in registers.
inline constexpr int64_t kForwardRowTile = 128;
inline constexpr int64_t kTransposedRowTile = 512;
inline constexpr int64_t kAttentionRowTile = 32;
/// Rows whose logits are there at the same time.
inline constexpr int64_t kHeadWindow = 256;

inline int64_t ceilDiv(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

/// Panels of 32 columns that `columns` columns take.
int64_t numPanels(int64_t columns);

/// Entries of a list of tiles: no group has more than one tile that is not full.
int64_t numTiles(int64_t rows, int64_t numGroups, int64_t rowTile);

/// Column blocks of a forward product with ranges of `columns`. With an epilogue a block is `panelsPerBlock` panels of every
/// range, which have the same width; without one, ranges follow each other and no block spans two.
int64_t forwardColumnBlocks(llvm::ArrayRef<int64_t> columns, int64_t panelsPerBlock, bool hasEpilogue);

/// Column blocks of a transposed product whose result has `columns` columns.
int64_t transposedColumnBlocks(int64_t columns, int64_t panelsPerBlock);

/// Panels of a block: the largest number up to 4 that still gives `wantedUnits` units over `numTiles` tiles (or members) and pads
/// the last blocks by at most an eighth of all panels; else 1. `columnBlocks` says how many blocks a number gives.
template <typename ColumnBlocks>
int64_t choosePanelsPerBlock(int64_t numTiles, int64_t totalPanels, int64_t wantedUnits, ColumnBlocks columnBlocks) {
  auto waste = [&](int64_t panels) { return columnBlocks(panels) * panels - totalPanels; };
  int64_t best = 1;
  for (int64_t panels = 2; panels <= 4; ++panels)
    if (numTiles * columnBlocks(panels) >= wantedUnits && waste(panels) * 8 <= totalPanels)
      best = panels;
  return best;
}

} // namespace mlir::motley

#endif // MOTLEY_PASSES_KERNELCHOICE_H
