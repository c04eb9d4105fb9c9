// Random straight-line PTX, evaluated twice: by the translator's machine code and by the plain interpreter. Every form
// of the arithmetic families takes part; the two share the parser and the instruction table and nothing else.
#include "engine/Device.h"
#include "engine/Memory.h"
#include "interpret/Interpreter.h"
#include "interpret/Numbers.h"
#include "ptx/InstructionTable.h"

#include "llvm/ADT/StringSet.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace ptxsim;
using ptx::Form;
using ptx::OperandSpec;
using ptx::Type;

namespace {

constexpr unsigned kThreads = 32;

/// Registers live in pools, so that a NaN's payload (which no two implementations agree on) never becomes an integer.
struct Pool {
  const char *prefix, *declared;
  unsigned bytes, size;
  Type content; ///< how random values are drawn and results compared
};
const Pool pools[] = {
    {"p", "pred", 1, 6, Type::Pred},   {"h", "b16", 2, 8, Type::B16},    {"r", "b32", 4, 12, Type::B32},
    {"l", "b64", 8, 8, Type::B64},     {"f", "f32", 4, 8, Type::F32},    {"d", "f64", 8, 8, Type::F64},
    {"hf", "b16", 2, 6, Type::F16},    {"bf", "b16", 2, 6, Type::BF16},  {"hh", "b32", 4, 6, Type::F16x2},
    {"bb", "b32", 4, 6, Type::BF16x2}, {"q", "b128", 16, 3, Type::B128}, {"e4", "b16", 2, 4, Type::E4M3x2},
    {"e5", "b16", 2, 4, Type::E5M2x2}, {"t", "b32", 4, 4, Type::TF32},
};

const Pool &poolOf(Type type) {
  Type content = type;
  if (!ptx::isFloat(type) && type != Type::Pred)
    content = type == Type::U16x2 || type == Type::S16x2 ? Type::B32
              : ptx::bitWidth(type) <= 16                ? Type::B16
              : ptx::bitWidth(type) == 32                ? Type::B32
              : ptx::bitWidth(type) == 64                ? Type::B64
                                                         : Type::B128;
  for (const Pool &pool : pools)
    if (pool.content == content)
      return pool;
  ADD_FAILURE() << "no pool for " << ptx::name(type).str();
  return pools[2];
}

using Random = std::mt19937_64;

uint64_t randomFloat(Random &random, const numbers::Format &format) {
  const uint64_t sign = random() & uint64_t(1) << (format.bits - 1),
                 fraction = random() & ((uint64_t(1) << format.mantissa) - 1);
  const unsigned exponentBits = format.bits - 1 - format.mantissa;
  const uint64_t top = (uint64_t(1) << exponentBits) - 1;
  uint64_t exponent;
  switch (random() % 8) {
  case 0:
    return sign; // zero
  case 1:
    return sign | fraction; // subnormal
  case 2:
    return sign | top << format.mantissa; // infinity
  case 3:
    return sign | numbers::canonicalNan(format); // NaN
  case 4:
    exponent = random() & top;
    break; // anything
  default:
    exponent = uint64_t(format.bias) + random() % 12 - 6;
    break; // about one
  }
  return sign | (exponent & top) << format.mantissa |
         (random() % 3 ? fraction : fraction >> (format.mantissa / 2) << (format.mantissa / 2));
}

uint64_t randomInteger(Random &random, unsigned width) {
  uint64_t value;
  switch (random() % 6) {
  case 0:
    value = random() % 40;
    break;
  case 1:
    value = ~(random() % 3);
    break;
  case 2:
    value = uint64_t(1) << random() % width;
    break;
  case 3:
    value = (uint64_t(1) << (width - 1)) - random() % 3;
    break;
  default:
    value = random();
    break;
  }
  return width >= 64 ? value : value & ((uint64_t(1) << width) - 1);
}

void drawValue(Random &random, Type content, uint8_t *out, unsigned bytes) {
  uint64_t words[2] = {randomInteger(random, 64), random()};
  auto pair = [&](Type element) {
    const numbers::Format format = numbers::formatOf(element);
    words[0] = randomFloat(random, format) | randomFloat(random, format) << format.bits;
  };
  switch (content) {
  case Type::Pred:
    words[0] = random() & 1;
    break;
  case Type::B16:
    words[0] = randomInteger(random, 16);
    break;
  case Type::B32:
    words[0] = randomInteger(random, 32);
    break;
  case Type::F16x2:
    pair(Type::F16);
    break;
  case Type::BF16x2:
    pair(Type::BF16);
    break;
  case Type::E4M3x2:
    pair(Type::E4M3);
    break;
  case Type::E5M2x2:
    pair(Type::E5M2);
    break;
  case Type::B64:
  case Type::B128:
    break;
  default:
    words[0] = randomFloat(random, numbers::formatOf(content));
    break;
  }
  memcpy(out, words, bytes);
}

/// Whether the ISA leaves the result's last bits open.
bool isApproximate(const std::vector<std::string> &parts) {
  static const llvm::StringSet<> names = {"approx", "full", "sin", "cos", "lg2", "ex2", "tanh", "rsqrt"};
  for (const std::string &part : parts)
    if (names.contains(part))
      return true;
  return false;
}

struct Candidate {
  const Form *form;
  std::vector<std::string> parts;
};

/// Every spelling of the families that both sides know, in the order of the table.
std::vector<Candidate> candidates(bool approximate) {
  static const llvm::StringSet<> families = {"integer", "carry", "compare", "float", "half",
                                             "convert", "move",  "logic",   "video"};
  std::vector<Candidate> result;
  for (const Form &form : ptx::instructionTable())
    if (families.contains(form.family))
      for (std::vector<std::string> &parts : ptx::spellings(form))
        if (isApproximate(parts) == approximate)
          result.push_back({&form, std::move(parts)});
  return result;
}

std::string join(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : ".") + part;
  return text;
}

class Generator {
public:
  Generator(uint64_t seed) : random(seed) {}
  Random random;

  std::string registerOf(Type type) {
    const Pool &pool = poolOf(type);
    return std::string("%") + pool.prefix + std::to_string(random() % pool.size);
  }

  /// One instruction of the spelling with random operands; empty if an operand is of a kind that straight-line code
  /// lacks.
  std::string instruction(const Candidate &candidate) {
    std::vector<llvm::StringRef> parts(candidate.parts.begin(), candidate.parts.end());
    llvm::SmallVector<Type, 3> types;
    for (llvm::StringRef part : llvm::ArrayRef(parts).drop_front())
      if (Type type = ptx::typeNamed(part); type != Type::None)
        types.push_back(type);
    std::string operands;
    for (const OperandSpec &spec : ptx::operandSpecs(*candidate.form, types, parts)) {
      if (spec.optional && random() % 2)
        break;
      std::string text;
      switch (spec.kind) {
      case OperandSpec::Kind::Value:
        text = value(spec);
        break;
      case OperandSpec::Kind::Pair:
        text = registerOf(spec.type) + "|" + registerOf(Type::Pred);
        break;
      case OperandSpec::Kind::Immediate:
        text = std::to_string(random() % 256);
        break;
      case OperandSpec::Kind::Vector:
        if (spec.type == Type::B8)
          return "";
        for (unsigned k = 0; k < spec.count; ++k)
          text += (k ? ", " : "{") + distinct(spec.type, text);
        text += "}";
        break;
      default:
        return "";
      }
      operands += (operands.empty() ? " " : ", ") + text;
    }
    std::string guard =
        random() % 6 == 0 ? std::string("@") + (random() % 2 ? "!" : "") + registerOf(Type::Pred) + " " : "";
    return guard + join(candidate.parts) + operands + ";";
  }

private:
  std::string value(const OperandSpec &spec) {
    const bool immediate = spec.access == OperandSpec::Access::Read && spec.type != Type::Pred &&
                           !ptx::isFloat(spec.type) && !spec.wider && !spec.selector &&
                           ptx::bitWidth(spec.type) <= 64 && random() % 5 == 0;
    if (spec.selector) {
      static const char *selectors[] = {"", "", ".b0", ".b1", ".b2", ".b3", ".h0", ".h1"};
      return registerOf(spec.type) + selectors[random() % 8];
    }
    if (!immediate)
      return registerOf(spec.type);
    const unsigned width = ptx::bitWidth(spec.type);
    const uint64_t bits = randomInteger(random, width);
    // Signed where the type is, so that the literal is in its range.
    return ptx::isSigned(spec.type) ? std::to_string(int64_t(bits << (64 - width)) >> (64 - width))
                                    : std::to_string(bits) + (width == 64 ? "U" : "");
  }

  /// Destinations of one vector must differ.
  std::string distinct(Type type, const std::string &sofar) {
    for (;;) {
      const std::string name = registerOf(type);
      if (sofar.find(name + ",") == std::string::npos &&
          (sofar.size() < name.size() || sofar.compare(sofar.size() - name.size(), name.size(), name) != 0))
        return name;
    }
  }
};

struct Layout {
  struct Entry {
    std::string name;
    const Pool *pool;
    unsigned offset;
  };
  std::vector<Entry> entries;
  unsigned bytes = 0;
  Layout() {
    for (unsigned size : {16u, 8u, 4u, 2u, 1u}) // widest first: aligned without gaps
      for (const Pool &pool : pools)
        if (pool.bytes == size)
          for (unsigned k = 0; k < pool.size; ++k, bytes += size)
            entries.push_back({std::string("%") + pool.prefix + std::to_string(k), &pool, bytes});
    bytes = (bytes + 15) / 16 * 16;
  }
};

/// Every register is loaded from the thread's record, the body runs, every register is stored again.
std::string program(const Layout &layout, const std::vector<std::string> &body) {
  std::string text =
      ".version 8.7\n.target sm_90a\n.address_size 64\n.visible .entry fuzz(.param .u64 in, .param .u64 out)\n{\n";
  for (const Pool &pool : pools)
    text += std::string(".reg .") + pool.declared + " %" + pool.prefix + "<" + std::to_string(pool.size) + ">;\n";
  text += ".reg .b64 %in, %out, %skip;\n.reg .b32 %which;\n.reg .b16 %byte;\n.reg .b64 %low, %high;\n"
          "ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nmov.u32 %which, %tid.x;\nmul.wide.u32 %skip, %which, " +
          std::to_string(layout.bytes) + ";\nadd.u64 %in, %in, %skip;\nadd.u64 %out, %out, %skip;\n";
  for (const Layout::Entry &entry : layout.entries) {
    const std::string address = "+" + std::to_string(entry.offset) + "]";
    if (entry.pool->content == Type::Pred)
      text += "ld.global.u8 %byte, [%in" + address + ";\nsetp.ne.u16 " + entry.name + ", %byte, 0;\n";
    else if (entry.pool->bytes == 16)
      text += "ld.global.v2.b64 {%low, %high}, [%in" + address + ";\nmov.b128 " + entry.name + ", {%low, %high};\n";
    else
      text += "ld.global.b" + std::to_string(entry.pool->bytes * 8) + " " + entry.name + ", [%in" + address + ";\n";
  }
  text += "bar.sync 0;\n";
  for (const std::string &line : body)
    text += line + "\n";
  text += "bar.sync 0;\n";
  for (const Layout::Entry &entry : layout.entries) {
    const std::string address = "[%out+" + std::to_string(entry.offset) + "], ";
    if (entry.pool->content == Type::Pred)
      text += "selp.u16 %byte, 1, 0, " + entry.name + ";\nst.global.u8 " + address + "%byte;\n";
    else if (entry.pool->bytes == 16)
      text += "mov.b128 {%low, %high}, " + entry.name + ";\nst.global.v2.b64 " + address + "{%low, %high};\n";
    else
      text += "st.global.b" + std::to_string(entry.pool->bytes * 8) + " " + address + entry.name + ";\n";
  }
  return text + "ret;\n}\n";
}

/// Equal bits, or NaNs of the content's element type in the same places.
bool sameValue(Type content, const uint8_t *a, const uint8_t *b, unsigned bytes) {
  if (memcmp(a, b, bytes) == 0)
    return true;
  Type element = content == Type::F16x2 ? Type::F16 : content == Type::BF16x2 ? Type::BF16 : content;
  if (content == Type::E4M3x2 || content == Type::E5M2x2 || !ptx::isFloat(element))
    return false;
  const numbers::Format format = numbers::formatOf(element);
  for (unsigned at = 0; at < bytes; at += format.bits / 8) {
    uint64_t x = 0, y = 0;
    memcpy(&x, a + at, format.bits / 8);
    memcpy(&y, b + at, format.bits / 8);
    if (x != y && !(numbers::isNan(numbers::decode(x, format)) && numbers::isNan(numbers::decode(y, format))))
      return false;
  }
  return true;
}

struct Runner {
  Device device{architecture("sm_90a")};
  Layout layout;

  /// Runs the body both ways on the same random records; a description of the first difference, or "".
  std::string difference(const std::vector<std::string> &body, Random &random, bool poison) {
    const std::string text = program(layout, body);
    std::vector<uint8_t> in(layout.bytes * kThreads), out(in.size());
    for (unsigned thread = 0; thread < kThreads; ++thread)
      for (const Layout::Entry &entry : layout.entries)
        drawValue(random, entry.pool->content, &in[thread * layout.bytes + entry.offset], entry.pool->bytes);
    const uint64_t inAddress = device.memory().allocate(in.size(), "in"),
                   outAddress = device.memory().allocate(out.size(), "out");
    memcpy(reinterpret_cast<void *>(inAddress), in.data(), in.size());
    device.memory().markDefined(inAddress, in.size());
    std::shared_ptr<Program> loaded = device.load(text, "fuzz.ptx");
    const Kernel kernel = loaded->kernel("fuzz");
    uint64_t parameters[2] = {inAddress, outAddress};
    LaunchConfig config;
    config.block = {kThreads, 1, 1};
    Options options;
    options.checks = poison ? CheckSet::all() : CheckSet::memorySafety();
    LaunchResult result =
        device.launch(kernel, config, {reinterpret_cast<uint8_t *>(parameters), sizeof parameters}, options);
    memcpy(out.data(), reinterpret_cast<void *>(outAddress), out.size());
    device.memory().free(inAddress);
    device.memory().free(outAddress);
    if (!result.clean())
      return "the launch was not clean: " + (result.findings.empty() ? "stopped" : format(result.findings[0])) + "\n" +
             text;

    // The instructions between the two barriers.
    const ptx::Function &function = *kernel.function;
    size_t first = 0, last = 0;
    for (const ptx::Instruction &instruction : function.body)
      if (instruction.opcode() == "bar")
        (first ? last : first) = instruction.index;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      RegisterFile registers(function);
      auto indexOf = [&](const std::string &name) {
        for (size_t k = 0; k < function.registers.size(); ++k)
          if (function.registers[k].name == name)
            return k;
        return function.registers.size();
      };
      for (const Layout::Entry &entry : layout.entries)
        memcpy(&registers.values[indexOf(entry.name)], &in[thread * layout.bytes + entry.offset], entry.pool->bytes);
      for (size_t k = first + 1; k < last; ++k)
        if (!interpret(function, function.body[k], registers))
          return "the interpreter does not know " + function.body[k].spelling();
      for (const Layout::Entry &entry : layout.entries) {
        const uint8_t *got = &out[thread * layout.bytes + entry.offset];
        uint8_t expected[16];
        memcpy(expected, &registers.values[indexOf(entry.name)], entry.pool->bytes);
        if (sameValue(entry.pool->content, got, expected, entry.pool->bytes))
          continue;
        std::string message = entry.name + ": translated ";
        for (unsigned k = entry.pool->bytes; k-- > 0;)
          message += "0123456789abcdef"[got[k] >> 4], message += "0123456789abcdef"[got[k] & 15];
        message += ", interpreted ";
        for (unsigned k = entry.pool->bytes; k-- > 0;)
          message += "0123456789abcdef"[expected[k] >> 4], message += "0123456789abcdef"[expected[k] & 15];
        message += "; inputs:";
        for (const Layout::Entry &input : layout.entries)
          if (body.size() == 1 && (body[0].find(input.name + ",") != std::string::npos ||
                                   body[0].find(input.name + ";") != std::string::npos)) {
            message += " " + input.name + "=";
            for (unsigned k = input.pool->bytes; k-- > 0;) {
              const uint8_t byte = in[thread * layout.bytes + input.offset + k];
              message += "0123456789abcdef"[byte >> 4], message += "0123456789abcdef"[byte & 15];
            }
          }
        return message;
      }
    }
    return "";
  }

  /// The same for many bodies in one program would hide which instruction differs: on a difference the instructions are
  /// tried one by one, and the report names the first that differs alone.
  std::string explain(const std::vector<std::string> &body, uint64_t seed, bool poison) {
    Random random(seed);
    const std::string whole = difference(body, random, poison);
    if (whole.empty())
      return "";
    for (const std::string &line : body)
      for (unsigned attempt = 0; attempt < 4; ++attempt) {
        Random again(seed + attempt);
        const std::string single = difference({line}, again, poison);
        if (!single.empty())
          return line + "\n  " + single;
      }
    std::string text = whole + "\nonly together:";
    for (const std::string &line : body)
      text += "\n  " + line;
    return text;
  }
};

/// Each spelling once (or a sample of them), a few dozen in one program, with fresh operands.
void compareAll(bool poison, unsigned everyNth) {
  const std::vector<Candidate> all = candidates(false);
  ASSERT_GT(all.size(), 1000u);
  Generator generator(poison ? 2 : 1);
  Runner runner;
  std::vector<std::string> body;
  unsigned failures = 0;
  for (size_t k = 0; k < all.size() && failures < 20; ++k) {
    if (k % everyNth == 0) {
      std::string line = generator.instruction(all[k]);
      if (!line.empty())
        body.push_back(line);
    }
    if (body.size() < 40 && k + 1 < all.size())
      continue;
    const std::string report = runner.explain(body, k, poison);
    if (!report.empty()) {
      ++failures;
      ADD_FAILURE() << report;
    }
    body.clear();
  }
}

} // namespace

// Tests that each spelling of each arithmetic form gives what the interpreter gives.
TEST(Fuzz, EverySpelling) { compareAll(false, 1); }

// Tests that shadows do not change values, and that defined inputs give no finding.
TEST(Fuzz, WithShadows) { compareAll(true, 7); }

// Tests sequences in which results feed further instructions.
TEST(Fuzz, RandomSequences) {
  const std::vector<Candidate> all = candidates(false);
  Runner runner;
  const char *given = getenv("PTXSIM_FUZZ_PROGRAMS");
  const unsigned programs = given ? unsigned(atoi(given)) : 40;
  unsigned failures = 0;
  for (unsigned k = 0; k < programs && failures < 10; ++k) {
    Generator generator(1000 + k);
    std::vector<std::string> body;
    while (body.size() < 60) {
      std::string line = generator.instruction(all[generator.random() % all.size()]);
      if (!line.empty())
        body.push_back(line);
    }
    const std::string report = runner.explain(body, 1000 + k, false);
    if (!report.empty()) {
      ++failures;
      ADD_FAILURE() << "program " << k << ": " << report;
    }
  }
}
