// The loss over logits that lie in memory row by row, and the sums that a step reports.
//
// A row is read twice, or three times with its adjoint: for its maximum, for the exponentials and their sum, and for
// the product of each with the factor that the sum gives. NaN among the logits makes the row's loss NaN: the maximum
// may overlook it, the sum doesn't.
#include "codegen/cpu/KernelBuilder.h"

#include <limits>

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;

/// One row of logits and its log-sum-exp.
struct SoftmaxRow {
  Val largest, sum, logSumExp;
};

SoftmaxRow measure(KernelBuilder &k, Buffer logits, int64_t width, bool keepExponentials) {
  double infinity = std::numeric_limits<double>::infinity();
  Val lowest = k.constant(-infinity, k.vectorOf(k.f32()));
  Vals fold = k.foldColumns(
      width, {lowest},
      [&](Val column, Val mask, ArrayRef<Val> state) {
        Val x = logits.loadVector(column, kLanes, mask);
        return Vals{max(mask ? select(mask, x, lowest) : x, state[0])};
      },
      [](Val a, Val b) { return max(a, b); });
  Val largest = k.reduce(fold[0], [](Val a, Val b) { return max(a, b); });
  Val sum = k.sumColumns(width, 1, [&](Val column, Val mask, ArrayRef<Val> sums) {
    Val e = expOfNonPositive(logits.loadVector(column, kLanes, mask) - largest);
    if (keepExponentials)
      logits.store(e, column, mask);
    return Vals{sums[0] + (mask ? select(mask, e, e.like(0.0)) : e)};
  })[0];
  return {largest, sum, largest + log(sum)};
}

} // namespace

FailureOr<int64_t> emit(plan::SoftmaxCrossEntropyAttr family, KernelFrame &frame) {
  constexpr int64_t kRowsPerUnit = 8;
  KernelBuilder k(frame);
  unsigned next = 0;
  Buffer logits = k.operand(next++), target = k.operand(next++), offset = k.operand(next++);
  Val begin = k.scalar(next++);
  bool backward = family.getBackward();
  Buffer dce = backward ? k.operand(next++) : Buffer(), dz = backward ? k.operand(next++) : Buffer();
  Buffer ce = k.operand(next++), z = k.operand(next++);
  int64_t width = logits.size(1);
  double zLoss = family.getZLoss().getValueAsDouble();
  Val end = k.convert(offset.load(offset.size(0) - 1), k.i64());
  Val zero = k.constant(0.0, k.f32());

  auto lossOf = [&](Val r, Val id) {
    Buffer row = logits.row(r);
    Val targetLogit = row.load(id);
    SoftmaxRow softmax = measure(k, row, width, backward);
    ce.store(softmax.logSumExp - targetLogit, r);
    z.store(softmax.logSumExp * softmax.logSumExp * zLoss, r);
    if (!backward)
      return;
    Val rowDce = dce.load(r);
    Val slope = fma(softmax.logSumExp * (2.0 * zLoss), dz.load(r), rowDce);
    Val factor = slope / softmax.sum;
    k.columns(width,
              [&](Val column, Val mask) { row.store(row.loadVector(column, kLanes, mask) * factor, column, mask); });
    row.store(row.load(id) - rowDce, id);
  };
  auto noLoss = [&](Val r) {
    ce.store(zero, r);
    z.store(zero, r);
    if (backward)
      k.columns(width, [&](Val column, Val mask) { logits.row(r).store(k.zeros(), column, mask); });
  };
  k.units([&](Val unit) {
    Val lower = begin + unit * kRowsPerUnit;
    k.loop(lower, min(lower + kRowsPerUnit, end), 1, [&](Val r) {
      Val id = k.convert(target.load(r), k.i64());
      k.when(
          id >= 0, [&] { lossOf(r, id); }, [&] { noLoss(r); });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::LossSumsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned numLosses = k.numOperands() - 4;
  SmallVector<Buffer> losses;
  for (unsigned i = 0; i < numLosses; ++i)
    losses.push_back(k.operand(i));
  Buffer weight = k.operand(numLosses), target = k.operand(numLosses + 1), offset = k.operand(numLosses + 2);
  Buffer sums = k.operand(numLosses + 3);
  Val live = k.convert(offset.load(offset.size(0) - 1), k.i64());
  int64_t numModalities = family.getBegins().size();
  k.units([&](Val) {
    Vals zeros(numLosses * numModalities, k.constant(0.0, k.f64()));
    Vals totals = k.loop(0, live, 1, zeros, [&](Val r, ArrayRef<Val> carried) {
      Val id = k.convert(target.load(r), k.i64()), rowWeight = k.convert(weight.load(r), k.f64());
      Vals next(carried);
      for (unsigned loss = 0; loss < numLosses; ++loss) {
        Val term = rowWeight * k.convert(losses[loss].load(r), k.f64());
        for (int64_t m = 0; m < numModalities; ++m) {
          Val &sum = next[loss * numModalities + m];
          Val owns = (id >= family.getBegins()[m]) & (id < family.getEnds()[m]);
          sum = select(owns, sum + term, sum);
        }
      }
      return next;
    });
    for (auto [i, total] : llvm::enumerate(totals))
      sums.store(total, static_cast<int64_t>(i));
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
