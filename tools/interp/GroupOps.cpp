// Tables of groups, and moving rows by them.
#include "tools/interp/Frame.h"

namespace mlir::motley::interp {

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
  table.invert(table.bound);
  frame.set(op.getGroups(), std::move(table));
  return success();
}

LogicalResult evaluate(ReindexOp op, Frame &frame) {
  const GroupTable &into = frame.groups(op.getInto()), &groups = frame.groups(op.getGroups());
  GroupTable table;
  table.bound = into.bound;
  table.offset.push_back(0);
  for (int64_t g = 0; g < groups.numGroups(); ++g) {
    for (int64_t s = groups.offset[g]; s < groups.offset[g + 1]; ++s) {
      const std::vector<int64_t> &slots = into.inverse[groups.row[s]];
      if (slots.size() > 1)
        return op.emitError() << "row " << groups.row[s] << " has " << slots.size()
                              << " slots in the table it is reindexed into, expected at most one";
      if (slots.empty() && !into.isSelection)
        return op.emitError() << "row " << groups.row[s]
                              << " has a slot in the table but none in the one it is reindexed into";
      llvm::append_range(table.row, slots);
    }
    table.offset.push_back(table.row.size());
  }
  table.invert(table.bound);
  frame.set(op.getResult(), std::move(table));
  return success();
}

/// A dead tensor of the same type, or with another number of rows.
static Tensor deadLike(const Tensor &like) {
  return like.isFloat ? Tensor::ofFloats(like.shape) : Tensor::ofInts(like.shape);
}
static Tensor deadLike(const Tensor &like, int64_t numRows) {
  SmallVector<int64_t, 2> shape(like.shape);
  shape[0] = numRows;
  return like.isFloat ? Tensor::ofFloats(shape) : Tensor::ofInts(shape);
}

LogicalResult evaluate(GatherRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const GroupTable &groups = frame.groups(op.getGroups());
  Tensor result = deadLike(input, groups.bound);
  for (int64_t s = 0; s < groups.numLive(); ++s)
    result.copyRow(s, input, groups.row[s]);
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(CombineRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const GroupTable &groups = frame.groups(op.getGroups());
  Tensor result = deadLike(input, groups.numRows());
  for (int64_t r = 0; r < groups.numRows(); ++r) {
    ArrayRef<int64_t> slots = groups.inverse[r];
    if (op.getPlus())
      result.copyRow(r, frame.tensor(op.getPlus()), r);
    else if (!slots.empty())
      result.copyRow(r, input, slots.consume_front());
    else if (op.getOtherwise())
      result.copyRow(r, frame.tensor(op.getOtherwise()), r);
    else if (groups.isSelection && r < groups.numLiveRows)
      std::fill_n(result.row(r), result.rowSize(), 0.0);
    for (int64_t slot : slots)
      for (int64_t j = 0; j < result.rowSize(); ++j)
        result.row(r)[j] += input.row(slot)[j];
  }
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
