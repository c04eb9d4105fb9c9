// The update of the parameters: the norm of the gradients, then AdamW. Banks are flat here.
#include "codegen/cpu/KernelBuilder.h"

#include <cmath>

namespace mlir::motley::codegen {

using Vals = KernelBuilder::Vals;

FailureOr<int64_t> emit(plan::SumSquaresAttr family, KernelFrame &frame) {
  constexpr int64_t kElementsPerUnit = 65536;
  constexpr int64_t kWays = 4; // independent sums, so that one addition needn't wait for the last
  KernelBuilder k(frame);
  Buffer gradient = k.operand(0), partial = k.operand(2);
  Val first = k.scalar(1);
  auto addSquares = [&](Val element, Val mask, Val sum) {
    Val x = k.convert(gradient.loadVector(element, kLanes, mask), k.f64());
    return fma(x, x, sum);
  };
  k.units([&](Val unit) {
    Val lower = unit * kElementsPerUnit;
    Val upper = min(lower + kElementsPerUnit, k.index(gradient.numElements()));
    Val rounds = upper - (upper - lower) % (kWays * kLanes);
    Vals zeros(kWays, k.constant(0.0, k.vectorOf(k.f64())));
    Vals sums = k.loop(lower, rounds, kWays * kLanes, zeros, [&](Val element, ArrayRef<Val> carried) {
      Vals next;
      for (int64_t way = 0; way < kWays; ++way)
        next.push_back(addSquares(element + way * kLanes, {}, carried[way]));
      return next;
    });
    Val rest = k.loop(rounds, upper, kLanes, {zeros[0]}, [&](Val element, ArrayRef<Val> carried) {
      return Vals{addSquares(element, k.lanesBelow(upper - element), carried[0])};
    })[0];
    Val total = k.sum((sums[0] + sums[1]) + (sums[2] + sums[3]) + rest);
    partial.store(total, first + unit);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::NormFinishAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer partial = k.operand(0), norm = k.operand(1);
  k.units([&](Val) {
    Val sum = k.loop(0, partial.size(0), 1, {k.constant(0.0, k.f64())},
                     [&](Val i, ArrayRef<Val> carried) { return Vals{carried[0] + partial.load(i)}; })[0];
    norm.store(k.convert(sqrt(sum), k.f32()), 0);
  });
  return k.scratchBytes();
}

/// base^exponent in f64 by repeated squaring, exponent >= 0.
static Val power(KernelBuilder &k, double base, Val exponent) {
  constexpr int64_t kExponentBits = 48; // more steps than a run has
  Val one = k.constant(1.0, k.f64());
  return k.loop(0, kExponentBits, 1, {one, k.constant(base, k.f64())}, [&](Val bit, ArrayRef<Val> carried) {
    Val isSet = ((exponent >> bit) & 1) != 0;
    return Vals{select(isSet, carried[0] * carried[1], carried[0]), carried[1] * carried[1]};
  })[0];
}

namespace {

/// A block of elements, and what it is updated by.
struct UpdateRule {
  Val lower, upper;   // elements
  Val rate;           // learning rate, f32
  Val decay;          // f32; null: none
  Val scale1, scale2; // m' / (1 - beta1^n) is m' * scale1, v' likewise
};

} // namespace

FailureOr<int64_t> emit(plan::AdamWAttr family, KernelFrame &frame) {
  constexpr int64_t kElementsPerUnit = 16384;
  KernelBuilder k(frame);
  bool hasEma = family.getEma() != nullptr;
  Buffer param = k.operand(0), grad = k.operand(1), m = k.operand(2), v = k.operand(3);
  Buffer ema = hasEma ? k.operand(4) : Buffer(), norm = k.operand(4 + hasEma);
  Val rate = k.scalar(5 + hasEma), step = k.scalar(6 + hasEma);
  double beta1 = family.getBeta1().getValueAsDouble(), beta2 = family.getBeta2().getValueAsDouble();
  double epsilon = family.getEpsilon().getValueAsDouble(), decay = family.getWeightDecay().getValueAsDouble();
  double clip = family.getClip().getValueAsDouble();
  double keep = hasEma ? family.getEma().getValueAsDouble() : 0;

  auto correction = [&](double beta, Val count) { return k.convert(1.0 / (1.0 - power(k, beta, count)), k.f32()); };
  Val gradientScale = k.constant(1.0, k.f32());
  if (clip > 0) {
    Val n = norm.load(0);
    gradientScale = select(n > clip, clip / n, gradientScale);
  }
  auto update = [&](const UpdateRule &rule) {
    k.elements(rule.lower, rule.upper, [&](Val i, Val mask) {
      Val g = grad.loadVector(i, kLanes, mask) * gradientScale;
      Val w = param.loadVector(i, kLanes, mask);
      Val newM = fma(m.loadVector(i, kLanes, mask), g.like(beta1), g * (1.0 - beta1));
      Val newV = fma(v.loadVector(i, kLanes, mask), g.like(beta2), g * g * (1.0 - beta2));
      Val move = newM * rule.scale1 / (sqrt(newV * rule.scale2) + epsilon);
      if (rule.decay)
        move = fma(w, k.broadcast(rule.decay), move);
      Val newW = fma(-rule.rate, move, w);
      m.store(newM, i, mask);
      v.store(newV, i, mask);
      param.store(newW, i, mask);
      if (hasEma)
        ema.store(fma(ema.loadVector(i, kLanes, mask), w.like(keep), newW * (1.0 - keep)), i, mask);
    });
  };
  if (!family.getRuns()) {
    Val scale1 = correction(beta1, step), scale2 = correction(beta2, step);
    k.units([&](Val unit) {
      Val lower = unit * kElementsPerUnit, upper = min(lower + kElementsPerUnit, k.index(param.numElements()));
      update({lower, upper, rate, decay > 0 ? k.constant(decay, k.f32()) : Val(), scale1, scale2});
    });
    return k.scratchBytes();
  }

  // One row for each run: its first unit, its elements, its rule.
  std::vector<double> firsts, froms, tos, rates, decays, missed;
  double units = 0;
  for (auto run : family.getRuns().getAsRange<plan::RunAttr>()) {
    firsts.push_back(units);
    units += llvm::divideCeil(run.getTo() - run.getFrom(), kElementsPerUnit);
    froms.push_back(run.getFrom());
    tos.push_back(run.getTo());
    rates.push_back(run.getRate().getValueAsDouble());
    decays.push_back(run.getDecay().getValueAsDouble());
    missed.push_back(run.getMissed());
  }
  Buffer firstTable = k.table(firsts), fromTable = k.table(froms), toTable = k.table(tos), rateTable = k.table(rates),
         decayTable = k.table(decays), missedTable = k.table(missed);
  bool anyDecay = llvm::any_of(decays, [](double one) { return one > 0; });
  bool anyMissed = llvm::any_of(missed, [](double one) { return one > 0; });
  Val scale1, scale2;
  if (!anyMissed)
    scale1 = correction(beta1, step), scale2 = correction(beta2, step);
  auto asInteger = [&](Val number) { return k.convert(number, k.i64()); };
  k.units([&](Val unit) {
    Val run = k.loop(1, static_cast<int64_t>(firsts.size()), 1, {k.index(0)}, [&](Val i, ArrayRef<Val> carried) {
      return Vals{select(asInteger(firstTable.load(i)) <= unit, i, carried[0])};
    })[0];
    Val lower = asInteger(fromTable.load(run)) + (unit - asInteger(firstTable.load(run))) * kElementsPerUnit;
    Val upper = min(lower + kElementsPerUnit, asInteger(toTable.load(run)));
    if (anyMissed) {
      Val count = step - asInteger(missedTable.load(run));
      scale1 = correction(beta1, count), scale2 = correction(beta2, count);
    }
    update({lower, upper, rate * k.convert(rateTable.load(run), k.f32()),
            anyDecay ? k.convert(decayTable.load(run), k.f32()) : Val(), scale1, scale2});
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
