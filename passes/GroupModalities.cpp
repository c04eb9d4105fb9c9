// Level 1 to level 2: groups and banks become explicit, regions are inlined (GroupRouting.cpp).
//
// At the top of a function every operation is rewritten alone and makes its own tables between its own gather and
// combine; uniting tables and removing permutations is left to the passes that follow. Inside of regions values stand
// in slot order already. Before: level 1 verifies. After: no operation of level 1 that names a variable or has a region
// is left.
#include "passes/Grouping.h"
#include <cmath>

namespace mlir::motley {
#define GEN_PASS_DEF_GROUPMODALITIES
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

/// The argument of a function that holds a field, or null.
static Value findField(func::FuncOp function, Field field) {
  for (BlockArgument argument : function.getArguments())
    if (auto attr = function.getArgAttrOfType<FieldAttr>(argument.getArgNumber(), kFieldAttrName))
      if (attr.getValue() == field)
        return argument;
  return {};
}

static Value findOrAddLive(func::FuncOp function) {
  if (Value live = findField(function, Field::live))
    return live;
  OpBuilder b(function.getContext());
  auto attrs = b.getDictionaryAttr(b.getNamedAttr(kFieldAttrName, FieldAttr::get(b.getContext(), Field::live)));
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, b.getI32Type(), attrs, function.getLoc());
  return function.getArgument(index);
}

/// Follows an argument of select_rows out to the value of the function that it stands for.
static Value traceOut(Value value) {
  while (auto argument = dyn_cast<BlockArgument>(value)) {
    auto select = dyn_cast<SelectRowsOp>(argument.getOwner()->getParentOp());
    if (!select)
      break;
    value = select.getInputs()[argument.getArgNumber()];
  }
  return value;
}

/// Operations that need a table; others treat rows one by one.
static bool goesByGroups(Operation *op) {
  return isa<EmbeddingOp, LinearOp, NormOp, AttentionOp, CrossEntropyOp, ByModalityOp, ExpertsOp, SelectRowsOp,
             ChooseTokensOp, LimitCapacityOp, MeanRowsOp, SoftmaxRowsOp, SoftExpertsOp, ObserveOp>(op);
}

Grouper::Grouper(func::FuncOp function) : function(function), b(function.getContext()) {
  for (auto [i, modality] : llvm::enumerate(getModalities(function)))
    modalityIndex[modality.getSymNameAttr()] = i;
  for (BankOp bank : function->getParentOfType<ModuleOp>().getOps<BankOp>())
    for (Attribute member : bank.getMembers())
      for (Attribute variable : cast<ArrayAttr>(member))
        bankOfVariable[variable] = FlatSymbolRefAttr::get(bank.getSymNameAttr());
}

LogicalResult Grouper::run() {
  SmallVector<Operation *> work;
  for (Operation &op : function.getBody().front())
    if (goesByGroups(&op))
      work.push_back(&op);
  readRules();
  if (work.empty())
    return success();
  if (!function.getBody().hasOneBlock())
    return function.emitError("a model function must be one block");
  if (failed(findModalities()))
    return failure();
  live = findOrAddLive(function);
  for (Operation *op : work) {
    b.setInsertionPoint(op);
    if (failed(groupAtTop(op)))
      return failure();
    op->erase();
  }
  return success();
}

/// A function has one base partition: that of its by_modality, wherever they stand.
LogicalResult Grouper::findModalities() {
  WalkResult walk = function.walk([&](ByModalityOp byModality) {
    Value source = traceOut(byModality.getModality());
    if (ids && ids != source) {
      byModality.emitOpError(
          "goes by other modalities than an earlier one of this function; a function has one base partition");
      return WalkResult::interrupt();
    }
    ids = source;
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  if (!ids || !ids.getDefiningOp())
    return success();
  // Modalities that are computed are known before every operation.
  SmallVector<Operation *> computation = computationOf(ids);
  for (Operation *op : computation)
    if (goesByGroups(op))
      return op->emitOpError("is what the modalities of this function are computed from, and goes by them itself; "
                             "compute them from fields of the rows");
  for (Operation *op : llvm::reverse(computation))
    op->moveBefore(&function.getBody().front(), function.getBody().front().begin());
  return success();
}

Value Grouper::makeTable(Location loc, Value ids, int64_t numGroups, int64_t rows) {
  return GroupByOp::create(b, loc, GroupsType::get(b.getContext(), numGroups, rows, 0), ids, live);
}
Value Grouper::makeBase(Location loc, int64_t rows) {
  return makeTable(loc, ids, ids ? modalityIndex.size() : 1, rows);
}

/// The bank that holds the variable, made on first use.
FlatSymbolRefAttr Grouper::bankOf(FlatSymbolRefAttr variable) {
  if (!variable)
    return {};
  FlatSymbolRefAttr &known = bankOfVariable[variable];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(b);
  VariableOp declaration = lookupVariable(function, variable);
  b.setInsertionPointAfter(declaration);
  auto name = b.getStringAttr("bank." + variable.getValue());
  BankOp::create(b, declaration.getLoc(), name, b.getArrayAttr(b.getArrayAttr(variable)), LayoutAttr());
  return known = FlatSymbolRefAttr::get(name);
}

Value Grouper::gather(Location loc, Value value, Value groups) {
  auto type = withRows(value.getType(), cast<GroupsType>(groups.getType()).getBound());
  return GatherRowsOp::create(b, loc, type, value, groups);
}
Value Grouper::combine(Location loc, Value value, Value groups) {
  auto type = withRows(value.getType(), cast<GroupsType>(groups.getType()).getNumRows());
  return CombineRowsOp::create(b, loc, type, value, groups, Value(), Value());
}

/// One operation of the function's block: its operands are gathered into the order of the base, its results combined.
LogicalResult Grouper::groupAtTop(Operation *op) {
  Location loc = op->getLoc();
  IRMapping rowOrder;
  if (auto attention = dyn_cast<AttentionOp>(op)) { // reads rows through its own table
    int64_t rows = numRows(attention.getQuery());
    Value documents = makeTable(loc, attention.getDocuments(), attention.getDocuments() ? rows : 1, rows);
    groupAttention(attention, documents, rowOrder);
    attention.replaceAllUsesWith(rowOrder.lookup(attention.getResult()));
    return success();
  }
  int64_t rows = numRows(isa<ByModalityOp>(op) ? Value(cast<ByModalityOp>(op).getModality()) : op->getOperand(0));
  RowSpace space{makeBase(loc, rows)};
  RowCase whole{op->getBlock(), SmallVector<int64_t>(space.numGroups(), 0), {}};
  auto bring = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    bool isRows = type && type.getRank() >= 1 && type.getDimSize(0) == rows;
    if (isRows && !whole.values.contains(value))
      whole.values.map(value, gather(loc, value, space.groups));
  };
  if (!isa<ByModalityOp>(op)) // whose modalities are the base
    for (Value operand : op->getOperands())
      if (!(isa<ChooseTokensOp, LimitCapacityOp, MeanRowsOp>(op) && findField(function, Field::document) == operand))
        bring(operand);
  op->walk([&](Operation *inner) { // what cases of by_modality see from above
    for (Value operand : inner->getOperands())
      if (inner != op && !op->isAncestor(operand.getParentBlock()->getParentOp()))
        bring(operand);
  });
  if (failed(groupOne(op, space, whole)))
    return failure();
  for (Value result : op->getResults())
    result.replaceAllUsesWith(combine(loc, whole.values.lookup(result), space.groups));
  return success();
}

/// The operation in slot order; `rows.values` has its operands and gets its results.
LogicalResult Grouper::groupOne(Operation *op, const RowSpace &space, RowCase &rows) {
  Location loc = op->getLoc();
  auto mapAttr = b.getDenseI64ArrayAttr(rows.map);
  if (auto byModality = dyn_cast<ByModalityOp>(op))
    return inlineModalities(byModality, space, rows);
  if (auto experts = dyn_cast<ExpertsOp>(op))
    return emitExperts(Routed(experts, &rows), space);
  if (auto soft = dyn_cast<SoftExpertsOp>(op))
    return emitSoftExperts(Mixed(soft, &rows), space);
  if (auto softmax = dyn_cast<SoftmaxRowsOp>(op)) {
    rows.values.map(
        softmax.getResult(),
        SoftmaxRowsOp::create(b, loc, softmax.getType(), rows.values.lookup(softmax.getInput()), space.groups, mapAttr)
            .getResult());
    return success();
  }
  if (auto select = dyn_cast<SelectRowsOp>(op))
    return emitSelection(select, space, rows);
  if (auto attention = dyn_cast<AttentionOp>(op)) {
    FailureOr<Value> documents = documentsIn(space, attention.getDocuments(), op);
    if (failed(documents))
      return failure();
    groupAttention(attention, *documents, rows.values);
    return success();
  }
  if (auto observe = dyn_cast<ObserveOp>(op)) {
    CountChosenOp::create(b, loc, observe.getNameAttr(), rows.values.lookup(observe.getChosen()), space.groups,
                          mapAttr);
    return success();
  }
  auto withScope = [&](auto typed) -> LogicalResult {
    Value over;
    if (Value documents = typed.getDocuments()) {
      FailureOr<Value> table = documentsIn(space, documents, op);
      if (failed(table))
        return failure();
      over = *table;
    }
    auto scoped = cast<decltype(typed)>(b.clone(*op, rows.values));
    scoped.getDocumentsMutable().clear();
    scoped.getGroupsMutable().assign(space.groups);
    scoped.setMapAttr(mapAttr);
    if (over)
      scoped.getOverMutable().assign(over);
    return success();
  };
  if (auto choose = dyn_cast<ChooseTokensOp>(op))
    return withScope(choose);
  if (auto limit = dyn_cast<LimitCapacityOp>(op))
    return withScope(limit);
  if (auto mean = dyn_cast<MeanRowsOp>(op))
    return withScope(mean);
  if (isa<EmbeddingOp, LinearOp, NormOp, CrossEntropyOp>(op))
    groupWeights(op, space, rows);
  else
    b.clone(*op, rows.values);
  return success();
}

/// Operations that name variables: banks, and the groups that meet them.
void Grouper::groupWeights(Operation *op, const RowSpace &space, RowCase &rows) {
  Location loc = op->getLoc();
  IRMapping &values = rows.values;
  Value groups = space.groups;
  auto mapAttr = b.getDenseI64ArrayAttr(rows.map);
  if (auto linear = dyn_cast<LinearOp>(op)) {
    Value product = GroupedMatmulOp::create(b, loc, TypeRange(linear.getType()), UnitAttr(),
                                            bankOf(linear.getWeightAttr()), b.getDenseI64ArrayAttr({0}), mapAttr,
                                            ValueRange(values.lookupOrDefault(linear.getInput())), groups, ValueRange(),
                                            linear.getPrecisionAttr())
                        .getResult(0);
    if (FlatSymbolRefAttr bias = bankOf(linear.getBiasAttr()))
      product = GroupedBiasOp::create(b, loc, product.getType(), product, bias, mapAttr, groups);
    values.map(linear.getResult(), product);
  } else if (auto norm = dyn_cast<NormOp>(op)) {
    int64_t width = norm.getHeads() * (norm.getKind() == NormKind::rms ? 1 : 2);
    auto statistics = RankedTensorType::get({numRows(norm.getInput()), width}, b.getF32Type());
    auto grouped =
        GroupedNormOp::create(b, loc, norm.getType(), statistics, norm.getKindAttr(),
                              values.lookupOrDefault(norm.getInput()), bankOf(norm.getGainAttr()),
                              bankOf(norm.getBiasAttr()), mapAttr, groups, norm.getEpsilonAttr(), norm.getHeadsAttr());
    values.map(norm.getResult(), grouped.getResult());
  } else if (auto embedding = dyn_cast<EmbeddingOp>(op)) {
    values.map(embedding.getResult(),
               GroupedEmbeddingOp::create(b, loc, embedding.getType(), bankOf(embedding.getTableAttr()),
                                          values.lookup(embedding.getTokens()), groups)
                   .getResult());
  } else if (auto loss = dyn_cast<CrossEntropyOp>(op)) {
    auto grouped = GroupedCrossEntropyOp::create(
        b, loc, loss.getCe().getType(), loss.getZ().getType(), bankOf(loss.getHeadAttr()),
        values.lookup(loss.getInput()), groups, values.lookup(loss.getTargets()), loss.getZLossAttr(), PrecisionAttr());
    values.map(loss.getResults(), grouped.getResults());
  }
}

void Grouper::groupAttention(AttentionOp op, Value documents, IRMapping &values) {
  auto logSumExp = RankedTensorType::get({numRows(op.getQuery()), int64_t(op.getHeads())}, b.getF32Type());
  FloatAttr scale = op.getScaleAttr();
  if (!scale)
    scale = b.getF64FloatAttr(1 / std::sqrt(double(numColumns(op.getQuery())) / op.getHeads()));
  auto inSlots = [&](Value value) { return value ? values.lookupOrDefault(value) : Value(); };
  auto grouped =
      GroupedAttentionOp::create(b, op.getLoc(), op.getType(), logSumExp, op.getMaskAttr(), inSlots(op.getQuery()),
                                 inSlots(op.getKey()), inSlots(op.getValue()), documents, inSlots(op.getOrder()),
                                 inSlots(op.getSpan()), op.getHeadsAttr(), op.getKvHeadsAttr(), scale);
  values.map(op.getResult(), grouped.getResult());
}

/// The table of documents over the rows of a space, in ascending order inside each; without ids all rows are one.
FailureOr<Value> Grouper::documentsIn(const RowSpace &space, Value documents, Operation *user) {
  Location loc = user->getLoc();
  if (!space.outer) {
    if (!space.groups.getDefiningOp<GroupByOp>()) // slots
      return user->emitOpError("goes by documents inside of an expert, where a row may stand several times; compute it "
                               "before motley.experts and pass it as an input");
    Value table = makeTable(loc, documents, documents ? space.bound() : 1, space.bound());
    if (!ids) // the base has the rows in their own order
      return table;
    auto type = cast<GroupsType>(table.getType());
    return ReindexOp::create(b, loc, type, table, space.groups).getResult();
  }
  Value outside = documents ? space.argumentOf.lookupOrNull(documents) : Value();
  if (documents && !outside)
    return user->emitOpError("takes documents that are computed inside of motley.select_rows; pass the field as an "
                             "input");
  FailureOr<Value> table = documentsIn(*space.outer, outside, user);
  if (failed(table))
    return failure();
  auto type = GroupsType::get(b.getContext(), cast<GroupsType>(table->getType()).getNumGroups(), space.bound(), 0);
  return ReindexOp::create(b, loc, type, *table, space.groups).getResult();
}

namespace {
struct GroupModalities : motley::impl::GroupModalitiesBase<GroupModalities> {
  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!function.isExternal() && failed(Grouper(function).run()))
        return signalPassFailure();
  }
};
} // namespace
