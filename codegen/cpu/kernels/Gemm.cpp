#include "codegen/cpu/kernels/Gemm.h"

#include "codegen/cpu/kernels/Rounding.h"

namespace mlir::motley::codegen {

RegisterTile RegisterTile::of(const Target &target) {
  if (target.level >= MOTLEY_LEVEL_AVX512)
    return {8, 32, {8, 4, 2}};
  return {6, 16, {6, 2}};
}

KernelBuilder::Vals multiplyAccumulate(KernelBuilder &k, KernelBuilder::Vals accumulators, const LeftMatrix &left,
                                       const RightMatrix &right, IndexArg depth) {
  int64_t numRows = left.rows.size(), numVectors = accumulators.size() / numRows;
  return k.loop(0, depth, 1, accumulators, [&](Val n, ArrayRef<Val> carried) {
    KernelBuilder::Vals sums(carried), rights;
    Buffer rightRow = right.base.at(n * right.stride);
    for (int64_t v = 0; v < numVectors; ++v)
      rights.push_back(rightRow.loadVector(v * kLanes));
    Val leftIndex = left.stride == 1 ? n : n * left.stride;
    for (int64_t m = 0; m < numRows; ++m) {
      Val scalar = k.broadcast(left.rows[m].load(leftIndex));
      for (int64_t v = 0; v < numVectors; ++v)
        sums[m * numVectors + v] = multiplyAdd(k, scalar, rights[v], sums[m * numVectors + v]);
    }
    return sums;
  });
}

int64_t PanelRanges::totalPanels() const {
  int64_t total = 0;
  for (int64_t range = 0; range < numRanges(); ++range)
    total += numPanels(range);
  return total;
}
bool PanelRanges::hasPartialPanel() const {
  return llvm::any_of(numColumns, [](int64_t columns) { return columns % kPanelColumns != 0; });
}

int64_t countBlocks(const PanelRanges &ranges, int64_t panelsPerBlock) {
  int64_t count = 0;
  for (int64_t range = 0; range < ranges.numRanges(); ++range)
    count += llvm::divideCeil(ranges.numPanels(range), panelsPerBlock);
  return count;
}

PanelBlock findBlock(KernelBuilder &k, const PanelRanges &ranges, int64_t panelsPerBlock, ArrayRef<Buffer> matrices,
                     Val block) {
  // From the last range to the first: each takes the blocks below where the later ones begin.
  int64_t firstBlock = countBlocks(ranges, panelsPerBlock);
  PanelBlock found;
  Val firstOfFound;
  for (int64_t range = ranges.numRanges() - 1; range >= 0; --range) {
    Val isLater = block >= firstBlock;
    firstBlock -= llvm::divideCeil(ranges.numPanels(range), panelsPerBlock);
    auto take = [&](Val &value, Val here) { value = value ? select(isLater, value, here) : here; };
    take(firstOfFound, k.index(firstBlock));
    take(found.end, k.index(ranges.numPanels(range)));
    take(found.bankPanel, k.index(ranges.firstPanel[range]));
    take(found.numColumns, k.index(ranges.numColumns[range]));
    Val pointer = found.rows.pointer;
    take(pointer, matrices[range].pointer);
    found.rows = matrices[range];
    found.rows.pointer = pointer;
  }
  found.begin = (block - firstOfFound) * panelsPerBlock;
  found.end = min(found.begin + panelsPerBlock, found.end);
  return found;
}

Buffer bankPanel(const Buffer &bank, Val member, Val panel) { return bank.row(member).row(panel); }

void panelVectors(KernelBuilder &k, Val column, Val numColumns, bool mayBePartial,
                  function_ref<void(int64_t, Val)> body) {
  auto whole = [&] {
    for (int64_t offset = 0; offset < kPanelColumns; offset += kLanes)
      body(offset, {});
  };
  if (!mayBePartial)
    return whole();
  Val rest = numColumns - column;
  k.when(rest >= kPanelColumns, whole, [&] {
    for (int64_t offset = 0; offset < kPanelColumns; offset += kLanes)
      body(offset, k.lanesBelow(rest - offset));
  });
}

/// A 16 x 16 transpose in four rounds of 16 shuffles: the first two within quarters of a vector (unpck), the last two
/// of whole quarters.
static void transposeVectors(KernelBuilder &k, KernelBuilder::Vals &rows) {
  auto interleave = [&](Val a, Val b, int64_t width, bool high) {
    // Of every quarter, the low or the high half, `width` lanes of a, then of b.
    SmallVector<int64_t> lanes;
    for (int64_t quarter = 0; quarter < kLanes; quarter += 4)
      for (int64_t pair = 0; pair < 2 / width; ++pair)
        for (int64_t source = 0; source < 2; ++source)
          for (int64_t lane = 0; lane < width; ++lane)
            lanes.push_back(source * kLanes + quarter + (high ? 2 : 0) + pair * width + lane);
    return k.shuffle(a, b, lanes);
  };
  auto quarters = [&](Val a, Val b, int64_t first, int64_t second) {
    SmallVector<int64_t> lanes;
    for (int64_t source = 0; source < 2; ++source)
      for (int64_t quarter : {first, second})
        for (int64_t lane = 0; lane < 4; ++lane)
          lanes.push_back(source * kLanes + quarter * 4 + lane);
    return k.shuffle(a, b, lanes);
  };
  // Every round turns rows[i] and rows[i + distance] into the low and the high result.
  auto round = [&](int64_t distance, function_ref<std::pair<Val, Val>(Val, Val)> combine) {
    for (int64_t i = 0; i < kLanes; ++i)
      if ((i & distance) == 0)
        std::tie(rows[i], rows[i + distance]) = combine(rows[i], rows[i + distance]);
  };
  round(1, [&](Val a, Val b) { return std::pair(interleave(a, b, 1, false), interleave(a, b, 1, true)); });
  round(2, [&](Val a, Val b) { return std::pair(interleave(a, b, 2, false), interleave(a, b, 2, true)); });
  round(4, [&](Val a, Val b) { return std::pair(quarters(a, b, 0, 2), quarters(a, b, 1, 3)); });
  round(8, [&](Val a, Val b) { return std::pair(quarters(a, b, 0, 2), quarters(a, b, 1, 3)); });
}

void transposeBlock(KernelBuilder &k, const Buffer &source, const Buffer &target, Val numRows) {
  k.loop(0, 4, 1, [&](Val quadrant) {
    Val rowBlock = (quadrant >> 1) * kLanes, columnBlock = (quadrant & 1) * kLanes;
    KernelBuilder::Vals rows;
    for (int64_t i = 0; i < kLanes; ++i) {
      Val row = numRows ? min(rowBlock + i, numRows - 1) : rowBlock + i;
      rows.push_back(source.at(row * kPanelColumns + columnBlock).loadVector(0));
    }
    transposeVectors(k, rows);
    // The rounds leave columns 1 and 2 of every four in each other's place.
    for (int64_t i = 0; i < kLanes; ++i) {
      int64_t column = (i & ~3) | ((i & 1) << 1) | ((i >> 1) & 1);
      target.at((columnBlock + column) * kPanelColumns + rowBlock).store(rows[i], 0);
    }
  });
}

} // namespace mlir::motley::codegen
