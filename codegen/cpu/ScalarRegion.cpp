// Clones the scalar region of a kernel onto vectors. Upstream arith and math operations take vectors as they stand;
// motley's activations are written out here, once for every kernel.
#include "codegen/cpu/KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley::codegen {
namespace {

/// 1 / (1 + exp(-x)); 0 from -88.8 down, where exp(-x) is infinite.
Val sigmoid(Val x) { return 1.0 / (1.0 + exp(-x)); }
/// The same, down to the smallest numbers.
Val fullSigmoid(Val x) {
  Val e = exp(select(x < 0.0, x, -x));
  return select(x < 0.0, e, e.like(1.0)) / (1.0 + e);
}
/// (1 + erf(x / sqrt 2)) / 2, the normal distribution function.
Val normalCdf(Val x) {
  Val scaled = x * 0.70710678118654752440;
  KernelBuilder &k = *x.kernel;
  return 0.5 * (1.0 + Val(k, math::ErfOp::create(k.builder, k.loc, scaled.value)));
}
/// exp(-x^2 / 2) / sqrt(2 pi), its density.
Val normalDensity(Val x) { return 0.39894228040143267794 * exp(-0.5 * (x * x)); }

/// x / (2 pi) less the nearest integer, for sinCosOfTurn; good to 2^-24 of a turn up to |x| = 10^5.
Val turnsOf(Val x) {
  constexpr double kTurn = 6.28318530717958647692, kTurnHigh = 6.2831854820251465, kTurnLow = -1.7484555314695172e-07;
  Val whole = roundEven(x * (1 / kTurn));
  Val rest = fma(whole, x.like(-kTurnHigh), x);
  return fma(whole, x.like(-kTurnLow), rest) * (1 / kTurn);
}

/// The activations of dialect/ModelOps.td, and exp, log, sin and cos as kernels have them. Null for any other
/// operation.
Val expandFunction(Operation *op, Val x) {
  return TypeSwitch<Operation *, Val>(op)
      .Case([&](SiluOp) { return x * sigmoid(x); })
      .Case([&](SiluSlopeOp) {
        Val s = sigmoid(x);
        return s * (1.0 + x * (1.0 - s));
      })
      .Case([&](SigmoidOp) { return fullSigmoid(x); })
      .Case([&](GeluOp) { return x * normalCdf(x); })
      .Case([&](GeluSlopeOp) { return normalCdf(x) + x * normalDensity(x); })
      .Case([&](ReluOp) { return select(x < 0.0, x.like(0.0), x); }) // NaN stays NaN
      .Case([&](ReluSlopeOp) { return select(x > 0.0, x.like(1.0), x.like(0.0)); })
      .Case([&](math::ExpOp) { return exp(x); })
      .Case([&](math::LogOp) { return log(x); })
      .Case([&](math::SinOp) { return sinCosOfTurn(turnsOf(x)).first; })
      .Case([&](math::CosOp) { return sinCosOfTurn(turnsOf(x)).second; })
      .Default(Val());
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
  KernelBuilder k(frame);
  OpBuilder &builder = frame.builder;
  // A region without arguments holds constants alone.
  Type type = arguments.empty() ? k.vectorOf(k.f32()) : arguments.front().getType();
  IRMapping mapping;
  mapping.map(block.getArguments(), arguments);
  for (Operation &op : block.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      mapping.map(constant.getResult(), cloneConstant(builder, constant, vectorised(constant.getType(), type)));
      continue;
    }
    Value first = op.getNumOperands() == 0 ? Value() : mapping.lookup(op.getOperand(0));
    if (Val value = first ? expandFunction(&op, Val(k, first)) : Val()) {
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
