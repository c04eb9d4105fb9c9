// Inside the interpreter: one activation of a function, and the evaluators of all operations.
#ifndef MOTLEY_TOOLS_INTERP_FRAME_H
#define MOTLEY_TOOLS_INTERP_FRAME_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tools/interp/Interpreter.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::motley::interp {

/// Which rows are live where we stand (level 1): below the function's live count, in the case of by_modality, among the
/// slots of an expert or of select_rows. At level 2 liveness is in the tables, and in the values: dead rows hold dead
/// elements.
struct LiveRows {
  /// Rows from here on are dead.
  std::optional<int64_t> end;
  /// Unless empty, only these rows are live.
  std::vector<bool> among;

  bool contains(int64_t row) const { return (!end || row < *end) && (among.empty() || among[row]); }
};

class Frame {
public:
  Frame(Interpreter &interpreter, std::optional<int64_t> numLive) : interpreter(interpreter), live{numLive, {}} {}

  void set(Value value, RuntimeValue content) { values[value] = std::move(content); }
  const RuntimeValue &get(Value value) const { return values.find(value)->second; }
  const Tensor &tensor(Value value) const { return get(value).getTensor(); }
  const GroupTable &groups(Value value) const { return get(value).getGroups(); }
  double floatScalar(Value value) const { return tensor(value).floats.front(); }
  int64_t intScalar(Value value) const { return tensor(value).ints.front(); }

  bool isLive(int64_t row) const { return live.contains(row); }
  /// Whether a row is live, in an operand too.
  bool isLive(int64_t row, Value operand) const { return isLive(row) && !tensor(operand).isDeadRow(row); }

  /// Runs the operations of a block up to its terminator, which is returned; null after a diagnostic.
  Operation *runBlock(Block &block);
  /// The same where other rows are live.
  Operation *runBlock(Block &block, LiveRows rows);

  Interpreter &interpreter;

private:
  LiveRows live;
  DenseMap<Value, RuntimeValue> values;
};

// Variables behind symbols. `from` is the operation that names them; the verifier has seen that they exist.
const std::vector<double> &parameter(Frame &frame, FlatSymbolRefAttr variable);
const std::vector<double> &parameter(Frame &frame, Operation *from, FlatSymbolRefAttr bank, int64_t member,
                                     int64_t range);
std::vector<double> &gradient(Frame &frame, Operation *from, FlatSymbolRefAttr bank, int64_t member, int64_t range);
/// Zeroes the gradients of some ranges in the members that a map names: what an operation with `into` does first if
/// `add` is false.
void clearGradients(Frame &frame, Operation *from, FlatSymbolRefAttr bank, ArrayRef<int64_t> ranges,
                    ArrayRef<int64_t> map);

/// What an operation rounds the operands of its products to: what it says itself, or else the given precision.
Precision precisionOf(std::optional<Precision> own, Precision otherwise, Frame &frame);

/// The scopes of an operation with `documents`, `by`, `map` and `over`: lists of rows, ascending.
struct ScopeOperands {
  Value documents, groups, over;
  ArrayRef<int64_t> map;
};
template <typename OpT> ScopeOperands scopeOperands(OpT op) {
  return {op.getDocuments(), op.getGroups(), op.getOver(), op.getMap().value_or(ArrayRef<int64_t>())};
}
std::vector<std::vector<int64_t>> scopesOf(const ScopeOperands &operands, int64_t numRows, Frame &frame);

/// Whether a live row chose an expert; an error where the choice comes from a dead row.
FailureOr<bool> hasChosen(Operation *op, const Tensor &chosen, int64_t row, int64_t expert);

/// Calls visit(row, member) for each row whose group meets a member, group by group.
template <typename Visit> void forEachRow(const GroupTable &groups, ArrayRef<int64_t> map, Visit visit) {
  for (int64_t g = 0; g < groups.numGroups(); ++g)
    for (int64_t r = groups.offset[g]; map[g] >= 0 && r < groups.offset[g + 1]; ++r)
      visit(r, map[g]);
}

/// Runs an epilogue or the body of a map on whole tensors (all its operations are elementwise); results have `shape`.
FailureOr<std::vector<Tensor>> runElementwiseRegion(Region &region, std::vector<RuntimeValue> arguments,
                                                    ArrayRef<int64_t> shape, Frame &frame);

/// arith, math and motley's activations, on scalars and tensors; nothing if `op` isn't one of them.
std::optional<LogicalResult> evaluateElementwise(Operation *op, Frame &frame);

LogicalResult evaluate(arith::ConstantOp op, Frame &frame);
LogicalResult evaluate(tensor::EmptyOp op, Frame &frame);
LogicalResult evaluate(tensor::SplatOp op, Frame &frame);
LogicalResult evaluate(tensor::ExtractOp op, Frame &frame);
LogicalResult evaluate(tensor::FromElementsOp op, Frame &frame);
LogicalResult evaluate(func::CallOp op, Frame &frame);
LogicalResult evaluate(linalg::LinalgOp op, Frame &frame);

LogicalResult evaluate(EmbeddingOp op, Frame &frame);
LogicalResult evaluate(LinearOp op, Frame &frame);
LogicalResult evaluate(NormOp op, Frame &frame);
LogicalResult evaluate(RopeOp op, Frame &frame);
LogicalResult evaluate(AttentionOp op, Frame &frame);
LogicalResult evaluate(ByModalityOp op, Frame &frame);
LogicalResult evaluate(CrossEntropyOp op, Frame &frame);

LogicalResult evaluate(RowSumOp op, Frame &frame);
LogicalResult evaluate(RowBroadcastOp op, Frame &frame);
LogicalResult evaluate(SoftmaxOp op, Frame &frame);
LogicalResult evaluate(LogSumExpOp op, Frame &frame);
LogicalResult evaluate(MeanRowsOp op, Frame &frame);
LogicalResult evaluate(NoiseOp op, Frame &frame);
LogicalResult evaluate(OneHotOp op, Frame &frame);
LogicalResult evaluate(HashOp op, Frame &frame);

LogicalResult evaluate(ChooseExpertsOp op, Frame &frame);
LogicalResult evaluate(ChooseAboveOp op, Frame &frame);
LogicalResult evaluate(ChooseTopPOp op, Frame &frame);
LogicalResult evaluate(ChooseTokensOp op, Frame &frame);
LogicalResult evaluate(LimitCapacityOp op, Frame &frame);

LogicalResult evaluate(ExpertsOp op, Frame &frame);
LogicalResult evaluate(SelectRowsOp op, Frame &frame);
LogicalResult evaluate(ObserveOp op, Frame &frame);

LogicalResult evaluate(SelectOp op, Frame &frame);
LogicalResult evaluate(RestrictOp op, Frame &frame);
LogicalResult evaluate(SlotValuesOp op, Frame &frame);
LogicalResult evaluate(SlotValuesBackwardOp op, Frame &frame);
LogicalResult evaluate(CountChosenOp op, Frame &frame);

LogicalResult evaluate(SoftmaxRowsOp op, Frame &frame);
LogicalResult evaluate(SoftmaxRowsBackwardOp op, Frame &frame);
LogicalResult evaluate(SoftExpertsOp op, Frame &frame);
LogicalResult evaluate(StaticGroupsOp op, Frame &frame);
LogicalResult evaluate(MixRowsOp op, Frame &frame);
LogicalResult evaluate(UnmixRowsOp op, Frame &frame);
LogicalResult evaluate(MixProductsOp op, Frame &frame);

LogicalResult evaluate(GroupByOp op, Frame &frame);
LogicalResult evaluate(ReindexOp op, Frame &frame);
LogicalResult evaluate(GatherRowsOp op, Frame &frame);
LogicalResult evaluate(CombineRowsOp op, Frame &frame);
LogicalResult evaluate(SplitGroupsOp op, Frame &frame);
LogicalResult evaluate(MergeGroupsOp op, Frame &frame);

LogicalResult evaluate(GroupedMatmulOp op, Frame &frame);
LogicalResult evaluate(GroupedOuterOp op, Frame &frame);
LogicalResult evaluate(GroupedBiasOp op, Frame &frame);
LogicalResult evaluate(GroupedSumOp op, Frame &frame);
LogicalResult evaluate(GroupedNormOp op, Frame &frame);
LogicalResult evaluate(GroupedNormBackwardOp op, Frame &frame);
LogicalResult evaluate(GroupedAttentionOp op, Frame &frame);
LogicalResult evaluate(GroupedAttentionBackwardOp op, Frame &frame);
LogicalResult evaluate(GroupedEmbeddingOp op, Frame &frame);
LogicalResult evaluate(GroupedEmbeddingBackwardOp op, Frame &frame);
LogicalResult evaluate(GroupedCrossEntropyOp op, Frame &frame);
LogicalResult evaluate(GroupedCrossEntropyBackwardOp op, Frame &frame);
LogicalResult evaluate(LossSumsOp op, Frame &frame);
LogicalResult evaluate(ScaleOp op, Frame &frame);
LogicalResult evaluate(MapOp op, Frame &frame);

LogicalResult evaluate(InitialiseOp op, Frame &frame);
LogicalResult evaluate(GradientNormOp op, Frame &frame);
LogicalResult evaluate(AdamWOp op, Frame &frame);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_FRAME_H
