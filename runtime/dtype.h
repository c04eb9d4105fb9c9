// Element types that cross the runtime's borders, under their manifest and safetensors names.
#ifndef MOTLEY_RUNTIME_DTYPE_H
#define MOTLEY_RUNTIME_DTYPE_H

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace motley::runtime {

enum class DType { I1, I8, I32, I64, BF16, F16, F32, F64 };

using Shape = std::vector<int64_t>;

inline const char *dtypeName(DType dtype) {
  static const char *const names[] = {"i1", "i8", "i32", "i64", "bf16", "f16", "f32", "f64"};
  return names[static_cast<int>(dtype)];
}

inline std::optional<DType> dtypeFromName(std::string_view name) {
  for (DType dtype : {DType::I1, DType::I8, DType::I32, DType::I64, DType::BF16, DType::F16, DType::F32, DType::F64})
    if (name == dtypeName(dtype))
      return dtype;
  return std::nullopt;
}

inline int64_t dtypeBytes(DType dtype) {
  static const int64_t sizes[] = {1, 1, 4, 8, 2, 2, 4, 8};
  return sizes[static_cast<int>(dtype)];
}

inline bool isFloat(DType dtype) { return dtype >= DType::BF16; }

/// "[2, 3]", for messages.
inline std::string shapeText(const Shape &shape) {
  std::string text = "[";
  for (size_t axis = 0; axis < shape.size(); ++axis)
    text += (axis ? ", " : "") + std::to_string(shape[axis]);
  return text + "]";
}

/// Number of elements, or nothing when an extent is negative or the product does not fit 62 bits.
inline std::optional<int64_t> elementCount(const Shape &shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count) || count > (int64_t(1) << 62))
      return std::nullopt;
  }
  return count;
}

inline float bf16ToFloat(uint16_t bits) {
  uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// Round to nearest, ties to even; a NaN stays a NaN.
inline uint16_t floatToBf16(float value) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  if ((word & 0x7fffffffu) > 0x7f800000u)
    return uint16_t(word >> 16 | 0x40u);
  return uint16_t((word + 0x7fffu + (word >> 16 & 1u)) >> 16);
}

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_DTYPE_H
