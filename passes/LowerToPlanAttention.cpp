// Attention over a table of documents, forward and backward.
#include "passes/KernelChoice.h"
#include "passes/LowerToPlan.h"

using namespace mlir;
using namespace mlir::motley;

/// Pairs of a row and a key that a mask admits at most, all rows being one document.
static int64_t countPairs(Mask mask, int64_t rows) {
  return mask == Mask::causal ? rows * (rows + 1) / 2 : rows * rows;
}

/// The buffers that all attention kernels read after the rows: table, tiles, order, span.
template <typename OpTy> static SmallVector<Operand> readTable(OpTy op, TileList tiles, StepBuilder &step) {
  Table table = step.table(op.getGroups());
  SmallVector<Operand> operands{reads(table.row), reads(table.offset), reads(tiles.list)};
  for (Value field : {op.getOrder(), op.getSpan()})
    if (field)
      operands.push_back(reads(step.buffer(field)));
  return operands;
}

/// The family attribute of one of the three kernels.
template <typename FamilyTy, typename OpTy> static FamilyTy getFamily(OpTy op) {
  return FamilyTy::get(op.getContext(), op.getMask(), op.getHeads(), op.getKvHeads(), op.getScaleAttr(),
                       op.getOrder() != nullptr, op.getSpan() != nullptr);
}

LogicalResult mlir::motley::lower(GroupedAttentionOp op, StepBuilder &step) {
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(choice))
    return failure();
  TileList tiles = step.tiles(op.getLoc(), step.table(op.getGroups()), choice->getRowTile());
  Launch launch{getFamily<plan::AttentionAttr>(op), {}, tiles.count, static_cast<int64_t>(op.getHeads())};
  for (Value rows : {op.getQuery(), op.getKey(), op.getValue()})
    launch.operands.push_back(reads(step.buffer(rows)));
  launch.operands.append(readTable(op, tiles, step));
  for (Value result : op.getResults())
    launch.operands.push_back(writes(step.destination(result)));
  // Two products: scores, and the sum of values.
  launch.flops = 4 * countPairs(op.getMask(), numRows(op.getQuery())) * numColumns(op.getQuery());
  step.launch(op.getLoc(), launch);
  return success();
}

LogicalResult mlir::motley::lower(GroupedAttentionBackwardOp op, StepBuilder &step) {
  FailureOr<plan::ChoiceAttr> choice = getChoice<plan::ChoiceAttr>(op);
  if (failed(choice))
    return failure();
  Location loc = op.getLoc();
  int64_t rows = numRows(op.getQuery()), columns = numColumns(op.getQuery());
  int64_t heads = op.getHeads(), keyHeads = op.getKvHeads();
  TileList tiles = step.tiles(loc, step.table(op.getGroups()), choice->getRowTile());

  Value cotangent = step.buffer(op.getCotangent());
  Value delta = step.alloc(loc, {rows, heads}, Float32Type::get(step.context()));
  step.launch(loc, {plan::AttentionDeltaAttr::get(step.context(), heads),
                    {reads(cotangent), reads(step.buffer(op.getOutput())), writes(delta)},
                    nullptr,
                    ceilDiv(rows, 32),
                    2 * rows * columns});

  SmallVector<Operand> operands{reads(cotangent)};
  for (Value tensor : {op.getQuery(), op.getKey(), op.getValue(), op.getLogSumExp()})
    operands.push_back(reads(step.buffer(tensor)));
  operands.push_back(reads(delta));
  operands.append(readTable(op, tiles, step));
  int64_t pairs = countPairs(op.getMask(), rows);

  // Three products: scores, cotangents of the probabilities, and the sum of keys.
  Launch query{getFamily<plan::AttentionQueryAttr>(op), operands, tiles.count, heads, 6 * pairs * columns};
  query.operands.push_back(writes(step.destination(op.getDquery())));
  step.launch(loc, query);

  // Four: scores, cotangents of the probabilities, and the sums of queries and of cotangents.
  Launch key{getFamily<plan::AttentionKeyAttr>(op), operands, tiles.count, keyHeads, 8 * pairs * columns};
  key.operands.append({writes(step.destination(op.getDkey())), writes(step.destination(op.getDvalue()))});
  step.launch(loc, key);
  return success();
}
