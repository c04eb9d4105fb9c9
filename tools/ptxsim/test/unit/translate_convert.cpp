// cvt: 8- and 16-bit sources exhaustively, wider ones by samples, against LLVM's APFloat.
#include "TranslateRunner.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APSInt.h"
#include "llvm/ADT/bit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace ptxsim::test;
using llvm::APFloat;
using llvm::APInt;
using llvm::bit_cast;
using Mode = llvm::RoundingMode;

static const std::pair<const char *, Mode> modes[] = {{"rn", Mode::NearestTiesToEven},
                                                      {"rz", Mode::TowardZero},
                                                      {"rm", Mode::TowardNegative},
                                                      {"rp", Mode::TowardPositive}};

static std::vector<uint64_t> allOf(unsigned bits) {
  std::vector<uint64_t> result(size_t(1) << bits);
  for (size_t k = 0; k < result.size(); ++k)
    result[k] = k;
  return result;
}

static std::vector<uint64_t> singles(size_t count) {
  std::mt19937_64 random(3);
  std::vector<uint64_t> result = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00001, 0xffffffff,
                                  1,          0x7f7fffff, 0x477ff000, 0x477fefff, 0x33000000, 0x33000001,
                                  0x38800000, 0x387fffff, 0x43e00000, 0x43e80000};
  while (result.size() < count) {
    uint32_t exponent = random() % 4 ? 127 - 24 + random() % 48 : random() % 256;
    uint32_t fraction = random() & 0x7fffff;
    if (random() % 2) // near the ties of the short formats
      fraction = (fraction & (0x7fffffu << (random() % 23))) ^ (random() % 4 ? 0 : 1);
    result.push_back((random() & 1) << 31 | exponent << 23 | (fraction & 0x7fffff));
  }
  return result;
}

static void checkNarrowing(const std::string &text, const llvm::fltSemantics &to, Mode mode, const char *destination,
                           uint64_t nan) {
  auto inputs = singles(20000);
  auto results = evaluateRows(text, "b32", 1, inputs, destination);
  unsigned wrong = 0;
  for (size_t k = 0; k < inputs.size(); ++k) {
    APFloat x(APFloat::IEEEsingle(), APInt(32, inputs[k]));
    bool inexact;
    x.convert(to, mode, &inexact);
    uint64_t expected = x.isNaN() ? nan : x.bitcastToAPInt().getZExtValue();
    if (expected != results[k] && wrong++ < 3)
      ADD_FAILURE() << text << std::hex << " of " << inputs[k] << " got " << results[k] << " expected " << expected;
  }
}

TEST(Convert, SingleToHalf) {
  for (auto [name, mode] : modes) {
    checkNarrowing(std::string("cvt.") + name + ".f16.f32 %d0, %a0;", APFloat::IEEEhalf(), mode, "b16", 0x7fff);
    checkNarrowing(std::string("cvt.") + name + ".bf16.f32 %d0, %a0;", APFloat::BFloat(), mode, "b16", 0x7fff);
  }
}

TEST(Convert, SingleToTf32) {
  for (auto [name, mode] :
       {std::pair{"rna", Mode::NearestTiesToAway}, {"rn", Mode::NearestTiesToEven}, {"rz", Mode::TowardZero}}) {
    auto inputs = singles(20000);
    auto results = evaluateRows(std::string("cvt.") + name + ".tf32.f32 %d0, %a0;", "b32", 1, inputs, "b32");
    for (size_t k = 0; k < inputs.size(); ++k) {
      APFloat x(APFloat::IEEEsingle(), APInt(32, inputs[k]));
      bool inexact;
      x.convert(APFloat::FloatTF32(), mode, &inexact);
      x.convert(APFloat::IEEEsingle(), mode, &inexact);
      ASSERT_EQ(results[k], x.isNaN() ? 0x7fffffff : x.bitcastToAPInt().getZExtValue())
          << name << std::hex << inputs[k];
    }
  }
}

TEST(Convert, HalfToSingle) {
  for (auto [name, semantics] : {std::pair{"f16", &APFloat::IEEEhalf()}, {"bf16", &APFloat::BFloat()}}) {
    auto inputs = allOf(16);
    auto results = evaluateRows(std::string("cvt.f32.") + name + " %d0, %a0;", "b16", 1, inputs, "b32");
    for (size_t k = 0; k < inputs.size(); ++k) {
      APFloat x(*semantics, APInt(16, k));
      bool inexact;
      x.convert(APFloat::IEEEsingle(), Mode::NearestTiesToEven, &inexact);
      ASSERT_EQ(results[k], x.isNaN() ? 0x7fffffff : x.bitcastToAPInt().getZExtValue()) << name << k;
    }
  }
}

/// Pairs of 8-bit numbers; APFloat's Float8E4M3FN and Float8E5M2 are the formats of the PTX ISA.
TEST(Convert, EightBits) {
  for (auto [name, semantics] : {std::pair{"e4m3x2", &APFloat::Float8E4M3FN()}, {"e5m2x2", &APFloat::Float8E5M2()}}) {
    auto bytes = allOf(16);
    auto halves = evaluateRows(std::string("cvt.rn.f16x2.") + name + " %d0, %a0;", "b16", 1, bytes, "b32");
    for (size_t k = 0; k < bytes.size(); ++k)
      for (unsigned lane = 0; lane < 2; ++lane) {
        APFloat x(*semantics, APInt(8, k >> (8 * lane) & 0xff));
        bool inexact;
        x.convert(APFloat::IEEEhalf(), Mode::NearestTiesToEven, &inexact);
        ASSERT_EQ(halves[k] >> (16 * lane) & 0xffff, x.isNaN() ? 0x7fff : x.bitcastToAPInt().getZExtValue())
            << name << k;
      }
    auto saturated = [&, s = semantics](APFloat x) -> uint64_t {
      if (x.isNaN())
        return 0x7f;
      bool inexact, negative = x.isNegative();
      APFloat largest = APFloat::getLargest(*s, negative), wide = largest;
      wide.convert(APFloat::IEEEsingle(), Mode::NearestTiesToEven, &inexact);
      x.convert(APFloat::IEEEsingle(), Mode::NearestTiesToEven, &inexact);
      if (!x.isInfinity() && std::fabs(x.convertToFloat()) <= std::fabs(wide.convertToFloat())) {
        x.convert(*s, Mode::NearestTiesToEven, &inexact);
        return x.bitcastToAPInt().getZExtValue();
      }
      return largest.bitcastToAPInt().getZExtValue();
    };
    auto inputs = singles(20000);
    auto packed =
        evaluateRows(std::string("cvt.rn.satfinite.") + name + ".f32 %d0, %a0, %a1;", "b32", 2, inputs, "b16");
    for (size_t k = 0; k < packed.size(); ++k)
      for (unsigned lane = 0; lane < 2; ++lane)
        ASSERT_EQ(packed[k] >> (8 * lane) & 0xff,
                  saturated(APFloat(APFloat::IEEEsingle(), APInt(32, inputs[2 * k + 1 - lane]))))
            << name << std::hex << inputs[2 * k + 1 - lane];
    auto all = allOf(16);
    for (uint64_t &pair : all)
      pair |= pair << 16 ^ 0x80000000;
    auto fromHalf = evaluateRows(std::string("cvt.rn.satfinite.") + name + ".f16x2 %d0, %a0;", "b32", 1, all, "b16");
    for (size_t k = 0; k < all.size(); ++k)
      for (unsigned lane = 0; lane < 2; ++lane)
        ASSERT_EQ(fromHalf[k] >> (8 * lane) & 0xff,
                  saturated(APFloat(APFloat::IEEEhalf(), APInt(16, all[k] >> (16 * lane) & 0xffff))))
            << name << std::hex << all[k];
  }
}

TEST(Convert, ToIntegers) {
  struct Type {
    const char *name;
    unsigned width;
    bool isSigned;
  };
  const Type types[] = {{"s8", 8, true},   {"u8", 8, false},   {"s16", 16, true}, {"u16", 16, false},
                        {"s32", 32, true}, {"u32", 32, false}, {"s64", 64, true}, {"u64", 64, false}};
  struct Source {
    const char *name, *reg;
    const llvm::fltSemantics *semantics;
    unsigned width;
  };
  const Source sources[] = {{"f16", "b16", &APFloat::IEEEhalf(), 16},
                            {"bf16", "b16", &APFloat::BFloat(), 16},
                            {"f32", "b32", &APFloat::IEEEsingle(), 32},
                            {"f64", "b64", &APFloat::IEEEdouble(), 64}};
  for (const Source &source : sources) {
    auto inputs = source.width == 16 ? allOf(16) : singles(8000);
    if (source.width == 64)
      for (uint64_t &x : inputs) // doubles of the same values, some with more bits
        x = bit_cast<uint64_t>(double(bit_cast<float>(uint32_t(x)))) + (x % 3 == 0);
    for (const Type &type : types)
      for (auto [name, mode] : modes) {
        if (type.width == 8 && source.semantics == &APFloat::BFloat())
          continue; // no such form
        std::string text = std::string("cvt.") + name + "i." + type.name + "." + source.name + " %d0, %a0;";
        auto results = evaluateRows(text, source.reg, 1, inputs, "b64");
        for (size_t k = 0; k < inputs.size(); ++k) {
          APFloat x(*source.semantics, APInt(source.width, inputs[k]));
          llvm::APSInt integer(type.width, !type.isSigned);
          bool exact;
          x.convertToInteger(integer, mode, &exact); // clamps
          uint64_t expected = type.isSigned ? integer.sext(64).getZExtValue() : integer.getZExtValue();
          if (x.isNaN()) {
            expected = source.width == 64 || type.width == 64 ? uint64_t(1) << (type.width - 1) : 0;
            if (expected && type.isSigned)
              expected = -expected;
          }
          ASSERT_EQ(results[k], expected) << text << std::hex << inputs[k];
        }
      }
  }
}

TEST(Convert, FromIntegers) {
  std::mt19937_64 random(5);
  std::vector<uint64_t> inputs = {0, 1, ~0ull, 1ull << 63, (1ull << 63) - 1, 65504, 65519, 65520, 0xffffffff};
  while (inputs.size() < 4000)
    inputs.push_back(random() >> (random() % 64));
  struct Destination {
    const char *name, *reg;
    const llvm::fltSemantics *semantics;
  };
  for (auto [to, reg, semantics] : {Destination{"f16", "b16", &APFloat::IEEEhalf()},
                                    {"bf16", "b16", &APFloat::BFloat()},
                                    {"f32", "b32", &APFloat::IEEEsingle()},
                                    {"f64", "b64", &APFloat::IEEEdouble()}})
    for (auto [from, width, isSigned] :
         {std::tuple{"u64", 64u, false}, {"s64", 64u, true}, {"s32", 32u, true}, {"u16", 16u, false}, {"s8", 8u, true}})
      for (auto [name, mode] : modes) {
        if (width == 8 && semantics == &APFloat::BFloat())
          continue;
        std::string text = std::string("cvt.") + name + "." + to + "." + from + " %d0, %a0;";
        auto results = evaluateRows(text, "b64", 1, inputs, reg);
        for (size_t k = 0; k < inputs.size(); ++k) {
          APFloat x(*semantics);
          x.convertFromAPInt(APInt(64, inputs[k]).trunc(width), isSigned, mode);
          ASSERT_EQ(results[k], x.bitcastToAPInt().getZExtValue()) << text << std::hex << inputs[k];
        }
      }
}

TEST(Convert, Doubles) {
  auto inputs = singles(6000);
  std::mt19937_64 random(9);
  for (uint64_t &x : inputs)
    x = bit_cast<uint64_t>(double(bit_cast<float>(uint32_t(x)))) + (random() % 3) - 1;
  for (auto [to, reg, semantics, nan] : {std::tuple{"f32", "b32", &APFloat::IEEEsingle(), 0x7fffffffu},
                                         {"f16", "b16", &APFloat::IEEEhalf(), 0x7fffu},
                                         {"bf16", "b16", &APFloat::BFloat(), 0x7fffu}})
    for (auto [name, mode] : modes) {
      std::string text = std::string("cvt.") + name + "." + to + ".f64 %d0, %a0;";
      auto results = evaluateRows(text, "b64", 1, inputs, reg);
      for (size_t k = 0; k < inputs.size(); ++k) {
        APFloat x(APFloat::IEEEdouble(), APInt(64, inputs[k]));
        bool inexact;
        x.convert(*semantics, mode, &inexact);
        ASSERT_EQ(results[k], x.isNaN() ? nan : x.bitcastToAPInt().getZExtValue()) << text << std::hex << inputs[k];
      }
    }
}

TEST(Convert, Modifiers) {
  auto of32 = [](const std::string &body, std::vector<uint64_t> in) { return evaluate(body, "b32", in, "b32")[0]; };
  EXPECT_EQ(of32("cvt.rn.bf16x2.f32 %d0, %a0, %a1;", {0x3f800000, 0x40000000}), 0x3f804000u);
  EXPECT_EQ(of32("cvt.rn.relu.f16x2.f32 %d0, %a0, %a1;", {0xbf800000, 0x40000000}), 0x00004000u);
  EXPECT_EQ(of32("cvt.sat.f32.f32 %d0, %a0;", {0x40000000}), 0x3f800000u);
  EXPECT_EQ(of32("cvt.rni.f32.f32 %d0, %a0;", {0x40200000}), 0x40000000u);
  EXPECT_EQ(of32("cvt.ftz.f32.f32 %d0, %a0;", {0x80000001}), 0x80000000u);
  EXPECT_EQ(of32("cvt.pack.sat.s16.s32 %d0, %a0, %a1;", {70000, uint32_t(-70000)}), 0x7fff8000u);
  EXPECT_EQ(of32("cvt.pack.sat.u8.s32.b32 %d0, %a0, %a1, %a2;", {300, uint32_t(-1), 0x1234abcd}), 0xabcdff00u);
}
