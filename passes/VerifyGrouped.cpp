// The border between levels 2 and 3: what lowering to the plan relies on and no operation's own verifier can see.
#include "passes/Passes.h"

namespace mlir::motley {
#define GEN_PASS_DEF_VERIFYGROUPED
#include "passes/PlanPasses.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

struct VerifyGrouped : motley::impl::VerifyGroupedBase<VerifyGrouped> {
  void runOnOperation() override {
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      checkFunction(function);
    if (hasFailed)
      signalPassFailure();
  }

private:
  InFlightDiagnostic fail(Operation *op) {
    hasFailed = true;
    return op->emitOpError();
  }

  void checkFunction(func::FuncOp function) {
    auto isGroups = [](Type type) { return isa<GroupsType>(type); };
    if (llvm::any_of(function.getArgumentTypes(), isGroups) || llvm::any_of(function.getResultTypes(), isGroups))
      fail(function) << "passes groups over its border; make them inside, from ids";
    SmallVector<GroupByOp> tables;
    llvm::DenseSet<Attribute> written;
    function.walk([&](Operation *op) {
      checkWrites(op, written);
      if (isa<EmbeddingOp, LinearOp, NormOp, AttentionOp, ByModalityOp, CrossEntropyOp, BackwardOp>(op))
        fail(op) << "is of the model level and must have become grouped operations";
      if (auto table = dyn_cast<GroupByOp>(op))
        checkDistinct(table, tables);
    });
  }

  /// %a = motley.group_by %ids live %live and %b = motley.group_by %ids live %live: the table is made twice.
  void checkDistinct(GroupByOp table, SmallVectorImpl<GroupByOp> &tables) {
    for (GroupByOp other : tables)
      if (other->getOperands() == table->getOperands() && other.getType() == table.getType())
        fail(table) << "makes a table a second time; share the first";
    tables.push_back(table);
  }

  /// The first write of a gradient overwrites in the first microbatch, so nothing may have been written before it.
  void checkWrites(Operation *op, llvm::DenseSet<Attribute> &written) {
    Value add;
    for (Value operand : op->getOperands())
      if (operand.getType().isInteger(1))
        add = operand;
    if (!add || !isa<GroupedOuterOp, GroupedSumOp, GroupedNormBackwardOp, GroupedEmbeddingBackwardOp,
                     GroupedCrossEntropyBackwardOp>(op))
      return;
    auto ranges = op->getAttrOfType<DenseI64ArrayAttr>("ranges");
    auto map = op->getAttrOfType<DenseI64ArrayAttr>("map");
    const int64_t first[] = {0}; // vectors and tables have one range, tables one member
    ArrayRef<int64_t> usedRanges = first, usedMembers = first;
    if (ranges)
      usedRanges = ranges.asArrayRef();
    if (map)
      usedMembers = map.asArrayRef();
    llvm::DenseSet<Attribute> own;
    for (StringRef name : {"bank", "gain", "bias"}) {
      auto symbol = op->getAttrOfType<FlatSymbolRefAttr>(name);
      BankOp bank = symbol ? lookupBank(op, symbol) : BankOp();
      if (!bank)
        continue;
      for (int64_t range : usedRanges)
        for (int64_t member : usedMembers)
          if (member >= 0)
            own.insert(bank.getVariableName(member, range));
    }
    if (isa<BlockArgument>(add))
      for (Attribute variable : own)
        if (written.contains(variable)) {
          fail(op) << "may overwrite the gradient of " << variable << ", which was written before";
          break;
        }
    written.insert(own.begin(), own.end());
  }

  bool hasFailed = false;
};

} // namespace
