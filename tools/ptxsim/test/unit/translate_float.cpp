// Floating-point instructions against the host's own arithmetic in the same rounding mode, and special values by hand.
#include "TranslateRunner.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <random>

using namespace ptxsim::test;
using llvm::bit_cast;

static const std::pair<const char *, int> modes[] = {
    {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

/// Patterns that meet all the corners: specials, subnormals, neighbours in exponent, anything.
static std::vector<uint64_t> patterns(size_t count, unsigned exponentBits, unsigned fractionBits, uint64_t seed) {
  std::mt19937_64 random(seed);
  uint64_t bias = (uint64_t(1) << (exponentBits - 1)) - 1, most = (uint64_t(1) << exponentBits) - 1;
  std::vector<uint64_t> result;
  while (result.size() < count) {
    uint64_t fraction = random() & ((uint64_t(1) << fractionBits) - 1), exponent;
    switch (random() % 8) {
    case 0:
      exponent = random() % 2 ? 0 : most;
      fraction = random() % 3 ? fraction : 0;
      break;
    case 1:
      exponent = random() & most;
      break;
    case 2:
      exponent = random() % 4;
      break;
    case 3:
      exponent = most - random() % 4;
      fraction |= random() % 2 ? 0 : (uint64_t(1) << fractionBits) - 1;
      break;
    default:
      exponent = bias + random() % 8 - 4;
      if (random() % 2)
        fraction &= ~uint64_t(0) << (random() % fractionBits);
    }
    result.push_back((random() & 1) << (exponentBits + fractionBits) | exponent << fractionBits | fraction);
  }
  return result;
}

template <class T> [[gnu::noinline]] static T onHost(const std::string &name, T a, T b, T c) {
  volatile T x = a, y = b, z = c, result;
  if (name == "add")
    result = x + y;
  else if (name == "sub")
    result = x - y;
  else if (name == "mul")
    result = x * y;
  else if (name == "div")
    result = x / y;
  else if (name == "rcp")
    result = T(1) / x;
  else if (name == "sqrt")
    result = std::sqrt(x);
  else
    result = std::fma(x, y, z);
  return result;
}

template <class T, class Pattern>
static void checkArithmetic(const char *type, const char *reg, unsigned e, unsigned f) {
  auto inputs = patterns(3 * 6000, e, f, 7);
  struct Operation {
    const char *name, *operands;
  };
  for (auto [name, operands] : {Operation{"add", "%a0, %a1"},
                                {"sub", "%a0, %a1"},
                                {"mul", "%a0, %a1"},
                                {"div", "%a0, %a1"},
                                {"fma", "%a0, %a1, %a2"},
                                {"sqrt", "%a0"},
                                {"rcp", "%a0"}})
    for (auto [mode, host] : modes) {
      std::string text = std::string(name) + "." + mode + "." + type + " %d0, " + operands + ";";
      auto results = evaluateRows(text, reg, 3, inputs, reg);
      unsigned wrong = 0;
      for (size_t k = 0; k < results.size(); ++k) {
        T a = bit_cast<T>(Pattern(inputs[3 * k])), b = bit_cast<T>(Pattern(inputs[3 * k + 1])),
          c = bit_cast<T>(Pattern(inputs[3 * k + 2]));
        std::fesetround(host);
        T expected = onHost(name, a, b, c);
        std::fesetround(FE_TONEAREST);
        T got = bit_cast<T>(Pattern(results[k]));
        bool same = std::isnan(expected) ? std::isnan(got) && (sizeof(T) == 8 || results[k] == 0x7fffffff)
                                         : bit_cast<Pattern>(expected) == Pattern(results[k]);
        if (!same && wrong++ < 3)
          ADD_FAILURE() << text << std::hex << " a " << inputs[3 * k] << " b " << inputs[3 * k + 1] << " c "
                        << inputs[3 * k + 2] << " got " << results[k] << " expected " << bit_cast<Pattern>(expected);
      }
    }
}

TEST(Float, SingleInEveryMode) { checkArithmetic<float, uint32_t>("f32", "b32", 8, 23); }
TEST(Float, DoubleInEveryMode) { checkArithmetic<double, uint64_t>("f64", "b64", 11, 52); }

/// Halves: the exact result in APFloat's quadruple precision, rounded once.
static void checkHalf(const char *type, const llvm::fltSemantics &semantics, unsigned e, unsigned f) {
  auto inputs = patterns(3 * 20000, e, f, 11);
  auto value = [&](uint64_t pattern) { return llvm::APFloat(semantics, llvm::APInt(16, pattern)); };
  for (std::string name : {"add", "sub", "mul", "fma"}) {
    std::string text = name + ".rn." + type + " %d0, %a0, %a1" + (name == "fma" ? ", %a2;" : ";");
    auto results = evaluateRows(text, "b16", 3, inputs, "b16");
    unsigned wrong = 0;
    for (size_t k = 0; k < results.size(); ++k) {
      llvm::APFloat x = value(inputs[3 * k]), y = value(inputs[3 * k + 1]), z = value(inputs[3 * k + 2]);
      auto mode = llvm::RoundingMode::NearestTiesToEven;
      name == "add"   ? x.add(y, mode)
      : name == "sub" ? x.subtract(y, mode)
      : name == "mul" ? x.multiply(y, mode)
                      : x.fusedMultiplyAdd(y, z, mode);
      uint64_t expected = x.isNaN() ? 0x7fff : x.bitcastToAPInt().getZExtValue();
      if (expected != results[k] && wrong++ < 3)
        ADD_FAILURE() << text << std::hex << " a " << inputs[3 * k] << " b " << inputs[3 * k + 1] << " c "
                      << inputs[3 * k + 2] << " got " << results[k] << " expected " << expected;
    }
  }
}

TEST(Float, F16) { checkHalf("f16", llvm::APFloat::IEEEhalf(), 5, 10); }
TEST(Float, BF16) { checkHalf("bf16", llvm::APFloat::BFloat(), 8, 7); }

static uint64_t of32(const std::string &body, std::vector<uint64_t> in) { return evaluate(body, "b32", in, "b32")[0]; }

TEST(Float, Modifiers) {
  EXPECT_EQ(of32("add.ftz.f32 %d0, %a0, %a1;", {0x00400000, 0x80000001}), 0u);
  EXPECT_EQ(of32("mul.ftz.f32 %d0, %a0, %a1;", {0x80800000, 0x3f000000}), 0x80000000u);
  EXPECT_EQ(of32("add.sat.f32 %d0, %a0, %a1;", {0x40000000, 0x3f800000}), 0x3f800000u);
  EXPECT_EQ(of32("add.sat.f32 %d0, %a0, %a1;", {0x7fc00000, 0x3f800000}), 0u);
  EXPECT_EQ(of32("fma.rn.sat.f32 %d0, %a0, %a1, %a2;", {0xbf800000, 0x3f800000, 0}), 0u);
  EXPECT_EQ(of32("min.f32 %d0, %a0, %a1;", {0x7fc00001, 0x3f800000}), 0x3f800000u);
  EXPECT_EQ(of32("min.NaN.f32 %d0, %a0, %a1;", {0x7fc00001, 0x3f800000}), 0x7fffffffu);
  EXPECT_EQ(of32("min.f32 %d0, %a0, %a1;", {0xffc00001, 0x7f800001}), 0x7fffffffu);
  EXPECT_EQ(of32("max.f32 %d0, %a0, %a1;", {0x80000000, 0}), 0u);
  EXPECT_EQ(of32("min.f32 %d0, %a0, %a1;", {0, 0x80000000}), 0x80000000u);
  EXPECT_EQ(of32("min.xorsign.abs.f32 %d0, %a0, %a1;", {0xc0000000, 0x3f800000}), 0xbf800000u);
  EXPECT_EQ(of32("fma.rn.relu.f16x2 %d0, %a0, %a1, %a2;", {0xbc003c00, 0x3c003c00, 0}), 0x00003c00u);
  EXPECT_EQ(of32("abs.f16x2 %d0, %a0;", {0xbc00c000}), 0x3c004000u);
  EXPECT_EQ(of32("neg.ftz.f32 %d0, %a0;", {1}), 0x80000000u);
  EXPECT_EQ(of32("copysign.f32 %d0, %a0, %a1;", {0x80000000, 0x3f800000}), 0xbf800000u);
  EXPECT_EQ(of32("testp.subnormal.f32 %p0, %a0; selp.b32 %d0, 1, 0, %p0;", {1}), 1u);
  EXPECT_EQ(of32("setp.neu.f32 %p0, %a0, %a1; selp.b32 %d0, 1, 0, %p0;", {0x7fc00000, 0}), 1u);
  EXPECT_EQ(of32("setp.ne.f32 %p0, %a0, %a1; selp.b32 %d0, 1, 0, %p0;", {0x7fc00000, 0}), 0u);
  EXPECT_EQ(of32("setp.gt.f16x2 %p0|%p1, %a0, %a1; selp.b32 %r0, 1, 0, %p0; selp.b32 %r1, 2, 0, %p1; "
                 "or.b32 %d0, %r0, %r1;",
                 {0x3c000000, 0}),
            2u);
  EXPECT_EQ(of32("set.lt.f16x2.f16x2 %d0, %a0, %a1;", {0x00003c00, 0x3c003c00}), 0x3c000000u);
}

TEST(Float, Approximations) {
  auto near = [](uint64_t pattern, double expected) {
    EXPECT_NEAR(bit_cast<float>(uint32_t(pattern)), expected, std::fabs(expected) * 1e-6 + 1e-30);
  };
  uint64_t x = bit_cast<uint32_t>(0.7f);
  near(of32("ex2.approx.ftz.f32 %d0, %a0;", {x}), std::exp2(0.7f));
  near(of32("lg2.approx.f32 %d0, %a0;", {x}), std::log2(0.7f));
  near(of32("sin.approx.f32 %d0, %a0;", {x}), std::sin(0.7f));
  near(of32("cos.approx.f32 %d0, %a0;", {x}), std::cos(0.7f));
  near(of32("tanh.approx.f32 %d0, %a0;", {x}), std::tanh(0.7f));
  near(of32("rsqrt.approx.f32 %d0, %a0;", {x}), 1 / std::sqrt(0.7f));
  near(of32("sqrt.approx.f32 %d0, %a0;", {x}), std::sqrt(0.7f));
  near(of32("rcp.approx.f32 %d0, %a0;", {x}), 1 / 0.7f);
  EXPECT_EQ(of32("div.approx.f32 %d0, %a0, %a1;", {0x3f800000, 0x7f000000}), 0u);
  EXPECT_EQ(of32("div.approx.f32 %d0, %a0, %a1;", {0x7f800000, 0x7f000000}), 0x7fffffffu);
  EXPECT_EQ(of32("lg2.approx.ftz.f32 %d0, %a0;", {1}), 0xff800000u);
  EXPECT_EQ(of32("rsqrt.approx.f32 %d0, %a0;", {0x80000000}), 0xff800000u);
  EXPECT_EQ(of32("ex2.approx.f16x2 %d0, %a0;", {0x3c00bc00}), 0x40003800u);
  EXPECT_EQ(evaluate("rcp.approx.ftz.f64 %d0, %a0;", "b64", {0x4008000000000000}, "b64")[0], 0x3fd5555500000000u);
}
