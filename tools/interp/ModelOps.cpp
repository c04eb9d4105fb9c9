// Level 1: row operations on the live rows of the function, or of a case of by_modality. Attention and losses stand
// apart.
#include "tools/interp/Frame.h"
#include "tools/interp/RowMath.h"

#include <cmath>

namespace mlir::motley::interp {

const std::vector<double> &parameter(Frame &frame, FlatSymbolRefAttr variable) {
  return frame.interpreter.getVariables().find(variable.getValue())->slot(StateSlot::param);
}

Precision precisionOf(std::optional<Precision> own, Precision otherwise, Frame &frame) {
  return frame.interpreter.isExact() ? Precision::f32 : own.value_or(otherwise);
}

LogicalResult evaluate(LinearOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Precision precision = precisionOf(op.getPrecision(), modulePrecision(op), frame);
  Rounded weight(parameter(frame, op.getWeightAttr()), precision);
  int64_t numInputs = numColumns(op.getInput()), numOutputs = numColumns(op.getResult());
  Tensor result = Tensor::ofFloats({input.numRows(), numOutputs});
  for (int64_t r = 0; r < input.numRows(); ++r) {
    if (!frame.isLive(r))
      continue;
    if (op.getBiasAttr())
      llvm::copy(parameter(frame, op.getBiasAttr()), result.row(r));
    else
      std::fill_n(result.row(r), numOutputs, 0.0);
    addProduct(Rounded(input.row(r), numInputs, precision).data(), weight, numInputs, numOutputs, result.row(r));
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(NormOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  int64_t heads = op.getHeads();
  NormRow norm{op.getKind(), heads, numColumns(op.getInput()) / heads, op.getEpsilon().convertToDouble()};
  const double *gain = parameter(frame, op.getGainAttr()).data();
  const double *bias = op.getBiasAttr() ? parameter(frame, op.getBiasAttr()).data() : nullptr;
  Tensor result = Tensor::ofFloats(input.shape);
  std::vector<double> statistics(norm.numStatistics());
  for (int64_t r = 0; r < input.numRows(); ++r)
    if (frame.isLive(r))
      norm.forward(input.row(r), gain, bias, result.row(r), statistics.data());
  frame.set(op.getResult(), std::move(result));
  return success();
}

/// At level 2 the rows without a position are those that gather_rows left dead.
LogicalResult evaluate(RopeOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &position = frame.tensor(op.getPosition());
  int64_t heads = op.getHeads(), width = numColumns(op.getInput()) / heads, half = width / 2;
  double theta = op.getTheta().convertToDouble(), direction = op.getInverse() ? -1 : 1;
  Tensor result = Tensor::ofFloats(input.shape);
  for (int64_t r = 0; r < input.numRows(); ++r) {
    if (!frame.isLive(r) || position.ints[r] == kDeadInt)
      continue;
    for (int64_t h = 0; h < heads; ++h) {
      const double *x = input.row(r) + h * width;
      double *y = result.row(r) + h * width;
      for (int64_t j = 0; j < half; ++j) {
        double angle = direction * position.ints[r] * std::pow(theta, -2.0 * j / width);
        y[j] = x[j] * std::cos(angle) - x[j + half] * std::sin(angle);
        y[j + half] = x[j + half] * std::cos(angle) + x[j] * std::sin(angle);
      }
    }
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

/// Which case of the operation each modality of the module belongs to.
static std::vector<int64_t> caseOfModality(ByModalityOp op) {
  std::vector<int64_t> result;
  for (ModalityOp modality : getModalities(op))
    for (auto [index, names] : llvm::enumerate(op.getCases()))
      if (llvm::is_contained(cast<ArrayAttr>(names), FlatSymbolRefAttr::get(modality.getSymNameAttr())))
        result.push_back(index);
  return result;
}

LogicalResult evaluate(ByModalityOp op, Frame &frame) {
  const Tensor &modality = frame.tensor(op.getModality());
  std::vector<int64_t> caseOf = caseOfModality(op);
  int64_t numModalities = caseOf.size();
  std::vector<std::vector<bool>> rowsOfCase(op.getBodies().size(), std::vector<bool>(modality.numRows(), false));
  for (int64_t r = 0; r < modality.numRows(); ++r) {
    if (!frame.isLive(r))
      continue;
    if (modality.ints[r] < 0 || modality.ints[r] >= numModalities)
      return op.emitError() << "modality " << modality.ints[r] << " of row " << r << " is not in [0, " << numModalities
                            << ")";
    rowsOfCase[caseOf[modality.ints[r]]][r] = true;
  }
  std::vector<Tensor> results;
  for (Value result : op.getResults())
    results.push_back(Tensor::ofFloats(cast<RankedTensorType>(result.getType()).getShape()));
  for (auto [body, rows] : llvm::zip_equal(op.getBodies(), rowsOfCase)) {
    Operation *yield = frame.runBlock(body.front(), {std::nullopt, rows});
    if (!yield)
      return failure();
    for (auto [result, yielded] : llvm::zip_equal(results, yield->getOperands()))
      for (size_t r = 0; r < rows.size(); ++r)
        if (rows[r])
          result.copyRow(r, frame.tensor(yielded), r);
  }
  for (auto [result, value] : llvm::zip_equal(op.getResults(), results))
    frame.set(result, std::move(value));
  return success();
}

} // namespace mlir::motley::interp
