#include "codegen/cpu/kernels/AttentionTiles.h"

#include <limits>

namespace mlir::motley::codegen {

using Vals = KernelBuilder::Vals;

/// The largest number of rows of a register tile at any level: scratch is the same at every level.
static constexpr int64_t kMostTileRows = 8;
/// The span of a row that is in none.
static constexpr int32_t kNoSpan = std::numeric_limits<int32_t>::min();

AttentionBuilder::AttentionBuilder(KernelBuilder &k, AttentionShape shape, AttentionTable table)
    : k(k), shape(shape), table(table) {
  // 8 x 32 accumulators take 16 of 32 registers; with 16 registers of half the width, 6 x 16 take 12.
  bool isWide = k.frame.target.lanes == kLanes;
  registerRows = isWide ? 8 : 6;
  registerVectors = isWide ? 2 : 1;
}

Buffer AttentionBuilder::chunkRows() {
  return k.scratch(k.f32(), {kAttentionRows + kMostTileRows, shape.paddedWidth()});
}
Buffer AttentionBuilder::blockRows() { return k.scratch(k.f32(), {kAttentionRows, shape.paddedWidth()}); }
Buffer AttentionBuilder::blockTransposed() { return k.scratch(k.f32(), {shape.width, kAttentionRows}); }
Buffer AttentionBuilder::scoreRows() { return k.scratch(k.f32(), {kMostTileRows, kAttentionRows}); }
Buffer AttentionBuilder::numbers() { return k.scratch(k.f32(), {kAttentionRows + kMostTileRows}); }
MaskFields AttentionBuilder::maskFields() {
  int64_t size = kAttentionRows + kMostTileRows;
  return {k.scratch(k.i32(), {size}), k.scratch(k.i32(), {size}), {}, {}, {}, {}};
}

// ---- copies

/// `count` rounded up to a multiple of `step`.
static Val roundUp(Val count, int64_t step) { return (count + (step - 1)) / step * step; }

void AttentionBuilder::packRows(Buffer source, Val head, Val first, Val count, Buffer rows, double factor,
                                bool isChunk) {
  Val last = first + count - 1;
  k.loop(0, isChunk ? roundUp(count, registerRows) : count, 1, [&](Val i) {
    Buffer from = source.row(rowOf(min(first + i, last))).at(head * shape.width), to = rows.row(i);
    k.columns(shape.width, [&](Val column, Val mask) {
      Val value = from.loadVector(column, kLanes, mask); // the padding becomes zero
      to.store(factor == 1.0 ? value : value * factor, column);
    });
  });
}

void AttentionBuilder::packTransposed(Buffer source, Val head, Val first, Val count, Buffer transposed, double factor) {
  Val last = first + count - 1;
  k.loop(0, count, kLanes, [&](Val group) {
    SmallVector<Buffer> rows;
    for (int64_t i = 0; i < kLanes; ++i)
      rows.push_back(source.row(rowOf(min(first + group + i, last))).at(head * shape.width));
    auto copyColumns = [&](Val column, int64_t numColumns) {
      Vals vectors;
      for (Buffer row : rows)
        vectors.push_back(row.loadVector(column, kLanes, k.firstLanes(numColumns)));
      k.transpose(vectors);
      for (int64_t j = 0; j < numColumns; ++j)
        transposed.row(column + j).store(factor == 1.0 ? vectors[j] : vectors[j] * factor, group);
    };
    int64_t whole = shape.width / kLanes * kLanes;
    k.loop(0, whole, kLanes, [&](Val column) { copyColumns(column, kLanes); });
    if (whole < shape.width)
      copyColumns(k.index(whole), shape.width - whole);
  });
}

void AttentionBuilder::packNumbers(Buffer source, Val column, Val first, Val count, Buffer numbers) {
  Val last = first + count - 1;
  // Whole vectors are read from it, so whole vectors are written.
  k.loop(0, roundUp(count, kLanes), 1,
         [&](Val i) { numbers.store(source.row(rowOf(min(first + i, last))).load(column), i); });
}

void AttentionBuilder::packFields(MaskFields &fields, Val first, Val count, int32_t deadOrder) {
  Val dead = k.constant(deadOrder, k.i32()), noSpan = k.constant(kNoSpan, k.i32()), zero = k.constant(0, k.i32());
  auto orderOf = [&](Val slot) {
    if (shape.mask == Mask::full)
      return zero;
    return shape.hasOrder ? table.order.load(rowOf(slot)) : k.convert(slot, k.i32());
  };
  Val last = first + count - 1;
  Vals spans = {k.constant(std::numeric_limits<int32_t>::max(), k.i32()), noSpan};
  bool needsSpans = shape.mask == Mask::span;
  spans = k.loop(0, roundUp(count, kLanes), 1, spans, [&](Val i, ArrayRef<Val> carried) {
    Val slot = min(first + i, last);
    fields.order.store(select(i < count, orderOf(slot), dead), i);
    if (!needsSpans)
      return Vals(carried);
    Val span = table.span.load(rowOf(slot));
    span = select((i < count) & (span >= 0), span, noSpan);
    fields.span.store(span, i);
    return Vals{select((span >= 0) & (span < carried[0]), span, carried[0]), max(span, carried[1])};
  });
  fields.lowestSpan = spans[0];
  fields.highestSpan = spans[1];
  fields.firstOrder = orderOf(first);
  fields.lastOrder = orderOf(last);
}

void AttentionBuilder::clear(Buffer rows, Val count) {
  k.loop(0, roundUp(count, registerRows) * shape.paddedWidth(), kLanes,
         [&](Val element) { rows.store(k.zeros(), element); });
}

// ---- products

void AttentionBuilder::multiply(Buffer rows, Val row, Buffer transposed, Val first, Val end, Buffer scores) {
  int64_t tileColumns = registerVectors * kLanes, stride = shape.paddedWidth();
  Buffer tile = rows.row(row);
  k.loop(first / tileColumns * tileColumns, end, tileColumns, [&](Val column) {
    Vals zeros(registerRows * registerVectors, k.zeros());
    Buffer columns = transposed.at(column);
    Vals sums = k.loop(0, shape.width, 1, zeros, [&](Val d, ArrayRef<Val> carried) {
      Vals next(carried), vectors;
      for (int64_t v = 0; v < registerVectors; ++v)
        vectors.push_back(columns.row(d).loadVector(v * kLanes));
      for (int64_t i = 0; i < registerRows; ++i) {
        Val factor = k.broadcast(tile.load(d + i * stride));
        for (int64_t v = 0; v < registerVectors; ++v)
          next[i * registerVectors + v] = fma(factor, vectors[v], next[i * registerVectors + v]);
      }
      return next;
    });
    for (int64_t i = 0; i < registerRows; ++i)
      for (int64_t v = 0; v < registerVectors; ++v)
        scores.store(sums[i * registerVectors + v], column + (i * kAttentionRows + v * kLanes));
  });
}

void AttentionBuilder::accumulate(Buffer sums, Val row, Buffer factors, Buffer weights, Val first, Val end,
                                  Buffer rows) {
  int64_t stride = shape.paddedWidth();
  Buffer tile = sums.row(row);
  auto columnTile = [&](Val column, int64_t numVectors) {
    auto place = [&](int64_t i, int64_t v) { return column + (i * stride + v * kLanes); };
    Vals start;
    for (int64_t i = 0; i < registerRows; ++i) {
      Val factor = factors ? factors.load(row + i) : Val();
      for (int64_t v = 0; v < numVectors; ++v) {
        Val sum = tile.loadVector(place(i, v));
        start.push_back(factor ? sum * factor : sum);
      }
    }
    Vals results = k.loop(first, end, 1, start, [&](Val c, ArrayRef<Val> carried) {
      Vals next(carried), vectors;
      for (int64_t v = 0; v < numVectors; ++v)
        vectors.push_back(rows.row(c).loadVector(column + v * kLanes));
      for (int64_t i = 0; i < registerRows; ++i) {
        Val weight = k.broadcast(weights.load(c + i * kAttentionRows));
        for (int64_t v = 0; v < numVectors; ++v)
          next[i * numVectors + v] = fma(weight, vectors[v], next[i * numVectors + v]);
      }
      return next;
    });
    for (int64_t i = 0; i < registerRows; ++i)
      for (int64_t v = 0; v < numVectors; ++v)
        tile.store(results[i * numVectors + v], place(i, v));
  };
  int64_t tileColumns = registerVectors * kLanes, whole = stride / tileColumns * tileColumns;
  k.loop(0, whole, tileColumns, [&](Val column) { columnTile(column, registerVectors); });
  if (whole < stride)
    columnTile(k.index(whole), 1);
}

// ---- the mask

Val AttentionBuilder::mayMeet(const MaskFields &queries, const MaskFields &keys) {
  Val causal = keys.firstOrder <= queries.lastOrder;
  if (shape.mask != Mask::span)
    return causal;
  // Without spans the lowest is above the highest, so that nothing overlaps.
  return causal | ((keys.lowestSpan <= queries.highestSpan) & (queries.lowestSpan <= keys.highestSpan));
}
Val AttentionBuilder::allMeet(const MaskFields &queries, const MaskFields &keys) {
  return keys.lastOrder <= queries.firstOrder;
}
Val AttentionBuilder::countOrders(const MaskFields &fields, Val count, function_ref<Val(Val)> predicate) {
  Val zero = k.constant(0, k.vectorOf(k.i32()));
  Vals counts = k.loop(0, count, kLanes, {zero}, [&](Val c, ArrayRef<Val> carried) {
    Val isCounted = predicate(fields.order.loadVector(c)) & k.lanesBelow(count - c);
    return Vals{carried[0] + select(isCounted, zero.like(int64_t(1)), zero)};
  });
  return k.convert(k.sum(counts[0]), k.i64());
}
Val AttentionBuilder::keysWithin(const MaskFields &keys, Val count, Val lastOrder) {
  if (shape.mask != Mask::causal)
    return count;
  return countOrders(keys, count, [&](Val order) { return order <= lastOrder; });
}
Val AttentionBuilder::queriesBefore(const MaskFields &queries, Val count, Val firstOrder) {
  if (shape.mask != Mask::causal)
    return k.index(0);
  return countOrders(queries, count, [&](Val order) { return order < firstOrder; });
}
Val AttentionBuilder::admits(Val queryOrder, Val querySpan, Val keyOrder, Val keySpan) {
  Val causal = keyOrder <= queryOrder;
  if (shape.mask != Mask::span)
    return causal;
  Val lane = querySpan.lanes() ? querySpan : keySpan;
  return causal | ((querySpan == keySpan) & (lane >= 0));
}

// ---- loops

void AttentionBuilder::chunks(Tile tile, function_ref<void(Val, Val)> body) {
  Val end = tile.first + tile.count;
  k.loop(tile.first, end, kAttentionRows, [&](Val first) { body(first, min(end - first, k.index(kAttentionRows))); });
}
void AttentionBuilder::blocks(Val group, function_ref<void(Val, Val)> body) {
  Val first = k.convert(table.offset.load(group), k.i64()), end = k.convert(table.offset.load(group + 1), k.i64());
  k.loop(first, end, kAttentionRows, [&](Val block) { body(block, min(end - block, k.index(kAttentionRows))); });
}
void AttentionBuilder::registerTiles(Val count, function_ref<void(Val)> body) { k.loop(0, count, registerRows, body); }

} // namespace mlir::motley::codegen
