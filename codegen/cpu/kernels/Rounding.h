// Operands that a kernel rounds to bf16, to nearest even, and how they lie in scratch.
//
// Scratch holds words of 32 bits. With Target::hasBf16 a word is a pair of neighbours along the summed dimension, the
// first in its low half, and a vector of words is one operand of vdpbf16ps. Without, a word is one f32 that has been
// rounded, and products are those of f32. Scratch has room for the latter at every level.
//
// vdpbf16ps takes denormals for zeros and adds the two products of a word with roundings of its own: the two ways
// differ by no more than roundings of f32 do, but their bits differ.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_ROUNDING_H
#define MOTLEY_CODEGEN_CPU_KERNELS_ROUNDING_H

#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// sum + left * right of f32; or, for words (i32), sum + the first product of each word + the second.
Val multiplyAdd(KernelBuilder &k, Val left, Val right, Val sum);

/// Makes the words of one level. Where nothing is rounded a word is an f32 as it is.
class RoundedWords {
public:
  RoundedWords(KernelBuilder &k, bool isRounded)
      : isRounded(isRounded), isPaired(isRounded && k.frame.target.hasBf16), k(k) {}

  const bool isRounded, isPaired;

  /// Elements in a word.
  int64_t perWord() const { return isPaired ? 2 : 1; }
  /// Words that hold `elements`, the last padded with a zero.
  int64_t count(int64_t elements) const { return llvm::divideCeil(elements, perWord()); }
  Val count(Val elements) const { return isPaired ? (elements + 1) >> 1 : elements; }
  /// Scratch for words of that shape. It has the same bytes at every level: room for `numElements` words.
  Buffer scratch(ArrayRef<int64_t> shape, int64_t numElements);

  /// A row of `width` elements becomes words at `target`, which has room for a multiple of 32 elements; those beyond
  /// `width` are zeros.
  void packRow(const Buffer &source, int64_t width, const Buffer &target);

  /// Calls the body for each row of words with the rows that it is made of: perWord() rows, or, at the end, those that
  /// are left.
  void forEachRow(IndexArg numRows, function_ref<void(Val w, ArrayRef<Val> rows)> body);
  /// The words of some columns: one vector for each row that forEachRow names. Of pairs, vectors have kLanes lanes.
  Val ofColumns(ArrayRef<Val> vectors);

  /// Rows [0, 32) of `source` (rows of 32 columns) become the columns of count(32) rows of 32 words at `target`: the
  /// transpose. Rows from `numRows` on are not read (null: all exist); columns from `numColumns` on become zeros.
  /// Asks for the block that lies `next` elements further, which the processor cannot guess.
  void packTransposed(const Buffer &source, const Buffer &target, Val numRows, int64_t numColumns, int64_t next);

private:
  /// Words of two vectors of consecutive elements: one vector, or the two.
  KernelBuilder::Vals alongRow(Val first, Val second);

  /// For elements that are words by themselves.
  Val round(Val value);

  KernelBuilder &k;
};

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_ROUNDING_H
