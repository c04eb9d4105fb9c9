// Initial values of a variable: constants, or draws that depend on seed, name and element alone (motley.variable).
#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {
namespace {

using Words = std::array<Val, 4>;

/// Low and high words of the 64-bit product of unsigned 32-bit lanes with a constant.
std::pair<Val, Val> multiplyWords(Val a, uint32_t factor) {
  KernelBuilder &k = *a.kernel;
  Val product = k.convertUnsigned(a, k.i64()) * static_cast<int64_t>(factor);
  return {k.convert(product, k.i32()), k.convert(product >> 32, k.i32())};
}

/// Philox4x32-10 (Salmon et al., SC 2011) on counters, one per lane.
Words philox(Words counter, Val keyLow, Val keyHigh) {
  for (int round = 0; round < 10; ++round) {
    auto [low0, high0] = multiplyWords(counter[0], 0xD2511F53u);
    auto [low1, high1] = multiplyWords(counter[2], 0xCD9E8D57u);
    counter = {high1 ^ counter[1] ^ keyLow, low1, high0 ^ counter[3] ^ keyHigh, low0};
    keyLow = keyLow + int64_t(0x9E3779B9);
    keyHigh = keyHigh + int64_t(0xBB67AE85);
  }
  return counter;
}

/// ((word >> 9) + 0.5) * 2^-23, in (0, 1), exact.
Val uniform(Val word) {
  KernelBuilder &k = *word.kernel;
  return (k.convert(word >> 9, k.f32()) + 0.5) * 0x1p-23;
}

/// Initial values of the elements `element` (i64 lanes, row-major numbers).
Val draw(KernelBuilder &k, Init init, Val seed, Val scale, Val site, Val element) {
  if (init == Init::constant)
    return k.broadcast(scale, element.lanes());
  auto low = [&](Val bits) { return k.convert(bits, k.i32()); };
  auto high = [&](Val bits) { return k.convert(bits >> 32, k.i32()); };
  Words words = philox({low(element), high(element), k.broadcast(low(site)), k.broadcast(high(site))}, low(seed),
                       high(seed));
  if (init == Init::uniform)
    return fma(uniform(words[0]), k.constant(2.0, k.f32()), k.constant(-1.0, k.f32())) * scale;
  Val turn = uniform(words[1]);
  turn = turn - select(turn > 0.5, turn.like(1.0), turn.like(0.0)); // exact
  return sqrt(log(uniform(words[0])) * -2.0) * sinCosOfTurn(turn).second * scale;
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
