// Tables of the vocabulary, at both levels: embedding, cross-entropy, their adjoints, and the sums of losses.
#include "tools/interp/Frame.h"
#include "tools/interp/RowMath.h"

namespace mlir::motley::interp {

/// Checks an id that a live row holds.
static LogicalResult checkId(Operation *op, StringRef what, int64_t id, int64_t row, int64_t lowest,
                             int64_t vocabulary) {
  if (id >= lowest && id < vocabulary)
    return success();
  if (id == kDeadInt)
    return op->emitError() << what << " of live row " << row << " comes from a dead row";
  return op->emitError() << what << " " << id << " of row " << row << " is not in [" << lowest << ", " << vocabulary
                         << ")";
}

/// Copies a row of the table.
static LogicalResult lookUp(Operation *op, const std::vector<double> &table, const Tensor &tokens, int64_t row,
                            Tensor &result) {
  int64_t width = result.rowSize(), token = tokens.ints[row];
  if (failed(checkId(op, "token", token, row, 0, table.size() / width)))
    return failure();
  std::copy_n(table.begin() + token * width, width, result.row(row));
  return success();
}

LogicalResult evaluate(EmbeddingOp op, Frame &frame) {
  const Tensor &tokens = frame.tensor(op.getTokens());
  Tensor result = Tensor::ofFloats({tokens.numRows(), numColumns(op.getResult())});
  for (int64_t r = 0; r < tokens.numRows(); ++r)
    if (frame.isLive(r) && failed(lookUp(op, parameter(frame, op.getTableAttr()), tokens, r, result)))
      return failure();
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(GroupedEmbeddingOp op, Frame &frame) {
  const Tensor &tokens = frame.tensor(op.getTokens());
  Tensor result = Tensor::ofFloats({tokens.numRows(), numColumns(op.getResult())});
  for (int64_t r = 0; r < frame.groups(op.getGroups()).numLive(); ++r)
    if (failed(lookUp(op, parameter(frame, op, op.getBankAttr(), 0, 0), tokens, r, result)))
      return failure();
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(GroupedEmbeddingBackwardOp op, Frame &frame) {
  const Tensor &cotangent = frame.tensor(op.getCotangent());
  const GroupTable &groups = frame.groups(op.getGroups());
  std::vector<double> &table = gradient(frame, op, op.getBankAttr(), 0, 0);
  int64_t width = cotangent.rowSize();
  if (!frame.intScalar(op.getAdd()))
    llvm::fill(table, 0.0);
  for (int64_t token = 0; token < groups.numGroups(); ++token)
    for (int64_t s = groups.offset[token]; s < groups.offset[token + 1]; ++s)
      for (int64_t j = 0; j < width; ++j)
        table[token * width + j] += cotangent.row(groups.row[s])[j];
  return success();
}

namespace {
/// The matrix [numInputs, vocabulary] that makes logits, in the precision of the products with it.
struct OutputHead {
  OutputHead(const std::vector<double> &matrix, int64_t numInputs, Precision precision)
      : numInputs(numInputs), vocabulary(matrix.size() / numInputs), precision(precision), weight(matrix, precision) {}

  int64_t numInputs, vocabulary;
  Precision precision;
  Rounded weight;
};
} // namespace

/// Both losses of a row; 0 where it has no target.
static LogicalResult setLosses(Operation *op, const Tensor &input, const OutputHead &head, const Tensor &targets,
                               int64_t row, double zLoss, Tensor &crossEntropy, Tensor &z) {
  int64_t target = targets.ints[row];
  if (failed(checkId(op, "target", target, row, -1, head.vocabulary)))
    return failure();
  crossEntropy.floats[row] = z.floats[row] = 0;
  if (target < 0)
    return success();
  LossRow loss = computeLoss(Rounded(input.row(row), head.numInputs, head.precision).data(), head.weight,
                             head.numInputs, head.vocabulary, target, zLoss);
  crossEntropy.floats[row] = loss.crossEntropy;
  z.floats[row] = loss.zLoss;
  return success();
}

LogicalResult evaluate(CrossEntropyOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &targets = frame.tensor(op.getTargets());
  Tensor crossEntropy = Tensor::ofFloats({input.numRows()}), z = Tensor::ofFloats({input.numRows()});
  OutputHead head(parameter(frame, op.getHeadAttr()), input.rowSize(),
                  precisionOf(std::nullopt, modulePrecision(op), frame));
  for (int64_t r = 0; r < input.numRows(); ++r)
    if (frame.isLive(r) &&
        failed(setLosses(op, input, head, targets, r, op.getZLoss().convertToDouble(), crossEntropy, z)))
      return failure();
  frame.set(op.getCe(), std::move(crossEntropy));
  frame.set(op.getZ(), std::move(z));
  return success();
}

LogicalResult evaluate(GroupedCrossEntropyOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &targets = frame.tensor(op.getTargets());
  Tensor crossEntropy = Tensor::ofFloats({input.numRows()}), z = Tensor::ofFloats({input.numRows()});
  OutputHead head(parameter(frame, op, op.getBankAttr(), 0, 0), input.rowSize(),
                  precisionOf(op.getPrecision(), Precision::f32, frame));
  for (int64_t r = 0; r < frame.groups(op.getGroups()).numLive(); ++r)
    if (failed(setLosses(op, input, head, targets, r, op.getZLoss().convertToDouble(), crossEntropy, z)))
      return failure();
  frame.set(op.getCe(), std::move(crossEntropy));
  frame.set(op.getZ(), std::move(z));
  return success();
}

LogicalResult evaluate(GroupedCrossEntropyBackwardOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &targets = frame.tensor(op.getTargets());
  const Tensor &dce = frame.tensor(op.getDce()), &dz = frame.tensor(op.getDz());
  Precision precision = precisionOf(op.getPrecision(), Precision::f32, frame);
  OutputHead head(parameter(frame, op, op.getBankAttr(), 0, 0), input.rowSize(), precision);
  std::vector<double> &dhead = gradient(frame, op, op.getBankAttr(), 0, 0);
  int64_t numInputs = head.numInputs, vocabulary = head.vocabulary;
  double zLoss = op.getZLoss().convertToDouble();
  Tensor crossEntropy = Tensor::ofFloats({input.numRows()}), z = Tensor::ofFloats({input.numRows()});
  Tensor dinput = Tensor::ofFloats(input.shape);
  if (!frame.intScalar(op.getAdd()))
    llvm::fill(dhead, 0.0);
  for (int64_t r = 0; r < frame.groups(op.getGroups()).numLive(); ++r) {
    int64_t target = targets.ints[r];
    if (failed(checkId(op, "target", target, r, -1, vocabulary)))
      return failure();
    crossEntropy.floats[r] = z.floats[r] = 0;
    std::fill_n(dinput.row(r), numInputs, 0.0);
    if (target < 0)
      continue;
    Rounded x(input.row(r), numInputs, precision);
    LossRow loss = computeLoss(x.data(), head.weight, numInputs, vocabulary, target, zLoss);
    crossEntropy.floats[r] = loss.crossEntropy;
    z.floats[r] = loss.zLoss;
    std::vector<double> dlogits = std::move(loss.softmax);
    for (double &dlogit : dlogits)
      dlogit *= dce.floats[r] + 2 * zLoss * loss.logSumExp * dz.floats[r];
    dlogits[target] -= dce.floats[r];
    Rounded dy(dlogits, precision);
    addTransposedProduct(dy.data(), head.weight, numInputs, vocabulary, dinput.row(r));
    addOuter(x.data(), dy.data(), numInputs, vocabulary, dhead);
  }
  frame.set(op.getCe(), std::move(crossEntropy));
  frame.set(op.getZ(), std::move(z));
  frame.set(op.getDinput(), std::move(dinput));
  return success();
}

LogicalResult evaluate(LossSumsOp op, Frame &frame) {
  SmallVector<ModalityOp> modalities = getModalities(op);
  int64_t numModalities = modalities.size(), numLosses = op.getLosses().size();
  const Tensor &weights = frame.tensor(op.getWeights()), &targets = frame.tensor(op.getTargets());
  Tensor sums = Tensor::ofFloats({numLosses, numModalities}, 0.0);
  for (int64_t r = 0; r < frame.groups(op.getGroups()).numLive(); ++r) {
    if (targets.ints[r] == kDeadInt)
      return op.emitError() << "target of live row " << r << " comes from a dead row";
    for (int64_t m = 0; m < numModalities; ++m) {
      if (targets.ints[r] < int64_t(modalities[m].getBegin()) || targets.ints[r] >= int64_t(modalities[m].getEnd()))
        continue;
      for (int64_t l = 0; l < numLosses; ++l)
        sums.row(l)[m] += weights.floats[r] * frame.tensor(op.getLosses()[l]).floats[r];
    }
  }
  frame.set(op.getSums(), std::move(sums));
  return success();
}

} // namespace mlir::motley::interp
