// Gradient of the matrices: G[member][panel] (+)= X^T dY over the rows of the member's groups.
//
// A unit is one member and one block of panels. Rows are taken in blocks that fit the cache; for each, x is packed in
// strips of the register tile's rows (columns of x) and dy panel by panel, so that the inner loop reads both in order.
// The sums of an element go through memory between blocks, which keeps every bit: whatever the block, an element is
// the old value (or zero) plus its products, row after row, group after group.
#include "codegen/cpu/kernels/Gemm.h"

#include <set>

namespace mlir::motley::codegen {
namespace {

/// Rows of a block.
constexpr int64_t kRowsPerBlock = 128;

class OuterEmitter {
public:
  OuterEmitter(plan::OuterAttr family, KernelFrame &frame)
      : family(family), frame(frame), k(frame), tile(RegisterTile::of(frame.target)) {}

  FailureOr<int64_t> emit() {
    unsigned numRanges = family.getPanels().size();
    if (k.numOperands() != numRanges + 4)
      return frame.kernel.emitOpError() << "has " << k.numOperands() << " operands, expected " << numRanges + 4;
    x = k.operand(0);
    for (unsigned i = 0; i < numRanges; ++i) {
      cotangents.push_back(k.operand(1 + i));
      ranges.firstPanel.push_back(family.getPanels()[i]);
      ranges.numColumns.push_back(cotangents[i].size(1));
    }
    offset = k.operand(1 + numRanges);
    add = k.scalar(2 + numRanges);
    gradient = k.operand(3 + numRanges);
    packedX = k.scratch(k.f32(), {kRowsPerBlock, packedXColumns()});
    packedPanel = k.scratch(k.f32(), {kRowsPerBlock, kPanelColumns});

    int64_t panelsPerBlock = family.getPanelsPerBlock(), numPanels = ranges.totalPanels();
    int64_t numBlocks = llvm::divideCeil(numPanels, panelsPerBlock);
    k.units([&](Val unit) {
      Val member = memberOf(unit / numBlocks);
      Val first = (unit % numBlocks) * panelsPerBlock;
      emitUnit(member, first, min(first + panelsPerBlock, k.index(numPanels)));
    });
    return k.scratchBytes();
  }

private:
  /// Columns of x, padded for the register tile of any level.
  int64_t packedXColumns() { return llvm::alignTo(x.size(1), 8 * 6); }

  /// Members that a group maps to, ascending.
  Val memberOf(Val number) {
    std::set<int64_t> distinct(family.getMap().begin(), family.getMap().end());
    distinct.erase(-1);
    SmallVector<int64_t> members(distinct.begin(), distinct.end());
    return k.lookUp(members, number);
  }

  void emitUnit(Val member, Val firstPanel, Val lastPanel) {
    k.when(add == 0, [&] {
      k.loop(firstPanel, lastPanel, 1, [&](Val panel) {
        PanelPlace place = findPanel(k, ranges, cotangents, panel);
        Buffer target = bankPanel(gradient, member, place.bankPanel);
        k.columns(x.size(1) * kPanelColumns, [&](Val element, Val) { target.store(k.zeros(), element); });
      });
    });
    k.loop(0, family.getMap().size(), 1, [&](Val group) {
      k.when(k.lookUp(family.getMap(), group) == member, [&] {
        Val begin = k.convert(offset.load(group), k.i64()), end = k.convert(offset.load(group + 1), k.i64());
        k.loop(begin, end, kRowsPerBlock, [&](Val firstRow) {
          Val numRows = min(end - firstRow, k.index(kRowsPerBlock));
          packX(firstRow, numRows);
          k.loop(firstPanel, lastPanel, 1, [&](Val panel) {
            PanelPlace place = findPanel(k, ranges, cotangents, panel);
            packPanel(place, firstRow, numRows);
            addProducts(bankPanel(gradient, member, place.bankPanel), numRows);
          });
        });
      });
    });
  }

  /// packedX[strip][row][tile.rows] = x[firstRow + row][strip * tile.rows + ...]; strips are kRowsPerBlock rows apart.
  void packX(Val firstRow, Val numRows) {
    int64_t width = tile.rows, numColumns = x.size(1);
    auto copyStrip = [&](Val strip, int64_t columns) {
      Buffer target = packedX.at(strip * (kRowsPerBlock * width));
      Val mask = k.firstLanes(columns, 8);
      k.loop(0, numRows, 1, [&](Val row) {
        Val values = x.row(firstRow + row).loadVector(strip * width, 8, mask);
        target.store(values, row * width, mask);
      });
    };
    k.loop(0, numColumns / width, 1, [&](Val strip) { copyStrip(strip, width); });
    if (numColumns % width)
      copyStrip(k.index(numColumns / width), numColumns % width);
  }

  /// Columns from the range's end on become zeros: so do the gradient's padding columns.
  void packPanel(const PanelPlace &place, Val firstRow, Val numRows) {
    k.loop(0, numRows, 1, [&](Val row) {
      Val start = (firstRow + row) * place.numColumns + place.column;
      panelVectors(k, place.column, place.numColumns, ranges.hasPartialPanel(), [&](int64_t column, Val mask) {
        packedPanel.row(row).store(place.rows.loadVector(start + column, kLanes, mask), column);
      });
    });
  }

  void addProducts(const Buffer &target, Val numRows) {
    int64_t numStrips = x.size(1) / tile.rows, rest = x.size(1) % tile.rows;
    k.loop(0, numStrips, 1, [&](Val strip) { addStrip(target, strip, tile.rows, numRows); });
    if (rest)
      addStrip(target, k.index(numStrips), rest, numRows);
  }

  /// target[strip * tile.rows + m][...] += packedX strip^T * packedPanel for m < count.
  void addStrip(const Buffer &target, Val strip, int64_t count, Val numRows) {
    Buffer source = packedX.at(strip * (kRowsPerBlock * tile.rows));
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
      block = multiplyAccumulate(k, block, left, {packedPanel.at(k.index(column)), kPanelColumns}, numRows);
      for (int64_t m = 0; m < count; ++m)
        for (int64_t v = 0; v < tile.numVectors(); ++v)
          target.store(block[m * tile.numVectors() + v], place(m, v));
    }
  }

  plan::OuterAttr family;
  KernelFrame &frame;
  KernelBuilder k;
  RegisterTile tile;

  Buffer x, offset, gradient;
  SmallVector<Buffer> cotangents;
  Val add;
  PanelRanges ranges;
  Buffer packedX, packedPanel;
};

} // namespace

FailureOr<int64_t> emit(plan::OuterAttr family, KernelFrame &frame) { return OuterEmitter(family, frame).emit(); }

} // namespace mlir::motley::codegen
