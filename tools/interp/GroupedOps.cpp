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

/// Where a slot finds its row: itself, or with `gathered` the row that the table takes it from.
static int64_t sourceRow(const GroupTable &groups, bool gathered, int64_t slot) {
  return gathered ? groups.row[slot] : slot;
}

/// One accumulator per range, or a single one when transposed; rows of groups without a member are dead.
static std::vector<Tensor> accumulate(GroupedMatmulOp op, Frame &frame) {
  const GroupTable &groups = frame.groups(op.getGroups());
  BankOp bank = lookupBank(op, op.getBankAttr());
  int64_t numInputs = bank.getRangeType(0).getDimSize(0);
  bool transposed = op.getTransposed();
  Precision precision = precisionOf(op.getPrecision(), Precision::f32, frame);
  std::vector<Tensor> accumulators;
  for (size_t i = 0; i < op.getRanges().size(); ++i) {
    int64_t range = op.getRanges()[i], numOutputs = bank.getRangeType(range).getDimSize(1);
    bool isNew = i == 0 || !transposed;
    if (isNew)
      accumulators.push_back(Tensor::ofFloats({groups.bound, transposed ? numInputs : numOutputs}));
    Tensor &accumulator = accumulators.back();
    const Tensor &input = frame.tensor(op.getInputs()[transposed ? i : 0]);
    std::vector<std::unique_ptr<Rounded>> weights;
    for (int64_t member = 0; member < bank.getNumMembers(); ++member)
      weights.push_back(std::make_unique<Rounded>(parameter(frame, op, op.getBankAttr(), member, range), precision));
    forEachRow(groups, op.getMap(), [&](int64_t r, int64_t member) {
      if (isNew)
        std::fill_n(accumulator.row(r), accumulator.rowSize(), 0.0);
      Rounded x(input.row(sourceRow(groups, op.getGathered(), r)), input.rowSize(), precision);
      if (transposed)
        addTransposedProduct(x.data(), *weights[member], numInputs, numOutputs, accumulator.row(r));
      else
        addProduct(x.data(), *weights[member], numInputs, numOutputs, accumulator.row(r));
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

/// The same value in each of `width` columns, where there is one for each row.
static RuntimeValue inEveryColumn(const RuntimeValue &extra, int64_t width) {
  const Tensor &values = extra.getTensor();
  if (values.shape.size() == 2)
    return extra;
  Tensor result = Tensor::ofFloats({values.numRows(), width});
  for (int64_t r = 0; r < values.numRows(); ++r)
    std::fill_n(result.row(r), width, values.floats[r]);
  return result;
}

/// Sums over panels of 32 columns, the last one the rest, where the result is of them.
static Tensor sumPanels(Tensor yielded, int64_t numColumns) {
  constexpr int64_t panel = 32;
  if (yielded.rowSize() == numColumns)
    return yielded;
  Tensor result = Tensor::ofFloats({yielded.numRows(), numColumns}, 0.0);
  for (int64_t r = 0; r < yielded.numRows(); ++r)
    for (int64_t j = 0; j < yielded.rowSize(); ++j)
      result.row(r)[j / panel] += yielded.row(r)[j];
  return result;
}

LogicalResult evaluate(GroupedMatmulOp op, Frame &frame) {
  std::vector<Tensor> results = accumulate(op, frame);
  if (!op.getEpilogue().empty()) {
    SmallVector<int64_t, 2> shape = results.front().shape;
    std::vector<RuntimeValue> arguments;
    for (Tensor &accumulator : results)
      arguments.push_back(std::move(accumulator));
    for (Value extra : op.getExtras())
      arguments.push_back(inEveryColumn(frame.get(extra), shape.back()));
    FailureOr<std::vector<Tensor>> finished =
        runElementwiseRegion(op.getEpilogue(), std::move(arguments), shape, frame);
    if (failed(finished))
      return failure();
    results = std::move(*finished);
  }
  for (auto [result, value] : llvm::zip_equal(op.getResults(), results)) {
    value = sumPanels(std::move(value), numColumns(result));
    killUnmapped(frame.groups(op.getGroups()), op.getMap(), value);
    frame.set(result, std::move(value));
  }
  return success();
}

LogicalResult evaluate(GroupedOuterOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const GroupTable &groups = frame.groups(op.getGroups());
  Precision precision = precisionOf(op.getPrecision(), Precision::f32, frame);
  int64_t numMembers = lookupBank(op, op.getBankAttr()).getNumMembers();
  if (!frame.intScalar(op.getAdd()))
    clearGradients(frame, op, op.getBankAttr(), op.getRanges(), op.getMap());
  for (auto [range, cotangentValue] : llvm::zip_equal(op.getRanges(), op.getCotangents())) {
    const Tensor &cotangent = frame.tensor(cotangentValue);
    std::vector<std::vector<double> *> gradients;
    for (int64_t member = 0; member < numMembers; ++member)
      gradients.push_back(&gradient(frame, op, op.getBankAttr(), member, range));
    forEachRow(groups, op.getMap(), [&](int64_t slot, int64_t member) {
      Rounded x(input.row(sourceRow(groups, op.getGatheredInput(), slot)), input.rowSize(), precision);
      Rounded dy(cotangent.row(sourceRow(groups, op.getGatheredCotangents(), slot)), cotangent.rowSize(), precision);
      addOuter(x.data(), dy.data(), input.rowSize(), cotangent.rowSize(), *gradients[member]);
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
