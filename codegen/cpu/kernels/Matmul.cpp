// The grouped GEMM, forward and transposed (families of dialect/PlanKernels.td).
//
// A unit is one tile of rows and one block of columns. For each panel of 32 columns it walks over the tile's rows in
// blocks of the register tile, sums in registers over the whole depth, leaves the sums in scratch, and writes them out
// row by row through the epilogue. Forward reads the bank's panels as they lie. Transposed first writes the panel of
// W^T to scratch, once per unit, so its tiles should have many rows.
//
// Rows beyond the tile's count are never read: a block of fewer rows than the register tile repeats its last row, and
// only living rows are written out.
#include "codegen/cpu/kernels/Gemm.h"

namespace mlir::motley::codegen {
namespace {

class MatmulEmitter {
public:
  MatmulEmitter(plan::MatmulAttr family, KernelFrame &frame)
      : family(family), frame(frame), k(frame), tile(RegisterTile::of(frame.target)),
        isTransposed(family.getForm() == plan::MatmulForm::transposed), hasEpilogue(!frame.kernel.getBody().empty()) {}

  FailureOr<int64_t> emit() {
    if (failed(readOperands()))
      return failure();
    // Forward with an epilogue has the accumulators of all ranges at once.
    numAccumulators = hasEpilogue && !isTransposed ? ranges.numRanges() : 1;
    // The same at every level, so that scratch is: the rows of the larger register tile.
    sums = k.scratch(k.f32(), {numAccumulators, RegisterTile::of(kAvx512).rows, kPanelColumns});
    if (isTransposed)
      transposedPanel = k.scratch(k.f32(), {ranges.paddedColumns(), kPanelColumns});
    k.units([&](Val unit) {
      Val columnBlocks = k.index(family.getColumnBlocks());
      Tile rows = k.tile(tilesOperand, unit / columnBlocks);
      Val member = k.lookUp(family.getMap(), rows.group);
      if (!llvm::is_contained(family.getMap(), -1))
        return emitUnit(rows, member, unit % columnBlocks);
      k.when(member >= 0, [&] { emitUnit(rows, member, unit % columnBlocks); });
    });
    if (!isRegionGood)
      return failure();
    return k.scratchBytes();
  }

private:
  LogicalResult readOperands() {
    unsigned next = 0, numRanges = family.getPanels().size();
    for (unsigned i = 0; i < (isTransposed ? numRanges : 1); ++i)
      inputs.push_back(k.operand(next++));
    bank = k.operand(next++);
    tilesOperand = next++;
    if (family.getGathered())
      sourceRow = k.operand(next++);
    unsigned numSums = isTransposed ? 1 : numRanges, numExtras = 0;
    if (hasEpilogue)
      numExtras = frame.kernel.getBody().front().getNumArguments() - numSums;
    for (unsigned i = 0; i < numExtras; ++i)
      extras.push_back(k.operand(next++));
    while (next < k.numOperands())
      results.push_back(k.operand(next++));
    if (bank.shape.size() != 4 || bank.size(3) != kPanelColumns || (!hasEpilogue && results.size() != numSums))
      return frame.kernel.emitOpError("needs a bank memref<MxPxKx32>, and a result per range where it has no epilogue");
    ranges.firstPanel.assign(family.getPanels().begin(), family.getPanels().end());
    for (unsigned i = 0; i < numRanges; ++i)
      ranges.numColumns.push_back(isTransposed ? inputs[i].size(1) : hasEpilogue ? epilogueColumns() : results[i].size(1));
    int64_t numColumns = isTransposed ? bank.size(2) : ranges.numColumns[0];
    int64_t numPanelSums = llvm::divideCeil(numColumns, kPanelColumns);
    for (const Buffer &result : results)
      if (hasEpilogue && result.size(1) != numColumns && result.size(1) != numPanelSums)
        return frame.kernel.emitOpError() << "has a result of " << result.size(1) << " columns, expected " << numColumns
                                          << ", or " << numPanelSums << " sums";
    return success();
  }

  /// Columns of what a forward epilogue sees: those of the widest operand, since sums have fewer.
  int64_t epilogueColumns() {
    int64_t columns = 0;
    for (ArrayRef<Buffer> buffers : {ArrayRef<Buffer>(extras), ArrayRef<Buffer>(results)})
      for (const Buffer &buffer : buffers)
        if (buffer.shape.size() == 2)
          columns = std::max(columns, buffer.size(1));
    return columns;
  }

  /// The panels of one column block: of one of the ranges, of every range where the epilogue sees them together, or of
  /// K.
  void emitUnit(const Tile &rows, Val member, Val columnBlock) {
    int64_t perBlock = family.getPanelsPerBlock();
    if (!isTransposed && !hasEpilogue) {
      PanelBlock block = findBlock(k, ranges, perBlock, results, columnBlock);
      return k.loop(block.begin, block.end, 1, [&](Val panel) { emitPlainPanel(rows, member, block, panel); });
    }
    int64_t numPanels = isTransposed ? llvm::divideCeil(bank.size(2), kPanelColumns) : ranges.numPanels(0);
    Val first = columnBlock * perBlock;
    k.loop(first, min(first + perBlock, k.index(numPanels)), 1, [&](Val panel) {
      if (isTransposed)
        return emitTransposedPanel(rows, member, panel);
      emitEpiloguePanel(rows, member, panel);
    });
  }

  void emitPlainPanel(const Tile &rows, Val member, const PanelBlock &block, Val panel) {
    Buffer weights = bankPanel(bank, member, block.bankPanel + panel);
    forEachRowBlock(rows, [&](Val firstRow, Val numRows) {
      sumBlock(0, numRows, [&](KernelBuilder::Vals zero, int64_t variant, int64_t column) {
        return multiplyForward(zero, leftRows(inputs[0], firstRow, numRows, variant), weights, column);
      });
      writeOut(firstRow, numRows, panel, block.numColumns, {block.rows});
    });
  }

  void emitEpiloguePanel(const Tile &rows, Val member, Val panel) {
    SmallVector<Buffer> weights;
    for (int64_t firstPanel : ranges.firstPanel)
      weights.push_back(bankPanel(bank, member, panel + firstPanel));
    forEachRowBlock(rows, [&](Val firstRow, Val numRows) {
      for (auto [range, buffer] : llvm::enumerate(weights))
        sumBlock(range, numRows, [&, panelWeights = buffer](KernelBuilder::Vals zero, int64_t variant, int64_t column) {
          return multiplyForward(zero, leftRows(inputs[0], firstRow, numRows, variant), panelWeights, column);
        });
      writeOut(firstRow, numRows, panel, k.index(ranges.numColumns[0]), results);
    });
  }

  void emitTransposedPanel(const Tile &rows, Val member, Val panel) {
    packTransposed(member, panel);
    forEachRowBlock(rows, [&](Val firstRow, Val numRows) {
      sumBlock(0, numRows, [&](KernelBuilder::Vals zero, int64_t variant, int64_t column) {
        int64_t begin = 0;
        for (int64_t range = 0; range < ranges.numRanges(); ++range) {
          Buffer weights = transposedPanel.at(k.index(begin * kPanelColumns + column));
          zero = multiplyAccumulate(k, zero, leftRows(inputs[range], firstRow, numRows, variant),
                                    {weights, kPanelColumns}, ranges.numColumns[range]);
          begin += ranges.numPanels(range) * kPanelColumns;
        }
        return zero;
      });
      writeOut(firstRow, numRows, panel, k.index(bank.size(2)), results);
    });
  }

  /// Columns [32 panel, 32 panel + 32) of K become the columns of `transposedPanel`, the columns of all ranges its
  /// rows.
  void packTransposed(Val member, Val panel) {
    Val firstRow = panel * kPanelColumns;
    Val numRows = bank.size(2) % kPanelColumns ? k.index(bank.size(2)) - firstRow : Val();
    int64_t begin = 0;
    for (int64_t range = 0; range < ranges.numRanges(); ++range) {
      k.loop(0, ranges.numPanels(range), 1, [&](Val i) {
        Buffer source = bankPanel(bank, member, i + ranges.firstPanel[range]).at(firstRow * kPanelColumns);
        transposeBlock(k, source, transposedPanel.at((i + begin) * (kPanelColumns * kPanelColumns)), numRows);
      });
      begin += ranges.numPanels(range);
    }
  }

  /// Rows of the tile in blocks of the register tile; the last block may have fewer.
  void forEachRowBlock(const Tile &rows, function_ref<void(Val firstRow, Val numRows)> body) {
    k.loop(0, rows.count, tile.rows,
           [&](Val done) { body(rows.first + done, min(rows.count - done, k.index(tile.rows))); });
  }

  /// `variant` rows from slot `firstRow` on, the last living one repeated.
  LeftMatrix leftRows(const Buffer &input, Val firstRow, Val numRows, int64_t variant) {
    LeftMatrix left = {{}, 1};
    for (int64_t m = 0; m < variant; ++m)
      left.rows.push_back(input.row(inputRow(firstRow + min(k.index(m), numRows - 1))));
    return left;
  }
  Val inputRow(Val slot) { return sourceRow ? k.convert(sourceRow.load(slot), k.i64()) : slot; }

  KernelBuilder::Vals multiplyForward(KernelBuilder::Vals zero, const LeftMatrix &left, const Buffer &weights,
                                      int64_t column) {
    return multiplyAccumulate(k, zero, left, {weights.at(k.index(column)), kPanelColumns}, bank.size(2));
  }

  /// Sums one block of rows by 32 columns with the smallest variant that holds `numRows`, into sums[accumulator].
  void sumBlock(int64_t accumulator, Val numRows,
                function_ref<KernelBuilder::Vals(KernelBuilder::Vals zero, int64_t variant, int64_t column)> multiply) {
    auto run = [&](int64_t variant) {
      for (int64_t column = 0; column < kPanelColumns; column += tile.columns) {
        KernelBuilder::Vals zero(variant * tile.numVectors(), k.zeros());
        KernelBuilder::Vals block = multiply(zero, variant, column);
        for (int64_t m = 0; m < variant; ++m)
          for (int64_t v = 0; v < tile.numVectors(); ++v)
            sumsRow(accumulator, k.index(m)).store(block[m * tile.numVectors() + v], column + v * kLanes);
      }
    };
    std::function<void(size_t)> choose = [&](size_t i) {
      if (i + 1 == tile.variants.size())
        return run(tile.variants[i]);
      k.when(
          numRows > tile.variants[i + 1], [&] { run(tile.variants[i]); }, [&] { choose(i + 1); });
    };
    choose(0);
  }

  Buffer sumsRow(int64_t accumulator, Val row) { return sums.row(k.index(accumulator)).row(row); }

  /// Living rows of the block, through the epilogue, to the columns of `panel` in `targets`.
  void writeOut(Val firstRow, Val numRows, Val panel, Val numColumns, ArrayRef<Buffer> targets) {
    bool mayBePartial = isTransposed ? bank.size(2) % kPanelColumns != 0 : ranges.hasPartialPanel();
    Val column = panel * kPanelColumns;
    k.loop(0, numRows, 1, [&](Val row) {
      Val slot = firstRow + row, start = slot * numColumns + column;
      KernelBuilder::Vals rowValues; // of the extras that have one value for each row
      for (const Buffer &extra : extras)
        rowValues.push_back(extra.shape.size() == 1 ? k.broadcast(extra.load(slot)) : Val());
      KernelBuilder::Vals panelSums(targets.size());
      panelVectors(k, column, numColumns, mayBePartial, [&](int64_t offset, Val mask) {
        SmallVector<Value> values;
        for (int64_t i = 0; i < numAccumulators; ++i)
          values.push_back(sumsRow(i, row).loadVector(offset));
        if (hasEpilogue) {
          for (auto [extra, rowValue] : llvm::zip(extras, rowValues))
            values.push_back(rowValue ? rowValue : extra.loadVector(start + offset, kLanes, mask));
          FailureOr<SmallVector<Value>> mapped = cloneScalarRegion(frame, values);
          isRegionGood &= succeeded(mapped) && mapped->size() == targets.size();
          if (!isRegionGood)
            return;
          values = *mapped;
        }
        for (auto [target, value, panelSum] : llvm::zip(targets, values, panelSums)) {
          if (!isPanelSums(target)) {
            target.store(Val(k, value), start + offset, mask);
            continue;
          }
          Val living = mask ? select(mask, Val(k, value), k.zeros()) : Val(k, value);
          panelSum = offset == 0 ? living : panelSum + living;
          if (offset + kLanes == kPanelColumns)
            target.store(k.sum(panelSum), slot * target.size(1) + panel);
        }
      });
    });
  }

  /// Whether `target` holds sums of each row over the columns of each panel. Only an epilogue has such results.
  bool isPanelSums(const Buffer &target) {
    int64_t numColumns = isTransposed ? bank.size(2) : ranges.numColumns[0];
    return hasEpilogue && target.size(1) != numColumns;
  }

  plan::MatmulAttr family;
  KernelFrame &frame;
  KernelBuilder k;
  RegisterTile tile;
  bool isTransposed, hasEpilogue, isRegionGood = true;

  SmallVector<Buffer> inputs, extras, results;
  Buffer bank;
  Buffer sourceRow; // the row of the inputs that a slot reads; none: the slot's own
  unsigned tilesOperand = 0;
  PanelRanges ranges;
  int64_t numAccumulators = 1;
  Buffer sums;            // [accumulator][row][32]: one block between registers and epilogue
  Buffer transposedPanel; // [padded columns of all ranges][32]: W^T
};

} // namespace

FailureOr<int64_t> emit(plan::MatmulAttr family, KernelFrame &frame) { return MatmulEmitter(family, frame).emit(); }

} // namespace mlir::motley::codegen
