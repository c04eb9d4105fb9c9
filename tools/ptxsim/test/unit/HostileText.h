// Hostile PTX, by seed: kernels whose tokens are changed, and kernels of random instructions of the table.
#pragma once

#include "HostileKernels.h"
#include "ptx/InstructionTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <map>
#include <random>
#include <vector>

namespace ptxsim::test {

class HostileText {
public:
  HostileText(uint64_t seed, llvm::ArrayRef<std::string> samples) : random(seed), samples(samples) {}

  std::string make() { return below(3) == 0 ? generated() : mutated(samples[below(samples.size())]); }

  /// Splits into words, directives, numbers, blanks and single characters.
  static std::vector<std::string> tokens(llvm::StringRef text) {
    auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '$' || c == '%'; };
    std::vector<std::string> result;
    while (!text.empty()) {
      size_t length = 1;
      if (isWord(text[0]) || (text[0] == '.' && text.size() > 1 && isWord(text[1])))
        while (length < text.size() && isWord(text[length]))
          ++length;
      result.push_back(text.take_front(length).str());
      text = text.drop_front(length);
    }
    return result;
  }

private:
  std::mt19937_64 random;
  llvm::ArrayRef<std::string> samples;

  size_t below(size_t bound) { return bound ? random() % bound : 0; }
  bool oneIn(unsigned count) { return below(count) == 0; }
  template <class T, size_t N> const T &pick(const T (&list)[N]) { return list[below(N)]; }

  static bool isNumber(const std::string &token) { return llvm::isDigit(token[0]); }
  static bool isRegister(const std::string &token) { return token.size() > 1 && token[0] == '%'; }

  std::string number() {
    static const char *const extremes[] = {"0",
                                           "1",
                                           "2",
                                           "3",
                                           "4",
                                           "7",
                                           "8",
                                           "15",
                                           "16",
                                           "17",
                                           "31",
                                           "32",
                                           "33",
                                           "63",
                                           "64",
                                           "127",
                                           "128",
                                           "255",
                                           "256",
                                           "1023",
                                           "1024",
                                           "4096",
                                           "8191",
                                           "65535",
                                           "65536",
                                           "16777215",
                                           "16777216",
                                           "1048576",
                                           "0x7fffffff",
                                           "0x80000000",
                                           "0xffffffff",
                                           "0x7fffffffffffffff",
                                           "0x8000000000000000",
                                           "0xffffffffffffffff",
                                           "0xfffffffffffffff0",
                                           "0x0100000000000400",
                                           "0x0200000000000000",
                                           "0x0300000000000000",
                                           "0x0300000000000010",
                                           "0x01000400",
                                           "0x02000400",
                                           "0f7fc00000",
                                           "0f3f800000",
                                           "0dfff0000000000000"};
    return oneIn(4) ? std::to_string(below(100)) : pick(extremes);
  }

  std::string mutated(const std::string &text) {
    std::vector<std::string> all = tokens(text);
    for (unsigned k = 1 + below(oneIn(4) ? 12 : 3); k--;)
      mutate(all);
    return llvm::join(all, "");
  }

  size_t find(const std::vector<std::string> &all, bool (*wanted)(const std::string &)) {
    size_t from = below(all.size());
    for (size_t k = 0; k < all.size(); ++k)
      if (wanted(all[(from + k) % all.size()]))
        return (from + k) % all.size();
    return from;
  }
  /// The instruction around a token: [first, last), its semicolon included.
  std::pair<size_t, size_t> statement(const std::vector<std::string> &all, size_t at) {
    size_t first = at, last = at;
    while (first > 0 && all[first - 1] != ";" && all[first - 1] != "{" && all[first - 1] != "}")
      --first;
    while (last < all.size() && all[last] != ";")
      ++last;
    return {first, std::min(last + 1, all.size())};
  }

  void mutate(std::vector<std::string> &all) {
    auto isModifier = [](const std::string &token) { return token.size() > 1 && token[0] == '.'; };
    auto isOpcode = [](const std::string &token) { return llvm::isAlpha(token[0]); };
    switch (below(9)) {
    case 0:
    case 1:
      all[find(all, isNumber)] = number();
      break;
    case 2:
    case 3:
      all[find(all, isRegister)] = all[find(all, isRegister)];
      break;
    case 4: { // deleted, or moved elsewhere
      auto [first, last] = statement(all, below(all.size()));
      std::vector<std::string> cut(all.begin() + first, all.begin() + last);
      all.erase(all.begin() + first, all.begin() + last);
      if (all.empty())
        all.push_back(" ");
      else if (oneIn(2)) {
        size_t to = statement(all, below(all.size())).second;
        all.insert(all.begin() + to, cut.begin(), cut.end());
      }
      break;
    }
    case 5: { // repeated somewhere
      auto [first, last] = statement(all, below(all.size()));
      std::vector<std::string> copy(all.begin() + first, all.begin() + last);
      size_t to = statement(all, below(all.size())).second;
      all.insert(all.begin() + to, copy.begin(), copy.end());
      break;
    }
    case 6:
      all[find(all, isModifier)] = all[find(all, isModifier)];
      break;
    case 7:
      std::swap(all[find(all, isOpcode)], all[find(all, isOpcode)]);
      break;
    case 8: // a register where a number was, or the other way round
      if (oneIn(2))
        all[find(all, isNumber)] = all[find(all, isRegister)];
      else
        all[find(all, isRegister)] = number();
      break;
    }
  }

  // --- random instructions ---
  std::string registerOf(unsigned width) {
    if (width == 1)
      return "%p" + std::to_string(below(8));
    if (width <= 8)
      return "%h" + std::to_string(below(12));
    return (width <= 16   ? "%h"
            : width <= 32 ? "%r"
            : width <= 64 ? "%rd"
                          : "%q") +
           std::to_string(below(width <= 16   ? 12
                                : width <= 64 ? 16
                                              : 4));
  }
  std::string value(ptx::Type type, bool written) {
    unsigned width = type == ptx::Type::None ? 32 : ptx::bitWidth(type);
    if (written || width == 1 || width > 64 || !oneIn(8))
      return registerOf(width);
    if (ptx::isFloat(type))
      return width == 64 ? "0d3FF0000000000000" : width == 32 ? "0f7f800000" : registerOf(width);
    return number();
  }
  std::string address(const ptx::OperandSpec &spec, llvm::ArrayRef<llvm::StringRef> parts) {
    static const char *const offsets[] = {"",    "",      "",       "+4", "+16",         "+128",
                                          "-16", "+8192", "+65520", "+1", "-2147483648", "+2147483647"};
    bool shared = false, local = llvm::is_contained(parts, "local");
    for (llvm::StringRef part : parts)
      shared |= part.starts_with("shared");
    // The destination of a copy into shared memory stands first, and so do barriers.
    if (shared && llvm::is_contained(parts, "global"))
      shared = oneIn(2);
    std::string base;
    if (spec.coordinates) {
      base = "%rd3, {";
      for (unsigned k = 0; k < spec.coordinates; ++k)
        base += (k ? ", " : "") + registerOf(32);
      return "[" + base + "}]";
    }
    if (oneIn(20))
      base = registerOf(64);
    else if (shared)
      base = oneIn(2) ? "bar" : oneIn(2) ? "tile" : "%r2";
    else if (local)
      base = "stack";
    else
      base = oneIn(6) ? "%rd15" : oneIn(6) ? "%rd14" : oneIn(2) ? "%rd1" : "%rd6";
    return "[" + base + pick(offsets) + "]";
  }
  std::string operand(const ptx::OperandSpec &spec, llvm::ArrayRef<llvm::StringRef> parts, unsigned labels) {
    using Kind = ptx::OperandSpec::Kind;
    bool written = spec.access != ptx::OperandSpec::Access::Read;
    static const char *const immediates[] = {"0",  "1",  "2",  "3",  "4",   "7",   "8",
                                             "16", "32", "64", "-1", "128", "232", "31"};
    switch (spec.kind) {
    case Kind::Address:
      return address(spec, parts);
    case Kind::Vector: {
      std::string text = "{";
      for (unsigned k = 0; k < spec.count; ++k)
        text += (k ? ", " : "") + registerOf(spec.type == ptx::Type::None ? 32 : ptx::bitWidth(spec.type));
      return text + "}";
    }
    case Kind::Pair:
      return value(spec.type, true) + (oneIn(2) ? "|%p" + std::to_string(below(8)) : "");
    case Kind::Immediate:
      return pick(immediates);
    case Kind::Label:
      return "L" + std::to_string(below(labels));
    case Kind::Sink:
      return "_";
    default:
      return value(spec.type, written);
    }
  }
  std::string instruction(unsigned labels) {
    const ptx::Form *form;
    std::string family;
    do {
      form = &ptx::instructionTable()[below(ptx::instructionTable().size())];
      family = form->family;
    } while (llvm::StringRef(form->operands).contains("...") || llvm::StringRef(form->operands).contains("F") ||
             // Arithmetic has many rows and little to break.
             ((family == "float" || family == "integer" || family == "half" || family == "conversion" ||
               family == "video") &&
              !oneIn(6)));
    static std::map<const ptx::Form *, std::vector<std::vector<std::string>>> known;
    auto &all = known[form];
    if (all.empty())
      all = ptx::spellings(*form);
    const std::vector<std::string> &parts = all[below(all.size())];
    llvm::SmallVector<llvm::StringRef> pieces(parts.begin(), parts.end());
    llvm::SmallVector<ptx::Type> types;
    if (!ptx::matchForm(pieces, types))
      return "";
    std::vector<ptx::OperandSpec> specs = ptx::operandSpecs(*form, types, pieces);
    std::string text =
        (oneIn(6) ? std::string("@") + (oneIn(2) ? "!" : "") + registerOf(1) + " " : "") + llvm::join(pieces, ".");
    bool first = true;
    for (const ptx::OperandSpec &spec : specs) {
      if (spec.optional && oneIn(2))
        break;
      text += (first ? " " : ", ") + operand(spec, pieces, labels);
      first = false;
    }
    return text + ";";
  }
  std::string generated() {
    unsigned count = 1 + below(10);
    std::string body =
        "  .reg .b128 %q<4>; cvt.u64.u32 %rd14, %r2; cvta.shared.u64 %rd14, %rd14; mov.b64 %rd15, stack; "
        "cvta.local.u64 %rd15, %rd15;\n"
        "  mov.u32 %r7, -1; mov.b16 %h1, 0x3c00; setp.eq.u32 %p1, %r1, 0;\n";
    if (oneIn(2))
      body += "  mbarrier.init.shared.b64 [bar], 1; mbarrier.init.shared.b64 [bar+8], 32;\n";
    for (unsigned k = 0; k < count; ++k)
      body += "L" + std::to_string(k) + ": " + instruction(count + 1) + "\n";
    return hostileKernel(body + "L" + std::to_string(count) + ": st.global.b32 [%rd6], %r8;");
  }
};

} // namespace ptxsim::test
