// Tables of groups, and what moves rows by them.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;

LogicalResult mlir::motley::lower(GroupByOp op, StepBuilder &step) {
  GroupsType type = op.getType();
  Location loc = op.getLoc();
  Type i32 = IntegerType::get(step.context(), 32);
  Table table{step.alloc(loc, {type.getBound()}, i32), step.alloc(loc, {type.getNumGroups() + 1}, i32),
              step.alloc(loc, {type.getBound()}, i32), type.getNumGroups(), type.getBound()};
  Launch launch{plan::GroupByAttr::get(step.context()), {}};
  if (op.getIds())
    launch.operands.push_back(reads(step.buffer(op.getIds())));
  launch.operands.append(
      {reads(step.scalar(op.getLive())), writes(table.row), writes(table.offset), writes(table.inverse)});
  step.launch(loc, launch);
  step.bind(op.getResult(), table);
  return success();
}

/// Fresh buffers for a selection whose rows are the slots of `by`.
static Table makeSelection(Location loc, GroupsType type, Table by, StepBuilder &step) {
  Type i32 = IntegerType::get(step.context(), 32);
  return {step.alloc(loc, {type.getBound()}, i32),
          step.alloc(loc, {type.getNumGroups() + 1}, i32),
          nullptr,
          type.getNumGroups(),
          type.getBound(),
          step.alloc(loc, {type.getNumRows() + 1}, i32),
          step.alloc(loc, {type.getBound()}, i32),
          by.offset};
}

LogicalResult mlir::motley::lower(SelectOp op, StepBuilder &step) {
  Table by = step.table(op.getBy()), table = makeSelection(op.getLoc(), op.getGroups().getType(), by, step);
  Launch launch{plan::SelectAttr::get(step.context(), op.getCounts(), op.getOwner()), {}};
  for (Value chosen : op.getChosen())
    launch.operands.push_back(reads(step.buffer(chosen)));
  launch.operands.append(
      {reads(by.offset), writes(table.row), writes(table.offset), writes(table.begin), writes(table.slot)});
  step.launch(op.getLoc(), launch);
  step.bind(op.getResult(), table);
  return success();
}

LogicalResult mlir::motley::lower(RestrictOp op, StepBuilder &step) {
  Table by = step.table(op.getBy()), table = makeSelection(op.getLoc(), op.getGroups().getType(), by, step);
  step.launch(op.getLoc(), {plan::RestrictAttr::get(step.context()),
                            {reads(step.buffer(op.getChosen())), reads(by.offset), writes(table.row),
                             writes(table.offset), writes(table.begin), writes(table.slot)}});
  step.bind(op.getResult(), table);
  return success();
}

/// Rows named by the slots of a selection: those without one drop out, so that the groups shrink.
static Table reindexBySelection(Location loc, Table groups, Table into, StepBuilder &step) {
  Type i32 = IntegerType::get(step.context(), 32);
  Table table{step.alloc(loc, {into.bound}, i32), step.alloc(loc, {groups.numGroups + 1}, i32), nullptr,
              groups.numGroups, into.bound};
  step.launch(loc, {plan::ReindexSelectionAttr::get(step.context()),
                    {reads(groups.row), reads(groups.offset), reads(into.begin), reads(into.slot), writes(table.row),
                     writes(table.offset)}});
  return table;
}

LogicalResult mlir::motley::lower(ReindexOp op, StepBuilder &step) {
  Table groups = step.table(op.getGroups()), into = step.table(op.getInto());
  if (into.begin) {
    step.bind(op.getResult(), reindexBySelection(op.getLoc(), groups, into, step));
    return success();
  }
  if (!into.inverse)
    return op.emitOpError(
        "renumbers by a table that is reindexed itself, whose inverse is not there; reindex into the first table");
  Table table = groups;
  table.row = step.alloc(op.getLoc(), {groups.bound}, IntegerType::get(step.context(), 32));
  table.inverse = nullptr;
  step.launch(op.getLoc(), {plan::ReindexAttr::get(step.context()),
                            {reads(groups.row), reads(groups.offset), reads(into.inverse), writes(table.row)}});
  step.bind(op.getResult(), table);
  return success();
}

/// y[s] = x[index[s]] over the slots of a table.
static void permute(Location loc, Value source, Value index, Value offset, Value place, StepBuilder &step) {
  int64_t slots = cast<MemRefType>(place.getType()).getDimSize(0);
  step.launch(loc, {plan::PermuteAttr::get(step.context()),
                    {reads(source), reads(index), reads(offset), writes(place)},
                    nullptr,
                    ceilDiv(slots, 256)});
}

LogicalResult mlir::motley::lower(GatherRowsOp op, StepBuilder &step) {
  Table table = step.table(op.getGroups());
  Value source = step.buffer(op.getInput());
  permute(op.getLoc(), source, table.row, table.offset, step.destination(op.getResult()), step);
  return success();
}

/// The sum over the slots of each row.
static void combineSelection(CombineRowsOp op, Table table, StepBuilder &step) {
  bool hasOtherwise = op.getOtherwise() != nullptr, hasPlus = op.getPlus() != nullptr;
  Launch launch{plan::CombineAttr::get(step.context(), hasOtherwise, hasPlus), {reads(step.buffer(op.getInput()))}};
  for (Value other : {op.getOtherwise(), op.getPlus()})
    if (other)
      launch.operands.push_back(reads(step.buffer(other)));
  launch.operands.append(
      {reads(table.rowOffset), reads(table.begin), reads(table.slot), writes(step.destination(op.getResult()))});
  launch.factor = ceilDiv(cast<ShapedType>(op.getResult().getType()).getDimSize(0), 64);
  launch.flops = numElements(op.getInput());
  step.launch(op.getLoc(), launch);
}

LogicalResult mlir::motley::lower(CombineRowsOp op, StepBuilder &step) {
  Table table = step.table(op.getGroups());
  if (table.begin) {
    combineSelection(op, table, step);
    return success();
  }
  if (!table.inverse)
    return op.emitOpError(
        "combines by a reindexed table, whose inverse is not there; combine by the table it was made from");
  // Every row of a partition has a slot: `otherwise` is never asked.
  Value source = step.buffer(op.getInput()), plus = op.getPlus() ? step.buffer(op.getPlus()) : Value();
  Value place = step.destination(op.getResult());
  Value combined = plus ? step.alloc(op.getLoc(), cast<MemRefType>(place.getType()).getShape(),
                                     cast<MemRefType>(place.getType()).getElementType())
                        : place;
  permute(op.getLoc(), source, table.inverse, table.offset, combined, step);
  if (plus)
    add(op.getLoc(), plus, combined, place, step);
  return success();
}

/// Bytes of the entries that slot_values and its adjoint touch on either side, and of the table.
static int64_t slotBytes(Value slots) { return 3 * 4 * numElements(slots); }

LogicalResult mlir::motley::lower(SlotValuesOp op, StepBuilder &step) {
  Table table = step.table(op.getGroups());
  Launch launch{plan::SlotValuesAttr::get(step.context(), op.getCounts()), {}, nullptr, table.numGroups};
  for (Value values : op.getValues())
    launch.operands.push_back(reads(step.buffer(values)));
  launch.operands.append({reads(table.row), reads(table.offset), writes(step.destination(op.getResult()))});
  launch.bytes = slotBytes(op.getResult());
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(SlotValuesBackwardOp op, StepBuilder &step) {
  Table table = step.table(op.getGroups());
  Launch launch{plan::SlotValuesBackwardAttr::get(step.context(), op.getCounts()),
                {reads(step.buffer(op.getCotangent())), reads(table.row), reads(table.offset)},
                nullptr,
                0};
  launch.bytes = slotBytes(op.getCotangent());
  for (Value result : op.getResults()) {
    launch.operands.push_back(writes(step.destination(result)));
    launch.factor += numColumns(result);
    launch.bytes += 4 * numElements(result);
  }
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(CountChosenOp op, StepBuilder &step) {
  std::string name = ("chosen." + op.getName()).str();
  if (step.hasOutput(name))
    return op.emitOpError() << "reports \"" << op.getName() << "\" twice; give each report a name of its own";
  Table table = step.table(op.getGroups());
  auto type = RankedTensorType::get({table.numGroups, numColumns(op.getChosen())}, Float64Type::get(step.context()));
  step.launch(op.getLoc(),
              {plan::CountChosenAttr::get(step.context(), op.getMap()),
               {reads(step.buffer(op.getChosen())), reads(table.offset), writes(step.output(op.getLoc(), name, type))},
               nullptr,
               table.numGroups});
  return success();
}

LogicalResult mlir::motley::lower(SplitGroupsOp op, StepBuilder &step) {
  // Every branch reads its own rows of one buffer.
  Value source = step.buffer(op.getInput());
  for (Value result : op.getResults())
    step.bind(result, source);
  return success();
}

LogicalResult mlir::motley::lower(MergeGroupsOp op, StepBuilder &step) {
  SmallVector<Value> sources = llvm::map_to_vector(op.getInputs(), [&](Value input) { return step.buffer(input); });
  if (llvm::all_equal(sources)) {
    step.bind(op.getResult(), sources.front());
    return success();
  }
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(choice))
    return failure();
  TileList tiles = step.tiles(op.getLoc(), step.table(op.getGroups()), choice->getRowTile());
  Launch launch{plan::MergeAttr::get(step.context(), op.getOwner()), {}, tiles.count};
  for (Value source : sources)
    launch.operands.push_back(reads(source));
  launch.operands.push_back(reads(tiles.list));
  launch.operands.push_back(writes(step.destination(op.getResult())));
  // Each row is read from one input and written once.
  launch.bytes = 2 * 4 * numElements(op.getResult());
  step.launch(op.getLoc(), launch);
  return success();
}
