// Mathematics over the columns of each row, and means over rows. A row's sum is folded as KernelBuilder::sumColumns
// says. Dead rows are computed like others: whatever they hold, nothing reads it.
#include "codegen/cpu/kernels/RowBlocks.h"
#include "codegen/cpu/kernels/Scope.h"

#include <limits>

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;

/// The columns of one row that a softmax goes over.
struct SoftmaxRow {
  KernelBuilder &k;
  Buffer x;
  Buffer chosen; ///< null: all columns

  /// `value` in the columns of the softmax, else `other`.
  Val among(Val column, Val mask, Val value, double other) const {
    if (chosen)
      return select(chosen.loadVector(column, kLanes, mask) != 0, value, value.like(other));
    return mask ? select(mask, value, value.like(other)) : value;
  }

  /// The largest: -infinity if there is none. It may overlook NaN, which sums don't.
  Val largest() const {
    double lowest = -std::numeric_limits<double>::infinity();
    auto greater = [](Val a, Val b) { return max(a, b); };
    Vals fold = k.foldColumns(
        x.size(0), {k.constant(lowest, k.f32())},
        [&](Val column, Val mask, ArrayRef<Val> state) {
          return Vals{max(among(column, mask, x.loadVector(column, kLanes, mask), lowest), state[0])};
        },
        greater);
    return k.reduce(fold[0], greater);
  }

  /// The sum of exp(x - largest); each term goes to `terms` (if there), which may be x.
  Val sum(Val largest, Buffer terms) const {
    return k.sumColumns(x.size(0), 1, [&](Val column, Val mask, ArrayRef<Val> sums) {
      Val term = expOfNonPositive(x.loadVector(column, kLanes, mask) - largest);
      term = among(column, mask, term, 0.0);
      if (terms)
        terms.store(term, column, mask);
      return Vals{sums[0] + term};
    })[0];
  }
};

} // namespace

FailureOr<int64_t> emit(plan::RowSumAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer x = k.operand(0), y = k.operand(1);
  blocksOfRows(k, k.index(x.size(0)), [&](Val r) {
    Buffer row = x.row(r);
    Vals sums = k.sumColumns(x.size(1), 1, [&](Val column, Val mask, ArrayRef<Val> sums) {
      return Vals{sums[0] + row.loadVector(column, kLanes, mask)};
    });
    y.store(sums[0], r);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::RowBroadcastAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer x = k.operand(0), y = k.operand(1);
  blocksOfRows(k, k.index(x.size(0)), [&](Val r) {
    Val value = k.broadcast(x.load(r));
    k.columns(y.size(1), [&](Val column, Val mask) { y.row(r).store(value, column, mask); });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::SoftmaxAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned next = 0;
  Buffer x = k.operand(next++), chosen = family.getHasChosen() ? k.operand(next++) : Buffer(), y = k.operand(next++);
  blocksOfRows(k, k.index(x.size(0)), [&](Val r) {
    SoftmaxRow row{k, x.row(r), chosen ? chosen.row(r) : Buffer()};
    Buffer to = y.row(r);
    Val sum = row.sum(row.largest(), to);
    if (chosen) // a row that chose none has zeros, and keeps them
      sum = select(sum == 0.0, sum.like(1.0), sum);
    k.columns(x.size(1),
              [&](Val column, Val mask) { to.store(to.loadVector(column, kLanes, mask) / sum, column, mask); });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::LogSumExpAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer x = k.operand(0), y = k.operand(1);
  blocksOfRows(k, k.index(x.size(0)), [&](Val r) {
    SoftmaxRow row{k, x.row(r), Buffer()};
    Val largest = row.largest();
    y.store(largest + log(row.sum(largest, Buffer())), r);
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::MeanRowsAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned next = 0;
  Buffer x = k.operand(next++);
  Scope scope(k, next, family.getMap(), family.getHasDocuments());
  Buffer y = k.operand(next++);
  k.units([&](Val unit) {
    k.columns(x.size(1), [&](Val column, Val mask) {
      Vals totals = scope.rows(unit, {k.zeros(), k.index(0)}, [&](Val r, ArrayRef<Val> sums) {
        return Vals{sums[0] + x.row(r).loadVector(column, kLanes, mask), sums[1] + 1};
      });
      Val mean = totals[0] / k.convert(totals[1], k.f32());
      scope.rows(unit, [&](Val r) { y.row(r).store(mean, column, mask); });
    });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
