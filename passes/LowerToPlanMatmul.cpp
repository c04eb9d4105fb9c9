// Products with banks of matrices: the grouped GEMM and the gradient of its matrices.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;
using plan::MatmulForm;

/// What the ranges of an operation mean for its kernel.
struct RangeShape {
  SmallVector<int64_t> panels;  ///< first panel of each range
  SmallVector<int64_t> columns; ///< width of each range
  int64_t inputs;               ///< K
  int64_t totalColumns = 0;
};

static RangeShape getRanges(BankOp bank, ArrayRef<int64_t> ranges) {
  RangeShape shape;
  shape.inputs = bank.getRangeType(0).getDimSize(0);
  for (int64_t range : ranges) {
    shape.panels.push_back(plan::getFirstPanel(bank, range));
    shape.columns.push_back(bank.getRangeType(range).getDimSize(1));
    shape.totalColumns += shape.columns.back();
  }
  return shape;
}

/// Bytes of the matrices that a map names, each once.
static int64_t weightBytes(const RangeShape &shape, ArrayRef<int64_t> map) {
  llvm::SmallDenseSet<int64_t> members(map.begin(), map.end());
  members.erase(-1);
  return 4 * static_cast<int64_t>(members.size()) * shape.inputs * shape.totalColumns;
}

static int64_t rowBytes(ValueRange tensors) {
  int64_t bytes = 0;
  for (Value tensor : tensors)
    bytes += 4 * numElements(tensor);
  return bytes;
}

LogicalResult mlir::motley::lower(GroupedMatmulOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr(), Layout::panels);
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(bank) || failed(choice))
    return failure();
  RangeShape shape = getRanges(*bank, op.getRanges());
  TileList tiles = step.tiles(op.getLoc(), step.table(op.getGroups()), choice->getRowTile());
  bool hasEpilogue = !op.getEpilogue().empty();
  int64_t perBlock = choice->getPanelsPerBlock();
  int64_t blocks = op.getTransposed() ? transposedColumnBlocks(shape.inputs, perBlock)
                                      : forwardColumnBlocks(shape.columns, perBlock, hasEpilogue);
  Launch launch{plan::MatmulAttr::get(step.context(), op.getTransposed() ? MatmulForm::transposed : MatmulForm::forward,
                                      shape.panels, op.getMap(), perBlock, blocks, op.getGathered(),
                                      op.getPrecision().value_or(Precision::f32)),
                {},
                tiles.count,
                blocks};
  for (Value input : op.getInputs())
    launch.operands.push_back(reads(step.buffer(input)));
  launch.operands.append({reads(step.state(*bank, plan::Slot::param)), reads(tiles.list)});
  if (op.getGathered())
    launch.operands.push_back(reads(step.table(op.getGroups()).row));
  for (Value extra : op.getExtras())
    launch.operands.push_back(reads(step.buffer(extra)));
  for (Value result : op.getResults())
    launch.operands.push_back(writes(step.destination(result)));

  launch.flops = 2 * numRows(op.getInputs().front()) * shape.inputs * shape.totalColumns;
  launch.bytes =
      rowBytes(op.getInputs()) + rowBytes(op.getExtras()) + rowBytes(op.getResults()) + weightBytes(shape, op.getMap());
  Region body;
  if (hasEpilogue) {
    SmallVector<Value> captured;
    if (failed(cloneScalarRegion(op.getEpilogue(), body, captured)))
      return failure();
    if (!captured.empty())
      return op.emitOpError("has an epilogue that uses a scalar of the function; pass it through motley.scale instead");
    launch.body = &body;
    launch.flops += numElements(op.getResults().front()) * countOperations(body);
  }
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(GroupedOuterOp op, StepBuilder &step) {
  FailureOr<BankOp> bank = getBank(op, op.getBankAttr(), Layout::panels);
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(bank) || failed(choice))
    return failure();
  RangeShape shape = getRanges(*bank, op.getRanges());
  llvm::SmallDenseSet<int64_t> members(op.getMap().begin(), op.getMap().end());
  members.erase(-1);
  if (members.empty()) // no group meets a member: nothing is touched
    return success();
  int64_t perBlock = choice->getPanelsPerBlock();
  Launch launch{plan::OuterAttr::get(step.context(), shape.panels, op.getMap(), perBlock, op.getGatheredInput(),
                                     op.getGatheredCotangents(), op.getPrecision().value_or(Precision::f32)),
                {reads(step.buffer(op.getInput()))},
                nullptr,
                static_cast<int64_t>(members.size()) * forwardColumnBlocks(shape.columns, perBlock, false)};
  for (Value cotangent : op.getCotangents())
    launch.operands.push_back(reads(step.buffer(cotangent)));
  if (op.getGatheredInput() || op.getGatheredCotangents())
    launch.operands.push_back(reads(step.table(op.getGroups()).row));
  launch.operands.append({reads(step.table(op.getGroups()).offset), reads(step.scalar(op.getAdd())),
                          updates(step.state(*bank, plan::Slot::grad))});
  launch.flops = 2 * numRows(op.getInput()) * shape.inputs * shape.totalColumns;
  launch.bytes = rowBytes(op.getInput()) + rowBytes(op.getCotangents()) + 2 * weightBytes(shape, op.getMap());
  step.launch(op.getLoc(), launch);
  return success();
}
