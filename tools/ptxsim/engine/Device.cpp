#include "engine/Device.h"

#include "engine/DeviceState.h"

#include <stdexcept>

namespace ptxsim {

// CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability"; the numbers of multiprocessors
// and the memory are those of the A100 80 GB and H100 80 GB SXM data sheets.
static constexpr Architecture kArchitectures[] = {
    {"sm_80", "A100", 8, 0, 108, 48 << 10, 163 << 10, 164 << 10, 2048, 32, 64 << 10, 1, 80ull << 30},
    {"sm_90a", "H100", 9, 0, 132, 48 << 10, 227 << 10, 228 << 10, 2048, 32, 64 << 10, 16, 80ull << 30},
};

const Architecture &architecture(llvm::StringRef name) {
  for (const Architecture &known : kArchitectures)
    if (name == known.name || name.equals_insensitive(known.product))
      return known;
  if (name == "sm_90")
    return kArchitectures[1];
  throw std::invalid_argument("unknown architecture '" + name.str() + "', expected sm_80, sm_90, sm_90a, A100 or H100");
}

Device::Device(const Architecture &architecture) : implementation(std::make_unique<Implementation>()) {
  implementation->architecture = &architecture;
  implementation->memory = std::make_shared<Memory>(architecture.globalBytes);
}
Device::~Device() = default;

const Architecture &Device::architecture() const { return *implementation->architecture; }
Memory &Device::memory() { return *implementation->memory; }

std::unique_ptr<Scheduler> Device::Implementation::takeScheduler() {
  std::lock_guard lock(mutex);
  if (idleSchedulers.empty())
    return std::make_unique<Scheduler>();
  std::unique_ptr<Scheduler> scheduler = std::move(idleSchedulers.back());
  idleSchedulers.pop_back();
  return scheduler;
}

void Device::Implementation::giveScheduler(std::unique_ptr<Scheduler> scheduler) {
  std::lock_guard lock(mutex);
  idleSchedulers.push_back(std::move(scheduler));
}

// "sm_90a": 90, and only on that very architecture.
static void checkTarget(const ptx::Module &module, const Architecture &chip) {
  llvm::StringRef target = llvm::StringRef(module.target).split(',').first.trim();
  llvm::StringRef digits = target;
  unsigned version = 0;
  if (!digits.consume_front("sm_") || digits.consumeInteger(10, version))
    throw ptx::Error({1, 1}, "target '" + module.target + "' is not understood, expected sm_NN");
  unsigned own = chip.major * 10 + chip.minor;
  if (version > own || (digits.starts_with("a") && version != own) ||
      (digits.starts_with("f") && version / 10 != own / 10))
    throw ptx::Error({1, 1}, "a module for " + target.str() + " does not run on " + chip.product + " (" + chip.name +
                                 "); choose another device, or compile for it");
}

std::shared_ptr<Program> Device::load(std::string text, std::string name,
                                      llvm::ArrayRef<std::shared_ptr<Program>> others) {
  auto program = std::make_shared<Program>();
  Program::Implementation &state = *program->implementation;
  state.memory = implementation->memory;
  state.module = ptx::parse(std::move(text), std::move(name));
  checkTarget(*state.module, architecture());
  state.others.assign(others.begin(), others.end());
  placeVariables(state);
  return program;
}

Program::Program() : implementation(std::make_unique<Implementation>()) {}
Program::~Program() = default;

Program::Implementation::~Implementation() {
  for (uint64_t address : allocations)
    memory->free(address);
}

const ptx::Module &Program::module() const { return *implementation->module; }

Kernel Program::kernel(llvm::StringRef name) const {
  const ptx::Function *function = implementation->module->find(name);
  return {this, function && function->isEntry && function->hasBody ? function : nullptr};
}

std::pair<uint64_t, uint64_t> Program::variable(llvm::StringRef name) const {
  const ptx::Variable *variable = implementation->module->findVariable(name);
  if (!variable || (variable->space != ptx::Space::Global && variable->space != ptx::Space::Constant))
    return {0, 0};
  return {implementation->symbols.address.lookup(variable), variable->bytes};
}

uint64_t Program::staticSharedBytes(const ptx::Function &kernel) const {
  return implementation->layout(kernel).staticBytes;
}

uint64_t Program::localBytes(const ptx::Function &kernel) const {
  return implementation->translation(kernel, {}).localBytes;
}

const SharedLayout &Program::Implementation::layout(const ptx::Function &kernel) {
  std::lock_guard lock(mutex);
  if (auto found = layouts.find(&kernel); found != layouts.end())
    return found->second;
  return layouts[&kernel] = layOutShared(*this, kernel);
}

const Translation &Program::Implementation::translation(const ptx::Function &kernel, const TranslateOptions &options) {
  const SharedLayout &shared = layout(kernel);
  unsigned bits = options.poison | options.instrumented << 1 | options.bounds << 2 | options.count << 3 |
                  options.deferProducts << 4 | options.preempt << 5;
  std::lock_guard lock(mutex);
  auto found = translations.find({&kernel, bits});
  if (found != translations.end())
    return *found->second;
  SymbolAddresses all = symbols;
  all.shared = shared.address;
  auto translation = translate(*module, kernel, all, options);
  return *(translations[{&kernel, bits}] = std::move(translation));
}

} // namespace ptxsim
