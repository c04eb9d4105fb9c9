// Descriptors of every swizzle and major against the canonical layouts written as coordinates and strides, and products
// of a warpgroup against a plain triple loop.
#include "MatrixReference.h"
#include "engine/WgmmaDescriptor.h"
#include "engine/WgmmaProduct.h"

#include <gtest/gtest.h>
#include <set>

using namespace ptxsim;
using namespace ptxsim::test;
using ptx::Type;

namespace {

constexpr unsigned kLow = 1024, kHigh = 227 * 1024;

struct Layout {
  unsigned mode = 0; ///< the descriptor's code: 0 none, 1 128, 2 64, 3 32 bytes
  bool mnMajor = false;
  unsigned start = 0, leading = 0, stride = 0, baseOffset = 0;

  uint64_t descriptor() const {
    return uint64_t(start / 16) | uint64_t(leading / 16) << 16 | uint64_t(stride / 16) << 32 |
           uint64_t(baseOffset) << 49 | uint64_t(mode) << 62;
  }
};

/// The byte of bit 0 of element (line, k), with T elements to 16 bytes (PTX ISA 9.0, tables of canonical layouts):
///   MN-major  none ((T,1,m),(8,k)):((1,T,SBO),(1T,LBO))    128 ((T,8,m),(8,k)):((1,T,LBO),(8T,SBO)), 64 and 32 alike
///   K-major   none ((8,m),(T,2k)):((1T,SBO),(1,LBO))       128 ((8,m),(T,2k)):((8T,SBO),(1,T)), 64 and 32 alike
/// then the xor of address bits 4-6, 4-5 or 4 with bits 7 and up, counted from the pattern's start.
unsigned addressOf(const Layout &layout, unsigned line, unsigned k, unsigned bits) {
  unsigned T = 128 / bits, offset; // in elements, but for LBO and SBO, which are bytes
  unsigned bytes;
  auto inBytes = [&](unsigned elements) { return elements * bits / 8; };
  unsigned W = layout.mode == 1 ? 8 : layout.mode == 2 ? 4 : layout.mode == 3 ? 2 : 1;
  if (!layout.mnMajor && layout.mode == 0) {
    offset = line % 8 * T + k % T;
    bytes = line / 8 * layout.stride + k / T * layout.leading;
  } else if (!layout.mnMajor) {
    offset = line % 8 * W * T + k % T + k / T * T;
    bytes = line / 8 * layout.stride;
  } else if (layout.mode == 0) {
    offset = line % T + k % 8 * T;
    bytes = line / T * layout.stride + k / 8 * layout.leading;
  } else {
    offset = line % T + line / T % W * T + k % 8 * W * T;
    bytes = line / (T * W) * layout.leading + k / 8 * layout.stride;
  }
  unsigned address = layout.start + inBytes(offset) + bytes;
  unsigned pattern = address - layout.baseOffset * 128;
  unsigned mask = layout.mode == 1 ? 0x70 : layout.mode == 2 ? 0x30 : layout.mode == 3 ? 0x10 : 0;
  return address ^ ((pattern >> 3) & mask);
}

/// Strides that pack the operand tightly, somewhere in shared memory.
Layout packed(unsigned mode, bool mnMajor, unsigned lines, std::mt19937 &random) {
  Layout layout;
  layout.mode = mode;
  layout.mnMajor = mnMajor;
  unsigned W = mode == 1 ? 8 : mode == 2 ? 4 : mode == 3 ? 2 : 1;
  unsigned atom = 8 * W * 16;
  layout.start = kLow + random() % 64 * 1024;
  if (!mnMajor) {
    layout.stride = mode == 0 ? 256 : atom;
    layout.leading = mode == 0 ? 128 : 16;
    if (mode == 1)
      layout.start += random() % 4 * 32; // a later k of the same rows
  } else if (mode == 0) {
    layout.stride = 128;
    layout.leading = lines / 8 * 128;
  } else {
    layout.leading = 2 * atom;
    layout.stride = atom;
  }
  return layout;
}

struct Warpgroup {
  std::vector<uint8_t> shared, sharedShadow;
  std::vector<uint64_t> banks;
  uint64_t *out[128];
  WgmmaRegisters registers{};
  OperandChunks chunksA, chunksB;
  static constexpr unsigned kSlots = 128;

  Warpgroup() : shared(kHigh), sharedShadow(kHigh, 0xff), banks(128 * 2 * kSlots) {
    for (unsigned thread = 0; thread < 128; ++thread)
      out[thread] = banks.data() + thread * 2 * kSlots;
  }
  WgmmaOperands operands() {
    WgmmaOperands operands;
    operands.shared = shared.data();
    operands.sharedShadow = sharedShadow.data();
    operands.chunksA = &chunksA;
    operands.chunksB = &chunksB;
    operands.registersA = &registers;
    operands.out = out;
    return operands;
  }
  void put(unsigned address, unsigned bit, unsigned bits, uint64_t value) {
    uint64_t old = 0;
    memcpy(&old, &shared[address], bits < 8 ? 1 : bits / 8);
    uint64_t mask = ((1ull << bits) - 1) << bit;
    old = (old & ~mask) | value << bit;
    memcpy(&shared[address], &old, bits < 8 ? 1 : bits / 8);
  }
};

/// Element e of thread's accumulators (PTX ISA 9.0, figures of D's fragment).
std::pair<unsigned, unsigned> placeD(unsigned thread, unsigned e) {
  return {thread / 32 * 16 + thread % 32 / 4 + (e % 4 < 2 ? 0 : 8), e / 4 * 8 + thread % 4 * 2 + e % 2};
}

WgmmaKind kindOf(unsigned n, Type d, Type a, Type b) {
  WgmmaKind kind;
  kind.n = n, kind.k = 256 / elementBits(a);
  kind.d = d, kind.a = a, kind.b = b;
  kind.numD = d == Type::F16 ? n / 4 : n / 2;
  return kind;
}

uint64_t expected(const WgmmaKind &kind, bool accumulate, uint64_t old, const std::vector<uint64_t> &a,
                  const std::vector<uint64_t> &b) {
  if (kind.d == Type::S32) {
    int64_t sum = accumulate ? int32_t(old) : 0;
    for (unsigned k = 0; k < kind.k; ++k)
      sum += int64_t(decodeElement(kind.a, a[k]) * decodeElement(kind.b, b[k]));
    if (kind.saturate)
      sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
    return uint32_t(sum);
  }
  float sum = accumulate ? float(decodeElement(kind.d, old)) : 0;
  for (unsigned k = 0; k < kind.k; ++k) {
    float x = float(decodeElement(kind.a, a[k]));
    sum = std::fma(kind.negate ? -x : x, float(decodeElement(kind.b, b[k])), sum);
  }
  return kind.d == Type::F16 ? roundToHalf(sum) : std::isnan(sum) ? 0x7fffffff : std::bit_cast<uint32_t>(sum);
}

uint64_t getAccumulator(const WgmmaKind &kind, const uint64_t *bank, unsigned e) {
  return kind.d == Type::F16 ? bank[e / 2] >> (16 * (e % 2)) & 0xffff : uint32_t(bank[e]);
}

/// Fills, multiplies and compares one product.
void check(WgmmaKind kind, const Layout &layoutA, const Layout &layoutB, bool accumulate, bool special,
           std::mt19937 &random) {
  kind.mnMajorA = !kind.registersA && layoutA.mnMajor;
  kind.mnMajorB = layoutB.mnMajor;
  Warpgroup group;
  unsigned bits = elementBits(kind.a);
  std::vector<std::vector<uint64_t>> a(64, std::vector<uint64_t>(kind.k)), b(kind.n, std::vector<uint64_t>(kind.k));
  for (unsigned k = 0; k < kind.k; ++k) {
    for (unsigned row = 0; row < 64; ++row) {
      a[row][k] = randomElement(kind.a, random, special);
      if (!kind.registersA) {
        group.put(addressOf(layoutA, row, k, bits), k * bits % 8, bits, a[row][k]);
        continue;
      }
      // Row 16 w + g + 8 (r % 2), 32-bit word t + 4 (r / 2).
      unsigned word = k * bits / 32, thread = row / 16 * 32 + row % 8 * 4 + word % 4, r = row / 8 % 2 + word / 4 * 2;
      group.registers.value[r][thread] |= uint32_t(a[row][k] << k * bits % 32);
    }
    for (unsigned column = 0; column < kind.n; ++column) {
      b[column][k] = randomElement(kind.b, random, special);
      group.put(addressOf(layoutB, column, k, bits), k * bits % 8, bits, b[column][k]);
    }
  }
  std::vector<uint64_t> old(group.banks.size());
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned e = 0; e < kind.n / 2; ++e) {
      uint64_t value = kind.d == Type::S32 && random() % 2 ? 0x7fffffff : randomElement(kind.d, random, special);
      group.out[thread][kind.d == Type::F16 ? e / 2 : e] |= kind.d == Type::F16 ? value << (16 * (e % 2)) : value;
    }
  old = group.banks;
  uint64_t outside = 0;
  ASSERT_TRUE(kind.registersA || listChunks(MatrixDescriptor(layoutA.descriptor()), 64, layoutA.mnMajor, kLow, kHigh,
                                            group.chunksA, outside));
  ASSERT_TRUE(
      listChunks(MatrixDescriptor(layoutB.descriptor()), kind.n, layoutB.mnMajor, kLow, kHigh, group.chunksB, outside));
  WgmmaOperands operands = group.operands();
  operands.accumulate = accumulate;
  multiplyWarpgroup(kind, operands);
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned e = 0; e < kind.n / 2; ++e) {
      auto [row, column] = placeD(thread, e);
      const uint64_t *before = old.data() + thread * 2 * Warpgroup::kSlots;
      ASSERT_EQ(getAccumulator(kind, group.out[thread], e),
                expected(kind, accumulate, getAccumulator(kind, before, e), a[row], b[column]))
          << "row " << row << " column " << column;
    }
}

TEST(Wgmma, EveryLayout) {
  std::mt19937 random(1);
  for (unsigned modeA = 0; modeA < 4; ++modeA)
    for (unsigned modeB = 0; modeB < 4; ++modeB)
      for (unsigned majors = 0; majors < 4; ++majors) {
        SCOPED_TRACE("modes " + std::to_string(modeA) + " " + std::to_string(modeB) + " majors " +
                     std::to_string(majors));
        // MN-major rows of 128 bytes take 64 lines.
        unsigned n = 64 * (1 + random() % 4);
        Layout a = packed(modeA, majors & 1, 64, random), b = packed(modeB, majors & 2, n, random);
        a.start += 100 * 1024; // apart from B
        b.start = kLow + (b.start - kLow) % 65536;
        check(kindOf(n, Type::F32, Type::BF16, Type::BF16), a, b, true, false, random);
      }
}

TEST(Wgmma, EveryWidth) {
  std::mt19937 random(2);
  for (unsigned n = 8; n <= 256; n += 8) {
    SCOPED_TRACE(n);
    Layout a = packed(1, false, 64, random), b = packed(n % 16 ? 3 : 1, false, n, random);
    a.start += 100 * 1024;
    check(kindOf(n, n % 16 ? Type::F16 : Type::F32, Type::F16, Type::F16), a, b, n % 3, n % 5 == 0, random);
    // MN-major B of a width that does not fill a row of 128 bytes.
    Layout across = packed(1, true, n, random);
    check(kindOf(n, Type::F32, Type::F16, Type::F16), a, across, true, false, random);
  }
}

TEST(Wgmma, EveryType) {
  std::mt19937 random(3);
  struct Case {
    Type d, a, b;
  };
  for (Case test :
       {Case{Type::F32, Type::F16, Type::F16}, Case{Type::F16, Type::F16, Type::F16},
        Case{Type::F32, Type::BF16, Type::BF16}, Case{Type::F32, Type::TF32, Type::TF32},
        Case{Type::F32, Type::E4M3, Type::E5M2}, Case{Type::F16, Type::E5M2, Type::E4M3},
        Case{Type::F32, Type::E5M2, Type::E5M2}, Case{Type::F16, Type::E4M3, Type::E4M3},
        Case{Type::S32, Type::S8, Type::S8}, Case{Type::S32, Type::S8, Type::U8}, Case{Type::S32, Type::U8, Type::S8},
        Case{Type::S32, Type::U8, Type::U8}, Case{Type::S32, Type::B1, Type::B1}})
    for (unsigned variant = 0; variant < 8; ++variant) {
      SCOPED_TRACE("types " + std::to_string(int(test.a)) + " " + std::to_string(int(test.b)) + " variant " +
                   std::to_string(variant));
      WgmmaKind kind = kindOf(96, test.d, test.a, test.b);
      kind.registersA = variant & 1;
      kind.negate = variant & 2 && test.d != Type::S32;
      kind.saturate = variant & 2 && test.a != Type::B1 && test.d == Type::S32;
      Layout a = packed(variant % 4, false, 64, random), b = packed(3 - variant % 4, false, 96, random);
      a.start += 100 * 1024;
      check(kind, a, b, variant & 4, true, random);
    }
}

// A pattern that starts at an odd multiple of 128 bytes, as a buffer without the mode's alignment has it.
TEST(Wgmma, BaseOffset) {
  std::mt19937 random(4);
  for (unsigned mode = 1; mode < 4; ++mode)
    for (unsigned base = 0; base < 8; ++base) {
      Layout a = packed(mode, false, 64, random), b = packed(mode, true, 64, random);
      a.start = 102400 + 1024 + base * 128, b.start = 4096 + base * 128;
      a.baseOffset = b.baseOffset = base;
      check(kindOf(64, Type::F32, Type::F16, Type::F16), a, b, false, false, random);
    }
}

TEST(Wgmma, PoisonSpreadsByRowsAndColumns) {
  std::mt19937 random(5);
  for (unsigned round = 0; round < 60; ++round) {
    unsigned where = round % 3; // A, B, D
    WgmmaKind kind = kindOf(64, round % 2 ? Type::F16 : Type::F32, Type::F16, Type::F16);
    Layout a = packed(round % 4, round & 4, 64, random), b = packed(3 - round % 4, round & 8, 64, random);
    a.start += 100 * 1024;
    kind.mnMajorA = a.mnMajor, kind.mnMajorB = b.mnMajor;
    kind.registersA = !a.mnMajor && round & 16;
    bool accumulate = round & 32;
    Warpgroup group;
    uint64_t outside;
    listChunks(MatrixDescriptor(a.descriptor()), 64, a.mnMajor, kLow, kHigh, group.chunksA, outside);
    listChunks(MatrixDescriptor(b.descriptor()), 64, b.mnMajor, kLow, kHigh, group.chunksB, outside);
    unsigned line = random() % 64, k = random() % 16, badThread = random() % 128, badElement = random() % 32;
    if (where == 0 && kind.registersA) {
      unsigned word = k / 2, thread = line / 16 * 32 + line % 8 * 4 + word % 4;
      group.registers.shadow[line / 8 % 2 + word / 4 * 2][thread] = 1u << (k % 2 * 16);
    } else if (where == 0) {
      group.sharedShadow[addressOf(a, line, k, 16) + random() % 2] ^= 1 << random() % 8;
    } else if (where == 1) {
      group.sharedShadow[addressOf(b, line, k, 16) + random() % 2] ^= 1 << random() % 8;
    } else {
      unsigned slot = kind.d == Type::F16 ? badElement / 2 : badElement;
      group.out[badThread][Warpgroup::kSlots + slot] = 1ull << (kind.d == Type::F16 ? badElement % 2 * 16 + 3 : 31);
    }
    WgmmaOperands operands = group.operands();
    operands.shadowResults = Warpgroup::kSlots;
    operands.accumulate = accumulate;
    multiplyWarpgroup(kind, operands);
    for (unsigned thread = 0; thread < 128; ++thread)
      for (unsigned e = 0; e < 32; ++e) {
        auto [row, column] = placeD(thread, e);
        bool undefined = where == 0   ? row == line
                         : where == 1 ? column == line
                                      : accumulate && thread == badThread && e == badElement;
        const uint64_t *shadows = group.out[thread] + Warpgroup::kSlots;
        uint64_t shadow = kind.d == Type::F16 ? shadows[e / 2] >> e % 2 * 16 & 0xffff : shadows[e];
        ASSERT_EQ(shadow, !undefined ? 0 : kind.d == Type::F16 ? 0xffff : 0xffffffff) << round;
      }
  }
}

// Threads that are gone keep their banks untouched.
TEST(Wgmma, SkipsMissingBanks) {
  Warpgroup group;
  std::mt19937 random(6);
  WgmmaKind kind = kindOf(8, Type::F32, Type::F16, Type::F16);
  Layout a = packed(1, false, 64, random), b = packed(1, false, 8, random);
  uint64_t outside;
  listChunks(MatrixDescriptor(a.descriptor()), 64, false, kLow, kHigh, group.chunksA, outside);
  listChunks(MatrixDescriptor(b.descriptor()), 8, false, kLow, kHigh, group.chunksB, outside);
  std::fill(group.banks.begin(), group.banks.end(), 7);
  uint64_t *bank = group.out[5];
  group.out[5] = nullptr;
  WgmmaOperands operands = group.operands();
  operands.accumulate = false;
  multiplyWarpgroup(kind, operands);
  EXPECT_EQ(bank[0], 7u);
  EXPECT_EQ(group.out[6][0], 0u);
}

TEST(Wgmma, DescriptorFaults) {
  Layout good;
  good.mode = 1, good.start = 4096, good.leading = 16, good.stride = 1024;
  auto fault = [](uint64_t bits, unsigned lines, bool mnMajor) {
    return descriptorFault(MatrixDescriptor(bits), lines, mnMajor) != nullptr;
  };
  EXPECT_FALSE(fault(good.descriptor(), 64, false));
  for (unsigned bit : {14, 15, 30, 31, 46, 47, 48, 52, 55, 61})
    EXPECT_TRUE(fault(good.descriptor() | 1ull << bit, 64, false)) << bit;
  for (unsigned bit : {0, 13, 16, 29, 32, 45, 49, 51})
    EXPECT_EQ(MatrixDescriptor(good.descriptor() ^ 1ull << bit).reserved, 0u) << bit;
  Layout plain;
  plain.start = 4096 + 16;
  EXPECT_FALSE(fault(plain.descriptor(), 64, false));
  plain.baseOffset = 1;
  EXPECT_TRUE(fault(plain.descriptor(), 64, false));
  // Two chunks from the last one of a row run into the next row.
  for (unsigned mode = 1; mode < 4; ++mode) {
    unsigned row = mode == 1 ? 128 : mode == 2 ? 64 : 32;
    good.mode = mode;
    for (unsigned offset = 0; offset < row; offset += 16) {
      good.start = 4096 + offset;
      EXPECT_EQ(fault(good.descriptor(), 64, false), offset + 32 > row) << mode << " " << offset;
      EXPECT_EQ(fault(good.descriptor(), 8, true), false);
      EXPECT_EQ(fault(good.descriptor(), 256, true), offset != 0);
    }
  }
}

TEST(Wgmma, ChunksOutsideAreFound) {
  OperandChunks chunks;
  uint64_t outside = 0;
  Layout layout;
  layout.mode = 1, layout.stride = 1024;
  layout.start = 8192 - 4096;
  EXPECT_TRUE(listChunks(MatrixDescriptor(layout.descriptor()), 32, false, 1024, 8192, chunks, outside));
  EXPECT_EQ(chunks.count, 64u);
  EXPECT_FALSE(listChunks(MatrixDescriptor(layout.descriptor()), 40, false, 1024, 8192, chunks, outside));
  EXPECT_EQ(outside, 8192u);
  layout.start = 0; // the first KiB belongs to the system
  EXPECT_FALSE(listChunks(MatrixDescriptor(layout.descriptor()), 8, false, 1024, 8192, chunks, outside));
  EXPECT_EQ(outside, 0u);
  // Whatever the bits, addresses are found outside, never lost.
  std::mt19937_64 random(7);
  for (unsigned i = 0; i < 20000; ++i) {
    uint64_t bits = random();
    bool mnMajor = random() & 1;
    unsigned lines = 8 * (1 + random() % 32);
    bool inside = listChunks(MatrixDescriptor(bits), lines, mnMajor, 1024, 65536, chunks, outside);
    bool each = true;
    ASSERT_EQ(chunks.count, 2 * lines);
    for (unsigned c = 0; c < chunks.count; ++c)
      each &= chunks.address[c] >= 1024 && chunks.address[c] + 16 <= 65536;
    ASSERT_EQ(inside, each);
  }
}

} // namespace
