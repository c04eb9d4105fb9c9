#include "codegen/Lowering.h"
#include "dialect/Plan.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::motley::codegen {

void prepareContext(MLIRContext &context) {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, plan::PlanDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}

namespace {

/// math operations that are one instruction, or a handful, on x86-64.
bool isInstruction(Operation *op) {
  return isa<math::FmaOp, math::SqrtOp, math::RsqrtOp, math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp,
             math::RoundEvenOp, math::TruncOp, math::CopySignOp, math::CountLeadingZerosOp, math::CountTrailingZerosOp,
             math::CtPopOp>(op);
}

struct ApproximateMath : PassWrapper<ApproximateMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ApproximateMath)
  StringRef getArgument() const override { return "motley-approximate-math"; }
  void runOnOperation() override {
    auto isCall = [](Operation *op) { return isa<math::MathDialect>(op->getDialect()) && !isInstruction(op); };
    WalkResult found = getOperation().walk(
        [&](Operation *op) { return isCall(op) ? WalkResult::interrupt() : WalkResult::advance(); });
    if (!found.wasInterrupted())
      return;
    RewritePatternSet patterns(&getContext());
    auto isFunction = [](StringRef name) { return name != "math.sqrt" && name != "math.rsqrt" && name != "math.fma"; };
    populateMathPolynomialApproximationPatterns(patterns, isFunction);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation().walk([&](Operation *op) {
      if (!isCall(op))
        return;
      op->emitOpError("has no polynomial on ")
          << op->getResult(0).getType() << "; a kernel must not call the C library";
      signalPassFailure();
    });
  }
};

} // namespace

LogicalResult lowerToLLVMDialect(ModuleOp root, TimingScope &timing) {
  PassManager manager(root.getContext());
  manager.enableTiming(timing);
  OpPassManager &pm = manager.nest<ModuleOp>().nest<ModuleOp>();
  pm.addPass(std::make_unique<ApproximateMath>());
  pm.addPass(createCSEPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return manager.run(root);
}

static LogicalResult initialiseTarget() {
  static const bool failedOnce = llvm::InitializeNativeTarget() || llvm::InitializeNativeTargetAsmPrinter() ||
                                 llvm::InitializeNativeTargetAsmParser();
  return failure(failedOnce);
}

FailureOr<MachineModule> MachineModule::translate(ModuleOp op, StringRef name, StringRef cpu, StringRef features,
                                                  llvm::CodeGenOptLevel level) {
  if (failed(initialiseTarget()))
    return op.emitError("this build of LLVM has no code generator for its own machine");
  MachineModule result;
  result.context = std::make_unique<llvm::LLVMContext>();
  result.module = translateModuleToLLVMIR(op, *result.context, name);
  if (!result.module)
    return op.emitError("module '") << name << "' cannot be translated to LLVM IR";
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return op.emitError("LLVM cannot generate code for ") << triple.str() << ": " << error;
  llvm::TargetOptions options;
  result.machine.reset(
      target->createTargetMachine(triple, cpu, features, options, llvm::Reloc::PIC_, std::nullopt, level));
  result.module->setTargetTriple(triple);
  result.module->setDataLayout(result.machine->createDataLayout());
  result.module->setPICLevel(llvm::PICLevel::BigPIC);
  for (llvm::Function &function : *result.module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", cpu);
    if (!features.empty())
      function.addFnAttr("target-features", features);
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  return std::move(result);
}

void MachineModule::optimise() {
  if (machine->getOptLevel() != llvm::CodeGenOptLevel::Aggressive)
    return;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  functions.registerPass([&] { return machine->getTargetIRAnalysis(); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(*module, modules);
}

std::string MachineModule::printIR() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, nullptr);
  return text;
}

llvm::Expected<llvm::SmallString<0>> MachineModule::compile(llvm::CodeGenFileType type) {
  llvm::SmallString<0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError("LLVM cannot write this kind of file for " + module->getTargetTriple().str());
  passes.run(*module);
  return code;
}

} // namespace mlir::motley::codegen
