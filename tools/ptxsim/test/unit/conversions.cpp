// Exhaustive conversions from every 8- and 16-bit source, and the approximate functions against double precision.
#include "engine/Device.h"
#include "engine/Memory.h"
#include "interpret/Interpreter.h"
#include "interpret/Numbers.h"
#include "ptx/InstructionTable.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace ptxsim;
using ptx::Type;

namespace {

std::string join(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : ".") + part;
  return text;
}

std::vector<Type> typesOf(const std::vector<std::string> &parts) {
  std::vector<Type> types;
  for (size_t k = 1; k < parts.size(); ++k)
    if (Type type = ptx::typeNamed(parts[k]); type != Type::None)
      types.push_back(type);
  return types;
}

unsigned registerBits(Type type) { return std::max(16u, ptx::bitWidth(type)); }

/// A kernel that applies `instruction` (from %s to %d) to an array, one element a thread, and to a second source %s2
/// that is the element's complement where the instruction has two.
std::string program(const std::string &instruction, unsigned sourceBits, unsigned resultBits) {
  const std::string s = std::to_string(sourceBits), d = std::to_string(resultBits);
  return ".version 8.7\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out)\n{\n"
         ".reg .b" +
         s + " %s, %s2;\n.reg .b" + d +
         " %d;\n.reg .b32 %x<4>;\n.reg .b64 %in, %out, %o;\n"
         "ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nmov.u32 %x0, %ctaid.x;\nmov.u32 %x1, %ntid.x;\nmov.u32 "
         "%x2, %tid.x;\n"
         "mad.lo.u32 %x3, %x0, %x1, %x2;\nmul.wide.u32 %o, %x3, " +
         std::to_string(sourceBits / 8) +
         ";\nadd.u64 %in, %in, %o;\n"
         "mul.wide.u32 %o, %x3, " +
         std::to_string(resultBits / 8) + ";\nadd.u64 %out, %out, %o;\nld.global.b" + s +
         " %s, [%in];\n"
         "not.b" +
         s + " %s2, %s;\n" + instruction + "\nst.global.b" + d + " [%out], %d;\nret;\n}\n";
}

struct Machine {
  Device device{architecture("sm_90a")};

  template <class Source>
  std::vector<uint64_t> run(const std::string &text, const std::vector<Source> &in, unsigned resultBits) {
    const unsigned bytes = resultBits / 8;
    const uint64_t inAddress = device.memory().allocate(in.size() * sizeof(Source), "in"),
                   outAddress = device.memory().allocate(in.size() * bytes, "out");
    memcpy(reinterpret_cast<void *>(inAddress), in.data(), in.size() * sizeof(Source));
    device.memory().markDefined(inAddress, in.size() * sizeof(Source));
    const std::shared_ptr<Program> loaded = device.load(text, "conversion.ptx");
    const uint64_t parameters[2] = {inAddress, outAddress};
    LaunchConfig config;
    config.block = {256, 1, 1};
    config.grid = {uint32_t(in.size() / 256), 1, 1};
    const LaunchResult result = device.launch(
        loaded->kernel("k"), config, {reinterpret_cast<const uint8_t *>(parameters), sizeof parameters}, Options());
    EXPECT_TRUE(result.clean()) << text;
    std::vector<uint64_t> values(in.size());
    for (size_t k = 0; k < in.size(); ++k)
      memcpy(&values[k], reinterpret_cast<const uint8_t *>(outAddress) + k * bytes, bytes);
    device.memory().free(inAddress);
    device.memory().free(outAddress);
    return values;
  }
};

uint64_t maskTo(uint64_t bits, unsigned width) { return width >= 64 ? bits : bits & ((uint64_t(1) << width) - 1); }

bool same(Type type, uint64_t a, uint64_t b) {
  if (a == b)
    return true;
  const Type element = type == Type::F16x2 ? Type::F16 : type == Type::BF16x2 ? Type::BF16 : type;
  if (!ptx::isFloat(element) || ptx::bitWidth(element) < 16)
    return false;
  const numbers::Format format = numbers::formatOf(element);
  for (unsigned shift = 0; shift < ptx::bitWidth(type); shift += format.bits) {
    const uint64_t x = maskTo(a >> shift, format.bits), y = maskTo(b >> shift, format.bits);
    if (x != y && !(numbers::isNan(numbers::decode(x, format)) && numbers::isNan(numbers::decode(y, format))))
      return false;
  }
  return true;
}

} // namespace

// Tests every spelling of cvt whose source has 8 or 16 bits on every value of the source.
TEST(Conversions, ExhaustiveNarrowSources) {
  Machine machine;
  std::vector<uint16_t> all(65536);
  for (size_t k = 0; k < all.size(); ++k)
    all[k] = uint16_t(k);
  unsigned tested = 0;
  for (const ptx::Form &form : ptx::instructionTable())
    for (const std::vector<std::string> &parts : ptx::spellings(form)) {
      const std::vector<Type> types = typesOf(parts);
      if (parts[0] != "cvt" || types.size() != 2 || ptx::bitWidth(types[1]) > 16)
        continue;
      const unsigned resultBits = registerBits(types[0]);
      const std::string text = program(join(parts) + " %d, %s;", 16, resultBits);
      const std::vector<uint64_t> got = machine.run(text, all, resultBits);
      const std::unique_ptr<ptx::Module> module = ptx::parse(text, "conversion.ptx");
      const ptx::Function &function = *module->find("k");
      const ptx::Instruction *conversion = nullptr;
      for (const ptx::Instruction &instruction : function.body)
        if (instruction.opcode() == "cvt")
          conversion = &instruction;
      ASSERT_TRUE(conversion);
      const uint32_t from = conversion->operands[1].reg, to = conversion->operands[0].reg;
      RegisterFile registers(function);
      for (size_t k = 0; k < all.size(); ++k) {
        registers.values[from] = k;
        ASSERT_TRUE(interpret(function, *conversion, registers));
        ASSERT_TRUE(same(types[0], got[k], uint64_t(registers.values[to])))
            << join(parts) << " of " << std::hex << k << ": translated " << got[k] << ", interpreted "
            << uint64_t(registers.values[to]);
      }
      ++tested;
    }
  EXPECT_GT(tested, 100u);
}

// Tests that the narrow formats are what their definitions say: each value of f16, bf16, e4m3 and e5m2 as a sum of
// powers of two.
TEST(Conversions, NarrowFormatsByDefinition) {
  struct Row {
    Type type;
    unsigned exponentBits, mantissaBits;
    bool hasInfinity;
  };
  for (const Row &row : {Row{Type::F16, 5, 10, true}, Row{Type::BF16, 8, 7, true}, Row{Type::E4M3, 4, 3, false},
                         Row{Type::E5M2, 5, 2, true}}) {
    const numbers::Format format = numbers::formatOf(row.type);
    const int bias = (1 << (row.exponentBits - 1)) - 1;
    for (uint64_t bits = 0; bits < uint64_t(1) << format.bits; ++bits) {
      const unsigned exponent = unsigned(bits >> row.mantissaBits & ((1u << row.exponentBits) - 1)),
                     fraction = unsigned(bits & ((1u << row.mantissaBits) - 1));
      const bool top = exponent == (1u << row.exponentBits) - 1;
      const bool nan = row.hasInfinity ? top && fraction : top && fraction == (1u << row.mantissaBits) - 1;
      const double got = double(numbers::decode(bits, format));
      if (nan) {
        ASSERT_TRUE(std::isnan(got));
        continue;
      }
      double expected = exponent ? std::ldexp(1.0 + double(fraction) / (1 << row.mantissaBits), int(exponent) - bias)
                                 : std::ldexp(double(fraction) / (1 << row.mantissaBits), 1 - bias);
      if (top && row.hasInfinity)
        expected = INFINITY;
      expected = bits >> (format.bits - 1) ? -expected : expected;
      ASSERT_EQ(got, expected) << ptx::name(row.type).str() << " " << std::hex << bits;
      ASSERT_EQ(numbers::encode(numbers::Wide(expected), format, numbers::Round::Nearest), bits);
    }
  }
}

// Tests the approximate functions of f32 within the ISA's error bounds (section "Floating-Point Instructions" of each),
// and their special values.
TEST(Conversions, ApproximateFunctions) {
  struct Row {
    const char *instruction;
    double (*exact)(double);
    double relative, absolute, low, high;
  };
  const Row rows[] = {
      {"rcp.approx.f32", [](double x) { return 1 / x; }, 0x1p-23, 0, -1e30, 1e30},
      {"sqrt.approx.f32", [](double x) { return std::sqrt(x); }, 0x1p-23, 0, 0, 1e38},
      {"rsqrt.approx.f32", [](double x) { return 1 / std::sqrt(x); }, 0x1.8p-23, 0, 1e-30, 1e38},
      {"sin.approx.f32", [](double x) { return std::sin(x); }, 0, 0x1p-20, -3.14159, 3.14159},
      {"cos.approx.f32", [](double x) { return std::cos(x); }, 0, 0x1p-20, -3.14159, 3.14159},
      {"lg2.approx.f32", [](double x) { return std::log2(x); }, 0x1p-22, 0x1p-22, 1e-30, 1e38},
      {"ex2.approx.f32", [](double x) { return std::exp2(x); }, 0x1p-22, 0, -126, 127},
      {"ex2.approx.ftz.f32", [](double x) { return std::exp2(x); }, 0x1p-22, 0, -126, 127},
      {"tanh.approx.f32", [](double x) { return std::tanh(x); }, 0x1p-11, 0, -20, 20},
  };
  Machine machine;
  std::mt19937 random(1);
  for (const Row &row : rows) {
    std::vector<float> in(4096);
    for (float &x : in)
      x = float(row.low + (row.high - row.low) * (random() / 4294967296.0));
    const std::vector<uint64_t> got = machine.run(program(std::string(row.instruction) + " %d, %s;", 32, 32), in, 32);
    for (size_t k = 0; k < in.size(); ++k) {
      float value;
      const uint32_t bits = uint32_t(got[k]);
      memcpy(&value, &bits, 4);
      const double expected = row.exact(in[k]);
      ASSERT_TRUE(std::fabs(value - expected) <= row.absolute + row.relative * std::fabs(expected))
          << row.instruction << " of " << in[k] << ": " << value << ", expected " << expected;
    }
  }
}
