// The .npy format: "\x93NUMPY", two version bytes, the length of the header, the header (a Python dictionary), the
// data.
#include "tools/interp/Npy.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

namespace mlir::motley::interp {

static constexpr StringLiteral kMagic("\x93NUMPY");

static llvm::Error malformed(const std::string &path, const llvm::Twine &what) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), "%s: %s", path.c_str(), what.str().c_str());
}

/// What follows `'key':` in the header, up to one of the characters of `end`.
static StringRef entryOf(StringRef header, StringRef key, StringRef end) {
  StringRef rest = header.split(("'" + key + "':").str()).second.ltrim();
  return rest.take_until([&](char c) { return end.contains(c); });
}

static bool parseShape(StringRef text, SmallVectorImpl<int64_t> &shape) {
  SmallVector<StringRef> sizes;
  text.split(sizes, ',', -1, /*KeepEmpty=*/false);
  for (StringRef size : sizes) {
    int64_t value;
    if (size.trim().empty())
      continue;
    if (size.trim().getAsInteger(10, value) || value < 0)
      return false;
    shape.push_back(value);
  }
  return true;
}

template <typename Stored> static Stored load(const char *data) {
  Stored value;
  std::memcpy(&value, data, sizeof(Stored));
  return value;
}

static void convert(StringRef type, size_t elementBytes, const char *data, Tensor &tensor) {
  for (int64_t i = 0; i < tensor.numElements(); ++i, data += elementBytes) {
    if (type == "<f8")
      tensor.floats[i] = load<double>(data);
    else if (type == "<f4")
      tensor.floats[i] = load<float>(data);
    else if (type == "<i8")
      tensor.ints[i] = load<int64_t>(data);
    else if (type == "<i4")
      tensor.ints[i] = load<int32_t>(data);
    else
      tensor.ints[i] = load<uint8_t>(data);
  }
}

llvm::Expected<Tensor> readNpy(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return malformed(path, file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  if (!bytes.starts_with(kMagic) || bytes.size() < 12)
    return malformed(path, "is not an .npy file");
  bool isFirstVersion = bytes[6] == 1;
  size_t headerBegin = isFirstVersion ? 10 : 12;
  size_t headerBytes = isFirstVersion ? llvm::support::endian::read16le(bytes.data() + 8)
                                      : llvm::support::endian::read32le(bytes.data() + 8);
  StringRef header = bytes.substr(headerBegin, headerBytes);
  StringRef type = entryOf(header, "descr", ",").trim().trim('\'');
  size_t elementBytes = llvm::StringSwitch<size_t>(type)
                            .Cases({"<f8", "<i8"}, 8)
                            .Cases({"<f4", "<i4"}, 4)
                            .Cases({"|b1", "|u1"}, 1)
                            .Default(0);
  if (!elementBytes)
    return malformed(path, "holds elements of type '" + type + "', expected f32, f64, i32, i64 or bool, little endian");
  if (!entryOf(header, "fortran_order", ",}").trim().starts_with("False"))
    return malformed(path, "is in Fortran order; save it after numpy.ascontiguousarray");
  SmallVector<int64_t> shape;
  if (!parseShape(entryOf(header, "shape", ")").ltrim(" ("), shape))
    return malformed(path, "has a malformed shape");

  StringRef data = bytes.substr(std::min(bytes.size(), headerBegin + headerBytes));
  size_t expectedBytes = elementBytes;
  for (int64_t size : shape)
    if (__builtin_mul_overflow(expectedBytes, size_t(size), &expectedBytes))
      return malformed(path, "has a shape too large for any memory");
  if (data.size() != expectedBytes)
    return malformed(path, "holds " + llvm::Twine(data.size()) + " bytes of data, its shape needs " +
                               llvm::Twine(expectedBytes));
  Tensor tensor = type.contains('f') ? Tensor::ofFloats(shape) : Tensor::ofInts(shape);
  convert(type, elementBytes, data.data(), tensor);
  return tensor;
}

llvm::Error writeNpy(const std::string &path, const Tensor &tensor) {
  std::string header;
  llvm::raw_string_ostream text(header);
  text << "{'descr': '" << (tensor.isFloat ? "<f8" : "<i8") << "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.shape)
    text << size << ",";
  text << "), }";
  constexpr size_t prefixBytes = 10, alignment = 64;
  while ((prefixBytes + header.size() + 1) % alignment)
    header += ' ';
  header += '\n';

  if (std::error_code error = llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path)))
    return malformed(path, error.message());
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  if (error)
    return malformed(path, error.message());
  char headerBytes[2];
  llvm::support::endian::write16le(headerBytes, header.size());
  os << kMagic << StringRef("\1\0", 2) << StringRef(headerBytes, 2) << header;
  const void *data = tensor.isFloat ? static_cast<const void *>(tensor.floats.data()) : tensor.ints.data();
  os.write(static_cast<const char *>(data), tensor.numElements() * 8);
  os.close();
  if (os.has_error())
    return malformed(path, os.error().message());
  return llvm::Error::success();
}

} // namespace mlir::motley::interp
