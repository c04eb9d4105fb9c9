// Banks of vectors: norms and their adjoints, biases. Rows are normalised head by head, in f32; the sum over a head is
// folded as KernelBuilder::sumColumns says.
#include "codegen/cpu/KernelBuilder.h"
#include "codegen/cpu/kernels/RowSums.h"

namespace mlir::motley::codegen {
namespace {

using Vals = KernelBuilder::Vals;

/// What the adjoints of a norm know about one head of one row.
struct Statistics {
  Val mean; ///< null for rms
  Val inverseDeviation;

  static int64_t count(NormKind kind) { return kind == NormKind::layer ? 2 : 1; }
  static Statistics load(NormKind kind, Buffer row, Val head) {
    if (kind == NormKind::rms)
      return {{}, row.load(head)};
    return {row.load(head * 2), row.load(head * 2 + 1)};
  }
  void store(Buffer row, Val head) const {
    if (!mean)
      return row.store(inverseDeviation, head);
    row.store(mean, head * 2);
    row.store(inverseDeviation, head * 2 + 1);
  }
  Val normalise(Val x) const { return (mean ? x - mean : x) * inverseDeviation; }
};

/// `value` where the mask is on, else 0.
Val masked(Val value, Val mask) { return mask ? select(mask, value, value.like(0.0)) : value; }

void loopOverHeads(KernelBuilder &k, int64_t heads, function_ref<void(Val)> body) {
  if (heads == 1)
    return body(k.index(0));
  k.loop(0, heads, 1, body);
}

Statistics measure(KernelBuilder &k, NormKind kind, Buffer x, int64_t width, double epsilon) {
  Val mean;
  if (kind == NormKind::layer)
    mean = k.sumColumns(width, 1, [&](Val column, Val mask, ArrayRef<Val> sums) {
      return Vals{sums[0] + x.loadVector(column, kLanes, mask)};
    })[0] / static_cast<double>(width);
  Val squares = k.sumColumns(width, 1, [&](Val column, Val mask, ArrayRef<Val> sums) {
    Val value = x.loadVector(column, kLanes, mask);
    if (mean)
      value = masked(value - mean, mask);
    return Vals{fma(value, value, sums[0])};
  })[0];
  return {mean, 1.0 / sqrt(squares / static_cast<double>(width) + epsilon)};
}

} // namespace

FailureOr<int64_t> emit(plan::NormAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  unsigned next = 0;
  Buffer x = k.operand(next++), gain = k.operand(next++);
  Buffer bias = family.getHasBias() ? k.operand(next++) : Buffer();
  unsigned list = next++;
  Buffer y = k.operand(next++), statistics = k.operand(next++);
  int64_t heads = family.getHeads(), width = x.size(1) / heads;
  double epsilon = family.getEpsilon().getValueAsDouble();
  k.tiles(list, family.getMap(), [&](Tile tile, Val member) {
    Buffer memberGain = gain.row(member), memberBias = bias ? bias.row(member) : Buffer();
    k.loop(tile.first, tile.first + tile.count, 1, [&](Val r) {
      loopOverHeads(k, heads, [&](Val head) {
        Buffer from = x.row(r).at(head * width), to = y.row(r).at(head * width);
        Statistics stats = measure(k, family.getKind(), from, width, epsilon);
        stats.store(statistics.row(r), head);
        k.columns(width, [&](Val column, Val mask) {
          Val value = stats.normalise(from.loadVector(column, kLanes, mask));
          Val factor = memberGain.loadVector(column, kLanes, mask);
          to.store(bias ? fma(value, factor, memberBias.loadVector(column, kLanes, mask)) : value * factor, column,
                   mask);
        });
      });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::NormBackwardAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer dy = k.operand(0), x = k.operand(1), statistics = k.operand(2), gain = k.operand(3), dx = k.operand(5);
  int64_t heads = family.getHeads(), width = x.size(1) / heads;
  bool isLayer = family.getKind() == NormKind::layer;
  k.tiles(4, family.getMap(), [&](Tile tile, Val member) {
    Buffer memberGain = gain.row(member);
    k.loop(tile.first, tile.first + tile.count, 1, [&](Val r) {
      loopOverHeads(k, heads, [&](Val head) {
        Val start = head * width;
        Buffer rowDy = dy.row(r).at(start), rowX = x.row(r).at(start), to = dx.row(r).at(start);
        Statistics stats = Statistics::load(family.getKind(), statistics.row(r), head);
        auto terms = [&](Val column, Val mask) { // dy * gain, and the normalised value
          Val a = rowDy.loadVector(column, kLanes, mask) * memberGain.loadVector(column, kLanes, mask);
          return std::make_pair(a, stats.normalise(rowX.loadVector(column, kLanes, mask)));
        };
        // Lanes that are masked have a = 0 and add nothing.
        Vals sums = k.sumColumns(width, isLayer ? 2 : 1, [&](Val column, Val mask, ArrayRef<Val> sums) {
          auto [a, n] = terms(column, mask);
          Vals next{fma(a, n, sums[0])};
          if (isLayer)
            next.push_back(sums[1] + a);
          return next;
        });
        Val meanOfProduct = sums[0] / static_cast<double>(width);
        Val meanOfA = isLayer ? sums[1] / static_cast<double>(width) : Val();
        k.columns(width, [&](Val column, Val mask) {
          auto [a, n] = terms(column, mask);
          Val centred = isLayer ? a - meanOfA : a;
          to.store(fma(n, -meanOfProduct, centred) * stats.inverseDeviation, column, mask);
        });
      });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::NormGainAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer dy = k.operand(0), x = k.operand(1), statistics = k.operand(2), offset = k.operand(3);
  Val add = k.scalar(4);
  Buffer gain = k.operand(5), bias = family.getHasBias() ? k.operand(6) : Buffer();
  int64_t heads = family.getHeads(), width = gain.size(1), numSums = bias ? 2 : 1;
  auto addHead = [&](Val r, Val head, const ColumnBlock &columns, ArrayRef<Val> sums) {
    Buffer rowDy = dy.row(r).at(head * width), rowX = x.row(r).at(head * width);
    Statistics stats = Statistics::load(family.getKind(), statistics.row(r), head);
    Vals next(sums);
    for (auto [i, part] : llvm::enumerate(columns)) {
      Val a = rowDy.loadVector(part.column, kLanes, part.mask);
      next[i] = fma(a, stats.normalise(rowX.loadVector(part.column, kLanes, part.mask)), sums[i]);
      if (bias)
        next[columns.size() + i] = sums[columns.size() + i] + a;
    }
    return next;
  };
  sumRowsOfMembers(
      k, family.getMap(), offset, width, numSums,
      [&](Val r, const ColumnBlock &columns, ArrayRef<Val> sums) {
        if (heads == 1)
          return addHead(r, k.index(0), columns, sums);
        return k.loop(0, heads, 1, sums,
                      [&](Val head, ArrayRef<Val> carried) { return addHead(r, head, columns, carried); });
      },
      [&](Val member, const ColumnBlock &columns, ArrayRef<Val> sums) {
        columns.write(gain.row(member), sums.take_front(columns.size()), add);
        if (bias)
          columns.write(bias.row(member), sums.drop_front(columns.size()), add);
      });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::BiasAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer x = k.operand(0), bank = k.operand(1), y = k.operand(3);
  k.tiles(2, family.getMap(), [&](Tile tile, Val member) {
    Buffer bias = bank.row(member);
    k.loop(tile.first, tile.first + tile.count, 1, [&](Val r) {
      Buffer from = x.row(r), to = y.row(r);
      k.columns(x.size(1), [&](Val column, Val mask) {
        to.store(from.loadVector(column, kLanes, mask) + bias.loadVector(column, kLanes, mask), column, mask);
      });
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::ColumnSumAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer dy = k.operand(0), offset = k.operand(1);
  Val add = k.scalar(2);
  Buffer gradient = k.operand(3);
  sumRowsOfMembers(
      k, family.getMap(), offset, dy.size(1), 1,
      [&](Val r, const ColumnBlock &columns, ArrayRef<Val> sums) {
        Buffer from = dy.row(r);
        Vals next;
        for (auto [sum, part] : llvm::zip(sums, columns))
          next.push_back(sum + from.loadVector(part.column, kLanes, part.mask));
        return next;
      },
      [&](Val member, const ColumnBlock &columns, ArrayRef<Val> sums) {
        columns.write(gradient.row(member), sums, add);
      });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
