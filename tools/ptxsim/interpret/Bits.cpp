// Logic, shifts and bit fields: PTX ISA 9.0, "Logic and Shift Instructions" and the bit operations among the integer
// ones.
#include "interpret/Evaluation.h"

#include <algorithm>
#include <array>

namespace ptxsim {
namespace {

using ptx::Type;

bool bit(uint64_t word, unsigned position) { return position < 64 && (word >> position & 1); }

uint64_t extractField(const Evaluation &e, Type type) {
  const unsigned width = ptx::bitWidth(type);
  const uint64_t a = e.read(1, type);
  const unsigned start = e.read(2, Type::U32) & 0xff, length = e.read(3, Type::U32) & 0xff;
  const bool sign = ptx::isSigned(type) && length != 0 && bit(a, std::min(start + length - 1, width - 1));
  uint64_t result = 0;
  for (unsigned k = 0; k < width; ++k)
    if (k < length && start + k < width ? bit(a, start + k) : sign)
      result |= uint64_t(1) << k;
  return result;
}

uint64_t insertField(const Evaluation &e, Type type) {
  const unsigned width = ptx::bitWidth(type);
  const uint64_t a = e.read(1, type);
  uint64_t result = e.read(2, type);
  const unsigned start = e.read(3, Type::U32) & 0xff, length = e.read(4, Type::U32) & 0xff;
  for (unsigned k = 0; k < length && start + k < width; ++k)
    result = (result & ~(uint64_t(1) << (start + k))) | uint64_t(bit(a, k)) << (start + k);
  return result;
}

uint32_t findHighest(const Evaluation &e, Type type) {
  const unsigned width = ptx::bitWidth(type);
  uint64_t a = e.read(1, type);
  if (ptx::isSigned(type) && bit(a, width - 1))
    a = maskTo(~a, width);
  for (int k = int(width) - 1; k >= 0; --k)
    if (bit(a, unsigned(k)))
      return e.has("shiftamt") ? width - 1 - unsigned(k) : unsigned(k);
  return 0xffffffff;
}

/// fns: the position of the n-th set bit at or beyond `base`, upward for n > 0, downward for n < 0.
uint32_t findNthSet(uint32_t mask, uint32_t base, int32_t offset) {
  if (base > 31)
    return 0xffffffff;
  if (offset == 0)
    return bit(mask, base) ? base : 0xffffffff;
  const int step = offset > 0 ? 1 : -1;
  int64_t remaining = std::abs(int64_t(offset)) - 1;
  for (int position = int(base); position >= 0 && position < 32; position += step)
    if (bit(mask, unsigned(position)) && remaining-- == 0)
      return uint32_t(position);
  return 0xffffffff;
}

uint32_t makeMask(uint32_t a, uint32_t b, bool clamp) {
  const unsigned start = clamp ? std::min(a, 32u) : a & 31, length = clamp ? std::min(b, 32u) : b & 31;
  uint32_t mask = 0;
  for (unsigned k = start; k < 32 && k < start + length; ++k)
    mask |= 1u << k;
  return mask;
}

/// prmt: each byte of the result is one of the eight source bytes, or its sign.
uint32_t permute(const Evaluation &e) {
  const uint64_t source = e.read(1, Type::B32) | e.read(2, Type::B32) << 32;
  const uint32_t control = uint32_t(e.read(3, Type::B32));
  std::array<unsigned, 4> selectors; // least significant byte first
  const unsigned s = control & 3;
  if (e.has("f4e"))
    selectors = {s, s + 1, s + 2, s + 3};
  else if (e.has("b4e"))
    selectors = {s, (s + 7) & 7, (s + 6) & 7, (s + 5) & 7};
  else if (e.has("rc8"))
    selectors = {s, s, s, s};
  else if (e.has("ecl"))
    selectors = {s, std::max(s, 1u), std::max(s, 2u), 3};
  else if (e.has("ecr"))
    selectors = {0, std::min(s, 1u), std::min(s, 2u), s};
  else if (e.has("rc16"))
    selectors = {2 * (s & 1), 2 * (s & 1) + 1, 2 * (s & 1), 2 * (s & 1) + 1};
  else
    for (unsigned k = 0; k < 4; ++k)
      selectors[k] = control >> 4 * k & 15;
  uint32_t result = 0;
  for (unsigned k = 0; k < 4; ++k) {
    uint32_t byte = uint8_t(source >> 8 * (selectors[k] & 7));
    if (selectors[k] & 8)
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << 8 * k;
  }
  return result;
}

uint32_t funnelShift(const Evaluation &e) {
  const uint64_t pair = e.read(1, Type::B32) | e.read(2, Type::B32) << 32;
  const uint32_t amount = uint32_t(e.read(3, Type::U32));
  const unsigned shift = e.has("clamp") ? std::min(amount, 32u) : amount & 31;
  return e.has("l") ? uint32_t(pair << shift >> 32) : uint32_t(pair >> shift);
}

} // namespace

bool evaluateBits(Evaluation &e) {
  const llvm::StringRef opcode = e.opcode();
  const Type type = e.type();
  const unsigned width = type == Type::Pred ? 1 : ptx::bitWidth(type);
  auto binary = [&](auto operation) { e.write(type, operation(e.read(1, type), e.read(2, type))); };
  if (opcode == "lop3") {
    uint32_t result = 0;
    const size_t first = 1;
    const uint32_t a = uint32_t(e.read(first, Type::B32)), b = uint32_t(e.read(first + 1, Type::B32)),
                   c = uint32_t(e.read(first + 2, Type::B32));
    const uint32_t table = uint32_t(e.read(first + 3, Type::B32));
    for (unsigned k = 0; k < 32; ++k)
      result |= (table >> (bit(a, k) * 4 + bit(b, k) * 2 + bit(c, k)) & 1) << k;
    if (!e.has("or") && !e.has("and")) {
      e.write(Type::B32, result);
      return true;
    }
    // lop3.BoolOp d|p, a, b, c, table, q: p = (d != 0) BoolOp q.
    const ptx::Operand &destination = e.instruction.operands[0];
    const bool q = e.predicate(first + 4), nonzero = result != 0;
    e.write(destination.elements[0], Type::B32, result);
    e.write(destination.elements[1], Type::Pred, e.has("or") ? nonzero || q : nonzero && q);
  } else if (ptx::isFloat(type) || type == Type::None) {
    return false;
  } else if (opcode == "and") {
    binary([](uint64_t a, uint64_t b) { return a & b; });
  } else if (opcode == "or") {
    binary([](uint64_t a, uint64_t b) { return a | b; });
  } else if (opcode == "xor") {
    binary([](uint64_t a, uint64_t b) { return a ^ b; });
  } else if (opcode == "not") {
    e.write(type, ~e.read(1, type));
  } else if (opcode == "cnot") {
    e.write(type, e.read(1, type) == 0);
  } else if (opcode == "shl") {
    const uint64_t amount = e.read(2, Type::U32);
    e.write(type, amount >= width ? 0 : e.read(1, type) << amount);
  } else if (opcode == "shr") {
    const uint64_t amount = std::min<uint64_t>(e.read(2, Type::U32), 63), a = e.read(1, type);
    e.write(type, ptx::isSigned(type)             ? uint64_t(signExtend(a, width) >> amount)
                  : e.read(2, Type::U32) >= width ? 0
                                                  : a >> amount);
  } else if (opcode == "shf") {
    e.write(Type::B32, funnelShift(e));
  } else if (opcode == "popc" || opcode == "clz" || opcode == "brev") {
    const uint64_t a = e.read(1, type);
    uint64_t count = 0, leading = width, reversed = 0;
    for (unsigned k = 0; k < width; ++k) {
      count += bit(a, k);
      leading = bit(a, k) ? width - 1 - k : leading;
      reversed |= uint64_t(bit(a, k)) << (width - 1 - k);
    }
    e.write(opcode == "brev" ? type : Type::U32, opcode == "popc" ? count : opcode == "clz" ? leading : reversed);
  } else if (opcode == "bfind") {
    e.write(Type::U32, findHighest(e, type));
  } else if (opcode == "fns") {
    e.write(Type::B32,
            findNthSet(uint32_t(e.read(1, Type::B32)), uint32_t(e.read(2, Type::B32)), int32_t(e.read(3, Type::S32))));
  } else if (opcode == "bfe") {
    e.write(type, extractField(e, type));
  } else if (opcode == "bfi") {
    e.write(type, insertField(e, type));
  } else if (opcode == "bmsk") {
    e.write(Type::B32, makeMask(uint32_t(e.read(1, Type::U32)), uint32_t(e.read(2, Type::U32)), e.has("clamp")));
  } else if (opcode == "szext") {
    const uint32_t amount = uint32_t(e.read(2, Type::U32)), bits = e.has("clamp") ? std::min(amount, 32u) : amount & 31;
    const uint64_t a = maskTo(e.read(1, type), bits);
    e.write(type, bits == 0 ? 0 : ptx::isSigned(type) ? uint64_t(signExtend(a, bits)) : a);
  } else if (opcode == "prmt") {
    e.write(Type::B32, permute(e));
  } else {
    return false;
  }
  return true;
}

} // namespace ptxsim
