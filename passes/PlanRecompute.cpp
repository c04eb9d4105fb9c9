// Forward values that do not fit into the memory of a step are dropped and computed again in the backward.
//
// The last pass of level 2: fusion has decided which operations there are, so what is cloned is what will run, and
// nothing is fused across the border afterwards. A clone has the attributes and operands of its original; kernels sum
// in a fixed order, so it gives the same bits.
#include "mlir/IR/IRMapping.h"
#include "passes/Recomputation.h"
#include "llvm/ADT/SetVector.h"

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

  void makeClones() {
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
  }

  /// Drops what nobody reads any more, of originals and of clones.
  void dropUnread() {
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

/// Makes what the epilogue of a forward product computes from its accumulators, for the backward to read, an operation
/// beside the product: then it can be computed again from kept accumulators, without the product.
class EpilogueSplitter {
public:
  explicit EpilogueSplitter(Operation *backwardStart) : backwardStart(backwardStart) {}

  void split(GroupedMatmulOp product) {
    if (product.getEpilogue().empty() || !product->isBeforeInBlock(backwardStart))
      return;
    for (auto [result, yielded] :
         llvm::zip(product.getResults(), product.getEpilogue().front().getTerminator()->getOperands()))
      if (!isa<BlockArgument>(yielded) && result.getType() == product.getResult(0).getType() &&
          llvm::any_of(result.getUses(), [&](OpOperand &use) { return isInBackward(use); }))
        splitResult(product, result, yielded);
  }

  /// Takes back what is computed again where its product is, and what neither is: the product yields it. Returns the
  /// FLOPs that are saved.
  int64_t mergeWithProducts(ArrayRef<Operation *> items, MutableArrayRef<int> place) {
    llvm::DenseMap<Operation *, int> indexOf;
    for (auto [index, item] : llvm::enumerate(items))
      indexOf[item] = index;
    int64_t flops = 0;
    llvm::erase_if(made, [&](auto &entry) {
      auto [map, result] = entry;
      int mapPlace = place[indexOf[map]];
      bool isTogether = mapPlace == place[indexOf[result.getDefiningOp()]];
      if (isTogether) {
        flops += mapPlace == RecomputeModel::kNowhere ? 0 : countFlops(map);
        merge(map, result, [&](Operation *erased) { place[indexOf[erased]] = RecomputeModel::kNowhere; });
      }
      return isTogether || mapPlace != RecomputeModel::kNowhere;
    });
    return flops;
  }

  /// Takes back what is kept while its product is computed again: after that was cloned, since the backward reads it
  /// before.
  void mergeKept() {
    for (auto [map, result] : made)
      merge(map, result, [](Operation *) {});
    made.clear();
  }

private:
  static void merge(MapOp map, Value result, llvm::function_ref<void(Operation *)> whenErased) {
    map.getResult(0).replaceAllUsesWith(result);
    SmallVector<Value> inputs(map.getInputs());
    whenErased(map);
    map.erase();
    for (Value input : inputs)
      if (auto broadcast = input.getDefiningOp<RowBroadcastOp>(); broadcast && broadcast->use_empty()) {
        whenErased(broadcast);
        broadcast.erase();
      }
  }

  bool isInBackward(OpOperand &use) const { return !use.getOwner()->isBeforeInBlock(backwardStart); }

  void splitResult(GroupedMatmulOp product, Value result, Value yielded) {
    Block &body = product.getEpilogue().front();
    llvm::SetVector<Operation *> needed;
    SmallVector<BlockArgument> leaves;
    SmallVector<Value> work{yielded};
    while (!work.empty()) {
      Value value = work.pop_back_val();
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        if (!llvm::is_contained(leaves, argument))
          leaves.push_back(argument);
      } else if (needed.insert(value.getDefiningOp())) {
        llvm::append_range(work, value.getDefiningOp()->getOperands());
      }
    }
    OpBuilder b(product);
    b.setInsertionPointAfter(product);
    auto tensors = llvm::map_to_vector(leaves, [&](BlockArgument leaf) { return tensorOf(product, leaf, b); });
    if (leaves.empty() || llvm::is_contained(tensors, Value()))
      return; // an accumulator that is not kept
    for (auto [leaf, tensor] : llvm::zip(leaves, tensors))
      if (tensor.getType() != result.getType())
        tensor = RowBroadcastOp::create(b, product.getLoc(), result.getType(), tensor);
    auto map = MapOp::create(b, product.getLoc(), TypeRange(result.getType()), tensors);
    Block &scalars = map.getBody().emplaceBlock();
    IRMapping mapping;
    for (BlockArgument leaf : leaves)
      mapping.map(leaf, scalars.addArgument(leaf.getType(), leaf.getLoc()));
    b.setInsertionPointToEnd(&scalars);
    for (Operation &op : body.without_terminator())
      if (needed.contains(&op))
        b.clone(op, mapping);
    YieldOp::create(b, product.getLoc(), mapping.lookup(yielded));
    result.replaceUsesWithIf(map.getResult(0), [&](OpOperand &use) { return isInBackward(use); });
    made.emplace_back(map, result);
  }

  /// What an argument of the epilogue is outside: an extra, or a result that yields the accumulator and that the
  /// backward reads anyway.
  Value tensorOf(GroupedMatmulOp product, BlockArgument argument, OpBuilder &b) {
    Block &body = product.getEpilogue().front();
    int64_t extra = int64_t(argument.getArgNumber()) - (body.getNumArguments() - product.getExtras().size());
    if (extra >= 0)
      return product.getExtras()[extra];
    for (auto [result, yielded] : llvm::zip(product.getResults(), body.getTerminator()->getOperands()))
      if (yielded == argument && llvm::any_of(result.getUses(), [&](OpOperand &use) { return isInBackward(use); }))
        return result;
    return Value();
  }

  Operation *backwardStart;
  SmallVector<std::pair<MapOp, Value>> made;
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
    int64_t kept = keepAll(RecomputeModel(function, backwardStart));
    if (kept <= *bytes)
      return;
    EpilogueSplitter epilogues(backwardStart);
    for (GroupedMatmulOp product : llvm::make_early_inc_range(function.getOps<GroupedMatmulOp>()))
      epilogues.split(product);
    RecomputeModel model(function, backwardStart);
    RecomputeModel::Outcome outcome = model.evaluate(searchPlan(model, *bytes));
    if (outcome.peak > *bytes) {
      emitError(function.getLoc())
          << "the activations of @" << function.getSymName() << " do not fit into a memory of " << *bytes
          << " bytes: they take " << kept << " bytes, and at least " << outcome.peak
          << " where as much as possible is computed again; allow that much, or take fewer rows";
      return signalPassFailure();
    }
    outcome.flops -= epilogues.mergeWithProducts(model.getItems(), outcome.place);
    Rewriter rewriter(model.getItems(), outcome.place);
    rewriter.makeClones();
    epilogues.mergeKept();
    rewriter.dropUnread();
    numDropped += outcome.numDropped;
    droppedBytes += outcome.droppedBytes;
    addedFlops += outcome.flops;
    peakBytes += outcome.peak;
    emitRemark(function.getLoc()) << "@" << function.getSymName() << " computes " << outcome.numDropped << " values of "
                                  << outcome.droppedBytes << " bytes again with " << outcome.flops
                                  << " FLOPs, so that activations take about " << outcome.peak
                                  << " bytes at once instead of " << kept;
  }

private:
  /// The peak where nothing is computed again.
  static int64_t keepAll(const RecomputeModel &model) {
    return model.evaluate(RecomputeModel::Plan(model.getItems().size(), false)).peak;
  }

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
