// mov between registers, and packing and unpacking of vectors.
#include "interpret/Evaluation.h"

namespace ptxsim {

using ptx::Operand;
using ptx::Type;

namespace {

unsigned registerWidth(const Evaluation &e, const Operand &operand) {
  const Type type = e.function.registers[operand.reg].type;
  return type == Type::Pred ? 1 : ptx::bitWidth(type);
}

unsigned __int128 wholeOf(const Evaluation &e, const Operand &operand) {
  return operand.kind == Operand::Kind::Register ? e.registers.values[operand.reg] : operand.bits;
}

} // namespace

bool evaluateMove(Evaluation &e) {
  if (e.opcode() != "mov" || e.count() != 2)
    return false;
  const Operand &to = e.instruction.operands[0], &from = e.instruction.operands[1];
  const bool plain = from.kind == Operand::Kind::Register || from.kind == Operand::Kind::Immediate;
  if (to.kind == Operand::Kind::Register && plain) {
    if (e.type() == Type::B128)
      e.registers.values[to.reg] = wholeOf(e, from);
    else
      e.write(e.type(), e.read(1, e.type()));
    return true;
  }
  const unsigned width = ptx::bitWidth(e.type());
  if (to.kind == Operand::Kind::Register && from.kind == Operand::Kind::Vector) {
    unsigned __int128 value = 0;
    const unsigned part = width / unsigned(from.elements.size());
    for (size_t k = 0; k < from.elements.size(); ++k)
      value |= (unsigned __int128)maskTo(uint64_t(wholeOf(e, from.elements[k])), part) << k * part;
    e.registers.values[to.reg] = value;
    return true;
  }
  if (to.kind == Operand::Kind::Vector && plain) {
    const unsigned __int128 value = wholeOf(e, from);
    const unsigned part = width / unsigned(to.elements.size());
    for (size_t k = 0; k < to.elements.size(); ++k)
      if (to.elements[k].kind == Operand::Kind::Register)
        e.registers.values[to.elements[k].reg] =
            maskTo(uint64_t(value >> k * part), std::min(part, registerWidth(e, to.elements[k])));
    return true;
  }
  return false;
}

} // namespace ptxsim
