// Routing, the mathematics on rows: sums, softmax, means over scopes, noise, ids.
#include "tools/interp/Frame.h"
#include "tools/interp/Philox.h"

#include <cmath>

namespace mlir::motley::interp {

LogicalResult evaluate(RowSumOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Tensor result = Tensor::ofFloats({input.numRows()});
  for (int64_t r = 0; r < input.numRows(); ++r)
    if (frame.isLive(r))
      result.floats[r] = std::accumulate(input.row(r), input.row(r) + input.rowSize(), 0.0);
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(RowBroadcastOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Tensor result = Tensor::ofFloats({input.numRows(), numColumns(op.getResult())});
  for (int64_t r = 0; r < input.numRows(); ++r)
    if (frame.isLive(r))
      std::fill_n(result.row(r), result.rowSize(), input.floats[r]);
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(SoftmaxOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const Tensor *chosen = op.getChosen() ? &frame.tensor(op.getChosen()) : nullptr;
  int64_t width = input.rowSize();
  Tensor result = Tensor::ofFloats(input.shape);
  for (int64_t r = 0; r < input.numRows(); ++r) {
    if (!frame.isLive(r) || (chosen && chosen->isDeadRow(r)))
      continue;
    auto counts = [&](int64_t e) { return !chosen || chosen->ints[r * width + e] != 0; };
    double largest = -INFINITY, sum = 0;
    for (int64_t e = 0; e < width; ++e)
      if (counts(e))
        largest = std::max(largest, input.row(r)[e]); // passes over NaN, which the sum then meets
    for (int64_t e = 0; e < width; ++e)
      sum += counts(e) ? std::exp(input.row(r)[e] - largest) : 0;
    for (int64_t e = 0; e < width; ++e)
      result.row(r)[e] = counts(e) ? std::exp(input.row(r)[e] - largest) / sum : 0;
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(LogSumExpOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Tensor result = Tensor::ofFloats({input.numRows()});
  for (int64_t r = 0; r < input.numRows(); ++r) {
    if (!frame.isLive(r))
      continue;
    double largest = -INFINITY, sum = 0;
    for (int64_t e = 0; e < input.rowSize(); ++e)
      largest = std::max(largest, input.row(r)[e]);
    for (int64_t e = 0; e < input.rowSize(); ++e)
      sum += std::exp(input.row(r)[e] - largest);
    result.floats[r] = largest + std::log(sum);
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

std::vector<std::vector<int64_t>> scopesOf(const ScopeOperands &operands, int64_t numRows, Frame &frame) {
  std::vector<bool> isInside(numRows, !operands.groups);
  if (operands.groups)
    forEachRow(frame.groups(operands.groups), operands.map, [&](int64_t slot, int64_t) { isInside[slot] = true; });
  for (int64_t r = 0; r < numRows; ++r)
    isInside[r] = isInside[r] && frame.isLive(r);

  // Rows by the number of their scope.
  std::map<int64_t, std::vector<int64_t>> rowsOf;
  if (operands.over) {
    const GroupTable &over = frame.groups(operands.over);
    for (int64_t g = 0; g < over.numGroups(); ++g)
      for (int64_t s = over.offset[g]; s < over.offset[g + 1]; ++s)
        if (isInside[over.row[s]])
          rowsOf[g].push_back(over.row[s]);
  } else {
    for (int64_t r = 0; r < numRows; ++r)
      if (isInside[r])
        rowsOf[operands.documents ? frame.tensor(operands.documents).ints[r] : 0].push_back(r);
  }
  std::vector<std::vector<int64_t>> scopes;
  for (auto &[scope, rows] : rowsOf) {
    llvm::sort(rows);
    scopes.push_back(std::move(rows));
  }
  return scopes;
}

LogicalResult evaluate(MeanRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  Tensor result = Tensor::ofFloats(input.shape);
  for (const std::vector<int64_t> &rows : scopesOf(scopeOperands(op), input.numRows(), frame)) {
    std::vector<double> sum(input.rowSize(), 0.0);
    for (int64_t r : rows)
      for (int64_t d = 0; d < input.rowSize(); ++d)
        sum[d] += input.row(r)[d];
    for (int64_t r : rows)
      for (int64_t d = 0; d < input.rowSize(); ++d)
        result.row(r)[d] = sum[d] / rows.size();
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static double drawNoise(NoiseKind kind, const PhiloxWords &draw) {
  double u0 = unitOf(draw.words[0]), u1 = unitOf(draw.words[1]);
  switch (kind) {
  case NoiseKind::gumbel:
    return -std::log(-std::log(u0));
  case NoiseKind::normal:
    return std::sqrt(-2 * std::log(u0)) * std::cos(2 * M_PI * u1);
  case NoiseKind::uniform:
    return 2 * u0 - 1;
  }
  return kDeadFloat;
}

LogicalResult evaluate(NoiseOp op, Frame &frame) {
  const Tensor &index = frame.tensor(op.getIndex());
  Tensor result = Tensor::ofFloats({index.numRows(), numColumns(op.getResult())});
  for (int64_t r = 0; r < index.numRows(); ++r) {
    if (!frame.isLive(r, op.getIndex()))
      continue;
    for (int64_t e = 0; e < result.rowSize(); ++e) {
      if (!op.getSeed()) {
        result.row(r)[e] = 0;
        continue;
      }
      uint64_t seed = frame.intScalar(op.getSeed());
      PhiloxWords counter = {
          {uint32_t(index.ints[r]), uint32_t(e), uint32_t(frame.intScalar(op.getStep())), uint32_t(op.getSite())}};
      result.row(r)[e] = drawNoise(op.getKind(), philox(counter, uint32_t(seed), uint32_t(seed >> 32)));
    }
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(OneHotOp op, Frame &frame) {
  const Tensor &ids = frame.tensor(op.getIds());
  int64_t numExperts = numColumns(op.getChosen());
  Tensor chosen = Tensor::ofInts({ids.numRows(), numExperts});
  for (int64_t r = 0; r < ids.numRows(); ++r)
    for (int64_t e = 0; frame.isLive(r, op.getIds()) && e < numExperts; ++e)
      chosen.ints[r * numExperts + e] = ids.ints[r] == e;
  frame.set(op.getChosen(), std::move(chosen));
  return success();
}

LogicalResult evaluate(HashOp op, Frame &frame) {
  const Tensor &ids = frame.tensor(op.getIds());
  Tensor result = Tensor::ofInts(ids.shape);
  for (int64_t r = 0; r < ids.numRows(); ++r)
    if (frame.isLive(r, op.getIds()))
      result.ints[r] =
          philox({{uint32_t(ids.ints[r]), 0, 0, 0}}, uint32_t(op.getSeed()), 0).words[0] % uint32_t(op.getBuckets());
  frame.set(op.getResult(), std::move(result));
  return success();
}

} // namespace mlir::motley::interp
