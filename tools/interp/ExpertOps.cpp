// Computations on the chosen rows (level 1): experts, select_rows; and what is counted of choices.
#include "tools/interp/Frame.h"

namespace mlir::motley::interp {

/// How many rows a body has room for.
static int64_t numSlots(Block &body) {
  return cast<RankedTensorType>(body.getTerminator()->getOperand(0).getType()).getDimSize(0);
}

/// Runs a body with the slots [begin, end) live, slot s holding row source[s] of the inputs. Null after a diagnostic.
static const Tensor *runOnSlots(Block &body, ValueRange inputs, ArrayRef<int64_t> source, int64_t begin, int64_t end,
                                Frame &frame) {
  int64_t slots = numSlots(body);
  for (auto [argument, input] : llvm::zip_equal(body.getArguments(), inputs)) {
    const Tensor &rows = frame.tensor(input);
    SmallVector<int64_t, 2> shape(rows.shape);
    shape[0] = slots;
    Tensor moved = rows.isFloat ? Tensor::ofFloats(shape) : Tensor::ofInts(shape);
    for (int64_t s = begin; s < end; ++s)
      moved.copyRow(s, rows, source[s]);
    frame.set(argument, std::move(moved));
  }
  std::vector<bool> isLive(slots, false);
  std::fill(isLive.begin() + begin, isLive.begin() + end, true);
  Operation *yield = frame.runBlock(body, {std::nullopt, std::move(isLive)});
  return yield ? &frame.tensor(yield->getOperand(0)) : nullptr;
}

/// The live rows that chose an expert, ascending, appended to `source`; no more than there are slots.
static LogicalResult appendChosen(Operation *op, const Tensor &chosen, int64_t expert, int64_t slots,
                                  std::vector<int64_t> &source, Frame &frame) {
  for (int64_t r = 0; r < chosen.numRows(); ++r) {
    if (!frame.isLive(r))
      continue;
    FailureOr<bool> isChosen = hasChosen(op, chosen, r, expert);
    if (failed(isChosen))
      return failure();
    if (*isChosen && int64_t(source.size()) < slots)
      source.push_back(r);
  }
  return success();
}

LogicalResult evaluate(ExpertsOp op, Frame &frame) {
  const Tensor &chosen = frame.tensor(op.getChosen());
  Tensor result = Tensor::ofFloats({chosen.numRows(), numColumns(op.getResult())});
  for (int64_t r = 0; r < chosen.numRows(); ++r)
    if (frame.isLive(r))
      std::fill_n(result.row(r), result.rowSize(), 0.0);
  std::vector<int64_t> source; // the slots of all experts, one after another
  for (auto [expert, body] : llvm::enumerate(op.getBodies())) {
    int64_t begin = source.size();
    if (failed(appendChosen(op, chosen, expert, numSlots(body.front()), source, frame)))
      return failure();
    int64_t end = source.size();
    const Tensor *yielded = runOnSlots(body.front(), op.getInputs(), source, begin, end, frame);
    if (!yielded)
      return failure();
    for (int64_t s = begin; s < end; ++s) {
      double gate = op.getGates() ? frame.tensor(op.getGates()).row(source[s])[expert] : 1;
      for (int64_t d = 0; d < result.rowSize(); ++d)
        result.row(source[s])[d] += gate * yielded->row(s)[d];
    }
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(SelectRowsOp op, Frame &frame) {
  Tensor result = Tensor::ofFloats(frame.tensor(op.getOtherwise()).shape);
  for (int64_t r = 0; r < result.numRows(); ++r)
    if (frame.isLive(r))
      result.copyRow(r, frame.tensor(op.getOtherwise()), r);
  std::vector<int64_t> source;
  if (failed(appendChosen(op, frame.tensor(op.getChosen()), 0, numSlots(op.getBody().front()), source, frame)))
    return failure();
  int64_t numChosen = source.size();
  const Tensor *yielded = runOnSlots(op.getBody().front(), op.getInputs(), source, 0, numChosen, frame);
  if (!yielded)
    return failure();
  for (int64_t s = 0; s < numChosen; ++s)
    result.copyRow(source[s], *yielded, s);
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(ObserveOp op, Frame &frame) {
  const Tensor &chosen = frame.tensor(op.getChosen());
  Tensor counts = Tensor::ofFloats({1, chosen.rowSize()}, 0.0);
  for (int64_t r = 0; r < chosen.numRows(); ++r)
    for (int64_t e = 0; frame.isLive(r) && e < chosen.rowSize(); ++e) {
      FailureOr<bool> isChosen = hasChosen(op, chosen, r, e);
      if (failed(isChosen))
        return failure();
      counts.floats[e] += *isChosen;
    }
  frame.interpreter.getObservations().push_back({op.getName().str(), std::move(counts)});
  return success();
}

LogicalResult evaluate(CountChosenOp op, Frame &frame) {
  const Tensor &chosen = frame.tensor(op.getChosen());
  const GroupTable &groups = frame.groups(op.getGroups());
  Tensor counts = Tensor::ofFloats({groups.numGroups(), chosen.rowSize()}, 0.0);
  for (int64_t g = 0; g < groups.numGroups(); ++g)
    for (int64_t r = groups.offset[g]; op.getMap()[g] >= 0 && r < groups.offset[g + 1]; ++r)
      for (int64_t e = 0; e < chosen.rowSize(); ++e) {
        FailureOr<bool> isChosen = hasChosen(op, chosen, r, e);
        if (failed(isChosen))
          return failure();
        counts.row(g)[e] += *isChosen;
      }
  frame.interpreter.getObservations().push_back({op.getName().str(), std::move(counts)});
  return success();
}

} // namespace mlir::motley::interp
