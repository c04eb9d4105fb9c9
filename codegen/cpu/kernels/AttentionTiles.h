// What the three attention kernels are made of.
//
// A unit works on a chunk of at most 64 rows of one side (queries, or keys in the adjoint of keys), and walks over
// blocks of 64 rows of the other side, counted from the document's first slot: what a row receives doesn't depend on
// its chunk. The chunk's rows are copied as they are; the block's rows are copied transposed too, so that scores are
// products of a scalar of the chunk with a vector over the block. Scores of a few rows of the chunk live in registers
// and scratch only.
//
// Sums have a fixed order: a score over the head's columns, a result over the rows of the other side from first to
// last. Pairs that the mask leaves out have weight 0, so that skipping a block of them changes nothing.
#ifndef MOTLEY_CODEGEN_CPU_KERNELS_ATTENTIONTILES_H
#define MOTLEY_CODEGEN_CPU_KERNELS_ATTENTIONTILES_H

#include "codegen/cpu/KernelBuilder.h"

namespace mlir::motley::codegen {

/// Rows of a chunk, and of a block of the other side.
inline constexpr int64_t kAttentionRows = 64;

/// The attributes that the families of attention share, and where the optional operands are.
struct AttentionShape {
  Mask mask;
  int64_t heads, keyHeads;
  double scale;
  bool hasOrder, hasSpan;
  int64_t width; ///< columns of a head

  template <typename Family> static AttentionShape of(Family family, Buffer query) {
    return {family.getMask(),
            family.getHeads(),
            family.getKvHeads(),
            family.getScale().getValueAsDouble(),
            family.getHasOrder(),
            family.getHasSpan(),
            query.size(1) / family.getHeads()};
  }
  int64_t headsPerKey() const { return heads / keyHeads; }
  int64_t paddedWidth() const { return (width + kLanes - 1) / kLanes * kLanes; }
};

/// A document's table and the fields that the mask compares.
struct AttentionTable {
  Buffer row, offset, order, span;
};

/// What the mask knows about up to 64 rows: order and span, one per row.
struct MaskFields {
  Buffer order, span;
  Val firstOrder, lastOrder; ///< of the live rows, ascending
  Val lowestSpan, highestSpan;
};

class AttentionBuilder {
public:
  using Vals = KernelBuilder::Vals;

  AttentionBuilder(KernelBuilder &k, AttentionShape shape, AttentionTable table);

  /// Rows that one register tile of scores has, and its vectors of columns.
  int64_t tileRows() const { return registerRows; }

  /// Scratch for the rows of a chunk (some are spare, so that the last register tile is whole), row-major.
  Buffer chunkRows();
  /// Scratch for the rows of a block: row-major, or [column of the head][row].
  Buffer blockRows();
  Buffer blockTransposed();
  /// Scratch for the scores of one register tile's rows against a block.
  Buffer scoreRows();
  /// Scratch for one number per row.
  Buffer numbers();
  MaskFields maskFields();

  /// Copies the columns of `head` of the slots [first, first + count) from `source`, times `factor`; the chunk's last
  /// row is repeated until a register tile is whole.
  void packRows(Buffer source, Val head, Val first, Val count, Buffer rows, double factor, bool isChunk);
  /// The same, transposed. Columns from `count` on hold copies of the last row, or anything.
  void packTransposed(Buffer source, Val head, Val first, Val count, Buffer transposed, double factor);
  /// One number per row, from column `column` of a row-major buffer.
  void packNumbers(Buffer source, Val column, Val first, Val count, Buffer numbers);
  /// Loads the fields; rows from `count` on get `deadOrder`, with which the mask admits nothing.
  void packFields(MaskFields &fields, Val first, Val count, int32_t deadOrder);
  /// Sets a chunk to zero.
  void clear(Buffer rows, Val count);

  /// scores[i, c] = rows[row + i] . transposed[:, c] for a register tile's rows and the columns [first, end), first and
  /// end rounded to whole vectors.
  void multiply(Buffer rows, Val row, Buffer transposed, Val first, Val end, Buffer scores);
  /// sums[row + i] = sums[row + i] * factors[row + i] + sum over c in [first, end) of weights[i, c] * rows[c].
  void accumulate(Buffer sums, Val row, Buffer factors, Buffer weights, Val first, Val end, Buffer rows);

  /// Whether the mask admits some pair of these queries and keys (may say yes where there is none).
  Val mayMeet(const MaskFields &queries, const MaskFields &keys);
  /// Whether the mask admits every pair.
  Val allMeet(const MaskFields &queries, const MaskFields &keys);
  /// The order of the last live row of a register tile.
  Val lastOrder(const MaskFields &fields, Val row, Val count) {
    return fields.order.load(min(row + (registerRows - 1), count - 1));
  }
  /// Orders ascend in a block: the number of keys that queries up to `lastOrder` may meet, and the number of queries
  /// that no key from `firstOrder` on meets. All and none where the mask is not causal.
  Val keysWithin(const MaskFields &keys, Val count, Val lastOrder);
  Val queriesBefore(const MaskFields &queries, Val count, Val firstOrder);
  /// Whether key and query meet, for a vector of one and a scalar of the other.
  Val admits(Val queryOrder, Val querySpan, Val keyOrder, Val keySpan);

  /// Calls the body for the chunks of a tile: first slot and number of rows.
  void chunks(Tile tile, function_ref<void(Val first, Val count)> body);
  /// Calls the body for the blocks of document `group`.
  void blocks(Val group, function_ref<void(Val first, Val count)> body);
  /// Calls the body for the register tiles of a chunk.
  void registerTiles(Val count, function_ref<void(Val row)> body);

  KernelBuilder &k;
  AttentionShape shape;
  AttentionTable table;

private:
  /// How many of the first `count` entries satisfy the predicate.
  Val countOrders(const MaskFields &fields, Val count, function_ref<Val(Val)> predicate);
  /// Row number of a slot.
  Val rowOf(Val slot) { return k.convert(table.row.load(slot), k.i64()); }

  int64_t registerRows, registerVectors;
};

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CPU_KERNELS_ATTENTIONTILES_H
