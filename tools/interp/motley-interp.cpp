// motley-interp: runs functions of levels 1 and 2 in float64 and prints their results, or checks gradients.
//
// Without --function it runs every function that takes no argument, each from the same initial state.
#include "tools/interp/Files.h"
#include "tools/interp/GradCheck.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::motley;
using namespace mlir::motley::interp;
namespace cl = llvm::cl;

static cl::OptionCategory category("motley-interp options");
static cl::opt<std::string> inputFile(cl::Positional, cl::desc("FILE.mlir"), cl::init("-"), cl::cat(category));
static cl::opt<std::string> functionName("function", cl::desc("Function to run"), cl::cat(category));
static cl::list<std::string>
    argumentTexts("arg", cl::desc("Next argument, such as '3 : i32' or 'dense<[1.0]> : tensor<1xf32>'"),
                  cl::cat(category));
static cl::opt<std::string> inputDirectory("inputs",
                                           cl::desc("Reads args/N.npy or args/FIELD.npy, and param|grad|m|v/NAME.npy"),
                                           cl::cat(category));
static cl::opt<std::string>
    outputDirectory("outputs",
                    cl::desc("Writes results/N.npy, chosen/NAME.npy and param|grad|m|v/NAME.npy; prints no results"),
                    cl::cat(category));
static cl::opt<uint64_t>
    seed("seed",
         cl::desc("Initialises all variables by their declarations; also draws the rows of --gradcheck and --total"),
         cl::cat(category));
static cl::opt<double> jitter("jitter", cl::desc("Adds random numbers up to this to all parameters"), cl::init(0),
                              cl::cat(category));
static cl::list<std::string>
    settings("set", cl::desc("Sets a slot of a variable: 'param @w = dense<1.0> : tensor<2xf32>'"), cl::cat(category));
static cl::list<std::string> printedSlots("print",
                                          cl::desc("Prints slots of all variables after the run: param, grad, m, v"),
                                          cl::CommaSeparated, cl::cat(category));
static cl::opt<int> precision("precision", cl::desc("Significant digits of printed floats"), cl::init(9),
                              cl::cat(category));
static cl::opt<std::string>
    gradientLoss("gradcheck", cl::desc("Checks the gradients of --accumulate against differences of this function"),
                 cl::cat(category));
static cl::opt<bool> isExact("exact", cl::desc("Rounds no operand of a product to bf16; --gradcheck never does"),
                             cl::cat(category));
static cl::opt<bool> printsObservations("observations",
                                        cl::desc("Prints what observe and count_chosen hand out, after the results"),
                                        cl::cat(category));
static cl::opt<bool> printsMargin("margins",
                                  cl::desc("Prints how far the closest choice was from another one, after the results"),
                                  cl::cat(category));
static cl::list<std::string> scalarTexts("scalar",
                                         cl::desc("NAME=VALUE: a scalar that --gradcheck and --total pass by its name"),
                                         cl::cat(category));
static cl::opt<std::string> totalOf("total", cl::desc("Prints the loss that this function gives on random rows"),
                                    cl::cat(category));
static cl::opt<std::string> accumulateName("accumulate", cl::desc("Function that writes the gradients"),
                                           cl::init("accumulate"), cl::cat(category));
static cl::opt<int64_t> numLive("live", cl::desc("Live rows of --gradcheck and --total"), cl::init(-1),
                                cl::cat(category));
static cl::opt<int64_t> numSamples("samples", cl::desc("Elements of each variable that --gradcheck probes"),
                                   cl::init(12), cl::cat(category));
static cl::opt<double> step("step", cl::desc("Distance of the probes relative to a variable's size"), cl::init(1e-3),
                            cl::cat(category));
static cl::opt<double> tolerance("tolerance", cl::desc("Largest relative error that --gradcheck accepts"),
                                 cl::init(1e-6), cl::cat(category));

static LogicalResult report(llvm::Error error) {
  if (!error)
    return success();
  llvm::WithColor::error() << llvm::toString(std::move(error)) << "\n";
  return failure();
}

static LogicalResult fail(const llvm::Twine &message) {
  llvm::WithColor::error() << message << "\n";
  return failure();
}

/// `SLOT @NAME = VALUE`, the form in which variables are printed.
static LogicalResult applySetting(StringRef text, Interpreter &interpreter) {
  auto [target, value] = text.split(" = ");
  auto [slotName, name] = target.split(" @");
  std::optional<StateSlot> slot = parseStateSlot(slotName.trim());
  VariableState *variable = interpreter.getVariables().find(name.trim());
  if (!slot || !variable)
    return fail("--set '" + text + "': expected 'param|grad|m|v @VARIABLE = VALUE' with a variable of the module");
  std::string error;
  std::optional<Tensor> tensor = tensorFromText(value, interpreter.getModule().getContext(), error);
  if (!tensor)
    return fail("--set '" + text + "': " + error);
  if (!tensor->isFloat || tensor->shape != variable->shape)
    return fail("--set '" + text + "': expected floats of the variable's shape");
  variable->slot(*slot) = tensor->floats;
  return success();
}

/// Initial values, then files, then --set.
static LogicalResult prepareState(Interpreter &interpreter) {
  if (seed.getNumOccurrences())
    interpreter.initialise(seed);
  if (jitter != 0)
    jitterParameters(interpreter, jitter, seed);
  if (!inputDirectory.empty() && failed(report(readVariables(inputDirectory, interpreter.getVariables()))))
    return failure();
  for (const std::string &setting : settings)
    if (failed(applySetting(setting, interpreter)))
      return failure();
  return success();
}

static LogicalResult printVariables(Interpreter &interpreter) {
  for (const std::string &slotName : printedSlots) {
    std::optional<StateSlot> slot = parseStateSlot(slotName);
    if (!slot)
      return fail("--print: no slot '" + slotName + "', expected param, grad, m or v");
    for (VariableOp variable : interpreter.getModule().getOps<VariableOp>()) {
      VariableState *state = interpreter.getVariables().find(variable.getSymName());
      Tensor tensor;
      tensor.shape = state->shape;
      tensor.floats = state->slot(*slot);
      llvm::outs() << slotName << " @" << variable.getSymName() << " = ";
      print(llvm::outs(), std::move(tensor), variable.getTensorType(), precision);
      llvm::outs() << "\n";
    }
  }
  return success();
}

static LogicalResult readTextArguments(MLIRContext *context, std::vector<RuntimeValue> &arguments) {
  for (const std::string &text : argumentTexts) {
    std::string error;
    std::optional<Tensor> tensor = tensorFromText(text, context, error);
    if (!tensor)
      return fail("--arg: " + error);
    arguments.push_back(std::move(*tensor));
  }
  return success();
}

static void printObservations(Interpreter &interpreter) {
  for (const Observation &observation : interpreter.getObservations()) {
    llvm::outs() << "chosen \"" << observation.name << "\" = ";
    auto type = RankedTensorType::get(observation.counts.shape, Float64Type::get(interpreter.getModule().getContext()));
    print(llvm::outs(), observation.counts, type, precision);
    llvm::outs() << "\n";
  }
}

static void printSmallestMargin(Interpreter &interpreter) {
  const ChoiceMargin &margin = interpreter.getChoices().getSmallestMargin();
  if (!margin.op)
    llvm::outs() << "margin inf: no choice depended on a difference\n";
  else
    llvm::outs() << "margin " << llvm::format("%.*g", int(precision), margin.value) << " of " << margin.op->getName()
                 << " at row " << margin.row << "\n";
}

static LogicalResult runFunction(func::FuncOp function, ModuleOp module) {
  Interpreter interpreter(module);
  interpreter.setExact(isExact);
  std::vector<RuntimeValue> arguments;
  if (failed(prepareState(interpreter)) || failed(readTextArguments(module.getContext(), arguments)))
    return failure();
  if (!inputDirectory.empty() && failed(report(readArguments(inputDirectory, function, arguments))))
    return failure();
  FailureOr<std::vector<RuntimeValue>> results = interpreter.run(function, arguments);
  if (failed(results))
    return failure();
  if (!outputDirectory.empty()) {
    if (failed(report(writeResults(outputDirectory, *results))) ||
        failed(report(writeObservations(outputDirectory, interpreter.getObservations()))) ||
        failed(report(writeVariables(outputDirectory, interpreter.getVariables()))))
      return failure();
  } else {
    for (auto [value, type] : llvm::zip_equal(*results, function.getResultTypes())) {
      print(llvm::outs(), value, type, precision);
      llvm::outs() << "\n";
    }
    if (failed(printVariables(interpreter)))
      return failure();
  }
  if (printsObservations)
    printObservations(interpreter);
  if (printsMargin)
    printSmallestMargin(interpreter);
  return success();
}

static LogicalResult runFunctions(ModuleOp module) {
  if (!functionName.empty()) {
    auto function = module.lookupSymbol<func::FuncOp>(functionName);
    return function ? runFunction(function, module) : fail("no function '" + functionName + "' in the module");
  }
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.getNumArguments() || function.isExternal())
      continue;
    llvm::outs() << "@" << function.getName() << ":\n";
    if (failed(runFunction(function, module)))
      return failure();
  }
  return success();
}

static LogicalResult reportChecks(ArrayRef<VariableCheck> checks) {
  int64_t numWrong = 0, numUnused = 0;
  double worst = 0;
  for (const VariableCheck &check : checks) {
    bool isRight = check.error <= tolerance;
    numUnused += check.isUnused;
    numWrong += !isRight && !check.isUnused;
    worst = std::max(worst, check.error); // passes over the NaN of what is not written
    llvm::outs() << (check.isUnused ? "unused "
                     : isRight      ? "ok "
                                    : "wrong ")
                 << check.name << " error " << llvm::format("%.2e", check.error) << " at element " << check.element
                 << ": gradient " << llvm::format("%.9g", check.gradient) << ", difference "
                 << llvm::format("%.9g", check.difference) << "\n";
  }
  llvm::outs() << "largest error " << llvm::format("%.2e", worst) << " over " << checks.size() << " variables, "
               << numWrong << " wrong, " << numUnused << " unused\n";
  return success(numWrong == 0);
}

/// NAME=VALUE of --scalar.
static LogicalResult readScalars(std::map<std::string, double> &scalars) {
  for (StringRef text : scalarTexts) {
    auto [name, value] = text.split('=');
    double number;
    if (name.empty() || value.getAsDouble(number))
      return fail("--scalar '" + text + "': expected NAME=VALUE with a number");
    scalars[name.str()] = number;
  }
  return success();
}

/// --gradcheck and --total: on random rows, with initial values even if no seed is named.
static LogicalResult runOnRandomRows(ModuleOp module) {
  Interpreter interpreter(module);
  if (!seed.getNumOccurrences())
    interpreter.initialise(seed);
  if (failed(prepareState(interpreter)))
    return failure();
  interpreter.setExact(isExact);
  GradCheckOptions options;
  if (failed(readScalars(options.scalars)))
    return failure();
  options.lossFunction = totalOf.empty() ? gradientLoss : totalOf;
  options.accumulateFunction = accumulateName;
  options.seed = seed;
  options.samplesPerVariable = numSamples;
  options.step = step;
  if (numLive >= 0)
    options.numLive = numLive;
  if (!totalOf.empty()) {
    FailureOr<double> total = totalLoss(interpreter, options);
    if (succeeded(total))
      llvm::outs() << llvm::format("%.*g", int(precision), *total) << "\n";
    if (succeeded(total) && printsMargin)
      printSmallestMargin(interpreter);
    return total;
  }
  FailureOr<std::vector<VariableCheck>> checks = checkGradients(interpreter, options);
  if (succeeded(checks) && printsMargin)
    printSmallestMargin(interpreter);
  return failed(checks) ? failure() : reportChecks(*checks);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "motley interpreter: levels 1 and 2 in float64\n");

  DialectRegistry registry;
  interp::registerDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(inputFile, sources, &context);
  if (!module)
    return EXIT_FAILURE;
  LogicalResult result = gradientLoss.empty() && totalOf.empty() ? runFunctions(*module) : runOnRandomRows(*module);
  return failed(result) ? EXIT_FAILURE : EXIT_SUCCESS;
}
