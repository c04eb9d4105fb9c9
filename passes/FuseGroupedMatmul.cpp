// Equal siblings become one operation over all groups, and one bank: branches first (FuseBranches.cpp), then column
// ranges.
#include "passes/BankUnion.h"
#include "passes/FuseBranches.h"

namespace mlir::motley {
#define GEN_PASS_DEF_FUSEGROUPEDMATMUL
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

/// Makes both operations name one bank. False where their banks can't be united, or where they share a range.
bool shareBank(GroupedMatmulOp first, GroupedMatmulOp second) {
  BankOp a = lookupBank(first, first.getBankAttr()), b = lookupBank(second, second.getBankAttr());
  if (a != b)
    return uniteRanges(first->getParentOfType<ModuleOp>(), a, b) != nullptr;
  return llvm::none_of(second.getRanges(), [&](int64_t range) { return llvm::is_contained(first.getRanges(), range); });
}

SmallVector<int64_t> concatRanges(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  SmallVector<int64_t> all(a);
  llvm::append_range(all, b);
  return all;
}

/// x W_a and x W_b, of the same rows with the same map.
bool fuseForward(func::FuncOp function) {
  SmallVector<GroupedMatmulOp> products;
  for (auto product : function.getOps<GroupedMatmulOp>())
    if (!product.getTransposed() && product.getEpilogue().empty())
      products.push_back(product);
  for (auto [i, first] : llvm::enumerate(products))
    for (GroupedMatmulOp second : ArrayRef(products).drop_front(i + 1)) {
      if (first.getInputs() != second.getInputs() || first.getGroups() != second.getGroups() ||
          first.getMap() != second.getMap() || first.getGathered() != second.getGathered() ||
          first.getPrecision() != second.getPrecision() || !shareBank(first, second))
        continue;
      OpBuilder b(first);
      SmallVector<Type> types(first.getResultTypes());
      llvm::append_range(types, second.getResultTypes());
      auto fused = GroupedMatmulOp::create(
          b, b.getFusedLoc({first.getLoc(), second.getLoc()}), types, UnitAttr(), first.getBankAttr(),
          b.getDenseI64ArrayAttr(concatRanges(first.getRanges(), second.getRanges())), first.getMapAttr(),
          first.getInputs(), first.getGroups(), ValueRange(), first.getGatheredAttr(), first.getPrecisionAttr());
      first.replaceAllUsesWith(fused.getResults().take_front(first.getNumResults()));
      second.replaceAllUsesWith(fused.getResults().drop_front(first.getNumResults()));
      first.erase();
      second.erase();
      return true;
    }
  return false;
}

/// Whether a gradient that `moved` writes is written by an operation between it and `end`: moving it there would change
/// the order of the writes, and the first one overwrites.
bool isWrittenBetween(GroupedOuterOp moved, Operation *end) {
  for (Operation *op = moved->getNextNode(); op && op != end; op = op->getNextNode())
    if (auto other = dyn_cast<GroupedOuterOp>(op); other && other.getBankAttr() == moved.getBankAttr())
      if (llvm::any_of(other.getRanges(), [&](int64_t range) { return llvm::is_contained(moved.getRanges(), range); }))
        return true;
  return false;
}

/// x^T dy_a and x^T dy_b into ranges of one bank.
bool fuseOuter(func::FuncOp function) {
  SmallVector<GroupedOuterOp> outers(function.getOps<GroupedOuterOp>());
  for (auto [i, first] : llvm::enumerate(outers))
    for (GroupedOuterOp second : ArrayRef(outers).drop_front(i + 1)) {
      if (first.getInput() != second.getInput() || first.getGroups() != second.getGroups() ||
          first.getMap() != second.getMap() || first.getBankAttr() != second.getBankAttr() ||
          first.getAdd() != second.getAdd() || first.getGatheredInput() != second.getGatheredInput() ||
          first.getGatheredCotangents() != second.getGatheredCotangents() ||
          first.getPrecision() != second.getPrecision() ||
          llvm::any_of(second.getRanges(), [&](int64_t range) { return llvm::is_contained(first.getRanges(), range); }))
        continue;
      GroupedOuterOp earlier = first->isBeforeInBlock(second) ? first : second;
      if (isWrittenBetween(earlier, earlier == first ? second : first))
        continue;
      // In the order of the ranges, as the forward has them.
      if (first.getRanges().front() > second.getRanges().front())
        std::swap(first, second);
      OpBuilder b(first->isBeforeInBlock(second) ? second : first);
      SmallVector<Value> cotangents(first.getCotangents());
      llvm::append_range(cotangents, second.getCotangents());
      GroupedOuterOp::create(b, b.getFusedLoc({first.getLoc(), second.getLoc()}), first.getInput(), cotangents,
                             first.getBankAttr(),
                             b.getDenseI64ArrayAttr(concatRanges(first.getRanges(), second.getRanges())),
                             first.getMapAttr(), first.getGroups(), first.getAdd(), first.getGatheredInputAttr(),
                             first.getGatheredCotangentsAttr(), first.getPrecisionAttr());
      first.erase();
      second.erase();
      return true;
    }
  return false;
}

/// The transposed products below a sum, each used by the sum alone, and the sum's other terms.
void collectTerms(Value value, SmallVectorImpl<GroupedMatmulOp> &products, SmallVectorImpl<Value> &others) {
  SmallVector<Value> work{value};
  while (!work.empty()) {
    Value term = work.pop_back_val();
    auto product = term.getDefiningOp<GroupedMatmulOp>();
    auto sum = term.getDefiningOp<arith::AddFOp>();
    if (sum && (term == value || term.hasOneUse())) {
      work.push_back(sum.getRhs());
      work.push_back(sum.getLhs());
    } else if (product && product.getTransposed() && product.getEpilogue().empty() && term.hasOneUse()) {
      products.push_back(product);
    } else {
      others.push_back(term);
    }
  }
}

/// dy_a W_a^T + dy_b W_b^T is one product whose ranges concatenate along K.
bool fuseTransposed(func::FuncOp function) {
  SmallVector<arith::AddFOp> sums(function.getOps<arith::AddFOp>());
  for (arith::AddFOp sum : llvm::reverse(sums)) {
    if (!isa<RankedTensorType>(sum.getType()))
      continue;
    SmallVector<GroupedMatmulOp> products;
    SmallVector<Value> others;
    collectTerms(sum, products, others);
    llvm::sort(products,
               [](GroupedMatmulOp a, GroupedMatmulOp b) { return a.getRanges().front() < b.getRanges().front(); });
    for (auto [i, first] : llvm::enumerate(products))
      for (GroupedMatmulOp second : ArrayRef(products).drop_front(i + 1)) {
        if (first.getGroups() != second.getGroups() || first.getMap() != second.getMap() ||
            first.getBankAttr() != second.getBankAttr() || first.getGathered() != second.getGathered() ||
            first.getPrecision() != second.getPrecision() || !shareBank(first, second))
          continue;
        OpBuilder b(sum);
        SmallVector<Value> inputs(first.getInputs());
        llvm::append_range(inputs, second.getInputs());
        Value fused =
            GroupedMatmulOp::create(b, b.getFusedLoc({first.getLoc(), second.getLoc()}), TypeRange(sum.getType()),
                                    b.getUnitAttr(), first.getBankAttr(),
                                    b.getDenseI64ArrayAttr(concatRanges(first.getRanges(), second.getRanges())),
                                    first.getMapAttr(), inputs, first.getGroups(), ValueRange(),
                                    first.getGatheredAttr(), first.getPrecisionAttr())
                .getResult(0);
        for (GroupedMatmulOp product : products)
          if (product != first && product != second)
            others.push_back(product.getResult(0));
        for (Value other : others)
          fused = arith::AddFOp::create(b, sum.getLoc(), fused, other);
        sum.replaceAllUsesWith(fused);
        return true;
      }
  }
  return false;
}

struct FuseGroupedMatmul : motley::impl::FuseGroupedMatmulBase<FuseGroupedMatmul> {
  using FuseGroupedMatmulBase::FuseGroupedMatmulBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        functions.push_back(function);
    for (func::FuncOp function : functions)
      numBranches += fuseBranches(function);
    for (func::FuncOp function : functions)
      while (fuseForward(function) || fuseOuter(function) || fuseTransposed(function)) {
        removeDead(function);
        ++numSiblings;
      }
  }

  static void removeDead(func::FuncOp function) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};
} // namespace
