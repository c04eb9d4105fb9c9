// One instruction under evaluation: its operands as numbers. Shared by the files of the interpreter.
#pragma once

#include "interpret/Interpreter.h"
#include "interpret/Numbers.h"

namespace ptxsim {

class Evaluation {
public:
  Evaluation(const ptx::Function &function, const ptx::Instruction &instruction, RegisterFile &registers)
      : function(function), instruction(instruction), registers(registers) {}

  llvm::StringRef opcode() const { return instruction.opcode(); }
  bool has(llvm::StringRef part) const { return instruction.has(part); }
  ptx::Type type(unsigned k = 0) const { return instruction.type(k); }
  size_t count() const { return instruction.operands.size(); }

  /// The bits of operand k as a value of `type`, zero-extended.
  uint64_t read(size_t k, ptx::Type type) const { return value(instruction.operands[k], type); }
  uint64_t value(const ptx::Operand &operand, ptx::Type type) const;
  /// The same, sign-extended if the type is signed.
  int64_t readSigned(size_t k, ptx::Type type) const;
  bool predicate(size_t k) const { return read(k, ptx::Type::Pred); }
  /// Writes the destination; a register wider than the type is extended by the type's sign.
  void write(const ptx::Operand &operand, ptx::Type type, uint64_t bits);
  void write(ptx::Type type, uint64_t bits) { write(instruction.operands[0], type, bits); }

  const ptx::Function &function;
  const ptx::Instruction &instruction;
  RegisterFile &registers;
};

uint64_t maskTo(uint64_t bits, unsigned width);
int64_t signExtend(uint64_t bits, unsigned width);
numbers::Round roundingOf(const ptx::Instruction &instruction, numbers::Round otherwise);

// The families; true if the instruction is theirs.
bool evaluateInteger(Evaluation &e);
bool evaluateBits(Evaluation &e);
bool evaluateFloat(Evaluation &e);
bool evaluateCompare(Evaluation &e);
bool evaluateConversion(Evaluation &e);
bool evaluateMove(Evaluation &e);
bool evaluateVideo(Evaluation &e);

} // namespace ptxsim
