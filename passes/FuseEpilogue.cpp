// Elementwise operations move into the epilogue of the product that feeds them.
#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"
#include "passes/Recomputation.h"

namespace mlir::motley {
#define GEN_PASS_DEF_FUSEEPILOGUE
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

bool isElementwise(Operation *op) {
  if (isa<MapOp>(op))
    return true;
  return op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1 && op->getNumRegions() == 0 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}
/// Cheap enough to compute twice instead of storing it. A map of one tensor is an activation of the user's own.
bool isActivation(Operation *op) {
  if (auto map = dyn_cast_if_present<MapOp>(op))
    return map.getInputs().size() == 1 && map.getNumResults() == 1;
  return isa_and_nonnull<SiluOp, SiluSlopeOp, GeluOp, GeluSlopeOp, ReluOp, ReluSlopeOp>(op);
}

/// Grows the epilogue of one product, then rebuilds it.
class EpilogueBuilder {
public:
  EpilogueBuilder(GroupedMatmulOp product, Operation *backwardStart)
      : product(product), backwardStart(backwardStart), b(product.getContext()) {}

  /// The number of operations fused.
  int64_t run() {
    auto type = cast<RankedTensorType>(product.getResult(0).getType());
    if (!llvm::all_of(product.getResultTypes(), [&](Type other) { return other == type; }))
      return 0;
    body = std::make_unique<Region>();
    Block &block = body->emplaceBlock();
    b.setInsertionPointToEnd(&block);
    for (Value accumulator : product.getResults()) {
      scalars.map(accumulator, block.addArgument(b.getF32Type(), product.getLoc()));
      inside.push_back(accumulator);
    }
    int64_t numFused = 0;
    for (Operation *op = product->getNextNode(); op; op = op->getNextNode()) {
      if (auto sum = dyn_cast<RowSumOp>(op); sum && isInside(sum.getInput()) && isSamePhase(op)) {
        rowSums.push_back(sum);
        ++numFused;
      } else if (isElementwise(op) && op->getResult(0).getType() == type && isSamePhase(op) && joins(op)) {
        for (Value operand : op->getOperands())
          materialise(operand);
        cloneInside(op);
        inside.append(op->result_begin(), op->result_end());
        ++numFused;
      }
    }
    if (!rowSums.empty() && !tellsColumns()) {
      numFused -= rowSums.size();
      rowSums.clear();
    }
    if (numFused)
      rebuild();
    return numFused;
  }

private:
  GroupedMatmulOp product;
  Operation *backwardStart;
  OpBuilder b;
  std::unique_ptr<Region> body;
  IRMapping scalars;         // tensor -> its scalar inside
  SmallVector<Value> inside; // accumulators and fused values, in order
  SmallVector<Value> extras;
  SmallVector<RowSumOp> rowSums; // of values inside: the epilogue sums over panels, the row sum over what it left

  bool isSamePhase(Operation *op) const {
    if (!backwardStart)
      return true;
    return product->isBeforeInBlock(backwardStart) == op->isBeforeInBlock(backwardStart);
  }
  bool isInside(Value value) const { return llvm::is_contained(inside, value); }
  bool isKnownBefore(Value value) const {
    Operation *op = value.getDefiningOp();
    return !op || op->isBeforeInBlock(product);
  }
  static bool isSplat(Value value) {
    auto constant = value.getDefiningOp<arith::ConstantOp>();
    auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
    return elements && elements.isSplat();
  }
  /// One value for each row, known before.
  bool isRowFactor(Value value) const {
    auto broadcast = value.getDefiningOp<RowBroadcastOp>();
    return broadcast && isKnownBefore(broadcast.getInput());
  }
  /// A value of the forward that the backward computes again from accumulators, which are kept anyway.
  bool isRecomputed(Value value) const {
    if (!backwardStart || product->isBeforeInBlock(backwardStart))
      return false;
    Operation *op = value.getDefiningOp();
    auto isKept = [&](Value operand) { return operand.getDefiningOp<GroupedMatmulOp>() || isRecomputed(operand); };
    return op && (isActivation(op) || isa<arith::MulFOp, MapOp>(op)) && llvm::all_of(op->getOperands(), isKept);
  }
  /// Something that the region can have: a value inside, a splat, a tensor known before, or an activation of one.
  bool isAvailable(Value value) const {
    if (isInside(value) || isSplat(value) || isRowFactor(value) || isKnownBefore(value))
      return true;
    Operation *op = value.getDefiningOp();
    return isActivation(op) && (isInside(op->getOperand(0)) || isKnownBefore(op->getOperand(0)));
  }
  bool joins(Operation *op) const {
    return llvm::any_of(op->getOperands(), [&](Value operand) { return isInside(operand); }) &&
           llvm::all_of(op->getOperands(), [&](Value operand) { return isAvailable(operand); });
  }

  /// The operation on scalars, or the region of a map; the operands are inside.
  void cloneInside(Operation *op) {
    if (auto map = dyn_cast<MapOp>(op)) {
      IRMapping values;
      for (auto [argument, input] : llvm::zip(map.getBody().getArguments(), map.getInputs()))
        values.map(argument, scalars.lookup(input));
      for (Operation &part : map.getBody().front().without_terminator())
        b.clone(part, values);
      for (auto [result, value] : llvm::zip(map.getResults(), map.getBody().front().getTerminator()->getOperands()))
        scalars.map(result, values.lookup(value));
      return;
    }
    Operation *scalar = b.clone(*op, scalars);
    scalar->getResult(0).setType(b.getF32Type());
    scalars.map(op->getResult(0), scalar->getResult(0));
  }

  /// Gives the operand a scalar inside.
  void materialise(Value operand) {
    if (scalars.contains(operand))
      return;
    if (isSplat(operand)) {
      auto elements = cast<DenseElementsAttr>(operand.getDefiningOp<arith::ConstantOp>().getValue());
      scalars.map(operand,
                  arith::ConstantOp::create(b, operand.getLoc(), cast<TypedAttr>(elements.getSplatValue<Attribute>())));
      return;
    }
    if (isRowFactor(operand)) {
      extras.push_back(operand.getDefiningOp<RowBroadcastOp>().getInput());
      scalars.map(operand, body->front().addArgument(b.getF32Type(), operand.getLoc()));
      return;
    }
    if (Operation *op = operand.getDefiningOp(); isActivation(op) || isRecomputed(operand)) {
      for (Value inner : op->getOperands())
        materialise(inner);
      cloneInside(op);
      return;
    }
    extras.push_back(operand);
    scalars.map(operand, body->front().addArgument(b.getF32Type(), operand.getLoc()));
  }

  /// A value leaves the region if something outside reads it. Activations of what is inside are computed again by the
  /// backward.
  bool leaves(Value value) const {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      return user != product && !llvm::is_contained(rowSums, user) &&
             llvm::none_of(user->getResults(), [&](Value result) { return isInside(result); });
    });
  }

  /// Whether the fused product shows how many columns are summed: a forward one knows its matrix by panels alone, and
  /// has its columns from a result or an extra operand that is a matrix.
  bool tellsColumns() {
    return product.getTransposed() || llvm::any_of(inside, [&](Value value) { return leaves(value); }) ||
           llvm::any_of(extras, [](Value extra) { return cast<RankedTensorType>(extra.getType()).getRank() == 2; });
  }

  void rebuild() {
    SmallVector<Value> yielded, replaced;
    for (Value value : inside)
      if (leaves(value)) {
        replaced.push_back(value);
        yielded.push_back(scalars.lookup(value));
      }
    for (RowSumOp sum : rowSums)
      yielded.push_back(scalars.lookup(sum.getInput()));
    SmallVector<Location> locations{product.getLoc()};
    for (Value value : inside)
      if (value.getDefiningOp() != product)
        locations.push_back(value.getLoc());
    YieldOp::create(b, product.getLoc(), yielded);

    b.setInsertionPoint(product);
    auto type = cast<RankedTensorType>(product.getResult(0).getType());
    SmallVector<Type> types(replaced.size(), type);
    types.append(
        rowSums.size(),
        RankedTensorType::get({type.getDimSize(0), int64_t(llvm::divideCeil(type.getDimSize(1), 32))}, b.getF32Type()));
    auto fused = GroupedMatmulOp::create(b, FusedLoc::get(b.getContext(), locations), types,
                                         product.getTransposedAttr(), product.getBankAttr(), product.getRangesAttr(),
                                         product.getMapAttr(), product.getInputs(), product.getGroups(), extras,
                                         product.getGatheredAttr(), product.getPrecisionAttr());
    fused.getEpilogue().takeBody(*body);
    for (auto [value, result] : llvm::zip(replaced, fused.getResults()))
      value.replaceAllUsesWith(result);
    for (auto [sum, panels] : llvm::zip(rowSums, fused.getResults().drop_front(replaced.size())))
      sum.getInputMutable().set(panels);
    llvm::SmallSetVector<Operation *, 8> fusedOps;
    for (Value value : inside)
      if (Operation *op = value.getDefiningOp(); op != product)
        fusedOps.insert(op);
    for (Operation *op : llvm::reverse(fusedOps))
      op->erase();
    product.erase();
  }
};

struct FuseEpilogue : motley::impl::FuseEpilogueBase<FuseEpilogue> {
  using FuseEpilogueBase::FuseEpilogueBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    // Where the cotangents of the losses are made, the backward begins.
    Operation *backwardStart = findBackwardStart(function);
    SmallVector<GroupedMatmulOp> products;
    for (auto product : function.getOps<GroupedMatmulOp>())
      if (product.getEpilogue().empty())
        products.push_back(product);
    // Backwards: a residual belongs to the product before it, and what a later product takes is settled first.
    for (GroupedMatmulOp product : llvm::reverse(products))
      numFused += EpilogueBuilder(product, backwardStart).run();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};
} // namespace
