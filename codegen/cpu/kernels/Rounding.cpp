#include "codegen/cpu/kernels/Rounding.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::motley::codegen {

// ---- instructions of AVX512_BF16

static Type pairs(KernelBuilder &k) { return k.vectorOf(k.builder.getBF16Type(), 2 * kLanes); }

static Val callIntrinsic(KernelBuilder &k, StringRef name, Type result, ValueRange arguments) {
  auto call = LLVM::CallIntrinsicOp::create(k.builder, k.loc, result, k.builder.getStringAttr(name), arguments);
  return {k, call.getResult(0)};
}
static Val reinterpret(KernelBuilder &k, Val value, Type type) {
  return {k, LLVM::BitcastOp::create(k.builder, k.loc, type, value.value)};
}
/// 32 bf16: those of `first`, then those of `second`.
static Val convertTwo(KernelBuilder &k, Val first, Val second) {
  return callIntrinsic(k, "llvm.x86.avx512bf16.cvtne2ps2bf16.512", pairs(k), {second.value, first.value});
}

Val multiplyAdd(KernelBuilder &k, Val left, Val right, Val sum) {
  if (right.isFloat())
    return fma(left, right, sum);
  return callIntrinsic(k, "llvm.x86.avx512bf16.dpbf16ps.512", sum.getType(),
                       {sum.value, reinterpret(k, left, pairs(k)).value, reinterpret(k, right, pairs(k)).value});
}

// ---- the same rounding by integers

/// Adds half of the last bit that is kept, less one where that bit is 0: ties go to even, a carry moves the exponent
/// up, to infinity at last. A NaN is cut instead and made quiet, so that it remains one.
static Val roundToBf16(KernelBuilder &k, Val value) {
  constexpr int64_t kKept = 0xffff0000, kQuiet = 0x00400000;
  Val bits = k.bitcast(value, k.i32());
  Val rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & kKept;
  Val isNan = value != value;
  return k.bitcast(select(isNan, (bits | kQuiet) & kKept, rounded), k.f32());
}

// ---- words

Buffer RoundedWords::scratch(ArrayRef<int64_t> shape, int64_t numElements) {
  Buffer room = k.scratch(k.f32(), {numElements});
  Buffer result(room.pointer, isPaired ? k.i32() : k.f32(), shape);
  assert(result.numElements() <= numElements && "a word has an element at least");
  return result;
}

Val RoundedWords::round(Val value) { return isRounded ? roundToBf16(k, value) : value; }

KernelBuilder::Vals RoundedWords::alongRow(Val first, Val second) {
  if (isPaired)
    return {reinterpret(k, convertTwo(k, first, second), k.vectorOf(k.i32()))};
  return {round(first), round(second)};
}

Val RoundedWords::ofColumns(ArrayRef<Val> vectors) {
  if (!isPaired)
    return round(vectors.front());
  Type halves = k.vectorOf(k.builder.getI16Type(), 2 * kLanes);
  Val second = vectors.size() == 2 ? vectors.back() : k.zeros();
  Val both = reinterpret(k, convertTwo(k, vectors.front(), second), halves);
  SmallVector<int64_t> interleaved;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    interleaved.push_back(lane);
    interleaved.push_back(kLanes + lane);
  }
  return reinterpret(k, k.shuffle(both, both, interleaved), k.vectorOf(k.i32()));
}

void RoundedWords::forEachRow(IndexArg numRows, function_ref<void(Val w, ArrayRef<Val> rows)> body) {
  if (!isPaired)
    return k.loop(0, numRows, 1, [&](Val row) { body(row, row); });
  Val rows = k.index(numRows), numPairs = rows >> 1;
  k.loop(0, numPairs, 1, [&](Val w) { body(w, {w * 2, w * 2 + 1}); });
  k.when((rows & 1) == 1, [&] { body(numPairs, rows - 1); });
}

void RoundedWords::packRow(const Buffer &source, int64_t width, const Buffer &target) {
  constexpr int64_t kStep = 2 * kLanes;
  auto pack = [&](Val column, int64_t numElements) {
    auto vector = [&](int64_t offset) {
      if (offset >= numElements)
        return k.zeros();
      return source.loadVector(column + offset, kLanes, k.firstLanes(numElements - offset));
    };
    Val place = isPaired ? column >> 1 : column;
    for (auto [i, words] : llvm::enumerate(alongRow(vector(0), vector(kLanes))))
      target.store(words, place + static_cast<int64_t>(i) * kLanes);
  };
  int64_t whole = width / kStep * kStep;
  if (whole)
    k.loop(0, whole, kStep, [&](Val column) { pack(column, kStep); });
  if (whole < width)
    pack(k.index(whole), width - whole);
}

void RoundedWords::packTransposed(const Buffer &source, const Buffer &target, Val numRows, int64_t numColumns,
                                  int64_t next) {
  constexpr int64_t kSide = 2 * kLanes;
  k.loop(0, kSide, kLanes, [&](Val firstRow) {
    SmallVector<KernelBuilder::Vals, 2> blocks(isPaired ? 1 : 2); // [words of the columns][row]
    for (int64_t i = 0; i < kLanes; ++i) {
      Val row = numRows ? min(firstRow + i, numRows - 1) : firstRow + i;
      auto vector = [&](int64_t column) {
        if (column >= numColumns)
          return k.zeros();
        return source.at(row * kSide).loadVector(column, kLanes, k.firstLanes(numColumns - column));
      };
      for (int64_t line = 0; line < kSide; line += kLanes)
        LLVM::Prefetch::create(k.builder, k.loc, source.at(row * kSide + (next + line)).pointer, /*rw=*/0, /*hint=*/3,
                               /*cache=*/1);
      for (auto [block, words] : llvm::zip(blocks, alongRow(vector(0), vector(kLanes))))
        block.push_back(words);
    }
    for (auto [b, block] : llvm::enumerate(blocks)) {
      k.transpose(block);
      for (auto [i, words] : llvm::enumerate(block))
        target.store(words, firstRow + static_cast<int64_t>(b * kLanes + i) * kSide);
    }
  });
}

} // namespace mlir::motley::codegen
