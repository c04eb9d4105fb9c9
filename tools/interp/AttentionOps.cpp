// Attention at both levels, and its adjoint: for every query, one pass over the keys that the mask admits.
#include "tools/interp/Frame.h"

#include <cmath>

namespace mlir::motley::interp {

namespace {
/// Which pairs attend, and how heads share key heads.
struct AttentionShape {
  int64_t heads, headsPerKeyHead, width;
  double scale;
  Mask mask;
  const Tensor *order, *span;

  /// Rows of one document, listed in the order of their places.
  bool admits(ArrayRef<int64_t> rows, int64_t queryPlace, int64_t keyPlace) const {
    if (mask == Mask::full)
      return true;
    int64_t query = rows[queryPlace], key = rows[keyPlace];
    if (order ? order->ints[key] <= order->ints[query] : keyPlace <= queryPlace)
      return true;
    return mask == Mask::span && span->ints[query] >= 0 && span->ints[query] == span->ints[key];
  }
  const double *head(const Tensor &tensor, int64_t row, int64_t head) const { return tensor.row(row) + head * width; }
  double score(const Tensor &query, const Tensor &key, int64_t queryRow, int64_t keyRow, int64_t h) const;
};
} // namespace

double AttentionShape::score(const Tensor &query, const Tensor &key, int64_t queryRow, int64_t keyRow,
                             int64_t h) const {
  const double *q = head(query, queryRow, h), *k = head(key, keyRow, h / headsPerKeyHead);
  double sum = 0;
  for (int64_t j = 0; j < width; ++j)
    sum += q[j] * k[j];
  return scale * sum;
}

template <typename AttentionOpT> static AttentionShape shapeOf(AttentionOpT op, double scale, Frame &frame) {
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  return {heads,
          heads / kvHeads,
          numColumns(op.getQuery()) / heads,
          scale,
          op.getMask(),
          op.getOrder() ? &frame.tensor(op.getOrder()) : nullptr,
          op.getSpan() ? &frame.tensor(op.getSpan()) : nullptr};
}

/// Attention inside one document; `logSumExp` may be null.
static void attend(const AttentionShape &shape, ArrayRef<int64_t> rows, const Tensor &query, const Tensor &key,
                   const Tensor &value, Tensor &result, Tensor *logSumExp) {
  int64_t numPlaces = rows.size();
  std::vector<double> scores(numPlaces);
  for (int64_t i = 0; i < numPlaces; ++i)
    for (int64_t h = 0; h < shape.heads; ++h) {
      double largest = -INFINITY, sum = 0;
      for (int64_t c = 0; c < numPlaces; ++c) {
        scores[c] = shape.admits(rows, i, c) ? shape.score(query, key, rows[i], rows[c], h) : -INFINITY;
        largest = std::max(largest, scores[c]);
      }
      double *y = result.row(rows[i]) + h * shape.width;
      std::fill_n(y, shape.width, 0.0);
      for (int64_t c = 0; c < numPlaces; ++c) {
        if (!shape.admits(rows, i, c)) // Its value is never read, not even with weight 0.
          continue;
        double weight = std::exp(scores[c] - largest);
        const double *v = shape.head(value, rows[c], h / shape.headsPerKeyHead);
        for (int64_t j = 0; j < shape.width; ++j)
          y[j] += weight * v[j];
        sum += weight;
      }
      for (int64_t j = 0; j < shape.width; ++j)
        y[j] /= sum;
      if (logSumExp)
        logSumExp->row(rows[i])[h] = largest + std::log(sum);
    }
}

/// The live rows of each document, in row order; one document where the operation names none.
static std::vector<std::vector<int64_t>> documentsOf(AttentionOp op, int64_t numRows, Frame &frame) {
  std::map<int64_t, std::vector<int64_t>> rowsOf;
  for (int64_t r = 0; r < numRows; ++r)
    if (frame.isLive(r))
      rowsOf[op.getDocuments() ? frame.tensor(op.getDocuments()).ints[r] : 0].push_back(r);
  std::vector<std::vector<int64_t>> documents;
  for (auto &[id, rows] : rowsOf)
    documents.push_back(std::move(rows));
  return documents;
}

LogicalResult evaluate(AttentionOp op, Frame &frame) {
  const Tensor &query = frame.tensor(op.getQuery());
  double width = double(numColumns(op.getQuery())) / op.getHeads();
  double scale = op.getScale() ? op.getScale()->convertToDouble() : 1 / std::sqrt(width);
  AttentionShape shape = shapeOf(op, scale, frame);
  Tensor result = Tensor::ofFloats(query.shape);
  for (const std::vector<int64_t> &rows : documentsOf(op, query.numRows(), frame))
    attend(shape, rows, query, frame.tensor(op.getKey()), frame.tensor(op.getValue()), result, nullptr);
  frame.set(op.getResult(), std::move(result));
  return success();
}

/// The fields of grouped attention have one element for each row, and those of live rows are alive.
template <typename AttentionOpT> static LogicalResult checkFields(AttentionOpT op, Frame &frame) {
  for (Value field : {Value(op.getOrder()), Value(op.getSpan())}) {
    if (!field)
      continue;
    if (numRows(field) != numRows(op.getQuery()))
      return op.emitError() << "has a field of " << numRows(field) << " rows, the query has " << numRows(op.getQuery());
    for (int64_t row : frame.groups(op.getGroups()).row)
      if (frame.tensor(field).ints[row] == kDeadInt)
        return op.emitError() << (field == op.getOrder() ? "order" : "span") << " of live row " << row
                              << " comes from a dead row";
  }
  return success();
}

LogicalResult evaluate(GroupedAttentionOp op, Frame &frame) {
  if (failed(checkFields(op, frame)))
    return failure();
  const Tensor &query = frame.tensor(op.getQuery());
  const GroupTable &groups = frame.groups(op.getGroups());
  AttentionShape shape = shapeOf(op, op.getScale().convertToDouble(), frame);
  Tensor result = Tensor::ofFloats(query.shape);
  Tensor logSumExp = Tensor::ofFloats({query.numRows(), shape.heads});
  for (int64_t g = 0; g < groups.numGroups(); ++g)
    attend(shape, ArrayRef<int64_t>(groups.row).slice(groups.offset[g], groups.offset[g + 1] - groups.offset[g]), query,
           frame.tensor(op.getKey()), frame.tensor(op.getValue()), result, &logSumExp);
  frame.set(op.getResult(), std::move(result));
  frame.set(op.getLogSumExp(), std::move(logSumExp));
  return success();
}

namespace {
/// The cotangents of one grouped_attention_backward while they grow.
struct AttentionCotangents {
  Tensor query, key, value;
};
} // namespace

/// The adjoint inside one document.
static void attendBackward(GroupedAttentionBackwardOp op, const AttentionShape &shape, ArrayRef<int64_t> rows,
                           Frame &frame, AttentionCotangents &out) {
  const Tensor &query = frame.tensor(op.getQuery()), &key = frame.tensor(op.getKey()),
               &value = frame.tensor(op.getValue());
  const Tensor &dy = frame.tensor(op.getCotangent()), &y = frame.tensor(op.getOutput());
  const Tensor &logSumExp = frame.tensor(op.getLogSumExp());
  for (int64_t row : rows)
    for (Tensor *tensor : {&out.query, &out.key, &out.value})
      std::fill_n(tensor->row(row), tensor->rowSize(), 0.0);
  int64_t numPlaces = rows.size();
  for (int64_t h = 0; h < shape.heads; ++h)
    for (int64_t i = 0; i < numPlaces; ++i) {
      int64_t r = rows[i], keyHead = h / shape.headsPerKeyHead;
      const double *dyHead = shape.head(dy, r, h), *yHead = shape.head(y, r, h), *q = shape.head(query, r, h);
      double delta = 0; // D in the description
      for (int64_t j = 0; j < shape.width; ++j)
        delta += dyHead[j] * yHead[j];
      for (int64_t c = 0; c < numPlaces; ++c) {
        if (!shape.admits(rows, i, c))
          continue;
        double probability = std::exp(shape.score(query, key, r, rows[c], h) - logSumExp.row(r)[h]);
        const double *k = shape.head(key, rows[c], keyHead), *v = shape.head(value, rows[c], keyHead);
        double dot = 0;
        for (int64_t j = 0; j < shape.width; ++j)
          dot += dyHead[j] * v[j];
        double dscore = shape.scale * probability * (dot - delta);
        for (int64_t j = 0; j < shape.width; ++j) {
          out.value.row(rows[c])[keyHead * shape.width + j] += probability * dyHead[j];
          out.query.row(r)[h * shape.width + j] += dscore * k[j];
          out.key.row(rows[c])[keyHead * shape.width + j] += dscore * q[j];
        }
      }
    }
}

LogicalResult evaluate(GroupedAttentionBackwardOp op, Frame &frame) {
  if (failed(checkFields(op, frame)))
    return failure();
  const GroupTable &groups = frame.groups(op.getGroups());
  AttentionShape shape = shapeOf(op, op.getScale().convertToDouble(), frame);
  AttentionCotangents out{Tensor::ofFloats(frame.tensor(op.getQuery()).shape),
                          Tensor::ofFloats(frame.tensor(op.getKey()).shape),
                          Tensor::ofFloats(frame.tensor(op.getValue()).shape)};
  for (int64_t g = 0; g < groups.numGroups(); ++g)
    attendBackward(op, shape,
                   ArrayRef<int64_t>(groups.row).slice(groups.offset[g], groups.offset[g + 1] - groups.offset[g]),
                   frame, out);
  frame.set(op.getDquery(), std::move(out.query));
  frame.set(op.getDkey(), std::move(out.key));
  frame.set(op.getDvalue(), std::move(out.value));
  return success();
}

} // namespace mlir::motley::interp
