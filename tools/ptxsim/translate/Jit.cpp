// Entry of the translator: emits IR, runs a short pipeline over it, and has ORC compile it in memory.
#include "translate/Emitter.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/PassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

#include <mutex>

namespace ptxsim {

namespace {

/// Hears how large the frames of functions are.
struct FrameSizes : llvm::DiagnosticHandler {
  explicit FrameSizes(std::map<std::string, uint64_t> &sizes) : sizes(sizes) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (const auto *frame = llvm::dyn_cast<llvm::DiagnosticInfoStackSize>(&info))
      sizes[frame->getFunction().getName().str()] = frame->getResourceSize();
    return true;
  }
  std::map<std::string, uint64_t> &sizes;
};

class JitTranslation : public Translation {
public:
  std::map<std::string, uint64_t> frameSizes;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::vector<jit::TableEntry> functionTable;
};

template <class T> T check(llvm::Expected<T> value) {
  if (!value)
    throw std::runtime_error("code generation failed: " + llvm::toString(value.takeError()));
  return std::move(*value);
}

void check(llvm::Error error) {
  if (error)
    throw std::runtime_error("code generation failed: " + llvm::toString(std::move(error)));
}

/// What this host can run. Detected once: it reads the processor's description.
llvm::orc::JITTargetMachineBuilder hostMachine() {
  static const llvm::orc::JITTargetMachineBuilder builder = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    auto host = check(llvm::orc::JITTargetMachineBuilder::detectHost());
    host.setCodeGenOptLevel(llvm::CodeGenOptLevel::Less);
    return host;
  }();
  return builder;
}

bool hasHalfConversions(const llvm::TargetMachine &machine) {
  return machine.getTargetTriple().isAArch64() || machine.getTargetFeatureString().contains("+f16c");
}

/// How many blocks all values live through, in the order of the text, as far as their uses tell.
uint64_t blocksLivedThrough(const llvm::Module &code) {
  // Some passes look at all uses of a value for each of them: the square of their number costs time as well.
  constexpr uint64_t kUsesSquared = 40;
  uint64_t sum = 0;
  for (const llvm::Function &function : code) {
    for (const llvm::Argument &argument : function.args())
      sum += uint64_t(argument.getNumUses()) * argument.getNumUses() / kUsesSquared;
    llvm::DenseMap<const llvm::BasicBlock *, uint64_t> indices;
    for (const llvm::BasicBlock &block : function)
      indices.insert({&block, indices.size()});
    for (const llvm::BasicBlock &block : function)
      for (const llvm::Instruction &instruction : block) {
        uint64_t first = indices.lookup(&block), last = first;
        for (const llvm::User *user : instruction.users())
          if (auto *use = llvm::dyn_cast<llvm::Instruction>(user)) {
            uint64_t index = indices.lookup(use->getParent());
            first = std::min(first, index);
            last = std::max(last, index);
          }
        sum += last - first;
        uint64_t uses = instruction.getNumUses();
        sum += uses * uses / kUsesSquared;
      }
  }
  return sum;
}

/// The register allocator takes time with the square of long live ranges: about a second per kMostBlocksLivedThrough.
/// Programs beyond it are compiled without optimisation, which takes linear time. The largest kernels of template
/// libraries stay below.
constexpr uint64_t kMostBlocksLivedThrough = 1'000'000;

void optimise(llvm::Module &code, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::PreserveCFG));
  auto run = [&] {
    for (llvm::Function &function : code)
      if (!function.isDeclaration())
        passes.run(function, functions);
  };
  run();
  // These take time with the square of the number of uses; kernels far beyond any that is written get none of them.
  if (blocksLivedThrough(code) > 20 * kMostBlocksLivedThrough)
    return;
  passes = llvm::FunctionPassManager();
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/false));
  passes.addPass(llvm::SimplifyCFGPass());
  run();
}

/// A function tests the stack when its frame already stands, and its callee's frame must stand as well before that one
/// can test: two of the largest, and what handlers take.
void needStack(JitTranslation &translation, const ptx::Function &kernel, const std::string &kernelCode) {
  constexpr uint64_t kHandlers = 48 << 10, kMost = 64 << 20, kDepth = 4;
  uint64_t largest = 0, own = 0;
  for (const auto &[name, bytes] : translation.frameSizes)
    if (name == kernelCode)
      own = bytes;
    else
      largest = std::max(largest, bytes);
  if (own > kMost || largest > kMost)
    throw ptx::Error(kernel.position, "'" + kernel.name + "': a function of the program needs " +
                                          std::to_string(std::max(own, largest)) +
                                          " bytes of stack for its registers and arguments, expected at most " +
                                          std::to_string(kMost));
  translation.stackReserve = 2 * largest + kHandlers;
  translation.stackBytes = own + kDepth * largest + translation.stackReserve;
}

} // namespace

std::unique_ptr<Translation> translate(const ptx::Module &module, const ptx::Function &kernel,
                                       const SymbolAddresses &symbols, const TranslateOptions &options) {
  // LLVM's contexts are separate, but the engine's binders and the statistics of sites need no locks this way.
  static std::mutex oneAtATime;
  std::lock_guard lock(oneAtATime);

  auto translation = std::make_unique<JitTranslation>();
  translation->kernel = kernel.name;
  auto builder = hostMachine();
  auto machine = check(builder.createTargetMachine());
  auto context = std::make_unique<llvm::LLVMContext>();
  context->setDiagnosticHandler(std::make_unique<FrameSizes>(translation->frameSizes));
  auto code = std::make_unique<llvm::Module>("ptxsim", *context);
  code->setDataLayout(machine->createDataLayout());
  code->setTargetTriple(builder.getTargetTriple());

  jit::ProgramEmitter emitter(*code, module, symbols, options, *translation, translation->functionTable);
  emitter.hostHasHalf = hasHalfConversions(*machine);
  emitter.run(kernel);
  std::string broken;
  llvm::raw_string_ostream out(broken);
  if (llvm::verifyModule(*code, &out))
    throw std::runtime_error("code generation failed: " + broken);
  optimise(*code, *machine);
  if (blocksLivedThrough(*code) > kMostBlocksLivedThrough)
    builder.setCodeGenOptLevel(llvm::CodeGenOptLevel::None);

  translation->jit = check(llvm::orc::LLJITBuilder()
                               .setJITTargetMachineBuilder(builder)
                               .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                               .create());
  check(translation->jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(code), std::move(context))));
  auto lookup = [&](llvm::StringRef name) { return check(translation->jit->lookup(name)).toPtr<void *>(); };
  translation->entry = reinterpret_cast<EntryPoint>(lookup("entry"));
  emitter.fillTable(lookup);
  needStack(*translation, kernel, emitter.codeName(kernel));
  return translation;
}

} // namespace ptxsim
