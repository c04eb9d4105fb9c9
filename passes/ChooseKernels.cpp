// Writes how each kernel is cut on the operation that becomes it. Lower-to-plan only reads, so a choice can be seen in
// the IR, tested, and tried by hand.
#include "passes/KernelChoice.h"
#include "passes/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley {
#define GEN_PASS_DEF_CHOOSEKERNELS
#include "passes/PlanPasses.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;
using plan::ChoiceAttr;
using plan::HeadChoiceAttr;

namespace {

/// The number of members that a map names.
int64_t countMembers(ArrayRef<int64_t> map) {
  llvm::SmallDenseSet<int64_t> members;
  for (int64_t member : map)
    if (member >= 0)
      members.insert(member);
  return members.size();
}

SmallVector<int64_t> rangeColumns(BankOp bank, ArrayRef<int64_t> ranges) {
  return llvm::map_to_vector(ranges, [&](int64_t range) { return bank.getRangeType(range).getDimSize(1); });
}

int64_t sumPanels(ArrayRef<int64_t> columns) {
  int64_t sum = 0;
  for (int64_t width : columns)
    sum += numPanels(width);
  return sum;
}

/// Makes choices for one target.
struct Chooser {
  MLIRContext *context;
  int64_t wantedUnits;

  ChoiceAttr forward(int64_t rows, ArrayRef<int64_t> columns, bool hasEpilogue) {
    int64_t panels = hasEpilogue ? numPanels(columns.front()) : sumPanels(columns);
    int64_t perBlock =
        choosePanelsPerBlock(kProductBlocks, ceilDiv(rows, kForwardRowTile), panels, wantedUnits,
                             [&](int64_t number) { return forwardColumnBlocks(columns, number, hasEpilogue); });
    return ChoiceAttr::get(context, kForwardRowTile, perBlock);
  }

  ChoiceAttr transposed(int64_t rows, int64_t columns) {
    int64_t rowTile = std::min(rows, kTransposedRowTile);
    int64_t perBlock = choosePanelsPerBlock(kProductBlocks, ceilDiv(rows, rowTile), numPanels(columns), wantedUnits,
                                            [&](int64_t number) { return transposedColumnBlocks(columns, number); });
    return ChoiceAttr::get(context, rowTile, perBlock);
  }

  ChoiceAttr outer(int64_t members, ArrayRef<int64_t> columns) {
    int64_t perBlock =
        choosePanelsPerBlock(kOuterBlocks, members, sumPanels(columns), wantedUnits, [&](int64_t number) {
          return forwardColumnBlocks(columns, number, /*hasEpilogue=*/false);
        });
    return ChoiceAttr::get(context, 0, perBlock);
  }

  Attribute choose(GroupedMatmulOp op) {
    BankOp bank = lookupBank(op, op.getBankAttr());
    int64_t rows = numRows(op.getInputs().front());
    if (op.getTransposed())
      return transposed(rows, bank.getRangeType(0).getDimSize(0));
    return forward(rows, rangeColumns(bank, op.getRanges()), !op.getEpilogue().empty());
  }

  Attribute choose(GroupedOuterOp op) {
    return outer(countMembers(op.getMap()), rangeColumns(lookupBank(op, op.getBankAttr()), op.getRanges()));
  }

  Attribute chooseHead(FlatSymbolRefAttr symbol, Value input, Operation *op) {
    RankedTensorType head = lookupBank(op, symbol).getRangeType(0);
    int64_t window = std::min(numRows(input), kHeadWindow);
    return HeadChoiceAttr::get(context, window, forward(window, head.getDimSize(1), false),
                               transposed(window, head.getDimSize(0)), outer(1, head.getDimSize(1)));
  }

  /// The choice for `op`; null for an operation that has none.
  Attribute choose(Operation *op) {
    return llvm::TypeSwitch<Operation *, Attribute>(op)
        .Case<GroupedMatmulOp, GroupedOuterOp>([&](auto typed) { return choose(typed); })
        .Case<GroupedCrossEntropyOp, GroupedCrossEntropyBackwardOp>(
            [&](auto typed) { return chooseHead(typed.getBankAttr(), typed.getInput(), typed); })
        .Case<GroupedBiasOp, GroupedNormOp, GroupedNormBackwardOp, MergeGroupsOp>(
            [&](auto) { return ChoiceAttr::get(context, kForwardRowTile, 0); })
        .Case<GroupedAttentionOp, GroupedAttentionBackwardOp>(
            [&](auto) { return ChoiceAttr::get(context, kAttentionRowTile, 0); })
        .Default([](Operation *) { return nullptr; });
  }
};

struct ChooseKernels : motley::impl::ChooseKernelsBase<ChooseKernels> {
  using Base::Base;

  void runOnOperation() override {
    Chooser chooser{&getContext(), wantedUnits};
    getOperation()->walk([&](Operation *op) {
      if (op->hasAttr("plan.choice"))
        return;
      if (Attribute choice = chooser.choose(op))
        op->setAttr("plan.choice", choice);
    });
  }
};

} // namespace
