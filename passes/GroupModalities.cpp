// Level 1 to level 2: groups and banks become explicit, cases of by_modality are inlined.
//
// Every operation is rewritten alone and makes its own tables between its own gather and combine; uniting tables and
// removing permutations is left to the passes that follow. Before: level 1 verifies. After: no operation of level 1
// that names a variable is left.
#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"
#include <cmath>

namespace mlir::motley {
#define GEN_PASS_DEF_GROUPMODALITIES
#include "passes/Passes.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

/// The argument of a function that holds a field, or null.
Value findField(func::FuncOp function, Field field) {
  for (BlockArgument argument : function.getArguments())
    if (auto attr = function.getArgAttrOfType<FieldAttr>(argument.getArgNumber(), kFieldAttrName))
      if (attr.getValue() == field)
        return argument;
  return {};
}

Value findOrAddLive(func::FuncOp function) {
  if (Value live = findField(function, Field::live))
    return live;
  OpBuilder b(function.getContext());
  auto attrs = b.getDictionaryAttr(b.getNamedAttr(kFieldAttrName, FieldAttr::get(b.getContext(), Field::live)));
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, b.getI32Type(), attrs, function.getLoc());
  return function.getArgument(index);
}

/// Rewrites one function.
class Grouper {
public:
  Grouper(func::FuncOp function) : function(function), b(function.getContext()) {
    for (auto [i, modality] : llvm::enumerate(getModalities(function)))
      modalityIndex[modality.getSymNameAttr()] = i;
  }

  LogicalResult run() {
    SmallVector<Operation *> work;
    for (Operation &op : function.getBody().front())
      if (isa<EmbeddingOp, LinearOp, NormOp, AttentionOp, CrossEntropyOp, ByModalityOp>(op))
        work.push_back(&op);
    if (work.empty())
      return success();
    if (!function.getBody().hasOneBlock())
      return function.emitError("a model function must be one block");
    for (auto byModality : function.getOps<ByModalityOp>()) {
      if (ids && ids != byModality.getModality())
        return byModality.emitOpError(
            "goes by other modalities than an earlier one of this function; a function has one base partition");
      ids = byModality.getModality();
    }
    live = findOrAddLive(function);
    for (Operation *op : work) {
      b.setInsertionPoint(op);
      if (auto byModality = dyn_cast<ByModalityOp>(op))
        inlineCases(byModality);
      else if (auto attention = dyn_cast<AttentionOp>(op))
        groupAttention(attention);
      else
        groupWhole(op);
      op->erase();
    }
    return success();
  }

private:
  func::FuncOp function;
  OpBuilder b;
  Value ids, live;
  llvm::DenseMap<StringAttr, int64_t> modalityIndex;

  Value makeTable(Location loc, Value ids, int64_t numGroups, int64_t rows) {
    return GroupByOp::create(b, loc, GroupsType::get(b.getContext(), numGroups, rows, 0), ids, live);
  }
  Value makeBase(Location loc, int64_t rows) { return makeTable(loc, ids, ids ? modalityIndex.size() : 1, rows); }
  static int64_t numGroups(Value groups) { return cast<GroupsType>(groups.getType()).getNumGroups(); }

  /// The bank that holds the variable, made on first use.
  FlatSymbolRefAttr bankOf(FlatSymbolRefAttr variable) {
    if (!variable)
      return {};
    auto module = function->getParentOfType<ModuleOp>();
    for (BankOp bank : module.getOps<BankOp>())
      for (Attribute member : bank.getMembers())
        if (llvm::is_contained(cast<ArrayAttr>(member), variable))
          return FlatSymbolRefAttr::get(bank.getSymNameAttr());
    OpBuilder::InsertionGuard guard(b);
    VariableOp declaration = lookupVariable(function, variable);
    b.setInsertionPointAfter(declaration);
    auto name = b.getStringAttr("bank." + variable.getValue());
    BankOp::create(b, declaration.getLoc(), name, b.getArrayAttr(b.getArrayAttr(variable)), LayoutAttr());
    return FlatSymbolRefAttr::get(name);
  }

  /// The operation in slot order. `map` says which groups it covers; `values` has its operands in slot order.
  void groupOne(Operation *op, Value groups, ArrayRef<int64_t> map, IRMapping &values) {
    Location loc = op->getLoc();
    auto mapAttr = b.getDenseI64ArrayAttr(map);
    auto rangeZero = b.getDenseI64ArrayAttr({0});
    if (auto linear = dyn_cast<LinearOp>(op)) {
      Value product = GroupedMatmulOp::create(b, loc, TypeRange(linear.getType()), UnitAttr(),
                                              bankOf(linear.getWeightAttr()), rangeZero, mapAttr,
                                              ValueRange(values.lookup(linear.getInput())), groups, ValueRange(),
                                              linear.getPrecisionAttr())
                          .getResult(0);
      if (FlatSymbolRefAttr bias = bankOf(linear.getBiasAttr()))
        product = GroupedBiasOp::create(b, loc, product.getType(), product, bias, mapAttr, groups);
      values.map(linear.getResult(), product);
    } else if (auto norm = dyn_cast<NormOp>(op)) {
      int64_t width = norm.getHeads() * (norm.getKind() == NormKind::rms ? 1 : 2);
      auto statistics = RankedTensorType::get({numRows(norm.getInput()), width}, b.getF32Type());
      auto grouped =
          GroupedNormOp::create(b, loc, norm.getType(), statistics, norm.getKindAttr(), values.lookup(norm.getInput()),
                                bankOf(norm.getGainAttr()), bankOf(norm.getBiasAttr()), mapAttr, groups,
                                norm.getEpsilonAttr(), norm.getHeadsAttr());
      values.map(norm.getResult(), grouped.getResult());
    } else if (auto embedding = dyn_cast<EmbeddingOp>(op)) {
      values.map(embedding.getResult(),
                 GroupedEmbeddingOp::create(b, loc, embedding.getType(), bankOf(embedding.getTableAttr()),
                                            values.lookup(embedding.getTokens()), groups)
                     .getResult());
    } else if (auto loss = dyn_cast<CrossEntropyOp>(op)) {
      auto grouped = GroupedCrossEntropyOp::create(b, loc, loss.getCe().getType(), loss.getZ().getType(),
                                                   bankOf(loss.getHeadAttr()), values.lookup(loss.getInput()), groups,
                                                   values.lookup(loss.getTargets()), loss.getZLossAttr(),
                                                   PrecisionAttr());
      values.map(loss.getResults(), grouped.getResults());
    } else {
      b.clone(*op, values);
    }
  }

  Value gather(Location loc, Value value, Value groups) {
    return GatherRowsOp::create(b, loc, value.getType(), value, groups);
  }

  /// An operation outside of by_modality: the same member in every group.
  void groupWhole(Operation *op) {
    Value base = makeBase(op->getLoc(), numRows(op->getOperand(0)));
    IRMapping values;
    for (Value operand : op->getOperands())
      values.map(operand, gather(op->getLoc(), operand, base));
    groupOne(op, base, SmallVector<int64_t>(numGroups(base), 0), values);
    for (Value result : op->getResults())
      result.replaceAllUsesWith(CombineRowsOp::create(b, op->getLoc(), result.getType(), values.lookup(result), base,
                                                       Value(), Value()));
  }

  void groupAttention(AttentionOp op) {
    Location loc = op.getLoc();
    int64_t rows = numRows(op.getQuery());
    Value documents = makeTable(loc, op.getDocuments(), op.getDocuments() ? rows : 1, rows);
    auto logSumExp = RankedTensorType::get({rows, static_cast<int64_t>(op.getHeads())}, b.getF32Type());
    FloatAttr scale = op.getScaleAttr();
    if (!scale)
      scale = b.getF64FloatAttr(1 / std::sqrt(double(numColumns(op.getQuery())) / op.getHeads()));
    auto grouped = GroupedAttentionOp::create(b, loc, op.getType(), logSumExp, op.getMaskAttr(), op.getQuery(),
                                              op.getKey(), op.getValue(), documents, op.getOrder(), op.getSpan(),
                                              op.getHeadsAttr(), op.getKvHeadsAttr(), scale);
    op.replaceAllUsesWith(grouped.getResult());
  }

  /// One branch per case: values from above are split, what the cases yield is merged.
  void inlineCases(ByModalityOp op) {
    Location loc = op.getLoc();
    Value base = makeBase(loc, numRows(op.getModality()));
    SmallVector<int64_t> owner(numGroups(base));
    for (auto [i, names] : llvm::enumerate(op.getCases()))
      for (auto name : cast<ArrayAttr>(names).getAsRange<FlatSymbolRefAttr>())
        owner[modalityIndex.lookup(name.getAttr())] = i;

    size_t numCases = op.getBodies().size();
    SmallVector<IRMapping> values(numCases);
    llvm::SetVector<Value> captured;
    for (Region &body : op.getBodies())
      body.walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (!body.isAncestor(operand.getParentRegion()))
            captured.insert(operand);
      });
    for (Value value : captured) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      bool isRows = type && type.getRank() >= 1 && type.getDimSize(0) == numRows(op.getModality());
      Value inSlots = isRows ? gather(loc, value, base) : value;
      SplitGroupsOp split;
      if (isRows && type.getRank() == 2 && numCases > 1)
        split = SplitGroupsOp::create(b, loc, SmallVector<Type>(numCases, type), inSlots, base,
                                      b.getDenseI64ArrayAttr(owner));
      for (size_t i = 0; i < numCases; ++i)
        values[i].map(value, split ? split.getResult(i) : inSlots);
    }
    SmallVector<SmallVector<Value>> yielded(op.getNumResults());
    for (auto [i, body] : llvm::enumerate(op.getBodies())) {
      SmallVector<int64_t> map;
      for (int64_t which : owner)
        map.push_back(which == static_cast<int64_t>(i) ? 0 : -1);
      for (Operation &inner : body.front().without_terminator())
        groupOne(&inner, base, map, values[i]);
      for (auto [result, value] : llvm::enumerate(body.front().getTerminator()->getOperands()))
        yielded[result].push_back(values[i].lookup(value));
    }
    for (auto [result, branches] : llvm::zip(op.getResults(), yielded)) {
      Value merged = branches[0];
      if (numCases > 1)
        merged = MergeGroupsOp::create(b, loc, result.getType(), branches, base, b.getDenseI64ArrayAttr(owner));
      result.replaceAllUsesWith(CombineRowsOp::create(b, loc, result.getType(), merged, base, Value(), Value()));
    }
  }
};

struct GroupModalities : motley::impl::GroupModalitiesBase<GroupModalities> {
  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!function.isExternal() && failed(Grouper(function).run()))
        return signalPassFailure();
  }
};

} // namespace
