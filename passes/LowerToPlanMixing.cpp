// Soft mixing: tables of slots, softmaxes down the columns, and weighted sums of rows and slots.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;

LogicalResult mlir::motley::lower(StaticGroupsOp op, StepBuilder &step) {
  GroupsType type = op.getGroups().getType();
  Type i32 = IntegerType::get(step.context(), 32);
  Value row = step.alloc(op.getLoc(), {type.getBound()}, i32);
  Value offset = step.alloc(op.getLoc(), {type.getNumGroups() + 1}, i32);
  step.launch(op.getLoc(), {plan::StaticGroupsAttr::get(step.context(), op.getSizes()), {writes(row), writes(offset)}});
  step.bind(op.getResult(), Table{row, offset, row, type.getNumGroups(), type.getBound()}); // every row is its own slot
  return success();
}

/// Units of a kernel that goes down blocks of 16 columns.
static int64_t countColumnUnits(Value matrix) { return ceilDiv(numColumns(matrix), 16); }

LogicalResult mlir::motley::lower(SoftmaxRowsOp op, StepBuilder &step) {
  if (!op.getGroups())
    return op.emitOpError("does not say by a table which rows it means; run motley-group-modalities first");
  Value input = step.buffer(op.getInput());
  step.launch(op.getLoc(),
              {plan::SoftmaxRowsAttr::get(step.context(), *op.getMap()),
               {reads(input), reads(step.table(op.getGroups()).offset), writes(step.destination(op.getResult()))},
               nullptr,
               countColumnUnits(op.getInput()),
               5 * numElements(op.getInput())});
  return success();
}

LogicalResult mlir::motley::lower(SoftmaxRowsBackwardOp op, StepBuilder &step) {
  Value cotangent = step.buffer(op.getCotangent()), output = step.buffer(op.getOutput());
  step.launch(op.getLoc(), {plan::SoftmaxRowsBackwardAttr::get(step.context(), op.getMap()),
                            {reads(cotangent), reads(output), reads(step.table(op.getGroups()).offset),
                             writes(step.destination(op.getResult()))},
                            nullptr,
                            countColumnUnits(op.getOutput()),
                            4 * numElements(op.getOutput())});
  return success();
}

/// Every weight of every branch meets the width of a row once.
static int64_t countProducts(ValueRange weights, Value rows) {
  int64_t flops = 0;
  for (Value one : weights)
    flops = std::max(flops, 2 * numElements(one) * numColumns(rows)); // branches share the rows
  return flops;
}

LogicalResult mlir::motley::lower(MixRowsOp op, StepBuilder &step) {
  Launch launch{plan::MixRowsAttr::get(step.context(), op.getOwner()), {}, nullptr, 0};
  for (Value weights : op.getWeights()) {
    launch.operands.push_back(reads(step.buffer(weights)));
    launch.factor += ceilDiv(numColumns(weights), 4) * ceilDiv(numColumns(op.getInput()), 64);
  }
  launch.operands.append({reads(step.buffer(op.getInput())), reads(step.table(op.getGroups()).offset),
                          writes(step.destination(op.getResult()))});
  launch.flops = countProducts(op.getWeights(), op.getInput());
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(UnmixRowsOp op, StepBuilder &step) {
  Launch launch{plan::UnmixRowsAttr::get(step.context(), op.getOwner()), {}};
  for (Value weights : op.getWeights())
    launch.operands.push_back(reads(step.buffer(weights)));
  launch.operands.append({reads(step.buffer(op.getSlots())), reads(step.table(op.getGroups()).offset),
                          writes(step.destination(op.getResult()))});
  launch.factor = ceilDiv(numRows(op.getResult()), 64);
  launch.flops = countProducts(op.getWeights(), op.getResult());
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(MixProductsOp op, StepBuilder &step) {
  Launch launch{
      plan::MixProductsAttr::get(step.context(), op.getOwner()),
      {reads(step.buffer(op.getInput())), reads(step.buffer(op.getSlots())), reads(step.table(op.getGroups()).offset)}};
  for (Value weights : op.getWeights())
    launch.operands.push_back(writes(step.destination(weights)));
  launch.factor = ceilDiv(numRows(op.getInput()), 64);
  launch.flops = countProducts(op.getWeights(), op.getInput());
  step.launch(op.getLoc(), launch);
  return success();
}
