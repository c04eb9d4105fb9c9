#include "codegen/Program.h"
#include "codegen/Steps.h"
#include "codegen/cpu/Kernels.h"
#include "mlir/IR/Verifier.h"

#include <thread>

namespace mlir::motley::codegen {

/// Runs `work` on every index, each on its own thread.
static void inParallel(size_t count, llvm::function_ref<void(size_t)> work) {
  std::vector<std::thread> threads;
  for (size_t i = 1; i < count; ++i)
    threads.emplace_back([=] { work(i); });
  if (count > 0)
    work(0);
  for (std::thread &thread : threads)
    thread.join();
}

/// A nested module at the end of `root`.
static ModuleOp addPart(ModuleOp root, StringRef name) {
  OpBuilder builder = OpBuilder::atBlockEnd(root.getBody());
  return ModuleOp::create(builder, root.getLoc(), name);
}

/// Fills `scratchBytes`; every level must ask for the same.
static LogicalResult buildKernels(ModuleOp module, ModuleOp part, const Target &target,
                                  SmallVectorImpl<int64_t> &scratchBytes) {
  bool isFirst = scratchBytes.empty(), failedAny = false;
  for (auto [i, kernel] : llvm::enumerate(module.getOps<plan::KernelOp>())) {
    OpBuilder builder = OpBuilder::atBlockEnd(part.getBody());
    FailureOr<int64_t> bytes = emitKernel(kernel, builder, target);
    if (failed(bytes)) {
      failedAny = true; // report every kernel's error
      bytes = 0;
    }
    if (isFirst)
      scratchBytes.push_back(*bytes);
    if (scratchBytes[i] != *bytes)
      return kernel.emitOpError() << "needs " << *bytes << " bytes of scratch for " << target.name << " but "
                                  << scratchBytes[i] << " for a lower level";
  }
  return failure(failedAny);
}

FailureOr<Program> Program::build(ModuleOp module, ArrayRef<Target> targets) {
  prepareContext(*module.getContext());
  Program program;
  program.targets.assign(targets.begin(), targets.end());
  program.level4 = ModuleOp::create(module.getLoc());
  ModuleOp root = program.root();

  SmallVector<int64_t> scratchBytes;
  KernelSymbols symbols(MOTLEY_NUM_LEVELS);
  for (const Target &target : targets) {
    if (failed(buildKernels(module, addPart(root, target.name), target, scratchBytes)))
      return failure();
    for (int level = target.level; level < MOTLEY_NUM_LEVELS; ++level) {
      symbols[level].clear();
      for (auto kernel : module.getOps<plan::KernelOp>())
        symbols[level].push_back(kernelSymbol(kernel, target));
    }
  }
  for (int level = targets.front().level - 1; level >= 0; --level)
    symbols[level] = symbols[level + 1];

  SmallVector<StepSignature> steps;
  for (auto step : module.getOps<plan::StepOp>())
    steps.push_back(StepSignature::of(step));
  FailureOr<std::string> manifest = makeManifest(module, steps, scratchBytes);
  if (failed(manifest) || failed(emitSteps(module, steps, symbols, *manifest, addPart(root, "host"))))
    return failure();
  if (failed(verify(root)))
    return module.emitError("code generation made a module that does not verify");
  return std::move(program);
}

FailureOr<std::vector<MachineModule>> Program::compile() {
  std::vector<MachineModule> modules;
  for (ModuleOp part : llvm::make_early_inc_range(root().getOps<ModuleOp>())) {
    if (failed(lowerToLLVMDialect(part)))
      return failure();
    const Target *target =
        llvm::find_if(targets, [&](const Target &candidate) { return candidate.name == part.getSymName(); });
    // Step functions only store and call: they run on any x86-64.
    StringRef cpu = target == targets.end() ? "x86-64" : target->cpu;
    auto machine = MachineModule::translate(part, *part.getSymName(), cpu);
    if (failed(machine))
      return failure();
    modules.push_back(std::move(*machine));
    part.erase();
  }
  inParallel(modules.size(), [&](size_t i) { modules[i].optimise(); });
  return std::move(modules);
}

llvm::Expected<std::vector<llvm::SmallString<0>>> compileAll(std::vector<MachineModule> &modules,
                                                             llvm::CodeGenFileType type) {
  std::vector<llvm::SmallString<0>> files(modules.size());
  std::vector<std::string> errors(modules.size());
  inParallel(modules.size(), [&](size_t i) {
    if (auto file = modules[i].compile(type))
      files[i] = std::move(*file);
    else
      errors[i] = llvm::toString(file.takeError());
  });
  for (const std::string &error : errors)
    if (!error.empty())
      return llvm::createStringError(error);
  return files;
}

} // namespace mlir::motley::codegen
