// Upstream operations that are not elementwise: constants, empty, splat, extract, from_elements and calls.
#include "tools/interp/Frame.h"

#include "mlir/IR/TypeUtilities.h"

namespace mlir::motley::interp {

LogicalResult evaluate(arith::ConstantOp op, Frame &frame) {
  std::optional<Tensor> value = tensorFromAttribute(op.getValue());
  if (!value)
    return op.emitError() << "the interpreter reads constants of floats and integers, got a " << op.getType();
  frame.set(op.getResult(), std::move(*value));
  return success();
}

/// Nothing is in it yet: dead.
LogicalResult evaluate(tensor::EmptyOp op, Frame &frame) {
  RankedTensorType type = op.getType();
  if (!type.hasStaticShape())
    return op.emitError() << "the interpreter wants static shapes, got " << type;
  frame.set(op.getResult(), isa<FloatType>(type.getElementType()) ? Tensor::ofFloats(type.getShape())
                                                                  : Tensor::ofInts(type.getShape()));
  return success();
}

LogicalResult evaluate(tensor::SplatOp op, Frame &frame) {
  RankedTensorType type = op.getType();
  if (!type.hasStaticShape())
    return op.emitError() << "the interpreter wants static shapes, got " << type;
  const Tensor &input = frame.tensor(op.getInput());
  frame.set(op.getResult(), input.isFloat ? Tensor::ofFloats(type.getShape(), input.floats.front())
                                          : Tensor::ofInts(type.getShape(), input.ints.front()));
  return success();
}

LogicalResult evaluate(tensor::ExtractOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getTensor());
  int64_t position = 0;
  for (auto [dimension, indexValue] : llvm::enumerate(op.getIndices())) {
    int64_t index = frame.intScalar(indexValue), size = input.shape[dimension];
    if (index < 0 || index >= size)
      return op.emitError() << "index " << index << " of dimension " << dimension << " is not in [0, " << size << ")";
    position = position * size + index;
  }
  frame.set(op.getResult(),
            input.isFloat ? Tensor::scalar(input.floats[position]) : Tensor::scalar(input.ints[position]));
  return success();
}

LogicalResult evaluate(tensor::FromElementsOp op, Frame &frame) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getType()).getShape();
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(op.getType()));
  Tensor result = isFloat ? Tensor::ofFloats(shape) : Tensor::ofInts(shape);
  for (auto [index, element] : llvm::enumerate(op.getElements())) {
    if (isFloat)
      result.floats[index] = frame.floatScalar(element);
    else
      result.ints[index] = frame.intScalar(element);
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

LogicalResult evaluate(func::CallOp op, Frame &frame) {
  auto callee = frame.interpreter.getModule().lookupSymbol<func::FuncOp>(op.getCallee());
  if (!callee)
    return op.emitError() << "no function '" << op.getCallee() << "' in the module";
  std::vector<RuntimeValue> arguments;
  for (Value operand : op.getOperands())
    arguments.push_back(frame.get(operand));
  FailureOr<std::vector<RuntimeValue>> results = frame.interpreter.run(callee, arguments);
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
    frame.set(result, std::move(value));
  return success();
}

} // namespace mlir::motley::interp
