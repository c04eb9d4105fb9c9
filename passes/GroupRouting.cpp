// Level 1 to level 2: regions. Cases of by_modality and bodies of experts are branches over one table: values from
// above are split, what they yield is merged, and later passes unite equal branches into one operation.
//
// The cases of one by_modality are emitted side by side, up to where each routes rows to experts: then the experts of
// all cases get one table together, so that text and image experts can share a launch.
#include "mlir/IR/Matchers.h"
#include "passes/Grouping.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

using namespace mlir;
using namespace mlir::motley;

/// Tensors of f32 [R, D] or [R]: the only ones that are split and merged.
static bool isActivation(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() >= 1 && type.getElementType().isF32();
}

/// The part of `value` that belongs to a branch; a value is split once.
Value Grouper::split(Location loc, Value value, Value groups, ArrayRef<int64_t> owner, int64_t branch,
                     int64_t numBranches, SmallVectorImpl<SplitGroupsOp> &made) {
  if (numBranches == 1 || !isActivation(value) || numRows(value) != cast<GroupsType>(groups.getType()).getBound())
    return value;
  for (SplitGroupsOp known : made)
    if (known.getInput() == value)
      return known.getResult(branch);
  made.push_back(SplitGroupsOp::create(b, loc, SmallVector<Type>(numBranches, value.getType()), value, groups,
                                       b.getDenseI64ArrayAttr(owner)));
  return made.back().getResult(branch);
}

Value Grouper::merge(Location loc, ArrayRef<Value> branches, Value groups, ArrayRef<int64_t> owner) {
  if (branches.size() == 1)
    return branches.front();
  return MergeGroupsOp::create(b, loc, branches.front().getType(), branches, groups, b.getDenseI64ArrayAttr(owner));
}

/// Whether the experts of two cases may go over one table: their rows have one shape, fields are the same, and neither
/// drops choices for want of slots, which it would do by its own count.
bool Grouper::canShareTable(const Routed &first, const Routed &second) const {
  ExpertsOp a = first.first, b = second.first;
  if (!shareable.contains(a) || !shareable.contains(b) || a.getType() != b.getType() ||
      !a.getGates() != !b.getGates() || a.getInputs().getTypes() != b.getInputs().getTypes())
    return false;
  return llvm::all_of(llvm::zip(a.getInputs(), b.getInputs()), [&](auto pair) {
    auto [one, other] = pair;
    return isActivation(one) || first.second->values.lookup(one) == second.second->values.lookup(other);
  });
}

/// Emits all operations of the cases but their terminators.
LogicalResult Grouper::emitCases(MutableArrayRef<RowCase> cases, const RowSpace &space) {
  SmallVector<Block::iterator> next;
  for (RowCase &one : cases)
    next.push_back(one.body->begin());
  auto atEnd = [&](size_t i) { return &*next[i] == cases[i].body->getTerminator(); };
  while (true) {
    SmallVector<Routed> routed;
    SmallVector<Mixed> mixed;
    for (size_t i = 0; i < cases.size(); ++i) {
      for (; !atEnd(i) && !isa<ExpertsOp, SoftExpertsOp>(*next[i]); ++next[i])
        if (failed(groupOne(&*next[i], space, cases[i])))
          return failure();
      if (atEnd(i))
        continue;
      if (auto soft = dyn_cast<SoftExpertsOp>(*next[i]))
        mixed.emplace_back(soft, &cases[i]);
      else
        routed.emplace_back(cast<ExpertsOp>(*next[i]), &cases[i]);
      ++next[i];
    }
    if (routed.empty() && mixed.empty())
      return success();
    if (failed(emitSoftExperts(mixed, space)))
      return failure();
    // Experts that can't share a table get one of their own.
    while (!routed.empty()) {
      SmallVector<Routed> alike, rest;
      for (Routed &one : routed)
        (alike.empty() || canShareTable(alike.front(), one) ? alike : rest).push_back(one);
      if (failed(emitExperts(alike, space)))
        return failure();
      routed = rest;
    }
  }
}

/// One branch per case: values from above are split, what the cases yield is merged.
LogicalResult Grouper::inlineModalities(ByModalityOp op, const RowSpace &space, RowCase &rows) {
  Location loc = op.getLoc();
  size_t numCases = op.getBodies().size();
  SmallVector<int64_t> owner(space.numGroups());
  for (auto [i, names] : llvm::enumerate(op.getCases()))
    for (auto name : cast<ArrayAttr>(names).getAsRange<FlatSymbolRefAttr>())
      owner[modalityIndex.lookup(name.getAttr())] = i;

  llvm::SetVector<Value> captured;
  for (Region &body : op.getBodies())
    body.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
          captured.insert(operand);
    });
  SmallVector<RowCase> cases;
  for (auto [i, body] : llvm::enumerate(op.getBodies())) {
    SmallVector<int64_t> map;
    for (int64_t which : owner)
      map.push_back(which == static_cast<int64_t>(i) ? 0 : -1);
    cases.push_back({&body.front(), map, {}});
  }
  SmallVector<SplitGroupsOp> splits;
  for (Value value : captured)
    for (auto [i, one] : llvm::enumerate(cases))
      one.values.map(value, split(loc, rows.values.lookupOrDefault(value), space.groups, owner, i, numCases, splits));
  if (failed(emitCases(cases, space)))
    return failure();
  for (Value result : op.getResults()) {
    unsigned number = cast<OpResult>(result).getResultNumber();
    SmallVector<Value> branches;
    for (RowCase &one : cases)
      branches.push_back(one.values.lookup(one.body->getTerminator()->getOperand(number)));
    rows.values.map(result, merge(loc, branches, space.groups, owner));
  }
  return success();
}

static int64_t numSlots(ExpertsOp op) { return numRows(op.getBodies()[0].front().getTerminator()->getOperand(0)); }

/// The rule of a choice as it was written. Shares of documents round up once for each: every row may go to every
/// expert.
SlotRule Grouper::ruleOf(Value chosen, int64_t numExperts) {
  SlotRule rule{numExperts, numExperts, 1};
  auto limit = [&](double capacity, Value documents) { rule.share = documents ? 1 : std::min(rule.share, capacity); };
  if (auto tokens = chosen.getDefiningOp<ChooseTokensOp>()) {
    limit(tokens.getCapacity().convertToDouble(), tokens.getDocuments());
  } else if (auto limited = chosen.getDefiningOp<LimitCapacityOp>()) {
    rule = ruleOf(limited.getChosen(), numExperts);
    if (!limited.getDocuments())
      limit(limited.getCapacity().convertToDouble(), Value());
  } else if (auto experts = chosen.getDefiningOp<ChooseExpertsOp>()) {
    rule.perRow = std::min<int64_t>(experts.getK(), numExperts);
  } else if (chosen.getDefiningOp<OneHotOp>()) {
    rule.perRow = 1;
  }
  return rule;
}

int64_t SlotRule::most(int64_t rows) const {
  return std::min<int64_t>(perRow * rows, numExperts * std::ceil(share * rows));
}

/// Copies the constants that a body captures into it: they have the body's slots, whatever number of rows stands
/// around.
static void ownConstants(Region &body) {
  llvm::MapVector<Value, SmallVector<OpOperand *>> uses;
  body.walk([&](Operation *inner) {
    for (OpOperand &use : inner->getOpOperands())
      if (isa<RankedTensorType>(use.get().getType()) && !body.isAncestor(use.get().getParentRegion()) &&
          matchPattern(use.get(), m_Constant()))
        uses[use.get()].push_back(&use);
  });
  OpBuilder inside(body);
  for (auto &[constant, found] : uses) {
    Value copy = inside.clone(*constant.getDefiningOp())->getResult(0);
    for (OpOperand *use : found)
      use->set(copy);
  }
}

/// Before anything is rewritten, when choices still stand behind their values and bodies have the slots that they were
/// written for.
void Grouper::readRules() {
  function.walk([](Operation *op) {
    if (isa<ExpertsOp, SoftExpertsOp, SelectRowsOp>(op))
      llvm::for_each(op->getRegions(), ownConstants);
  });
  function.walk([&](ExpertsOp op) {
    SlotRule rule = ruleOf(op.getChosen(), op.getBodies().size());
    if (numSlots(op) >= rule.most(numRows(op.getChosen())) && llvm::all_of(op.getBodies(), canResize))
      shareable.try_emplace(op, rule);
  });
}

/// Slots for the experts of several cases together. Cases share the rows, so no more are chosen than where the
/// greediest case has them all, plus one for each expert: a share of some rows is rounded up.
int64_t Grouper::boundSlots(ArrayRef<Routed> routed) const {
  if (routed.size() == 1)
    return numSlots(routed.front().first);
  int64_t most = 0, sum = 0, numExperts = 0;
  for (auto [op, rows] : routed) {
    most = std::max(most, shareable.find(op)->second.most(numRows(op.getChosen())));
    sum += numSlots(op);
    numExperts += op.getBodies().size();
  }
  return std::min(sum, most + numExperts);
}

bool mlir::motley::canResize(Region &body) {
  return llvm::none_of(body.front(), [](Operation &inner) {
    auto constant = dyn_cast<arith::ConstantOp>(inner);
    return constant && isa<DenseElementsAttr>(constant.getValue()) && !isa<SplatElementsAttr>(constant.getValue());
  });
}

void mlir::motley::resizeBody(Block &body, int64_t slots) {
  int64_t before = numRows(body.getTerminator()->getOperand(0));
  llvm::DenseSet<Value> resized;
  auto resize = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.getRank() == 0 || type.getDimSize(0) != before)
      return;
    resized.insert(value);
    value.setType(withRows(type, slots));
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
        constant.setValueAttr(splat.resizeSplat(cast<ShapedType>(value.getType())));
  };
  for (BlockArgument argument : body.getArguments())
    resize(argument);
  for (Operation &op : body) // what is computed from rows, or from nothing: a constant has a value for each slot
    if (op.getNumOperands() == 0 ||
        llvm::any_of(op.getOperands(), [&](Value value) { return resized.contains(value); }))
      for (Value result : op.getResults())
        resize(result);
}

/// A body's result times its gates: a product takes them with its input, where they meet an epilogue that is there
/// anyway and where the backward has their gradient without keeping the result: (w x) W is w (x W).
Value Grouper::weigh(Value result, function_ref<Value(Type)> factorsOf) {
  auto product = result.getDefiningOp<GroupedMatmulOp>();
  if (!product || !result.use_empty())
    return arith::MulFOp::create(b, result.getLoc(), result, factorsOf(result.getType()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(product);
  Value input = product.getInputs()[0];
  product.getInputsMutable()[0].set(
      arith::MulFOp::create(b, result.getLoc(), input, factorsOf(input.getType())).getResult());
  return result;
}

/// The experts of one or several cases over one table.
LogicalResult Grouper::emitExperts(ArrayRef<Routed> routed, const RowSpace &space) {
  SmallVector<Location> locations;
  SmallVector<Value> chosen, gates;
  SmallVector<int64_t> counts, ownerOfGroup(space.numGroups(), -1);
  int64_t numBodies = 0;
  for (auto [i, one] : llvm::enumerate(routed)) {
    auto [op, rows] = one;
    locations.push_back(op.getLoc());
    chosen.push_back(rows->values.lookup(op.getChosen()));
    if (op.getGates())
      gates.push_back(rows->values.lookup(op.getGates()));
    counts.push_back(op.getBodies().size());
    numBodies += counts.back();
    for (auto [group, member] : llvm::enumerate(rows->map))
      if (member >= 0)
        ownerOfGroup[group] = i;
  }
  Location loc = b.getFusedLoc(locations);
  int64_t slots = boundSlots(routed);
  auto countsAttr = b.getDenseI64ArrayAttr(counts);
  Value table = SelectOp::create(b, loc, GroupsType::get(b.getContext(), numBodies, slots, space.bound()), chosen,
                                 space.groups, countsAttr, b.getDenseI64ArrayAttr(ownerOfGroup));
  // Groups that no case of these owns are dead in every branch.
  SmallVector<int64_t> owner(ownerOfGroup);
  for (int64_t &which : owner)
    which = std::max<int64_t>(which, 0);

  RowSpace inner{table};
  auto bodyOfGroup = llvm::to_vector(llvm::seq<int64_t>(0, numBodies));
  SmallVector<RowCase> cases;
  SmallVector<Value> inputs;
  for (unsigned i = 0; i < ExpertsOp(routed.front().first).getInputs().size(); ++i) {
    SmallVector<Value> branches;
    for (auto [op, rows] : routed)
      branches.push_back(rows->values.lookup(op.getInputs()[i]));
    Value whole = isActivation(branches.front()) ? merge(loc, branches, space.groups, owner) : branches.front();
    inputs.push_back(gather(loc, whole, table));
  }
  SmallVector<SplitGroupsOp> splits;
  for (auto [op, rows] : routed)
    for (Region &body : op.getBodies()) {
      int64_t number = cases.size();
      SmallVector<int64_t> map(numBodies, -1);
      map[number] = 0;
      cases.push_back({&body.front(), map, rows->values});
      for (auto [argument, input] : llvm::zip(body.getArguments(), inputs))
        cases.back().values.map(argument, split(loc, input, table, bodyOfGroup, number, numBodies, splits));
    }
  for (RowCase &one : cases)
    resizeBody(*one.body, slots);
  // Known before the bodies, so that an epilogue can take them.
  Value weights;
  if (!gates.empty())
    weights = SlotValuesOp::create(b, loc, RankedTensorType::get({slots}, b.getF32Type()), gates, table, countsAttr);
  if (failed(emitCases(cases, inner)))
    return failure();
  llvm::DenseMap<Type, Value> factors;
  SmallVector<Value> yielded;
  for (auto [number, one] : llvm::enumerate(cases)) {
    Value value = one.values.lookupOrDefault(one.body->getTerminator()->getOperand(0));
    yielded.push_back(!weights ? value : weigh(value, [&, branch = number](Type type) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointAfterValue(weights);
      Value &whole = factors[type];
      if (!whole)
        whole = RowBroadcastOp::create(b, loc, type, weights);
      else
        b.setInsertionPointAfterValue(whole);
      return split(loc, whole, table, bodyOfGroup, branch, numBodies, splits);
    }));
  }
  Value result = merge(loc, yielded, table, bodyOfGroup);
  result = combine(loc, result, table);
  SmallVector<SplitGroupsOp> resultSplits;
  for (auto [i, one] : llvm::enumerate(routed))
    one.second->values.map(ExpertsOp(one.first).getResult(),
                           split(loc, result, space.groups, owner, i, routed.size(), resultSplits));
  return success();
}

/// A row space of the chosen rows, in the order of the outer one.
LogicalResult Grouper::emitSelection(SelectRowsOp op, const RowSpace &space, RowCase &rows) {
  Location loc = op.getLoc();
  Block &body = op.getBody().front();
  int64_t slots = numRows(body.getTerminator()->getOperand(0));
  Value kept = RestrictOp::create(b, loc, GroupsType::get(b.getContext(), space.numGroups(), slots, space.bound()),
                                  space.groups, rows.values.lookup(op.getChosen()));
  RowSpace inner{kept, &space};
  RowCase one{&body, rows.map, rows.values};
  for (auto [argument, input] : llvm::zip(body.getArguments(), op.getInputs())) {
    inner.argumentOf.map(argument, input);
    one.values.map(argument, gather(loc, rows.values.lookup(input), kept));
  }
  if (failed(emitCases(one, inner)))
    return failure();
  Value yielded = one.values.lookup(body.getTerminator()->getOperand(0));
  rows.values.map(op.getResult(), CombineRowsOp::create(b, loc, op.getType(), yielded, kept,
                                                        rows.values.lookup(op.getOtherwise()), Value())
                                      .getResult());
  return success();
}
