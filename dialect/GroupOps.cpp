// Groups: verifiers.
#include "dialect/Motley.h"

using namespace mlir;
using namespace mlir::motley;

LogicalResult GroupByOp::verify() {
  int64_t bound = getGroups().getType().getBound();
  if (getIds() && numRows(getIds()) != bound) /*group_by_c1*/
    return emitOpError() << "groups " << numRows(getIds()) << " rows into a table of bound " << bound;
  if (!getIds() && getGroups().getType().getNumGroups() != 1) /*group_by_c1*/
    return emitOpError() << "without ids makes one group, got " << getGroups().getType().getNumGroups();
  return success();
}

LogicalResult ReindexOp::verify() {
  if (getGroups().getType().getBound() != getInto().getType().getBound()) /*reindex_c1*/
    return emitOpError() << "tables have bounds " << getGroups().getType().getBound() << " and "
                         << getInto().getType().getBound();
  return success();
}

template <typename OpT> static LogicalResult verifyBound(OpT op, Value rows) {
  int64_t bound = op.getGroups().getType().getBound();
  if (numRows(rows) != bound)
    return op.emitOpError() << "has " << numRows(rows) << " rows, its groups have the bound " << bound;
  return success();
}
LogicalResult GatherRowsOp::verify() { return verifyBound(*this, getInput()); }  /*gather_rows_c1*/
LogicalResult CombineRowsOp::verify() { return verifyBound(*this, getInput()); } /*combine_rows_c1*/

template <typename OpT> static LogicalResult verifyOwner(OpT op, int64_t numBranches) {
  int64_t numGroups = op.getGroups().getType().getNumGroups();
  if (static_cast<int64_t>(op.getOwner().size()) != numGroups)
    return op.emitOpError() << "has " << op.getOwner().size() << " owners for " << numGroups << " groups";
  for (int64_t owner : op.getOwner())
    if (owner < 0 || owner >= numBranches)
      return op.emitOpError() << "has owner " << owner << ", expected one of " << numBranches << " branches";
  return success();
}
LogicalResult SplitGroupsOp::verify() {
  for (Type type : getResultTypes()) /*split_groups_c2*/
    if (type != getInput().getType())
      return emitOpError() << "splits " << getInput().getType() << " into " << type;
  if (failed(verifyOwner(*this, getNumResults()))) /*split_groups_c1*/
    return failure();
  return verifyBound(*this, getInput()); /*split_groups_c2*/
}
LogicalResult MergeGroupsOp::verify() {
  for (Value input : getInputs()) /*merge_groups_c2*/
    if (input.getType() != getResult().getType())
      return emitOpError() << "merges " << input.getType() << " into " << getResult().getType();
  if (failed(verifyOwner(*this, getInputs().size()))) /*merge_groups_c1*/
    return failure();
  return verifyBound(*this, getResult()); /*merge_groups_c2*/
}
