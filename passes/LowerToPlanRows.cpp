// Operations that work on rows one by one: bias, norms, rotary embedding, tables, and the gradients of vectors and
// tables.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;

/// Units of a kernel that sums columns: for each member of the map, blocks of 64 columns of its vector.
static int64_t countColumnUnits(ArrayRef<int64_t> map, BankOp bank) {
  llvm::SmallDenseSet<int64_t> members(map.begin(), map.end());
  members.erase(-1);
  return members.size() * ceilDiv(bank.getRangeType(0).getDimSize(0), 64);
}

LogicalResult mlir::motley::lower(GroupedBiasOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr());
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(bank) || failed(choice))
    return failure();
  TileList tiles = step.tiles(op.getLoc(), step.table(op.getGroups()), choice->getRowTile());
  Value input = step.buffer(op.getInput());
  step.launch(op.getLoc(), {plan::BiasAttr::get(step.context(), op.getMap()),
                            {reads(input), reads(step.state(*bank, plan::Slot::param)), reads(tiles.list),
                             writes(step.destination(op.getResult()))},
                            tiles.count,
                            1,
                            numElements(op.getInput())});
  return success();
}

LogicalResult mlir::motley::lower(GroupedSumOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr());
  if (failed(bank))
    return failure();
  int64_t units = countColumnUnits(op.getMap(), *bank);
  if (units == 0)
    return success();
  step.launch(op.getLoc(), {plan::ColumnSumAttr::get(step.context(), op.getMap()),
                            {reads(step.buffer(op.getCotangent())), reads(step.table(op.getGroups()).offset),
                             reads(step.scalar(op.getAdd())), updates(step.state(*bank, plan::Slot::grad))},
                            nullptr,
                            units,
                            numElements(op.getCotangent())});
  return success();
}

LogicalResult mlir::motley::lower(GroupedNormOp op, StepBuilder &step) {
  FailureOr<BankOp> gain = getBank(op, op.getGainAttr());
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(gain) || failed(choice))
    return failure();
  TileList tiles = step.tiles(op.getLoc(), step.table(op.getGroups()), choice->getRowTile());
  bool hasBias = op.getBiasAttr() != nullptr;
  Launch launch{
      plan::NormAttr::get(step.context(), op.getKind(), op.getHeads(), op.getEpsilonAttr(), hasBias, op.getMap()),
      {reads(step.buffer(op.getInput())), reads(step.state(*gain, plan::Slot::param))},
      tiles.count};
  if (hasBias) {
    FailureOr<BankOp> bias = getBank(op, op.getBiasAttr());
    if (failed(bias))
      return failure();
    launch.operands.push_back(reads(step.state(*bias, plan::Slot::param)));
  }
  launch.operands.append(
      {reads(tiles.list), writes(step.destination(op.getResult())), writes(step.destination(op.getStatistics()))});
  launch.flops = 4 * numElements(op.getInput());
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(GroupedNormBackwardOp op, StepBuilder &step) {
  FailureOr<BankOp> gain = getBank(op, op.getGainAttr());
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(gain) || failed(choice))
    return failure();
  Table table = step.table(op.getGroups());
  TileList tiles = step.tiles(op.getLoc(), table, choice->getRowTile());
  Value cotangent = step.buffer(op.getCotangent()), input = step.buffer(op.getInput());
  Value statistics = step.buffer(op.getStatistics());
  step.launch(op.getLoc(),
              {plan::NormBackwardAttr::get(step.context(), op.getKind(), op.getHeads(), op.getMap()),
               {reads(cotangent), reads(input), reads(statistics), reads(step.state(*gain, plan::Slot::param)),
                reads(tiles.list), writes(step.destination(op.getResult()))},
               tiles.count,
               1,
               8 * numElements(op.getInput())});

  SmallVector<int64_t> trained(op.getMap());
  for (int64_t &member : trained)
    if (member >= 0 && isFrozen(op, gain->getVariable(member, 0)))
      member = -1;
  int64_t units = countColumnUnits(trained, *gain);
  if (units == 0)
    return success();
  bool hasBias = op.getBiasAttr() != nullptr;
  Launch launch{plan::NormGainAttr::get(step.context(), op.getKind(), op.getHeads(), hasBias, trained),
                {reads(cotangent), reads(input), reads(statistics), reads(table.offset),
                 reads(step.scalar(op.getAdd())), updates(step.state(*gain, plan::Slot::grad))},
                nullptr,
                units,
                3 * numElements(op.getInput())};
  if (hasBias) {
    FailureOr<BankOp> bias = getBank(op, op.getBiasAttr());
    if (failed(bias))
      return failure();
    launch.operands.push_back(updates(step.state(*bias, plan::Slot::grad)));
  }
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(RopeOp op, StepBuilder &step) {
  Value input = step.buffer(op.getInput()), position = step.buffer(op.getPosition());
  step.launch(op.getLoc(), {plan::RopeAttr::get(step.context(), op.getHeads(), op.getThetaAttr(), op.getInverse()),
                            {reads(input), reads(position), writes(step.destination(op.getResult()))},
                            nullptr,
                            ceilDiv(numRows(op.getInput()), 32),
                            3 * numElements(op.getInput())});
  return success();
}

LogicalResult mlir::motley::lower(GroupedEmbeddingOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr(), Layout::rows);
  if (failed(bank))
    return failure();
  int64_t rows = numRows(op.getResult());
  step.launch(op.getLoc(), {plan::EmbeddingAttr::get(step.context()),
                            {reads(step.state(*bank, plan::Slot::param)), reads(step.buffer(op.getTokens())),
                             reads(step.table(op.getGroups()).offset), writes(step.destination(op.getResult()))},
                            nullptr,
                            ceilDiv(rows, 32),
                            0,
                            4 * (2 * numElements(op.getResult()) + rows)});
  return success();
}

LogicalResult mlir::motley::lower(GroupedEmbeddingBackwardOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr(), Layout::rows);
  if (failed(bank))
    return failure();
  Table table = step.table(op.getGroups());
  step.launch(op.getLoc(), {plan::EmbeddingBackwardAttr::get(step.context()),
                            {reads(step.buffer(op.getCotangent())), reads(table.row), reads(table.offset),
                             reads(step.scalar(op.getAdd())), updates(step.state(*bank, plan::Slot::grad))},
                            nullptr,
                            ceilDiv(table.numGroups, 64),
                            numElements(op.getCotangent())});
  return success();
}
