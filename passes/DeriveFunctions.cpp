// init, eval, accumulate and update from the loss function that motley.train names.
//
// Before: the loss function is at level 2, in slot order. After: the four functions are at level 2, the loss function
// is gone, and motley.train keeps the names of the losses and of the functions for the manifest. Phases share what they
// have in common: eval with one loss function, accumulate where the same variables train, update where the numbers are
// the same too.
#include "passes/Passes.h"
#include "llvm/ADT/SetVector.h"

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
  return addArgument(function, type, kScalarAttrName, StringAttr::get(function.getContext(), name));
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

/// The scalars that training hands over by itself.
constexpr StringLiteral kReservedScalars[] = {"live", "add", "inverse_normaliser", "seed", "step", "learning_rate"};

struct DeriveFunctions : motley::impl::DeriveFunctionsBase<DeriveFunctions> {
  void runOnOperation() override {
    leaveOutUnread();
    SmallVector<TrainOp> phases(getOperation().getOps<TrainOp>());
    llvm::erase_if(phases, [](TrainOp train) { return train.getLosses().has_value(); });
    if (phases.empty())
      return;
    llvm::SmallSetVector<Operation *, 2> losses;
    for (TrainOp phase : phases)
      losses.insert(lossOf(phase));
    for (Operation *loss : losses)
      if (failed(checkLoss(cast<func::FuncOp>(loss))))
        return signalPassFailure();
    findTrainedBanks(losses.getArrayRef());

    func::FuncOp first = lossOf(phases.front());
    OpBuilder b(first);
    if (!isFree(phases.front(), "init"))
      return signalPassFailure();
    makeInit(b, first.getLoc());
    for (auto [index, phase] : llvm::enumerate(phases))
      if (failed(derive(b, phase, index)))
        return signalPassFailure();
    for (Operation *loss : losses)
      loss->erase();
  }

  func::FuncOp lossOf(TrainOp phase) {
    return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(phase, phase.getFunctionAttr());
  }

  LogicalResult checkLoss(func::FuncOp loss) {
    if (!findBase(loss))
      return loss.emitError("goes by no table of rows: a loss function that is trained must read variables");
    for (unsigned i = 0; i < loss.getNumArguments(); ++i)
      if (auto scalar = loss.getArgAttrOfType<StringAttr>(i, kScalarAttrName);
          scalar && llvm::is_contained(kReservedScalars, scalar.getValue()))
        return loss.emitError() << "takes the scalar " << scalar << ", a name that training uses itself; rename it";
    return success();
  }

  bool isFree(TrainOp phase, StringRef name) {
    if (!getOperation().lookupSymbol(name))
      return true;
    phase.emitOpError() << "derives @" << name << ", but the module has one already; rename it";
    return false;
  }

  /// The functions of one phase, those that it shares with an earlier one aside.
  LogicalResult derive(OpBuilder &b, TrainOp phase, size_t index) {
    func::FuncOp loss = lossOf(phase);
    ArrayAttr frozen = frozenIn(phase, loss);
    DictionaryAttr missed = b.getDictionaryAttr(missedSteps);
    SmallVector<Attribute> functions;
    auto make = [&](StringRef base, ArrayRef<Attribute> key, function_ref<LogicalResult(StringRef)> build) {
      StringAttr &name = derived[b.getArrayAttr(key)];
      if (!name) {
        name = b.getStringAttr(index == 0 ? base.str() : (base + "." + Twine(index)).str());
        if (!isFree(phase, name) || failed(build(name)))
          return failure();
      }
      functions.push_back(name);
      return success();
    };
    SmallVector<Attribute> names;
    for (unsigned i = 0; i < loss.getNumResults(); ++i)
      names.push_back(loss.getResultAttr(i, kLossAttrName));
    b.setInsertionPoint(loss);
    auto evalKey = b.getStringAttr("eval"), accumulateKey = b.getStringAttr("accumulate");
    SmallVector<Attribute> updateKey = {b.getStringAttr("update"),
                                        frozen,
                                        missed,
                                        phase.getBeta1Attr(),
                                        phase.getBeta2Attr(),
                                        phase.getEpsilonAttr(),
                                        phase.getWeightDecayAttr(),
                                        phase.getClipAttr()};
    if (failed(make("eval", {evalKey, phase.getFunctionAttr()},
                    [&](StringRef name) { return makeEval(b, loss, name); })) ||
        failed(make("accumulate", {accumulateKey, phase.getFunctionAttr(), frozen},
                    [&](StringRef name) { return makeAccumulate(b, loss, name, frozen); })) ||
        failed(make("update", updateKey, [&](StringRef name) { return makeUpdate(b, phase, name, frozen, missed); })))
      return failure();
    phase.setLossesAttr(b.getArrayAttr(names));
    phase.setFunctionsAttr(b.getArrayAttr(functions));
    int64_t until = phase.getUntil().value_or(lastStep);
    for (auto name : frozen.getAsRange<FlatSymbolRefAttr>()) {
      auto old = dyn_cast_or_null<IntegerAttr>(missedSteps.get(name.getAttr()));
      missedSteps.set(name.getAttr(), b.getI64IntegerAttr((old ? old.getInt() : 0) + until - lastStep));
    }
    lastStep = until;
    return success();
  }

  /// The variables that a phase does not train: those that it lists, and those that its loss does not read.
  ArrayAttr frozenIn(TrainOp phase, func::FuncOp loss) {
    llvm::SmallSetVector<Attribute, 8> frozen;
    if (phase.getFrozen())
      frozen.insert_range(*phase.getFrozen());
    llvm::DenseSet<Attribute> read = banksOf(loss);
    for (FlatSymbolRefAttr symbol : banks) {
      if (read.contains(symbol))
        continue;
      BankOp bank = lookupBank(getOperation(), symbol);
      for (int64_t member = 0; member < bank.getNumMembers(); ++member)
        for (int64_t range = 0; range < bank.getNumRanges(); ++range)
          if (VariableOp variable = bank.getVariable(member, range); !isFrozen(loss, variable))
            frozen.insert(bank.getVariableName(member, range));
    }
    return ArrayAttr::get(phase.getContext(), frozen.getArrayRef());
  }

  /// The banks that a loss function reads; tables that are looked up are known apart.
  llvm::DenseSet<Attribute> banksOf(Operation *loss) {
    llvm::DenseSet<Attribute> used;
    loss->walk([&](Operation *op) {
      for (NamedAttribute attr : op->getAttrs())
        if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attr.getValue()); symbol && lookupBank(op, symbol)) {
          used.insert(symbol);
          if (isa<GroupedEmbeddingOp>(op))
            tables.insert(symbol);
        }
    });
    return used;
  }

  /// In the order of their declarations.
  void findTrainedBanks(ArrayRef<Operation *> losses) {
    llvm::DenseSet<Attribute> used;
    banks.clear();
    tables.clear();
    derived.clear();
    missedSteps = NamedAttrList();
    lastStep = 0;
    for (Operation *loss : losses)
      for (Attribute bank : banksOf(loss))
        used.insert(bank);
    for (BankOp bank : getOperation().getOps<BankOp>())
      if (auto symbol = FlatSymbolRefAttr::get(bank.getSymNameAttr()); used.contains(symbol))
        banks.push_back(symbol);
  }

  /// A variable that no bank lists, nor anything else but a phase that freezes it, would have no storage.
  void leaveOutUnread() {
    auto uses = SymbolTable::getSymbolUses(&getOperation().getBodyRegion());
    if (!uses)
      return;
    llvm::DenseSet<Attribute> read;
    for (SymbolTable::SymbolUse use : *uses)
      if (!isa<TrainOp>(use.getUser()))
        read.insert(use.getSymbolRef().getRootReference());
    for (VariableOp variable : llvm::make_early_inc_range(getOperation().getOps<VariableOp>())) {
      if (read.contains(variable.getSymNameAttr()))
        continue;
      variable.emitWarning() << "variable @" << variable.getSymName() << " is read by no function: it is left out";
      for (TrainOp phase : getOperation().getOps<TrainOp>())
        dropFrozen(phase, FlatSymbolRefAttr::get(variable.getSymNameAttr()));
      variable.erase();
    }
  }

  static void dropFrozen(TrainOp phase, Attribute variable) {
    if (!phase.getFrozen())
      return;
    SmallVector<Attribute> kept(phase.getFrozen()->getValue());
    llvm::erase(kept, variable);
    phase.setFrozenAttr(kept.empty() ? ArrayAttr() : ArrayAttr::get(phase.getContext(), kept));
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

  LogicalResult makeEval(OpBuilder &b, func::FuncOp loss, StringRef name) {
    func::FuncOp eval;
    cloneWithSums(b, loss, eval, name);
    for (NoiseOp noise : llvm::make_early_inc_range(eval.getOps<NoiseOp>())) {
      OpBuilder inner(noise);
      Value zeros = arith::ConstantOp::create(inner, noise.getLoc(), inner.getZeroAttr(noise.getType()));
      noise.replaceAllUsesWith(zeros);
      noise.erase();
    }
    return success();
  }

  LogicalResult makeAccumulate(OpBuilder &b, func::FuncOp loss, StringRef name, ArrayAttr frozen) {
    func::FuncOp accumulate;
    SmallVector<Value> losses = cloneWithSums(b, loss, accumulate, name);
    if (!frozen.empty())
      accumulate->setAttr(kFrozenAttrName, frozen);
    Value add = addScalar(accumulate, b.getI1Type(), "add");
    Value inverseNormaliser = addScalar(accumulate, b.getF32Type(), "inverse_normaliser");
    SmallVector<NoiseOp> noises(accumulate.getOps<NoiseOp>());
    if (!noises.empty()) {
      Value seed = addScalar(accumulate, b.getI64Type(), "seed"), step = addScalar(accumulate, b.getI64Type(), "step");
      for (NoiseOp noise : noises) {
        noise.getSeedMutable().assign(seed);
        noise.getStepMutable().assign(step);
      }
    }
    LossSumsOp sums = *accumulate.getOps<LossSumsOp>().begin();
    OpBuilder inner(accumulate.getBody().front().getTerminator());
    Value seed =
        ScaleOp::create(inner, loss.getLoc(), sums.getWeights().getType(), sums.getWeights(), inverseNormaliser);
    SmallVector<Value> seeds;
    Value counted;
    for (Value one : losses) {
      bool isZeroWithoutTarget = one.getDefiningOp<GroupedCrossEntropyOp>() != nullptr;
      if (!isZeroWithoutTarget && !counted)
        counted = countOnlyTargets(inner, loss.getLoc(), seed, sums.getTargets());
      seeds.push_back(isZeroWithoutTarget ? seed : counted);
    }
    BackwardOp::create(inner, loss.getLoc(), losses, seeds, add);
    return success();
  }

  /// The seed on rows with a target, 0 on the others: no sum counts them, whatever their loss and their weight.
  static Value countOnlyTargets(OpBuilder &b, Location loc, Value seed, Value targets) {
    auto type = cast<RankedTensorType>(seed.getType());
    auto splat = [&](float number) -> Value {
      return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getF32FloatAttr(number)));
    };
    Value number = arith::AddFOp::create(b, loc, arith::SIToFPOp::create(b, loc, type, targets), splat(1));
    Value isCounted = arith::MinimumFOp::create(b, loc, arith::MaximumFOp::create(b, loc, number, splat(0)), splat(1));
    return arith::MulFOp::create(b, loc, seed, isCounted);
  }

  LogicalResult makeUpdate(OpBuilder &b, TrainOp train, StringRef name, ArrayAttr frozen, DictionaryAttr missed) {
    OpBuilder::InsertionGuard guard(b);
    Location loc = train.getLoc();
    func::FuncOp update = startFunction(b, loc, name);
    if (!frozen.empty())
      update->setAttr(kFrozenAttrName, frozen);
    if (!missed.empty())
      update->setAttr(kMissedAttrName, missed);
    Value rate = addScalar(update, b.getF32Type(), "learning_rate");
    Value step = addScalar(update, b.getI64Type(), "step");
    b.setInsertionPointToEnd(&update.getBody().front());
    Operation *end = func::ReturnOp::create(b, loc);
    b.setInsertionPoint(end);
    SmallVector<FlatSymbolRefAttr> trained;
    for (FlatSymbolRefAttr bank : banks)
      if (trains(end, lookupBank(getOperation(), bank)))
        trained.push_back(bank);
    if (trained.empty())
      return train.emitOpError("trains nothing: all variables are frozen");
    auto normType = RankedTensorType::get({1}, b.getF32Type());
    Value norm = GradientNormOp::create(b, loc, normType,
                                        b.getArrayAttr(SmallVector<Attribute>(trained.begin(), trained.end())));
    for (FlatSymbolRefAttr bank : trained) {
      bool decays = !tables.contains(bank) && lookupBank(getOperation(), bank).getRangeType(0).getRank() == 2;
      AdamWOp::create(b, loc, bank, norm, rate, step, train.getBeta1Attr(), train.getBeta2Attr(),
                      train.getEpsilonAttr(), decays ? train.getWeightDecayAttr() : b.getF64FloatAttr(0),
                      train.getClipAttr(), train.getEmaAttr());
    }
    end->setOperands(norm);
    update.setFunctionType(b.getFunctionType(update.getArgumentTypes(), TypeRange(normType)));
    return success();
  }

  /// Whether the function around `user` trains a variable of the bank.
  static bool trains(Operation *user, BankOp bank) {
    for (int64_t member = 0; member < bank.getNumMembers(); ++member)
      for (int64_t range = 0; range < bank.getNumRanges(); ++range)
        if (!isFrozen(user, bank.getVariable(member, range)))
          return true;
    return false;
  }

  SmallVector<FlatSymbolRefAttr> banks;
  llvm::DenseSet<Attribute> tables;
  llvm::DenseMap<Attribute, StringAttr> derived; // what a function is made of -> its name
  NamedAttrList missedSteps;                     // by variable, of the phases so far
  int64_t lastStep = 0;                          // of the phases so far
};
} // namespace
