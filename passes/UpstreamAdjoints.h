// Reverse mode of operations that the dialect does not own: arith and math, and motley.map, whose region holds them.
#ifndef MOTLEY_PASSES_UPSTREAMADJOINTS_H
#define MOTLEY_PASSES_UPSTREAMADJOINTS_H

#include "passes/Passes.h"

namespace mlir::motley {

/// The adjoint of any operation, by its interface or by the rules of this file. Scalars and tensors alike: constants
/// take the type of the value that they meet. An error at the operation where it has none and passes floats on.
LogicalResult buildAdjointOf(Operation *op, OpBuilder &builder, Adjoint &adjoint);

/// Results of motley.map that nobody reads are dropped, and what only they needed.
void dropUnreadResults(MapOp op);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_UPSTREAMADJOINTS_H
