// Soft mixing: rows into slots and back, at both levels.
#include "tools/interp/Frame.h"

#include <cmath>

namespace mlir::motley::interp {

/// The rows of a softmax down the columns, ascending.
static std::vector<int64_t> rowsOf(Value groups, std::optional<ArrayRef<int64_t>> map, int64_t numRows, Frame &frame) {
  ScopeOperands operands = {Value(), groups, Value(), map.value_or(ArrayRef<int64_t>())};
  std::vector<std::vector<int64_t>> scopes = scopesOf(operands, numRows, frame);
  return scopes.empty() ? std::vector<int64_t>() : scopes.front();
}

LogicalResult evaluate(SoftmaxRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Tensor result = Tensor::ofFloats(input.shape);
  std::vector<int64_t> rows = rowsOf(op.getGroups(), op.getMap(), input.numRows(), frame);
  for (int64_t s = 0; s < input.rowSize(); ++s) {
    double largest = -INFINITY, sum = 0;
    for (int64_t r : rows)
      largest = std::max(largest, input.row(r)[s]); // passes over NaN, which the sum then meets
    for (int64_t r : rows)
      sum += std::exp(input.row(r)[s] - largest);
    for (int64_t r : rows)
      result.row(r)[s] = std::exp(input.row(r)[s] - largest) / sum;
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(SoftmaxRowsBackwardOp op, Frame &frame) {
  const Tensor &cotangent = frame.tensor(op.getCotangent()), &output = frame.tensor(op.getOutput());
  Tensor result = Tensor::ofFloats(output.shape);
  std::vector<int64_t> rows = rowsOf(op.getGroups(), op.getMap(), output.numRows(), frame);
  for (int64_t s = 0; s < output.rowSize(); ++s) {
    double sum = 0;
    for (int64_t r : rows)
      sum += cotangent.row(r)[s] * output.row(r)[s];
    for (int64_t r : rows)
      result.row(r)[s] = output.row(r)[s] * (cotangent.row(r)[s] - sum);
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

/// to += factor from, over the elements of a row.
static void addScaled(double factor, const double *from, int64_t width, double *to) {
  for (int64_t d = 0; d < width; ++d)
    to[d] += factor * from[d];
}

LogicalResult evaluate(SoftExpertsOp op, Frame &frame) {
  const Tensor &dispatch = frame.tensor(op.getDispatch()), &combine = frame.tensor(op.getCombine());
  const Tensor &input = frame.tensor(op.getInput());
  int64_t slots = dispatch.rowSize(), perExpert = slots / op.getBodies().size();
  Tensor mixed = Tensor::ofFloats({slots, input.rowSize()}, 0.0);
  Tensor result = Tensor::ofFloats({input.numRows(), numColumns(op.getResult())});
  for (int64_t r = 0; r < input.numRows(); ++r) {
    if (!frame.isLive(r))
      continue;
    std::fill_n(result.row(r), result.rowSize(), 0.0);
    for (int64_t s = 0; s < slots; ++s)
      addScaled(dispatch.row(r)[s], input.row(r), input.rowSize(), mixed.row(s));
  }
  for (auto [expert, body] : llvm::enumerate(op.getBodies())) {
    int64_t begin = expert * perExpert, end = begin + perExpert;
    Tensor own = Tensor::ofFloats(mixed.shape);
    for (int64_t s = begin; s < end; ++s)
      own.copyRow(s, mixed, s);
    frame.set(body.getArgument(0), std::move(own));
    std::vector<bool> isLive(slots, false);
    std::fill(isLive.begin() + begin, isLive.begin() + end, true);
    Operation *yield = frame.runBlock(body.front(), {std::nullopt, std::move(isLive)});
    if (!yield)
      return failure();
    const Tensor &yielded = frame.tensor(yield->getOperand(0));
    for (int64_t r = 0; r < input.numRows(); ++r)
      for (int64_t s = begin; frame.isLive(r) && s < end; ++s)
        addScaled(combine.row(r)[s], yielded.row(s), result.rowSize(), result.row(r));
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(StaticGroupsOp op, Frame &frame) {
  GroupTable table;
  table.bound = op.getGroups().getType().getBound();
  table.offset.push_back(0);
  for (int64_t size : op.getSizes())
    table.offset.push_back(table.offset.back() + size);
  for (int64_t s = 0; s < table.bound; ++s)
    table.row.push_back(s);
  table.invert(table.bound);
  frame.set(op.getGroups(), std::move(table));
  return success();
}

/// Calls visit(row, branch, column, slot) for the rows that mix, each with all columns of its branch.
template <typename Visit>
static void forEachWeight(const GroupTable &groups, ArrayRef<int64_t> owner, ValueRange weights, Visit visit) {
  SmallVector<int64_t> first = {0};
  for (Value one : weights)
    first.push_back(first.back() + numColumns(one));
  forEachRow(groups, owner, [&](int64_t row, int64_t branch) {
    for (int64_t slot = first[branch]; slot < first[branch + 1]; ++slot)
      visit(row, branch, slot - first[branch], slot);
  });
}

LogicalResult evaluate(MixRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Tensor result = Tensor::ofFloats({numRows(op.getResult()), input.rowSize()}, 0.0);
  forEachWeight(frame.groups(op.getGroups()), op.getOwner(), op.getWeights(),
                [&](int64_t row, int64_t branch, int64_t column, int64_t slot) {
                  addScaled(frame.tensor(op.getWeights()[branch]).row(row)[column], input.row(row), input.rowSize(),
                            result.row(slot));
                });
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(UnmixRowsOp op, Frame &frame) {
  const Tensor &slots = frame.tensor(op.getSlots());
  const GroupTable &groups = frame.groups(op.getGroups());
  Tensor result = Tensor::ofFloats({groups.bound, slots.rowSize()});
  forEachRow(groups, op.getOwner(), [&](int64_t row, int64_t) { std::fill_n(result.row(row), result.rowSize(), 0.0); });
  forEachWeight(groups, op.getOwner(), op.getWeights(), [&](int64_t row, int64_t branch, int64_t column, int64_t slot) {
    addScaled(frame.tensor(op.getWeights()[branch]).row(row)[column], slots.row(slot), slots.rowSize(),
              result.row(row));
  });
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(MixProductsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &slots = frame.tensor(op.getSlots());
  std::vector<Tensor> results;
  for (Value one : op.getWeights())
    results.push_back(Tensor::ofFloats({input.numRows(), numColumns(one)}));
  forEachWeight(frame.groups(op.getGroups()), op.getOwner(), op.getWeights(),
                [&](int64_t row, int64_t branch, int64_t column, int64_t slot) {
                  results[branch].row(row)[column] =
                      std::inner_product(input.row(row), input.row(row) + input.rowSize(), slots.row(slot), 0.0);
                });
  for (auto [value, result] : llvm::zip_equal(op.getWeights(), results))
    frame.set(value, std::move(result));
  return success();
}

} // namespace mlir::motley::interp
