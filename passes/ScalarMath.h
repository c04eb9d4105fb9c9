// What may stand in a scalar region that comes from a user.
#ifndef MOTLEY_PASSES_SCALARMATH_H
#define MOTLEY_PASSES_SCALARMATH_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
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

/// The region of a map under construction, and the tensors that its arguments stand for.
class MapBuilder {
public:
  /// A map in front of `at`.
  MapBuilder(Operation *at);

  OpBuilder &builder() { return inner; }
  /// The scalar of a tensor: one argument for each.
  Value argumentFor(Value tensor);
  Value number(FloatAttr value);
  /// One tensor of `type` for each scalar. A scalar that is an argument or a constant needs no map.
  SmallVector<Value> finish(ArrayRef<Value> scalars, RankedTensorType type);

private:
  Location loc;
  OpBuilder outer, inner;
  Region region;
  SmallVector<Value> inputs;
};

/// Replaces a structured operation by maps, row sums and broadcasts; an error at it, or in its body, if it is none of
/// rows.
LogicalResult importLinalg(linalg::LinalgOp op);

/// Puts maps that only one other map reads into that one.
void fuseMaps(func::FuncOp function);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_SCALARMATH_H
