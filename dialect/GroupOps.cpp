// Groups: verifiers.
#include "dialect/RowOperations.h"

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
  GroupsType groups = getGroups().getType(), into = getInto().getType();
  if (groups.isSelection() || groups.getBound() != into.getNumRows()) /*reindex_c1*/
    return emitOpError() << "renumbers the rows of " << groups << " by a table of " << into.getNumRows()
                         << " rows; expected a partition of as many";
  auto expected = GroupsType::get(getContext(), groups.getNumGroups(), into.getBound(), 0);
  if (getResult().getType() != expected) /*reindex_c1*/
    return emitOpError() << "gives " << getResult().getType() << ", expected " << expected;
  return success();
}

LogicalResult GatherRowsOp::verify() {
  GroupsType groups = getGroups().getType();
  if (numRows(getInput()) != groups.getNumRows()) /*gather_rows_c1*/
    return emitOpError() << "has " << numRows(getInput()) << " rows, its groups take from " << groups.getNumRows();
  auto expected = withRows(getInput().getType(), groups.getBound());
  if (getResult().getType() != expected) /*gather_rows_c1*/
    return emitOpError() << "gives " << getResult().getType() << ", expected " << expected;
  return success();
}

LogicalResult CombineRowsOp::verify() {
  GroupsType groups = getGroups().getType();
  if (numRows(getInput()) != groups.getBound()) /*combine_rows_c1*/
    return emitOpError() << "has " << numRows(getInput()) << " rows, its groups have the bound " << groups.getBound();
  auto expected = withRows(getInput().getType(), groups.getNumRows());
  if (getResult().getType() != expected) /*combine_rows_c1*/
    return emitOpError() << "gives " << getResult().getType() << ", expected " << expected;
  for (Value other : {getOtherwise(), getPlus()}) /*combine_rows_c1*/
    if (other && other.getType() != expected)
      return emitOpError() << "takes " << other.getType() << " for the rows of a result " << expected;
  if (getOtherwise() && getPlus()) /*combine_rows_c2*/
    return emitOpError("has both `otherwise` and `plus`");
  bool isPlain = !groups.isSelection() && !getOtherwise() && !getPlus();
  if (!isPlain && !expected.getElementType().isF32()) /*combine_rows_c2*/
    return emitOpError() << "sums rows of " << expected.getElementType() << ", expected f32";
  return success();
}

/// counts[i] columns of matrix i are the groups of a selection.
static LogicalResult verifyCounts(Operation *op, ValueRange matrices, ArrayRef<int64_t> counts, GroupsType groups,
                                  int64_t rows) {
  if (matrices.empty() || counts.size() != matrices.size())
    return op->emitOpError() << "has " << counts.size() << " counts for " << matrices.size() << " branches";
  int64_t sum = 0;
  for (auto [matrix, count] : llvm::zip(matrices, counts)) {
    if (numRows(matrix) != rows)
      return op->emitOpError() << "has a branch of " << numRows(matrix) << " rows, expected " << rows;
    if (count < 1 || count > numColumns(matrix))
      return op->emitOpError() << "counts " << count << " groups in a matrix of " << numColumns(matrix) << " columns";
    sum += count;
  }
  if (!groups.isSelection() || groups.getNumRows() != rows || groups.getNumGroups() != sum)
    return op->emitOpError() << "goes by " << groups << ", expected a selection of " << rows << " rows with " << sum
                             << " groups";
  return success();
}

LogicalResult SelectOp::verify() {
  if (static_cast<int64_t>(getOwner().size()) != getBy().getType().getNumGroups()) /*select_c1*/
    return emitOpError() << "has " << getOwner().size() << " owners for " << getBy().getType().getNumGroups()
                         << " groups";
  for (int64_t owner : getOwner()) /*select_c1*/
    if (owner < -1 || owner >= static_cast<int64_t>(getChosen().size()))
      return emitOpError() << "has owner " << owner << ", expected -1 or one of " << getChosen().size() << " branches";
  return verifyCounts(*this, getChosen(), getCounts(), getGroups().getType(), /*select_c1*/ /*select_c2*/
                                                                              getBy().getType().getBound());
}

LogicalResult RestrictOp::verify() {
  int64_t rows = getBy().getType().getBound();
  if (numRows(getChosen()) != rows || numColumns(getChosen()) != 1) /*restrict_c1*/
    return emitOpError() << "chooses by " << getChosen().getType() << ", expected one column of " << rows << " rows";
  GroupsType groups = getGroups().getType();
  if (!groups.isSelection() || groups.getNumRows() != rows || /*restrict_c1*/
      groups.getNumGroups() != getBy().getType().getNumGroups())
    return emitOpError() << "gives " << groups << ", expected a selection of " << rows << " rows with "
                         << getBy().getType().getNumGroups() << " groups";
  return success();
}

static LogicalResult verifySlots(Operation *op, Value slots, GroupsType groups) {
  if (numRows(slots) != groups.getBound())
    return op->emitOpError() << "has values for " << numRows(slots) << " slots, its groups have the bound "
                             << groups.getBound();
  return success();
}
LogicalResult SlotValuesOp::verify() {
  if (failed(verifySlots(*this, getResult(), getGroups().getType()))) /*slot_values_c2*/
    return failure();
  return verifyCounts(*this, getValues(), getCounts(), getGroups().getType(), /*slot_values_c1*/
                      getGroups().getType().getNumRows());
}
LogicalResult SlotValuesBackwardOp::verify() {
  if (failed(verifySlots(*this, getCotangent(), getGroups().getType()))) /*slot_values_backward_c2*/
    return failure();
  return verifyCounts(*this, getResults(), getCounts(), getGroups().getType(), /*slot_values_backward_c1*/
                      getGroups().getType().getNumRows());
}

LogicalResult CountChosenOp::verify() {
  if (getName().empty()) /*count_chosen_c1*/
    return emitOpError("needs a name");
  if (static_cast<int64_t>(getMap().size()) != getGroups().getType().getNumGroups()) /*count_chosen_c1*/
    return emitOpError() << "maps " << getMap().size() << " groups, the table has "
                         << getGroups().getType().getNumGroups();
  return verifySlots(*this, getChosen(), getGroups().getType()); /*count_chosen_c1*/
}

template <typename OpT> static LogicalResult verifyBound(OpT op, Value rows) {
  int64_t bound = op.getGroups().getType().getBound();
  if (numRows(rows) != bound)
    return op.emitOpError() << "has " << numRows(rows) << " rows, its groups have the bound " << bound;
  return success();
}

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
