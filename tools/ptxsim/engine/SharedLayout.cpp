// Shared variables of a kernel: its own and those of all functions that it can reach, statically sized ones first,
// `.extern .shared` arrays all at one address behind them (CUDA C++ Programming Guide, "__shared__").
#include "engine/DeviceState.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/MathExtras.h"

namespace ptxsim {

namespace {

using ptx::Function;
using ptx::Operand;
using ptx::Variable;

constexpr uint32_t kDynamicAlignment = 16;

/// What a kernel can reach.
class Reach {
public:
  explicit Reach(const Program::Implementation &program) : program(program) {}

  void addFunction(const Function *function) {
    if (!function->hasBody) {
      auto found = program.symbols.functions.find(function->name);
      if (found == program.symbols.functions.end())
        return;
      function = found->second;
    }
    if (seenFunctions.insert(function).second)
      pending.push_back(function);
  }
  void run() {
    while (!pending.empty()) {
      const Function *function = pending.back();
      pending.pop_back();
      for (const auto &variable : function->variables)
        addVariable(variable.get());
      for (const ptx::Instruction &instruction : function->body)
        for (const Operand &operand : instruction.operands)
          addOperand(operand);
    }
  }
  std::vector<const Variable *> shared; ///< in the order of discovery, which is that of the text

private:
  void addOperand(const Operand &operand) {
    if (operand.function)
      addFunction(operand.function);
    if (operand.variable)
      addVariable(operand.variable);
    for (const Operand &element : operand.elements)
      addOperand(element);
  }
  void addVariable(const Variable *variable) {
    if (!seenVariables.insert(variable).second)
      return;
    if (variable->space == ptx::Space::Shared)
      shared.push_back(variable);
    // Functions whose addresses a table holds may be called.
    for (const Variable::Relocation &relocation : variable->relocations) {
      if (const Function *function = program.module->find(relocation.symbol))
        addFunction(function);
      else if (const Variable *target = program.module->findVariable(relocation.symbol))
        addVariable(target);
    }
  }

  const Program::Implementation &program;
  llvm::DenseSet<const Function *> seenFunctions;
  llvm::DenseSet<const Variable *> seenVariables;
  std::vector<const Function *> pending;
};

} // namespace

SharedLayout layOutShared(const Program::Implementation &program, const Function &kernel) {
  Reach reach(program);
  reach.addFunction(&kernel);
  reach.run();
  SharedLayout layout;
  // A variable that several modules name (.extern .shared name[8], .weak) is one.
  std::map<std::string, uint32_t> byName;
  uint64_t end = kSharedStart, dynamicAlignment = kDynamicAlignment;
  auto isDynamic = [](const Variable &variable) { return variable.isExtern && variable.bytes == 0; };
  for (const Variable *variable : reach.shared) {
    if (isDynamic(*variable)) {
      dynamicAlignment = std::max<uint64_t>(dynamicAlignment, variable->alignment);
      continue;
    }
    bool common = variable->isExtern || variable->isVisible || variable->isWeak;
    if (auto found = byName.find(variable->name); common && found != byName.end()) {
      layout.address[variable] = found->second;
      continue;
    }
    end = llvm::alignTo(end, std::max(variable->alignment, 1u));
    layout.address[variable] = uint32_t(end);
    if (common)
      byName[variable->name] = uint32_t(end);
    end += variable->bytes;
    if (end >= 1u << kSharedRankShift)
      throw ptx::Error(variable->position,
                       "shared variable '" + variable->name + "' lies beyond 16 MiB of shared memory");
  }
  layout.staticBytes = uint32_t(end - kSharedStart);
  layout.dynamicStart = uint32_t(llvm::alignTo(end, dynamicAlignment));
  for (const Variable *variable : reach.shared)
    if (isDynamic(*variable))
      layout.address[variable] = layout.dynamicStart;
  return layout;
}

} // namespace ptxsim
