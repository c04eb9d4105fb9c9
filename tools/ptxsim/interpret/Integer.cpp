// Integer arithmetic: PTX ISA 9.0, sections "Integer Arithmetic Instructions" and "Extended-Precision Integer
// Arithmetic".
#include "interpret/Evaluation.h"

#include <algorithm>

namespace ptxsim {
namespace {

using ptx::Type;
using i128 = __int128;
using u128 = unsigned __int128;

bool isInteger(Type type) { return !ptx::isFloat(type) && type != Type::None && type != Type::Pred; }

/// Operand k as an exact integer.
i128 exact(const Evaluation &e, size_t k, Type type) {
  return ptx::isSigned(type) ? i128(e.readSigned(k, type)) : i128(e.read(k, type));
}

i128 smallest(Type type) { return ptx::isSigned(type) ? -(i128(1) << (ptx::bitWidth(type) - 1)) : 0; }
i128 largest(Type type) { return (i128(1) << (ptx::bitWidth(type) - ptx::isSigned(type))) - 1; }

Type widened(Type type) {
  switch (type) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  default:
    return Type::S64;
  }
}

/// add, sub, min, max, neg of two 16-bit halves.
bool packed(Evaluation &e) {
  const Type type = e.type();
  if (type != Type::U16x2 && type != Type::S16x2)
    return false;
  const Type half = type == Type::U16x2 ? Type::U16 : Type::S16;
  const uint32_t a = uint32_t(e.read(1, type)), b = e.count() > 2 ? uint32_t(e.read(2, type)) : 0;
  uint32_t result = 0;
  for (unsigned shift = 0; shift < 32; shift += 16) {
    auto part = [&](uint32_t word) {
      return half == Type::S16 ? i128(int16_t(word >> shift)) : i128(uint16_t(word >> shift));
    };
    i128 value = 0;
    if (e.opcode() == "add")
      value = part(a) + part(b);
    else if (e.opcode() == "sub")
      value = part(a) - part(b);
    else if (e.opcode() == "min")
      value = std::min(part(a), part(b));
    else if (e.opcode() == "max")
      value = std::max(part(a), part(b));
    else if (e.opcode() == "neg")
      value = -part(a);
    else
      return false;
    if (e.has("sat"))
      value = std::clamp(value, smallest(half), largest(half));
    if (e.has("relu"))
      value = std::max(value, i128(0));
    result |= uint32_t(uint16_t(value)) << shift;
  }
  e.write(type, result);
  return true;
}

/// add.cc, addc, sub.cc, subc: the flag is carry for sums, borrow for differences.
bool extendedSum(Evaluation &e) {
  const bool writes = e.has("cc"), sum = e.opcode() == "add" || e.opcode() == "addc",
             difference = e.opcode() == "sub" || e.opcode() == "subc";
  const bool reads = e.opcode() == "addc" || e.opcode() == "subc";
  if ((!sum && !difference) || (!writes && !reads))
    return false;
  const unsigned width = ptx::bitWidth(e.type());
  const u128 a = e.read(1, e.type()), b = e.read(2, e.type()), in = reads && e.registers.carry;
  const u128 result = sum ? a + b + in : a - b - in;
  if (writes)
    e.registers.carry = result >> width & 1;
  e.write(e.type(), uint64_t(result));
  return true;
}

/// mad.cc and madc: lo or hi of the product, plus c, plus the flag.
bool extendedProduct(Evaluation &e) {
  if (!(e.opcode() == "madc" || (e.opcode() == "mad" && e.has("cc"))))
    return false;
  const unsigned width = ptx::bitWidth(e.type());
  const i128 product = exact(e, 1, e.type()) * exact(e, 2, e.type());
  const u128 part = maskTo(uint64_t(e.has("hi") ? product >> width : product), width);
  const u128 result = part + e.read(3, e.type()) + (e.opcode() == "madc" && e.registers.carry);
  if (e.has("cc"))
    e.registers.carry = result >> width & 1;
  e.write(e.type(), uint64_t(result));
  return true;
}

bool product(Evaluation &e) {
  const bool adds = e.opcode() == "mad" || e.opcode() == "mad24";
  const bool is24 = e.opcode() == "mul24" || e.opcode() == "mad24";
  if (e.opcode() != "mul" && !adds && !is24)
    return false;
  const Type type = e.type();
  const unsigned width = ptx::bitWidth(type);
  i128 a = exact(e, 1, type), b = exact(e, 2, type);
  if (is24) {
    a = ptx::isSigned(type) ? signExtend(uint64_t(a), 24) : i128(maskTo(uint64_t(a), 24));
    b = ptx::isSigned(type) ? signExtend(uint64_t(b), 24) : i128(maskTo(uint64_t(b), 24));
  }
  i128 result = a * b; // of 64-bit operands: exact in 128 bits, as a bit pattern also for unsigned ones
  if (e.has("wide")) {
    result += adds ? i128(e.read(3, widened(type))) : 0;
    e.write(widened(type), uint64_t(result));
    return true;
  }
  if (e.has("hi")) // of 24-bit operands: bits 47..16
    result = is24 ? result >> 16 : ptx::isSigned(type) ? result >> width : i128(u128(result) >> width);
  if (adds) {
    if (e.has("sat")) // .hi.s32 only: the high half plus c, clamped
      result = std::clamp(i128(signExtend(uint64_t(result), width)) + exact(e, 3, type), smallest(type), largest(type));
    else
      result += exact(e, 3, type);
  }
  e.write(type, uint64_t(result));
  return true;
}

/// dp4a and dp2a: products of bytes (and of halves with bytes) added up; each factor has a signedness of its own.
bool dotProduct(Evaluation &e) {
  const bool four = e.opcode() == "dp4a";
  if (!four && e.opcode() != "dp2a")
    return false;
  const bool aSigned = ptx::isSigned(e.type(0)), bSigned = ptx::isSigned(e.type(1));
  const uint64_t a = e.read(1, Type::B32), b = e.read(2, Type::B32);
  int64_t sum = int64_t(e.read(3, Type::B32));
  for (unsigned k = 0; k < (four ? 4u : 2u); ++k) {
    const unsigned aBits = four ? 8 : 16, bByte = four ? k : k + (e.has("hi") ? 2 : 0);
    const uint64_t x = maskTo(a >> k * aBits, aBits), y = maskTo(b >> bByte * 8, 8);
    sum += (aSigned ? signExtend(x, aBits) : int64_t(x)) * (bSigned ? signExtend(y, 8) : int64_t(y));
  }
  e.write(Type::B32, uint64_t(sum));
  return true;
}

} // namespace

bool evaluateInteger(Evaluation &e) {
  const Type type = e.type();
  if (dotProduct(e))
    return true;
  if (!isInteger(type))
    return false;
  if (packed(e) || extendedSum(e) || extendedProduct(e) || product(e))
    return true;
  const llvm::StringRef opcode = e.opcode();
  if (opcode == "add" || opcode == "sub") {
    i128 result = opcode == "add" ? exact(e, 1, type) + exact(e, 2, type) : exact(e, 1, type) - exact(e, 2, type);
    if (e.has("sat"))
      result = std::clamp(result, smallest(type), largest(type));
    e.write(type, uint64_t(result));
  } else if (opcode == "min" || opcode == "max") {
    i128 result = opcode == "min" ? std::min(exact(e, 1, type), exact(e, 2, type))
                                  : std::max(exact(e, 1, type), exact(e, 2, type));
    if (e.has("relu"))
      result = std::max(result, i128(0));
    e.write(type, uint64_t(result));
  } else if (opcode == "div" || opcode == "rem") {
    const i128 a = exact(e, 1, type), b = exact(e, 2, type);
    // Division by zero is unspecified; here the quotient is all ones and the remainder the dividend.
    const i128 result = b == 0 ? (opcode == "div" ? i128(-1) : a) : opcode == "div" ? a / b : a % b;
    e.write(type, uint64_t(result));
  } else if (opcode == "abs" || opcode == "neg") {
    const i128 a = exact(e, 1, type);
    e.write(type, uint64_t(opcode == "neg" || a < 0 ? -a : a));
  } else if (opcode == "sad") {
    const i128 difference = exact(e, 1, type) - exact(e, 2, type);
    e.write(type, uint64_t(exact(e, 3, type) + (difference < 0 ? -difference : difference)));
  } else {
    return false;
  }
  return true;
}

} // namespace ptxsim
