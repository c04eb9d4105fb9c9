// Chosen rows are read where they lie, and sums of combined rows are one pass over memory.
#include "passes/Passes.h"

namespace mlir::motley {
#define GEN_PASS_DEF_FUSEGATHERCOMBINE
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

GatherRowsOp gatherBy(Value value, Value groups) {
  auto gather = value.getDefiningOp<GatherRowsOp>();
  return gather && gather.getGroups() == groups && cast<GroupsType>(groups.getType()).isSelection() ? gather
                                                                                                    : GatherRowsOp();
}

/// Whether every reader of a gather is a product that can read through its rows.
bool onlyFeedsProducts(GatherRowsOp gather) {
  Value slots = gather.getResult();
  auto areAllGathers = [&](ValueRange values) {
    return llvm::all_of(values, [&](Value value) { return gatherBy(value, gather.getGroups()); });
  };
  return llvm::all_of(slots.getUses(), [&](OpOperand &use) {
    if (auto product = dyn_cast<GroupedMatmulOp>(use.getOwner()))
      return product.getGroups() == gather.getGroups() && product.getEpilogue().empty() &&
             areAllGathers(product.getInputs());
    if (auto outer = dyn_cast<GroupedOuterOp>(use.getOwner()))
      return outer.getGroups() == gather.getGroups() &&
             (use.get() == outer.getInput() || areAllGathers(outer.getCotangents()));
    return false;
  });
}

struct FuseGatherCombine : motley::impl::FuseGatherCombineBase<FuseGatherCombine> {
  using FuseGatherCombineBase::FuseGatherCombineBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    absorbGathers(function);
    for (CombineRowsOp combine : SmallVector<CombineRowsOp>(function.getOps<CombineRowsOp>()))
      absorbSum(combine);
  }

private:
  void absorbGathers(func::FuncOp function) {
    llvm::DenseSet<Operation *> absorbed;
    for (GatherRowsOp gather : function.getOps<GatherRowsOp>())
      if (cast<GroupsType>(gather.getGroups().getType()).isSelection() && onlyFeedsProducts(gather))
        absorbed.insert(gather);
    // A product takes over all of its gathers or none.
    for (bool changed = true; changed;) {
      changed = false;
      for (GatherRowsOp gather : function.getOps<GatherRowsOp>()) {
        if (!absorbed.contains(gather))
          continue;
        for (Operation *user : gather->getUsers()) {
          auto product = dyn_cast<GroupedMatmulOp>(user);
          auto outer = dyn_cast<GroupedOuterOp>(user);
          ValueRange together = product ? ValueRange(product.getInputs()) : ValueRange(outer.getCotangents());
          if (llvm::is_contained(together, gather.getResult()) &&
              !llvm::all_of(together, [&](Value value) { return absorbed.contains(value.getDefiningOp()); })) {
            changed |= absorbed.erase(gather);
            break;
          }
        }
      }
    }
    for (GatherRowsOp gather : llvm::make_early_inc_range(function.getOps<GatherRowsOp>())) {
      if (!absorbed.contains(gather))
        continue;
      for (OpOperand &use : llvm::make_early_inc_range(gather->getUses())) {
        if (auto product = dyn_cast<GroupedMatmulOp>(use.getOwner()))
          product.setGathered(true);
        else if (auto outer = cast<GroupedOuterOp>(use.getOwner()); use.getOperandNumber() == 0)
          outer.setGatheredInput(true);
        else
          outer.setGatheredCotangents(true);
        use.set(gather.getInput());
      }
      gather.erase();
      ++numGathers;
    }
  }

  /// combine(s) + x becomes combine(s) plus x, where the sum stands.
  void absorbSum(CombineRowsOp combine) {
    if (!cast<GroupsType>(combine.getGroups().getType()).isSelection() || combine.getOtherwise() || combine.getPlus() ||
        !combine->hasOneUse())
      return;
    auto sum = dyn_cast<arith::AddFOp>(*combine->user_begin());
    if (!sum)
      return;
    Value other = sum.getLhs() == combine.getResult() ? sum.getRhs() : sum.getLhs();
    OpBuilder b(sum);
    auto both = CombineRowsOp::create(b, b.getFusedLoc({combine.getLoc(), sum.getLoc()}), combine.getType(),
                                      combine.getInput(), combine.getGroups(), Value(), other);
    sum.replaceAllUsesWith(both.getResult());
    sum.erase();
    combine.erase();
    ++numSums;
  }
};
} // namespace
