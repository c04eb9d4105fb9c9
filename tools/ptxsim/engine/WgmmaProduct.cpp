// Operands are first copied as they are packed (lines of 32 bytes along k, or rows of one k), then widened to floats
// and multiplied as one 64 x N tile; see engine/MatrixArithmetic.h for the rounding. Accumulators of D: thread 32 w + 4
// g + t holds elements 8 j + 2 t and the next one of rows 16 w + g and 16 w + g + 8 (PTX ISA 9.0, 9.7.15.5.1.1).
#include "engine/WgmmaProduct.h"

#include "engine/MatrixArithmetic.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ptxsim {

using ptx::Type;

namespace {

constexpr unsigned kStride = 256; ///< of the tiles of B and D, in elements

struct Tiles {
  alignas(64) uint8_t packedA[64 * 32], packedB[256 * 32];
  alignas(64) float a[64 * 32], b[32 * kStride], lines[256 * 32], d[16 * kStride];
  bool undefinedRow[64], undefinedColumn[256];
};

/// Too big for a fiber's stack, and needed only while a product is computed, which nothing interrupts.
Tiles &tiles() {
  static thread_local Tiles instance;
  return instance;
}

void copyChunks(const uint8_t *shared, const OperandChunks &chunks, uint8_t *packed) {
  for (uint32_t i = 0; i < chunks.count; ++i)
    memcpy(packed + 16 * i, shared + chunks.address[i], 16);
}

/// Sets undefined[line] for the lines that have an undefined bit.
void findUndefined(const uint8_t *sharedShadow, const OperandChunks &chunks, bool mnMajor, uint32_t lines,
                   bool *undefined) {
  std::fill(undefined, undefined + lines, false);
  for (uint32_t i = 0; i < chunks.count; ++i) {
    uint16_t defined[8];
    memcpy(defined, sharedShadow + chunks.address[i], 16);
    for (uint32_t j = 0; j < 8; ++j)
      if (defined[j] != 0xffff)
        undefined[mnMajor ? i % (lines / 8) * 8 + j : i / 2] = true;
  }
}

void copyRegisters(const WgmmaRegisters &registers, bool poison, Tiles &t) {
  auto *words = reinterpret_cast<uint32_t *>(t.packedA);
  for (unsigned r = 0; r < 4; ++r)
    for (unsigned thread = 0; thread < 128; ++thread) {
      unsigned row = thread / 32 * 16 + thread % 32 / 4 + r % 2 * 8;
      words[row * 8 + thread % 4 + r / 2 * 4] = registers.value[r][thread];
    }
  if (!poison)
    return;
  std::fill(std::begin(t.undefinedRow), std::end(t.undefinedRow), false);
  for (unsigned r = 0; r < 4; ++r)
    for (unsigned thread = 0; thread < 128; ++thread)
      if (registers.shadow[r][thread])
        t.undefinedRow[thread / 32 * 16 + thread % 32 / 4 + r % 2 * 8] = true;
}

void fetchOperands(const WgmmaKind &kind, const WgmmaOperands &operands, Tiles &t) {
  bool poison = operands.shadowResults != 0;
  if (kind.registersA) {
    copyRegisters(*operands.registersA, poison, t);
  } else {
    copyChunks(operands.shared, *operands.chunksA, t.packedA);
    if (poison)
      findUndefined(operands.sharedShadow, *operands.chunksA, kind.mnMajorA, 64, t.undefinedRow);
  }
  copyChunks(operands.shared, *operands.chunksB, t.packedB);
  if (poison)
    findUndefined(operands.sharedShadow, *operands.chunksB, kind.mnMajorB, kind.n, t.undefinedColumn);
}

/// packedA and packedB to a (64 rows of k) and b (k rows of kStride).
void widenOperands(const WgmmaKind &kind, Tiles &t) {
  if (kind.mnMajorA) {
    widen(kind.a, t.packedA, t.lines, 64 * kind.k);
    transpose(t.lines, t.a, kind.k, 64, kind.k);
  } else {
    widen(kind.a, t.packedA, t.a, 64 * kind.k);
  }
  if (kind.negate)
    for (unsigned i = 0; i < 64 * kind.k; ++i)
      t.a[i] = -t.a[i];
  if (kind.mnMajorB) {
    for (unsigned k = 0; k < kind.k; ++k)
      widen(kind.b, t.packedB + k * kind.n * 2, t.b + k * kStride, kind.n);
  } else {
    widen(kind.b, t.packedB, t.lines, kind.n * kind.k);
    transpose(t.lines, t.b, kind.n, kind.k, kStride);
  }
}

unsigned firstRow(unsigned thread) { return thread / 32 * 16 + thread % 32 / 4; }

// The following work on the 16 rows of one warp.

void loadAccumulators(const WgmmaKind &kind, uint64_t *const *banks, float *d) {
  for (unsigned lane = 0; lane < 32; ++lane) {
    float *row = d + lane / 4 * kStride + lane % 4 * 2;
    if (!banks[lane])
      continue;
    if (kind.d != Type::F16) {
      loadBank(banks[lane], row, 8 * kStride, kind.n / 2);
      continue;
    }
    uint32_t packed[64];
    alignas(64) float floats[128];
    for (unsigned slot = 0; slot < kind.n / 4; ++slot)
      packed[slot] = uint32_t(banks[lane][slot]);
    widen(Type::F16, packed, floats, (kind.n / 2 + 7) / 8 * 8);
    for (unsigned e = 0; e < kind.n / 2; ++e)
      row[e / 4 * 8 + e % 4 / 2 * 8 * kStride + e % 2] = floats[e];
  }
}

void storeAccumulators(const WgmmaKind &kind, uint64_t *const *banks, const float *d) {
  for (unsigned lane = 0; lane < 32; ++lane) {
    const float *row = d + lane / 4 * kStride + lane % 4 * 2;
    if (!banks[lane])
      continue;
    if (kind.d != Type::F16) {
      storeBank(banks[lane], row, 8 * kStride, kind.n / 2);
      continue;
    }
    alignas(64) float floats[128];
    uint16_t halves[128];
    for (unsigned e = 0; e < kind.n / 2; ++e)
      floats[e] = row[e / 4 * 8 + e % 4 / 2 * 8 * kStride + e % 2];
    narrowToHalf(floats, halves, kind.n / 2);
    for (unsigned slot = 0; slot < kind.n / 4; ++slot)
      banks[lane][slot] = halves[2 * slot] | uint32_t(halves[2 * slot + 1]) << 16;
  }
}

void addIntegers(const WgmmaKind &kind, bool accumulate, uint64_t *const *banks, const float *sums) {
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned e = 0; banks[lane] && e < kind.n / 2; ++e) {
      unsigned row = lane / 4 + e % 4 / 2 * 8, column = e / 4 * 8 + lane % 4 * 2 + e % 2;
      int64_t total = int64_t(sums[row * kStride + column]) + (accumulate ? int32_t(banks[lane][e]) : 0);
      if (kind.saturate)
        total = std::clamp<int64_t>(total, INT32_MIN, INT32_MAX);
      banks[lane][e] = uint32_t(total);
    }
}

void countBits(const uint8_t *packedA, const uint8_t *packedB, unsigned columns, float *sums) {
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned column = 0; column < columns; ++column) {
      uint64_t a[4], b[4];
      memcpy(a, packedA + row * 32, 32);
      memcpy(b, packedB + column * 32, 32);
      unsigned count = 0;
      for (unsigned i = 0; i < 4; ++i)
        count += std::popcount(a[i] & b[i]);
      sums[row * kStride + column] = count;
    }
}

/// An element of D is undefined if its row of A, its column of B or, when accumulating, its old value is.
void spreadPoison(const WgmmaKind &kind, const WgmmaOperands &operands, const Tiles &t) {
  bool halves = kind.d == Type::F16;
  for (unsigned thread = 0; thread < 128; ++thread) {
    uint64_t *bank = operands.out[thread];
    if (!bank)
      continue;
    for (unsigned e = 0; e < kind.n / 2; ++e) {
      unsigned row = firstRow(thread) + e % 4 / 2 * 8, column = e / 4 * 8 + thread % 4 * 2 + e % 2;
      uint64_t &shadow = bank[operands.shadowResults + (halves ? e / 2 : e)];
      uint64_t mask = !halves ? 0xffffffff : e % 2 ? 0xffff0000 : 0xffff;
      bool undefined =
          t.undefinedRow[row] || t.undefinedColumn[column] || (operands.accumulate && (shadow & mask) != 0);
      shadow = undefined ? shadow | mask : shadow & ~mask;
    }
  }
}

} // namespace

void multiplyWarpgroup(const WgmmaKind &kind, const WgmmaOperands &operands) {
  Tiles &t = tiles();
  fetchOperands(kind, operands, t);
  bool bits = kind.a == Type::B1, integers = kind.d == Type::S32;
  if (!bits)
    widenOperands(kind, t);
  for (unsigned warp = 0; warp < 4; ++warp) {
    uint64_t *const *banks = operands.out + 32 * warp;
    if (operands.accumulate && !integers)
      loadAccumulators(kind, banks, t.d);
    else
      memset(t.d, 0, sizeof t.d);
    if (bits)
      countBits(t.packedA + 16 * warp * 32, t.packedB, kind.n, t.d);
    else
      multiplyWide(t.a + 16 * warp * kind.k, t.b, t.d, kind.n, kStride, kind.k);
    if (integers)
      addIntegers(kind, operands.accumulate, banks, t.d); // exact: 32 products below 2^16
    else
      storeAccumulators(kind, banks, t.d);
  }
  if (operands.shadowResults)
    spreadPoison(kind, operands, t);
}

} // namespace ptxsim
