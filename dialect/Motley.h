// The motley dialect: levels 1 and 2.
#ifndef MOTLEY_DIALECT_MOTLEY_H
#define MOTLEY_DIALECT_MOTLEY_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialect/MotleyDialect.h.inc"
#include "dialect/MotleyEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/MotleyTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/MotleyAttrs.h.inc"

namespace mlir::motley {

/// Argument attribute of a function: which field of the rows the argument is (FieldAttr).
inline constexpr StringLiteral kFieldAttrName = "motley.field";
/// Result attribute of a loss function: the name under which a per-row loss is reported (StringAttr).
inline constexpr StringLiteral kLossAttrName = "motley.loss";

/// Argument attribute of a function: the scalar's name for the caller (StringAttr).
inline constexpr StringLiteral kScalarAttrName = "motley.scalar";
/// Attribute of a function: variables that it does not train (ArrayAttr of FlatSymbolRefAttr).
inline constexpr StringLiteral kFrozenAttrName = "motley.frozen";
/// Attribute of a function: the steps that did not train a variable, by its name (DictionaryAttr of IntegerAttr).
inline constexpr StringLiteral kMissedAttrName = "motley.missed";
/// Attribute of a module: what products round their operands to where they don't say themselves (PrecisionAttr).
inline constexpr StringLiteral kPrecisionAttrName = "motley.precision";

/// What an operation sees of reverse mode while it builds its adjoint.
class Adjoint {
public:
  virtual ~Adjoint() = default;
  /// The cotangent of a result; zeros where nothing downstream depends on it.
  virtual Value cotangent(Value result) = 0;
  /// Whether anything downstream depends on the value.
  virtual bool has(Value result) = 0;
  /// Adds a cotangent to an operand.
  virtual void accumulate(Value operand, Value cotangent) = 0;
  /// The map with -1 for members whose variable in `range` of the bank is frozen.
  virtual SmallVector<int64_t> trainedMap(Operation *op, FlatSymbolRefAttr bank, int64_t range,
                                          ArrayRef<int64_t> map) = 0;
  /// The `add` operand of a write into the gradients of members `map` and of `ranges` of a bank: the function's flag
  /// for their first write of a step, true afterwards. An error at `op` where some were written and some were not.
  virtual FailureOr<Value> addFlag(Operation *op, FlatSymbolRefAttr bank, ArrayRef<int64_t> ranges,
                                   ArrayRef<int64_t> map) = 0;
  /// The table of rows by token id over `tokens`, whose rows stand in the order of `rows`: for the gradient of a table
  /// of V rows.
  virtual Value rowsByToken(Value tokens, Value groups, int64_t numTokens) = 0;
};

} // namespace mlir::motley

#include "dialect/MotleyInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialect/MotleyOps.h.inc"

namespace mlir::motley {

/// The bank that `symbol` names, or null.
BankOp lookupBank(Operation *from, FlatSymbolRefAttr symbol);
/// The variable that `symbol` names, or null.
VariableOp lookupVariable(Operation *from, FlatSymbolRefAttr symbol);
/// Whether the function around `user` leaves the variable as it is.
bool isFrozen(Operation *user, VariableOp variable);
/// The modalities of the module in their order.
SmallVector<ModalityOp> getModalities(Operation *from);
/// Whether a number of an attribute is finite and above zero.
inline bool isPositive(const APFloat &value) { return value.isFinite() && !value.isZero() && !value.isNegative(); }
/// Whether a number of an attribute is finite and zero or above.
inline bool isNotNegative(const APFloat &value) { return value.isFinite() && (value.isZero() || !value.isNegative()); }
/// The rows and columns of a row tensor.
inline int64_t numRows(Value v) { return cast<RankedTensorType>(v.getType()).getDimSize(0); }
inline int64_t numColumns(Value v) { return cast<RankedTensorType>(v.getType()).getDimSize(1); }

} // namespace mlir::motley

#endif // MOTLEY_DIALECT_MOTLEY_H
