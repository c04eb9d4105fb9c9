// Initial values of a variable: constants, or draws that depend on seed, name and element alone (motley.variable).
#include "codegen/cpu/kernels/Random.h"

namespace mlir::motley::codegen {
namespace {

/// Initial values of the elements `element` (i64 lanes, row-major numbers).
Val draw(KernelBuilder &k, Init init, Val seed, Val scale, Val site, Val element) {
  if (init == Init::constant)
    return k.broadcast(scale, element.lanes());
  auto low = [&](Val bits) { return k.convert(bits, k.i32()); };
  auto high = [&](Val bits) { return k.convert(bits >> 32, k.i32()); };
  RandomWords words =
      philox({low(element), high(element), k.broadcast(low(site)), k.broadcast(high(site))}, low(seed), high(seed));
  return (init == Init::uniform ? uniformDraw(words) : normalDraw(words)) * scale;
}

} // namespace

FailureOr<int64_t> emit(plan::InitialiseAttr family, KernelFrame &frame) {
  constexpr int64_t kRowsPerUnit = 32;
  KernelBuilder k(frame);
  Buffer param = k.operand(0);
  Val seed = k.scalar(1), scale = k.scalar(2), site = k.scalar(3), member = k.scalar(4), firstPanel = k.scalar(5);
  int64_t rows = family.getRows(), columns = family.getColumns();
  bool isPacked = param.shape.size() == 4;
  // A table is its bank's only member: it has no dimension for members.
  Buffer own = isPacked || rows == 1 ? param.row(member) : param;
  k.units([&](Val unit) {
    Val lower = unit * kRowsPerUnit;
    k.loop(lower, min(lower + kRowsPerUnit, k.index(rows)), 1, [&](Val r) {
      auto values = [&](Val column) {
        return draw(k, family.getInit(), seed, scale, site, k.iota(k.i64()) + (r * columns + column));
      };
      if (!isPacked) { // a member of a vector bank, or a table: rows one after the other
        k.columns(columns, [&](Val column, Val mask) { own.store(values(column), r * columns + column, mask); });
        return;
      }
      int64_t panelColumns = own.size(2);
      int64_t padded = (columns + panelColumns - 1) / panelColumns * panelColumns;
      k.loop(0, padded, kLanes, [&](Val column) {
        Val value = values(column);
        if (padded != columns)
          value = select(k.lanesBelow(columns - column), value, value.like(0.0));
        Buffer panel = own.row(firstPanel + column / panelColumns);
        panel.row(r).store(value, column % panelColumns);
      });
    });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
