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

bool scalarVideo(Evaluation &e, llvm::StringRef name) {
  const bool isSet = name == "set";
  const Type aType = e.type(isSet ? 0 : 1), bType = e.type(isSet ? 1 : 2);
  const bool resultSigned = !isSet && ptx::isSigned(e.type(0));
  auto operand = [&](size_t k, Type type) {
    const uint64_t bits = e.read(k, Type::B32);
    return ptx::isSigned(type) ? signExtend(bits, 32) : int64_t(bits);
  };
  int64_t result = 0;
  const int64_t a = operand(1, aType), b = operand(2, bType);
  if (name == "shl" || name == "shr") {
    const int64_t amount = e.has("wrap") ? b & 31 : std::min<int64_t>(maskTo(uint64_t(b), 32), 32);
    result = name == "shl" ? int64_t(uint64_t(a) << amount) : a >> amount;
  } else if (!apply(e, name, a, b, result)) {
    return false;
  }
  if (e.has("sat"))
    result = clampTo(result, 32, resultSigned);
  if (e.count() > 3) { // a second operation with c
    const int64_t c = resultSigned ? signExtend(e.read(3, Type::B32), 32) : int64_t(e.read(3, Type::B32));
    const int64_t first =
        resultSigned ? signExtend(maskTo(uint64_t(result), 32), 32) : int64_t(maskTo(uint64_t(result), 32));
    result = e.has("add") ? first + c : e.has("min") ? std::min(first, c) : std::max(first, c);
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
