// set, setp, selp, slct: PTX ISA 9.0, "Comparison and Selection Instructions".
#include "interpret/Evaluation.h"

#include <optional>

namespace ptxsim {
namespace {

using ptx::Type;

/// The comparison of two element values under the instruction's operator, or nullopt for an operator that is none.
std::optional<bool> compare(const Evaluation &e, Type type, uint64_t a, uint64_t b) {
  const llvm::StringRef name = e.instruction.first({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ",
                                                    "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (name.empty())
    return std::nullopt;
  bool less, equal, unordered = false;
  if (ptx::isFloat(type)) {
    const numbers::Format format = numbers::formatOf(type);
    auto number = [&](uint64_t bits) {
      if (e.has("ftz") && numbers::isSubnormal(bits, format))
        bits &= uint64_t(1) << (format.bits - 1);
      return numbers::decode(bits, format);
    };
    const numbers::Wide x = number(a), y = number(b);
    less = x < y, equal = x == y, unordered = numbers::isNan(x) || numbers::isNan(y);
  } else if (ptx::isSigned(type)) {
    const unsigned width = ptx::bitWidth(type);
    less = signExtend(a, width) < signExtend(b, width), equal = a == b;
  } else {
    less = a < b, equal = a == b;
  }
  if (name == "num" || name == "nan")
    return (name == "nan") == unordered;
  // The four letters of an unordered comparison are an ordered one and a u.
  const bool orUnordered = name.size() == 3;
  const llvm::StringRef base = orUnordered ? name.drop_back() : name;
  if (unordered)
    return orUnordered;
  if (base == "eq")
    return equal;
  if (base == "ne")
    return !equal;
  if (base == "lt" || base == "lo")
    return less;
  if (base == "le" || base == "ls")
    return less || equal;
  if (base == "gt" || base == "hi")
    return !less && !equal;
  return !less; // ge, hs
}

bool combine(const Evaluation &e, bool value, size_t operand) {
  if (operand >= e.count())
    return value;
  const bool c = e.predicate(operand);
  return e.has("and") ? value && c : e.has("or") ? value || c : value != c;
}

Type elementOf(Type type) { return type == Type::F16x2 ? Type::F16 : type == Type::BF16x2 ? Type::BF16 : type; }

bool setPredicate(Evaluation &e) {
  const Type type = e.type(), element = elementOf(type);
  const uint64_t a = e.read(1, type), b = e.read(2, type);
  const ptx::Operand &destination = e.instruction.operands[0];
  const bool isPair = destination.kind == ptx::Operand::Kind::Pair;
  const ptx::Operand &p = isPair ? destination.elements[0] : destination;
  if (element != type) { // p of the low halves, q of the high ones
    const std::optional<bool> low = compare(e, element, a & 0xffff, b & 0xffff),
                              high = compare(e, element, a >> 16, b >> 16);
    if (!low)
      return false;
    const bool first = combine(e, *low, 3), second = combine(e, *high, 3);
    e.write(p, Type::Pred, first);
    if (isPair)
      e.write(destination.elements[1], Type::Pred, second);
    return true;
  }
  const std::optional<bool> value = compare(e, type, a, b);
  if (!value)
    return false;
  const bool first = combine(e, *value, 3), second = combine(e, !*value, 3);
  e.write(p, Type::Pred, first);
  if (isPair)
    e.write(destination.elements[1], Type::Pred, second);
  return true;
}

/// What a set of the type means: all ones for integers, 1.0 for floats.
uint64_t truth(Type type) {
  return ptx::isFloat(type) ? numbers::encode(1, numbers::formatOf(type), numbers::Round::Nearest) : ~uint64_t(0);
}

bool setRegister(Evaluation &e) {
  const Type to = e.type(0), from = e.type(1), element = elementOf(from);
  const uint64_t a = e.read(1, from), b = e.read(2, from);
  uint64_t result = 0;
  const unsigned lanes = element == from ? 1 : 2;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const unsigned width = ptx::bitWidth(element), shift = lane * width;
    const std::optional<bool> value = compare(e, element, maskTo(a >> shift, width), maskTo(b >> shift, width));
    if (!value)
      return false;
    const unsigned resultWidth = ptx::bitWidth(to) / lanes;
    if (combine(e, *value, 3))
      result |= maskTo(truth(elementOf(to)), resultWidth) << lane * resultWidth;
  }
  e.write(to, result);
  return true;
}

} // namespace

bool evaluateCompare(Evaluation &e) {
  const llvm::StringRef opcode = e.opcode();
  if (opcode == "setp")
    return setPredicate(e);
  if (opcode == "set")
    return setRegister(e);
  if (opcode == "selp") {
    e.write(e.type(), e.read(e.predicate(3) ? 1 : 2, e.type()));
    return true;
  }
  if (opcode == "slct") {
    bool first;
    if (e.type(1) == Type::F32) {
      uint64_t c = e.read(3, Type::F32);
      const numbers::Format format = numbers::formatOf(Type::F32);
      if (e.has("ftz") && numbers::isSubnormal(c, format))
        c &= 0x80000000;
      first = numbers::decode(c, format) >= 0; // false for NaN
    } else {
      first = int32_t(e.read(3, Type::S32)) >= 0;
    }
    e.write(e.type(), e.read(first ? 1 : 2, e.type()));
    return true;
  }
  return false;
}

} // namespace ptxsim
