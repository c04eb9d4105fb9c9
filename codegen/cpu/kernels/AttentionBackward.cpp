// The adjoints of attention (arXiv 2205.14135, appendix B): weights are computed again from log_sum_exp.
//
// With S = scale q k^T, P = exp(S - log_sum_exp), D = delta: dS = P * (dy v^T - D), dq = scale dS k, dk = scale dS^T q,
// dv = P^T dy. One kernel owns queries and sums over keys, the other owns keys and sums over queries, so that nothing
// is added by two units. q is scaled when it is copied, as in the forward kernel: S has the same bits in all three.
#include "codegen/cpu/kernels/AttentionTiles.h"

#include <limits>

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;
constexpr int32_t kBeforeAll = std::numeric_limits<int32_t>::min(), kAfterAll = std::numeric_limits<int32_t>::max();

/// The operands that both adjoint kernels begin with.
struct BackwardOperands {
  BackwardOperands(KernelBuilder &k, bool hasOrder, bool hasSpan)
      : dy(k.operand(0)), q(k.operand(1)), key(k.operand(2)), value(k.operand(3)), logSumExp(k.operand(4)),
        delta(k.operand(5)), table{k.operand(6), k.operand(7), {}, {}} {
    if (hasOrder)
      table.order = k.operand(next++);
    if (hasSpan)
      table.span = k.operand(next++);
  }
  static constexpr unsigned kTileList = 8;
  Buffer dy, q, key, value, logSumExp, delta;
  AttentionTable table;
  unsigned next = kTileList + 1; ///< the first result
};

/// Weights and their cotangents of one register tile, in place: `scores` becomes P, `products` (dy v^T) becomes dS.
/// Rows are queries or keys; numbers and fields of the other come as vectors.
class WeightBuilder {
public:
  WeightBuilder(KernelBuilder &k, AttentionBuilder &attention, bool rowsAreQueries, Buffer logSumExp, Buffer delta,
                const MaskFields &rowFields, const MaskFields &columnFields)
      : k(k), attention(attention), rowsAreQueries(rowsAreQueries), logSumExp(logSumExp), delta(delta),
        rowFields(rowFields), columnFields(columnFields) {}

  void differentiate(Val row, Buffer scores, Buffer products, Val first, Val end, Val isWhole) {
    k.when(
        isWhole, [&] { differentiate(row, scores, products, first, end, /*isMasked=*/false); },
        [&] { differentiate(row, scores, products, first, end, /*isMasked=*/true); });
  }

private:
  void differentiate(Val row, Buffer scores, Buffer products, Val first, Val end, bool isMasked) {
    bool bySpan = attention.shape.mask == Mask::span;
    k.loop(0, attention.tileRows(), 1, [&](Val i) {
      Val r = row + i;
      Buffer weights = scores.row(i), slopes = products.row(i);
      k.loop(first / kLanes * kLanes, end, kLanes, [&](Val c) {
        auto ofQuery = [&](Buffer numbers) { return rowsAreQueries ? numbers.load(r) : numbers.loadVector(c); };
        Val weight = expOfNonPositive(weights.loadVector(c) - ofQuery(logSumExp));
        if (isMasked) {
          Val rowOrder = rowFields.order.load(r), columnOrder = columnFields.order.loadVector(c);
          Val rowSpan = bySpan ? rowFields.span.load(r) : Val();
          Val columnSpan = bySpan ? columnFields.span.loadVector(c) : Val();
          Val admitted = rowsAreQueries ? attention.admits(rowOrder, rowSpan, columnOrder, columnSpan)
                                        : attention.admits(columnOrder, columnSpan, rowOrder, rowSpan);
          weight = select(admitted, weight, weight.like(0.0));
          weights.store(weight, c);
          slopes.store(select(admitted, weight * (slopes.loadVector(c) - ofQuery(delta)), weight.like(0.0)), c);
          return;
        }
        weights.store(weight, c);
        slopes.store(weight * (slopes.loadVector(c) - ofQuery(delta)), c);
      });
    });
  }

  KernelBuilder &k;
  AttentionBuilder &attention;
  bool rowsAreQueries;
  Buffer logSumExp, delta;
  const MaskFields &rowFields, &columnFields;
};

/// Writes the rows of a chunk's sums, times `factor`, to the columns of `head`.
void writeRows(KernelBuilder &k, AttentionBuilder &attention, Buffer sums, Buffer result, Val head, Val first,
               Val count, double factor) {
  int64_t width = attention.shape.width;
  k.loop(0, count, 1, [&](Val i) {
    Val r = k.convert(attention.table.row.load(first + i), k.i64());
    Buffer from = sums.row(i), to = result.row(r).at(head * width);
    k.columns(width, [&](Val column, Val mask) {
      Val value = from.loadVector(column);
      to.store(factor == 1.0 ? value : value * factor, column, mask);
    });
  });
}

} // namespace

FailureOr<int64_t> emit(plan::AttentionDeltaAttr family, KernelFrame &frame) {
  constexpr int64_t kRowsPerUnit = 32;
  KernelBuilder k(frame);
  Buffer dy = k.operand(0), y = k.operand(1), delta = k.operand(2);
  int64_t heads = family.getHeads(), width = dy.size(1) / heads;
  k.units([&](Val unit) {
    Val lower = unit * kRowsPerUnit;
    k.loop(lower, min(lower + kRowsPerUnit, k.index(dy.size(0))), 1, [&](Val r) {
      k.loop(0, heads, 1, [&](Val head) {
        Buffer a = dy.row(r).at(head * width), b = y.row(r).at(head * width);
        Vals sums = k.sumColumns(width, 1, [&](Val column, Val mask, ArrayRef<Val> sums) {
          return Vals{fma(a.loadVector(column, kLanes, mask), b.loadVector(column, kLanes, mask), sums[0])};
        });
        delta.row(r).store(sums[0], head);
      });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::AttentionQueryAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  BackwardOperands in(k, family.getHasOrder(), family.getHasSpan());
  Buffer dq = k.operand(in.next);
  AttentionBuilder a(k, AttentionShape::of(family, in.q), in.table);
  Buffer queryRows = a.chunkRows(), dyRows = a.chunkRows(), sums = a.chunkRows();
  Buffer keysTransposed = a.blockTransposed(), valuesTransposed = a.blockTransposed(), keyRows = a.blockRows();
  Buffer scores = a.scoreRows(), products = a.scoreRows(), logSumExp = a.numbers(), delta = a.numbers();
  MaskFields queryFields = a.maskFields(), keyFields = a.maskFields();
  WeightBuilder weights(k, a, /*rowsAreQueries=*/true, logSumExp, delta, queryFields, keyFields);

  auto chunk = [&](Val group, Val head, Val first, Val count) {
    a.packRows(in.q, head, first, count, queryRows, a.shape.scale, /*isChunk=*/true);
    a.packRows(in.dy, head, first, count, dyRows, 1.0, /*isChunk=*/true);
    a.packNumbers(in.logSumExp, head, first, count, logSumExp);
    a.packNumbers(in.delta, head, first, count, delta);
    a.packFields(queryFields, first, count, kBeforeAll);
    a.clear(sums, count);
    Val keyHead = head / a.shape.headsPerKey(), zero = k.index(0);
    a.blocks(group, [&](Val keyFirst, Val keyCount) {
      a.packFields(keyFields, keyFirst, keyCount, kAfterAll);
      k.when(a.mayMeet(queryFields, keyFields), [&] {
        a.packTransposed(in.key, keyHead, keyFirst, keyCount, keysTransposed, 1.0);
        a.packTransposed(in.value, keyHead, keyFirst, keyCount, valuesTransposed, 1.0);
        a.packRows(in.key, keyHead, keyFirst, keyCount, keyRows, 1.0, /*isChunk=*/false);
        Val isWhole = a.allMeet(queryFields, keyFields) & (keyCount == kAttentionRows);
        a.registerTiles(count, [&](Val row) {
          Val end = a.keysWithin(keyFields, keyCount, a.lastOrder(queryFields, row, count));
          a.multiply(queryRows, row, keysTransposed, zero, end, scores);
          a.multiply(dyRows, row, valuesTransposed, zero, end, products);
          weights.differentiate(row, scores, products, zero, end, isWhole);
          a.accumulate(sums, row, {}, products, zero, end, keyRows);
        });
      });
    });
    writeRows(k, a, sums, dq, head, first, count, a.shape.scale);
  };
  k.units([&](Val unit) {
    Tile tile = k.tile(BackwardOperands::kTileList, unit / family.getHeads());
    Val head = unit % family.getHeads();
    a.chunks(tile, [&](Val first, Val count) { chunk(tile.group, head, first, count); });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::AttentionKeyAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  BackwardOperands in(k, family.getHasOrder(), family.getHasSpan());
  Buffer dk = k.operand(in.next), dv = k.operand(in.next + 1);
  AttentionBuilder a(k, AttentionShape::of(family, in.q), in.table);
  Buffer keyRows = a.chunkRows(), valueRows = a.chunkRows(), keySums = a.chunkRows(), valueSums = a.chunkRows();
  Buffer queriesTransposed = a.blockTransposed(), dyTransposed = a.blockTransposed();
  Buffer queryRows = a.blockRows(), dyRows = a.blockRows();
  Buffer scores = a.scoreRows(), products = a.scoreRows(), logSumExp = a.numbers(), delta = a.numbers();
  MaskFields queryFields = a.maskFields(), keyFields = a.maskFields();
  WeightBuilder weights(k, a, /*rowsAreQueries=*/false, logSumExp, delta, keyFields, queryFields);

  auto headOfChunk = [&](Val group, Val head, Val count) {
    a.blocks(group, [&](Val queryFirst, Val queryCount) {
      a.packFields(queryFields, queryFirst, queryCount, kBeforeAll);
      k.when(a.mayMeet(queryFields, keyFields), [&] {
        a.packTransposed(in.q, head, queryFirst, queryCount, queriesTransposed, a.shape.scale);
        a.packTransposed(in.dy, head, queryFirst, queryCount, dyTransposed, 1.0);
        a.packRows(in.q, head, queryFirst, queryCount, queryRows, a.shape.scale, /*isChunk=*/false);
        a.packRows(in.dy, head, queryFirst, queryCount, dyRows, 1.0, /*isChunk=*/false);
        a.packNumbers(in.logSumExp, head, queryFirst, queryCount, logSumExp);
        a.packNumbers(in.delta, head, queryFirst, queryCount, delta);
        Val isWhole = a.allMeet(queryFields, keyFields) & (queryCount == kAttentionRows);
        a.registerTiles(count, [&](Val row) {
          Val start = a.queriesBefore(queryFields, queryCount, keyFields.order.load(row));
          a.multiply(keyRows, row, queriesTransposed, start, queryCount, scores);
          a.multiply(valueRows, row, dyTransposed, start, queryCount, products);
          weights.differentiate(row, scores, products, start, queryCount, isWhole);
          a.accumulate(valueSums, row, {}, scores, start, queryCount, dyRows);
          a.accumulate(keySums, row, {}, products, start, queryCount, queryRows);
        });
      });
    });
  };
  auto chunk = [&](Val group, Val keyHead, Val first, Val count) {
    a.packRows(in.key, keyHead, first, count, keyRows, 1.0, /*isChunk=*/true);
    a.packRows(in.value, keyHead, first, count, valueRows, 1.0, /*isChunk=*/true);
    a.packFields(keyFields, first, count, kAfterAll);
    a.clear(keySums, count);
    a.clear(valueSums, count);
    Val firstHead = keyHead * a.shape.headsPerKey();
    k.loop(firstHead, firstHead + a.shape.headsPerKey(), 1, [&](Val head) { headOfChunk(group, head, count); });
    writeRows(k, a, keySums, dk, keyHead, first, count, 1.0);
    writeRows(k, a, valueSums, dv, keyHead, first, count, 1.0);
  };
  k.units([&](Val unit) {
    Tile tile = k.tile(BackwardOperands::kTileList, unit / family.getKvHeads());
    Val keyHead = unit % family.getKvHeads();
    a.chunks(tile, [&](Val first, Val count) { chunk(tile.group, keyHead, first, count); });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
