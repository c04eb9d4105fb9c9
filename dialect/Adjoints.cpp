// Reverse mode at level 2: each operation's own adjoint. The formulas stand in the operations' descriptions.
#include "dialect/Motley.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::motley;

LogicalResult RopeOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  auto turned = RopeOp::create(builder, getLoc(), getInput().getType(), adjoint.cotangent(getResult()), getPosition(),
                               getHeadsAttr(), getThetaAttr(), getInverse() ? UnitAttr() : builder.getUnitAttr());
  adjoint.accumulate(getInput(), turned);
  return success();
}

/// dx = dy * slope(x) for an elementwise function of one input.
template <typename SlopeOp, typename OpT>
static LogicalResult buildActivationAdjoint(OpT op, OpBuilder &builder, Adjoint &adjoint) {
  Value slope = SlopeOp::create(builder, op.getLoc(), op.getInput().getType(), op.getInput());
  adjoint.accumulate(op.getInput(),
                     arith::MulFOp::create(builder, op.getLoc(), adjoint.cotangent(op.getResult()), slope));
  return success();
}
LogicalResult SiluOp::buildAdjoint(OpBuilder &b, Adjoint &a) {
  return buildActivationAdjoint<SiluSlopeOp>(*this, b, a);
}
LogicalResult GeluOp::buildAdjoint(OpBuilder &b, Adjoint &a) {
  return buildActivationAdjoint<GeluSlopeOp>(*this, b, a);
}
LogicalResult ReluOp::buildAdjoint(OpBuilder &b, Adjoint &a) {
  return buildActivationAdjoint<ReluSlopeOp>(*this, b, a);
}

LogicalResult GatherRowsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  adjoint.accumulate(getInput(), CombineRowsOp::create(builder, getLoc(), getInput().getType(),
                                                       adjoint.cotangent(getResult()), getGroups(), Value(), Value()));
  return success();
}

LogicalResult CombineRowsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  Value cotangent = adjoint.cotangent(getResult());
  adjoint.accumulate(getInput(), GatherRowsOp::create(builder, getLoc(), getInput().getType(), cotangent, getGroups()));
  if (getPlus())
    adjoint.accumulate(getPlus(), cotangent);
  if (getOtherwise()) { // the rows without slots
    Value zeros = arith::ConstantOp::create(builder, getLoc(), builder.getZeroAttr(getInput().getType()));
    adjoint.accumulate(getOtherwise(), CombineRowsOp::create(builder, getLoc(), cotangent.getType(), zeros, getGroups(),
                                                             cotangent, Value()));
  }
  return success();
}

LogicalResult SlotValuesOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  SmallVector<Type> types(getValues().getTypes());
  auto backward = SlotValuesBackwardOp::create(builder, getLoc(), types, adjoint.cotangent(getResult()), getGroups(),
                                               getCountsAttr());
  for (auto [value, cotangent] : llvm::zip(getValues(), backward.getResults()))
    adjoint.accumulate(value, cotangent);
  return success();
}

LogicalResult SplitGroupsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  SmallVector<Value> cotangents;
  for (Value result : getResults())
    cotangents.push_back(adjoint.cotangent(result));
  adjoint.accumulate(getInput(), MergeGroupsOp::create(builder, getLoc(), getInput().getType(), cotangents, getGroups(),
                                                       getOwnerAttr()));
  return success();
}

LogicalResult MergeGroupsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  SmallVector<Type> types(getInputs().getTypes());
  auto split =
      SplitGroupsOp::create(builder, getLoc(), types, adjoint.cotangent(getResult()), getGroups(), getOwnerAttr());
  for (auto [input, cotangent] : llvm::zip(getInputs(), split.getResults()))
    adjoint.accumulate(input, cotangent);
  return success();
}

LogicalResult GroupedMatmulOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  if (getTransposed() || getGathered() || !getEpilogue().empty())
    return emitOpError("is transposed, gathered or has an epilogue: differentiate before fusion");
  SmallVector<Value> cotangents;
  SmallVector<int64_t> ranges; // of the results that matter
  // Where different members of two ranges train, each has an outer product of its own.
  llvm::MapVector<Attribute, std::pair<SmallVector<int64_t>, SmallVector<Value>>> trained;
  for (auto [range, result] : llvm::zip(getRanges(), getResults())) {
    if (!adjoint.has(result))
      continue;
    cotangents.push_back(adjoint.cotangent(result));
    ranges.push_back(range);
    SmallVector<int64_t> map = adjoint.trainedMap(*this, getBankAttr(), range, getMap());
    if (llvm::all_of(map, [](int64_t member) { return member < 0; }))
      continue;
    auto &[itsRanges, itsCotangents] = trained[builder.getDenseI64ArrayAttr(map)];
    itsRanges.push_back(range);
    itsCotangents.push_back(cotangents.back());
  }
  Value input = getInputs()[0];
  for (auto &[key, written] : trained) {
    auto map = cast<DenseI64ArrayAttr>(key);
    FailureOr<Value> add = adjoint.addFlag(*this, getBankAttr(), written.first, map);
    if (failed(add))
      return failure();
    GroupedOuterOp::create(builder, getLoc(), input, written.second, getBankAttr(),
                           builder.getDenseI64ArrayAttr(written.first), map, getGroups(), *add, getPrecisionAttr());
  }
  auto dinput = GroupedMatmulOp::create(builder, getLoc(), TypeRange(input.getType()), builder.getUnitAttr(),
                                        getBankAttr(), builder.getDenseI64ArrayAttr(ranges), getMapAttr(), cotangents,
                                        getGroups(), ValueRange(), getPrecisionAttr());
  adjoint.accumulate(input, dinput.getResult(0));
  return success();
}

LogicalResult GroupedBiasOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  Value cotangent = adjoint.cotangent(getResult());
  SmallVector<int64_t> map = adjoint.trainedMap(*this, getBankAttr(), 0, getMap());
  if (llvm::any_of(map, [](int64_t member) { return member >= 0; })) {
    FailureOr<Value> add = adjoint.addFlag(*this, getBankAttr(), {0}, map);
    if (failed(add))
      return failure();
    GroupedSumOp::create(builder, getLoc(), cotangent, getBankAttr(), builder.getDenseI64ArrayAttr(map), getGroups(),
                         *add);
  }
  adjoint.accumulate(getInput(), cotangent);
  return success();
}

LogicalResult GroupedNormOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  // Frozen members of the map, which the input's cotangent needs, are left out when the gradients are lowered.
  if (getBiasAttr() &&
      adjoint.trainedMap(*this, getGainAttr(), 0, getMap()) != adjoint.trainedMap(*this, getBiasAttr(), 0, getMap()))
    return emitError("freezes its gain but not its bias, or its bias but not its gain; freeze both or neither");
  FailureOr<Value> add = adjoint.addFlag(*this, getGainAttr(), {0}, getMap());
  if (failed(add))
    return failure();
  if (getBiasAttr()) { // one flag serves both
    FailureOr<Value> addBias = adjoint.addFlag(*this, getBiasAttr(), {0}, getMap());
    if (failed(addBias))
      return failure();
    if (isa<BlockArgument>(*add) != isa<BlockArgument>(*addBias))
      return emitError() << "shares "
                         << (isa<BlockArgument>(*add) ? "its bias but not its gain" : "its gain but not its bias")
                         << " with another norm; share both or neither";
  }
  Value dinput = GroupedNormBackwardOp::create(
      builder, getLoc(), getInput().getType(), getKindAttr(), adjoint.cotangent(getResult()), getInput(),
      getStatistics(), getGainAttr(), getBiasAttr(), getMapAttr(), getGroups(), *add, getEpsilonAttr(), getHeadsAttr());
  adjoint.accumulate(getInput(), dinput);
  return success();
}

LogicalResult GroupedAttentionOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  auto backward = GroupedAttentionBackwardOp::create(
      builder, getLoc(), TypeRange{getQuery().getType(), getKey().getType(), getValue().getType()}, getMaskAttr(),
      adjoint.cotangent(getResult()), getQuery(), getKey(), getValue(), getResult(), getLogSumExp(), getGroups(),
      getOrder(), getSpan(), getHeadsAttr(), getKvHeadsAttr(), getScaleAttr());
  adjoint.accumulate(getQuery(), backward.getDquery());
  adjoint.accumulate(getKey(), backward.getDkey());
  adjoint.accumulate(getValue(), backward.getDvalue());
  return success();
}

LogicalResult GroupedEmbeddingOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  if (adjoint.trainedMap(*this, getBankAttr(), 0, {0}).front() < 0)
    return success();
  int64_t numTokens = lookupBank(*this, getBankAttr()).getRangeType(0).getDimSize(0);
  Value byToken = adjoint.rowsByToken(getTokens(), getGroups(), numTokens);
  FailureOr<Value> add = adjoint.addFlag(*this, getBankAttr(), {0}, {0});
  if (failed(add))
    return failure();
  GroupedEmbeddingBackwardOp::create(builder, getLoc(), adjoint.cotangent(getResult()), getBankAttr(), byToken, *add);
  return success();
}

/// The operations behind `op`, up to `end` and with it, that use a result of `op` or of one another.
static llvm::SetVector<Operation *> findDependents(Operation *op, Operation *end) {
  llvm::SetVector<Operation *> found;
  found.insert(op);
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode()) {
    if (llvm::any_of(next->getOperands(), [&](Value operand) { return found.contains(operand.getDefiningOp()); }))
      found.insert(next);
    if (next == end)
      break;
  }
  found.remove(op);
  return found;
}

LogicalResult GroupedCrossEntropyOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  FailureOr<Value> add = adjoint.addFlag(*this, getBankAttr(), {0}, {0});
  if (failed(add))
    return failure();
  Value dce = adjoint.cotangent(getCe()), dz = adjoint.cotangent(getZ());
  auto backward = GroupedCrossEntropyBackwardOp::create(
      builder, getLoc(), TypeRange{getCe().getType(), getZ().getType(), getInput().getType()}, getBankAttr(),
      getInput(), getGroups(), getTargets(), dce, dz, *add, getZLossAttr(), getPrecisionAttr());
  adjoint.accumulate(getInput(), backward.getDinput());
  // The losses come from the same pass over the head; what computes with them moves behind it. Where their own
  // cotangents depend on them, the forward stays.
  llvm::SetVector<Operation *> dependents = findDependents(*this, backward);
  if (dependents.contains(backward))
    return success();
  getCe().replaceAllUsesWith(backward.getCe());
  getZ().replaceAllUsesWith(backward.getZ());
  for (Operation *op : llvm::reverse(dependents))
    op->moveAfter(backward);
  return success();
}
