// motleyc: compiles a module of the motley dialect into the artefact that the runtime loads, or prints any level on the
// way.
#include "codegen/Codegen.h"
#include "dialect/Settings.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "passes/Pipelines.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using llvm::errs;

static const char usage[] = R"(usage: motleyc [options] FILE.mlir
  --emit LEVEL      what to write: motley, grouped, plan (MLIR), kernel (MLIR of the kernels), llvm, asm, obj, or so (default)
  --from LEVEL      what FILE.mlir holds: motley (default), grouped or plan
  --target cpu      what to compile for
  -o FILE           where to; "-" is standard output. Default: "-" for text, else FILE.so or FILE.o
  --memory BYTES    what the activations of a step may take; the rest is computed again in the backward
  --reproducer FILE where a pass that fails leaves its input and its pipeline, for motley-opt
  --locations       print locations in motley, grouped and plan
  --timing          print how long each stage took, passes and kernels apart, to standard error
  --help
FILE.mlir may be "-", standard input.
)";

namespace {

struct Options {
  std::string input, output, emit = "so", from = "motley", reproducer;
  bool locations = false, timing = false;
  uint64_t memory = 0;
};

/// Levels of MLIR that the tool prints itself, in order; every later one is code generation's.
constexpr StringRef kLevels[] = {"motley", "grouped", "plan"};

int levelOf(StringRef name) {
  const StringRef *found = llvm::find(kLevels, name);
  return found == std::end(kLevels) ? -1 : found - kLevels;
}

/// Reads `--name value` and `--name=value`.
class Arguments {
public:
  Arguments(int argc, char **argv) : rest(argv + 1, argc - 1) {}

  /// Fills `options`, or says what is wrong.
  LogicalResult parse(Options &options) {
    while (!rest.empty()) {
      auto [name, given] = next().split('=');
      hasValue = name.size() < current.size();
      value = given;
      if (failed(parseOne(name, options)))
        return failure();
    }
    return check(options);
  }

private:
  StringRef next() {
    current = rest.front();
    rest = rest.drop_front();
    return current;
  }

  LogicalResult take(StringRef name, std::string &into) {
    if (!hasValue && rest.empty())
      return fail() << name << " needs a value\n", failure();
    into = (hasValue ? value : next()).str();
    return success();
  }

  LogicalResult parseOne(StringRef name, Options &options) {
    if (!name.starts_with("-") || name == "-") {
      if (!options.input.empty())
        return fail() << "one file at a time, got " << options.input << " and " << current << "\n", failure();
      options.input = current.str();
      return success();
    }
    std::string target, memory;
    if (name == "--emit")
      return take(name, options.emit);
    if (name == "--from")
      return take(name, options.from);
    if (name == "-o" || name == "--output")
      return take(name, options.output);
    if (name == "--reproducer")
      return take(name, options.reproducer);
    if (name == "--target") {
      if (failed(take(name, target)))
        return failure();
      return target == "cpu" ? success() : (fail() << "unknown target '" << target << "', expected cpu\n", failure());
    }
    if (name == "--memory") {
      if (failed(take(name, memory)))
        return failure();
      if (StringRef(memory).getAsInteger(10, options.memory) || options.memory == 0)
        return fail() << "--memory is '" << memory << "', expected a number of bytes above 0\n", failure();
      return success();
    }
    if (name == "--locations") {
      options.locations = true;
      return success();
    }
    if (name == "--timing") {
      options.timing = true;
      return success();
    }
    if (name == "--help" || name == "-h") {
      llvm::outs() << usage;
      exit(0);
    }
    return fail() << "unknown option " << current << "; motleyc --help lists them\n", failure();
  }

  LogicalResult check(Options &options) {
    if (options.input.empty())
      return fail() << "no file to compile; motleyc --help says how\n", failure();
    if (levelOf(options.emit) < 0 && !motley::codegen::parseEmitKind(options.emit))
      return fail() << "cannot emit '" << options.emit
                    << "', expected motley, grouped, plan, kernel, llvm, asm, obj or so\n",
             failure();
    if (levelOf(options.from) < 0)
      return fail() << "cannot start from '" << options.from << "', expected motley, grouped or plan\n", failure();
    if (levelOf(options.emit) >= 0 && levelOf(options.emit) < levelOf(options.from))
      return fail() << "cannot emit " << options.emit << " from " << options.from << ", which is later\n", failure();
    if (options.memory != 0 && (options.from != "motley" || options.emit == "motley"))
      return fail() << "--memory is for what is made of the motley level, got --from " << options.from << " --emit "
                    << options.emit << "\n",
             failure();
    if (!options.output.empty())
      return success();
    bool isBinary = options.emit == "so" || options.emit == "obj";
    if (isBinary && options.input == "-")
      return fail() << "-o FILE is needed for " << options.emit << " from standard input\n", failure();
    SmallString<128> beside(options.input);
    llvm::sys::path::replace_extension(beside, options.emit == "so" ? "so" : "o");
    options.output = isBinary ? beside.str().str() : "-";
    return success();
  }

  raw_ostream &fail() { return errs() << "motleyc: error: "; }

  ArrayRef<char *> rest;
  StringRef current, value;
  bool hasValue = false;
};

/// Runs the pipelines between the level that the module is at and the one that is asked for.
LogicalResult lower(ModuleOp module, const Options &options, TimingScope timing) {
  int target = levelOf(options.emit) < 0 ? 2 : levelOf(options.emit);
  PassManager manager(module->getContext());
  manager.enableTiming(timing);
  if (!options.reproducer.empty())
    manager.enableCrashReproducerGeneration(options.reproducer);
  int from = levelOf(options.from);
  if (from < 1 && target >= 1) {
    motley::GroupedOptions grouped;
    grouped.memory = options.memory;
    motley::buildModelToGrouped(manager, grouped);
  }
  if (from < 2 && target >= 2)
    motley::buildGroupedToPlan(manager);
  return manager.run(module);
}

LogicalResult print(ModuleOp module, const Options &options) {
  OpPrintingFlags flags;
  if (options.locations)
    flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
  auto write = [&](raw_ostream &os) -> llvm::Error {
    module->print(os, flags);
    os << '\n';
    return llvm::Error::success();
  };
  llvm::Error error = llvm::writeToOutput(options.output, write);
  if (!error)
    return success();
  errs() << "motleyc: error: cannot write " << options.output << ": " << llvm::toString(std::move(error)) << '\n';
  return failure();
}

LogicalResult compile(const Options &options) {
  DefaultTimingManager timers; // prints what it knows when it goes
  timers.setEnabled(options.timing);
  TimingScope whole = timers.getRootScope(), parsing = whole.nest("parse");
  DialectRegistry registry;
  motley::registerDialects(registry);
  MLIRContext context(registry);
  // A message shows the user's line, not ours.
  context.printOpOnDiagnostic(false);
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(options.input, &error);
  if (!file)
    return errs() << "motleyc: error: " << error << '\n', failure();
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(file), SMLoc());
  SourceMgrDiagnosticHandler handler(*sources, &context, errs());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  parsing.stop();
  // Lower levels carry it on, so that an artefact is the same by whatever steps it was made.
  if (module && options.from == "motley" && options.emit != "motley")
    motley::recordDigest(*module);
  if (!module || failed(lower(*module, options, whole.nest("passes"))))
    return failure();
  if (levelOf(options.emit) >= 0)
    return print(*module, options);
  return motley::codegen::emitArtifact(*module, *motley::codegen::parseEmitKind(options.emit), options.output,
                                       whole.nest("code generation"));
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (failed(Arguments(argc, argv).parse(options)))
    return 1;
  return failed(compile(options));
}
