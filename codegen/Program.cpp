#include "codegen/Program.h"
#include "codegen/Steps.h"
#include "codegen/cpu/Kernels.h"
#include "mlir/IR/Verifier.h"

#include <atomic>
#include <numeric>
#include <thread>

namespace mlir::motley::codegen {

/// Runs `work` on every module, the largest first, so that no thread is left with a large one at the end.
static void inParallel(std::vector<MachineModule> &modules, llvm::function_ref<void(size_t)> work) {
  std::vector<size_t> order(modules.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](size_t a, size_t b) { return modules[a].size() > modules[b].size(); });
  std::atomic<size_t> next = 0;
  auto takeTurns = [&] {
    for (size_t i; (i = next.fetch_add(1)) < order.size();)
      work(order[i]);
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min<size_t>(order.size(), std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(takeTurns);
  takeTurns();
  for (std::thread &thread : threads)
    thread.join();
}

/// A nested module at the end of `root`.
static ModuleOp addPart(ModuleOp root, StringRef name) {
  OpBuilder builder = OpBuilder::atBlockEnd(root.getBody());
  return ModuleOp::create(builder, root.getLoc(), name);
}

/// Fills `scratchBytes`; every level must ask for the same. `symbols` are those of the target below, if there is one,
/// and become those of `target`: what the two have alike is not compiled again.
static LogicalResult buildKernels(ModuleOp module, ModuleOp part, const Target &target, const Target *below,
                                  SmallVectorImpl<int64_t> &scratchBytes, SmallVectorImpl<std::string> &symbols) {
  bool isFirst = scratchBytes.empty(), failedAny = false;
  for (auto [i, kernel] : llvm::enumerate(module.getOps<plan::KernelOp>())) {
    if (isFirst)
      symbols.emplace_back();
    if (below && below->cpu == target.cpu && !roundsToBf16(kernel))
      continue;
    symbols[i] = kernelSymbol(kernel, target);
    OpBuilder builder = OpBuilder::atBlockEnd(addPart(part, kernel.getSymName()).getBody());
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

FailureOr<Program> Program::build(ModuleOp module, ArrayRef<Target> targets, TimingScope &timing) {
  TimingScope whole = timing.nest("build kernels and steps");
  prepareContext(*module.getContext());
  Program program;
  program.targets.assign(targets.begin(), targets.end());
  program.level4 = ModuleOp::create(module.getLoc());
  ModuleOp root = program.root();

  SmallVector<int64_t> scratchBytes;
  KernelSymbols symbols(MOTLEY_NUM_LEVELS);
  SmallVector<std::string> names;
  const Target *below = nullptr;
  for (const Target &target : targets) {
    if (failed(buildKernels(module, addPart(root, target.name), target, below, scratchBytes, names)))
      return failure();
    for (int level = target.level; level < MOTLEY_NUM_LEVELS; ++level)
      symbols[level] = names;
    below = &target;
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

FailureOr<std::vector<MachineModule>> Program::compile(TimingScope &timing) {
  TimingScope lowering = timing.nest("lower to LLVM IR");
  if (failed(lowerToLLVMDialect(root(), lowering)))
    return failure();
  std::vector<MachineModule> modules;
  auto translate = [&](ModuleOp part, StringRef name, StringRef cpu, StringRef features,
                       llvm::CodeGenOptLevel level) -> LogicalResult {
    FailureOr<MachineModule> machine = MachineModule::translate(part, name, cpu, features, level);
    if (succeeded(machine))
      modules.push_back(std::move(*machine));
    return machine;
  };
  TimingScope translation = lowering.nest("translate");
  for (ModuleOp part : llvm::make_early_inc_range(root().getOps<ModuleOp>())) {
    const Target *target =
        llvm::find_if(targets, [&](const Target &candidate) { return candidate.name == part.getSymName(); });
    if (target == targets.end()) {
      // Step functions only store and call: they run on any x86-64, and nothing about them is worth the time that
      // optimising thousands of blocks takes.
      if (failed(translate(part, *part.getSymName(), "x86-64", "", llvm::CodeGenOptLevel::None)))
        return failure();
      continue;
    }
    for (ModuleOp kernel : part.getOps<ModuleOp>())
      if (failed(translate(kernel, (*kernel.getSymName() + "_" + target->name).str(), target->cpu, target->features,
                           llvm::CodeGenOptLevel::Aggressive)))
        return failure();
    part.erase();
  }
  level4 = nullptr;
  translation.stop();
  lowering.stop();
  TimingScope optimisation = timing.nest("optimise LLVM IR");
  inParallel(modules, [&](size_t i) {
    TimingScope one = optimisation.nest(modules[i].name());
    modules[i].optimise();
  });
  return std::move(modules);
}

llvm::Expected<std::vector<llvm::SmallString<0>>> compileAll(std::vector<MachineModule> &modules,
                                                             llvm::CodeGenFileType type, TimingScope &timing) {
  TimingScope whole = timing.nest("write machine code");
  std::vector<llvm::SmallString<0>> files(modules.size());
  std::vector<std::string> errors(modules.size());
  inParallel(modules, [&](size_t i) {
    TimingScope one = whole.nest(modules[i].name());
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
