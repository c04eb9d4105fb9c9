// The loops are written for clang's vectoriser; each function is compiled for three levels of x86-64.
#include "engine/MatrixArithmetic.h"

#include <bit>
#include <cstring>

namespace ptxsim {

namespace {

typedef float Float8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Float16 __attribute__((vector_size(64), aligned(4), may_alias));

typedef uint32_t Words4 __attribute__((vector_size(16)));
typedef uint64_t Slots4 __attribute__((vector_size(32), aligned(8), may_alias));

// A small float format's exponent and mantissa, shifted to a float's place, is the value but for a power of two, also
// when it is subnormal.
inline float halfToFloat(uint32_t bits) {
  uint32_t magnitude = bits & 0x7fff;
  uint32_t scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f);
  uint32_t special = magnitude << 13 | 0x7f800000;
  return std::bit_cast<float>((magnitude >= 0x7c00 ? special : scaled) | (bits & 0x8000) << 16);
}

inline float e4m3ToFloat(uint32_t bits) {
  uint32_t magnitude = bits & 0x7f;
  uint32_t scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude << 20) * 0x1p120f);
  return std::bit_cast<float>((magnitude == 0x7f ? 0x7fc00000 : scaled) | (bits & 0x80) << 24);
}

inline uint16_t floatToHalf(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  // Normal results: rebias, and round by carry into the exponent.
  uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // Subnormal results: adding 0.5 shifts the mantissa so that the addition itself rounds at 2^-24.
  uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
  uint32_t result = magnitude < 0x38800000 ? subnormal : normal;
  result = magnitude >= 0x477ff000 ? 0x7c00 : result; // 65520 and more round to infinity
  result |= sign;
  return magnitude > 0x7f800000 ? kNanF16 : result;
}

PTXSIM_VECTOR_CLONES void widenF16(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = halfToFloat(from[i]);
}

PTXSIM_VECTOR_CLONES void widenBf16(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = std::bit_cast<float>(uint32_t(from[i]) << 16);
}

PTXSIM_VECTOR_CLONES void widenTf32(const uint32_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = std::bit_cast<float>(from[i] & 0xffffe000);
}

PTXSIM_VECTOR_CLONES void widenE4m3(const uint8_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = e4m3ToFloat(from[i]);
}

PTXSIM_VECTOR_CLONES void widenE5m2(const uint8_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = halfToFloat(uint32_t(from[i]) << 8);
}

PTXSIM_VECTOR_CLONES void widenS8(const int8_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = from[i];
}

PTXSIM_VECTOR_CLONES void widenU8(const uint8_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = from[i];
}

PTXSIM_VECTOR_CLONES void widenS4(const uint8_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i += 2) {
    to[i] = int8_t(from[i / 2] << 4) >> 4;
    to[i + 1] = int8_t(from[i / 2]) >> 4;
  }
}

PTXSIM_VECTOR_CLONES void widenU4(const uint8_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i += 2) {
    to[i] = from[i / 2] & 15;
    to[i + 1] = from[i / 2] >> 4;
  }
}

} // namespace

void widen(ptx::Type type, const void *packed, float *to, size_t count) {
  auto *halves = static_cast<const uint16_t *>(packed);
  auto *bytes = static_cast<const uint8_t *>(packed);
  switch (type) {
  case ptx::Type::F16:
    return widenF16(halves, to, count);
  case ptx::Type::BF16:
    return widenBf16(halves, to, count);
  case ptx::Type::TF32:
    return widenTf32(static_cast<const uint32_t *>(packed), to, count);
  case ptx::Type::E4M3:
    return widenE4m3(bytes, to, count);
  case ptx::Type::E5M2:
    return widenE5m2(bytes, to, count);
  case ptx::Type::S8:
    return widenS8(reinterpret_cast<const int8_t *>(bytes), to, count);
  case ptx::Type::U8:
    return widenU8(bytes, to, count);
  case ptx::Type::S4:
    return widenS4(bytes, to, count);
  case ptx::Type::U4:
    return widenU4(bytes, to, count);
  default:
    __builtin_unreachable(); // the binders let no other type through
  }
}

PTXSIM_VECTOR_CLONES void narrowToHalf(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; ++i)
    to[i] = floatToHalf(from[i]);
}

PTXSIM_VECTOR_CLONES void multiplyBlocks(const float *a, const float *b, float *c, unsigned rowBlocks,
                                         unsigned columnBlocks, unsigned depth) {
  const size_t k = depth;
  for (unsigned columnBlock = 0; columnBlock < columnBlocks; ++columnBlock, b += 8 * k)
    for (unsigned rowBlock = 0; rowBlock < rowBlocks; ++rowBlock, c += 64) {
      const float *rows = a + rowBlock * 8 * k;
      Float8 sums[8];
      memcpy(sums, c, sizeof sums);
      for (size_t step = 0; step < k; ++step) {
        Float8 column = *reinterpret_cast<const Float8 *>(b + 8 * step);
#pragma clang loop unroll(full)
        for (size_t row = 0; row < 8; ++row)
          sums[row] = rows[row * k + step] * column + sums[row];
      }
      memcpy(c, sums, sizeof sums);
    }
}

PTXSIM_VECTOR_CLONES double fusedSum(const double *a, const double *b, double c, unsigned k) {
#pragma STDC FENV_ACCESS ON
  for (unsigned i = 0; i < k; ++i)
    c = __builtin_fma(a[i], b[i], c);
  return c;
}

PTXSIM_VECTOR_CLONES void multiplyWide(const float *a, const float *b, float *c, unsigned columns, unsigned width,
                                       unsigned depth) {
  constexpr size_t kRows = 8;
  const size_t k = depth, stride = width;
  for (size_t column = 0; column < columns; column += 16)
    for (size_t row = 0; row < 16; row += kRows) {
      Float16 sums[kRows];
#pragma clang loop unroll(full)
      for (size_t r = 0; r < kRows; ++r)
        sums[r] = *reinterpret_cast<const Float16 *>(c + (row + r) * stride + column);
      for (size_t step = 0; step < k; ++step) {
        Float16 line = *reinterpret_cast<const Float16 *>(b + step * stride + column);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < kRows; ++r)
          sums[r] = a[(row + r) * k + step] * line + sums[r];
      }
#pragma clang loop unroll(full)
      for (size_t r = 0; r < kRows; ++r)
        *reinterpret_cast<Float16 *>(c + (row + r) * stride + column) = sums[r];
    }
}

PTXSIM_VECTOR_CLONES void loadLanes(const uint64_t *const *lanes, uint32_t first, uint32_t *blocks) {
  for (size_t lane = 0; lane < 32; ++lane) {
    Words4 words = __builtin_convertvector(*reinterpret_cast<const Slots4 *>(lanes[lane] + first), Words4);
    memcpy(blocks + 2 * lane, &words, 8);
    memcpy(blocks + 64 + 2 * lane, reinterpret_cast<const char *>(&words) + 8, 8);
  }
}

PTXSIM_VECTOR_CLONES void storeLanes(uint64_t *const *lanes, uint32_t first, const uint32_t *blocks, bool numbers) {
  const Words4 nan = {kNanF32, kNanF32, kNanF32, kNanF32}, all = {~0u, ~0u, ~0u, ~0u};
  const Words4 finite = numbers ? Words4{0x7f800000, 0x7f800000, 0x7f800000, 0x7f800000} : all;
  for (size_t lane = 0; lane < 32; ++lane) {
    Words4 words;
    memcpy(&words, blocks + 2 * lane, 8);
    memcpy(reinterpret_cast<char *>(&words) + 8, blocks + 64 + 2 * lane, 8);
    Words4 isNan = (words & 0x7fffffff) > finite;
    words = (isNan & nan) | (~isNan & words);
    *reinterpret_cast<Slots4 *>(lanes[lane] + first) = __builtin_convertvector(words, Slots4);
  }
}

PTXSIM_VECTOR_CLONES void loadBank(const uint64_t *bank, float *row, unsigned below, unsigned slots) {
  for (size_t slot = 0; slot < slots; slot += 4, row += 8) {
    Words4 words = __builtin_convertvector(*reinterpret_cast<const Slots4 *>(bank + slot), Words4);
    memcpy(row, &words, 8);
    memcpy(row + below, reinterpret_cast<const char *>(&words) + 8, 8);
  }
}

PTXSIM_VECTOR_CLONES void storeBank(uint64_t *bank, const float *row, unsigned below, unsigned slots) {
  const Words4 nan = {kNanF32, kNanF32, kNanF32, kNanF32};
  for (size_t slot = 0; slot < slots; slot += 4, row += 8) {
    Words4 words;
    memcpy(&words, row, 8);
    memcpy(reinterpret_cast<char *>(&words) + 8, row + below, 8);
    Words4 isNan = (words & 0x7fffffff) > 0x7f800000;
    words = (isNan & nan) | (~isNan & words);
    *reinterpret_cast<Slots4 *>(bank + slot) = __builtin_convertvector(words, Slots4);
  }
}

PTXSIM_VECTOR_CLONES void transpose(const float *from, float *to, unsigned lines, unsigned k, unsigned stride) {
  for (unsigned line = 0; line < lines; line += 8)
    for (unsigned step = 0; step < k; ++step)
#pragma clang loop unroll(full)
      for (unsigned i = 0; i < 8; ++i)
        to[step * stride + line + i] = from[(line + i) * k + step];
}

void blockColumns(const float *lines, float *to, unsigned columnBlocks, unsigned k) {
  for (unsigned block = 0; block < columnBlocks; ++block)
    transpose(lines + block * 8 * k, to + block * 8 * k, 8, k, 8);
}

} // namespace ptxsim
