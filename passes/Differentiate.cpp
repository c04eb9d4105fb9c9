// Reverse mode at level 2: replaces motley.backward by the adjoints of what the losses depend on.
//
// A model function is one block in single-assignment form, so one walk backwards suffices. motley operations build
// their own adjoints; those of upstream operations are here.
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

bool carriesGradient(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isF32();
}

class Reverse : public Adjoint {
public:
  Reverse(BackwardOp backward) : backward(backward), b(backward) {}

  LogicalResult run() {
    for (auto [loss, seed] : llvm::zip(backward.getLosses(), backward.getCotangents()))
      accumulate(loss, seed);
    SmallVector<Operation *> before;
    for (Operation &op : *backward->getBlock()) {
      if (&op == backward)
        break;
      before.push_back(&op);
    }
    for (Operation *op : llvm::reverse(before)) {
      if (llvm::none_of(op->getResults(), [&](Value result) { return has(result); }))
        continue;
      b.setInsertionPoint(backward);
      if (failed(buildAdjoint(op)))
        return failure();
    }
    return success();
  }

  bool has(Value value) override { return cotangents.contains(value); }

  Value cotangent(Value value) override {
    if (Value known = cotangents.lookup(value))
      return known;
    return arith::ConstantOp::create(b, value.getLoc(), b.getZeroAttr(value.getType()));
  }

  void accumulate(Value operand, Value cotangent) override {
    if (!carriesGradient(operand.getType()))
      return;
    Value &sum = cotangents[operand];
    sum = sum ? arith::AddFOp::create(b, cotangent.getLoc(), sum, cotangent).getResult() : cotangent;
  }

  FailureOr<Value> addFlag(Operation *op, FlatSymbolRefAttr bank, ArrayRef<int64_t> ranges,
                           ArrayRef<int64_t> map) override {
    llvm::DenseSet<Attribute> touched;
    for (int64_t range : ranges)
      for (int64_t member : map)
        if (member >= 0)
          touched.insert(lookupBank(op, bank).getVariableName(member, range));
    size_t numWritten = llvm::count_if(touched, [&](Attribute variable) { return written.contains(variable); });
    if (numWritten != 0 && numWritten != touched.size())
      return op->emitError() << "reads variables of " << bank
                             << " of which only some are read elsewhere too; their gradients need "
                             << "operations of their own: split it";
    written.insert(touched.begin(), touched.end());
    if (numWritten == 0)
      return Value(backward.getAdd());
    return arith::ConstantOp::create(b, backward.getLoc(), b.getBoolAttr(true)).getResult();
  }

  Value rowsByToken(Value tokens, Value groups, int64_t numTokens) override {
    Value live = groups.getDefiningOp<GroupByOp>().getLive();
    return GroupByOp::create(b, tokens.getLoc(), GroupsType::get(b.getContext(), numTokens, numRows(tokens), 0), tokens,
                             live);
  }

private:
  BackwardOp backward;
  OpBuilder b;
  llvm::DenseMap<Value, Value> cotangents;
  llvm::DenseSet<Attribute> written;

  template <typename OpT, typename... Args> Value make(Operation *op, Args &&...args) {
    return OpT::create(b, op->getLoc(), std::forward<Args>(args)...).getResult();
  }

  LogicalResult buildAdjoint(Operation *op) {
    if (auto differentiable = dyn_cast<DifferentiableOpInterface>(op))
      return differentiable.buildAdjoint(b, *this);
    if (op->hasTrait<OpTrait::ConstantLike>())
      return success();
    Value dy = op->getNumResults() == 1 ? cotangent(op->getResult(0)) : Value();
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](arith::AddFOp add) {
          accumulate(add.getLhs(), dy);
          accumulate(add.getRhs(), dy);
          return success();
        })
        .Case([&](arith::SubFOp sub) {
          accumulate(sub.getLhs(), dy);
          accumulate(sub.getRhs(), make<arith::NegFOp>(op, dy));
          return success();
        })
        .Case([&](arith::MulFOp mul) {
          accumulate(mul.getLhs(), make<arith::MulFOp>(op, dy, mul.getRhs()));
          accumulate(mul.getRhs(), make<arith::MulFOp>(op, dy, mul.getLhs()));
          return success();
        })
        .Case([&](arith::DivFOp div) { // d(a / c) = dy / c, -(dy / c) * (a / c)
          Value scaled = make<arith::DivFOp>(op, dy, div.getRhs());
          accumulate(div.getLhs(), scaled);
          accumulate(div.getRhs(), make<arith::NegFOp>(op, make<arith::MulFOp>(op, scaled, div.getResult())));
          return success();
        })
        .Case([&](arith::NegFOp neg) {
          accumulate(neg.getOperand(), make<arith::NegFOp>(op, dy));
          return success();
        })
        .Case([&](math::ExpOp exp) {
          accumulate(exp.getOperand(), make<arith::MulFOp>(op, dy, exp.getResult()));
          return success();
        })
        .Case([&](math::TanhOp tanh) { // dy (1 - y^2) = dy - (dy y) y
          Value y = tanh.getResult();
          accumulate(tanh.getOperand(),
                     make<arith::SubFOp>(op, dy, make<arith::MulFOp>(op, make<arith::MulFOp>(op, dy, y), y)));
          return success();
        })
        .Default([&](Operation *) -> LogicalResult {
          if (llvm::none_of(op->getOperandTypes(), carriesGradient))
            return success();
          return op->emitError() << "'" << op->getName() << "' has no derivative here, and the loss depends on it";
        });
  }
};

struct Differentiate : motley::impl::DifferentiateBase<Differentiate> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    SmallVector<BackwardOp> asked(function.getOps<BackwardOp>());
    for (BackwardOp backward : asked) {
      // The sums of the losses may come to read what the adjoint computes again.
      for (LossSumsOp sums : llvm::make_early_inc_range(function.getOps<LossSumsOp>()))
        sums->moveBefore(function.getBody().front().getTerminator());
      if (failed(Reverse(backward).run()))
        return signalPassFailure();
      backward.erase();
    }
    if (!asked.empty())
      removeDead(function);
  }

  static void removeDead(func::FuncOp function) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};

} // namespace
