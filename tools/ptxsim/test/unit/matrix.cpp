// Fragments of mma in every shape and type against a plain triple loop; conversions exhaustively.
#include "MatrixReference.h"
#include "engine/MatrixArithmetic.h"
#include "engine/MatrixDecode.h"
#include "engine/MatrixFragment.h"

#include <cfenv>
#include <cstring>
#include <gtest/gtest.h>

using namespace ptxsim;
using namespace ptxsim::test;
using ptx::Type;

namespace {

struct Place {
  unsigned row, column;
};

// The figures' formulas, one shape at a time (PTX ISA 9.0, 9.7.14.5.1 to 14), for element i of lane `lane`.
Place placeA(const MatrixKind &kind, unsigned lane, unsigned i) {
  unsigned g = lane >> 2, t = lane % 4;
  switch (elementBits(kind.a)) {
  case 64:
    if (kind.m == 8 || kind.k == 4)
      return {i == 0 ? g : g + 8, t};
    if (kind.k == 8)
      return {i == 0 || i == 2 ? g : g + 8, i < 2 ? t : t + 4};
    return {i % 2 == 0 ? g : g + 8, i % 2 == 0 ? i * 2 + t : i * 2 - 2 + t};
  case 32:
    if (kind.k == 4)
      return {i == 0 ? g : g + 8, t};
    return {i == 0 || i == 2 ? g : g + 8, i < 2 ? t : t + 4};
  case 16:
    if (kind.k == 8)
      return {i < 2 ? g : g + 8, t * 2 + (i & 1)};
    return {i < 2 || (i >= 4 && i < 6) ? g : g + 8, i < 4 ? t * 2 + (i & 1) : t * 2 + (i & 1) + 8};
  case 8:
    if (kind.k == 16)
      return {i < 4 ? g : g + 8, t * 4 + (i & 3)};
    return {i < 4 || (i >= 8 && i < 12) ? g : g + 8, i < 8 ? t * 4 + (i & 3) : t * 4 + (i & 3) + 16};
  case 4:
    if (kind.k == 32)
      return {i < 8 ? g : g + 8, t * 8 + (i & 7)};
    return {i < 8 || (i >= 16 && i < 24) ? g : g + 8, i < 16 ? t * 8 + (i & 7) : t * 8 + (i & 7) + 32};
  default:
    if (kind.k == 128)
      return {i < 32 ? g : g + 8, t * 32 + (i & 31)};
    return {i < 32 || (i >= 64 && i < 96) ? g : g + 8, i < 64 ? t * 32 + (i & 31) : t * 32 + (i & 31) + 128};
  }
}

Place placeB(const MatrixKind &kind, unsigned lane, unsigned i) {
  unsigned g = lane >> 2, t = lane % 4;
  switch (elementBits(kind.b)) {
  case 64:
    return {t + 4 * i, g};
  case 32:
    return {i == 0 ? t : t + 4, g};
  case 16:
    return {i < 2 ? t * 2 + (i & 1) : t * 2 + (i & 1) + 8, g};
  case 8:
    return {i < 4 ? t * 4 + (i & 3) : t * 4 + (i & 3) + 16, g};
  case 4:
    return {i < 8 ? t * 8 + (i & 7) : t * 8 + (i & 7) + 32, g};
  default:
    return {i < 32 ? t * 32 + (i & 31) : t * 32 + (i & 31) + 128, g};
  }
}

Place placeC(unsigned lane, unsigned i) { return {(lane >> 2) + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)}; }

// m8n8k4 of .f16 (9.7.14.5.1); every quad pair has a product of its own, so rows are 8 per quad pair.
unsigned quadPair(unsigned lane) { return lane % 16 / 4; }
Place quadA(unsigned lane, unsigned i, bool column) {
  unsigned half = lane < 16 ? 0 : 4;
  return column ? Place{i % 4 + half, lane % 4} : Place{lane % 4 + half, i};
}
Place quadB(unsigned lane, unsigned i, bool row) {
  unsigned half = lane < 16 ? 0 : 4;
  return row ? Place{lane % 4, i + half} : Place{i, lane % 4 + half};
}
Place quadC(unsigned lane, unsigned i, Type type) {
  unsigned half = lane < 16 ? 0 : 4;
  if (type == Type::F16)
    return {lane % 4 + half, i};
  return {(lane & 1) + (i & 2) + half, (i & 4) + (lane & 2) + (i & 1)};
}

/// Registers of a warp, with shadows behind, as handlers see them.
struct WarpRegisters {
  static constexpr unsigned kSlots = 32;
  uint64_t in[32][2 * kSlots] = {}, out[32][2 * kSlots] = {};
  LaneOperands lanes;
  WarpRegisters() {
    for (unsigned lane = 0; lane < 32; ++lane) {
      lanes.in[lane] = in[lane];
      lanes.out[lane] = out[lane];
    }
  }
  FragmentView view(bool poison = false) {
    FragmentView view;
    view.lanes = &lanes;
    if (poison)
      view.shadowSources = view.shadowResults = kSlots;
    return view;
  }
  void setElement(unsigned lane, unsigned firstSlot, unsigned i, unsigned bits, uint64_t value) {
    unsigned word = bits == 64 ? 64 : 32;
    in[lane][firstSlot + i * bits / word] |= value << (i * bits % word);
  }
  uint64_t result(unsigned lane, unsigned i, unsigned bits) const {
    unsigned word = bits == 64 ? 64 : 32;
    uint64_t value = out[lane][i * bits / word] >> (i * bits % word);
    return bits == 64 ? value : value & ((1ull << bits) - 1);
  }
};

/// One accumulator element after all products, as the project defines its arithmetic.
uint64_t expected(const MatrixKind &kind, uint64_t c, const std::vector<uint64_t> &a, const std::vector<uint64_t> &b) {
  if (kind.d == Type::F64) {
    double sum = std::bit_cast<double>(c);
    for (size_t k = 0; k < a.size(); ++k)
      sum = std::fma(std::bit_cast<double>(a[k]), std::bit_cast<double>(b[k]), sum);
    return std::isnan(sum) ? 0x7fffffffffffffff : std::bit_cast<uint64_t>(sum);
  }
  if (kind.d == Type::S32) {
    int64_t sum = int32_t(c);
    for (size_t k = 0; k < a.size(); ++k)
      sum += kind.a != Type::B1 ? int64_t(decodeElement(kind.a, a[k]) * decodeElement(kind.b, b[k]))
             : kind.bitsAnd     ? int64_t(a[k] & b[k])
                                : int64_t(a[k] ^ b[k]);
    if (kind.saturate)
      sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
    return uint32_t(sum);
  }
  float sum = float(decodeElement(kind.c, c));
  for (size_t k = 0; k < a.size(); ++k)
    sum = std::fma(float(decodeElement(kind.a, a[k])), float(decodeElement(kind.b, b[k])), sum);
  if (kind.d == Type::F16)
    return roundToHalf(sum);
  return std::isnan(sum) ? 0x7fffffff : std::bit_cast<uint32_t>(sum);
}

MatrixKind kindOf(const std::string &shape, Type d, Type a, Type b, Type c) {
  MatrixKind kind;
  EXPECT_TRUE(parseShape(shape, kind.m, kind.n, kind.k));
  kind.d = d, kind.a = a, kind.b = b, kind.c = c;
  kind.quadPairs = a == Type::F16 && shape == "m8n8k4";
  EXPECT_TRUE(completeKind(kind, false));
  return kind;
}

/// All dense shapes and types for sm_80 and sm_90.
std::vector<MatrixKind> allKinds() {
  std::vector<MatrixKind> kinds;
  for (const char *shape : {"m16n8k8", "m16n8k16"}) {
    kinds.push_back(kindOf(shape, Type::F32, Type::F16, Type::F16, Type::F32));
    kinds.push_back(kindOf(shape, Type::F16, Type::F16, Type::F16, Type::F16));
    kinds.push_back(kindOf(shape, Type::F32, Type::BF16, Type::BF16, Type::F32));
  }
  for (const char *shape : {"m16n8k4", "m16n8k8"})
    kinds.push_back(kindOf(shape, Type::F32, Type::TF32, Type::TF32, Type::F32));
  for (const char *shape : {"m8n8k4", "m16n8k4", "m16n8k8", "m16n8k16"})
    kinds.push_back(kindOf(shape, Type::F64, Type::F64, Type::F64, Type::F64));
  for (const char *shape : {"m16n8k16", "m16n8k32"})
    for (Type a : {Type::E4M3, Type::E5M2})
      for (Type b : {Type::E4M3, Type::E5M2})
        for (Type d : {Type::F16, Type::F32})
          kinds.push_back(kindOf(shape, d, a, b, d));
  for (bool saturate : {false, true}) {
    for (const char *shape : {"m8n8k16", "m16n8k16", "m16n8k32"})
      for (Type a : {Type::S8, Type::U8})
        for (Type b : {Type::S8, Type::U8}) {
          kinds.push_back(kindOf(shape, Type::S32, a, b, Type::S32));
          kinds.back().saturate = saturate;
        }
    for (const char *shape : {"m8n8k32", "m16n8k32", "m16n8k64"})
      for (Type a : {Type::S4, Type::U4})
        for (Type b : {Type::S4, Type::U4}) {
          kinds.push_back(kindOf(shape, Type::S32, a, b, Type::S32));
          kinds.back().saturate = saturate;
        }
  }
  for (bool bitsAnd : {false, true})
    for (const char *shape : {"m8n8k128", "m16n8k128", "m16n8k256"}) {
      kinds.push_back(kindOf(shape, Type::S32, Type::B1, Type::B1, Type::S32));
      kinds.back().bitsAnd = bitsAnd;
    }
  return kinds;
}

std::string describe(const MatrixKind &kind) {
  return "m" + std::to_string(kind.m) + "n" + std::to_string(kind.n) + "k" + std::to_string(kind.k) + " types " +
         std::to_string(int(kind.d)) + " " + std::to_string(int(kind.a)) + " " + std::to_string(int(kind.b));
}

struct Matrices {
  std::vector<std::vector<uint64_t>> a, b, c; ///< a[row][k], b[column][k], c[row][column]
};

uint64_t randomAccumulator(const MatrixKind &kind, std::mt19937 &random, bool special) {
  // Integers near both ends, so that sums wrap or saturate.
  if (kind.c == Type::S32 && random() % 2)
    return random() % 2 ? uint32_t(INT32_MAX - random() % 1000) : uint32_t(INT32_MIN + random() % 1000);
  return randomElement(kind.c, random, special);
}

Matrices fill(const MatrixKind &kind, WarpRegisters &registers, std::mt19937 &random, bool special) {
  unsigned bitsA = elementBits(kind.a), bitsB = elementBits(kind.b), bitsC = elementBits(kind.c);
  Matrices matrices;
  matrices.a.assign(kind.m, std::vector<uint64_t>(kind.k, ~0ull));
  matrices.b.assign(kind.n, std::vector<uint64_t>(kind.k, ~0ull));
  matrices.c.assign(kind.m, std::vector<uint64_t>(kind.n, ~0ull));
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < kind.m * kind.k / 32; ++i) {
      Place place = placeA(kind, lane, i);
      uint64_t value = matrices.a[place.row][place.column] = randomElement(kind.a, random, special);
      registers.setElement(lane, 0, i, bitsA, value);
    }
    for (unsigned i = 0; i < kind.k * kind.n / 32; ++i) {
      Place place = placeB(kind, lane, i);
      uint64_t value = matrices.b[place.column][place.row] = randomElement(kind.b, random, special);
      registers.setElement(lane, kind.numA, i, bitsB, value);
    }
    for (unsigned i = 0; i < kind.m * kind.n / 32; ++i) {
      Place place = placeC(lane, i);
      uint64_t value = matrices.c[place.row][place.column] = randomAccumulator(kind, random, special);
      registers.setElement(lane, kind.numA + kind.numB, i, bitsC, value);
    }
  }
  return matrices;
}

TEST(Matrix, EveryShapeAndType) {
  std::mt19937 random(1);
  for (const MatrixKind &kind : allKinds())
    for (unsigned round = 0; round < 6; ++round) {
      SCOPED_TRACE(describe(kind));
      WarpRegisters registers;
      Matrices matrices = fill(kind, registers, random, round >= 2);
      multiplyFragments(kind, registers.view());
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned i = 0; i < kind.m * kind.n / 32; ++i) {
          Place place = placeC(lane, i);
          ASSERT_EQ(
              registers.result(lane, i, elementBits(kind.d)),
              expected(kind, matrices.c[place.row][place.column], matrices.a[place.row], matrices.b[place.column]))
              << "row " << place.row << " column " << place.column;
        }
    }
}

TEST(Matrix, QuadPairs) {
  std::mt19937 random(2);
  for (unsigned variant = 0; variant < 12; ++variant) {
    bool columnA = variant & 1, rowB = variant & 2;
    Type c = variant / 4 == 0 ? Type::F16 : variant / 4 == 1 ? Type::F32 : Type::F16;
    Type d = variant / 4 == 0 ? Type::F16 : Type::F32;
    MatrixKind kind = kindOf("m8n8k4", d, Type::F16, Type::F16, c);
    kind.columnA = columnA, kind.rowB = rowB;
    WarpRegisters registers;
    uint64_t a[4][8][4], b[4][8][4], old[4][8][8];
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned quad = quadPair(lane);
      for (unsigned i = 0; i < 4; ++i) {
        Place place = quadA(lane, i, columnA);
        registers.setElement(lane, 0, i, 16, a[quad][place.row][place.column] = randomElement(Type::F16, random, true));
        place = quadB(lane, i, rowB);
        registers.setElement(lane, 2, i, 16, b[quad][place.column][place.row] = randomElement(Type::F16, random, true));
      }
      for (unsigned i = 0; i < 8; ++i) {
        Place place = quadC(lane, i, c);
        registers.setElement(lane, 4, i, elementBits(c),
                             old[quad][place.row][place.column] = randomElement(c, random, true));
      }
    }
    multiplyFragments(kind, registers.view());
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < 8; ++i) {
        Place place = quadC(lane, i, d);
        unsigned quad = quadPair(lane);
        std::vector<uint64_t> row(a[quad][place.row], a[quad][place.row] + 4);
        std::vector<uint64_t> column(b[quad][place.column], b[quad][place.column] + 4);
        ASSERT_EQ(registers.result(lane, i, elementBits(d)),
                  expected(kind, old[quad][place.row][place.column], row, column))
            << variant << " lane " << lane << " element " << i;
      }
  }
}

TEST(Matrix, RoundingModesOfDoubles) {
  MatrixKind kind = kindOf("m8n8k4", Type::F64, Type::F64, Type::F64, Type::F64);
  // 1 + 2^-60 lies between 1 and the next double.
  const double next = std::nextafter(1.0, 2.0);
  for (auto [mode, result] :
       {std::pair{FE_TONEAREST, 1.0}, {FE_TOWARDZERO, 1.0}, {FE_DOWNWARD, 1.0}, {FE_UPWARD, next}}) {
    kind.rounding = mode;
    WarpRegisters registers;
    for (unsigned lane = 0; lane < 32; ++lane) {
      registers.in[lane][0] = std::bit_cast<uint64_t>(lane % 4 == 0 ? 0x1p-60 : 0.0);
      registers.in[lane][1] = std::bit_cast<uint64_t>(1.0);
      registers.in[lane][2] = registers.in[lane][3] = std::bit_cast<uint64_t>(1.0);
    }
    multiplyFragments(kind, registers.view());
    EXPECT_EQ(std::bit_cast<double>(registers.out[5][1]), result);
    EXPECT_EQ(fegetround(), FE_TONEAREST);
  }
}

TEST(Matrix, SaturationAndWrapping) {
  for (bool saturate : {false, true}) {
    MatrixKind kind = kindOf("m8n8k16", Type::S32, Type::S8, Type::S8, Type::S32);
    kind.saturate = saturate;
    WarpRegisters registers;
    for (unsigned lane = 0; lane < 32; ++lane) {
      registers.in[lane][0] = 0x80808080; // -128 four times
      registers.in[lane][1] = 0x80808080;
      registers.in[lane][2] = 0x7fffffff;
      registers.in[lane][3] = 0;
    }
    multiplyFragments(kind, registers.view());
    EXPECT_EQ(registers.out[0][0], saturate ? 0x7fffffffu : 0x7fffffffu + 16 * 128 * 128);
    EXPECT_EQ(registers.out[31][1], 16u * 128 * 128);
  }
}

// An undefined bit spoils its row of A, its column of B, or its element of C, and nothing else.
TEST(Matrix, PoisonSpreadsByRowsAndColumns) {
  std::mt19937 random(3);
  for (const MatrixKind &kind : allKinds())
    for (unsigned operand = 0; operand < 3; ++operand) {
      SCOPED_TRACE(describe(kind) + " operand " + std::to_string(operand));
      WarpRegisters registers;
      fill(kind, registers, random, false);
      const unsigned elements[] = {kind.m * kind.k / 32, kind.k * kind.n / 32, kind.m * kind.n / 32};
      const unsigned firstSlot[] = {0, kind.numA, kind.numA + kind.numB};
      const Type types[] = {kind.a, kind.b, kind.c};
      unsigned lane = random() % 32, i = random() % elements[operand], bits = elementBits(types[operand]);
      unsigned word = bits == 64 ? 64 : 32, bit = i * bits % word + random() % bits;
      registers.in[lane][WarpRegisters::kSlots + firstSlot[operand] + i * bits / word] = 1ull << bit;
      Place bad = operand == 0 ? placeA(kind, lane, i) : operand == 1 ? placeB(kind, lane, i) : placeC(lane, i);
      multiplyFragments(kind, registers.view(true));
      unsigned bitsD = elementBits(kind.d), wordD = bitsD == 64 ? 64 : 32;
      uint64_t full = bitsD == 64 ? ~0ull : (1ull << bitsD) - 1;
      for (unsigned other = 0; other < 32; ++other)
        for (unsigned e = 0; e < kind.m * kind.n / 32; ++e) {
          Place place = placeC(other, e);
          bool undefined = (operand == 1 || place.row == bad.row) && (operand == 0 || place.column == bad.column);
          uint64_t shadow =
              registers.out[other][WarpRegisters::kSlots + e * bitsD / wordD] >> (e * bitsD % wordD) & full;
          ASSERT_EQ(shadow, undefined ? full : 0) << "lane " << other << " element " << e;
        }
    }
}

// A batch takes operands from its sources and from results of earlier steps, and reuses tiles.
TEST(Matrix, BatchWithCache) {
  std::mt19937 random(4);
  MatrixKind kind = kindOf("m16n8k16", Type::F32, Type::BF16, Type::BF16, Type::F32);
  WarpRegisters registers;
  Matrices first = fill(kind, registers, random, false);
  // The third step's A has its upper and lower rows exchanged.
  const std::vector<int32_t> steps[] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 1, 2, 3, 4, 5, ~0, ~1, ~2, ~3}, {1, 0, 3, 2, 4, 5, 6, 7, 8, 9}};
  TileCache cache;
  FragmentView view = registers.view();
  for (unsigned step = 0; step < 3; ++step) {
    view.sources = steps[step].data();
    view.result = 4 * step;
    multiplyFragments(kind, view, &cache);
  }
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      Place place = placeC(lane, i);
      uint64_t c = first.c[place.row][place.column];
      uint64_t once = expected(kind, c, first.a[place.row], first.b[place.column]);
      EXPECT_EQ(registers.out[lane][i], once);
      EXPECT_EQ(registers.out[lane][4 + i], expected(kind, once, first.a[place.row], first.b[place.column]));
      EXPECT_EQ(registers.out[lane][8 + i], expected(kind, c, first.a[place.row ^ 8], first.b[place.column]));
    }
}

// The scheme of wmma's fragments is ours; a product must be that of the matrices it describes.
TEST(Matrix, WmmaShapes) {
  std::mt19937 random(5);
  struct Case {
    const char *shape;
    Type d, a, c;
  };
  for (Case test :
       {Case{"m16n16k16", Type::F32, Type::F16, Type::F32}, Case{"m32n8k16", Type::F16, Type::F16, Type::F32},
        Case{"m8n32k16", Type::F32, Type::F16, Type::F16}, Case{"m16n16k16", Type::F32, Type::BF16, Type::F32},
        Case{"m32n8k16", Type::F32, Type::BF16, Type::F32}, Case{"m8n32k16", Type::F32, Type::BF16, Type::F32},
        Case{"m16n16k8", Type::F32, Type::TF32, Type::F32}, Case{"m16n16k16", Type::S32, Type::S8, Type::S32},
        Case{"m32n8k16", Type::S32, Type::U8, Type::S32}, Case{"m8n32k16", Type::S32, Type::S8, Type::S32}}) {
    MatrixKind kind;
    ASSERT_TRUE(parseShape(test.shape, kind.m, kind.n, kind.k));
    kind.d = test.d, kind.a = kind.b = test.a, kind.c = test.c;
    ASSERT_TRUE(completeKind(kind, true));
    WarpRegisters registers;
    unsigned bits = elementBits(kind.a), perWord = 32 / bits;
    std::vector<std::vector<uint64_t>> a(kind.m, std::vector<uint64_t>(kind.k)),
        b(kind.n, std::vector<uint64_t>(kind.k));
    std::vector<std::vector<uint64_t>> c(kind.m, std::vector<uint64_t>(kind.n));
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned g = lane / 4, t = lane % 4;
      for (unsigned i = 0; i < kind.m * kind.k / 32; ++i) {
        unsigned r = i / perWord, row = g + 8 * (r % (kind.m / 8)),
                 k = (t + 4 * (r / (kind.m / 8))) * perWord + i % perWord;
        registers.setElement(lane, 0, i, bits, a[row][k] = randomElement(kind.a, random, true));
      }
      for (unsigned i = 0; i < kind.n * kind.k / 32; ++i) {
        unsigned blocks = kind.k / (4 * perWord), r = i / perWord;
        unsigned column = g + 8 * (r / blocks), k = (t + 4 * (r % blocks)) * perWord + i % perWord;
        registers.setElement(lane, kind.numA, i, bits, b[column][k] = randomElement(kind.b, random, true));
      }
      for (unsigned i = 0; i < kind.m * kind.n / 32; ++i) {
        unsigned row = g + 8 * (i / 2 % (kind.m / 8)), column = 2 * t + i % 2 + 8 * (i / 2 / (kind.m / 8));
        registers.setElement(lane, kind.numA + kind.numB, i, elementBits(kind.c),
                             c[row][column] = randomElement(kind.c, random, true));
      }
    }
    multiplyFragments(kind, registers.view());
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < kind.m * kind.n / 32; ++i) {
        unsigned row = lane / 4 + 8 * (i / 2 % (kind.m / 8)),
                 column = 2 * (lane % 4) + i % 2 + 8 * (i / 2 / (kind.m / 8));
        ASSERT_EQ(registers.result(lane, i, elementBits(kind.d)), expected(kind, c[row][column], a[row], b[column]))
            << describe(kind) << " row " << row << " column " << column;
      }
  }
}

void expectSame(double reference, float got, uint32_t bits) {
  if (std::isnan(reference)) {
    EXPECT_TRUE(std::isnan(got)) << bits;
    return;
  }
  EXPECT_EQ(reference, double(got)) << bits;
  EXPECT_EQ(std::signbit(reference), std::signbit(got)) << bits;
}

TEST(Matrix, WideningIsExact) {
  std::vector<uint16_t> halves(1 << 16);
  for (uint32_t i = 0; i < halves.size(); ++i)
    halves[i] = i;
  std::vector<float> floats(halves.size());
  for (Type type : {Type::F16, Type::BF16}) {
    widen(type, halves.data(), floats.data(), halves.size());
    for (uint32_t i = 0; i < halves.size(); ++i)
      expectSame(decodeElement(type, i), floats[i], i);
  }
  uint8_t bytes[256];
  for (unsigned i = 0; i < 256; ++i)
    bytes[i] = i;
  for (Type type : {Type::E4M3, Type::E5M2, Type::S8, Type::U8}) {
    widen(type, bytes, floats.data(), 256);
    for (unsigned i = 0; i < 256; ++i)
      expectSame(decodeElement(type, i), floats[i], i);
  }
  for (Type type : {Type::S4, Type::U4}) {
    widen(type, bytes, floats.data(), 512);
    for (unsigned i = 0; i < 512; ++i)
      EXPECT_EQ(decodeElement(type, i % 2 ? i / 2 >> 4 : i / 2 & 15), floats[i]);
  }
  // The low 13 bits of a tf32 operand are not read.
  uint32_t words[8] = {0x3f801fff, 0x3f802000, 0x00001fff, 0x80001fff, 0x7f800fff, 0xff801fff, 0x00002000, 0x7fffffff};
  widen(Type::TF32, words, floats.data(), 8);
  for (unsigned i = 0; i < 8; ++i)
    expectSame(decodeElement(Type::TF32, words[i]), floats[i], words[i]);
}

TEST(Matrix, NarrowingRoundsToNearestEven) {
  std::vector<float> values;
  // Each half, the midpoint to its successor, and the neighbours of the midpoint, of both signs.
  for (uint32_t half = 0; half < 0x7c00; half += 1) {
    float low = float(decodeFloat(half, 5, 10, true)),
          high = half == 0x7bff ? 65536 : float(decodeFloat(half + 1, 5, 10, true));
    float middle = (low + high) / 2;
    for (float value : {low, middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)})
      for (float sign : {1.0f, -1.0f})
        values.push_back(sign * value);
  }
  for (float value : {1e9f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e-30f,
                      std::numeric_limits<float>::denorm_min(), -0.0f, 65535.9f, -70000.0f})
    values.push_back(value);
  while (values.size() % 8)
    values.push_back(0);
  std::vector<uint16_t> halves(values.size());
  narrowToHalf(values.data(), halves.data(), values.size());
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(halves[i], roundToHalf(values[i])) << values[i];
}

} // namespace
