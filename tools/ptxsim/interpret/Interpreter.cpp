#include "interpret/Interpreter.h"

#include "interpret/Evaluation.h"

#include <bit>

namespace ptxsim {

using ptx::Operand;
using ptx::Type;

uint64_t maskTo(uint64_t bits, unsigned width) { return width >= 64 ? bits : bits & ((uint64_t(1) << width) - 1); }

int64_t signExtend(uint64_t bits, unsigned width) {
  return width >= 64 ? int64_t(bits) : int64_t(bits << (64 - width)) >> (64 - width);
}

numbers::Round roundingOf(const ptx::Instruction &instruction, numbers::Round otherwise) {
  using numbers::Round;
  static constexpr std::pair<const char *, Round> modes[] = {
      {"rn", Round::Nearest}, {"rz", Round::Zero},         {"rm", Round::Down},
      {"rp", Round::Up},      {"rna", Round::NearestAway}, {"rni", Round::Nearest},
      {"rzi", Round::Zero},   {"rmi", Round::Down},        {"rpi", Round::Up}};
  for (auto [spelling, mode] : modes)
    if (instruction.has(spelling))
      return mode;
  return otherwise;
}

uint64_t Evaluation::value(const Operand &operand, Type type) const {
  const unsigned width = type == Type::Pred ? 1 : ptx::bitWidth(type);
  if (operand.kind == Operand::Kind::Register) {
    const uint64_t bits = maskTo(uint64_t(registers.values[operand.reg]), width);
    return operand.negated ? maskTo(~bits, width) : bits;
  }
  uint64_t bits = operand.bits;
  // A decimal or 0d literal in an instruction on floats is a double to be converted; 0f is a float.
  if (operand.literal == Type::F64 && ptx::isFloat(type) && width < 64)
    bits = numbers::encode(std::bit_cast<double>(bits), numbers::formatOf(type), numbers::Round::Nearest);
  if (operand.literal == Type::F32 && type == Type::F64)
    bits = std::bit_cast<uint64_t>(double(std::bit_cast<float>(uint32_t(bits))));
  return maskTo(bits, width);
}

int64_t Evaluation::readSigned(size_t k, Type type) const {
  const uint64_t bits = read(k, type);
  return ptx::isSigned(type) ? signExtend(bits, ptx::bitWidth(type)) : int64_t(bits);
}

void Evaluation::write(const Operand &operand, Type type, uint64_t bits) {
  if (operand.kind != Operand::Kind::Register)
    return; // a sink
  const unsigned width = type == Type::Pred ? 1 : ptx::bitWidth(type);
  const Type registerType = function.registers[operand.reg].type;
  const unsigned registerWidth = registerType == Type::Pred ? 1 : ptx::bitWidth(registerType);
  bits = maskTo(bits, width);
  if (registerWidth > width && ptx::isSigned(type))
    bits = uint64_t(signExtend(bits, width));
  registers.values[operand.reg] = maskTo(bits, registerWidth);
}

bool interpret(const ptx::Function &function, const ptx::Instruction &instruction, RegisterFile &registers) {
  // Tried on a copy where the guard is false, so that an unknown instruction is unknown whatever its guard says.
  const bool skipped = instruction.hasGuard && bool(registers.values[instruction.guard]) == instruction.guardNegated;
  if (skipped) {
    RegisterFile scratch = registers;
    ptx::Instruction unguarded = instruction;
    unguarded.hasGuard = false;
    return interpret(function, unguarded, scratch);
  }
  Evaluation e(function, instruction, registers);
  return evaluateInteger(e) || evaluateBits(e) || evaluateFloat(e) || evaluateCompare(e) || evaluateConversion(e) ||
         evaluateMove(e) || evaluateVideo(e);
}

} // namespace ptxsim
