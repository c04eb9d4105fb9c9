// Attention, forward (arXiv 2205.14135): the softmax is kept up to date from block to block of keys, the matrix of
// scores is never stored. One unit is one head of one tile of queries.
#include "codegen/cpu/kernels/AttentionTiles.h"

#include <limits>

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;

class ForwardBuilder {
public:
  ForwardBuilder(KernelBuilder &k, AttentionBuilder &attention, Buffer q, Buffer key, Buffer value, Buffer y,
                 Buffer lse)
      : k(k), attention(attention), q(q), key(key), value(value), y(y), logSumExp(lse),
        queryRows(attention.chunkRows()), sums(attention.chunkRows()), keysTransposed(attention.blockTransposed()),
        valueRows(attention.blockRows()), scores(attention.scoreRows()), largest(attention.numbers()),
        corrections(attention.numbers()), weightSums(k.scratch(k.f32(), {largest.size(0), kLanes})),
        queryFields(attention.maskFields()), keyFields(attention.maskFields()) {}

  void chunk(Val group, Val head, Val first, Val count) {
    AttentionBuilder &a = attention;
    a.packRows(q, head, first, count, queryRows, a.shape.scale, /*isChunk=*/true);
    a.packFields(queryFields, first, count, 0);
    a.clear(sums, count);
    Val lowest = k.constant(-std::numeric_limits<double>::infinity(), k.f32());
    k.loop(0, largest.size(0), 1, [&](Val i) {
      largest.store(lowest, i);
      weightSums.row(i).store(k.zeros(), 0);
    });
    Val keyHead = head / a.shape.headsPerKey();
    a.blocks(group, [&](Val keyFirst, Val keyCount) {
      a.packFields(keyFields, keyFirst, keyCount, std::numeric_limits<int32_t>::max());
      k.when(a.mayMeet(queryFields, keyFields), [&] {
        a.packTransposed(key, keyHead, keyFirst, keyCount, keysTransposed, 1.0);
        a.packRows(value, keyHead, keyFirst, keyCount, valueRows, 1.0, /*isChunk=*/false);
        Val isWhole = a.allMeet(queryFields, keyFields) & (keyCount == kAttentionRows);
        a.registerTiles(count, [&](Val row) { block(row, count, keyCount, isWhole); });
      });
    });
    k.loop(0, count, 1, [&](Val i) { finish(first, head, i); });
  }

private:
  /// One register tile of queries meets a block of keys.
  void block(Val row, Val count, Val keyCount, Val isWhole) {
    AttentionBuilder &a = attention;
    Val end = a.keysWithin(keyFields, keyCount, a.lastOrder(queryFields, row, count));
    a.multiply(queryRows, row, keysTransposed, k.index(0), end, scores);
    k.when(isWhole == 0, [&] { applyMask(row, end); });
    k.loop(0, a.tileRows(), 1, [&](Val i) { updateSoftmax(row, i, end); });
    a.accumulate(sums, row, corrections, scores, k.index(0), end, valueRows);
  }

  void applyMask(Val row, Val end) {
    AttentionBuilder &a = attention;
    bool bySpan = a.shape.mask == Mask::span;
    Val lowest = k.constant(-std::numeric_limits<double>::infinity(), k.vectorOf(k.f32()));
    k.loop(0, a.tileRows(), 1, [&](Val i) {
      Val order = queryFields.order.load(row + i), span = bySpan ? queryFields.span.load(row + i) : Val();
      Buffer line = scores.row(i);
      k.loop(0, end, kLanes, [&](Val c) {
        Val keySpan = bySpan ? keyFields.span.loadVector(c) : Val();
        Val admitted = a.admits(order, span, keyFields.order.loadVector(c), keySpan);
        line.store(select(admitted, line.loadVector(c), lowest), c);
      });
    });
  }

  /// Scores become weights relative to the largest score so far.
  void updateSoftmax(Val row, Val i, Val end) {
    Buffer line = scores.row(i);
    Val before = largest.load(row + i);
    Vals blockLargest = k.loop(0, end, kLanes, {k.broadcast(before)},
                               [&](Val c, ArrayRef<Val> carried) { return Vals{max(line.loadVector(c), carried[0])}; });
    Val now = k.reduce(blockLargest[0], [](Val a, Val b) { return max(a, b); });
    Val correction = expOfNonPositive(before - now);
    Buffer lanes = weightSums.row(row + i);
    Vals total = k.loop(0, end, kLanes, {lanes.loadVector(0) * correction}, [&](Val c, ArrayRef<Val> carried) {
      Val weight = expOfNonPositive(line.loadVector(c) - now);
      line.store(weight, c);
      return Vals{carried[0] + weight};
    });
    lanes.store(total[0], 0);
    largest.store(now, row + i);
    corrections.store(correction, row + i);
  }

  void finish(Val first, Val head, Val i) {
    AttentionBuilder &a = attention;
    Val r = k.convert(a.table.row.load(first + i), k.i64());
    Val sum = k.sum(weightSums.row(i).loadVector(0));
    Val inverse = 1.0 / sum;
    Buffer from = sums.row(i), to = y.row(r).at(head * a.shape.width);
    k.columns(a.shape.width, [&](Val column, Val mask) { to.store(from.loadVector(column) * inverse, column, mask); });
    logSumExp.row(r).store(largest.load(i) + log(sum), head);
  }

  KernelBuilder &k;
  AttentionBuilder &attention;
  Buffer q, key, value, y, logSumExp;
  Buffer queryRows, sums, keysTransposed, valueRows, scores, largest, corrections, weightSums;
  MaskFields queryFields, keyFields;
};

} // namespace

FailureOr<int64_t> emit(plan::AttentionAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer q = k.operand(0), key = k.operand(1), value = k.operand(2);
  AttentionTable table = {k.operand(3), k.operand(4), {}, {}};
  unsigned list = 5, next = 6;
  if (family.getHasOrder())
    table.order = k.operand(next++);
  if (family.getHasSpan())
    table.span = k.operand(next++);
  Buffer y = k.operand(next++), logSumExp = k.operand(next++);
  AttentionBuilder attention(k, AttentionShape::of(family, q), table);
  ForwardBuilder forward(k, attention, q, key, value, y, logSumExp);
  k.units([&](Val unit) {
    Tile tile = k.tile(list, unit / family.getHeads());
    Val head = unit % family.getHeads();
    attention.chunks(tile, [&](Val first, Val count) { forward.chunk(tile.group, head, first, count); });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
