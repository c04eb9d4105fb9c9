// Reverse mode at level 2: replaces motley.backward by the adjoints of what the losses depend on.
//
// A model function is one block in single-assignment form, so one walk backwards suffices. motley operations build
// their own adjoints; those of upstream operations are in UpstreamAdjoints.cpp.
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/UpstreamAdjoints.h"

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
    findTrained();
    if (llvm::none_of(backward.getLosses(), [&](Value loss) { return trained.contains(loss); }))
      return backward.emitOpError("asks for gradients of losses below which no variable trains: all are frozen");
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
      if (auto embedding = dyn_cast<GroupedEmbeddingOp>(op);
          embedding && !embedding.getGroups().getDefiningOp<GroupByOp>())
        return op->emitOpError("has a gradient only over all rows, in a table that motley.group_by makes; look the "
                               "tokens up before rows are chosen");
      b.setInsertionPoint(backward);
      if (failed(buildAdjointOf(op, b, *this)))
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
    if (!carriesGradient(operand.getType()) || !trained.contains(operand))
      return;
    Value &sum = cotangents[operand];
    sum = sum ? arith::AddFOp::create(b, cotangent.getLoc(), sum, cotangent).getResult() : cotangent;
  }

  SmallVector<int64_t> trainedMap(Operation *op, FlatSymbolRefAttr bank, int64_t range,
                                  ArrayRef<int64_t> map) override {
    SmallVector<int64_t> found(map);
    for (int64_t &member : found)
      if (member >= 0 && isFrozen(backward, lookupBank(op, bank).getVariable(member, range)))
        member = -1;
    return found;
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
    Value &table = tablesByToken[{tokens, live, numTokens}];
    if (!table)
      table = GroupByOp::create(b, tokens.getLoc(), GroupsType::get(b.getContext(), numTokens, numRows(tokens), 0),
                                tokens, live);
    return table;
  }

private:
  BackwardOp backward;
  OpBuilder b;
  llvm::DenseMap<Value, Value> cotangents;
  llvm::DenseSet<Attribute> written;
  llvm::DenseMap<std::tuple<Value, Value, int64_t>, Value> tablesByToken; // by tokens, live count, number of ids
  llvm::DenseSet<Value> trained; // what depends on a variable that is not frozen

  void findTrained() {
    for (Operation &op : *backward->getBlock()) {
      if (&op == backward)
        break;
      if (readsTrained(&op) || llvm::any_of(op.getOperands(), [&](Value operand) { return trained.contains(operand); }))
        for (Value result : op.getResults())
          trained.insert(result);
    }
  }

  /// Whether the operation itself names a variable that trains.
  bool readsTrained(Operation *op) {
    auto ranges = op->getAttrOfType<DenseI64ArrayAttr>("ranges");
    auto map = op->getAttrOfType<DenseI64ArrayAttr>("map");
    const int64_t first[] = {0}; // vectors and tables have one range, tables one member
    for (StringRef name : {"bank", "gain", "bias"}) {
      auto symbol = op->getAttrOfType<FlatSymbolRefAttr>(name);
      if (!symbol || !lookupBank(op, symbol))
        continue;
      for (int64_t range : ranges ? ranges.asArrayRef() : ArrayRef<int64_t>(first))
        for (int64_t member : trainedMap(op, symbol, range, map ? map.asArrayRef() : ArrayRef<int64_t>(first)))
          if (member >= 0)
            return true;
    }
    return false;
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
    if (asked.empty())
      return;
    removeDead(function);
    for (MapOp map : llvm::make_early_inc_range(function.getOps<MapOp>()))
      dropUnreadResults(map);
  }

  static void removeDead(func::FuncOp function) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};

} // namespace
