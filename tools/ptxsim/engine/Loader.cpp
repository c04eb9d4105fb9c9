// Gives module variables their addresses and what they start with.
#include "engine/DeviceState.h"

#include "llvm/Support/MathExtras.h"

#include <cstring>

namespace ptxsim {

namespace {

using ptx::Space;
using ptx::Variable;

bool isPlaced(const Variable &variable) { return variable.space == Space::Global || variable.space == Space::Constant; }

/// The definition in another program that an extern variable stands for.
const Variable *findElsewhere(const Program::Implementation &program, const Variable &variable) {
  for (const auto &other : program.others)
    for (const auto &candidate : other->implementation->module->variables)
      if (!candidate->isExtern && (candidate->isVisible || candidate->isWeak) && candidate->name == variable.name &&
          candidate->space == variable.space)
        return candidate.get();
  return nullptr;
}

uint64_t relocated(const Program::Implementation &program, const Variable &variable,
                   const Variable::Relocation &relocation) {
  uint64_t value = 0;
  const ptx::Module &module = *program.module;
  if (const Variable *target = module.findVariable(relocation.symbol)) {
    auto found = program.symbols.address.find(target);
    if (found == program.symbols.address.end())
      throw ptx::Error(variable.position, "initialiser of '" + variable.name + "': the address of '" + target->name +
                                              "' is not known before a kernel runs, expected a .global or .const "
                                              "variable or a function");
    value = found->second;
  } else if (const ptx::Function *function = module.find(relocation.symbol)) {
    uint64_t index = 0;
    while (module.functions[index].get() != function)
      ++index;
    value = kFunctionWindow + 16 * index;
  } else {
    throw ptx::Error(variable.position,
                     "initialiser of '" + variable.name + "': there is no symbol '" + relocation.symbol + "'");
  }
  value += uint64_t(relocation.addend);
  if (relocation.mask == ~0ull || relocation.mask == 0)
    return value;
  return (value & relocation.mask) >> llvm::countr_zero(relocation.mask);
}

void initialise(const Program::Implementation &program, const Variable &variable, uint64_t address) {
  uint8_t *bytes = reinterpret_cast<uint8_t *>(address);
  // Variables without an initialiser are zero (PTX ISA 9.0, section 5.4.4 "Initializers").
  std::memset(bytes, 0, variable.bytes);
  size_t given = std::min<size_t>(variable.initialiser.size(), variable.bytes);
  if (given)
    std::memcpy(bytes, variable.initialiser.data(), given);
  for (const Variable::Relocation &relocation : variable.relocations) {
    if (relocation.bytes > 8 || relocation.offset > variable.bytes ||
        relocation.bytes > variable.bytes - relocation.offset)
      throw ptx::Error(variable.position, "initialiser of '" + variable.name + "': an address at byte " +
                                              std::to_string(relocation.offset) + " does not fit into " +
                                              std::to_string(variable.bytes) + " bytes");
    uint64_t value = relocated(program, variable, relocation);
    std::memcpy(bytes + relocation.offset, &value, relocation.bytes); // little-endian, as the device is
  }
}

} // namespace

void placeVariables(Program::Implementation &program) {
  SymbolAddresses &symbols = program.symbols;
  const ptx::Module &module = *program.module;
  // What other programs define comes first; our own definitions hide it.
  for (const auto &other : program.others) {
    const SymbolAddresses &theirs = other->implementation->symbols;
    symbols.address.insert(theirs.address.begin(), theirs.address.end());
    for (const auto &[name, function] : theirs.functions)
      symbols.functions.try_emplace(name, function);
  }
  for (const auto &function : module.functions)
    if (function->hasBody)
      symbols.functions[function->name] = function.get();

  for (const auto &variable : module.variables) {
    if (!isPlaced(*variable))
      continue;
    if (variable->isExtern) {
      const Variable *definition = findElsewhere(program, *variable);
      if (!definition)
        throw ptx::Error(variable->position, "extern variable '" + variable->name + "' is defined in no loaded module");
      symbols.address[variable.get()] = symbols.address.lookup(definition);
      continue;
    }
    if (variable->bytes == 0)
      throw ptx::Error(variable->position, "variable '" + variable->name + "' has no size");
    bool constant = variable->space == Space::Constant;
    uint64_t address = program.memory->allocate(variable->bytes, (constant ? ".const " : ".global ") + variable->name,
                                                constant, std::max<uint64_t>(variable->alignment, 256));
    if (!address)
      throw ptx::Error(variable->position, "no device memory for the " + std::to_string(variable->bytes) +
                                               " bytes of variable '" + variable->name + "'");
    program.allocations.push_back(address);
    symbols.address[variable.get()] = address;
  }
  for (const auto &variable : module.variables)
    if (isPlaced(*variable) && !variable->isExtern) {
      uint64_t address = symbols.address.lookup(variable.get());
      initialise(program, *variable, address);
      program.memory->markDefined(address, variable->bytes);
    }
}

} // namespace ptxsim
