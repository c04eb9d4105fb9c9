// Sums over rows, column by column: gradients of vectors and tables.
//
// A unit owns a block of columns, so that no two units write the same place, and adds its rows one after the other.
// Rows are added in chunks, the chunks in order: the rounding error grows with the chunk and the number of chunks, not
// with the number of rows.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_ROWSUMS_H
#define MOTLEY_CODEGEN_CPU_KERNELS_ROWSUMS_H

#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

inline constexpr int64_t kBlockColumns = 64;
inline constexpr int64_t kChunkRows = 64;

/// The vectors of block number `block` of a row of `width` columns; masks are null where no block is partial.
class ColumnBlock {
public:
  struct Part {
    Val column, mask;
  };
  ColumnBlock(KernelBuilder &k, int64_t width, Val block);

  size_t size() const { return parts.size(); }
  auto begin() const { return parts.begin(); }
  auto end() const { return parts.end(); }
  /// Writes one sum per vector to a row: adds where `add` is true, else overwrites.
  void write(Buffer row, ArrayRef<Val> sums, Val add) const;

private:
  SmallVector<Part> parts;
};

/// Adds `term` over the rows [first, end): it gets numSums vectors and returns them with the row's terms added.
KernelBuilder::Vals sumRows(KernelBuilder &k, Val first, Val end, int64_t numSums,
                            function_ref<KernelBuilder::Vals(Val row, ArrayRef<Val> sums)> term);

/// The members that occur in a map, ascending.
SmallVector<int64_t> membersOf(ArrayRef<int64_t> map);

/// For each unit of (members of `map`) x (blocks of columns of `width`): the sums of numSums quantities over the rows
/// of the member's groups, in group order. `term` adds a row's terms to numSums * columns.size() vectors, quantity by
/// quantity; `finish` gets the sums in the same order.
void sumRowsOfMembers(KernelBuilder &k, ArrayRef<int64_t> map, Buffer offset, int64_t width, int64_t numSums,
                      function_ref<KernelBuilder::Vals(Val row, const ColumnBlock &, ArrayRef<Val> sums)> term,
                      function_ref<void(Val member, const ColumnBlock &, ArrayRef<Val> sums)> finish);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_ROWSUMS_H
