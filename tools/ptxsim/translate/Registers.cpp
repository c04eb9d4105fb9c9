#include "translate/Registers.h"

#include "ptx/InstructionTable.h"

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"

namespace ptxsim::jit {

using ptx::Instruction;
using ptx::Operand;

static void collect(const Operand &operand, bool write, bool alsoRead, RegisterUse &use) {
  switch (operand.kind) {
  case Operand::Kind::Register:
    if (write)
      use.writes.push_back(operand.reg);
    if (!write || alsoRead)
      use.reads.push_back(operand.reg);
    break;
  case Operand::Kind::Address:
    if (operand.hasRegister)
      use.reads.push_back(operand.reg);
    for (const Operand &element : operand.elements)
      collect(element, false, true, use);
    break;
  case Operand::Kind::Vector:
  case Operand::Kind::Pair:
    for (const Operand &element : operand.elements)
      collect(element, write, alsoRead, use);
    break;
  default:
    break;
  }
}

RegisterUse registerUse(const Instruction &instruction) {
  RegisterUse use;
  if (instruction.opcode() == "call") {
    // (results), callee, (arguments): a list before the callee is written.
    bool behindCallee = false;
    for (const Operand &operand : instruction.operands) {
      bool results = operand.kind == Operand::Kind::Vector && !behindCallee;
      collect(operand, results, false, use);
      behindCallee |= !results;
    }
    return use;
  }
  using Access = ptx::OperandSpec::Access;
  auto specs = ptx::operandSpecs(instruction);
  for (size_t k = 0; k < instruction.operands.size(); ++k) {
    Access access = k < specs.size() ? specs[k].access : Access::Read;
    collect(instruction.operands[k], access != Access::Read, access == Access::ReadWrite, use);
  }
  return use;
}

namespace {

/// Forward data flow: which registers are surely assigned at the start of each block.
class Assignment {
public:
  explicit Assignment(const ptx::Function &function) : function(function), unassigned(function.registers.size()) {}

  std::vector<bool> run() {
    findBlocks();
    // A hostile text may have so many blocks and registers that the sets do not pay; zeroing all is right as well.
    constexpr uint64_t mostBits = uint64_t(1) << 31;
    if (uint64_t(starts.size()) * function.registers.size() > mostBits)
      return std::vector<bool>(function.registers.size(), true);
    unsigned numRegisters = function.registers.size();
    in.assign(starts.size(), llvm::BitVector(numRegisters, true));
    if (!in.empty())
      in[0].reset();
    for (const auto &parameter : function.parameters)
      if (int reg = registerNamed(function, *parameter); reg >= 0 && !in.empty())
        in[0].set(reg);
    gen.assign(starts.size(), llvm::BitVector(numRegisters));
    for (size_t block = 0; block < starts.size(); ++block)
      for (uint32_t k = starts[block]; k < end(block); ++k)
        for (uint32_t reg : uses[k].writes)
          gen[block].set(reg);
    constexpr unsigned mostSweeps = 64;
    unsigned sweep = 0;
    while (propagate())
      if (++sweep == mostSweeps)
        return std::vector<bool>(numRegisters, true);
    for (size_t block = 0; block < starts.size(); ++block)
      findReads(block);
    return unassigned;
  }

private:
  uint32_t end(size_t block) const { return block + 1 < starts.size() ? starts[block + 1] : function.body.size(); }

  static void targets(const Operand &operand, llvm::SmallVectorImpl<uint32_t> &result) {
    if (operand.kind == Operand::Kind::Label)
      result.push_back(operand.label);
    for (const Operand &element : operand.elements)
      targets(element, result);
  }

  void findBlocks() {
    std::vector<bool> leader(function.body.size() + 1);
    leader[0] = true;
    for (const auto &[name, index] : function.labels)
      if (index <= function.body.size())
        leader[index] = true;
    uses.reserve(function.body.size());
    for (const Instruction &instruction : function.body) {
      uses.push_back(registerUse(instruction));
      if (llvm::is_contained({"bra", "brx", "ret", "exit", "trap"}, instruction.opcode()))
        leader[instruction.index + 1] = true;
      if (!instruction.hasGuard)
        continue;
      uses.back().reads.push_back(instruction.guard);
      llvm::append_range(uses.back().reads, uses.back().writes);
    }
    std::vector<uint32_t> blockAt(function.body.size() + 1);
    for (uint32_t k = 0; k < function.body.size(); ++k) {
      if (leader[k])
        starts.push_back(k);
      blockAt[k] = starts.size() - 1;
    }
    successors.resize(starts.size());
    for (size_t block = 0; block < starts.size(); ++block) {
      const Instruction &last = function.body[end(block) - 1];
      llvm::SmallVector<uint32_t, 4> labels;
      bool leaves = llvm::is_contained({"bra", "brx", "ret", "exit"}, last.opcode());
      if (leaves)
        for (const Operand &operand : last.operands)
          targets(operand, labels);
      if ((!leaves || last.hasGuard) && end(block) < function.body.size())
        labels.push_back(end(block));
      for (uint32_t label : labels)
        if (label < function.body.size())
          successors[block].push_back(blockAt[label]);
    }
  }

  bool propagate() {
    bool changed = false;
    for (size_t block = 0; block < starts.size(); ++block) {
      llvm::BitVector out = in[block];
      out |= gen[block];
      for (uint32_t next : successors[block]) {
        // in[next] minus out: something is taken away
        if (in[next].test(out)) {
          in[next] &= out;
          changed = true;
        }
      }
    }
    return changed;
  }

  void findReads(size_t block) {
    llvm::BitVector assigned = in[block];
    for (uint32_t k = starts[block]; k < end(block); ++k) {
      for (uint32_t reg : uses[k].reads)
        if (!assigned.test(reg))
          unassigned[reg] = true;
      for (uint32_t reg : uses[k].writes)
        assigned.set(reg);
    }
  }

  const ptx::Function &function;
  std::vector<bool> unassigned;
  std::vector<uint32_t> starts;
  std::vector<llvm::SmallVector<uint32_t, 2>> successors;
  std::vector<RegisterUse> uses;
  std::vector<llvm::BitVector> in, gen;
};

} // namespace

std::vector<bool> registersReadUnassigned(const ptx::Function &function) {
  std::vector<bool> result = Assignment(function).run();
  for (const auto &variable : function.results) // read by ret
    if (int reg = registerNamed(function, *variable); reg >= 0)
      result[reg] = true;
  return result;
}

std::vector<const ptx::Variable *> parametersWhoseAddressIsTaken(const ptx::Function &function) {
  llvm::SmallVector<const ptx::Variable *> taken;
  auto visit = [&](const Operand &operand, auto &visit) -> void {
    if (operand.kind == Operand::Kind::Symbol && operand.variable)
      taken.push_back(operand.variable);
    for (const Operand &element : operand.elements)
      visit(element, visit);
  };
  for (const Instruction &instruction : function.body)
    if (instruction.opcode() != "call")
      for (const Operand &operand : instruction.operands)
        visit(operand, visit);
  std::vector<const ptx::Variable *> result;
  for (const auto &parameter : function.parameters)
    if (llvm::is_contained(taken, parameter.get()))
      result.push_back(parameter.get());
  return result;
}

int registerNamed(const ptx::Function &function, const ptx::Variable &parameter) {
  if (parameter.space != ptx::Space::Register)
    return -1;
  for (size_t reg = 0; reg < function.registers.size(); ++reg)
    if (function.registers[reg].name == parameter.name)
      return int(reg);
  return -1;
}

} // namespace ptxsim::jit
