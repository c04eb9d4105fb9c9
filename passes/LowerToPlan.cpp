// Functions of level 2 become plan.steps. This file holds the border of a function (arguments, results) and the table
// of operations; each operation's lowering looks at that operation alone.
#include "passes/LowerToPlan.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley {
#define GEN_PASS_DEF_LOWERTOPLAN
#include "passes/PlanPasses.h.inc"
} // namespace mlir::motley

using namespace mlir;
using namespace mlir::motley;

namespace {

/// Lowers one function.
class FunctionLowering {
public:
  FunctionLowering(func::FuncOp function, KernelSet &kernels) : function(function), step(function, kernels) {}

  LogicalResult run() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError("has more than one block; a step is straight-line code");
    for (BlockArgument argument : function.getArguments())
      if (failed(lowerArgument(argument)))
        return failure();
    auto results = cast<func::ReturnOp>(function.front().getTerminator());
    if (failed(makeOutputs(results)))
      return failure();
    for (Operation &op : function.front().without_terminator())
      if (failed(lowerOperation(&op)))
        return failure();
    copyOutputs(results);
    step.finish();
    return success();
  }

  int64_t getNumLaunches() const { return step.getNumLaunches(); }

private:
  LogicalResult lowerArgument(BlockArgument argument) {
    unsigned number = argument.getArgNumber();
    Location loc = argument.getLoc();
    std::string name = "arg" + std::to_string(number);
    if (auto given = function.getArgAttrOfType<StringAttr>(number, "motley.scalar"))
      name = given.str();
    auto field = function.getArgAttrOfType<FieldAttr>(number, kFieldAttrName);
    if (field && field.getValue() == Field::live)
      name = "live";
    Type type = argument.getType();
    if (type.isF32() || type.isInteger(1) || type.isInteger(32) || type.isInteger(64)) {
      step.bind(argument, step.namedScalar(loc, name, type));
      return success();
    }
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape())
      return function.emitOpError() << "argument " << number << " has type " << type
                                    << ", expected a static tensor or a scalar i1, i32, i64, f32";
    step.bind(argument, field ? step.field(loc, field, type) : step.input(loc, name, type));
    return success();
  }

  /// Whether the producer of `value` can be told where to write; otherwise its value is copied at the end.
  bool writesDestination(Value value) {
    Operation *producer = value.getDefiningOp();
    if (auto noise = dyn_cast_or_null<NoiseOp>(producer); noise && !noise.getSeed())
      return false; // zeros
    return producer && !isa<SplitGroupsOp, MergeGroupsOp>(producer) && !producer->hasTrait<OpTrait::ConstantLike>();
  }

  LogicalResult makeOutputs(func::ReturnOp results) {
    llvm::StringSet<> names;
    llvm::DenseSet<Value> seen;
    for (OpOperand &operand : results->getOpOperands()) {
      Value value = operand.get();
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type || !type.hasStaticShape())
        return results.emitOpError() << "returns a " << value.getType() << ", expected static tensors";
      std::string name = "result" + std::to_string(operand.getOperandNumber());
      if (value.getDefiningOp<LossSumsOp>())
        name = "loss_sums";
      else if (value.getDefiningOp<GradientNormOp>())
        name = "gradient_norm";
      if (!names.insert(name).second)
        return results.emitOpError() << "returns \"" << name << "\" twice";
      Value output = step.output(value.getLoc(), name, type);
      bool direct = seen.insert(value).second && writesDestination(value);
      if (direct)
        step.setOutput(value, output);
      else if (type.getElementType().isF32())
        copies.emplace_back(value, output);
      else
        return results.emitOpError() << "returns operand " << operand.getOperandNumber() << " of type " << type
                                     << ", which no operation here computes";
    }
    return success();
  }

  void copyOutputs(func::ReturnOp results) {
    for (auto [value, output] : copies)
      copy(results.getLoc(), step.buffer(value), output, step);
  }

  LogicalResult lowerConstant(arith::ConstantOp op) {
    Type type = op.getType();
    auto dense = dyn_cast<SplatElementsAttr>(op.getValue());
    if (dense && dense.getElementType().isF32())
      step.bind(op.getResult(), dense.getSplatValue<FloatAttr>());
    else if (type.isF32() || type.isInteger(1) || type.isInteger(32) || type.isInteger(64))
      step.bind(op.getResult(), step.constant(cast<TypedAttr>(op.getValue())));
    else
      return op.emitOpError() << "of type " << type
                              << " has no place in a plan; expected a scalar, or a tensor of one f32";
    return success();
  }

  LogicalResult lowerOperation(Operation *op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<GroupByOp, ReindexOp, GatherRowsOp, CombineRowsOp, SplitGroupsOp, MergeGroupsOp, GroupedMatmulOp,
              GroupedOuterOp, GroupedBiasOp, GroupedSumOp, GroupedNormOp, GroupedNormBackwardOp, RopeOp, SelectOp,
              RestrictOp, SlotValuesOp, SlotValuesBackwardOp, CountChosenOp, ChooseExpertsOp, ChooseAboveOp,
              ChooseTopPOp, ChooseTokensOp, LimitCapacityOp, OneHotOp, HashOp, NoiseOp, RowSumOp, RowBroadcastOp,
              SoftmaxOp, LogSumExpOp, MeanRowsOp, StaticGroupsOp, SoftmaxRowsOp, SoftmaxRowsBackwardOp, MixRowsOp,
              UnmixRowsOp, MixProductsOp, arith::SIToFPOp, GroupedEmbeddingOp, GroupedEmbeddingBackwardOp, MapOp,
              ScaleOp, GroupedAttentionOp, GroupedAttentionBackwardOp, GroupedCrossEntropyOp,
              GroupedCrossEntropyBackwardOp, LossSumsOp, InitialiseOp, GradientNormOp, AdamWOp>(
            [&](auto typed) { return lower(typed, step); })
        .Case<arith::ConstantOp>([&](auto constant) { return lowerConstant(constant); })
        .Default([&](Operation *other) -> LogicalResult {
          if (other->hasTrait<OpTrait::Elementwise>())
            return lowerElementwise(other, step);
          return other->emitOpError(
              "has no kernel; the plan knows grouped operations, elementwise operations on f32 and "
              "constants");
        });
  }

  func::FuncOp function;
  StepBuilder step;
  SmallVector<std::pair<Value, Value>> copies;
};

struct LowerToPlan : motley::impl::LowerToPlanBase<LowerToPlan> {
  void runOnOperation() override {
    KernelSet kernels(getOperation());
    for (func::FuncOp function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (function.isDeclaration())
        continue;
      FunctionLowering lowering(function, kernels);
      if (failed(lowering.run()))
        return signalPassFailure();
      numLaunches += lowering.getNumLaunches();
      function.erase();
    }
    numKernels += kernels.size();
  }
};

} // namespace
