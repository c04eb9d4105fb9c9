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

  /// Rows of a product: how many at most, and in how many groups.
  struct Rows {
    int64_t number, numGroups;
  };

  ChoiceAttr forward(Rows rows, ArrayRef<int64_t> columns, bool hasEpilogue, Precision precision) {
    int64_t panels = hasEpilogue ? numPanels(columns.front()) : sumPanels(columns);
    int64_t rowTile = precision == Precision::bf16 ? kRoundedRowTile : kForwardRowTile;
    return product(rows, rowTile, panels, precision,
                   [&](int64_t number) { return forwardColumnBlocks(columns, number, hasEpilogue); });
  }

  ChoiceAttr transposed(Rows rows, int64_t columns, Precision precision) {
    int64_t rowTile = std::min(rows.number, precision == Precision::bf16 ? kRoundedRowTile : kTransposedRowTile);
    return product(rows, rowTile, numPanels(columns), precision,
                   [&](int64_t number) { return transposedColumnBlocks(columns, number); });
  }

  ChoiceAttr product(Rows rows, int64_t rowTile, int64_t panels, Precision precision,
                     llvm::function_ref<int64_t(int64_t)> columnBlocks) {
    bool isRounded = precision == Precision::bf16;
    // Tiles that are longer than a group's share are as many as the groups.
    int64_t tiles = std::max(ceilDiv(rows.number, rowTile), isRounded ? rows.numGroups : 1);
    int64_t perBlock = choosePanelsPerBlock(isRounded ? kRoundedProductBlocks : kProductBlocks, tiles, panels,
                                            wantedUnits, columnBlocks);
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
    auto groups = cast<GroupsType>(op.getGroups().getType());
    Rows rows = {groups.getBound(), groups.getNumGroups()};
    Precision precision = op.getPrecision().value_or(Precision::f32);
    if (op.getTransposed())
      return transposed(rows, bank.getRangeType(0).getDimSize(0), precision);
    return forward(rows, rangeColumns(bank, op.getRanges()), !op.getEpilogue().empty(), precision);
  }

  Attribute choose(GroupedOuterOp op) {
    return outer(countMembers(op.getMap()), rangeColumns(lookupBank(op, op.getBankAttr()), op.getRanges()));
  }

  Attribute chooseHead(FlatSymbolRefAttr symbol, Value input, Precision precision, Operation *op) {
    RankedTensorType head = lookupBank(op, symbol).getRangeType(0);
    int64_t window = std::min(numRows(input), kHeadWindow);
    return HeadChoiceAttr::get(context, window, forward({window, 1}, head.getDimSize(1), false, precision),
                               transposed({window, 1}, head.getDimSize(0), precision), outer(1, head.getDimSize(1)));
  }

  /// The choice for `op`; null for an operation that has none.
  Attribute choose(Operation *op) {
    return llvm::TypeSwitch<Operation *, Attribute>(op)
        .Case<GroupedMatmulOp, GroupedOuterOp>([&](auto typed) { return choose(typed); })
        .Case<GroupedCrossEntropyOp, GroupedCrossEntropyBackwardOp>([&](auto typed) {
          return chooseHead(typed.getBankAttr(), typed.getInput(), typed.getPrecision().value_or(Precision::f32),
                            typed);
        })
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
