// NumPy's .npy files (format versions 1.0 to 3.0, C order, little endian): what `--arg` reads and `--out` writes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ptxsim {

struct Array {
  std::string type; ///< PTX spelling of the element: "f32", "bf16", "s8", ...
  std::vector<uint64_t> shape;
  std::vector<uint8_t> bytes;
  uint64_t elements() const;
};

/// Bytes of an element, or 0 for a type that arrays cannot have.
unsigned elementBytes(const std::string &type);

/// Throws std::runtime_error with the file's name for a file that is missing, truncated, or of another layout or dtype.
Array readNpy(const std::string &path);

/// bf16 and the 8-bit floats, which NumPy lacks, are written as unsigned integers of their size. Throws
/// std::runtime_error.
void writeNpy(const std::string &path, const Array &array);

} // namespace ptxsim
