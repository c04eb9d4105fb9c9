// Video instructions on whole registers: PTX ISA 9.0, "Scalar Video Instructions" and "SIMD Video Instructions".
#include "interpret/Evaluation.h"

#include <algorithm>

namespace ptxsim {
namespace {

using ptx::Type;

int64_t clampTo(int64_t value, unsigned width, bool isSigned) {
  const int64_t low = isSigned ? -(int64_t(1) << (width - 1)) : 0;
  const int64_t high = (int64_t(1) << (width - isSigned)) - 1;
  return std::clamp(value, low, high);
}

bool compare(const Evaluation &e, int64_t a, int64_t b) {
  const llvm::StringRef name = e.instruction.first({"eq", "ne", "lt", "le", "gt", "ge"});
  return name == "eq"   ? a == b
         : name == "ne" ? a != b
         : name == "lt" ? a < b
         : name == "le" ? a <= b
         : name == "gt" ? a > b
                        : a >= b;
}

/// The operation without its suffix on one pair; `name` is "add", "absdiff", ...
bool apply(const Evaluation &e, llvm::StringRef name, int64_t a, int64_t b, int64_t &result) {
  if (name == "add")
    result = a + b;
  else if (name == "sub")
    result = a - b;
  else if (name == "absdiff")
    result = std::abs(a - b);
  else if (name == "min")
    result = std::min(a, b);
  else if (name == "max")
    result = std::max(a, b);
  else if (name == "avrg") // half up, away from zero for negative sums
    result = (a + b + (a + b >= 0)) >> 1;
  else if (name == "set")
    result = compare(e, a, b);
  else
    return false;
  return true;
}

/// v...2 and v...4: lanes of 16 or 8 bits.
bool packedVideo(Evaluation &e, llvm::StringRef name, unsigned lanes) {
  const bool isSet = name == "set";
  const unsigned width = 32 / lanes;
  // vset has no destination type.
  const Type aType = e.type(isSet ? 0 : 1), bType = e.type(isSet ? 1 : 2);
  const bool resultSigned = !isSet && ptx::isSigned(e.type(0));
  const uint64_t a = e.read(1, Type::B32), b = e.read(2, Type::B32);
  uint64_t packedResult = 0;
  int64_t sum = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    auto part = [&](uint64_t word, Type type) {
      const uint64_t bits = maskTo(word >> lane * width, width);
      return ptx::isSigned(type) ? signExtend(bits, width) : int64_t(bits);
    };
    int64_t result;
    if (!apply(e, name, part(a, aType), part(b, bType), result))
      return false;
    if (e.has("sat"))
      result = clampTo(result, width, resultSigned);
    sum += result;
    packedResult |= maskTo(uint64_t(result), width) << lane * width;
  }
  e.write(Type::B32, e.has("add") ? uint64_t(sum) + e.read(3, Type::B32) : packedResult);
  return true;
}

/// A byte, a half or the whole of a register: Operand::component is 0 for the whole, 1..4 for .b0 to .b3, 5 and 6 for
/// .h0, .h1.
struct Part {
  unsigned shift, width;
  explicit Part(const ptx::Operand &operand)
      : shift(operand.component >= 5 ? 16 * (operand.component - 5)
              : operand.component    ? 8 * (operand.component - 1)
                                     : 0),
        width(operand.component >= 5 ? 16
              : operand.component    ? 8
                                     : 32) {}
};

int64_t selected(const Evaluation &e, size_t k, Type type) {
  const Part part(e.instruction.operands[k]);
  const uint64_t bits = maskTo(e.read(k, Type::B32) >> part.shift, part.width);
  return ptx::isSigned(type) ? signExtend(bits, part.width) : int64_t(bits);
}

int64_t whole(uint64_t bits, bool isSigned) {
  return isSigned ? signExtend(maskTo(bits, 32), 32) : int64_t(maskTo(bits, 32));
}

/// vmad: the product of two selections plus c (plus one), shifted down.
int64_t multiplyAdd(const Evaluation &e, Type aType, Type bType) {
  const bool isSigned = ptx::isSigned(aType) || ptx::isSigned(bType);
  const __int128 sum =
      __int128(selected(e, 1, aType)) * selected(e, 2, bType) + whole(e.read(3, Type::B32), isSigned) + e.has("po");
  const __int128 shifted = sum >> (e.has("shr7") ? 7 : e.has("shr15") ? 15 : 0);
  if (!e.has("sat"))
    return int64_t(shifted);
  // The result has the sign of the sum's type.
  const int64_t low = isSigned ? -(int64_t(1) << 31) : 0, high = (int64_t(1) << (32 - isSigned)) - 1;
  return shifted < low ? low : shifted > high ? high : int64_t(shifted);
}

bool scalarVideo(Evaluation &e, llvm::StringRef name) {
  const bool isSet = name == "set";
  const Type aType = e.type(isSet ? 0 : 1), bType = e.type(isSet ? 1 : 2);
  const bool resultSigned = !isSet && ptx::isSigned(e.type(0));
  if (name == "mad") {
    e.write(Type::B32, uint64_t(multiplyAdd(e, aType, bType)));
    return true;
  }
  int64_t result = 0;
  const int64_t a = selected(e, 1, aType), b = selected(e, 2, bType);
  if (name == "shl" || name == "shr") {
    const int64_t amount = e.has("wrap") ? b & 31 : std::min<int64_t>(maskTo(uint64_t(b), 32), 32);
    result = name == "shl" ? int64_t(uint64_t(a) << amount) : a >> amount;
  } else if (!apply(e, name, a, b, result)) {
    return false;
  }
  const ptx::Operand &destination = e.instruction.operands[0];
  const Part into(destination);
  if (e.has("sat"))
    result = clampTo(result, into.width, resultSigned);
  const bool second = e.has("add") || e.has("min") || e.has("max");
  if (second) { // a second operation with c
    const int64_t c = whole(e.read(3, Type::B32), resultSigned), first = whole(uint64_t(result), resultSigned);
    result = e.has("add") ? first + c : e.has("min") ? std::min(first, c) : std::max(first, c);
  } else if (destination.component && e.count() > 3) { // into a part of c
    const uint64_t mask = maskTo(~uint64_t(0), into.width) << into.shift;
    result = int64_t((e.read(3, Type::B32) & ~mask) | (uint64_t(result) << into.shift & mask));
  }
  e.write(Type::B32, uint64_t(result));
  return true;
}

} // namespace

bool evaluateVideo(Evaluation &e) {
  llvm::StringRef name = e.opcode();
  if (!name.consume_front("v") || name == "ote")
    return false;
  if (name.consume_back("2"))
    return packedVideo(e, name, 2);
  if (name.consume_back("4"))
    return packedVideo(e, name, 4);
  return scalarVideo(e, name);
}

} // namespace ptxsim
