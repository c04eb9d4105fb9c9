#include "compiler.h"

#include "codegen/Codegen.h"
#include "codegen/cpu/Target.h"
#include "dialect/Settings.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines.h"
#include "runtime/env.h"

#include <cstdlib>

using namespace mlir;

namespace motley::python {

namespace {

/// Verifies after every pass, in place of the pass manager, so that a program that a pass broke is told from one that
/// it refused.
class VerifyAfterPass : public PassInstrumentation {
public:
  explicit VerifyAfterPass(std::string &brokenPass) : brokenPass(brokenPass) {}
  void runAfterPass(Pass *pass, Operation *operation) override {
    if (brokenPass.empty() && failed(verify(operation)))
      brokenPass = pass->getArgument().str();
  }

private:
  std::string &brokenPass;
};

/// One compilation: its context, its module, and what was said about it.
class Compilation {
public:
  Compilation() : context(registry(), MLIRContext::Threading::DISABLED) {
    context.printOpOnDiagnostic(false);
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &one) { record(one); });
  }

  void parse(const std::string &text, const std::string &name) {
    module = parseSourceString<ModuleOp>(text, ParserConfig(&context), name);
    if (!module)
      fail();
  }

  void lower(void (*build)(OpPassManager &)) {
    PassManager manager(&context);
    manager.enableVerifier(false);
    manager.addInstrumentation(std::make_unique<VerifyAfterPass>(failure.brokenPass));
    build(manager);
    if (failed(manager.run(*module)) || !failure.brokenPass.empty())
      fail();
  }

  std::string print() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    stream << "\n";
    return text;
  }

  [[noreturn]] void fail() { throw failure; }

  ModuleOp get() { return *module; }
  CompileFailure failure;

private:
  static const DialectRegistry &registry() {
    static const DialectRegistry dialects = [] {
      DialectRegistry made;
      mlir::motley::registerDialects(made);
      return made;
    }();
    return dialects;
  }

  void record(mlir::Diagnostic &one) {
    static const char *const severities[] = {"note", "warning", "error", "remark"};
    Diagnostic found;
    found.severity = severities[static_cast<int>(one.getSeverity())];
    found.message = one.str();
    if (auto location = one.getLocation()->findInstanceOf<FileLineColLoc>()) {
      found.file = location.getFilename().str();
      found.line = location.getLine();
      found.column = location.getColumn();
    }
    failure.diagnostics.push_back(std::move(found));
    for (mlir::Diagnostic &note : one.getNotes())
      record(note);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

} // namespace

static void buildModelToGrouped(OpPassManager &manager) { mlir::motley::buildModelToGrouped(manager); }

static void lowerToPlan(Compilation &compilation) {
  compilation.lower(buildModelToGrouped);
  compilation.lower(mlir::motley::buildGroupedToPlan);
}

std::string compile(const std::string &text, const std::string &name, const std::string &emit,
                    const std::string &path) {
  Compilation compilation;
  compilation.parse(text, name);
  if (emit == "motley")
    return compilation.print();
  bool isText = emit == "grouped" || emit == "plan";
  if (!isText)
    mlir::motley::recordDigest(compilation.get());
  compilation.lower(buildModelToGrouped);
  if (emit == "grouped")
    return compilation.print();
  compilation.lower(mlir::motley::buildGroupedToPlan);
  if (emit == "plan")
    return compilation.print();
  std::optional<mlir::motley::codegen::EmitKind> kind = mlir::motley::codegen::parseEmitKind(emit);
  if (!kind || failed(mlir::motley::codegen::emitArtifact(compilation.get(), *kind, path)))
    compilation.fail();
  return {};
}

// By default the level that the runtime will choose for the table. It refuses the values that are none.
static int levelOf(std::string level) {
  const char *wanted = std::getenv(::motley::runtime::env::level.name);
  if (level.empty() && wanted)
    level = wanted;
  for (const mlir::motley::codegen::Target &target : mlir::motley::codegen::kTargets)
    if (target.name == level)
      return target.level;
  return mlir::motley::codegen::hostLevel();
}

Jitted jit(const std::string &text, const std::string &name, const std::string &level) {
  Compilation compilation;
  compilation.parse(text, name);
  mlir::motley::recordDigest(compilation.get());
  lowerToPlan(compilation);
  auto compiled = mlir::motley::codegen::jit(compilation.get(), levelOf(level));
  if (!compiled) {
    std::string message = llvm::toString(compiled.takeError());
    if (compilation.failure.diagnostics.empty())
      compilation.failure.diagnostics.push_back({"error", message, "", 0, 0});
    compilation.fail();
  }
  Jitted result;
  result.table = (*compiled)->table();
  result.owner = std::shared_ptr<mlir::motley::codegen::JitModule>(std::move(*compiled));
  return result;
}

} // namespace motley::python
