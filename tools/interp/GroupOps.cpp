// Tables of groups, and moving rows by them.
#include "tools/interp/Frame.h"

namespace mlir::motley::interp {

/// Completes a table whose rows and offsets are known.
static GroupTable withInverse(GroupTable table) {
  table.inverse.assign(table.bound, -1);
  for (auto [slot, row] : llvm::enumerate(table.row))
    table.inverse[row] = slot;
  return table;
}

LogicalResult evaluate(GroupByOp op, Frame &frame) {
  auto type = cast<GroupsType>(op.getGroups().getType());
  int64_t numGroups = type.getNumGroups(), live = frame.intScalar(op.getLive());
  if (live < 0 || live > type.getBound())
    return op.emitError() << "the live count " << live << " is not in [0, " << type.getBound() << "]";
  std::vector<std::vector<int64_t>> rowsOf(numGroups);
  for (int64_t r = 0; r < live; ++r) {
    int64_t id = op.getIds() ? frame.tensor(op.getIds()).ints[r] : 0;
    if (id < 0 || id >= numGroups)
      return op.emitError() << "id " << id << " of row " << r << " is not in [0, " << numGroups << ")";
    rowsOf[id].push_back(r);
  }
  GroupTable table;
  table.bound = type.getBound();
  table.offset.push_back(0);
  for (const std::vector<int64_t> &rows : rowsOf) {
    llvm::append_range(table.row, rows);
    table.offset.push_back(table.row.size());
  }
  frame.set(op.getGroups(), withInverse(std::move(table)));
  return success();
}

LogicalResult evaluate(ReindexOp op, Frame &frame) {
  const GroupTable &into = frame.groups(op.getInto());
  GroupTable table = frame.groups(op.getGroups());
  for (int64_t &row : table.row) {
    if (into.inverse[row] < 0)
      return op.emitError() << "row " << row << " has a slot in the table but none in the one it is reindexed into";
    row = into.inverse[row];
  }
  frame.set(op.getResult(), withInverse(std::move(table)));
  return success();
}

/// A dead tensor of the same type.
static Tensor deadLike(const Tensor &like) {
  return like.isFloat ? Tensor::ofFloats(like.shape) : Tensor::ofInts(like.shape);
}

LogicalResult evaluate(GatherRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const GroupTable &groups = frame.groups(op.getGroups());
  Tensor result = deadLike(input);
  for (int64_t s = 0; s < groups.numLive(); ++s)
    result.copyRow(s, input, groups.row[s]);
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(CombineRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const GroupTable &groups = frame.groups(op.getGroups());
  Tensor result = deadLike(input);
  for (int64_t r = 0; r < groups.bound; ++r)
    if (groups.inverse[r] >= 0)
      result.copyRow(r, input, groups.inverse[r]);
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(SplitGroupsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  for (int64_t branch = 0; branch < op.getNumResults(); ++branch) {
    Tensor part = deadLike(input);
    forEachRow(frame.groups(op.getGroups()), op.getOwner(), [&](int64_t row, int64_t owner) {
      if (owner == branch)
        part.copyRow(row, input, row);
    });
    frame.set(op.getResult(branch), std::move(part));
  }
  return success();
}

LogicalResult evaluate(MergeGroupsOp op, Frame &frame) {
  Tensor merged = deadLike(frame.tensor(op.getInputs().front()));
  forEachRow(frame.groups(op.getGroups()), op.getOwner(),
             [&](int64_t row, int64_t owner) { merged.copyRow(row, frame.tensor(op.getInputs()[owner]), row); });
  frame.set(op.getResult(), std::move(merged));
  return success();
}

} // namespace mlir::motley::interp
