// Elementwise operations become map kernels. Constants go into the region; scalars that are known when the step runs
// are operands of the kernel.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"
#include "passes/Recomputation.h"

using namespace mlir;
using namespace mlir::motley;

/// Launches a map: `inputs` are buffers or scalars of the step, one argument of `body` each.
static void launchMap(Location loc, ArrayRef<Value> inputs, ArrayRef<Value> outputs, Region &body, StepBuilder &step) {
  Launch launch{plan::MapAttr::get(step.context(), inputs.size()), {}};
  for (Value input : inputs)
    launch.operands.push_back(reads(input));
  for (Value output : outputs)
    launch.operands.push_back(writes(output));
  launch.factor = ceilDiv(numElements(outputs.front()), 4096);
  launch.flops = numElements(outputs.front()) * countOperations(body);
  launch.body = &body;
  step.launch(loc, launch);
}

/// An f32 argument of a map's region.
static Value addScalar(Region &body, Location loc) {
  if (body.empty())
    body.emplaceBlock();
  return body.front().addArgument(Float32Type::get(loc.getContext()), loc);
}

/// A region that no operation holds yet knows no context.
static OpBuilder atEndOf(Region &body, MLIRContext *context) {
  OpBuilder builder(context);
  builder.setInsertionPointToEnd(&body.front());
  return builder;
}

static void yield(Region &body, ValueRange values, Location loc) {
  OpBuilder builder = atEndOf(body, loc.getContext());
  YieldOp::create(builder, loc, values);
}

void mlir::motley::copy(Location loc, Value from, Value to, StepBuilder &step) {
  Region body;
  Value element = addScalar(body, loc);
  yield(body, element, loc);
  launchMap(loc, from, to, body, step);
}

void mlir::motley::add(Location loc, Value a, Value b, Value to, StepBuilder &step) {
  Region body;
  Value left = addScalar(body, loc), right = addScalar(body, loc);
  OpBuilder builder = atEndOf(body, loc.getContext());
  Value sum = arith::AddFOp::create(builder, loc, left, right);
  yield(body, sum, loc);
  launchMap(loc, {a, b}, to, body, step);
}

LogicalResult mlir::motley::lower(MapOp op, StepBuilder &step) {
  Region body;
  SmallVector<Value> captured;
  if (failed(cloneScalarRegion(op.getBody(), body, captured)))
    return failure();
  SmallVector<Value> inputs = llvm::map_to_vector(op.getInputs(), [&](Value input) { return step.buffer(input); });
  for (Value scalar : captured)
    inputs.push_back(step.scalar(scalar));
  SmallVector<Value> outputs =
      llvm::map_to_vector(op.getResults(), [&](Value result) { return step.destination(result); });
  launchMap(op.getLoc(), inputs, outputs, body, step);
  return success();
}

LogicalResult mlir::motley::lower(ScaleOp op, StepBuilder &step) {
  Region body;
  Value element = addScalar(body, op.getLoc()), factor = addScalar(body, op.getLoc());
  OpBuilder builder = atEndOf(body, op->getContext());
  Value product = arith::MulFOp::create(builder, op.getLoc(), element, factor);
  yield(body, product, op.getLoc());
  Value input = step.buffer(op.getInput());
  launchMap(op.getLoc(), {input, step.scalar(op.getFactor())}, step.destination(op.getResult()), body, step);
  return success();
}

LogicalResult mlir::motley::lowerElementwise(Operation *op, StepBuilder &step) {
  auto isFloats = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape() && tensor.getElementType().isF32();
  };
  if (!llvm::all_of(op->getOperandTypes(), isFloats) || !llvm::all_of(op->getResultTypes(), isFloats) ||
      op->getNumResults() == 0)
    return op->emitOpError("has no kernel on these types; compute on static tensors of f32, or inside motley.map");
  Region body;
  body.emplaceBlock();
  OpBuilder builder = atEndOf(body, op->getContext());
  Type f32 = builder.getF32Type();
  SmallVector<Value> inputs, scalars;
  for (Value operand : op->getOperands()) {
    if (FloatAttr number = step.splat(operand)) {
      scalars.push_back(arith::ConstantOp::create(builder, op->getLoc(), number));
      continue;
    }
    inputs.push_back(step.buffer(operand));
    scalars.push_back(addScalar(body, op->getLoc()));
  }
  NamedAttrList attributes(op->getAttrs());
  attributes.erase(kRecomputedAttrName); // the kernel is the original's
  OperationState state(op->getLoc(), op->getName(), scalars, SmallVector<Type>(op->getNumResults(), f32), attributes);
  Operation *scalar = builder.create(state);
  yield(body, scalar->getResults(), op->getLoc());
  SmallVector<Value> outputs =
      llvm::map_to_vector(op->getResults(), [&](Value result) { return step.destination(result); });
  launchMap(op->getLoc(), inputs, outputs, body, step);
  return success();
}
