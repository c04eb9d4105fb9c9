// init, eval, accumulate and update from the loss function that motley.train names.
//
// Before: the loss function is at level 2, in slot order. After: the four functions are at level 2, the loss function
// is gone, and motley.train keeps the names of the losses for the manifest.
#include "passes/Passes.h"

namespace mlir::motley {
#define GEN_PASS_DEF_DERIVEFUNCTIONS
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

/// Appends an argument that carries a field, or a scalar by its name.
Value addArgument(func::FuncOp function, Type type, StringRef attrName, Attribute attr) {
  Builder b(function.getContext());
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, type, b.getDictionaryAttr(b.getNamedAttr(attrName, attr)), function.getLoc());
  return function.getArgument(index);
}
Value addScalar(func::FuncOp function, Type type, StringRef name) {
  return addArgument(function, type, "motley.scalar", StringAttr::get(function.getContext(), name));
}

/// The base partition of a model function: the one that its loss goes by.
GroupByOp findBase(func::FuncOp function) {
  for (auto loss : function.getOps<GroupedCrossEntropyOp>())
    return loss.getGroups().getDefiningOp<GroupByOp>();
  for (auto table : function.getOps<GroupByOp>())
    return table;
  return {};
}

/// A field in slot order, the argument being added where the function lacks it.
Value fieldInSlots(func::FuncOp function, GroupByOp base, Field field, Type elementType) {
  Value argument;
  for (BlockArgument candidate : function.getArguments())
    if (auto attr = function.getArgAttrOfType<FieldAttr>(candidate.getArgNumber(), kFieldAttrName);
        attr && attr.getValue() == field)
      argument = candidate;
  if (!argument) {
    auto type = RankedTensorType::get({base.getGroups().getType().getBound()}, elementType);
    argument = addArgument(function, type, kFieldAttrName, FieldAttr::get(function.getContext(), field));
  }
  if (!base.getIds()) // one group: slot order is row order
    return argument;
  for (Operation *user : argument.getUsers())
    if (auto gather = dyn_cast<GatherRowsOp>(user); gather && gather.getGroups() == base.getGroups())
      return gather;
  OpBuilder b(base->getContext());
  b.setInsertionPointAfter(base);
  return GatherRowsOp::create(b, base.getLoc(), argument.getType(), argument, base.getGroups());
}

struct DeriveFunctions : motley::impl::DeriveFunctionsBase<DeriveFunctions> {
  void runOnOperation() override {
    SmallVector<TrainOp> trains(getOperation().getOps<TrainOp>());
    llvm::erase_if(trains, [](TrainOp train) { return train.getLosses().has_value(); });
    if (trains.empty())
      return;
    if (trains.size() > 1) {
      trains[1].emitOpError("is the second one of this module; a module trains one loss function");
      return signalPassFailure();
    }
    TrainOp train = trains.front();
    auto loss = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(train, train.getFunctionAttr());
    GroupByOp base = findBase(loss);
    if (!base) {
      loss.emitError("goes by no table of rows: a loss function that is trained must read variables");
      return signalPassFailure();
    }
    for (StringRef name : {"init", "eval", "accumulate", "update"})
      if (getOperation().lookupSymbol(name)) {
        train.emitOpError() << "derives @" << name << ", but the module has one already; rename it";
        return signalPassFailure();
      }
    SmallVector<Attribute> names;
    for (unsigned i = 0; i < loss.getNumResults(); ++i)
      names.push_back(loss.getResultAttr(i, kLossAttrName));
    findTrainedBanks(loss);

    OpBuilder b(loss);
    makeInit(b, loss.getLoc());
    makeEval(b, loss);
    makeAccumulate(b, loss);
    makeUpdate(b, train);
    train.setLossesAttr(b.getArrayAttr(names));
    loss.erase();
  }

  /// In the order of their declarations; tables that are looked up are known apart.
  void findTrainedBanks(func::FuncOp loss) {
    llvm::DenseSet<Attribute> used;
    loss.walk([&](Operation *op) {
      for (NamedAttribute attr : op->getAttrs())
        if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attr.getValue()); symbol && lookupBank(op, symbol)) {
          used.insert(symbol);
          if (isa<GroupedEmbeddingOp>(op))
            tables.insert(symbol);
        }
    });
    banks.clear();
    for (BankOp bank : getOperation().getOps<BankOp>())
      if (auto symbol = FlatSymbolRefAttr::get(bank.getSymNameAttr()); used.contains(symbol))
        banks.push_back(symbol);
    for (VariableOp variable : llvm::make_early_inc_range(getOperation().getOps<VariableOp>())) {
      auto isIn = [&](BankOp bank) {
        return llvm::any_of(bank.getMembers(), [&](Attribute member) {
          return llvm::is_contained(cast<ArrayAttr>(member), FlatSymbolRefAttr::get(variable.getSymNameAttr()));
        });
      };
      if (llvm::none_of(getOperation().getOps<BankOp>(), isIn)) {
        variable.emitWarning() << "variable @" << variable.getSymName() << " is read by no function: it is left out";
        variable.erase();
      }
    }
  }

  func::FuncOp startFunction(OpBuilder &b, Location loc, StringRef name) {
    auto function = func::FuncOp::create(b, loc, name, b.getFunctionType({}, {}));
    function.addEntryBlock();
    return function;
  }

  void makeInit(OpBuilder &b, Location loc) {
    OpBuilder::InsertionGuard guard(b);
    func::FuncOp init = startFunction(b, loc, "init");
    Value seed = addScalar(init, b.getI64Type(), "seed");
    b.setInsertionPointToEnd(&init.getBody().front());
    for (FlatSymbolRefAttr bank : banks)
      InitialiseOp::create(b, lookupBank(getOperation(), bank).getLoc(), bank, seed);
    func::ReturnOp::create(b, loc);
  }

  /// A copy of the loss function that returns sums by modality; gives its losses in slot order.
  SmallVector<Value> cloneWithSums(OpBuilder &b, func::FuncOp loss, func::FuncOp &function, StringRef name) {
    function = cast<func::FuncOp>(b.clone(*loss));
    function.setSymName(name);
    Operation *end = function.getBody().front().getTerminator();
    SmallVector<Value> losses;
    for (Value returned : end->getOperands()) {
      auto combine = returned.getDefiningOp<CombineRowsOp>();
      losses.push_back(combine ? combine.getInput() : returned);
    }
    GroupByOp base = findBase(function);
    Value weights = fieldInSlots(function, base, Field::weight, b.getF32Type());
    Value targets = fieldInSlots(function, base, Field::target, b.getI32Type());
    OpBuilder inner(end);
    auto type = RankedTensorType::get(
        {static_cast<int64_t>(losses.size()), static_cast<int64_t>(getModalities(loss).size())}, b.getF64Type());
    auto sums = LossSumsOp::create(inner, loss.getLoc(), type, losses, weights, targets, base.getGroups());
    end->setOperands(sums->getResults());
    function.setFunctionType(b.getFunctionType(function.getArgumentTypes(), TypeRange(type)));
    function.removeResAttrsAttr();
    for (CombineRowsOp combine : llvm::make_early_inc_range(function.getOps<CombineRowsOp>()))
      if (combine->use_empty())
        combine.erase();
    return losses;
  }

  void makeEval(OpBuilder &b, func::FuncOp loss) {
    func::FuncOp eval;
    cloneWithSums(b, loss, eval, "eval");
  }

  void makeAccumulate(OpBuilder &b, func::FuncOp loss) {
    func::FuncOp accumulate;
    SmallVector<Value> losses = cloneWithSums(b, loss, accumulate, "accumulate");
    Value add = addScalar(accumulate, b.getI1Type(), "add");
    Value inverseNormaliser = addScalar(accumulate, b.getF32Type(), "inverse_normaliser");
    Value weights = (*accumulate.getOps<LossSumsOp>().begin()).getWeights();
    OpBuilder inner(accumulate.getBody().front().getTerminator());
    Value seed = ScaleOp::create(inner, loss.getLoc(), weights.getType(), weights, inverseNormaliser);
    BackwardOp::create(inner, loss.getLoc(), losses, SmallVector<Value>(losses.size(), seed), add);
  }

  void makeUpdate(OpBuilder &b, TrainOp train) {
    OpBuilder::InsertionGuard guard(b);
    Location loc = train.getLoc();
    func::FuncOp update = startFunction(b, loc, "update");
    Value rate = addScalar(update, b.getF32Type(), "learning_rate");
    Value step = addScalar(update, b.getI64Type(), "step");
    b.setInsertionPointToEnd(&update.getBody().front());
    auto normType = RankedTensorType::get({1}, b.getF32Type());
    Value norm =
        GradientNormOp::create(b, loc, normType, b.getArrayAttr(SmallVector<Attribute>(banks.begin(), banks.end())));
    for (FlatSymbolRefAttr bank : banks) {
      bool decays = !tables.contains(bank) && lookupBank(getOperation(), bank).getRangeType(0).getRank() == 2;
      AdamWOp::create(b, loc, bank, norm, rate, step, train.getBeta1Attr(), train.getBeta2Attr(),
                      train.getEpsilonAttr(), decays ? train.getWeightDecayAttr() : b.getF64FloatAttr(0),
                      train.getClipAttr());
    }
    func::ReturnOp::create(b, loc, norm);
    update.setFunctionType(b.getFunctionType(update.getArgumentTypes(), TypeRange(normType)));
  }

  SmallVector<FlatSymbolRefAttr> banks;
  llvm::DenseSet<Attribute> tables;
};
} // namespace
