// Gradient of the matrices: G[member][panel] (+)= X^T dY over the rows of the member's groups.
//
// A unit is one member and one block of panels. For each block of rows, the panels of dy are packed; then x is packed a
// block of columns at a time, in strips as wide as the register tile is high. So the inner loop reads both in order: a
// panel of dy lies in the first cache while the strips of x, in the second, pass by. The sums of an element go through
// memory between blocks, which keeps every bit: whatever the blocks, an element is the old value (or zero) plus its
// products, row after row, group after group.
//
// bf16: what is packed are rounded words (Rounding.h), two rows of a block in each where the level has pairs; a row
// without a partner has zeros for one.
#include "codegen/cpu/kernels/Gemm.h"
#include "codegen/cpu/kernels/Rounding.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <set>

namespace mlir::motley::codegen {
namespace {

/// A block of x takes 240 KiB when packed, a panel of dy 32 KiB; a row of a block is a row of words where they are
/// rounded. Columns are strips of 8 as well as of 6.
constexpr int64_t kRowsPerBlock = 256;
constexpr int64_t kColumnsPerBlock = 240;
/// Words between strips beyond their rows, so that stores to neighbouring strips don't meet in one set of the cache.
constexpr int64_t kStripPadding = 16;

class OuterEmitter {
public:
  OuterEmitter(plan::OuterAttr family, KernelFrame &frame)
      : family(family), frame(frame), k(frame), tile(RegisterTile::of(frame.target)),
        words(k, family.getPrecision() == Precision::bf16), rowsPerBlock(kRowsPerBlock * words.perWord()) {}

  FailureOr<int64_t> emit() {
    unsigned numRanges = family.getPanels().size(), next = 0;
    bool isGathered = family.getGatheredInput() || family.getGatheredCotangents();
    if (k.numOperands() != numRanges + isGathered + 4)
      return frame.kernel.emitOpError() << "has " << k.numOperands() << " operands, expected "
                                        << numRanges + isGathered + 4;
    x = k.operand(next++);
    for (unsigned i = 0; i < numRanges; ++i) {
      cotangents.push_back(k.operand(next++));
      ranges.firstPanel.push_back(family.getPanels()[i]);
      ranges.numColumns.push_back(cotangents[i].size(1));
    }
    if (isGathered)
      sourceRow = k.operand(next++);
    offset = k.operand(next++);
    add = k.scalar(next++);
    gradient = k.operand(next++);
    int64_t panelsPerBlock = family.getPanelsPerBlock(), numBlocks = countBlocks(ranges, panelsPerBlock), widest = 0;
    for (unsigned i = 0; i < numRanges; ++i)
      widest = std::max(widest, ranges.numPanels(i));
    // Room for strips of either width, so that scratch is the same at every level.
    int64_t packedColumns = std::min<int64_t>(kColumnsPerBlock, llvm::alignTo(x.size(1), 8 * 3));
    int64_t wordsOfX = packedColumns * kRowsPerBlock + packedColumns / 6 * kStripPadding;
    packedX = words.scratch({wordsOfX}, wordsOfX);
    int64_t numPanels = std::min(panelsPerBlock, widest);
    packedPanels = words.scratch({numPanels, kRowsPerBlock, kPanelColumns}, numPanels * kRowsPerBlock * kPanelColumns);

    k.units([&](Val unit) {
      Val member = memberOf(unit / numBlocks);
      emitUnit(member, findBlock(k, ranges, panelsPerBlock, cotangents, unit % numBlocks));
    });
    return k.scratchBytes();
  }

private:
  /// Members that a group maps to, ascending.
  Val memberOf(Val number) {
    std::set<int64_t> distinct(family.getMap().begin(), family.getMap().end());
    distinct.erase(-1);
    SmallVector<int64_t> members(distinct.begin(), distinct.end());
    return k.lookUp(members, number);
  }

  void emitUnit(Val member, const PanelBlock &block) {
    k.when(add == 0, [&] {
      k.loop(block.begin, block.end, 1, [&](Val panel) {
        Buffer target = bankPanel(gradient, member, block.bankPanel + panel);
        k.columns(x.size(1) * kPanelColumns, [&](Val element, Val) { target.store(k.zeros(), element); });
      });
    });
    k.loop(0, family.getMap().size(), 1, [&](Val group) {
      k.when(k.lookUp(family.getMap(), group) == member, [&] {
        Val begin = k.convert(offset.load(group), k.i64()), end = k.convert(offset.load(group + 1), k.i64());
        k.loop(begin, end, rowsPerBlock,
               [&](Val row) { emitRowBlock(member, block, row, min(end - row, k.index(rowsPerBlock))); });
      });
    });
  }

  void emitRowBlock(Val member, const PanelBlock &block, Val firstRow, Val numRows) {
    k.loop(block.begin, block.end, 1, [&](Val panel) { packPanel(block, panel, firstRow, numRows); });
    auto addColumns = [&](Val firstColumn, int64_t numColumns) {
      packX(firstRow, numRows, firstColumn, numColumns);
      k.loop(block.begin, block.end, 1, [&](Val panel) {
        Buffer target = bankPanel(gradient, member, block.bankPanel + panel).at(firstColumn * kPanelColumns);
        Buffer right = packedPanels.row(panel - block.begin);
        forEachStrip(numColumns, [&](Val strip, int64_t width) { addStrip(target, strip, width, right, numRows); });
      });
    };
    int64_t whole = x.size(1) / kColumnsPerBlock * kColumnsPerBlock;
    if (whole)
      k.loop(0, whole, kColumnsPerBlock, [&](Val firstColumn) { addColumns(firstColumn, kColumnsPerBlock); });
    if (whole < x.size(1))
      addColumns(k.index(whole), x.size(1) - whole);
  }

  Val readRow(Val slot, bool isGathered) { return isGathered ? k.convert(sourceRow.load(slot), k.i64()) : slot; }

  /// Columns from the range's end on become zeros: so do the gradient's padding columns.
  void packPanel(const PanelBlock &block, Val panel, Val firstRow, Val numRows) {
    Buffer target = packedPanels.row(panel - block.begin);
    Val firstColumn = panel * kPanelColumns;
    words.forEachRow(numRows, [&](Val w, ArrayRef<Val> rows) {
      KernelBuilder::Vals starts;
      for (Val row : rows)
        starts.push_back(readRow(firstRow + row, family.getGatheredCotangents()) * block.numColumns + firstColumn);
      panelVectors(k, firstColumn, block.numColumns, ranges.hasPartialPanel(), [&](int64_t column, Val mask) {
        KernelBuilder::Vals vectors;
        for (Val start : starts)
          vectors.push_back(block.rows.loadVector(start + column, kLanes, mask));
        target.row(w).store(words.ofColumns(vectors), column);
      });
    });
  }

  /// Strips of tile.rows columns, and the rest.
  void forEachStrip(int64_t numColumns, function_ref<void(Val strip, int64_t width)> body) {
    k.loop(0, numColumns / tile.rows, 1, [&](Val strip) { body(strip, tile.rows); });
    if (numColumns % tile.rows)
      body(k.index(numColumns / tile.rows), numColumns % tile.rows);
  }
  /// [row][tile.rows].
  Buffer packedStrip(Val strip) { return packedX.at(strip * (kRowsPerBlock * tile.rows + kStripPadding)); }

  /// Row by row: x is read in order, and the strips' lines stay in the first cache until they are full.
  void packX(Val firstRow, Val numRows, Val firstColumn, int64_t numColumns) {
    words.forEachRow(numRows, [&](Val w, ArrayRef<Val> rows) {
      SmallVector<Buffer> sources;
      for (Val row : rows)
        sources.push_back(x.row(readRow(firstRow + row, family.getGatheredInput())).at(firstColumn));
      if (words.isPaired)
        return packPairs(sources, w, numColumns);
      forEachStrip(numColumns, [&](Val strip, int64_t width) {
        Buffer from = sources.front().at(strip * tile.rows), to = packedStrip(strip).at(w * tile.rows);
        int64_t done = 0;
        for (int64_t lanes : {8, 4, 2, 1})
          for (; done + lanes <= width; done += lanes)
            to.store(words.ofColumns(from.loadVector(done, lanes)), done);
      });
    });
  }

  /// kLanes columns at a time, which are two strips: words are made of whole vectors.
  void packPairs(ArrayRef<Buffer> rows, Val w, int64_t numColumns) {
    assert(tile.rows * 2 == kLanes && "a vector of words is two strips");
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < tile.rows; ++lane) {
      low.push_back(lane);
      high.push_back(lane + tile.rows);
    }
    auto pack = [&](Val column, int64_t count) {
      KernelBuilder::Vals vectors;
      for (const Buffer &row : rows)
        vectors.push_back(row.loadVector(column, kLanes, k.firstLanes(count)));
      Val both = words.ofColumns(vectors), strip = column / tile.rows;
      packedStrip(strip).at(w * tile.rows).store(k.shuffle(both, both, low), 0);
      if (count > tile.rows)
        packedStrip(strip + 1).at(w * tile.rows).store(k.shuffle(both, both, high), 0);
    };
    int64_t whole = numColumns / kLanes * kLanes;
    k.loop(0, whole, kLanes, [&](Val column) { pack(column, kLanes); });
    if (whole < numColumns)
      pack(k.index(whole), numColumns - whole);
  }

  /// target[strip * tile.rows + m][...] += packed strip^T * panel for m < count.
  void addStrip(const Buffer &target, Val strip, int64_t count, const Buffer &panel, Val numRows) {
    Buffer source = packedStrip(strip);
    LeftMatrix left = {{}, tile.rows};
    for (int64_t m = 0; m < count; ++m)
      left.rows.push_back(source.at(k.index(m)));
    for (int64_t column = 0; column < kPanelColumns; column += tile.columns) {
      auto place = [&](int64_t m, int64_t v) {
        return (strip * tile.rows + m) * kPanelColumns + (column + v * kLanes);
      };
      KernelBuilder::Vals block;
      for (int64_t m = 0; m < count; ++m)
        for (int64_t v = 0; v < tile.numVectors(); ++v)
          block.push_back(target.loadVector(place(m, v)));
      prefetch(target.at(place(tile.rows, 0)));
      block = multiplyAccumulate(k, block, left, {panel.at(k.index(column)), kPanelColumns}, words.count(numRows));
      for (int64_t m = 0; m < count; ++m)
        for (int64_t v = 0; v < tile.numVectors(); ++v)
          target.store(block[m * tile.numVectors() + v], place(m, v));
    }
  }

  /// Asks for the sums of the next strip: the end of a loop is a branch that the processor mistakes, so it cannot load
  /// them ahead by itself.
  void prefetch(const Buffer &rows) {
    constexpr int64_t kFloatsPerLine = 16;
    for (int64_t m = 0; m < tile.rows; ++m)
      for (int64_t column = 0; column < tile.columns; column += kFloatsPerLine)
        LLVM::Prefetch::create(k.builder, k.loc, rows.at(k.index(m * kPanelColumns + column)).pointer, /*rw=*/0,
                               /*hint=*/3, /*cache=*/1);
  }

  plan::OuterAttr family;
  KernelFrame &frame;
  KernelBuilder k;
  RegisterTile tile;
  RoundedWords words;
  int64_t rowsPerBlock;

  Buffer x, offset, gradient;
  Buffer sourceRow; // the row that a slot reads of what is gathered
  SmallVector<Buffer> cotangents;
  Val add;
  PanelRanges ranges;
  Buffer packedX;      // [strip][row][tile.rows], strips padded
  Buffer packedPanels; // [panel of the block][row][32]
};

} // namespace

FailureOr<int64_t> emit(plan::OuterAttr family, KernelFrame &frame) { return OuterEmitter(family, frame).emit(); }

} // namespace mlir::motley::codegen
