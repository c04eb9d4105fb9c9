// Selections (level 2): the tables that choices make, and values by slot.
#include "tools/interp/Frame.h"

namespace mlir::motley::interp {

/// A selection of the rows of `by` without any slot yet.
static GroupTable startSelection(const GroupTable &by, GroupsType type) {
  GroupTable table;
  table.isSelection = true;
  table.bound = type.getBound();
  table.numLiveRows = by.numLive();
  table.offset.push_back(0);
  return table;
}

/// Adds the slots of group g of `by` whose rows chose the expert; what is beyond the bound is dropped.
static LogicalResult addChosen(Operation *op, const GroupTable &by, int64_t g, const Tensor &chosen, int64_t expert,
                               GroupTable &table) {
  for (int64_t slot = by.offset[g]; slot < by.offset[g + 1]; ++slot) {
    FailureOr<bool> isChosen = hasChosen(op, chosen, slot, expert);
    if (failed(isChosen))
      return failure();
    if (*isChosen && int64_t(table.row.size()) < table.bound)
      table.row.push_back(slot);
  }
  return success();
}

LogicalResult evaluate(SelectOp op, Frame &frame) {
  const GroupTable &by = frame.groups(op.getBy());
  GroupTable table = startSelection(by, op.getGroups().getType());
  for (auto [branch, count] : llvm::enumerate(op.getCounts()))
    for (int64_t expert = 0; expert < count; ++expert) {
      for (int64_t g = 0; g < by.numGroups(); ++g)
        if (op.getOwner()[g] == int64_t(branch) &&
            failed(addChosen(op, by, g, frame.tensor(op.getChosen()[branch]), expert, table)))
          return failure();
      table.offset.push_back(table.row.size());
    }
  table.invert(by.bound);
  frame.set(op.getGroups(), std::move(table));
  return success();
}

LogicalResult evaluate(RestrictOp op, Frame &frame) {
  const GroupTable &by = frame.groups(op.getBy());
  GroupTable table = startSelection(by, op.getGroups().getType());
  for (int64_t g = 0; g < by.numGroups(); ++g) {
    if (failed(addChosen(op, by, g, frame.tensor(op.getChosen()), 0, table)))
      return failure();
    table.offset.push_back(table.row.size());
  }
  table.invert(by.bound);
  frame.set(op.getGroups(), std::move(table));
  return success();
}

/// Calls visit(branch, expert, group) for the groups of a selection, numbered as in motley.select.
template <typename Visit> static void forEachExpert(ArrayRef<int64_t> counts, Visit visit) {
  int64_t group = 0;
  for (auto [branch, count] : llvm::enumerate(counts))
    for (int64_t expert = 0; expert < count; ++expert)
      visit(branch, expert, group++);
}

LogicalResult evaluate(SlotValuesOp op, Frame &frame) {
  const GroupTable &groups = frame.groups(op.getGroups());
  Tensor result = Tensor::ofFloats({groups.bound});
  forEachExpert(op.getCounts(), [&](int64_t branch, int64_t expert, int64_t group) {
    for (int64_t s = groups.offset[group]; s < groups.offset[group + 1]; ++s)
      result.floats[s] = frame.tensor(op.getValues()[branch]).row(groups.row[s])[expert];
  });
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(SlotValuesBackwardOp op, Frame &frame) {
  const Tensor &cotangent = frame.tensor(op.getCotangent());
  const GroupTable &groups = frame.groups(op.getGroups());
  std::vector<Tensor> results;
  for (Value result : op.getResults()) {
    results.push_back(Tensor::ofFloats({groups.numRows(), numColumns(result)}));
    std::fill_n(results.back().floats.begin(), groups.numLiveRows * results.back().rowSize(), 0.0);
  }
  forEachExpert(op.getCounts(), [&](int64_t branch, int64_t expert, int64_t group) {
    for (int64_t s = groups.offset[group]; s < groups.offset[group + 1]; ++s)
      results[branch].row(groups.row[s])[expert] = cotangent.floats[s];
  });
  for (auto [result, value] : llvm::zip_equal(op.getResults(), results))
    frame.set(result, std::move(value));
  return success();
}

} // namespace mlir::motley::interp
