// Soft mixing: verifiers of level 2, and adjoints.
#include "dialect/Motley.h"

using namespace mlir;
using namespace mlir::motley;

static LogicalResult verifyMap(Operation *op, Value rows, GroupsType groups, ArrayRef<int64_t> map) {
  if (static_cast<int64_t>(map.size()) != groups.getNumGroups())
    return op->emitOpError() << "maps " << map.size() << " groups, the table has " << groups.getNumGroups();
  if (groups.getBound() != numRows(rows))
    return op->emitOpError() << "has " << numRows(rows) << " rows, its groups have the bound " << groups.getBound();
  return success();
}

LogicalResult SoftmaxRowsOp::verify() {
  if ((getGroups() != nullptr) != getMap().has_value()) /*softmax_rows_c1*/
    return emitOpError("needs `by` and `map` together");
  return getGroups() ? verifyMap(*this, getInput(), getGroups().getType(), *getMap()) : success(); /*softmax_rows_c1*/
}

LogicalResult SoftmaxRowsBackwardOp::verify() {
  return verifyMap(*this, getOutput(), getGroups().getType(), getMap()); /*softmax_rows_backward_c1*/
}

LogicalResult StaticGroupsOp::verify() {
  GroupsType type = getGroups().getType();
  if (static_cast<int64_t>(getSizes().size()) != type.getNumGroups()) /*static_groups_c1*/
    return emitOpError() << "has " << getSizes().size() << " sizes for " << type.getNumGroups() << " groups";
  int64_t sum = 0;
  for (int64_t size : getSizes()) { /*static_groups_c1*/
    if (size < 1 || size > type.getBound())
      return emitOpError() << "has a group of size " << size << ", expected 1 to the bound " << type.getBound();
    sum += size;
  }
  if (type.isSelection() || sum != type.getBound()) /*static_groups_c1*/
    return emitOpError() << "has " << sum << " rows in " << type << ", expected a partition of as many";
  return success();
}

/// Whose weights the groups take.
static LogicalResult verifyOwner(Operation *op, ArrayRef<int64_t> owner, GroupsType groups, int64_t numBranches) {
  if (numBranches == 0)
    return op->emitOpError("has no weights, expected those of one branch at least");
  if (static_cast<int64_t>(owner.size()) != groups.getNumGroups())
    return op->emitOpError() << "has " << owner.size() << " owners for " << groups.getNumGroups() << " groups";
  for (int64_t branch : owner)
    if (branch < -1 || branch >= numBranches)
      return op->emitOpError() << "has owner " << branch << ", expected -1 or one of " << numBranches << " branches";
  return success();
}

/// Weights [R, S_i] between rows [R, D] and slots [sum of S_i, D].
static LogicalResult verifyMixture(Operation *op, ValueRange weights, Value rows, Value slots, GroupsType groups) {
  int64_t columns = 0;
  for (Value one : weights) {
    if (numRows(one) != groups.getBound())
      return op->emitOpError() << "has weights of " << numRows(one) << " rows, its groups have the bound "
                               << groups.getBound();
    columns += numColumns(one);
  }
  if (numRows(rows) != groups.getBound())
    return op->emitOpError() << "has " << numRows(rows) << " rows, its groups have the bound " << groups.getBound();
  if (numRows(slots) != columns || numColumns(slots) != numColumns(rows))
    return op->emitOpError() << "has slots " << slots.getType() << ", expected " << columns << " of width "
                             << numColumns(rows);
  return success();
}

LogicalResult MixRowsOp::verify() {
  if (failed(verifyOwner(*this, getOwner(), getGroups().getType(), getWeights().size()))) /*mix_rows_c1*/
    return failure();
  return verifyMixture(*this, getWeights(), getInput(), getResult(), getGroups().getType()); /*mix_rows_c2*/
}
LogicalResult UnmixRowsOp::verify() {
  if (failed(verifyOwner(*this, getOwner(), getGroups().getType(), getWeights().size()))) /*unmix_rows_c1*/
    return failure();
  return verifyMixture(*this, getWeights(), getResult(), getSlots(), getGroups().getType()); /*unmix_rows_c2*/
}
LogicalResult MixProductsOp::verify() {
  if (failed(verifyOwner(*this, getOwner(), getGroups().getType(), getWeights().size()))) /*mix_products_c1*/
    return failure();
  return verifyMixture(*this, getWeights(), getInput(), getSlots(), getGroups().getType()); /*mix_products_c2*/
}

//===----------------------------------------------------------------------===//
// Reverse mode: sums over rows and over slots are each other's adjoints
//===----------------------------------------------------------------------===//

LogicalResult SoftmaxRowsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  if (!getGroups())
    return emitOpError("does not say by a table which rows it means; run motley-group-modalities first");
  adjoint.accumulate(getInput(),
                     SoftmaxRowsBackwardOp::create(builder, getLoc(), getType(), adjoint.cotangent(getResult()),
                                                   getResult(), getGroups(), getMapAttr()));
  return success();
}

/// The cotangents of weights, where one side is given and the other is a cotangent.
static void accumulateWeights(OpBuilder &builder, Operation *op, ValueRange weights, Value rows, Value slots,
                              Value groups, DenseI64ArrayAttr owner, Adjoint &adjoint) {
  auto products = MixProductsOp::create(builder, op->getLoc(), weights.getTypes(), rows, slots, groups, owner);
  for (auto [weight, cotangent] : llvm::zip(weights, products.getWeights()))
    adjoint.accumulate(weight, cotangent);
}

LogicalResult MixRowsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  Value cotangent = adjoint.cotangent(getResult());
  accumulateWeights(builder, *this, getWeights(), getInput(), cotangent, getGroups(), getOwnerAttr(), adjoint);
  adjoint.accumulate(getInput(), UnmixRowsOp::create(builder, getLoc(), getInput().getType(), getWeights(), cotangent,
                                                     getGroups(), getOwnerAttr()));
  return success();
}

LogicalResult UnmixRowsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  Value cotangent = adjoint.cotangent(getResult());
  accumulateWeights(builder, *this, getWeights(), cotangent, getSlots(), getGroups(), getOwnerAttr(), adjoint);
  adjoint.accumulate(getSlots(), MixRowsOp::create(builder, getLoc(), getSlots().getType(), getWeights(), cotangent,
                                                   getGroups(), getOwnerAttr()));
  return success();
}
