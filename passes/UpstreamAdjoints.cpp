// The rules of arith and math. With y = f(x) and the cotangent dy, each adds dx to the cotangents of what it read.
//
// Where a derivative does not exist, one side's is taken: absf has 0 at 0; of two equal operands of a maximum or a
// minimum the second gets all, so that maximum(x, 0) has the derivative of relu. A select passes dy to what it chose
// and 0 to the other, and nothing to its condition.
#include "passes/UpstreamAdjoints.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::motley;

namespace {

bool isFloat(Type type) { return getElementTypeOrSelf(type).isF32(); }

/// Builds at one place, for one operation. Numbers become constants of the cotangent's type.
class Rules {
public:
  Rules(Operation *op, OpBuilder &b, Adjoint &adjoint) : op(op), b(b), adjoint(adjoint) {}

  LogicalResult build() {
    y = op->getResult(0);
    dy = adjoint.cotangent(y);
    if (buildArithmetic() || buildFunction())
      return success();
    return op->emitError() << "'" << op->getName() << "' has no derivative here, and the loss depends on it";
  }

private:
  Operation *op;
  OpBuilder &b;
  Adjoint &adjoint;
  Value y, dy;

  template <typename OpT, typename... Args> Value make(Args &&...args) {
    return OpT::create(b, op->getLoc(), std::forward<Args>(args)...).getResult();
  }
  Value number(double value) {
    TypedAttr attribute = b.getFloatAttr(b.getF32Type(), value);
    if (auto tensor = dyn_cast<RankedTensorType>(dy.getType()))
      attribute = DenseElementsAttr::get(tensor, attribute);
    return arith::ConstantOp::create(b, op->getLoc(), attribute);
  }
  Value times(Value a, Value c) { return make<arith::MulFOp>(a, c); }
  Value times(Value a, double c) { return times(a, number(c)); }
  Value plus(Value a, double c) { return make<arith::AddFOp>(a, number(c)); }
  Value over(Value a, Value c) { return make<arith::DivFOp>(a, c); }
  Value minus(Value a) { return make<arith::NegFOp>(a); }
  Value compare(arith::CmpFPredicate predicate, Value a, Value c) { return make<arith::CmpFOp>(predicate, a, c); }
  void give(Value operand, Value cotangent) { adjoint.accumulate(operand, cotangent); }
  /// dy to one of two, 0 to the other.
  void giveOneOf(Value condition, Value ifTrue, Value ifFalse) {
    Value zero = number(0);
    give(ifTrue, make<arith::SelectOp>(condition, dy, zero));
    give(ifFalse, make<arith::SelectOp>(condition, zero, dy));
  }

  bool buildArithmetic() {
    using P = arith::CmpFPredicate;
    return TypeSwitch<Operation *, bool>(op)
        .Case([&](arith::AddFOp add) {
          give(add.getLhs(), dy);
          give(add.getRhs(), dy);
          return true;
        })
        .Case([&](arith::SubFOp sub) {
          give(sub.getLhs(), dy);
          give(sub.getRhs(), minus(dy));
          return true;
        })
        .Case([&](arith::MulFOp mul) {
          give(mul.getLhs(), times(dy, mul.getRhs()));
          give(mul.getRhs(), times(dy, mul.getLhs()));
          return true;
        })
        .Case([&](arith::DivFOp div) { // d(a / c) = dy / c, -(dy / c) * (a / c)
          Value scaled = over(dy, div.getRhs());
          give(div.getLhs(), scaled);
          give(div.getRhs(), minus(times(scaled, y)));
          return true;
        })
        .Case([&](arith::NegFOp neg) {
          give(neg.getOperand(), minus(dy));
          return true;
        })
        .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto max) {
          giveOneOf(compare(P::OGT, max.getLhs(), max.getRhs()), max.getLhs(), max.getRhs());
          return true;
        })
        .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto min) {
          giveOneOf(compare(P::OLT, min.getLhs(), min.getRhs()), min.getLhs(), min.getRhs());
          return true;
        })
        .Case([&](arith::SelectOp select) {
          giveOneOf(select.getCondition(), select.getTrueValue(), select.getFalseValue());
          return true;
        })
        .Case([&](math::FmaOp fma) { // a b + c
          give(fma.getA(), times(dy, fma.getB()));
          give(fma.getB(), times(dy, fma.getA()));
          give(fma.getC(), dy);
          return true;
        })
        // Steps are flat almost everywhere.
        .Case<math::FloorOp, math::CeilOp, math::RoundEvenOp, math::TruncOp>([](auto) { return true; })
        .Default([](Operation *) { return false; });
  }

  bool buildFunction() {
    if (op->getNumOperands() != 1)
      return false;
    Value x = op->getOperand(0);
    Value dx = TypeSwitch<Operation *, Value>(op)
                   .Case([&](math::ExpOp) { return times(dy, y); })
                   .Case([&](math::ExpM1Op) { return times(dy, plus(y, 1)); })
                   .Case([&](math::LogOp) { return over(dy, x); })
                   .Case([&](math::Log1pOp) { return over(dy, plus(x, 1)); })
                   .Case([&](math::SqrtOp) { return over(times(dy, 0.5), y); })
                   .Case([&](math::RsqrtOp) { return times(times(dy, -0.5), times(y, times(y, y))); }) // -x^(-3/2) / 2
                   .Case([&](math::TanhOp) {                                                           // dy (1 - y^2)
                     return make<arith::SubFOp>(dy, times(times(dy, y), y));
                   })
                   .Case([&](math::ErfOp) { // 2 / sqrt(pi) exp(-x^2)
                     return times(times(dy, 1.12837916709551257390), make<math::ExpOp>(minus(times(x, x))));
                   })
                   .Case([&](math::SinOp) { return times(dy, make<math::CosOp>(x)); })
                   .Case([&](math::CosOp) { return minus(times(dy, make<math::SinOp>(x))); })
                   .Case([&](math::AbsFOp) {
                     Value zero = number(0);
                     Value ifNegative =
                         make<arith::SelectOp>(compare(arith::CmpFPredicate::OLT, x, zero), minus(dy), zero);
                     return make<arith::SelectOp>(compare(arith::CmpFPredicate::OGT, x, zero), dy, ifNegative);
                   })
                   .Default(Value());
    if (dx)
      give(x, dx);
    return static_cast<bool>(dx);
  }
};

/// Reverse mode inside the region of a motley.map: scalars alone, nothing that writes gradients of banks.
class ScalarReverse : public Adjoint {
public:
  ScalarReverse(OpBuilder &b) : b(b) {}

  bool has(Value value) override { return cotangents.contains(value); }
  Value cotangent(Value value) override {
    if (Value known = cotangents.lookup(value))
      return known;
    return arith::ConstantOp::create(b, value.getLoc(), b.getF32FloatAttr(0));
  }
  void accumulate(Value operand, Value cotangent) override {
    if (!isFloat(operand.getType()))
      return;
    Value &sum = cotangents[operand];
    sum = sum ? arith::AddFOp::create(b, cotangent.getLoc(), sum, cotangent).getResult() : cotangent;
  }
  SmallVector<int64_t> trainedMap(Operation *, FlatSymbolRefAttr, int64_t, ArrayRef<int64_t> map) override {
    return SmallVector<int64_t>(map);
  }
  FailureOr<Value> addFlag(Operation *op, FlatSymbolRefAttr, ArrayRef<int64_t>, ArrayRef<int64_t>) override {
    return op->emitError("reads a bank inside a region that is applied to each element");
  }
  Value rowsByToken(Value, Value, int64_t) override { llvm_unreachable("tables stand outside of a map"); }

private:
  OpBuilder &b;
  llvm::DenseMap<Value, Value> cotangents;
};

/// Erases what nobody reads, from the end.
void eraseUnread(Block &body) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (&op != body.getTerminator() && op.use_empty())
      op.erase();
}

/// One map from the inputs and the cotangents of the results to the cotangents of the inputs. The region computes again
/// what it needs of the forward, so nothing is kept but the inputs.
LogicalResult buildMapAdjoint(MapOp op, OpBuilder &outer, Adjoint &adjoint) {
  SmallVector<Value> inputs(op.getInputs());
  SmallVector<unsigned> wanted; // results with a cotangent
  for (OpResult result : op.getResults())
    if (adjoint.has(result)) {
      wanted.push_back(result.getResultNumber());
      inputs.push_back(adjoint.cotangent(result));
    }

  Block &forward = op.getBody().front();
  Region region;
  Block &body = region.emplaceBlock();
  OpBuilder b(op.getContext());
  b.setInsertionPointToEnd(&body);
  IRMapping values;
  for (BlockArgument argument : forward.getArguments())
    values.map(argument, body.addArgument(argument.getType(), argument.getLoc()));
  SmallVector<Operation *> clones;
  for (Operation &inner : forward.without_terminator())
    clones.push_back(b.clone(inner, values));
  ScalarReverse reverse(b);
  for (unsigned result : wanted)
    reverse.accumulate(values.lookup(forward.getTerminator()->getOperand(result)),
                       body.addArgument(b.getF32Type(), op.getLoc()));
  for (Operation *inner : llvm::reverse(clones))
    if (llvm::any_of(inner->getResults(), [&](Value result) { return reverse.has(result); }) &&
        failed(buildAdjointOf(inner, b, reverse)))
      return failure();

  SmallVector<Value> reached, cotangents;
  for (auto [input, argument] : llvm::zip(op.getInputs(), forward.getArguments()))
    if (Value scalar = values.lookup(argument); reverse.has(scalar)) {
      reached.push_back(input);
      cotangents.push_back(reverse.cotangent(scalar));
    }
  if (reached.empty())
    return success();
  YieldOp::create(b, op.getLoc(), cotangents);
  eraseUnread(body);
  auto backward = MapOp::create(outer, op.getLoc(), SmallVector<Type>(reached.size(), inputs[0].getType()), inputs);
  backward.getBody().takeBody(region);
  for (auto [input, cotangent] : llvm::zip(reached, backward.getResults()))
    adjoint.accumulate(input, cotangent);
  return success();
}

} // namespace

LogicalResult mlir::motley::buildAdjointOf(Operation *op, OpBuilder &builder, Adjoint &adjoint) {
  if (auto differentiable = dyn_cast<DifferentiableOpInterface>(op))
    return differentiable.buildAdjoint(builder, adjoint);
  if (auto map = dyn_cast<MapOp>(op))
    return buildMapAdjoint(map, builder, adjoint);
  if (op->hasTrait<OpTrait::ConstantLike>() || llvm::none_of(op->getOperandTypes(), isFloat))
    return success();
  if (op->getNumResults() == 1 && isFloat(op->getResult(0).getType()))
    return Rules(op, builder, adjoint).build();
  return op->emitError() << "'" << op->getName() << "' has no derivative here, and the loss depends on it";
}

void mlir::motley::dropUnreadResults(MapOp op) {
  SmallVector<Value> kept, yielded;
  Operation *yield = op.getBody().front().getTerminator();
  for (auto [result, value] : llvm::zip(op.getResults(), yield->getOperands()))
    if (!result.use_empty()) {
      kept.push_back(result);
      yielded.push_back(value);
    }
  if (kept.size() == op.getNumResults() || kept.empty())
    return;
  yield->setOperands(yielded);
  eraseUnread(op.getBody().front());
  SmallVector<Value> inputs;
  for (BlockArgument argument : op.getBody().getArguments())
    if (!argument.use_empty())
      inputs.push_back(op.getInputs()[argument.getArgNumber()]);
  if (!inputs.empty())
    op.getBody().front().eraseArguments([](BlockArgument argument) { return argument.use_empty(); });
  else
    inputs.append(op.getInputs().begin(), op.getInputs().end()); // a map has one at least
  OpBuilder b(op);
  auto smaller = MapOp::create(b, op.getLoc(), SmallVector<Type>(kept.size(), op.getInputs()[0].getType()), inputs);
  smaller.getBody().takeBody(op.getBody());
  for (auto [old, fresh] : llvm::zip(kept, smaller.getResults()))
    old.replaceAllUsesWith(fresh);
  op.erase();
}
