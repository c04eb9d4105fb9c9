// Forward values that do not fit into the memory of a step are dropped and computed again in the backward.
//
// The last pass of level 2: fusion has decided which operations there are, so what is cloned is what will run, and
// nothing is fused across the border afterwards. A clone has the attributes and operands of its original; kernels sum
// in a fixed order, so it gives the same bits.
#include "mlir/IR/IRMapping.h"
#include "passes/Recomputation.h"

namespace mlir::motley {
#define GEN_PASS_DEF_PLANRECOMPUTE
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

/// Clones operations into the backward, as an outcome says.
class Rewriter {
public:
  Rewriter(ArrayRef<Operation *> items, ArrayRef<int> place) : items(items), place(place) {}

  void run() {
    SmallVector<SmallVector<int>> clonesBefore(items.size());
    for (auto [item, before] : llvm::enumerate(place))
      if (before != RecomputeModel::kNowhere)
        clonesBefore[before].push_back(item);
    for (size_t index = place.size(); index < items.size(); ++index) {
      OpBuilder b(items[index]);
      for (int item : clonesBefore[index])
        cloneItem(items[item], b);
      for (OpOperand &operand : items[index]->getOpOperands())
        operand.set(replaced(operand.get(), b));
    }
    for (auto [original, clone] : llvm::reverse(clones)) {
      dropUnreadResults(clone);
      if (isOpTriviallyDead(original))
        original->erase();
      else
        dropUnreadResults(original);
    }
  }

private:
  void cloneItem(Operation *original, OpBuilder &b) {
    IRMapping operands;
    for (Value operand : original->getOperands())
      operands.map(operand, replaced(operand, b));
    Operation *clone = b.clone(*original, operands);
    clone->setAttr(kRecomputedAttrName, b.getUnitAttr());
    fresh.map(original->getResults(), clone->getResults());
    clones.emplace_back(original, clone);
  }

  /// The value that the backward reads in place of one of the forward.
  Value replaced(Value value, OpBuilder &b) {
    if (Value known = fresh.lookupOrNull(value))
      return known;
    Operation *view = value.getDefiningOp();
    if (!view || !isView(view))
      return value;
    IRMapping operands;
    bool changed = false;
    for (Value operand : view->getOperands()) {
      Value other = replaced(operand, b);
      operands.map(operand, other);
      changed |= other != operand;
    }
    if (!changed)
      return value;
    Operation *clone = b.clone(*view, operands);
    clone->setAttr(kRecomputedAttrName, b.getUnitAttr());
    fresh.map(view->getResults(), clone->getResults());
    return fresh.lookup(value);
  }

  /// A product writes only what is read.
  static void dropUnreadResults(Operation *op) {
    auto product = dyn_cast<GroupedMatmulOp>(op);
    if (!product || product.getEpilogue().empty() ||
        llvm::none_of(product.getResults(), [](Value result) { return result.use_empty(); }))
      return;
    Block &body = product.getEpilogue().front();
    SmallVector<Value> kept, yielded;
    for (auto [result, value] : llvm::zip(product.getResults(), body.getTerminator()->getOperands()))
      if (!result.use_empty()) {
        kept.push_back(result);
        yielded.push_back(value);
      }
    if (kept.empty())
      return;
    body.getTerminator()->setOperands(yielded);
    for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(body)))
      if (isOpTriviallyDead(&inner))
        inner.erase();
    // Extras come last among the arguments.
    size_t numExtras = product.getExtras().size(), firstExtra = body.getNumArguments() - numExtras;
    SmallVector<Value> extras;
    for (auto [index, extra] : llvm::enumerate(product.getExtras()))
      if (!body.getArgument(firstExtra + index).use_empty())
        extras.push_back(extra);
    for (size_t index = numExtras; index-- > 0;)
      if (body.getArgument(firstExtra + index).use_empty())
        body.eraseArgument(firstExtra + index);
    OpBuilder b(product);
    auto smaller = GroupedMatmulOp::create(b, product.getLoc(), TypeRange(ValueRange(kept)),
                                           product.getTransposedAttr(), product.getBankAttr(), product.getRangesAttr(),
                                           product.getMapAttr(), product.getInputs(), product.getGroups(), extras,
                                           product.getGatheredAttr(), product.getPrecisionAttr());
    smaller->setDiscardableAttrs(product->getDiscardableAttrDictionary());
    smaller.getEpilogue().takeBody(product.getEpilogue());
    for (auto [old, result] : llvm::zip(kept, smaller.getResults()))
      old.replaceAllUsesWith(result);
    product.erase();
  }

  ArrayRef<Operation *> items;
  ArrayRef<int> place;
  IRMapping fresh; // forward value -> what the backward reads
  SmallVector<std::pair<Operation *, Operation *>> clones;
};

struct PlanRecompute : motley::impl::PlanRecomputeBase<PlanRecompute> {
  using PlanRecomputeBase::PlanRecomputeBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    Operation *backwardStart = function.isExternal() ? nullptr : findBackwardStart(function);
    FailureOr<int64_t> bytes = findBudget(function);
    if (failed(bytes))
      return signalPassFailure();
    if (!backwardStart || *bytes == 0)
      return;
    RecomputeModel model(function, backwardStart);
    RecomputeModel::Outcome kept = model.evaluate(RecomputeModel::Plan(model.getItems().size(), false));
    if (kept.peak <= *bytes)
      return;
    RecomputeModel::Outcome outcome = model.evaluate(searchPlan(model, *bytes));
    if (outcome.peak > *bytes) {
      emitError(function.getLoc())
          << "the activations of @" << function.getSymName() << " do not fit into a memory of " << *bytes
          << " bytes: they take " << kept.peak << " bytes, and at least " << outcome.peak
          << " where as much as possible is computed again; allow that much, or take fewer rows";
      return signalPassFailure();
    }
    Rewriter(model.getItems(), outcome.place).run();
    numDropped += outcome.numDropped;
    droppedBytes += outcome.droppedBytes;
    addedFlops += outcome.flops;
    peakBytes += outcome.peak;
    emitRemark(function.getLoc()) << "@" << function.getSymName() << " computes " << outcome.numDropped << " values of "
                                  << outcome.droppedBytes << " bytes again with " << outcome.flops
                                  << " FLOPs, so that activations take about " << outcome.peak
                                  << " bytes at once instead of " << kept.peak;
  }

private:
  /// The option, or what the module says; 0: keep everything.
  FailureOr<int64_t> findBudget(func::FuncOp function) {
    if (budget != 0)
      return static_cast<int64_t>(budget);
    Attribute said = function->getParentOfType<ModuleOp>()->getAttr(kMemoryAttrName);
    if (!said)
      return 0;
    auto bytes = dyn_cast<IntegerAttr>(said);
    if (bytes && bytes.getType().isInteger(64) && bytes.getInt() > 0)
      return bytes.getInt();
    return emitError(function->getParentOfType<ModuleOp>().getLoc())
           << "'" << kMemoryAttrName << "' of the module is " << said
           << ", expected a number of bytes above 0, as an i64";
  }
};
} // namespace
