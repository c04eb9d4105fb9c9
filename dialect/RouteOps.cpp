// Routing: verifiers.
#include "dialect/RowOperations.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::motley;

static LogicalResult verifySameRows(Operation *op, StringRef what, Value value, int64_t rows) {
  if (value && numRows(value) != rows)
    return op->emitOpError() << what << " has " << numRows(value) << " rows, expected " << rows;
  return success();
}

static LogicalResult verifySameShape(Operation *op, StringRef what, Value value, Value other) {
  if (!value)
    return success();
  auto shape = cast<RankedTensorType>(value.getType()).getShape();
  auto expected = cast<RankedTensorType>(other.getType()).getShape();
  if (shape == expected)
    return success();
  InFlightDiagnostic error = op->emitOpError() << what << " has the shape ";
  llvm::interleave(shape, error, "x");
  error << ", expected ";
  llvm::interleave(expected, error, "x");
  return error;
}

/// The operands `by ... map ... over ...` of an operation on rows.
template <typename OpT> static LogicalResult verifyScope(OpT op, int64_t rows) {
  if ((op.getGroups() != nullptr) != op.getMap().has_value())
    return op.emitOpError("needs `by` and `map` together");
  if (op.getGroups()) {
    if (static_cast<int64_t>(op.getMap()->size()) != op.getGroups().getType().getNumGroups())
      return op.emitOpError() << "maps " << op.getMap()->size() << " groups, the table has "
                              << op.getGroups().getType().getNumGroups();
  }
  for (Value table : {Value(op.getGroups()), Value(op.getOver())})
    if (table && cast<GroupsType>(table.getType()).getBound() != rows)
      return op.emitOpError() << "has " << rows << " rows, its groups have the bound "
                              << cast<GroupsType>(table.getType()).getBound();
  return success();
}

static LogicalResult verifyCapacity(Operation *op, const APFloat &capacity) {
  double value = capacity.convertToDouble();
  if (!(value > 0 && value <= 1))
    return op->emitOpError() << "has capacity " << value << ", expected more than 0 and at most 1: a share of the rows";
  return success();
}

LogicalResult RowSumOp::verify() {
  return verifySameRows(*this, "result", getResult(), numRows(getInput()));
} /*row_sum_c1*/
LogicalResult RowBroadcastOp::verify() { /*row_broadcast_c1*/
  return verifySameRows(*this, "result", getResult(), numRows(getInput()));
}
LogicalResult SoftmaxOp::verify() { return verifySameShape(*this, "chosen", getChosen(), getInput()); } /*softmax_c1*/
LogicalResult LogSumExpOp::verify() { /*log_sum_exp_c1*/
  return verifySameRows(*this, "result", getResult(), numRows(getInput()));
}

LogicalResult MeanRowsOp::verify() {
  int64_t rows = numRows(getInput());
  if (failed(verifySameRows(*this, "documents", getDocuments(), rows))) /*mean_rows_c1*/
    return failure();
  return verifyScope(*this, rows); /*mean_rows_c1*/
}

LogicalResult NoiseOp::verify() {
  if ((getSeed() != nullptr) != (getStep() != nullptr)) /*noise_c1*/
    return emitOpError("needs seed and step together");
  int64_t site = getSite();
  if (site < 0 || site > std::numeric_limits<uint32_t>::max()) /*noise_c1*/
    return emitOpError() << "has site " << site << ", expected 0 to 2^32 - 1";
  return verifySameRows(*this, "result", getResult(), numRows(getIndex())); /*noise_c1*/
}

LogicalResult ChooseExpertsOp::verify() {
  int64_t k = getK();
  if (k < 1 || k > numColumns(getScores())) /*choose_experts_c1*/
    return emitOpError() << "takes " << k << " of " << numColumns(getScores()) << " experts";
  if (failed(verifySameShape(*this, "allowed", getAllowed(), getScores()))) /*choose_experts_c1*/
    return failure();
  return verifySameShape(*this, "result", getChosen(), getScores()); /*choose_experts_c1*/
}

LogicalResult ChooseAboveOp::verify() {
  if (!getThreshold().isFinite()) /*choose_above_c1*/
    return emitOpError() << "needs a finite threshold, got " << getThreshold().convertToDouble();
  return verifySameShape(*this, "result", getChosen(), getScores()); /*choose_above_c1*/
}

LogicalResult ChooseTopPOp::verify() {
  double p = getP().convertToDouble();
  if (!(p > 0 && p <= 1)) /*choose_top_p_c1*/
    return emitOpError() << "has p " << p << ", expected more than 0 and at most 1";
  return verifySameShape(*this, "result", getChosen(), getScores()); /*choose_top_p_c1*/
}

LogicalResult ChooseTokensOp::verify() {
  int64_t rows = numRows(getScores());
  if (failed(verifyCapacity(*this, getCapacity())) || /*choose_tokens_c1*/
      failed(verifySameRows(*this, "index", getIndex(), rows)) ||
      failed(verifySameRows(*this, "documents", getDocuments(), rows)) ||
      failed(verifySameShape(*this, "result", getChosen(), getScores())))
    return failure();
  return verifyScope(*this, rows); /*choose_tokens_c2*/
}

LogicalResult LimitCapacityOp::verify() {
  int64_t rows = numRows(getChosen());
  if (failed(verifyCapacity(*this, getCapacity())) || /*limit_capacity_c1*/
      failed(verifySameRows(*this, "index", getIndex(), rows)) ||
      failed(verifySameRows(*this, "documents", getDocuments(), rows)) ||
      failed(verifySameShape(*this, "scores", getScores(), getChosen())) ||
      failed(verifySameShape(*this, "result", getResult(), getChosen())))
    return failure();
  return verifyScope(*this, rows); /*limit_capacity_c2*/
}

LogicalResult OneHotOp::verify() {
  return verifySameRows(*this, "result", getChosen(), numRows(getIds()));
} /*one_hot_c1*/

LogicalResult HashOp::verify() {
  constexpr int64_t limit = std::numeric_limits<int32_t>::max();
  int64_t buckets = getBuckets(), seed = getSeed();
  if (buckets < 1 || buckets > limit) /*hash_c1*/
    return emitOpError() << "has " << buckets << " buckets, expected 1 to " << limit;
  if (seed < 0 || seed > std::numeric_limits<uint32_t>::max()) /*hash_c1*/
    return emitOpError() << "has seed " << seed << ", expected 0 to 2^32 - 1";
  return success();
}

LogicalResult ObserveOp::verify() {
  if (getName().empty()) /*observe_c1*/
    return emitOpError("needs a name");
  return success();
}

/// Arguments of a body: the inputs on S rows; what it yields; no tensors of rows from outside.
static LogicalResult verifyRouted(Operation *op, Block &body, ValueRange inputs, int64_t slots, RankedTensorType result,
                                  StringRef what) {
  if (body.getNumArguments() != inputs.size())
    return op->emitOpError() << what << " has " << body.getNumArguments() << " arguments for " << inputs.size()
                             << " inputs";
  for (auto [argument, input] : llvm::zip(body.getArguments(), inputs)) {
    auto type = cast<RankedTensorType>(input.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = slots;
    auto expected = RankedTensorType::get(shape, type.getElementType());
    if (argument.getType() != expected)
      return op->emitOpError() << what << " has an argument of type " << argument.getType() << ", expected "
                               << expected;
  }
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  auto expected = RankedTensorType::get({slots, result.getDimSize(1)}, result.getElementType());
  if (!yield || yield.getNumOperands() != 1 || yield.getOperand(0).getType() != expected)
    return op->emitOpError() << what << " must yield one " << expected;
  return success();
}

static LogicalResult verifyIsolation(Operation *op, Region &region) {
  WalkResult walk = region.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (isa<RankedTensorType>(operand.getType()) && !region.isAncestor(operand.getParentRegion()) &&
          !matchPattern(operand, m_Constant())) {
        inner->emitOpError() << "reads rows from outside of '" << op->getName()
                             << "'; pass them as an input and use the argument of the body";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

static LogicalResult verifyInputs(Operation *op, ValueRange inputs, int64_t rows) {
  for (Value input : inputs)
    if (numRows(input) != rows)
      return op->emitOpError() << "has an input of " << numRows(input) << " rows, chosen has " << rows;
  return success();
}

/// S, the rows of the body's arguments (or of what it yields, where it has none).
static int64_t numSlots(Block &body) {
  if (body.getNumArguments() > 0)
    if (auto type = dyn_cast<RankedTensorType>(body.getArgument(0).getType()); type && type.getRank() > 0)
      return type.getDimSize(0);
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  auto type = yield ? dyn_cast<RankedTensorType>(yield.getOperand(0).getType()) : RankedTensorType();
  return type && type.getRank() > 0 ? type.getDimSize(0) : 0;
}

/// A body of experts: row operations on the rows that it gets.
static LogicalResult verifyExpert(Operation *op, Region &region) {
  for (Operation &inner : region.front().without_terminator()) {
    if (failed(verifyLooksUpNothing(inner)))
      return failure();
    if (!isRowOperation(inner))
      return inner.emitOpError() << "looks beyond the rows of one expert; a body of " << op->getName()
                                 << " holds row operations";
  }
  return verifyIsolation(op, region);
}

LogicalResult ExpertsOp::verifyRegions() {
  int64_t columns = numColumns(getChosen()), numBodies = getBodies().size();
  if (numBodies < 1 || numBodies > columns) /*experts_c1*/
    return emitOpError() << "has " << numBodies << " bodies for " << columns << " columns of chosen";
  if (failed(verifySameShape(*this, "gates", getGates(), getChosen())) || /*experts_c1*/
      failed(verifyInputs(*this, getInputs(), numRows(getChosen()))) ||   /*experts_c2*/
      failed(verifySameRows(*this, "result", getResult(), numRows(getChosen()))))
    return failure();
  int64_t slots = numSlots(getBodies()[0].front());
  for (Region &region : getBodies()) { /*experts_c2*/ /*experts_c3*/
    if (failed(verifyRouted(*this, region.front(), getInputs(), slots, cast<RankedTensorType>(getResult().getType()),
                            "a body")) ||
        failed(verifyExpert(*this, region))) /*experts_c4*/
      return failure();
  }
  return success();
}

LogicalResult SoftExpertsOp::verifyRegions() {
  int64_t slots = numColumns(getDispatch()), rows = numRows(getDispatch()), numBodies = getBodies().size();
  if (numBodies < 1 || slots % numBodies != 0) /*soft_experts_c1*/
    return emitOpError() << "has " << numBodies << " bodies for " << slots << " slots, expected a divisor of them";
  if (failed(verifySameShape(*this, "combine", getCombine(), getDispatch())) || /*soft_experts_c1*/
      failed(verifySameRows(*this, "input", getInput(), rows)) ||               /*soft_experts_c2*/
      failed(verifySameRows(*this, "result", getResult(), rows)))               /*soft_experts_c2*/
    return failure();
  for (Region &region : getBodies()) { /*soft_experts_c2*/ /*soft_experts_c3*/
    if (failed(verifyRouted(*this, region.front(), getInput(), slots, cast<RankedTensorType>(getResult().getType()),
                            "a body")) ||
        failed(verifyExpert(*this, region))) /*soft_experts_c4*/
      return failure();
  }
  return success();
}

LogicalResult SelectRowsOp::verifyRegions() {
  int64_t rows = numRows(getChosen());
  if (numColumns(getChosen()) != 1) /*select_rows_c1*/
    return emitOpError() << "needs chosen of one column, got " << numColumns(getChosen());
  if (getOtherwise().getType() != getResult().getType() || numRows(getResult()) != rows) /*select_rows_c1*/
    return emitOpError() << "gives " << getResult().getType() << " from `otherwise` of type "
                         << getOtherwise().getType() << " over " << rows << " rows";
  if (failed(verifyInputs(*this, getInputs(), rows))) /*select_rows_c2*/
    return failure();
  Block &body = getBody().front();
  if (failed(verifyRouted(*this, body, getInputs(), numSlots(body), cast<RankedTensorType>(getResult().getType()),
                          "the body"))) /*select_rows_c2*/ /*select_rows_c3*/
    return failure();
  for (Operation &inner : body) { /*select_rows_c4*/
    if (failed(verifyLooksUpNothing(inner)))
      return failure();
    if (isa<CrossEntropyOp, SelectRowsOp>(inner))
      return inner.emitOpError("cannot stand in motley.select_rows");
  }
  return verifyIsolation(*this, getBody()); /*select_rows_c4*/
}
