// Floating point: PTX ISA 9.0, "Floating-Point Instructions" and "Half Precision Floating-Point Instructions".
#include "interpret/Evaluation.h"

#include <bit>
#include <cmath>

namespace ptxsim {
namespace {

using namespace numbers;
using ptx::Type;

/// The element type of a packed one, or the type itself.
Type elementOf(Type type) { return type == Type::F16x2 ? Type::F16 : type == Type::BF16x2 ? Type::BF16 : type; }

/// Arithmetic on the bits of one element type under the instruction's modifiers.
struct Arithmetic {
  const Evaluation &e;
  Type type;
  Format format = formatOf(type);
  Round mode = roundingOf(e.instruction, Round::Nearest);
  bool flush = e.has("ftz");

  uint64_t signMask() const { return uint64_t(1) << (format.bits - 1); }

  uint64_t flushed(uint64_t bits) const { return flush && isSubnormal(bits, format) ? bits & signMask() : bits; }
  Wide number(uint64_t bits) const { return decode(flushed(bits), format); }

  /// Rounds, flushes and clamps as the modifiers say.
  uint64_t result(Wide exact) const {
    if (e.has("sat")) // NaN becomes +0
      exact = isNan(exact) || signBit(exact) ? Wide(0) : exact > 1 ? Wide(1) : exact;
    if (e.has("relu") && !isNan(exact) && signBit(exact))
      exact = 0;
    return flushed(encode(exact, format, mode));
  }

  uint64_t minimumOrMaximum(uint64_t a, uint64_t b) const {
    a = flushed(a), b = flushed(b);
    uint64_t sign = 0;
    if (e.has("abs")) { // .xorsign.abs
      sign = (a ^ b) & signMask();
      a &= ~signMask(), b &= ~signMask();
    }
    const Wide x = decode(a, format), y = decode(b, format);
    if ((isNan(x) && isNan(y)) || (e.has("NaN") && (isNan(x) || isNan(y))))
      return canonicalNan(format);
    uint64_t chosen;
    if (isNan(x) || isNan(y)) {
      chosen = isNan(x) ? b : a;
    } else { // -0 is below +0
      const bool less = x < y || (x == y && signBit(x) && !signBit(y));
      chosen = (e.opcode() == "min") == less ? a : b;
    }
    if (e.has("relu") && (chosen & signMask()) && !isNan(decode(chosen, format)))
      chosen = 0;
    return chosen | sign;
  }

  uint64_t apply(uint64_t a, uint64_t b, uint64_t c) const {
    const llvm::StringRef opcode = e.opcode();
    const Wide x = number(a), y = number(b), z = number(c);
    if (opcode == "add")
      return result(sumOf(x, y));
    if (opcode == "sub")
      return result(sumOf(x, -y));
    if (opcode == "mul")
      return result(multiplyOdd(x, y));
    // fma.oob: a factor that is the NaN of elements outside a tensor makes the result zero.
    if (e.has("oob") && (a == canonicalNan(format) || b == canonicalNan(format)))
      return 0;
    if (opcode == "fma" || opcode == "mad")
      return result(sumOf(multiplyOdd(x, y), z));
    if (opcode == "div")
      return result(divideOdd(x, y));
    if (opcode == "rcp")
      return result(divideOdd(1, x));
    if (opcode == "sqrt")
      return result(isNan(x) || (signBit(x) && x != 0) ? squareRootOdd(Wide(-1)) : squareRootOdd(x));
    if (opcode == "min" || opcode == "max")
      return minimumOrMaximum(a, b);
    if (opcode == "abs")
      return flushed(a) & ~signMask();
    if (opcode == "neg")
      return flushed(a) ^ signMask();
    if (opcode == "copysign")
      return (b & ~signMask()) | (a & signMask());
    const double value = double(x);
    if (opcode == "rsqrt")
      return result(value == 0 ? Wide(std::copysign(INFINITY, value)) : Wide(1 / std::sqrt(value)));
    if (opcode == "sin")
      return result(Wide(std::sin(value)));
    if (opcode == "cos")
      return result(Wide(std::cos(value)));
    if (opcode == "lg2")
      return result(Wide(std::log2(value)));
    if (opcode == "ex2")
      return result(Wide(std::exp2(value)));
    return result(Wide(std::tanh(value)));
  }

  /// x + y; exact zero sums of opposite signs are +0, or -0 when rounding down.
  Wide sumOf(Wide x, Wide y) const {
    const Wide sum = addOdd(x, y);
    if (sum == 0 && signBit(x) != signBit(y))
      return mode == Round::Down ? -Wide(0) : Wide(0);
    return sum;
  }
};

bool isArithmetic(llvm::StringRef opcode) {
  static constexpr const char *opcodes[] = {"add", "sub", "mul", "fma", "mad", "div", "rcp",      "sqrt",  "min", "max",
                                            "abs", "neg", "sin", "cos", "lg2", "ex2", "copysign", "rsqrt", "tanh"};
  for (const char *known : opcodes)
    if (opcode == known)
      return true;
  return false;
}

bool testProperty(const Evaluation &e, uint64_t bits, const Format &format) {
  const Wide value = decode(bits, format);
  if (e.has("finite"))
    return !isNan(value) && !isInfinite(value);
  if (e.has("infinite"))
    return isInfinite(value);
  if (e.has("number"))
    return !isNan(value);
  if (e.has("notanumber"))
    return isNan(value);
  if (e.has("subnormal"))
    return isSubnormal(bits, format);
  return !isNan(value) && !isInfinite(value) && value != 0 && !isSubnormal(bits, format); // normal
}

} // namespace

bool evaluateFloat(Evaluation &e) {
  const Type type = e.type();
  if (!ptx::isFloat(type))
    return false;
  if (e.opcode() == "testp") {
    e.write(Type::Pred, testProperty(e, e.read(1, type), formatOf(type)));
    return true;
  }
  const Type element = elementOf(type);
  const bool known = element == Type::F32 || element == Type::F64 || element == Type::F16 || element == Type::BF16;
  if (!known || !isArithmetic(e.opcode()))
    return false;
  const Arithmetic arithmetic{e, element};
  const unsigned lanes = ptx::bitWidth(type) / arithmetic.format.bits;
  uint64_t operands[3] = {};
  for (size_t k = 0; k < 3 && k + 1 < e.count(); ++k)
    operands[k] = e.read(k + 1, type);
  uint64_t result = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const unsigned shift = lane * arithmetic.format.bits;
    auto part = [&](uint64_t word) { return maskTo(word >> shift, arithmetic.format.bits); };
    result |= arithmetic.apply(part(operands[0]), part(operands[1]), part(operands[2])) << shift;
  }
  e.write(type, result);
  return true;
}

} // namespace ptxsim
