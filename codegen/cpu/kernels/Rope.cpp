// Rotary position embedding.
//
// The angle is position * theta^(-2 j / D'). In f32 it would lose the very digits that matter (at position 1e5 its
// error is 4e-3), so it is computed in turns in f64, reduced to [-1/2, 1/2] there, and only then rounded: the error of
// sine and cosine stays below 5e-7 for every position. Once per row, for all heads. Dead rows are turned too: any
// integer is a position.
#include "codegen/cpu/KernelBuilder.h"

#include <cmath>

namespace mlir::motley::codegen {

FailureOr<int64_t> emit(plan::RopeAttr family, KernelFrame &frame) {
  constexpr int64_t kRowsPerUnit = 32;
  KernelBuilder k(frame);
  Buffer x = k.operand(0), position = k.operand(1), y = k.operand(2);
  int64_t heads = family.getHeads(), width = x.size(1) / heads, half = width / 2;
  int64_t padded = (half + kLanes - 1) / kLanes * kLanes;
  SmallVector<double> turnsPerPosition(padded, 0.0);
  for (int64_t j = 0; j < half; ++j)
    turnsPerPosition[j] = std::pow(family.getTheta().getValueAsDouble(), -2.0 * j / width) / (2.0 * M_PI);
  Buffer turns = k.table(turnsPerPosition);
  Buffer cosines = k.scratch(k.f32(), {padded}), sines = k.scratch(k.f32(), {padded});

  k.units([&](Val unit) {
    Val lower = unit * kRowsPerUnit;
    k.loop(lower, min(lower + kRowsPerUnit, k.index(x.size(0))), 1, [&](Val r) {
      Val place = k.broadcast(k.convert(position.load(r), k.f64()));
      k.columns(padded, [&](Val j, Val) {
        Val angle = place * turns.loadVector(j);
        auto [sine, cosine] = sinCosOfTurn(k.convert(angle - roundEven(angle), k.f32()));
        cosines.store(cosine, j);
        sines.store(family.getInverse() ? -sine : sine, j);
      });
      Buffer from = x.row(r), to = y.row(r);
      k.loop(0, heads, 1, [&](Val head) {
        Val start = head * width;
        k.columns(half, [&](Val j, Val mask) {
          Val low = start + j, high = low + half;
          Val a = from.loadVector(low, kLanes, mask), b = from.loadVector(high, kLanes, mask);
          Val cosine = cosines.loadVector(j), sine = sines.loadVector(j);
          to.store(fma(a, cosine, -(b * sine)), low, mask);
          to.store(fma(b, cosine, a * sine), high, mask);
        });
      });
    });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
