// How kernels are cut into units: pure functions of shapes, so that a plan depends on nothing but the module.
//
// A unit is what one thread takes at a time. Many units balance the load; few reuse what a unit has read: a tile's rows
// for every panel of the block, a panel for every row of the tile.
#ifndef MOTLEY_PASSES_KERNELCHOICE_H
#define MOTLEY_PASSES_KERNELCHOICE_H

#include "llvm/ADT/ArrayRef.h"

#include <algorithm>
#include <cstdint>

namespace mlir::motley {

/// Slots of a tile. Forward: 128 rows of 512 floats stay in the second-level cache beside the panels of a block.
/// Transposed: a block reads all columns of the bank, which more rows repay. Rounded to bf16: a block packs its panels,
/// which more rows repay, too. Attention: queries (or keys) whose scores fit in registers.
inline constexpr int64_t kForwardRowTile = 128;
inline constexpr int64_t kTransposedRowTile = 512;
inline constexpr int64_t kRoundedRowTile = 512;
inline constexpr int64_t kAttentionRowTile = 32;
/// Rows whose logits are there at the same time.
inline constexpr int64_t kHeadWindow = 256;

inline int64_t ceilDiv(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

/// Panels of 32 columns that `columns` columns take.
int64_t numPanels(int64_t columns);

/// Entries of a list of tiles: no group has more than one tile that is not full.
int64_t numTiles(int64_t rows, int64_t numGroups, int64_t rowTile);

/// Column blocks of a forward product with ranges of `columns`. With an epilogue a block is `panelsPerBlock` panels of
/// every range, which have the same width; without one, ranges follow each other and no block spans two.
int64_t forwardColumnBlocks(llvm::ArrayRef<int64_t> columns, int64_t panelsPerBlock, bool hasEpilogue);

/// Column blocks of a transposed product whose result has `columns` columns.
int64_t transposedColumnBlocks(int64_t columns, int64_t panelsPerBlock);

/// How many panels a block may have. A product reads its rows again for every block, from the cache: any number does.
/// Rounded to bf16 it packs them again: at 2 panels it reaches 82% of the peak, 87% at 4, 91% at 8 (256 rows a group,
/// K = 512, N = 1408, one core with AVX512_BF16). A unit of an outer product packs its rows first, which only wide
/// blocks repay (88% of the peak at 4 panels, 92% at 8).
struct BlockBounds {
  int64_t fewest, most;
};
inline constexpr BlockBounds kProductBlocks = {1, 4};
inline constexpr BlockBounds kRoundedProductBlocks = {4, 8};
inline constexpr BlockBounds kOuterBlocks = {4, 8};

/// Panels of a block: the largest number within `bounds` that still gives `wantedUnits` units over `numTiles` tiles (or
/// members) and pads the last blocks by at most an eighth of all panels; else the fewest. `columnBlocks` says how many
/// blocks a number gives.
template <typename ColumnBlocks>
int64_t choosePanelsPerBlock(BlockBounds bounds, int64_t numTiles, int64_t totalPanels, int64_t wantedUnits,
                             ColumnBlocks columnBlocks) {
  int64_t best = std::min(bounds.fewest, totalPanels);
  for (int64_t panels = bounds.fewest + 1; panels <= bounds.most; ++panels) {
    int64_t blocks = columnBlocks(panels), padding = blocks * panels - totalPanels;
    if (numTiles * blocks >= wantedUnits && padding * 8 <= totalPanels)
      best = panels;
  }
  return best;
}

} // namespace mlir::motley

#endif // MOTLEY_PASSES_KERNELCHOICE_H
