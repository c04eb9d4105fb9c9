// Clones the scalar region of a kernel onto vectors. Upstream arith and math operations take vectors as they stand;
// motley's activations are written out in arith and math here, once for every kernel.
#include "codegen/cpu/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley::codegen {
namespace {

/// Operations on values of one type, f32 or a vector of it.
struct Floats {
  OpBuilder &builder;
  Location loc;
  Type type;

  Value constant(double value) {
    auto element = builder.getF32FloatAttr(value);
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(vector, element.getValue()));
    return arith::ConstantOp::create(builder, loc, element);
  }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value subtract(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }
  Value multiply(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
  Value divide(Value a, Value b) { return arith::DivFOp::create(builder, loc, a, b); }
  Value negate(Value a) { return arith::NegFOp::create(builder, loc, a); }
  Value exp(Value a) { return math::ExpOp::create(builder, loc, a); }
  Value erf(Value a) { return math::ErfOp::create(builder, loc, a); }
  Value isPositive(Value a) {
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, a, constant(0));
  }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(builder, loc, condition, a, b); }

  /// 1 / (1 + exp(-x)).
  Value sigmoid(Value x) { return divide(constant(1), add(constant(1), exp(negate(x)))); }
  /// (1 + erf(x / sqrt 2)) / 2, the normal distribution function.
  Value normalCdf(Value x) {
    return multiply(constant(0.5), add(constant(1), erf(multiply(x, constant(0.70710678118654752440)))));
  }
  /// exp(-x^2 / 2) / sqrt(2 pi), its density.
  Value normalDensity(Value x) {
    return multiply(constant(0.39894228040143267794), exp(multiply(constant(-0.5), multiply(x, x))));
  }
};

/// The activations of dialect/ModelOps.td. Null for any other operation.
Value expandActivation(Operation *op, Floats f, Value x) {
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](SiluOp) { return f.multiply(x, f.sigmoid(x)); })
      .Case([&](SiluSlopeOp) {
        Value s = f.sigmoid(x);
        return f.multiply(s, f.add(f.constant(1), f.multiply(x, f.subtract(f.constant(1), s))));
      })
      .Case([&](GeluOp) { return f.multiply(x, f.normalCdf(x)); })
      .Case([&](GeluSlopeOp) { return f.add(f.normalCdf(x), f.multiply(x, f.normalDensity(x))); })
      .Case([&](ReluOp) { return f.select(f.isPositive(x), x, f.constant(0)); })
      .Case([&](ReluSlopeOp) { return f.select(f.isPositive(x), f.constant(1), f.constant(0)); })
      .Default(Value());
}

/// `type` with its scalar type replaced by a vector of the shape that the arguments have.
Type vectorised(Type type, Type argument) {
  auto vector = dyn_cast<VectorType>(argument);
  return vector ? vector.clone(type) : type;
}

/// A scalar constant becomes a splat, so that later patterns see it.
Value cloneConstant(OpBuilder &builder, arith::ConstantOp op, Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return builder.clone(*op)->getResult(0);
  return arith::ConstantOp::create(builder, op.getLoc(), DenseElementsAttr::get(vector, Attribute(op.getValue())));
}

} // namespace

FailureOr<SmallVector<Value>> cloneScalarRegion(KernelFrame &frame, ValueRange arguments) {
  Block &block = frame.kernel.getBody().front();
  if (block.getNumArguments() != arguments.size())
    return frame.kernel.emitOpError() << "has a region with " << block.getNumArguments() << " arguments, expected "
                                      << arguments.size();
  OpBuilder &builder = frame.builder;
  Type type = arguments.front().getType();
  IRMapping mapping;
  mapping.map(block.getArguments(), arguments);
  for (Operation &op : block.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      mapping.map(constant.getResult(), cloneConstant(builder, constant, vectorised(constant.getType(), type)));
      continue;
    }
    Value first = op.getNumOperands() == 0 ? Value() : mapping.lookup(op.getOperand(0));
    if (Value value = first ? expandActivation(&op, {builder, op.getLoc(), type}, first) : Value()) {
      mapping.map(op.getResult(0), value);
      continue;
    }
    if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op.getDialect()) || op.getNumRegions() != 0)
      return op.emitOpError("is not an operation that a kernel's region can hold");
    Operation *clone = builder.clone(op, mapping);
    for (Value result : clone->getResults())
      result.setType(vectorised(result.getType(), type));
  }
  SmallVector<Value> results;
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(mapping.lookup(value));
  return results;
}

} // namespace mlir::motley::codegen
