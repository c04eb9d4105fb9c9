// Level 1 to level 2: soft experts. Their slots are groups of sizes known now, one for each expert, and their bodies
// branches over that table; as with experts that rows choose, those of all cases share one.
#include "passes/Grouping.h"

using namespace mlir;
using namespace mlir::motley;

/// Whether the slots of two cases may stand in one tensor.
static bool canShareSlots(SoftExpertsOp a, SoftExpertsOp b) {
  return a.getInput().getType() == b.getInput().getType() && a.getType() == b.getType() &&
         llvm::all_of(a.getBodies(), canResize) && llvm::all_of(b.getBodies(), canResize);
}

LogicalResult Grouper::emitSoftExperts(ArrayRef<Mixed> mixed, const RowSpace &space) {
  SmallVector<Mixed> left(mixed);
  while (!left.empty()) {
    SmallVector<Mixed> alike, rest;
    for (Mixed &one : left)
      (alike.empty() || canShareSlots(alike.front().first, one.first) ? alike : rest).push_back(one);
    if (failed(emitMixture(alike, space)))
      return failure();
    left = rest;
  }
  return success();
}

/// The soft experts of one or several cases over one table.
LogicalResult Grouper::emitMixture(ArrayRef<Mixed> mixed, const RowSpace &space) {
  SmallVector<Location> locations;
  SmallVector<Value> dispatch, combine, inputs;
  SmallVector<int64_t> sizes, ownerOfGroup(space.numGroups(), -1);
  int64_t slots = 0;
  for (auto [i, one] : llvm::enumerate(mixed)) {
    auto [op, rows] = one;
    locations.push_back(op.getLoc());
    dispatch.push_back(rows->values.lookup(op.getDispatch()));
    combine.push_back(rows->values.lookup(op.getCombine()));
    inputs.push_back(rows->values.lookup(op.getInput()));
    int64_t columns = numColumns(op.getDispatch()), numExperts = op.getBodies().size();
    sizes.append(numExperts, columns / numExperts);
    slots += columns;
    for (auto [group, member] : llvm::enumerate(rows->map))
      if (member >= 0)
        ownerOfGroup[group] = i;
  }
  Location loc = b.getFusedLoc(locations);
  int64_t numBodies = sizes.size();
  auto ownerAttr = b.getDenseI64ArrayAttr(ownerOfGroup);
  // Groups that no case of these owns are dead in every branch.
  SmallVector<int64_t> owner(ownerOfGroup);
  for (int64_t &which : owner)
    which = std::max<int64_t>(which, 0);

  Value input = merge(loc, inputs, space.groups, owner);
  Value table = StaticGroupsOp::create(b, loc, GroupsType::get(b.getContext(), numBodies, slots, 0), sizes);
  Value mixture = MixRowsOp::create(b, loc, withRows(input.getType(), slots), dispatch, input, space.groups, ownerAttr);
  auto bodyOfGroup = llvm::to_vector(llvm::seq<int64_t>(0, numBodies));
  SmallVector<RowCase> cases;
  SmallVector<SplitGroupsOp> splits, resultSplits;
  for (auto [op, rows] : mixed)
    for (Region &body : op.getBodies()) {
      int64_t number = cases.size();
      SmallVector<int64_t> map(numBodies, -1);
      map[number] = 0;
      cases.push_back({&body.front(), map, rows->values});
      cases.back().values.map(body.getArgument(0), split(loc, mixture, table, bodyOfGroup, number, numBodies, splits));
    }
  for (RowCase &one : cases)
    resizeBody(*one.body, slots);
  if (failed(emitCases(cases, RowSpace{table})))
    return failure();
  SmallVector<Value> yielded;
  for (RowCase &one : cases)
    yielded.push_back(one.values.lookupOrDefault(one.body->getTerminator()->getOperand(0)));
  Value made = merge(loc, yielded, table, bodyOfGroup);
  Value result =
      UnmixRowsOp::create(b, loc, withRows(made.getType(), space.bound()), combine, made, space.groups, ownerAttr);
  for (auto [i, one] : llvm::enumerate(mixed))
    one.second->values.map(SoftExpertsOp(one.first).getResult(),
                           split(loc, result, space.groups, owner, i, mixed.size(), resultSplits));
  return success();
}
