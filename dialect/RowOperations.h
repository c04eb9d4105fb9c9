// What verifiers, and some passes, share about rows: what may stand where only some are, and types of other numbers of
// rows.
#ifndef MOTLEY_DIALECT_ROWOPERATIONS_H
#define MOTLEY_DIALECT_ROWOPERATIONS_H

#include "dialect/Motley.h"

namespace mlir::motley {

/// Whether the operation may stand in a case of by_modality or in an expert: it works on rows by themselves, or among
/// those that are there.
bool isRowOperation(Operation &op);

/// Refuses a look-up of tokens in a region whose rows are some of those of the function: its table would be indexed by
/// the tokens of all rows, and the gradient summed over them.
LogicalResult verifyLooksUpNothing(Operation &inner);

/// The type with another number of rows.
inline RankedTensorType withRows(Type type, int64_t rows) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape[0] = rows;
  return RankedTensorType::get(shape, tensor.getElementType());
}

} // namespace mlir::motley

#endif // MOTLEY_DIALECT_ROWOPERATIONS_H
