#include "tool/NumberText.h"

#include "tool/Arguments.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace ptxsim {
namespace {

bool readFloat(const std::string &text, double &value) {
  char *end = nullptr;
  value = strtod(text.c_str(), &end);
  return end != text.c_str() && !*end;
}

/// An integer in decimal or, behind 0x, hexadecimal; `negative` tells the sign of what `magnitude` holds.
bool readInteger(const std::string &text, uint64_t &magnitude, bool &negative) {
  const char *start = text.c_str();
  negative = *start == '-';
  start += negative || *start == '+';
  if (*start < '0' || *start > '9')
    return false;
  char *end = nullptr;
  errno = 0;
  magnitude = strtoull(start, &end, start[0] == '0' && (start[1] == 'x' || start[1] == 'X') ? 16 : 10);
  return !*end && errno == 0;
}

template <class T> std::vector<uint8_t> bytesOf(T value, size_t count = sizeof(T)) {
  std::vector<uint8_t> bytes(sizeof value);
  memcpy(bytes.data(), &value, sizeof value);
  bytes.resize(count);
  return bytes;
}

/// bf16, rounded to nearest even.
uint16_t toBfloat(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (value != value)
    return 0x7fff;
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

} // namespace

bool isNumber(const std::string &text) {
  double value;
  uint64_t magnitude;
  bool negative;
  return readInteger(text, magnitude, negative) || readFloat(text, value);
}

std::vector<uint8_t> numberBytes(const std::string &where, const std::string &type, const std::string &text) {
  const unsigned bytes = elementBytes(type);
  double real = 0;
  if (type == "f32" || type == "f64" || type == "f16" || type == "bf16") {
    if (!readFloat(text, real))
      throw UsageError(where + ": '" + text + "' is no number");
    if (type == "f64")
      return bytesOf(real);
    if (type == "f32")
      return bytesOf(float(real));
    if (type == "f16")
      return bytesOf(_Float16(real));
    return bytesOf(toBfloat(float(real)));
  }
  uint64_t magnitude = 0;
  bool negative = false;
  if (!bytes)
    throw UsageError(where + ": a parameter of type '" + type + "' takes no plain number; use bytes:FILE");
  if (!readInteger(text, magnitude, negative)) {
    // PTX of kernels written in C++ has .f32 for float parameters, LLVM's has .b32 for all of them.
    if (readFloat(text, real) && type[0] == 'b')
      throw UsageError(where + ": the parameter is plain bits (" + type + "); say f32:" + text + " or f64:" + text);
    throw UsageError(where + ": '" + text + "' is no integer of 64 bits, the parameter is " + type);
  }
  const unsigned bits = bytes * 8;
  const uint64_t limit = bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  const bool fits = negative ? type[0] != 'u' && magnitude <= uint64_t(1) << (bits - 1)
                             : magnitude <= (type[0] == 's' ? limit >> 1 : limit);
  if (!fits)
    throw UsageError(where + ": " + text + " does not fit into " + type);
  return bytesOf(negative ? 0 - magnitude : magnitude, bytes);
}

} // namespace ptxsim
