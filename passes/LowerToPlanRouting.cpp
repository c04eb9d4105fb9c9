// Routing: mathematics on the columns of rows, and choices of experts. Tables made from choices are in
// LowerToPlanTables.cpp.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;

/// A kernel that goes over blocks of 64 of the rows of `rows`.
static void launchRows(Operation *op, Attribute family, ArrayRef<Operand> operands, Value rows, int64_t flops,
                       StepBuilder &step) {
  step.launch(op->getLoc(), {family, SmallVector<Operand>(operands), nullptr, ceilDiv(numRows(rows), 64), flops});
}

/// What an operation's `by`, `map` and `over` are to its kernel.
struct ScopeOperands {
  SmallVector<Operand> tables;
  bool hasDocuments;
  int64_t numScopes;
};

template <typename OpTy> static FailureOr<ScopeOperands> getScope(OpTy op, StepBuilder &step) {
  if (!op.getGroups() || op.getDocuments())
    return op.emitOpError("does not say by a table which rows it means; run motley-group-modalities first");
  ScopeOperands scope{{reads(step.table(op.getGroups()).offset)}, op.getOver() != nullptr, 1};
  if (scope.hasDocuments) {
    Table documents = step.table(op.getOver());
    scope.tables.append({reads(documents.row), reads(documents.offset)});
    scope.numScopes = documents.numGroups;
  }
  return scope;
}

//===----------------------------------------------------------------------===//
// Mathematics on each row
//===----------------------------------------------------------------------===//

LogicalResult mlir::motley::lower(RowSumOp op, StepBuilder &step) {
  Value input = step.buffer(op.getInput());
  launchRows(op, plan::RowSumAttr::get(step.context()), {reads(input), writes(step.destination(op.getResult()))},
             op.getInput(), numElements(op.getInput()), step);
  return success();
}

LogicalResult mlir::motley::lower(RowBroadcastOp op, StepBuilder &step) {
  Value input = step.buffer(op.getInput());
  launchRows(op, plan::RowBroadcastAttr::get(step.context()), {reads(input), writes(step.destination(op.getResult()))},
             op.getResult(), 0, step);
  return success();
}

LogicalResult mlir::motley::lower(SoftmaxOp op, StepBuilder &step) {
  SmallVector<Operand> operands{reads(step.buffer(op.getInput()))};
  if (op.getChosen())
    operands.push_back(reads(step.buffer(op.getChosen())));
  operands.push_back(writes(step.destination(op.getResult())));
  launchRows(op, plan::SoftmaxAttr::get(step.context(), op.getChosen() != nullptr), operands, op.getInput(),
             5 * numElements(op.getInput()), step);
  return success();
}

LogicalResult mlir::motley::lower(LogSumExpOp op, StepBuilder &step) {
  Value input = step.buffer(op.getInput());
  launchRows(op, plan::LogSumExpAttr::get(step.context()), {reads(input), writes(step.destination(op.getResult()))},
             op.getInput(), 4 * numElements(op.getInput()), step);
  return success();
}

LogicalResult mlir::motley::lower(MeanRowsOp op, StepBuilder &step) {
  FailureOr<ScopeOperands> scope = getScope(op, step);
  if (failed(scope))
    return failure();
  Launch launch{plan::MeanRowsAttr::get(step.context(), scope->hasDocuments, *op.getMap()),
                {reads(step.buffer(op.getInput()))},
                nullptr,
                scope->numScopes,
                numElements(op.getInput())};
  launch.operands.append(scope->tables);
  launch.operands.push_back(writes(step.destination(op.getResult())));
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(arith::SIToFPOp op, StepBuilder &step) {
  auto from = dyn_cast<RankedTensorType>(op.getIn().getType()), to = dyn_cast<RankedTensorType>(op.getType());
  if (!from || !to || !to.hasStaticShape() || !from.getElementType().isInteger(32) || !to.getElementType().isF32())
    return op.emitOpError() << "converts " << op.getIn().getType() << " to " << op.getType()
                            << ", expected a static tensor of i32 to one of f32";
  Value input = step.buffer(op.getIn());
  step.launch(op.getLoc(), {plan::ToFloatAttr::get(step.context()),
                            {reads(input), writes(step.destination(op.getResult()))},
                            nullptr,
                            ceilDiv(to.getNumElements(), 4096)});
  return success();
}

LogicalResult mlir::motley::lower(NoiseOp op, StepBuilder &step) {
  Builder builder(step.context());
  if (!op.getSeed()) {
    step.bind(op.getResult(), builder.getF32FloatAttr(0.0));
    return success();
  }
  Value site = step.constant(builder.getI64IntegerAttr(op.getSite()));
  launchRows(op, plan::NoiseAttr::get(step.context(), op.getKind()),
             {reads(step.buffer(op.getIndex())), reads(step.scalar(op.getSeed())), reads(step.scalar(op.getStep())),
              reads(site), writes(step.destination(op.getResult()))},
             op.getResult(), 0, step);
  return success();
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

LogicalResult mlir::motley::lower(ChooseExpertsOp op, StepBuilder &step) {
  SmallVector<Operand> operands{reads(step.buffer(op.getScores()))};
  if (op.getAllowed())
    operands.push_back(reads(step.buffer(op.getAllowed())));
  operands.push_back(writes(step.destination(op.getChosen())));
  launchRows(op, plan::ChooseExpertsAttr::get(step.context(), op.getK(), op.getAllowed() != nullptr), operands,
             op.getScores(), 0, step);
  return success();
}

LogicalResult mlir::motley::lower(ChooseAboveOp op, StepBuilder &step) {
  Value scores = step.buffer(op.getScores());
  launchRows(op, plan::ChooseAboveAttr::get(step.context(), op.getThresholdAttr()),
             {reads(scores), writes(step.destination(op.getChosen()))}, op.getScores(), 0, step);
  return success();
}

LogicalResult mlir::motley::lower(ChooseTopPOp op, StepBuilder &step) {
  Value scores = step.buffer(op.getScores());
  launchRows(op, plan::ChooseTopPAttr::get(step.context(), op.getPAttr()),
             {reads(scores), writes(step.destination(op.getChosen()))}, op.getScores(), 0, step);
  return success();
}

LogicalResult mlir::motley::lower(ChooseTokensOp op, StepBuilder &step) {
  FailureOr<ScopeOperands> scope = getScope(op, step);
  if (failed(scope))
    return failure();
  Launch launch{plan::ChooseTokensAttr::get(step.context(), op.getCapacityAttr(), scope->hasDocuments, *op.getMap()),
                {reads(step.buffer(op.getScores())), reads(step.buffer(op.getIndex()))},
                nullptr,
                scope->numScopes * numColumns(op.getScores())};
  launch.operands.append(scope->tables);
  launch.operands.push_back(writes(step.destination(op.getChosen())));
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(LimitCapacityOp op, StepBuilder &step) {
  FailureOr<ScopeOperands> scope = getScope(op, step);
  if (failed(scope))
    return failure();
  Launch launch{
      plan::LimitCapacityAttr::get(step.context(), op.getOverflow(), op.getCapacityAttr(), scope->hasDocuments,
                                   *op.getMap()),
      {reads(step.buffer(op.getChosen())), reads(step.buffer(op.getScores())), reads(step.buffer(op.getIndex()))},
      nullptr,
      scope->numScopes};
  launch.operands.append(scope->tables);
  launch.operands.push_back(writes(step.destination(op.getResult())));
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(OneHotOp op, StepBuilder &step) {
  Value ids = step.buffer(op.getIds());
  launchRows(op, plan::OneHotAttr::get(step.context()), {reads(ids), writes(step.destination(op.getChosen()))},
             op.getIds(), 0, step);
  return success();
}

LogicalResult mlir::motley::lower(HashOp op, StepBuilder &step) {
  Value ids = step.buffer(op.getIds());
  Value seed = step.constant(Builder(step.context()).getI64IntegerAttr(op.getSeed()));
  launchRows(op, plan::HashAttr::get(step.context(), op.getBuckets()),
             {reads(ids), reads(seed), writes(step.destination(op.getResult()))}, op.getIds(), 0, step);
  return success();
}
