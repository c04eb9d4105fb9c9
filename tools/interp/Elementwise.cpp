// Elementwise operations on scalars and tensors: arith, math, motley's activations, scale and map.
//
// Floats are double whatever the IR type says, and conversions between float types change nothing. Integers wrap to
// their width. An element computed from a dead one is dead.
#include "tools/interp/Frame.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

namespace mlir::motley::interp {

/// The shape of a result: that of the first operand that isn't a scalar.
static ArrayRef<int64_t> commonShape(Operation *op, Frame &frame) {
  for (Value operand : op->getOperands())
    if (!frame.tensor(operand).isScalar())
      return frame.tensor(operand).shape;
  return {};
}

static LogicalResult setResult(Operation *op, Frame &frame, Tensor result) {
  frame.set(op->getResult(0), std::move(result));
  return success();
}

template <typename Function> static LogicalResult unary(Operation *op, Frame &frame, Function function) {
  Tensor result = frame.tensor(op->getOperand(0));
  for (double &element : result.floats)
    element = function(element);
  return setResult(op, frame, std::move(result));
}

template <typename Function> static LogicalResult binary(Operation *op, Frame &frame, Function function) {
  const Tensor &a = frame.tensor(op->getOperand(0)), &b = frame.tensor(op->getOperand(1));
  Tensor result = Tensor::ofFloats(commonShape(op, frame));
  for (int64_t i = 0; i < result.numElements(); ++i)
    result.floats[i] = function(a.floatAt(i), b.floatAt(i));
  return setResult(op, frame, std::move(result));
}

/// The low `width` bits, as a signed integer; i1 as 0 or 1.
static int64_t wrap(uint64_t value, unsigned width) {
  if (width == 1)
    return value & 1;
  return width >= 64 ? int64_t(value) : int64_t(value << (64 - width)) >> (64 - width);
}

static unsigned widthOf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
}

template <typename Function> static LogicalResult integerBinary(Operation *op, Frame &frame, Function function) {
  const Tensor &a = frame.tensor(op->getOperand(0)), &b = frame.tensor(op->getOperand(1));
  Tensor result = Tensor::ofInts(commonShape(op, frame));
  unsigned width = widthOf(op->getResult(0).getType());
  for (int64_t i = 0; i < result.numElements(); ++i)
    if (a.intAt(i) != kDeadInt && b.intAt(i) != kDeadInt)
      result.ints[i] = wrap(function(uint64_t(a.intAt(i)), uint64_t(b.intAt(i))), width);
  return setResult(op, frame, std::move(result));
}

static LogicalResult convertInteger(Operation *op, Frame &frame, bool isUnsigned) {
  Tensor result = frame.tensor(op->getOperand(0));
  unsigned from = widthOf(op->getOperand(0).getType()), to = widthOf(op->getResult(0).getType());
  for (int64_t &element : result.ints) {
    if (element == kDeadInt)
      continue;
    uint64_t bits = element;
    if (from < 64)
      bits &= (uint64_t(1) << from) - 1;
    element = isUnsigned ? wrap(bits, to) : wrap(from == 1 ? -int64_t(bits) : element, to);
  }
  return setResult(op, frame, std::move(result));
}

static LogicalResult integerToFloat(Operation *op, Frame &frame) {
  const Tensor &input = frame.tensor(op->getOperand(0));
  Tensor result = Tensor::ofFloats(input.shape);
  for (int64_t i = 0; i < input.numElements(); ++i)
    if (input.ints[i] != kDeadInt)
      result.floats[i] = double(input.ints[i]);
  return setResult(op, frame, std::move(result));
}

static LogicalResult unsignedToFloat(arith::UIToFPOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getIn());
  unsigned width = widthOf(op.getIn().getType());
  Tensor result = Tensor::ofFloats(input.shape);
  for (int64_t i = 0; i < input.numElements(); ++i)
    if (input.ints[i] != kDeadInt)
      result.floats[i] = double(uint64_t(input.ints[i]) & llvm::maskTrailingOnes<uint64_t>(width));
  return setResult(op, frame, std::move(result));
}

static LogicalResult integerPower(math::FPowIOp op, Frame &frame) {
  const Tensor &base = frame.tensor(op.getLhs()), &exponent = frame.tensor(op.getRhs());
  Tensor result = Tensor::ofFloats(commonShape(op, frame));
  for (int64_t i = 0; i < result.numElements(); ++i)
    if (exponent.intAt(i) != kDeadInt)
      result.floats[i] = std::pow(base.floatAt(i), double(exponent.intAt(i)));
  return setResult(op, frame, std::move(result));
}

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return unordered || a != b;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  return false;
}

static LogicalResult compareFloats(arith::CmpFOp op, Frame &frame) {
  const Tensor &a = frame.tensor(op.getLhs()), &b = frame.tensor(op.getRhs());
  Tensor result = Tensor::ofInts(commonShape(op, frame));
  for (int64_t i = 0; i < result.numElements(); ++i)
    if (!isDead(a.floatAt(i)) && !isDead(b.floatAt(i)))
      result.ints[i] = compare(op.getPredicate(), a.floatAt(i), b.floatAt(i));
  return setResult(op, frame, std::move(result));
}

static LogicalResult compareIntegers(arith::CmpIOp op, Frame &frame) {
  const Tensor &a = frame.tensor(op.getLhs()), &b = frame.tensor(op.getRhs());
  Tensor result = Tensor::ofInts(commonShape(op, frame));
  unsigned width = widthOf(op.getLhs().getType());
  for (int64_t i = 0; i < result.numElements(); ++i)
    if (a.intAt(i) != kDeadInt && b.intAt(i) != kDeadInt) {
      // The predicate wants the operands' true width: the order of i1 and of unsigned values depends on it.
      APInt lhs(width, uint64_t(a.intAt(i)), /*isSigned=*/true, /*implicitTrunc=*/true);
      APInt rhs(width, uint64_t(b.intAt(i)), /*isSigned=*/true, /*implicitTrunc=*/true);
      result.ints[i] = arith::applyCmpPredicate(op.getPredicate(), lhs, rhs);
    }
  return setResult(op, frame, std::move(result));
}

static LogicalResult selectElements(arith::SelectOp op, Frame &frame) {
  const Tensor &condition = frame.tensor(op.getCondition());
  const Tensor &a = frame.tensor(op.getTrueValue()), &b = frame.tensor(op.getFalseValue());
  ArrayRef<int64_t> shape = commonShape(op, frame);
  Tensor result = a.isFloat ? Tensor::ofFloats(shape) : Tensor::ofInts(shape);
  for (int64_t i = 0; i < result.numElements(); ++i) {
    if (condition.intAt(i) == kDeadInt)
      continue;
    const Tensor &chosen = condition.intAt(i) ? a : b;
    if (a.isFloat)
      result.floats[i] = chosen.floatAt(i);
    else
      result.ints[i] = chosen.intAt(i);
  }
  return setResult(op, frame, std::move(result));
}

static LogicalResult fusedMultiplyAdd(math::FmaOp op, Frame &frame) {
  const Tensor &a = frame.tensor(op.getA()), &b = frame.tensor(op.getB()), &c = frame.tensor(op.getC());
  Tensor result = Tensor::ofFloats(commonShape(op, frame));
  for (int64_t i = 0; i < result.numElements(); ++i)
    result.floats[i] = std::fma(a.floatAt(i), b.floatAt(i), c.floatAt(i));
  return setResult(op, frame, std::move(result));
}

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
static double normalCumulative(double x) { return (1 + std::erf(x * M_SQRT1_2)) / 2; }
static double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b); }
static double minimum(double a, double b) { return std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b); }

static std::optional<LogicalResult> evaluateUnary(Operation *op, Frame &frame) {
  using Result = std::optional<LogicalResult>;
  auto apply = [&](auto function) {
    return [&frame, function](auto op) -> Result { return unary(op, frame, function); };
  };
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<SiluOp>(apply([](double x) { return x * sigmoid(x); }))
      .Case<SiluSlopeOp>(apply([](double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }))
      .Case<SigmoidOp>(apply(sigmoid))
      .Case<GeluOp>(apply([](double x) { return x * normalCumulative(x); }))
      .Case<GeluSlopeOp>(
          apply([](double x) { return normalCumulative(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }))
      .Case<ReluOp>(apply([](double x) { return maximum(x, 0); }))
      .Case<ReluSlopeOp>(apply([](double x) { return std::isnan(x) ? x
                                                     : x > 0       ? 1.0
                                                                   : 0.0; }))
      .Case<arith::NegFOp>(apply([](double x) { return -x; }))
      .Case<arith::ExtFOp, arith::TruncFOp>(apply([](double x) { return x; }))
      .Case<math::AbsFOp>(apply([](double x) { return std::fabs(x); }))
      .Case<math::CeilOp>(apply([](double x) { return std::ceil(x); }))
      .Case<math::FloorOp>(apply([](double x) { return std::floor(x); }))
      .Case<math::RoundEvenOp>(apply([](double x) { return std::nearbyint(x); }))
      .Case<math::TruncOp>(apply([](double x) { return std::trunc(x); }))
      .Case<math::AtanOp>(apply([](double x) { return std::atan(x); }))
      .Case<math::CosOp>(apply([](double x) { return std::cos(x); }))
      .Case<math::SinOp>(apply([](double x) { return std::sin(x); }))
      .Case<math::TanhOp>(apply([](double x) { return std::tanh(x); }))
      .Case<math::ErfOp>(apply([](double x) { return std::erf(x); }))
      .Case<math::ExpOp>(apply([](double x) { return std::exp(x); }))
      .Case<math::Exp2Op>(apply([](double x) { return std::exp2(x); }))
      .Case<math::ExpM1Op>(apply([](double x) { return std::expm1(x); }))
      .Case<math::LogOp>(apply([](double x) { return std::log(x); }))
      .Case<math::Log1pOp>(apply([](double x) { return std::log1p(x); }))
      .Case<math::Log2Op>(apply([](double x) { return std::log2(x); }))
      .Case<math::SqrtOp>(apply([](double x) { return std::sqrt(x); }))
      .Case<math::RsqrtOp>(apply([](double x) { return 1 / std::sqrt(x); }))
      .Default([](Operation *) { return std::nullopt; });
}

static std::optional<LogicalResult> evaluateBinary(Operation *op, Frame &frame) {
  using Result = std::optional<LogicalResult>;
  auto apply = [&](auto function) {
    return [&frame, function](auto op) -> Result { return binary(op, frame, function); };
  };
  auto onIntegers = [&](auto function) {
    return [&frame, function](auto op) -> Result { return integerBinary(op, frame, function); };
  };
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<arith::AddFOp>(apply([](double a, double b) { return a + b; }))
      .Case<arith::SubFOp>(apply([](double a, double b) { return a - b; }))
      .Case<arith::MulFOp>(apply([](double a, double b) { return a * b; }))
      .Case<arith::DivFOp>(apply([](double a, double b) { return a / b; }))
      .Case<arith::MaximumFOp>(apply(maximum))
      .Case<arith::MinimumFOp>(apply(minimum))
      // The number of a number and a NaN; what is dead stays dead.
      .Case<arith::MaxNumFOp>(
          apply([](double a, double b) { return isDead(a) || isDead(b) ? a + b : std::fmax(a, b); }))
      .Case<arith::MinNumFOp>(
          apply([](double a, double b) { return isDead(a) || isDead(b) ? a + b : std::fmin(a, b); }))
      .Case<math::PowFOp>(apply([](double a, double b) { return std::pow(a, b); }))
      .Case<arith::AddIOp>(onIntegers([](uint64_t a, uint64_t b) { return a + b; }))
      .Case<arith::SubIOp>(onIntegers([](uint64_t a, uint64_t b) { return a - b; }))
      .Case<arith::MulIOp>(onIntegers([](uint64_t a, uint64_t b) { return a * b; }))
      .Case<arith::AndIOp>(onIntegers([](uint64_t a, uint64_t b) { return a & b; }))
      .Case<arith::OrIOp>(onIntegers([](uint64_t a, uint64_t b) { return a | b; }))
      .Case<arith::XOrIOp>(onIntegers([](uint64_t a, uint64_t b) { return a ^ b; }))
      .Case<arith::MaxSIOp>(onIntegers([](uint64_t a, uint64_t b) { return std::max(int64_t(a), int64_t(b)); }))
      .Case<arith::MinSIOp>(onIntegers([](uint64_t a, uint64_t b) { return std::min(int64_t(a), int64_t(b)); }))
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<LogicalResult> evaluateElementwise(Operation *op, Frame &frame) {
  using Result = std::optional<LogicalResult>;
  if (Result result = evaluateUnary(op, frame))
    return result;
  if (Result result = evaluateBinary(op, frame))
    return result;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(
          [&](auto op) { return convertInteger(op, frame, /*isUnsigned=*/false); })
      .Case<arith::ExtUIOp>([&](auto op) { return convertInteger(op, frame, /*isUnsigned=*/true); })
      .Case<arith::SIToFPOp>([&](auto op) { return integerToFloat(op, frame); })
      .Case<arith::UIToFPOp>([&](auto op) { return unsignedToFloat(op, frame); })
      .Case<math::FPowIOp>([&](auto op) { return integerPower(op, frame); })
      .Case<arith::CmpFOp>([&](auto op) { return compareFloats(op, frame); })
      .Case<arith::CmpIOp>([&](auto op) { return compareIntegers(op, frame); })
      .Case<arith::SelectOp>([&](auto op) { return selectElements(op, frame); })
      .Case<math::FmaOp>([&](auto op) { return fusedMultiplyAdd(op, frame); })
      .Default([](Operation *) { return std::nullopt; });
}

FailureOr<std::vector<Tensor>> runElementwiseRegion(Region &region, std::vector<RuntimeValue> arguments,
                                                    ArrayRef<int64_t> shape, Frame &frame) {
  Block &block = region.front();
  for (auto [argument, content] : llvm::zip_equal(block.getArguments(), arguments))
    frame.set(argument, content);
  Operation *terminator = frame.runBlock(block);
  if (!terminator)
    return failure();
  std::vector<Tensor> results;
  for (Value yielded : terminator->getOperands()) {
    const Tensor &value = frame.tensor(yielded);
    if (!value.isFloat || (!value.isScalar() && ArrayRef<int64_t>(value.shape) != shape)) {
      terminator->emitError("yields something else than one float for each element");
      return failure();
    }
    results.push_back(Tensor::ofFloats(shape));
    for (int64_t i = 0; i < results.back().numElements(); ++i)
      results.back().floats[i] = value.floatAt(i);
  }
  return results;
}

LogicalResult evaluate(MapOp op, Frame &frame) {
  std::vector<RuntimeValue> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(frame.get(input));
  FailureOr<std::vector<Tensor>> results =
      runElementwiseRegion(op.getBody(), std::move(inputs), frame.tensor(op.getInputs().front()).shape, frame);
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
    frame.set(result, std::move(value));
  return success();
}

LogicalResult evaluate(ScaleOp op, Frame &frame) {
  double factor = frame.floatScalar(op.getFactor());
  return unary(op, frame, [factor](double x) { return x * factor; });
}

} // namespace mlir::motley::interp
