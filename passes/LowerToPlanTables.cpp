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

LogicalResult mlir::motley::lower(ReindexOp op, StepBuilder &step) {
  Table groups = step.table(op.getGroups()), into = step.table(op.getInto());
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
static void permute(Value input, Value index, Value offset, Value result, StepBuilder &step) {
  Value source = step.buffer(input);
  Value place = step.destination(result);
  step.launch(result.getLoc(), {plan::PermuteAttr::get(step.context()),
                                {reads(source), reads(index), reads(offset), writes(place)},
                                nullptr,
                                ceilDiv(cast<ShapedType>(input.getType()).getDimSize(0), 256)});
}

LogicalResult mlir::motley::lower(GatherRowsOp op, StepBuilder &step) {
  Table table = step.table(op.getGroups());
  permute(op.getInput(), table.row, table.offset, op.getResult(), step);
  return success();
}

LogicalResult mlir::motley::lower(CombineRowsOp op, StepBuilder &step) {
  Table table = step.table(op.getGroups());
  if (!table.inverse)
    return op.emitOpError(
        "combines by a reindexed table, whose inverse is not there; combine by the table it was made from");
  permute(op.getInput(), table.inverse, table.offset, op.getResult(), step);
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
