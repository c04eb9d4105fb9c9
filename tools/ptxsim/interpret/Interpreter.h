// A plain evaluator of straight-line PTX for one thread: no LLVM, no fibers, no memory. It shares the parser and the
// instruction table with the translator and nothing else, so that the two can be compared (test/unit/fuzz.cpp).
#pragma once

#include "ptx/Module.h"

#include <vector>

namespace ptxsim {

/// The registers of a function as zero-extended bit patterns (predicates 0 or 1), and the carry flag.
struct RegisterFile {
  explicit RegisterFile(const ptx::Function &function) : values(function.registers.size()) {}
  std::vector<unsigned __int128> values;
  bool carry = false;
};

/// Executes one instruction, its guard included. False: the instruction is none of integer, logic, comparison,
/// floating-point, half-precision, conversion, video and move; nothing has changed then. Approximate functions are
/// double-precision mathematics rounded to the type: a second opinion within the ISA's error bounds, not the same last
/// bits.
bool interpret(const ptx::Function &function, const ptx::Instruction &instruction, RegisterFile &registers);

} // namespace ptxsim
