// What belongs to a kernel: the functions that it calls, the table of those that it may call by address, and the local
// memory that the longest chain of calls needs.
#include "translate/Emitter.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Verifier.h"

namespace ptxsim::jit {

/// Room in the function table for definitions that the module itself does not declare.
constexpr size_t kForeignFunctions = 256;
/// How often a function of a recursive chain gets its frame of local memory.
constexpr uint64_t kRecursionDepth = 16;
/// What a chip gives to a thread (CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability").
constexpr uint64_t kMostLocalBytes = 512 << 10;
/// Instructions of a program; it takes some ten seconds per 500,000, and each function as long as 50 of them.
constexpr uint64_t kMostInstructions = 1'000'000, kFunctionCost = 50;
/// For what a function takes by alloca.
constexpr uint64_t kAllocaBytes = 16 << 10;

ProgramEmitter::ProgramEmitter(llvm::Module &code, const ptx::Module &module, const SymbolAddresses &symbols,
                               const TranslateOptions &options, Translation &translation,
                               std::vector<TableEntry> &table)
    : llvm(code), module(module), symbols(symbols), options(options), translation(translation), table(table) {
  table.resize(module.functions.size() + kForeignFunctions);
  for (const auto &function : module.functions) {
    uint32_t index = indices.size();
    indices[function.get()] = index;
    indexByName[function->name] = index;
  }
}

const ptx::Function *ProgramEmitter::definition(const ptx::Function &function) const {
  if (function.hasBody)
    return &function;
  auto found = symbols.functions.find(function.name);
  if (found != symbols.functions.end() && found->second && found->second->hasBody)
    return found->second;
  const ptx::Function *here = module.find(function.name);
  return here && here->hasBody ? here : nullptr;
}

llvm::Function *ProgramEmitter::code(const ptx::Function &definition) {
  llvm::Function *&result = functions[&definition];
  if (!result) {
    llvm::Type *address = llvm::PointerType::get(llvm.getContext(), 0);
    auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(llvm.getContext()), {address, address, address}, false);
    std::string &name = names[&definition];
    name = "f" + std::to_string(functions.size());
    result = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, llvm);
    result->addFnAttr(llvm::Attribute::NoUnwind);
    result->addFnAttr(llvm::Attribute::NoInline);
    pending.push_back(&definition);
  }
  return result;
}

uint32_t ProgramEmitter::indexOf(const ptx::Function &function) {
  if (auto found = indices.find(&function); found != indices.end())
    return found->second;
  if (auto found = indexByName.find(function.name); found != indexByName.end())
    return found->second;
  uint32_t index = module.functions.size() + foreign;
  if (foreign + 1 == kForeignFunctions)
    throw ptx::Error(function.position, "the addresses of more than " + std::to_string(kForeignFunctions) +
                                            " functions of other programs are taken");
  ++foreign;
  return indices[&function] = index;
}

uint64_t ProgramEmitter::handle(const ptx::Function &function) {
  if (taken.insert(&function).second)
    addressTaken.push_back(&function);
  return kFunctionWindow + 16 * uint64_t(indexOf(function));
}

Site &ProgramEmitter::newSite(const ptx::Function &function, const ptx::Instruction &instruction) {
  auto site = std::make_unique<Site>();
  site->instruction = &instruction;
  site->function = &function;
  site->module = &module;
  site->id = translation.sites.size();
  translation.sites.push_back(std::move(site));
  return *translation.sites.back();
}

uint64_t ProgramEmitter::resultOffset(const ptx::Function &function, const ptx::Variable *wanted) {
  uint64_t end = 0;
  for (const auto &result : function.results) {
    uint64_t start = llvm::alignTo(end, std::max(1u, result->alignment));
    if (result.get() == wanted)
      return start;
    end = start + result->bytes;
  }
  return end;
}

uint64_t ProgramEmitter::signature(const ptx::Function &function) {
  return function.parameterBytes() << 32 | resultOffset(function, nullptr); // both are below 2^31
}

void ProgramEmitter::addAddressTaken() {
  if (!indirectCalls)
    return;
  if (!sawInitialisers) {
    sawInitialisers = true;
    for (const auto &variable : module.variables)
      for (const auto &relocation : variable->relocations)
        if (const ptx::Function *named = module.find(relocation.symbol))
          handle(*named);
  }
  for (; numAdded < addressTaken.size(); ++numAdded)
    if (const ptx::Function *body = definition(*addressTaken[numAdded]); body && !body->isEntry)
      code(*body);
}

void ProgramEmitter::run(const ptx::Function &kernel) {
  llvm::Function *body = code(kernel);
  uint64_t size = 0;
  while (!pending.empty()) {
    const ptx::Function *next = pending.front();
    pending.pop_front();
    size += next->body.size() + kFunctionCost;
    if (size > kMostInstructions)
      throw ptx::Error(kernel.position, "'" + kernel.name + "' and what it calls have more than " +
                                            std::to_string(kMostInstructions) +
                                            " instructions (a function counts as 50), which ptxsim does not translate");
    FunctionEmitter emitter(*this, *next, functions.lookup(next));
    emitter.run();
    frames[next] = emitter.frameBytes + (emitter.usesAlloca ? kAllocaBytes : 0);
    if (pending.empty())
      addAddressTaken();
  }
  uint64_t chain = frames.lookup(&kernel), needed = localBytes(kernel);
  for (const auto &[function, bytes] : frames)
    chain = std::max<uint64_t>(chain, bytes);
  if (chain > kMostLocalBytes)
    throw ptx::Error(kernel.position, "'" + kernel.name + "': a frame of " + std::to_string(chain) +
                                          " bytes of local memory, expected at most " +
                                          std::to_string(kMostLocalBytes) + " for a thread");
  translation.localBytes = std::min(needed, kMostLocalBytes);

  llvm::IRBuilder<> b(llvm.getContext());
  llvm::Type *address = b.getPtrTy();
  auto *entry = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {address}, false),
                                       llvm::GlobalValue::ExternalLinkage, "entry", llvm);
  entry->addFnAttr(llvm::Attribute::NoUnwind);
  b.SetInsertPoint(llvm::BasicBlock::Create(llvm.getContext(), "", entry));
  llvm::Value *parameters = b.CreateLoad(
      address, b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), entry->getArg(0), offsetof(Thread, parameters)));
  b.CreateCall(body, {entry->getArg(0), parameters, llvm::Constant::getNullValue(address)})->setTailCall();
  b.CreateRetVoid();
}

/// Bytes of local memory for the longest chain of calls. Chains that come back to a function are given room for
/// kRecursionDepth rounds of all functions.
uint64_t ProgramEmitter::localBytes(const ptx::Function &kernel) {
  llvm::DenseMap<const ptx::Function *, uint64_t> longest;
  llvm::SmallPtrSet<const ptx::Function *, 16> open;
  bool recursive = false;
  // Depth is bounded by the number of functions; a module may have thousands, so the walk keeps its own stack.
  struct Step {
    const ptx::Function *function;
    size_t next;
    uint64_t below;
  };
  std::vector<Step> walk{{&kernel, 0, 0}};
  open.insert(&kernel);
  while (!walk.empty()) {
    Step &step = walk.back();
    auto &callees = calls[step.function];
    if (step.next < callees.size()) {
      const ptx::Function *callee = callees[step.next++];
      if (open.contains(callee)) {
        recursive = true;
      } else if (auto found = longest.find(callee); found != longest.end()) {
        step.below = std::max(step.below, found->second);
      } else {
        open.insert(callee);
        walk.push_back({callee, 0, 0});
      }
      continue;
    }
    uint64_t all = llvm::alignTo(frames.lookup(step.function), kLocalFrameAlignment) + step.below;
    longest[step.function] = all;
    open.erase(step.function);
    walk.pop_back();
    if (!walk.empty())
      walk.back().below = std::max(walk.back().below, all);
  }
  uint64_t sum = 0;
  for (const auto &[function, bytes] : frames)
    sum += llvm::alignTo(bytes, kLocalFrameAlignment);
  return recursive || indirectCalls ? sum * kRecursionDepth : longest[&kernel];
}

void ProgramEmitter::fillTable(llvm::function_ref<void *(llvm::StringRef)> lookup) {
  if (!indirectCalls)
    return;
  for (const ptx::Function *function : addressTaken)
    if (const ptx::Function *body = definition(*function); body && names.count(body)) {
      TableEntry &entry = table[indexOf(*function)];
      entry.signature = signature(*body);
      entry.code = reinterpret_cast<TableEntry::Code>(lookup(names.lookup(body)));
    }
}

} // namespace ptxsim::jit
