// Reverse mode of routing: gates and scores. Choices are integers and have none.
#include "dialect/Motley.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::motley;

/// dy (1 - y) y.
LogicalResult SigmoidOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  Value y = getResult(), cotangent = adjoint.cotangent(y);
  Value scaled = arith::MulFOp::create(builder, getLoc(), cotangent, y);
  adjoint.accumulate(getInput(), arith::SubFOp::create(builder, getLoc(), scaled,
                                                       arith::MulFOp::create(builder, getLoc(), scaled, y)));
  return success();
}

LogicalResult ScaleOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  adjoint.accumulate(getInput(), ScaleOp::create(builder, getLoc(), getInput().getType(),
                                                 adjoint.cotangent(getResult()), getFactor()));
  return success();
}

LogicalResult RowSumOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  adjoint.accumulate(getInput(),
                     RowBroadcastOp::create(builder, getLoc(), getInput().getType(), adjoint.cotangent(getResult())));
  return success();
}

LogicalResult RowBroadcastOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  adjoint.accumulate(getInput(),
                     RowSumOp::create(builder, getLoc(), getInput().getType(), adjoint.cotangent(getResult())));
  return success();
}

/// A row's value times each of its columns.
static Value scaleRows(OpBuilder &builder, Location loc, Value rows, Value factors) {
  return arith::MulFOp::create(builder, loc, rows, RowBroadcastOp::create(builder, loc, rows.getType(), factors));
}

/// y (dy - sum(dy y)).
LogicalResult SoftmaxOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  Value y = getResult();
  Value product = arith::MulFOp::create(builder, getLoc(), adjoint.cotangent(y), y);
  auto oneEach = RankedTensorType::get({numRows(y)}, builder.getF32Type());
  Value sum = RowSumOp::create(builder, getLoc(), oneEach, product);
  adjoint.accumulate(getInput(),
                     arith::SubFOp::create(builder, getLoc(), product, scaleRows(builder, getLoc(), y, sum)));
  return success();
}

/// softmax(x) dy.
LogicalResult LogSumExpOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  Value shares = SoftmaxOp::create(builder, getLoc(), getInput().getType(), getInput(), Value());
  adjoint.accumulate(getInput(), scaleRows(builder, getLoc(), shares, adjoint.cotangent(getResult())));
  return success();
}

LogicalResult MeanRowsOp::buildAdjoint(OpBuilder &builder, Adjoint &adjoint) {
  adjoint.accumulate(getInput(),
                     MeanRowsOp::create(builder, getLoc(), getInput().getType(), adjoint.cotangent(getResult()),
                                        getDocuments(), getGroups(), getMapAttr(), getOver()));
  return success();
}
