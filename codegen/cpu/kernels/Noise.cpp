// Pseudo-random numbers and buckets of rows: functions of the row's index or id, wherever the row stands.
#include "codegen/cpu/kernels/Random.h"
#include "codegen/cpu/kernels/RowBlocks.h"

namespace mlir::motley::codegen {

static Val drawNoise(NoiseKind kind, const RandomWords &words) {
  switch (kind) {
  case NoiseKind::gumbel:
    return -log(-log(unitInterval(words[0])));
  case NoiseKind::normal:
    return normalDraw(words);
  case NoiseKind::uniform:
    return uniformDraw(words);
  }
  llvm_unreachable("a kind of noise");
}

FailureOr<int64_t> emit(plan::NoiseAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer index = k.operand(0);
  Val seed = k.scalar(1), step = k.convert(k.scalar(2), k.i32()), site = k.convert(k.scalar(3), k.i32());
  Buffer y = k.operand(4);
  Val keyLow = k.convert(seed, k.i32()), keyHigh = k.convert(seed >> 32, k.i32());
  blocksOfRows(k, k.index(y.size(0)), [&](Val r) {
    Val row = index.load(r);
    k.columns(y.size(1), [&](Val column, Val mask) {
      Val expert = k.iota(k.i32()) + k.convert(column, k.i32());
      RandomWords words = philox({row, expert, step, site}, keyLow, keyHigh);
      y.row(r).store(drawNoise(family.getKind(), words), column, mask);
    });
  });
  return k.scratchBytes();
}

FailureOr<int64_t> emit(plan::HashAttr family, KernelFrame &frame) {
  KernelBuilder k(frame);
  Buffer ids = k.operand(0), y = k.operand(2);
  Val zero = k.constant(0, k.i32()), seed = k.convert(k.scalar(1), k.i32());
  k.units([&](Val unit) {
    Val lower = unit * kRowsPerBlock;
    k.elements(lower, min(lower + kRowsPerBlock, k.index(ids.size(0))), [&](Val element, Val mask) {
      Val word = philox({ids.loadVector(element, kLanes, mask), zero, zero, zero}, seed, zero)[0];
      Val bucket = k.convertUnsigned(word, k.i64()) % family.getBuckets();
      y.store(k.convert(bucket, k.i32()), element, mask);
    });
  });
  return k.scratchBytes();
}

} // namespace mlir::motley::codegen
