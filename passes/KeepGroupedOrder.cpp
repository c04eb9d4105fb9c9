// Rows stay in the order of the base partition from the embedding to the loss; only fields of the rows are permuted.
//
// The published systems permute activations twice per layer (arXiv 2411.04996, algorithm 1). Here every operation
// either treats rows one by one, goes by the base table, or reads rows through a table (attention), so the order can be
// chosen once.
#include "passes/Grouping.h"

namespace mlir::motley {
#define GEN_PASS_DEF_KEEPGROUPEDORDER
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {
struct KeepGroupedOrder : motley::impl::KeepGroupedOrderBase<KeepGroupedOrder> {
  using KeepGroupedOrderBase::KeepGroupedOrderBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    SmallVector<GatherRowsOp> gathers(function.getOps<GatherRowsOp>());
    SmallVector<CombineRowsOp> combines(function.getOps<CombineRowsOp>());
    llvm::SmallSetVector<Value, 2> bases;
    // Tables that were chosen name rows by where the base put them: they stay as they are.
    auto isChosen = [](auto op) { return cast<GroupsType>(op.getGroups().getType()).isSelection(); };
    llvm::erase_if(gathers, isChosen);
    llvm::erase_if(combines, isChosen);
    for (GatherRowsOp gather : gathers)
      bases.insert(gather.getGroups());
    for (CombineRowsOp combine : combines)
      bases.insert(combine.getGroups());
    if (bases.empty())
      return;
    auto base = bases.size() == 1 ? bases[0].getDefiningOp<GroupByOp>() : GroupByOp();
    if (!base) {
      function.emitRemark("goes by more than one base partition: rows are permuted around each operation");
      return;
    }
    // Only what stands for rows as the caller has them needs a permutation: arguments, constants that are not splats.
    bool isIdentity = !base.getIds();
    SmallVector<Value> roots;
    for (Value argument : function.getArguments())
      roots.push_back(argument);
    for (auto constant : function.getOps<arith::ConstantOp>())
      if (auto elements = dyn_cast<DenseElementsAttr>(constant.getValue()); elements && !elements.isSplat())
        roots.push_back(constant);

    for (GatherRowsOp gather : gathers) {
      gather.getResult().replaceAllUsesWith(gather.getInput());
      numRemoved += !llvm::is_contained(roots, gather.getInput());
      gather.erase();
    }
    for (CombineRowsOp combine : combines) {
      combine.getResult().replaceAllUsesWith(combine.getInput());
      ++numRemoved;
      combine.erase();
    }
    if (isIdentity)
      return;
    computeIdsFirst(base, roots);
    Operation *last = gatherRoots(roots, base);
    reindexTables(base, last, roots);
    combineReturned(function, base);
  }

  /// What the ids of the base are computed from has rows as they came: it stands before everything, and whoever else
  /// reads it needs a permutation.
  static void computeIdsFirst(GroupByOp base, SmallVectorImpl<Value> &roots) {
    Block *block = base->getBlock();
    base->moveBefore(block, block->begin());
    for (Value operand : base->getOperands())
      for (Operation *op : llvm::reverse(computationOf(operand))) {
        op->moveBefore(block, block->begin());
        for (Value result : op->getResults())
          if (!llvm::is_contained(roots, result))
            roots.push_back(result);
      }
  }

  /// Fields of the rows in slot order, right behind the base table. Tables are still made from the fields as they came.
  Operation *gatherRoots(ArrayRef<Value> roots, GroupByOp base) {
    Operation *last = base;
    SmallVector<Operation *> computation = computationOf(base.getIds());
    for (Value root : roots) {
      auto type = dyn_cast<RankedTensorType>(root.getType());
      if (!type || type.getRank() < 1 || type.getDimSize(0) != base.getGroups().getType().getBound())
        continue;
      auto needsSlots = [&](OpOperand &use) {
        return !isa<GroupByOp>(use.getOwner()) && !llvm::is_contained(computation, use.getOwner());
      };
      if (llvm::none_of(root.getUses(), needsSlots))
        continue;
      OpBuilder b(&getContext());
      if (Operation *constant = root.getDefiningOp(); constant && last->isBeforeInBlock(constant))
        constant->moveBefore(base);
      b.setInsertionPointAfter(last);
      auto gather = GatherRowsOp::create(b, root.getLoc(), type, root, base.getGroups());
      root.replaceUsesWithIf(gather, [&](OpOperand &use) { return needsSlots(use) && use.getOwner() != gather; });
      last = gather;
      ++numFields;
    }
    return last;
  }

  /// A table of another partition is made from ids as they came, and names rows by where the base put them.
  void reindexTables(GroupByOp base, Operation *last, ArrayRef<Value> roots) {
    OpBuilder b(&getContext());
    for (auto table : llvm::make_early_inc_range(getOperation().getOps<GroupByOp>())) {
      if (table == base || table.getGroups().use_empty())
        continue;
      if (Value ids = table.getIds(); ids && !llvm::is_contained(roots, ids)) { // computed from fields in slot order
        b.setInsertionPoint(table);
        auto asTheyCame =
            CombineRowsOp::create(b, ids.getLoc(), ids.getType(), ids, base.getGroups(), Value(), Value());
        table.getIdsMutable().assign(asTheyCame);
      }
      b.setInsertionPointAfter(table->isBeforeInBlock(last) ? last : table.getOperation());
      auto reindexed =
          ReindexOp::create(b, table.getLoc(), table.getGroups().getType(), table.getGroups(), base.getGroups());
      table.getGroups().replaceUsesWithIf(reindexed, [&](OpOperand &use) {
        auto other = dyn_cast<ReindexOp>(use.getOwner()); // of a scope inside: it goes by the base already
        return !other || other.getInto() != base.getGroups();
      });
      for (ReindexOp other : llvm::make_early_inc_range(getOperation().getOps<ReindexOp>()))
        if (other != reindexed && other.getGroups() == table.getGroups() && other.getInto() == base.getGroups()) {
          other.replaceAllUsesWith(reindexed.getResult());
          other.erase();
        }
    }
  }

  static void combineReturned(func::FuncOp function, GroupByOp base) {
    Operation *end = function.getBody().front().getTerminator();
    OpBuilder b(end);
    for (OpOperand &returned : end->getOpOperands()) {
      auto type = dyn_cast<RankedTensorType>(returned.get().getType());
      if (type && type.getRank() >= 1 && type.getDimSize(0) == base.getGroups().getType().getBound())
        returned.set(CombineRowsOp::create(b, end->getLoc(), type, returned.get(), base.getGroups(), Value(), Value()));
    }
  }
};
} // namespace
