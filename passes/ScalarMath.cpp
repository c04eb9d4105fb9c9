// Scalar regions of a user's own mathematics: which operations there are, what becomes of powers, and maps of them.
#include "passes/ScalarMath.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;
using namespace mlir::motley;

/// Above it, exp of a logarithm is as good as products.
static constexpr int64_t kLargestExponentOfProducts = 16;

FloatAttr mlir::motley::constantNumber(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return {};
  if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
    return number.getType().isF32() ? number : FloatAttr();
  auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
  return elements && elements.isSplat() && elements.getElementType().isF32() ? elements.getSplatValue<FloatAttr>()
                                                                             : FloatAttr();
}

static bool isKnown(Operation *op) {
  if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::MaximumFOp,
          arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp, arith::CmpFOp, arith::SelectOp, arith::AndIOp,
          arith::OrIOp, arith::XOrIOp, arith::UIToFPOp, arith::ConstantOp>(op))
    return true;
  if (isa<math::AbsFOp, math::CeilOp, math::CosOp, math::ErfOp, math::ExpOp, math::ExpM1Op, math::FloorOp, math::FmaOp,
          math::FPowIOp, math::LogOp, math::Log1pOp, math::PowFOp, math::RoundEvenOp, math::RsqrtOp, math::SinOp,
          math::SqrtOp, math::TanhOp, math::TruncOp>(op))
    return true;
  return isa<MotleyDialect>(op->getDialect()) && op->hasTrait<OpTrait::Elementwise>();
}

static bool isPower(Operation *op) { return isa<math::PowFOp, math::FPowIOp>(op); }

OperandRange mlir::motley::scalarOperands(Operation *op) {
  return isPower(op) ? op->getOperands().take_front() : op->getOperands();
}

/// The exponent of a power, if it is a constant.
static std::optional<double> exponentOf(Operation *power) {
  if (FloatAttr number = constantNumber(power->getOperand(1)))
    return number.getValueAsDouble();
  auto constant = power->getOperand(1).getDefiningOp<arith::ConstantOp>();
  if (auto integer = constant ? dyn_cast<IntegerAttr>(constant.getValue()) : IntegerAttr())
    return static_cast<double>(integer.getInt());
  return std::nullopt;
}

LogicalResult mlir::motley::checkScalarOperation(Operation *op) {
  for (Value operand : scalarOperands(op)) {
    Type element = getElementTypeOrSelf(operand.getType());
    if (!element.isF32() && !element.isInteger(1))
      return op->emitError() << "'" << op->getName() << "' works on " << element
                             << "; a user's own mathematics works on f32: arith.sitofp makes numbers of a tensor of "
                                "integers before it";
  }
  if (!isKnown(op))
    return op->emitError() << "'" << op->getName()
                           << "' has no kernel and no derivative here; write it with arith, the functions exp, expm1, "
                              "log, log1p, sqrt, rsqrt, tanh, erf, sin, cos, absf, floor, ceil, fma and powf of "
                              "math, or the activations of motley";
  if (isPower(op) && !exponentOf(op))
    return op->emitError() << "'" << op->getName()
                           << "' has an exponent that is no constant; for a base above 0 write exp(exponent * "
                              "log(base))";
  for (Type type : op->getResultTypes())
    if (Type element = getElementTypeOrSelf(type);
        !element.isF32() && !element.isInteger(1) && !isa<arith::ConstantOp>(op)) // of fpowi
      return op->emitError() << "'" << op->getName() << "' gives " << element << ", expected f32 or i1";
  return success();
}

/// x^n for n >= 1, by squaring.
static Value powerOf(Value x, int64_t n, Location loc, OpBuilder &b) {
  if (n == 1)
    return x;
  Value half = powerOf(x, n / 2, loc, b), square = arith::MulFOp::create(b, loc, half, half);
  return n % 2 ? Value(arith::MulFOp::create(b, loc, square, x)) : square;
}

/// A constant power without a call of the C library.
static Value expandPower(Value x, double exponent, Location loc, OpBuilder &b) {
  auto number = [&](double value) -> Value { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value)); };
  if (exponent == 0)
    return number(1);
  if (exponent == 0.5)
    return math::SqrtOp::create(b, loc, x);
  if (exponent == -0.5)
    return math::RsqrtOp::create(b, loc, x);
  if (exponent == std::trunc(exponent) && std::fabs(exponent) <= kLargestExponentOfProducts) {
    Value power = powerOf(x, static_cast<int64_t>(std::fabs(exponent)), loc, b);
    return exponent > 0 ? power : Value(arith::DivFOp::create(b, loc, number(1), power));
  }
  bool isInteger = exponent == std::trunc(exponent), isOdd = isInteger && std::fmod(exponent, 2) != 0;
  Value magnitude = isInteger ? Value(math::AbsFOp::create(b, loc, x)) : x;
  Value power = math::ExpOp::create(
      b, loc, arith::MulFOp::create(b, loc, number(exponent), math::LogOp::create(b, loc, magnitude)));
  if (!isOdd)
    return power;
  Value isNegative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, number(0));
  return arith::SelectOp::create(b, loc, isNegative, arith::NegFOp::create(b, loc, power), power);
}

LogicalResult mlir::motley::cloneAsScalar(Operation *op, OpBuilder &b, IRMapping &scalars) {
  if (isPower(op)) {
    Value base = scalars.lookup(op->getOperand(0));
    scalars.map(op->getResult(0), expandPower(base, *exponentOf(op), op->getLoc(), b));
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    TypedAttr value = constant.getValue();
    if (auto elements = dyn_cast<DenseElementsAttr>(value)) {
      if (!elements.isSplat())
        return op->emitError("is a constant of several values in a function of single elements");
      value = elements.getSplatValue<TypedAttr>();
    }
    scalars.map(op->getResult(0), arith::ConstantOp::create(b, op->getLoc(), value));
    return success();
  }
  Operation *scalar = b.clone(*op, scalars);
  scalar->getResult(0).setType(getElementTypeOrSelf(op->getResult(0).getType()));
  // Sums and products keep the order in which they are written.
  if (auto flags = dyn_cast<arith::ArithFastMathInterface>(scalar))
    scalar->setAttr(flags.getFastMathAttrName(),
                    arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::none));
  scalars.map(op->getResult(0), scalar->getResult(0));
  return success();
}

MapBuilder::MapBuilder(Operation *at) : loc(at->getLoc()), outer(at), inner(at->getContext()) {
  inner.setInsertionPointToEnd(&region.emplaceBlock());
}

Value MapBuilder::argumentFor(Value tensor) {
  auto known = llvm::find(inputs, tensor);
  size_t index = known - inputs.begin();
  if (known == inputs.end()) {
    inputs.push_back(tensor);
    region.front().addArgument(inner.getF32Type(), tensor.getLoc());
  }
  return region.front().getArgument(index);
}

Value MapBuilder::number(FloatAttr value) { return arith::ConstantOp::create(inner, loc, value); }

SmallVector<Value> MapBuilder::finish(ArrayRef<Value> scalars, RankedTensorType type) {
  SmallVector<Value> results, computed;
  for (Value scalar : scalars) {
    if (auto argument = dyn_cast<BlockArgument>(scalar))
      results.push_back(inputs[argument.getArgNumber()]);
    else if (FloatAttr value = constantNumber(scalar))
      results.push_back(arith::ConstantOp::create(outer, loc, DenseElementsAttr::get(type, Attribute(value))));
    else {
      results.push_back({});
      computed.push_back(scalar);
    }
  }
  if (computed.empty())
    return results;
  if (inputs.empty()) // a map has one at least
    argumentFor(arith::ConstantOp::create(outer, loc, outer.getZeroAttr(type)));
  YieldOp::create(inner, loc, computed);
  auto map = MapOp::create(outer, loc, SmallVector<Type>(computed.size(), type), inputs);
  map.getBody().takeBody(region);
  auto next = map.getResults().begin();
  for (Value &result : results)
    if (!result)
      result = *next++;
  return results;
}

/// The producer's region in front of the consumer's; its result is read by nobody else.
static MapOp putInto(MapOp producer, MapOp consumer) {
  OpBuilder b(consumer);
  Region region;
  Block &body = region.emplaceBlock();
  SmallVector<Value> inputs;
  IRMapping scalars;
  OpBuilder inner(consumer.getContext());
  inner.setInsertionPointToEnd(&body);
  auto cloneBody = [&](MapOp map) { // its yielded scalars
    for (auto [input, argument] : llvm::zip(map.getInputs(), map.getBody().getArguments())) {
      if (input.getDefiningOp() == producer)
        continue; // mapped already
      auto known = llvm::find(inputs, input);
      size_t index = known - inputs.begin();
      if (known == inputs.end()) {
        inputs.push_back(input);
        body.addArgument(inner.getF32Type(), input.getLoc());
      }
      scalars.map(argument, body.getArgument(index));
    }
    for (Operation &op : map.getBody().front().without_terminator())
      inner.clone(op, scalars);
    return llvm::map_to_vector(map.getBody().front().getTerminator()->getOperands(),
                               [&](Value value) { return scalars.lookup(value); });
  };
  Value produced = cloneBody(producer)[0];
  for (auto [input, argument] : llvm::zip(consumer.getInputs(), consumer.getBody().getArguments()))
    if (input.getDefiningOp() == producer)
      scalars.map(argument, produced);
  YieldOp::create(inner, consumer.getLoc(), cloneBody(consumer));
  Location loc = FusedLoc::get(b.getContext(), {producer.getLoc(), consumer.getLoc()});
  auto fused = MapOp::create(b, loc, SmallVector<Type>(consumer.getResultTypes()), inputs);
  fused.getBody().takeBody(region);
  consumer.replaceAllUsesWith(fused.getResults());
  consumer.erase();
  producer.erase();
  return fused;
}

void mlir::motley::fuseMaps(func::FuncOp function) {
  SmallVector<MapOp> maps;
  function.walk([&](MapOp map) { maps.push_back(map); });
  for (size_t i = 0; i < maps.size(); ++i) { // a consumer stands behind its producer
    MapOp producer = maps[i];
    if (producer.getNumResults() != 1 || producer->use_empty())
      continue;
    auto consumer = dyn_cast<MapOp>(*producer->user_begin());
    bool isReadOnce = llvm::all_equal(producer->getUsers());
    if (consumer && isReadOnce && consumer->getBlock() == producer->getBlock())
      *llvm::find(maps, consumer) = putInto(producer, consumer);
  }
}
