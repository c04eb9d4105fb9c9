// What may stand in a scalar region that comes from a user.
#ifndef MOTLEY_PASSES_SCALARMATH_H
#define MOTLEY_PASSES_SCALARMATH_H

#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"

namespace mlir::motley {

/// The value of a tensor or a scalar that is one constant f32 everywhere, or null.
FloatAttr constantNumber(Value value);

/// Whether the operation has a kernel and, where it passes floats on, a derivative; an error at it if not.
LogicalResult checkScalarOperation(Operation *op);

/// The operands that are values of the rows: all but the exponent of a power, which is a constant.
OperandRange scalarOperands(Operation *op);

/// Clones an operation that checkScalarOperation accepts into the region of a map, on scalars: a power becomes
/// products or exp of a logarithm, fast-math flags are dropped. Its operands are in `scalars`, and so is its result
/// then.
LogicalResult cloneAsScalar(Operation *op, OpBuilder &builder, IRMapping &scalars);

/// Puts maps that only one other map reads into that one.
void fuseMaps(func::FuncOp function);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_SCALARMATH_H
