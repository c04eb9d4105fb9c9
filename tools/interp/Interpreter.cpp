// Functions, frames, and which evaluator an operation goes to.
#include "tools/interp/Interpreter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "tools/interp/Frame.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::motley::interp {

/// Deeper calls are taken for a recursion without end.
static constexpr int64_t kMaxCallDepth = 64;

void registerDialects(DialectRegistry &registry) {
  registry.insert<MotleyDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
                  tensor::TensorDialect>();
}

std::optional<Field> fieldOfArgument(func::FuncOp function, unsigned index) {
  if (auto field = function.getArgAttrOfType<FieldAttr>(index, kFieldAttrName))
    return field.getValue();
  return std::nullopt;
}

static LogicalResult dispatch(Operation *op, Frame &frame) {
  if (std::optional<LogicalResult> result = evaluateElementwise(op, frame))
    return *result;
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<arith::ConstantOp, tensor::EmptyOp, tensor::SplatOp, tensor::ExtractOp, tensor::FromElementsOp,
            func::CallOp>([&](auto typed) { return evaluate(typed, frame); })
      .Case<EmbeddingOp, LinearOp, NormOp, RopeOp, AttentionOp, ByModalityOp, CrossEntropyOp>(
          [&](auto typed) { return evaluate(typed, frame); })
      .Case<RowSumOp, RowBroadcastOp, SoftmaxOp, LogSumExpOp, MeanRowsOp, NoiseOp, OneHotOp, HashOp, ChooseExpertsOp,
            ChooseAboveOp, ChooseTopPOp, ChooseTokensOp, LimitCapacityOp, ExpertsOp, SelectRowsOp, ObserveOp>(
          [&](auto typed) { return evaluate(typed, frame); })
      .Case<SelectOp, RestrictOp, SlotValuesOp, SlotValuesBackwardOp, CountChosenOp>(
          [&](auto typed) { return evaluate(typed, frame); })
      .Case<SoftmaxRowsOp, SoftmaxRowsBackwardOp, SoftExpertsOp, StaticGroupsOp, MixRowsOp, UnmixRowsOp, MixProductsOp>(
          [&](auto typed) { return evaluate(typed, frame); })
      .Case<GroupByOp, ReindexOp, GatherRowsOp, CombineRowsOp, SplitGroupsOp, MergeGroupsOp>(
          [&](auto typed) { return evaluate(typed, frame); })
      .Case<GroupedMatmulOp, GroupedOuterOp, GroupedBiasOp, GroupedSumOp, GroupedNormOp, GroupedNormBackwardOp,
            GroupedAttentionOp, GroupedAttentionBackwardOp, GroupedEmbeddingOp, GroupedEmbeddingBackwardOp,
            GroupedCrossEntropyOp, GroupedCrossEntropyBackwardOp, LossSumsOp, ScaleOp, MapOp>(
          [&](auto typed) { return evaluate(typed, frame); })
      .Case<InitialiseOp, GradientNormOp, AdamWOp>([&](auto typed) { return evaluate(typed, frame); })
      .Case([&](linalg::LinalgOp structured) { return evaluate(structured, frame); })
      .Default([](Operation *unknown) -> LogicalResult {
        return unknown->emitError() << "the interpreter has no meaning for '" << unknown->getName() << "'";
      });
}

Operation *Frame::runBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(dispatch(&op, *this)))
      return nullptr;
  return block.getTerminator();
}

Operation *Frame::runBlock(Block &block, LiveRows rows) {
  std::swap(live, rows);
  Operation *terminator = runBlock(block);
  std::swap(live, rows);
  return terminator;
}

void Interpreter::initialise(uint64_t seed) {
  for (VariableOp variable : module.getOps<VariableOp>())
    variables.find(variable.getSymName())->slot(StateSlot::param) = initialValues(variable, seed);
}

FailureOr<std::vector<RuntimeValue>> Interpreter::run(StringRef name, ArrayRef<RuntimeValue> arguments) {
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return run(function, arguments);
  return module.emitError() << "no function '" << name << "' in the module";
}

/// Every argument is there and has the function's type; the error names the one that is not.
static LogicalResult checkArguments(func::FuncOp function, ArrayRef<RuntimeValue> arguments) {
  ArrayRef<Type> types = function.getArgumentTypes();
  if (types.size() != arguments.size())
    return function.emitError() << "function '" << function.getName() << "' takes " << types.size()
                                << " arguments, got " << arguments.size();
  for (auto [index, type] : llvm::enumerate(types)) {
    if (fits(arguments[index], type))
      continue;
    std::string got = "a table of groups";
    if (arguments[index].isTensor()) {
      const Tensor &tensor = arguments[index].getTensor();
      llvm::raw_string_ostream os(got = "");
      os << (tensor.isFloat ? "floats" : "integers") << " of shape [";
      llvm::interleaveComma(tensor.shape, os);
      os << "]";
    }
    return function.emitError() << "argument " << index << " of '" << function.getName() << "' is a " << type
                                << ", got " << got;
  }
  return success();
}

static bool isAtLevel2(func::FuncOp function) {
  auto isTable = [](Value value) { return isa<GroupsType>(value.getType()); };
  return function
      .walk([&](Operation *op) {
        return WalkResult(
            success(llvm::none_of(op->getResults(), isTable) && llvm::none_of(op->getOperands(), isTable)));
      })
      .wasInterrupted();
}

/// The live count of level 1, from the argument that says it holds it.
static FailureOr<std::optional<int64_t>> liveCount(func::FuncOp function, ArrayRef<RuntimeValue> arguments) {
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    if (fieldOfArgument(function, index) != Field::live)
      continue;
    if (!function.getArgumentTypes()[index].isInteger() || argument.getTensor().ints.front() < 0)
      return function.emitError() << "the live count, argument " << index << " of '" << function.getName()
                                  << "', must be a scalar integer that is not negative";
    if (!isAtLevel2(function))
      return std::optional<int64_t>(argument.getTensor().ints.front());
  }
  return std::optional<int64_t>();
}

FailureOr<std::vector<RuntimeValue>> Interpreter::run(func::FuncOp function, ArrayRef<RuntimeValue> arguments) {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError() << "the interpreter runs functions of one block, '" << function.getName() << "' has "
                                << function.getBody().getBlocks().size();
  if (callDepth >= kMaxCallDepth)
    return function.emitError() << "calls are nested deeper than " << kMaxCallDepth << "; is '" << function.getName()
                                << "' recursive?";
  if (failed(checkArguments(function, arguments)))
    return failure();
  FailureOr<std::optional<int64_t>> live = liveCount(function, arguments);
  if (failed(live))
    return failure();

  if (callDepth == 0)
    observations.clear();
  Frame frame(*this, *live);
  for (auto [argument, content] : llvm::zip_equal(function.getArguments(), arguments))
    frame.set(argument, content);
  ++callDepth;
  Operation *terminator = frame.runBlock(function.getBody().front());
  --callDepth;
  if (!terminator)
    return failure();
  std::vector<RuntimeValue> results;
  for (Value operand : terminator->getOperands())
    results.push_back(frame.get(operand));
  return results;
}

} // namespace mlir::motley::interp
