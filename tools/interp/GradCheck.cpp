// Finite differences of the loss against the gradients that `accumulate` writes.
#include "tools/interp/GradCheck.h"

#include <cmath>

namespace mlir::motley::interp {

void jitterParameters(Interpreter &interpreter, double amount, uint64_t seed) {
  RandomStream random(seed ^ 0x6a09e667f3bcc909ull);
  for (auto &[name, state] : interpreter.getVariables().all())
    for (double &element : state.slot(StateSlot::param))
      element += amount * (2 * random.unit() - 1);
}

namespace {
/// One microbatch and the two functions that are compared on it.
class GradientChecker {
public:
  bool isFrozen(StringRef name) {
    auto variable = interpreter.getModule().lookupSymbol<VariableOp>(name);
    return variable && motley::isFrozen(&accumulateFunction.getBody().front().front(), variable);
  }
  GradientChecker(Interpreter &interpreter, const GradCheckOptions &options)
      : interpreter(interpreter), options(options), random(options.seed) {}

  /// Draws the rows.
  LogicalResult prepare();
  FailureOr<double> loss();
  /// Gradients by variable, after the checks of `add` and of the loss that `accumulate` reports.
  LogicalResult accumulateGradients();
  FailureOr<VariableCheck> check(StringRef name, VariableState &state);
  double overallScale();

private:
  FailureOr<std::vector<RuntimeValue>> arguments(func::FuncOp function, bool add);
  FailureOr<double> total(func::FuncOp function, ArrayRef<RuntimeValue> results);
  LogicalResult runAccumulate(bool add, double &total);

  Interpreter &interpreter;
  const GradCheckOptions &options;
  RandomStream random;
  func::FuncOp lossFunction, accumulateFunction;
  RowFields fields;
  double inverseNormaliser = 1;
  /// What `accumulate` wrote. The loss function may be `accumulate` and write again.
  std::map<std::string, std::vector<double>> gradients;
};
} // namespace

static double rootMeanSquare(ArrayRef<double> values) {
  double sum = 0;
  for (double value : values)
    sum += value * value;
  return values.empty() ? 0 : std::sqrt(sum / values.size());
}

/// The smallest vocabulary of the module's embeddings: what tokens may be where no modality says it.
static int64_t vocabularyOf(ModuleOp module) {
  int64_t vocabulary = std::numeric_limits<int64_t>::max();
  auto see = [&](VariableOp table) { vocabulary = std::min(vocabulary, table.getTensorType().getDimSize(0)); };
  module.walk([&](EmbeddingOp op) { see(lookupVariable(op, op.getTableAttr())); });
  module.walk([&](GroupedEmbeddingOp op) { see(lookupBank(op, op.getBankAttr()).getVariable(0, 0)); });
  return vocabulary == std::numeric_limits<int64_t>::max() ? 1 : vocabulary;
}

LogicalResult GradientChecker::prepare() {
  ModuleOp module = interpreter.getModule();
  lossFunction = module.lookupSymbol<func::FuncOp>(options.lossFunction);
  if (!lossFunction)
    return module.emitError() << "no function '" << options.lossFunction << "' in the module";
  int64_t rows = 0;
  for (Type type : lossFunction.getArgumentTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getRank() > 0)
      rows = tensor.getDimSize(0);
  int64_t live = options.numLive.value_or(rows - rows / 8);
  if (live < 0 || live > rows)
    return lossFunction.emitError() << "takes " << rows << " rows, of which " << live << " cannot be live";
  fields = randomRows(module, rows, live, vocabularyOf(module), random);
  double weights = 0;
  for (int64_t r = 0; r < live; ++r)
    weights += fields[Field::target].ints[r] >= 0 ? fields[Field::weight].floats[r] : 0;
  inverseNormaliser = weights > 0 ? 1 / weights : 1;
  return success();
}

/// Fields by their attribute; scalars by the name they carry, or else by their type.
FailureOr<std::vector<RuntimeValue>> GradientChecker::arguments(func::FuncOp function, bool add) {
  std::vector<RuntimeValue> result;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto scalar = function.getArgAttrOfType<StringAttr>(index, "motley.scalar");
    StringRef name = scalar ? scalar.getValue() : "";
    if (std::optional<Field> field = fieldOfArgument(function, index))
      result.push_back(fields[*field]);
    else if (name == "live" || (name.empty() && type.isInteger(32)))
      result.push_back(fields[Field::live]);
    else if (name == "add" || (name.empty() && type.isInteger(1)))
      result.push_back(Tensor::scalar(int64_t(add)));
    else if (name == "inverse_normaliser" || (name.empty() && type.isF32()))
      result.push_back(Tensor::scalar(inverseNormaliser));
    else if (auto given = options.scalars.find(name.str()); given != options.scalars.end() && type.isIntOrFloat())
      result.push_back(type.isInteger() ? Tensor::scalar(int64_t(given->second)) : Tensor::scalar(given->second));
    else if (name == "seed" || name == "step")
      result.push_back(Tensor::scalar(name == "seed" ? int64_t(options.seed) : int64_t(1)));
    else
      return function.emitError() << "argument " << index << " of '" << function.getName()
                                  << "' is neither a field nor live, add, inverse_normaliser, seed or step; give a "
                                     "scalar by --scalar NAME=VALUE";
  }
  return result;
}

/// The sum over losses, rows and modalities, weighted and normalised.
FailureOr<double> GradientChecker::total(func::FuncOp function, ArrayRef<RuntimeValue> results) {
  double sum = 0;
  for (auto [value, type] : llvm::zip_equal(results, function.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.getRank() == 2) {
      for (double element : value.getTensor().floats)
        sum += element;
      continue;
    }
    if (!tensor || !tensor.getElementType().isF32() || value.getTensor().numRows() < fields[Field::live].ints[0])
      return function.emitError() << "gives " << type << ", expected sums tensor<LxMxf64> or losses tensor<Rxf32>";
    for (int64_t r = 0; r < fields[Field::live].ints[0]; ++r)
      if (fields[Field::target].ints[r] >= 0)
        sum += fields[Field::weight].floats[r] * value.getTensor().floats[r];
  }
  return sum * inverseNormaliser;
}

FailureOr<double> GradientChecker::loss() {
  interpreter.getChoices().rewind();
  FailureOr<std::vector<RuntimeValue>> given = arguments(lossFunction, false);
  if (failed(given))
    return failure();
  FailureOr<std::vector<RuntimeValue>> results = interpreter.run(lossFunction, *given);
  return failed(results) ? FailureOr<double>(failure()) : total(lossFunction, *results);
}

LogicalResult GradientChecker::runAccumulate(bool add, double &sum) {
  FailureOr<std::vector<RuntimeValue>> given = arguments(accumulateFunction, add);
  if (failed(given))
    return failure();
  FailureOr<std::vector<RuntimeValue>> results = interpreter.run(accumulateFunction, *given);
  if (failed(results))
    return failure();
  FailureOr<double> got = total(accumulateFunction, *results);
  sum = failed(got) ? 0 : *got;
  return got;
}

/// Equal up to rounding; NaN equals nothing.
static bool isClose(double a, double b, double scale) {
  return std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), scale);
}

LogicalResult GradientChecker::accumulateGradients() {
  accumulateFunction = interpreter.getModule().lookupSymbol<func::FuncOp>(options.accumulateFunction);
  if (!accumulateFunction)
    return interpreter.getModule().emitError() << "no function '" << options.accumulateFunction << "' in the module";
  interpreter.getChoices().start(ChoiceLog::Mode::record);
  FailureOr<double> expected = loss();
  interpreter.getChoices().start(ChoiceLog::Mode::off);
  if (failed(expected))
    return failure();
  for (auto &[name, state] : interpreter.getVariables().all())
    llvm::fill(state.slot(StateSlot::grad), kDeadFloat);
  double reported;
  if (failed(runAccumulate(/*add=*/false, reported)))
    return failure();
  if (accumulateFunction.getNumResults() && !isClose(*expected, reported, 0))
    return accumulateFunction.emitError()
           << "reports a loss of " << reported << ", but '" << lossFunction.getName() << "' gives " << *expected;
  for (auto &[name, state] : interpreter.getVariables().all())
    gradients[name] = state.slot(StateSlot::grad);
  double overall = overallScale();
  if (failed(runAccumulate(/*add=*/true, reported)))
    return failure();
  for (auto &[name, state] : interpreter.getVariables().all()) {
    const std::vector<double> &once = gradients[name], &twice = state.slot(StateSlot::grad);
    // A gradient may be 0 but for rounding, as that of a bias of keys under softmax.
    double scale = std::fmax(rootMeanSquare(once), 1e-3 * overall);
    for (size_t i = 0; i < once.size(); ++i)
      if (!std::isnan(once[i]) && !isClose(2 * once[i], twice[i], scale))
        return accumulateFunction.emitError()
               << "with add, the gradient of '" << name << "' at element " << i << " went from " << once[i] << " to "
               << twice[i] << ", expected twice as much";
  }
  return success();
}

double GradientChecker::overallScale() {
  std::vector<double> all;
  for (const auto &[name, gradient] : gradients)
    llvm::copy_if(gradient, std::back_inserter(all), [](double value) { return !std::isnan(value); });
  return rootMeanSquare(all);
}

FailureOr<VariableCheck> GradientChecker::check(StringRef name, VariableState &state) {
  std::vector<double> &parameters = state.slot(StateSlot::param), &gradient = gradients[name.str()];
  double size = rootMeanSquare(parameters), distance = options.step * (size > 0 ? size : 1);
  double gradientScale = rootMeanSquare(gradient);
  // fmax passes over NaN: a gradient that was not written has no scale of its own.
  double scale = std::fmax(std::fmax(gradientScale, 1e-3 * overallScale()), 1e-30);
  VariableCheck worst;
  worst.name = name.str();
  worst.error = -1;
  bool isUnwritten = llvm::all_of(gradient, [](double value) { return std::isnan(value); });
  bool isUnread = true;
  for (int64_t sample = 0; sample < options.samplesPerVariable; ++sample) {
    int64_t element = random.below(parameters.size());
    double original = parameters[element], differences[2];
    for (int far = 0; far < 2; ++far) {
      double offset = distance * (far + 1);
      parameters[element] = original + offset;
      FailureOr<double> above = loss();
      parameters[element] = original - offset;
      FailureOr<double> below = loss();
      parameters[element] = original;
      if (failed(above) || failed(below))
        return failure();
      differences[far] = (*above - *below) / (2 * offset);
    }
    double difference = (4 * differences[0] - differences[1]) / 3; // the error is of order distance^4
    isUnread &= difference == 0;
    double error = std::fabs(gradient[element] - difference) / std::max(std::fabs(difference), scale);
    if (error > worst.error || std::isnan(error)) {
      worst.error = error;
      worst.element = element;
      worst.gradient = gradient[element];
      worst.difference = difference;
    }
  }
  worst.isUnused = isUnwritten && isUnread;
  return worst;
}

FailureOr<double> totalLoss(Interpreter &interpreter, const GradCheckOptions &options) {
  GradientChecker checker(interpreter, options);
  return failed(checker.prepare()) ? FailureOr<double>(failure()) : checker.loss();
}

FailureOr<std::vector<VariableCheck>> checkGradients(Interpreter &interpreter, const GradCheckOptions &options) {
  GradientChecker checker(interpreter, options);
  interpreter.setExact(true);
  if (failed(checker.prepare()) || failed(checker.accumulateGradients()))
    return failure();
  interpreter.getChoices().start(ChoiceLog::Mode::replay);
  std::vector<VariableCheck> checks;
  for (auto &[name, state] : interpreter.getVariables().all()) {
    if (checker.isFrozen(name)) {
      llvm::outs() << "frozen " << name << ": not checked\n";
      continue;
    }
    FailureOr<VariableCheck> result = checker.check(name, state);
    if (failed(result))
      return failure();
    checks.push_back(std::move(*result));
  }
  return checks;
}

} // namespace mlir::motley::interp
