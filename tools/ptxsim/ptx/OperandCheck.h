// Whether the operands of an instruction are what a row of the table says.
#pragma once

#include "ptx/InstructionTable.h"

namespace ptxsim::ptx {

/// A row that matches a spelling, with its operand list for each number of operands met so far.
struct Candidate {
  const Form *form = nullptr;
  std::vector<OperandSpec> specs;
  std::vector<std::pair<size_t, std::vector<OperandSpec>>> byCount;
  /// The list without absent optional operands, or null if there cannot be `count` of them.
  const std::vector<OperandSpec> *withCount(size_t count);
};

/// The operand that does not fit, or -1. Constants take the operand's type where all fit.
int firstMisfit(const Function &function, const Instruction &instruction, const std::vector<OperandSpec> &specs);
/// Turns decimal constants into the type that is due.
void convertConstants(std::vector<Operand> &operands, const std::vector<OperandSpec> &specs);
/// "a 32-bit register", "an address with 2 coordinates".
std::string describe(const OperandSpec &spec);
std::string describe(const Function &function, const Operand &operand);
/// Throws Error if the arguments of a call are not what the callee takes.
void checkCall(const Function &caller, const Instruction &instruction);

} // namespace ptxsim::ptx
