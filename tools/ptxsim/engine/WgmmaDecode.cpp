// Which products of a warpgroup exist; the immediates are checked here, once.
#include "engine/WgmmaDecode.h"

#include "engine/MatrixDecode.h"

namespace ptxsim {

using ptx::Operand;
using ptx::Type;

namespace {

[[noreturn]] void refuse(const ptx::Instruction &instruction, const std::string &why) {
  throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': " + why);
}

bool isFp8(Type type) { return type == Type::E4M3 || type == Type::E5M2; }
bool isByte(Type type) { return type == Type::S8 || type == Type::U8; }

/// The types of PTX ISA 9.0, 9.7.15.2 "Data types".
bool typesExist(const WgmmaKind &kind) {
  bool toFloat = kind.d == Type::F32, toHalf = kind.d == Type::F16, toInteger = kind.d == Type::S32;
  if (kind.a == Type::F16)
    return kind.b == Type::F16 && (toFloat || toHalf);
  if (kind.a == Type::BF16 || kind.a == Type::TF32)
    return kind.b == kind.a && toFloat;
  if (isFp8(kind.a))
    return isFp8(kind.b) && (toFloat || toHalf);
  if (isByte(kind.a))
    return isByte(kind.b) && toInteger;
  return kind.a == Type::B1 && kind.b == Type::B1 && toInteger;
}

/// PTX ISA 9.0, 9.7.15.1 "Register and shared shapes": integers and bits lack most odd multiples of 8.
bool widthExists(const WgmmaKind &kind) {
  if (kind.n < 8 || kind.n > 256 || kind.n % 8)
    return false;
  return kind.d != Type::S32 || kind.n <= 24 || kind.n % 16 == 0;
}

/// The value of an immediate operand that is one of two.
bool flag(const ptx::Instruction &instruction, size_t operand, int64_t yes, int64_t no, const char *what) {
  if (operand >= instruction.operands.size() || instruction.operands[operand].kind != Operand::Kind::Immediate)
    refuse(instruction, std::string(what) + " must be an immediate");
  int64_t value = int64_t(instruction.operands[operand].bits);
  if (int32_t(value) != yes && int32_t(value) != no)
    refuse(instruction, std::string(what) + " is " + std::to_string(value) + ", expected " + std::to_string(no) +
                            " or " + std::to_string(yes));
  return int32_t(value) == yes;
}

} // namespace

std::unique_ptr<WgmmaPayload> decodeWgmma(const ptx::Instruction &instruction) {
  auto decoded = std::make_unique<WgmmaPayload>();
  WgmmaKind &kind = decoded->kind;
  uint32_t m = 0;
  bool haveShape = false;
  for (llvm::StringRef part : instruction.parts) {
    haveShape |= parseShape(part, m, kind.n, kind.k);
    if (part.starts_with("sp"))
      refuse(instruction, "sparse products are not implemented");
  }
  if (!haveShape || instruction.types.size() != 3 || instruction.operands.size() < 4)
    refuse(instruction, "a shape, the types of D, A and B, and at least four operands are expected");
  kind.d = instruction.types[0], kind.a = instruction.types[1], kind.b = instruction.types[2];
  if (m != 64 || !typesExist(kind) || !widthExists(kind) || kind.k * ptx::bitWidth(kind.a) != 256)
    refuse(instruction, "no such shape with these types");
  if (kind.a == Type::B1 && !instruction.has("and"))
    refuse(instruction, "products of bits are .and.popc");
  kind.saturate = instruction.has("satfinite");
  kind.numD = kind.d == Type::F16 ? kind.n / 4 : kind.n / 2;
  kind.registersA = instruction.operands[1].kind == Operand::Kind::Vector;
  if (registerCount(instruction.operands[0]) != kind.numD)
    refuse(instruction, "operand d has " + std::to_string(registerCount(instruction.operands[0])) +
                            " registers, expected " + std::to_string(kind.numD));
  if (kind.registersA && registerCount(instruction.operands[1]) != 4)
    refuse(instruction,
           "operand a has " + std::to_string(registerCount(instruction.operands[1])) + " registers, expected 4");
  decoded->slotB = kind.registersA ? 4 : 1;
  decoded->slotScaleD = decoded->slotB + 1;
  size_t operand = 4;
  if (kind.d != Type::S32) {
    bool negateA = flag(instruction, operand++, -1, 1, "imm-scale-a");
    bool negateB = flag(instruction, operand++, -1, 1, "imm-scale-b");
    kind.negate = negateA != negateB;
    if (ptx::bitWidth(kind.a) == 16) {
      kind.mnMajorA = !kind.registersA && flag(instruction, operand++, 1, 0, "imm-trans-a");
      kind.mnMajorB = flag(instruction, operand++, 1, 0, "imm-trans-b");
    }
  }
  if (operand != instruction.operands.size())
    refuse(instruction,
           "got " + std::to_string(instruction.operands.size()) + " operands, expected " + std::to_string(operand));
  return decoded;
}

} // namespace ptxsim
