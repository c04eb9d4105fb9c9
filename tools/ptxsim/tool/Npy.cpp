#include "tool/Npy.h"

#include "tool/ReadFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace ptxsim {
namespace {

struct ElementType {
  const char *name;
  unsigned bytes;
  const char *descr; // NumPy's spelling
};
// The first row with a descr is what reading it gives.
constexpr ElementType elementTypes[] = {
    {"f32", 4, "<f4"}, {"f64", 8, "<f8"},  {"f16", 2, "<f2"},  {"s8", 1, "|i1"},   {"u8", 1, "|u1"},
    {"s16", 2, "<i2"}, {"u16", 2, "<u2"},  {"s32", 4, "<i4"},  {"u32", 4, "<u4"},  {"s64", 8, "<i8"},
    {"u64", 8, "<u8"}, {"u8", 1, "|b1"},   {"b8", 1, "|u1"},   {"b16", 2, "<u2"},  {"b32", 4, "<u4"},
    {"b64", 8, "<u8"}, {"bf16", 2, "<u2"}, {"tf32", 4, "<f4"}, {"e4m3", 1, "|u1"}, {"e5m2", 1, "|u1"},
};

[[noreturn]] void fail(const std::string &path, const std::string &message) {
  throw std::runtime_error(path + ": " + message);
}

/// The product of the dimensions times `bytes`, or an error where it overflows.
uint64_t byteCount(const std::string &path, const std::vector<uint64_t> &shape, uint64_t bytes) {
  for (uint64_t dimension : shape) {
    if (dimension && bytes > std::numeric_limits<uint64_t>::max() / 4 / dimension)
      fail(path, "its shape has more elements than memory can hold");
    bytes *= dimension;
  }
  return bytes;
}

/// NumPy's own limit for headers that it trusts is 10,000 bytes.
constexpr size_t kMostHeaderBytes = 64 << 10;

std::string excerpt(const std::string &text) { return text.size() <= 80 ? text : text.substr(0, 80) + "..."; }

constexpr const char *kBlank = " \t\n";

/// What stands behind 'key': in the header's dictionary, without leading blanks; empty where the key is missing.
std::string valueOf(const std::string &header, const char *key) {
  const std::string quoted = std::string("'") + key + "'";
  size_t at = header.find(quoted);
  if (at == std::string::npos)
    return "";
  at = header.find_first_not_of(kBlank, at + quoted.size());
  if (at == std::string::npos || header[at] != ':')
    return "";
  at = header.find_first_not_of(kBlank, at + 1);
  return at == std::string::npos ? "" : header.substr(at);
}

std::string readDescr(const std::string &path, const std::string &header) {
  const std::string value = valueOf(header, "descr");
  const size_t end = value.find('\'', 1);
  if (value.empty() || value[0] != '\'' || end == std::string::npos)
    fail(path, "has no plain dtype (structured arrays are not read)");
  return value.substr(1, end - 1);
}

/// A tuple of non-negative decimal integers: (), (3,), (3, 4), (3, 4,).
std::vector<uint64_t> readShape(const std::string &path, const std::string &header) {
  std::string value = valueOf(header, "shape");
  if (value.empty())
    fail(path, "has no shape in its header");
  const size_t close = value.find(')');
  if (close != std::string::npos)
    value.resize(close + 1);
  auto refuse = [&] {
    fail(path, "has the shape '" + excerpt(value) + "', expected a tuple of non-negative integers");
  };
  if (value[0] != '(' || close == std::string::npos)
    refuse();
  std::vector<uint64_t> shape;
  size_t at = value.find_first_not_of(kBlank, 1);
  bool comma = false;
  while (at != close) {
    const size_t end = value.find_first_not_of("0123456789", at);
    if (end == at || end - at > 18 || (!shape.empty() && !comma))
      refuse();
    shape.push_back(std::stoull(value.substr(at, end - at)));
    at = value.find_first_not_of(kBlank, end);
    comma = value[at] == ',';
    if (comma)
      at = value.find_first_not_of(kBlank, at + 1);
  }
  if (shape.size() == 1 && !comma) // (3) is a number in Python
    refuse();
  return shape;
}

bool readFortranOrder(const std::string &path, const std::string &header) {
  const std::string value = valueOf(header, "fortran_order");
  const bool isTrue = value.rfind("True", 0) == 0;
  if (!isTrue && value.rfind("False", 0) != 0)
    fail(path, "does not say in its header whether it is in Fortran order");
  return isTrue;
}

} // namespace

uint64_t Array::elements() const {
  uint64_t count = 1;
  for (uint64_t dimension : shape)
    count *= dimension;
  return count;
}

unsigned elementBytes(const std::string &type) {
  for (const ElementType &row : elementTypes)
    if (type == row.name)
      return row.bytes;
  return 0;
}

Array readNpy(const std::string &path) {
  const std::string data = readFile(path, kMostArray);
  if (data.size() < 10 || data.compare(0, 6, "\x93NUMPY") != 0)
    fail(path, "is no .npy file: it does not begin with NumPy's magic bytes");
  const unsigned major = uint8_t(data[6]);
  if (major < 1 || major > 3)
    fail(path, "has .npy format version " + std::to_string(major) + ", known are 1 to 3");
  const size_t lengthBytes = major == 1 ? 2 : 4;
  size_t headerLength = 0;
  if (data.size() < 8 + lengthBytes)
    fail(path, "is truncated in its header");
  for (size_t k = 0; k < lengthBytes; ++k)
    headerLength |= size_t(uint8_t(data[8 + k])) << 8 * k;
  if (headerLength > kMostHeaderBytes)
    fail(path, "has a header of " + std::to_string(headerLength) + " bytes, at most " +
                   std::to_string(kMostHeaderBytes) + " are read");
  const size_t start = 8 + lengthBytes + headerLength;
  if (start > data.size())
    fail(path, "is truncated in its header");
  const std::string header = data.substr(8 + lengthBytes, headerLength);

  const std::string descr = readDescr(path, header);
  if (readFortranOrder(path, header))
    fail(path, "is in Fortran order; save numpy.ascontiguousarray of it");
  Array array;
  array.shape = readShape(path, header);
  unsigned bytes = 0;
  for (const ElementType &row : elementTypes)
    if (descr == row.descr) {
      array.type = row.name;
      bytes = row.bytes;
      break;
    }
  if (!bytes)
    fail(path,
         "has dtype '" + excerpt(descr) + "'; read are little-endian integers, bool, float16, float32 and float64");
  const uint64_t expected = byteCount(path, array.shape, bytes);
  if (data.size() - start != expected)
    fail(path, "holds " + std::to_string(data.size() - start) + " bytes of data, its shape needs " +
                   std::to_string(expected));
  array.bytes.assign(data.begin() + start, data.end());
  return array;
}

void writeNpy(const std::string &path, const Array &array) {
  const char *descr = nullptr;
  for (const ElementType &row : elementTypes)
    if (array.type == row.name)
      descr = row.descr;
  if (!descr)
    fail(path, "arrays of '" + array.type + "' cannot be written");
  std::string shape;
  for (uint64_t dimension : array.shape)
    shape += std::to_string(dimension) + ", ";
  std::string header = std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // The data starts at a multiple of 64 bytes, the header ends with a newline.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  const std::string temporary = path + ".partial";
  std::ofstream file(temporary, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8);
  file.put(char(header.size() & 255)).put(char(header.size() >> 8));
  file.write(header.data(), header.size());
  file.write(reinterpret_cast<const char *>(array.bytes.data()), array.bytes.size());
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0)
    fail(path, std::string("cannot be written: ") + strerror(errno));
}

} // namespace ptxsim
