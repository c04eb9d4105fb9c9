// Level 2: matrices, biases and norms of banks, and their adjoints.
#include "tools/interp/Frame.h"
#include "tools/interp/RowMath.h"

namespace mlir::motley::interp {

static VariableState &variableIn(Frame &frame, Operation *from, FlatSymbolRefAttr bank, int64_t member, int64_t range) {
  StringRef name = lookupBank(from, bank).getVariableName(member, range).getValue();
  return *frame.interpreter.getVariables().find(name);
}

const std::vector<double> &parameter(Frame &frame, Operation *from, FlatSymbolRefAttr bank, int64_t member,
                                     int64_t range) {
  return variableIn(frame, from, bank, member, range).slot(StateSlot::param);
}

std::vector<double> &gradient(Frame &frame, Operation *from, FlatSymbolRefAttr bank, int64_t member, int64_t range) {
  return variableIn(frame, from, bank, member, range).slot(StateSlot::grad);
}

void clearGradients(Frame &frame, Operation *from, FlatSymbolRefAttr bank, ArrayRef<int64_t> ranges,
                    ArrayRef<int64_t> map) {
  for (int64_t member : map)
    for (int64_t range : ranges)
      if (member >= 0)
        llvm::fill(gradient(frame, from, bank, member, range), 0.0);
}

/// The parameters, or the gradients, of one range: one pointer per member.
static std::vector<std::vector<double> *> slotOfRange(Frame &frame, Operation *from, FlatSymbolRefAttr bank,
                                                      int64_t range, StateSlot slot) {
  std::vector<std::vector<double> *> members;
  for (int64_t member = 0; member < lookupBank(from, bank).getNumMembers(); ++member)
    members.push_back(&variableIn(frame, from, bank, member, range).slot(slot));
  return members;
}

/// One accumulator per range, or a single one when transposed; rows of groups without a member are dead.
static std::vector<Tensor> accumulate(GroupedMatmulOp op, Frame &frame) {
  const GroupTable &groups = frame.groups(op.getGroups());
  BankOp bank = lookupBank(op, op.getBankAttr());
  int64_t numInputs = bank.getRangeType(0).getDimSize(0);
  bool transposed = op.getTransposed();
  std::vector<Tensor> accumulators;
  for (size_t i = 0; i < op.getRanges().size(); ++i) {
    int64_t range = op.getRanges()[i], numOutputs = bank.getRangeType(range).getDimSize(1);
    bool isNew = i == 0 || !transposed;
    if (isNew)
      accumulators.push_back(Tensor::ofFloats({groups.bound, transposed ? numInputs : numOutputs}));
    Tensor &accumulator = accumulators.back();
    const Tensor &input = frame.tensor(op.getInputs()[transposed ? i : 0]);
    auto weights = slotOfRange(frame, op, op.getBankAttr(), range, StateSlot::param);
    forEachRow(groups, op.getMap(), [&](int64_t r, int64_t member) {
      if (isNew)
        std::fill_n(accumulator.row(r), accumulator.rowSize(), 0.0);
      if (transposed)
        addTransposedProduct(input.row(r), *weights[member], numInputs, numOutputs, accumulator.row(r));
      else
        addProduct(input.row(r), *weights[member], numInputs, numOutputs, accumulator.row(r));
    });
  }
  return accumulators;
}

/// Kills the rows that no member meets: an epilogue may have written something there.
static void killUnmapped(const GroupTable &groups, ArrayRef<int64_t> map, Tensor &tensor) {
  std::vector<bool> alive(groups.bound, false);
  forEachRow(groups, map, [&](int64_t r, int64_t) { alive[r] = true; });
  for (int64_t r = 0; r < groups.bound; ++r)
    if (!alive[r])
      tensor.killRow(r);
}

LogicalResult evaluate(GroupedMatmulOp op, Frame &frame) {
  std::vector<Tensor> results = accumulate(op, frame);
  if (!op.getEpilogue().empty()) {
    SmallVector<int64_t, 2> shape = results.front().shape;
    std::vector<RuntimeValue> arguments;
    for (Tensor &accumulator : results)
      arguments.push_back(std::move(accumulator));
    for (Value extra : op.getExtras())
      arguments.push_back(frame.get(extra));
    FailureOr<std::vector<Tensor>> finished =
        runElementwiseRegion(op.getEpilogue(), std::move(arguments), shape, frame);
    if (failed(finished))
      return failure();
    results = std::move(*finished);
  }
  for (auto [result, value] : llvm::zip_equal(op.getResults(), results)) {
    killUnmapped(frame.groups(op.getGroups()), op.getMap(), value);
    frame.set(result, std::move(value));
  }
  return success();
}

LogicalResult evaluate(GroupedOuterOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  if (!frame.intScalar(op.getAdd()))
    clearGradients(frame, op, op.getBankAttr(), op.getRanges(), op.getMap());
  for (auto [range, cotangentValue] : llvm::zip_equal(op.getRanges(), op.getCotangents())) {
    const Tensor &cotangent = frame.tensor(cotangentValue);
    auto gradients = slotOfRange(frame, op, op.getBankAttr(), range, StateSlot::grad);
    forEachRow(frame.groups(op.getGroups()), op.getMap(), [&](int64_t r, int64_t member) {
      addOuter(input.row(r), cotangent.row(r), input.rowSize(), cotangent.rowSize(), *gradients[member]);
    });
  }
  return success();
}

LogicalResult evaluate(GroupedBiasOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Tensor result = Tensor::ofFloats(input.shape);
  forEachRow(frame.groups(op.getGroups()), op.getMap(), [&](int64_t r, int64_t member) {
    const std::vector<double> &bias = parameter(frame, op, op.getBankAttr(), member, 0);
    for (int64_t n = 0; n < input.rowSize(); ++n)
      result.row(r)[n] = input.row(r)[n] + bias[n];
  });
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(GroupedSumOp op, Frame &frame) {
  const Tensor &cotangent = frame.tensor(op.getCotangent());
  if (!frame.intScalar(op.getAdd()))
    clearGradients(frame, op, op.getBankAttr(), {0}, op.getMap());
  forEachRow(frame.groups(op.getGroups()), op.getMap(), [&](int64_t r, int64_t member) {
    std::vector<double> &sum = gradient(frame, op, op.getBankAttr(), member, 0);
    for (int64_t n = 0; n < cotangent.rowSize(); ++n)
      sum[n] += cotangent.row(r)[n];
  });
  return success();
}

template <typename NormOpT> static NormRow normOf(NormOpT op) {
  int64_t heads = op.getHeads();
  return {op.getKind(), heads, numColumns(op.getInput()) / heads, op.getEpsilon().convertToDouble()};
}

LogicalResult evaluate(GroupedNormOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  NormRow norm = normOf(op);
  Tensor result = Tensor::ofFloats(input.shape);
  Tensor statistics = Tensor::ofFloats({input.numRows(), norm.numStatistics()});
  forEachRow(frame.groups(op.getGroups()), op.getMap(), [&](int64_t r, int64_t member) {
    const double *gain = parameter(frame, op, op.getGainAttr(), member, 0).data();
    const double *bias = op.getBiasAttr() ? parameter(frame, op, op.getBiasAttr(), member, 0).data() : nullptr;
    norm.forward(input.row(r), gain, bias, result.row(r), statistics.row(r));
  });
  frame.set(op.getResult(), std::move(result));
  frame.set(op.getStatistics(), std::move(statistics));
  return success();
}

LogicalResult evaluate(GroupedNormBackwardOp op, Frame &frame) {
  const Tensor &cotangent = frame.tensor(op.getCotangent()), &input = frame.tensor(op.getInput());
  const Tensor &statistics = frame.tensor(op.getStatistics());
  NormRow norm = normOf(op);
  Tensor result = Tensor::ofFloats(input.shape);
  if (!frame.intScalar(op.getAdd())) {
    clearGradients(frame, op, op.getGainAttr(), {0}, op.getMap());
    if (op.getBiasAttr())
      clearGradients(frame, op, op.getBiasAttr(), {0}, op.getMap());
  }
  forEachRow(frame.groups(op.getGroups()), op.getMap(), [&](int64_t r, int64_t member) {
    const double *gain = parameter(frame, op, op.getGainAttr(), member, 0).data();
    double *dgain = gradient(frame, op, op.getGainAttr(), member, 0).data();
    double *dbias = op.getBiasAttr() ? gradient(frame, op, op.getBiasAttr(), member, 0).data() : nullptr;
    norm.backward(cotangent.row(r), input.row(r), statistics.row(r), gain, result.row(r), dgain, dbias);
  });
  frame.set(op.getResult(), std::move(result));
  return success();
}

} // namespace mlir::motley::interp
