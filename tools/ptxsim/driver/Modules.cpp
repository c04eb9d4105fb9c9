#include "driver/Modules.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

namespace ptxsim {

JitOptions::JitOptions(unsigned count, CUjit_option *options, void **values) {
  require(!count || (options && values), CUDA_ERROR_INVALID_VALUE);
  for (unsigned k = 0; k < count; ++k) {
    switch (int(options[k])) {
    case CU_JIT_INFO_LOG_BUFFER:
      infos.buffer = static_cast<char *>(values[k]);
      break;
    case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
      infos.bytes = reinterpret_cast<uintptr_t>(values[k]) & 0xffff'ffff;
      infos.length = &values[k];
      break;
    case CU_JIT_ERROR_LOG_BUFFER:
      errors.buffer = static_cast<char *>(values[k]);
      break;
    case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
      errors.bytes = reinterpret_cast<uintptr_t>(values[k]) & 0xffff'ffff;
      errors.length = &values[k];
      break;
    case CU_JIT_WALL_TIME:
      wallTime = &values[k];
      break;
    case CU_JIT_GLOBAL_SYMBOL_NAMES:
    case CU_JIT_GLOBAL_SYMBOL_ADDRESSES:
    case CU_JIT_GLOBAL_SYMBOL_COUNT:
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "CU_JIT_GLOBAL_SYMBOL_* are not implemented: symbols of the host cannot "
                                              "be bound"};
    default:
      require(options[k] >= 0 && options[k] < CU_JIT_NUM_OPTIONS, CUDA_ERROR_INVALID_VALUE);
    }
  }
}

void JitOptions::Log::add(const std::string &message) {
  if (!buffer || used + 1 >= bytes)
    return;
  size_t length = std::min(message.size(), bytes - used - 1);
  std::memcpy(buffer + used, message.data(), length);
  used += length;
  buffer[used] = 0;
}

void JitOptions::error(const std::string &message) { errors.add("ptxsim: " + message + "\n"); }
void JitOptions::info(const std::string &message) { infos.add("ptxsim: " + message + "\n"); }

JitOptions::~JitOptions() {
  for (Log *log : {&errors, &infos}) {
    if (log->buffer && log->bytes && !log->used)
      log->buffer[0] = 0;
    if (log->length)
      *log->length = reinterpret_cast<void *>(log->used);
  }
  if (wallTime) {
    float milliseconds = std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - start).count();
    uintptr_t bits = 0;
    std::memcpy(&bits, &milliseconds, sizeof milliseconds);
    *wallTime = reinterpret_cast<void *>(bits);
  }
}

std::vector<uint8_t> readFile(const char *path) {
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  if (!file || !std::filesystem::is_regular_file(path, error)) // a device may have no end
    throw Failure{CUDA_ERROR_FILE_NOT_FOUND, std::string("cannot read '") + path + "'"};
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

/// Refuses PTX for another chip before it is parsed: `.target sm_90a` is for exactly that one, sm_80 for it and later
/// ones.
static void checkTarget(llvm::StringRef text, const Architecture &architecture) {
  llvm::StringRef target = text.split(".target").second.ltrim();
  unsigned wanted = 0;
  if (!target.consume_front("sm_") || target.consumeInteger(10, wanted))
    return; // the parser has more to say
  unsigned device = architecture.major * 10 + architecture.minor;
  bool exact = target.starts_with("a") || target.starts_with("f");
  if (exact ? wanted != device : wanted > device)
    throw BadImage(true, "the PTX is for sm_" + std::to_string(wanted) + (exact ? target.take_front(1).str() : "") +
                             ", the device is " + architecture.name + " (PTXSIM_ARCH chooses another)");
}

std::shared_ptr<DriverModule> loadModule(Driver &driver, const ImageBytes &image, const std::string &name,
                                         JitOptions &options) {
  auto fail = [&](CUresult result, const std::string &message) -> Failure {
    options.error(message);
    return Failure{result, message};
  };
  auto module = std::make_shared<DriverModule>();
  std::string current = name;
  try {
    std::vector<PtxText> texts = readImage(image, driver.device->architecture(), name);
    for (const PtxText &text : texts) {
      current = text.name;
      checkTarget(text.text, driver.device->architecture());
      std::shared_ptr<Program> program = driver.device->load(text.text, text.name, module->programs);
      module->programs.push_back(program);
      options.info(text.name + ": " + std::to_string(program->module().functions.size()) + " functions for " +
                   program->module().target);
    }
  } catch (const BadImage &error) {
    throw fail(error.unusable ? CUDA_ERROR_NO_BINARY_FOR_GPU : CUDA_ERROR_INVALID_IMAGE, error.what());
  } catch (const ptx::Error &error) {
    throw fail(CUDA_ERROR_INVALID_PTX, current + ":" + error.what());
  } catch (const std::runtime_error &error) {
    throw fail(CUDA_ERROR_INVALID_PTX, current + ": " + error.what());
  }
  return module;
}

std::shared_ptr<Program> DriverModule::programOf(llvm::StringRef kernel, Kernel &found) const {
  for (const std::shared_ptr<Program> &program : programs) {
    found = program->kernel(kernel);
    if (found.function && found.function->isEntry && found.function->hasBody)
      return program;
  }
  return nullptr;
}

std::pair<uint64_t, uint64_t> DriverModule::variable(llvm::StringRef name) const {
  for (const std::shared_ptr<Program> &program : programs) {
    const ptx::Variable *variable = program->module().findVariable(name);
    if (variable && !variable->isExtern)
      return program->variable(name);
  }
  return {0, 0};
}

std::vector<std::string> kernelNames(const DriverModule &module) {
  std::vector<std::string> names;
  for (const std::shared_ptr<Program> &program : module.programs)
    for (const std::unique_ptr<ptx::Function> &function : program->module().functions)
      if (function->isEntry && function->hasBody)
        names.push_back(function->name);
  return names;
}

std::shared_ptr<DriverFunction> getFunction(Driver &driver, const std::shared_ptr<DriverModule> &module,
                                            const std::string &name) {
  std::shared_ptr<DriverFunction> &function = module->functions[name];
  if (function)
    return function;
  Kernel kernel;
  std::shared_ptr<Program> program = module->programOf(name, kernel);
  if (!program) {
    module->functions.erase(name);
    return nullptr;
  }
  function = std::make_shared<DriverFunction>();
  function->module = module;
  function->program = program;
  function->kernel = kernel;
  function->registers = estimateRegisters(*kernel.function);
  function->staticShared = program->staticSharedBytes(*kernel.function);
  driver.functions.add(function);
  return function;
}

void unloadModule(Driver &driver, const std::shared_ptr<DriverModule> &module) {
  if (std::shared_ptr<Context> context = module->context.lock())
    driver.queue.finishContext(context);
  for (const auto &[name, function] : module->functions)
    driver.functions.erase(*function);
  driver.modules.erase(*module);
  driver.libraries.erase(*module);
}

unsigned estimateRegisters(const ptx::Function &kernel) {
  // First and last place of each register; a loop would stretch some ranges further.
  std::vector<std::pair<uint32_t, uint32_t>> ranges(kernel.registers.size(), {~0u, 0});
  for (const ptx::Instruction &instruction : kernel.body) {
    auto touch = [&](uint32_t reg) {
      if (reg < ranges.size())
        ranges[reg] = {std::min(ranges[reg].first, instruction.index), std::max(ranges[reg].second, instruction.index)};
    };
    std::vector<const ptx::Operand *> stack;
    for (const ptx::Operand &operand : instruction.operands)
      stack.push_back(&operand);
    while (!stack.empty()) {
      const ptx::Operand *operand = stack.back();
      stack.pop_back();
      if (operand->kind == ptx::Operand::Kind::Register || operand->hasRegister)
        touch(operand->reg);
      for (const ptx::Operand &element : operand->elements)
        stack.push_back(&element);
    }
  }
  std::vector<int> change(kernel.body.size() + 2, 0);
  for (size_t k = 0; k < ranges.size(); ++k) {
    if (ranges[k].first == ~0u || kernel.registers[k].type == ptx::Type::Pred)
      continue;
    int words = int(std::max(1u, ptx::bitWidth(kernel.registers[k].type) / 32));
    change[ranges[k].first] += words;
    change[ranges[k].second + 1] -= words;
  }
  int live = 0, most = 0;
  for (int delta : change)
    most = std::max(most, live += delta);
  unsigned limit = 255;
  uint64_t threads =
      uint64_t(std::max(1u, kernel.maxntid[0])) * std::max(1u, kernel.maxntid[1]) * std::max(1u, kernel.maxntid[2]);
  if (threads > 1)
    limit = unsigned(std::min<uint64_t>(limit, 65536 / (threads * std::max(1u, kernel.minnctapersm)) / 8 * 8));
  if (kernel.maxnreg)
    limit = std::min(limit, kernel.maxnreg);
  // A few for addresses and the calling convention; allocation is by eights.
  return std::max(16u, std::min(limit, unsigned(most + 6 + 7) / 8 * 8));
}

std::vector<PtxText> orderForLinking(const std::vector<PtxText> &texts) {
  struct Unit {
    std::set<std::string> defines, needs;
  };
  std::vector<Unit> units;
  for (const PtxText &text : texts) {
    std::unique_ptr<ptx::Module> module = ptx::parse(text.text, text.name);
    Unit unit;
    for (const auto &function : module->functions)
      (function->hasBody ? unit.defines : unit.needs).insert(function->name);
    for (const auto &variable : module->variables)
      if (variable->space != ptx::Space::Shared)
        (variable->isExtern ? unit.needs : unit.defines).insert(variable->name);
    units.push_back(std::move(unit));
  }
  std::vector<PtxText> order;
  std::vector<bool> placed(texts.size());
  std::string blocked;
  while (order.size() < texts.size()) {
    bool progress = false;
    for (size_t k = 0; k < texts.size(); ++k) {
      if (placed[k])
        continue;
      bool ready = true;
      for (size_t other = 0; other < texts.size() && ready; ++other)
        if (other != k && !placed[other])
          for (const std::string &name : units[k].needs)
            if (units[other].defines.count(name)) {
              ready = false;
              blocked = texts[k].name + " needs '" + name + "' of " + texts[other].name;
            }
      if (!ready)
        continue;
      order.push_back(texts[k]);
      placed[k] = progress = true;
    }
    if (!progress)
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "inputs that need each other cannot be linked: " + blocked};
  }
  return order;
}

} // namespace ptxsim
