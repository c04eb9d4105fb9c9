// Gives every bank of matrices one packed form. A bank has one form over all functions of the module, because its
// storage is one buffer that outlives them; so a table cannot be a factor of a product as well.
#include "passes/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "passes/PlanPasses.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

/// A bank and the form in which an operation reads or writes it.
struct Use {
  FlatSymbolRefAttr bank;
  Layout layout;
};

/// The use of a bank of matrices that decides its form; none for operations that take any form.
std::optional<Use> findUse(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Use>>(op)
      .Case<GroupedMatmulOp, GroupedOuterOp, GroupedCrossEntropyOp, GroupedCrossEntropyBackwardOp>([](auto typed) {
        return Use{typed.getBankAttr(), Layout::panels};
      })
      .Case<GroupedEmbeddingOp, GroupedEmbeddingBackwardOp>([](auto typed) {
        return Use{typed.getBankAttr(), Layout::rows};
      })
      .Default([](Operation *) { return std::nullopt; });
}

StringRef describe(Layout layout) {
  return layout == Layout::panels ? "multiplied as a matrix" : "looked up as a table";
}

struct AssignLayouts : motley::impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override {
    if (failed(readUses()))
      return signalPassFailure();
    for (BankOp bank : getOperation().getOps<BankOp>())
      if (failed(assign(bank)))
        signalPassFailure();
  }

private:
  /// Records the first use of each bank, in the order of the module.
  LogicalResult readUses() {
    bool hasFailed = false;
    getOperation()->walk([&](Operation *op) {
      std::optional<Use> use = findUse(op);
      BankOp bank = use ? lookupBank(op, use->bank) : BankOp();
      if (!bank)
        return;
      auto [entry, isNew] = uses.try_emplace(bank, op, use->layout);
      if (isNew || entry->second.second == use->layout)
        return;
      // motley.grouped_embedding @b ... and motley.grouped_matmul @b ...
      InFlightDiagnostic error = op->emitOpError()
                                 << "bank " << use->bank << " is " << describe(use->layout) << " here and "
                                 << describe(entry->second.second) << " elsewhere; use two variables, one for each";
      error.attachNote(entry->second.first->getLoc()) << describe(entry->second.second) << " here";
      hasFailed = true;
    });
    return failure(hasFailed);
  }

  LogicalResult assign(BankOp bank) {
    if (bank.getRangeType(0).getRank() == 1)
      return success();
    auto found = uses.find(bank);
    Layout layout = found == uses.end() ? bank.getLayout().value_or(Layout::panels) : found->second.second;
    if (bank.getLayout().value_or(layout) != layout)
      return bank.emitOpError() << "has layout " << stringifyLayout(*bank.getLayout()) << " and is "
                                << describe(layout);
    if (layout == Layout::rows && (bank.getNumMembers() > 1 || bank.getNumRanges() > 1))
      return bank.emitOpError() << "is a table and lists " << bank.getNumMembers() << " members of "
                                << bank.getNumRanges() << " ranges, expected one variable";
    bank.setLayout(layout);
    ++(layout == Layout::panels ? numPanels : numTables);
    return success();
  }

  llvm::DenseMap<Operation *, std::pair<Operation *, Layout>> uses;
};

} // namespace
