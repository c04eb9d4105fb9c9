// Which products exist, and their operands' sizes. A shape with types that ptxas does not take is refused.
#include "engine/MatrixDecode.h"

#include <algorithm>
#include <cfenv>

namespace ptxsim {

using ptx::Type;

namespace {

struct Shape {
  uint32_t m, n, k;
  bool operator==(const Shape &other) const { return m == other.m && n == other.n && k == other.k; }
};

bool among(const Shape &shape, std::initializer_list<Shape> shapes) {
  return std::find(shapes.begin(), shapes.end(), shape) != shapes.end();
}

bool isByte(Type type) { return type == Type::S8 || type == Type::U8; }
bool isNibble(Type type) { return type == Type::S4 || type == Type::U4; }
bool isFp8(Type type) { return type == Type::E4M3 || type == Type::E5M2; }
bool isAccumulator(Type type) { return type == Type::F16 || type == Type::F32; }

/// The shapes of PTX ISA 9.0, 9.7.14.2 "Matrix Shape", for sm_80 and sm_90.
bool isDense(const MatrixKind &kind) {
  Shape shape{kind.m, kind.n, kind.k};
  bool toFloat = kind.c == Type::F32 && kind.d == Type::F32, toInteger = kind.c == Type::S32 && kind.d == Type::S32;
  bool toAny = isAccumulator(kind.c) && isAccumulator(kind.d), toSame = isAccumulator(kind.c) && kind.c == kind.d;
  if (kind.a == Type::F16 && kind.b == Type::F16 && kind.quadPairs)
    return toAny && !(kind.c == Type::F32 && kind.d == Type::F16);
  if (kind.a == Type::F16 && kind.b == Type::F16)
    return toSame && among(shape, {{16, 8, 8}, {16, 8, 16}});
  if (kind.a == Type::BF16 && kind.b == Type::BF16)
    return toFloat && among(shape, {{16, 8, 8}, {16, 8, 16}});
  if (kind.a == Type::TF32 && kind.b == Type::TF32)
    return toFloat && among(shape, {{16, 8, 4}, {16, 8, 8}});
  if (kind.a == Type::F64 && kind.b == Type::F64)
    return kind.c == Type::F64 && kind.d == Type::F64 && among(shape, {{8, 8, 4}, {16, 8, 4}, {16, 8, 8}, {16, 8, 16}});
  if (isFp8(kind.a) && isFp8(kind.b))
    return toSame && among(shape, {{16, 8, 16}, {16, 8, 32}});
  if (isByte(kind.a) && isByte(kind.b))
    return toInteger && among(shape, {{8, 8, 16}, {16, 8, 16}, {16, 8, 32}});
  if (isNibble(kind.a) && isNibble(kind.b))
    return toInteger && among(shape, {{8, 8, 32}, {16, 8, 32}, {16, 8, 64}});
  return kind.a == Type::B1 && kind.b == Type::B1 && toInteger &&
         among(shape, {{8, 8, 128}, {16, 8, 128}, {16, 8, 256}});
}

/// PTX ISA 9.0, 9.7.14.4 "wmma".
bool isWmma(const MatrixKind &kind) {
  Shape shape{kind.m, kind.n, kind.k};
  bool sixteen = among(shape, {{16, 16, 16}, {8, 32, 16}, {32, 8, 16}});
  bool toFloat = kind.c == Type::F32 && kind.d == Type::F32, toInteger = kind.c == Type::S32 && kind.d == Type::S32;
  if (kind.a == Type::F16 && kind.b == Type::F16)
    return sixteen && isAccumulator(kind.c) && isAccumulator(kind.d);
  if (kind.a == Type::BF16 && kind.b == Type::BF16)
    return sixteen && toFloat;
  if (kind.a == Type::TF32 && kind.b == Type::TF32)
    return toFloat && among(shape, {{16, 16, 8}});
  if (kind.a == Type::F64 && kind.b == Type::F64)
    return kind.c == Type::F64 && kind.d == Type::F64 && among(shape, {{8, 8, 4}});
  if (isByte(kind.a) && kind.a == kind.b)
    return sixteen && toInteger;
  if (isNibble(kind.a) && kind.a == kind.b)
    return toInteger && among(shape, {{8, 8, 32}});
  return kind.a == Type::B1 && kind.b == Type::B1 && toInteger && among(shape, {{8, 8, 128}});
}

[[noreturn]] void refuse(const ptx::Instruction &instruction, const std::string &why) {
  throw ptx::Error(instruction.position, "'" + instruction.spelling() + "': " + why);
}

void checkCount(const ptx::Instruction &instruction, unsigned operand, uint32_t expected, const char *matrix) {
  if (operand >= instruction.operands.size())
    refuse(instruction, std::string("operand ") + matrix + " is missing");
  uint32_t got = registerCount(instruction.operands[operand]);
  if (got != expected)
    refuse(instruction, std::string("operand ") + matrix + " has " + std::to_string(got) + " registers, expected " +
                            std::to_string(expected));
}

} // namespace

bool parseShape(llvm::StringRef text, uint32_t &m, uint32_t &n, uint32_t &k) {
  return text.consume_front("m") && !text.consumeInteger(10, m) && text.consume_front("n") &&
         !text.consumeInteger(10, n) && text.consume_front("k") && !text.consumeInteger(10, k) && text.empty();
}

uint32_t registerCount(const ptx::Operand &operand) {
  return operand.kind == ptx::Operand::Kind::Vector ? operand.elements.size() : 1;
}

MatrixKind decodeProduct(const ptx::Instruction &instruction) {
  MatrixKind kind;
  bool wmma = instruction.opcode() == "wmma", haveShape = false;
  std::vector<llvm::StringRef> layouts;
  for (llvm::StringRef part : instruction.parts) {
    haveShape |= parseShape(part, kind.m, kind.n, kind.k);
    if (part == "row" || part == "col")
      layouts.push_back(part);
  }
  if (!haveShape || layouts.size() != 2)
    refuse(instruction, "a shape and two layouts are expected");
  kind.columnA = layouts[0] == "col";
  kind.rowB = layouts[1] == "row";
  if (instruction.types.size() == 4) {
    kind.d = instruction.types[0], kind.a = instruction.types[1], kind.b = instruction.types[2],
    kind.c = instruction.types[3];
  } else if (wmma && instruction.types.size() == 2) {
    kind.d = instruction.types[0], kind.c = instruction.types[1];
    kind.a = kind.b = Type::F16;
  } else {
    refuse(instruction, "the types of D, A, B and C are expected");
  }
  kind.saturate = instruction.has("satfinite");
  kind.bitsAnd = instruction.has("and");
  if (instruction.has("sp") || instruction.has("sp::ordered_metadata"))
    refuse(instruction, "sparse products are not implemented");
  kind.quadPairs = !wmma && kind.a == Type::F16 && kind.m == 8 && kind.n == 8 && kind.k == 4;
  kind.rounding = instruction.has("rz")   ? FE_TOWARDZERO
                  : instruction.has("rm") ? FE_DOWNWARD
                  : instruction.has("rp") ? FE_UPWARD
                                          : FE_TONEAREST;
  if (!(wmma ? isWmma(kind) : isDense(kind)) || !completeKind(kind, wmma))
    refuse(instruction, "no such shape with these types for sm_80 or sm_90");
  if (kind.saturate && kind.d != Type::S32)
    refuse(instruction, ".satfinite of floating-point products went with PTX ISA 6.5");
  if (!wmma && !kind.quadPairs && (kind.columnA || kind.rowB))
    refuse(instruction, "the layouts of this shape are .row.col");
  checkCount(instruction, 0, kind.numD, "d");
  checkCount(instruction, 1, kind.numA, "a");
  checkCount(instruction, 2, kind.numB, "b");
  checkCount(instruction, 3, kind.numC, "c");
  return kind;
}

} // namespace ptxsim
