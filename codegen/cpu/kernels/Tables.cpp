// Integer tables: which rows belong to which group, and the tile lists that other kernels walk.
#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// The live end of a table: offset[G].
static Val liveEnd(KernelBuilder &k, Buffer offset) { return k.convert(offset.load(offset.size(0) - 1), k.i64()); }

FailureOr<int64_t> emit(plan::GroupByAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  bool hasIds = k.numOperands() == 5;
  unsigned next = 0;
  Buffer ids = hasIds ? k.operand(next++) : Buffer();
  Val live32 = k.scalar(next++);
  Buffer row = k.operand(next++), offset = k.operand(next++), inverse = k.operand(next++);
  int64_t numGroups = offset.size(0) - 1;
  Val live = k.convert(live32, k.i64());
  auto toIndex = [&](Val value) { return k.convert(value, k.i64()); };
  auto toInt = [&](Val value) { return k.convert(value, k.i32()); };
  k.units([&](Val) {
    if (!hasIds) {
      offset.store(k.constant(0, k.i32()), 0);
      offset.store(live32, 1);
      k.loop(0, live, 1, [&](Val r) {
        row.store(toInt(r), r);
        inverse.store(toInt(r), r);
      });
      return;
    }
    // A stable counting sort in place of `offset`: entry g + 1 holds the size of g, then the start of g, then, having
    // moved on with every row that is placed, the end of g.
    k.loop(0, numGroups + 1, 1, [&](Val g) { offset.store(k.constant(0, k.i32()), g); });
    k.loop(0, live, 1, [&](Val r) {
      Val entry = toIndex(ids.load(r)) + 1;
      offset.store(offset.load(entry) + 1, entry);
    });
    k.loop(1, numGroups + 1, 1, {k.constant(0, k.i32())}, [&](Val entry, ArrayRef<Val> start) {
      Val size = offset.load(entry);
      offset.store(start[0], entry);
      return KernelBuilder::Vals{start[0] + size};
    });
    k.loop(0, live, 1, [&](Val r) {
      Val entry = toIndex(ids.load(r)) + 1;
      Val slot = offset.load(entry);
      row.store(toInt(r), toIndex(slot));
      inverse.store(slot, r);
      offset.store(slot + 1, entry);
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::ReindexAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer row = k.operand(0), offset = k.operand(1), inverse = k.operand(2), result = k.operand(3);
  k.units([&](Val) {
    k.loop(0, liveEnd(k, offset), 1,
           [&](Val slot) { result.store(inverse.load(k.convert(row.load(slot), k.i64())), slot); });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::PermuteAttr family, KernelFrame &frame) {
  constexpr int64_t kRowsPerUnit = 256;
  KernelBuilder k(frame);
  Buffer x = k.operand(0), index = k.operand(1), offset = k.operand(2), y = k.operand(3);
  k.units([&](Val unit) {
    Val lower = unit * kRowsPerUnit;
    k.loop(lower, min(lower + kRowsPerUnit, liveEnd(k, offset)), 1, [&](Val slot) {
      Val source = k.convert(index.load(slot), k.i64());
      if (x.shape.size() == 1)
        return y.store(x.load(source), slot);
      Buffer from = x.row(source), to = y.row(slot);
      k.columns(x.size(1),
                [&](Val column, Val mask) { to.store(from.loadVector(column, kLanes, mask), column, mask); });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::TilesAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer offset = k.operand(0), list = k.operand(1), count = k.operand(2);
  int64_t rowTile = family.getRowTile();
  k.units([&](Val) {
    auto toInt = [&](Val value) { return k.convert(value, k.i32()); };
    KernelBuilder::Vals total = k.loop(0, offset.size(0) - 1, 1, {k.index(0)}, [&](Val group, ArrayRef<Val> carried) {
      Val first = k.convert(offset.load(group), k.i64());
      Val end = k.convert(offset.load(group + 1), k.i64());
      return k.loop(first, end, rowTile, carried, [&](Val slot, ArrayRef<Val> numTiles) {
        Buffer entry = list.row(numTiles[0]);
        entry.store(toInt(group), 0);
        entry.store(toInt(slot), 1);
        entry.store(toInt(min(end - slot, k.index(rowTile))), 2);
        return KernelBuilder::Vals{numTiles[0] + 1};
      });
    });
    count.store(toInt(total[0]), 0);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::ClampOffsetsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer offset = k.operand(0), result = k.operand(3);
  Val begin = k.scalar(1), end = k.scalar(2);
  k.units([&](Val) {
    k.loop(0, offset.size(0), 1, [&](Val g) { result.store(min(max(offset.load(g), begin), end), g); });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
