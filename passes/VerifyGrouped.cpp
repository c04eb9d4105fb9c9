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
    checkVariables();
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

  /// Every variable is listed by a bank; that no two list it is the bank's own rule.
  void checkVariables() {
    llvm::DenseSet<Attribute> homes;
    for (BankOp bank : getOperation().getOps<BankOp>())
      for (auto member : bank.getMembers().getAsRange<ArrayAttr>())
        homes.insert(member.begin(), member.end());
    for (VariableOp variable : getOperation().getOps<VariableOp>())
      if (!homes.contains(FlatSymbolRefAttr::get(variable.getSymNameAttr())))
        fail(variable) << "lives in no bank";
  }

  void checkFunction(func::FuncOp function) {
    auto isGroups = [](Type type) { return isa<GroupsType>(type); };
    if (llvm::any_of(function.getArgumentTypes(), isGroups) || llvm::any_of(function.getResultTypes(), isGroups))
      fail(function) << "passes groups over its border; make them inside, from ids";
    SmallVector<GroupByOp> tables;
    function.walk([&](Operation *op) {
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

  bool hasFailed = false;
};

} // namespace
