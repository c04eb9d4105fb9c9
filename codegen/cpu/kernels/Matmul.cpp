// The grouped GEMM, forward and transposed (families of dialect/PlanKernels.td).
//
// A unit is one tile of rows and one block of columns. It walks over panels of 32 columns and over the tile's rows in
// blocks of the register tile, sums in registers over the whole depth, leaves the sums in scratch, and writes them out
// row by row (MatmulResults.h).
//
// f32: rows are read where they lie, and forward the bank's panels, too. Transposed first writes the panel of W^T to
// scratch, once per unit, so its tiles should have many rows.
//
// bf16: what is multiplied are rounded words in scratch (Rounding.h). A unit works in passes: it packs as many panels
// as the second-level cache holds, then, some rows at a time, packs the rows and multiplies them by each of the panels.
// So tiles should have many rows, and blocks several panels.
//
// Rows beyond the tile's count are never read. A block of fewer rows than the register tile repeats its last row, or
// whatever is in scratch, and only living rows are written out.
#include "codegen/cpu/kernels/MatmulResults.h"
#include "codegen/cpu/kernels/Rounding.h"

namespace mlir::motley::codegen {
namespace {

/// Bytes of packed panels and of packed rows (bf16) that a pass keeps. The panels may fill a second-level cache of 1
/// MiB: packing the rows again for fewer of them costs more than fetching a part from the third level.
constexpr int64_t kPassPanelBytes = 1 << 20, kPassRowBytes = 128 << 10;
/// Rows of a pass: multiples of the register tile; more bring nothing.
constexpr int64_t kFewestPassRows = 8, kMostPassRows = 64;
/// Words after each packed row, so that the rows of a block don't meet in one set of the first-level cache.
constexpr int64_t kRowPadding = 16;

class MatmulEmitter {
public:
  MatmulEmitter(plan::MatmulAttr family, KernelFrame &frame)
      : family(family), frame(frame), k(frame), tile(RegisterTile::of(frame.target)), outputs(frame, k),
        words(k, family.getPrecision() == Precision::bf16),
        isTransposed(family.getForm() == plan::MatmulForm::transposed) {}

  FailureOr<int64_t> emit() {
    if (failed(readOperands()))
      return failure();
    // Forward with an epilogue has the accumulators of all ranges at once.
    numAccumulators = outputs.hasEpilogue() && !isTransposed ? ranges.numRanges() : 1;
    // The same at every level, so that scratch is: the rows of the larger register tile.
    sums = k.scratch(k.f32(), {numAccumulators, RegisterTile::of(kAvx512).rows, kPanelColumns});
    if (words.isRounded)
      allocatePasses();
    else if (isTransposed)
      transposedPanel = k.scratch(k.f32(), {ranges.paddedColumns(), kPanelColumns});
    k.units([&](Val unit) {
      Val columnBlocks = k.index(family.getColumnBlocks());
      Tile rows = k.tile(tilesOperand, unit / columnBlocks);
      Val member = k.lookUp(family.getMap(), rows.group);
      if (!llvm::is_contained(family.getMap(), -1))
        return emitUnit(rows, member, unit % columnBlocks);
      k.when(member >= 0, [&] { emitUnit(rows, member, unit % columnBlocks); });
    });
    if (!outputs.isGood())
      return failure();
    return k.scratchBytes();
  }

private:
  LogicalResult readOperands() {
    unsigned next = 0, numRanges = family.getPanels().size(), numSums = isTransposed ? 1 : numRanges;
    for (unsigned i = 0; i < (isTransposed ? numRanges : 1); ++i)
      inputs.push_back(k.operand(next++));
    bank = k.operand(next++);
    tilesOperand = next++;
    if (family.getGathered())
      sourceRow = k.operand(next++);
    outputs.readOperands(next, numSums);
    bool hasEpilogue = outputs.hasEpilogue();
    if (bank.shape.size() != 4 || bank.size(3) != kPanelColumns || (!hasEpilogue && outputs.results.size() != numSums))
      return frame.kernel.emitOpError("needs a bank memref<MxPxKx32>, and a result per range where it has no epilogue");
    ranges.firstPanel.assign(family.getPanels().begin(), family.getPanels().end());
    for (unsigned i = 0; i < numRanges; ++i)
      ranges.numColumns.push_back(isTransposed  ? inputs[i].size(1)
                                  : hasEpilogue ? outputs.widestColumns()
                                                : outputs.results[i].size(1));
    return outputs.check(isTransposed ? bank.size(2) : ranges.numColumns[0]);
  }

  /// The panels of one column block: of one of the ranges, of every range where the epilogue sees them together, or of
  /// K.
  ResultBlock findResults(Val columnBlock) {
    int64_t perBlock = family.getPanelsPerBlock();
    if (!isTransposed && !outputs.hasEpilogue()) {
      PanelBlock found = findBlock(k, ranges, perBlock, outputs.results, columnBlock);
      return {found.begin, found.end, {found.bankPanel}, found.numColumns, {found.rows}};
    }
    int64_t numColumns = isTransposed ? bank.size(2) : ranges.numColumns[0];
    Val begin = columnBlock * perBlock;
    ResultBlock block = {begin,
                         min(begin + perBlock, k.index(llvm::divideCeil(numColumns, kPanelColumns))),
                         {},
                         k.index(numColumns),
                         outputs.results};
    for (int64_t firstPanel : ranges.firstPanel)
      block.bankPanel.push_back(k.index(firstPanel));
    return block;
  }

  void emitUnit(const Tile &rows, Val member, Val columnBlock) {
    ResultBlock block = findResults(columnBlock);
    if (words.isRounded)
      return emitPasses(rows, member, block);
    k.loop(block.begin, block.end, 1, [&](Val panel) {
      if (isTransposed)
        packTransposed(member, panel);
      k.loop(0, rows.count, tile.rows, [&](Val done) {
        Val firstSlot = rows.first + done, numRows = min(rows.count - done, k.index(tile.rows));
        sumBlocks(
            numRows, [&](int64_t range, int64_t variant) { return inputRows(range, firstSlot, numRows, variant); },
            [&](int64_t accumulator, int64_t range) {
              return isTransposed ? transposedPanel.at(k.index(firstColumn(range) * kPanelColumns))
                                  : bankPanel(bank, member, block.bankPanel[accumulator] + panel);
            });
        outputs.write(sums, firstSlot, numRows, panel, block, mayBePartial());
      });
    });
  }

  // ---- f32: operands where they lie

  /// `variant` rows from `firstSlot` on, the last living one repeated.
  LeftMatrix inputRows(int64_t range, Val firstSlot, Val numRows, int64_t variant) {
    LeftMatrix left = {{}, 1};
    for (int64_t m = 0; m < variant; ++m)
      left.rows.push_back(inputs[range].row(inputRow(firstSlot + min(k.index(m), numRows - 1))));
    return left;
  }

  /// Columns [32 panel, 32 panel + 32) of K become the columns of `transposedPanel`, the columns of all ranges its
  /// rows.
  void packTransposed(Val member, Val panel) {
    Val firstRow = panel * kPanelColumns, numRows = livingRows(firstRow);
    for (int64_t range = 0; range < ranges.numRanges(); ++range)
      k.loop(0, ranges.numPanels(range), 1, [&](Val i) {
        Buffer source = bankPanel(bank, member, i + ranges.firstPanel[range]).at(firstRow * kPanelColumns);
        Val firstTarget = i * kPanelColumns + firstColumn(range);
        transposeBlock(k, source, transposedPanel.at(firstTarget * kPanelColumns), numRows);
      });
  }
  /// Rows of the bank's matrices from `firstRow` on; null where a panel of them is always there.
  Val livingRows(Val firstRow) { return bank.size(2) % kPanelColumns ? k.index(bank.size(2)) - firstRow : Val(); }

  // ---- bf16: operands packed into words

  void allocatePasses() {
    leftColumns = isTransposed ? ranges.paddedColumns() : llvm::alignTo(bank.size(2), kPanelColumns);
    rightRows = isTransposed ? ranges.paddedColumns() : llvm::alignTo(bank.size(2), 2);
    int64_t bf16Bytes = 2, panelBytes = numAccumulators * rightRows * kPanelColumns * bf16Bytes;
    int64_t perBlock = family.getPanelsPerBlock();
    passPanels = std::clamp<int64_t>(kPassPanelBytes / panelBytes, 1, perBlock);
    passPanels = llvm::divideCeil(perBlock, llvm::divideCeil(perBlock, passPanels)); // no short pass at the end
    int64_t passRows = llvm::alignDown(kPassRowBytes / (leftColumns * bf16Bytes), kFewestPassRows);
    passRows = std::clamp(passRows, kFewestPassRows, kMostPassRows);
    packedRows =
        words.scratch({passRows, words.count(leftColumns) + kRowPadding}, passRows * (leftColumns + kRowPadding));
    packedPanels = words.scratch({passPanels, numAccumulators, words.count(rightRows), kPanelColumns},
                                 passPanels * numAccumulators * rightRows * kPanelColumns);
  }

  void emitPasses(const Tile &rows, Val member, const ResultBlock &block) {
    int64_t passRows = packedRows.size(0);
    k.loop(block.begin, block.end, passPanels, [&](Val firstPanel) {
      Val numPanels = min(block.end - firstPanel, k.index(passPanels));
      k.loop(0, numPanels, 1, [&](Val i) {
        isTransposed ? packTransposedWords(member, firstPanel + i, packedPanels.row(i))
                     : packForwardWords(member, firstPanel + i, block, packedPanels.row(i));
      });
      k.loop(0, rows.count, passRows, [&](Val done) {
        Val firstSlot = rows.first + done, numRows = min(rows.count - done, k.index(passRows));
        packRows(firstSlot, numRows);
        k.loop(0, numPanels, 1, [&](Val i) {
          k.loop(0, numRows, tile.rows, [&](Val row) {
            multiplyWords(row, min(numRows - row, k.index(tile.rows)), packedPanels.row(i));
            outputs.write(sums, firstSlot + row, min(numRows - row, k.index(tile.rows)), firstPanel + i, block,
                          mayBePartial());
          });
        });
      });
    });
  }

  void multiplyWords(Val row, Val numRows, const Buffer &panels) {
    sumBlocks(
        numRows,
        [&](int64_t range, int64_t variant) {
          LeftMatrix left = {{}, 1};
          Buffer first = packedRows.row(row).at(k.index(isTransposed ? words.count(firstColumn(range)) : 0));
          for (int64_t m = 0; m < variant; ++m)
            left.rows.push_back(first.at(k.index(m * packedRows.size(1))));
          return left;
        },
        [&](int64_t accumulator, int64_t range) {
          int64_t firstWord = isTransposed ? words.count(firstColumn(range)) : 0;
          return panels.row(k.index(accumulator)).at(k.index(firstWord * kPanelColumns));
        });
  }

  void packRows(Val firstSlot, Val numRows) {
    k.loop(0, numRows, 1, [&](Val row) {
      Val source = inputRow(firstSlot + row);
      for (auto [range, input] : llvm::enumerate(inputs)) {
        int64_t firstWord = words.count(firstColumn(range));
        words.packRow(input.row(source), input.size(1), packedRows.row(row).at(k.index(firstWord)));
      }
    });
  }

  /// Rows of the matrices of all accumulators, two rows in a word.
  void packForwardWords(Val member, Val panel, const ResultBlock &block, const Buffer &target) {
    for (int64_t i = 0; i < numAccumulators; ++i) {
      Buffer source = bankPanel(bank, member, block.bankPanel[i] + panel), place = target.row(k.index(i));
      words.forEachRow(bank.size(2), [&](Val w, ArrayRef<Val> rows) {
        for (int64_t offset = 0; offset < kPanelColumns; offset += kLanes) {
          KernelBuilder::Vals vectors;
          for (Val row : rows)
            vectors.push_back(source.row(row).loadVector(offset));
          place.row(w).store(words.ofColumns(vectors), offset);
        }
      });
    }
  }

  /// As packTransposed, two columns of a range in a word.
  void packTransposedWords(Val member, Val panel, const Buffer &target) {
    Val firstRow = panel * kPanelColumns, numRows = livingRows(firstRow);
    for (int64_t range = 0; range < ranges.numRanges(); ++range) {
      auto pack = [&](Val i, int64_t numColumns) {
        Buffer source = bankPanel(bank, member, i + ranges.firstPanel[range]).at(firstRow * kPanelColumns);
        Val firstWord = i * words.count(kPanelColumns) + words.count(firstColumn(range));
        words.packTransposed(source, target.at(firstWord * kPanelColumns), numRows, numColumns,
                             /*next=*/bank.size(2) * kPanelColumns);
      };
      int64_t numColumns = ranges.numColumns[range], numWhole = numColumns / kPanelColumns;
      k.loop(0, numWhole, 1, [&](Val i) { pack(i, kPanelColumns); });
      if (numColumns % kPanelColumns)
        pack(k.index(numWhole), numColumns % kPanelColumns);
    }
  }

  // ---- both

  Val inputRow(Val slot) { return sourceRow ? k.convert(sourceRow.load(slot), k.i64()) : slot; }
  /// The first column of a range where all ranges follow each other, each padded to whole panels.
  int64_t firstColumn(int64_t range) {
    int64_t panels = 0;
    for (int64_t i = 0; i < range; ++i)
      panels += ranges.numPanels(i);
    return panels * kPanelColumns;
  }
  bool mayBePartial() { return isTransposed ? bank.size(2) % kPanelColumns != 0 : ranges.hasPartialPanel(); }

  /// Sums one block of rows by 32 columns, with the smallest variant of the register tile that holds `numRows`, into
  /// `sums`. left(range, variant): rows of the input of a range; right(accumulator, range): rows of 32 columns.
  void sumBlocks(Val numRows, function_ref<LeftMatrix(int64_t, int64_t)> left,
                 function_ref<Buffer(int64_t, int64_t)> right) {
    auto run = [&](int64_t accumulator, int64_t variant) {
      for (int64_t column = 0; column < kPanelColumns; column += tile.columns) {
        KernelBuilder::Vals block(variant * tile.numVectors(), k.zeros());
        for (int64_t range = 0; range < (isTransposed ? ranges.numRanges() : 1); ++range) {
          int64_t depth = isTransposed ? ranges.numColumns[range] : bank.size(2);
          RightMatrix matrix = {right(accumulator, range).at(k.index(column)), kPanelColumns};
          block = multiplyAccumulate(k, block, left(range, variant), matrix, words.count(depth));
        }
        for (int64_t m = 0; m < variant; ++m)
          for (int64_t v = 0; v < tile.numVectors(); ++v)
            sums.row(k.index(accumulator)).row(k.index(m)).store(block[m * tile.numVectors() + v], column + v * kLanes);
      }
    };
    std::function<void(int64_t, size_t)> choose = [&](int64_t accumulator, size_t i) {
      if (i + 1 == tile.variants.size())
        return run(accumulator, tile.variants[i]);
      k.when(
          numRows > tile.variants[i + 1], [&] { run(accumulator, tile.variants[i]); },
          [&] { choose(accumulator, i + 1); });
    };
    for (int64_t accumulator = 0; accumulator < numAccumulators; ++accumulator)
      choose(accumulator, 0);
  }

  plan::MatmulAttr family;
  KernelFrame &frame;
  KernelBuilder k;
  RegisterTile tile;
  MatmulResults outputs;
  RoundedWords words;
  bool isTransposed;

  SmallVector<Buffer> inputs;
  Buffer bank;
  Buffer sourceRow; // the row of the inputs that a slot reads; none: the slot's own
  unsigned tilesOperand = 0;
  PanelRanges ranges;
  int64_t numAccumulators = 1;
  Buffer sums;            // [accumulator][row][32]: one block between registers and epilogue
  Buffer transposedPanel; // f32: [padded columns of all ranges][32], W^T

  int64_t leftColumns = 0, rightRows = 0, passPanels = 0;
  Buffer packedRows;   // [row of the pass][words of its columns]
  Buffer packedPanels; // [panel of the pass][accumulator][words of the summed dimension][32]
};

} // namespace

FailureOr<int64_t> emit(plan::MatmulAttr family, KernelFrame &frame) { return MatmulEmitter(family, frame).emit(); }

} // namespace mlir::motley::codegen
