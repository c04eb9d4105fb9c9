// Tables of weights: look-up and its gradient.
#include "codegen/cpu/KernelBuilder.h"
#include "codegen/cpu/kernels/RowSums.h"

namespace mlir::motley::codegen {

FailureOr<int64_t> emit(plan::EmbeddingAttr family, KernelFrame &frame) {
  constexpr int64_t kRowsPerUnit = 32;
  KernelBuilder k(frame);
  Buffer table = k.operand(0), token = k.operand(1), offset = k.operand(2), y = k.operand(3);
  Val live = k.convert(offset.load(offset.size(0) - 1), k.i64());
  k.units([&](Val unit) {
    Val lower = unit * kRowsPerUnit;
    k.loop(lower, min(lower + kRowsPerUnit, live), 1, [&](Val r) {
      Buffer from = table.row(k.convert(token.load(r), k.i64())), to = y.row(r);
      k.columns(y.size(1),
                [&](Val column, Val mask) { to.store(from.loadVector(column, kLanes, mask), column, mask); });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::EmbeddingBackwardAttr family, KernelFrame &frame) {
  constexpr int64_t kTableRowsPerUnit = 64;
  KernelBuilder k(frame);
  Buffer dy = k.operand(0), row = k.operand(1), offset = k.operand(2);
  Val add = k.scalar(3);
  Buffer gradient = k.operand(4);
  int64_t width = gradient.size(1), numTableRows = gradient.size(0);
  k.units([&](Val unit) {
    Val lower = unit * kTableRowsPerUnit;
    k.loop(lower, min(lower + kTableRowsPerUnit, k.index(numTableRows)), 1, [&](Val v) {
      Val first = k.convert(offset.load(v), k.i64()), end = k.convert(offset.load(v + 1), k.i64());
      // A table row without slots keeps its gradient, or gets zeros.
      k.when((first < end) | (add == 0), [&] {
        Buffer to = gradient.row(v);
        k.loop(0, (width + kBlockColumns - 1) / kBlockColumns, 1, [&](Val block) {
          ColumnBlock columns(k, width, block);
          KernelBuilder::Vals sums = sumRows(k, first, end, columns.size(), [&](Val slot, ArrayRef<Val> sums) {
            Buffer from = dy.row(k.convert(row.load(slot), k.i64()));
            KernelBuilder::Vals next;
            for (auto [sum, part] : llvm::zip(sums, columns))
              next.push_back(sum + from.loadVector(part.column, kLanes, part.mask));
            return next;
          });
          columns.write(to, sums, add);
        });
      });
    });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
