// One table per distinct partition and step. Model functions are one block, so two tables with equal operands are
// equal.
#include "passes/Passes.h"

namespace mlir::motley {
#define GEN_PASS_DEF_HOISTGROUPS
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {
struct HoistGroups : motley::impl::HoistGroupsBase<HoistGroups> {
  using HoistGroupsBase::HoistGroupsBase;

  void runOnOperation() override {
    SmallVector<Operation *> tables;
    getOperation().walk([&](Operation *op) {
      if (isa<GroupByOp, ReindexOp>(op))
        tables.push_back(op);
    });
    SmallVector<Operation *> kept;
    for (Operation *table : tables) {
      auto isEqual = [&](Operation *other) {
        return other->getName() == table->getName() && other->getOperands() == table->getOperands() &&
               other->getResultTypes() == table->getResultTypes() && other->getBlock() == table->getBlock();
      };
      if (auto same = llvm::find_if(kept, isEqual); same != kept.end()) {
        (*same)->setLoc(FusedLoc::get(&getContext(), {(*same)->getLoc(), table->getLoc()}));
        table->replaceAllUsesWith(*same);
        table->erase();
        ++numRemoved;
        continue;
      }
      moveUp(table, kept);
      kept.push_back(table);
    }
  }

  /// To where the operands are known, behind the tables that already went there.
  static void moveUp(Operation *table, ArrayRef<Operation *> kept) {
    Operation *after = nullptr;
    auto keepLater = [&](Operation *op) {
      if (op && op->getBlock() == table->getBlock() && (!after || after->isBeforeInBlock(op)))
        after = op;
    };
    for (Value operand : table->getOperands())
      keepLater(operand.getDefiningOp());
    for (Operation *other = after ? after->getNextNode() : &table->getBlock()->front();
         other && llvm::is_contained(kept, other); other = other->getNextNode())
      after = other;
    if (after)
      table->moveAfter(after);
    else
      table->moveBefore(&table->getBlock()->front());
  }
};
} // namespace
