// What stands in the instruction table runs: spellings of every row, in which each of the row's words occurs, are
// translated inside a kernel, with and without checks. A row that nobody implements throws.
#include "FormsBench.h"
#include "translate/Translator.h"

using namespace ptxsim;
using namespace ptxsim::test;
using Kind = ptx::OperandSpec::Kind;

namespace {

/// Rows that are refused on purpose, as spelling and reason.
struct Exception {
  const char *word, *opcode, *reason;
};
constexpr Exception exceptions[] = {
    {"u32", "cvta", "a generic address of a window has 64 bits, as the module's addresses"},
};

bool isException(const Spelling &spelling) {
  // Conversions within the global window keep any width.
  for (const Exception &exception : exceptions)
    if (spelling.parts[0] == exception.opcode && spelling.has(exception.word) &&
        (spelling.has("local") || spelling.has("shared") || spelling.has("shared::cta") ||
         spelling.has("shared::cluster")))
      return true;
  return false;
}

const char *const kHead = ".version 9.0\n.target sm_90a\n.address_size 64\n"
                          ".func (.param .u32 r) callee(.param .u32 a)\n{\nret;\n}\n";

/// The n-th register of a width: operands of one instruction are different registers.
std::string registerOf(ptx::Type type, unsigned &next) {
  const unsigned bits = type == ptx::Type::None ? 64 : ptx::bitWidth(type);
  const char *prefix = bits == 1    ? "%p"
                       : bits == 8  ? "%b"
                       : bits <= 16 ? "%h"
                       : bits == 32 ? "%r"
                       : bits == 64 ? "%d"
                                    : "%q";
  return prefix + number(next++);
}

/// An integer constant that the instruction takes in that place.
std::string immediateOf(const Spelling &spelling, unsigned place) {
  llvm::StringRef opcode = spelling.parts[0];
  if (opcode == "setmaxnreg")
    return "64";
  if (opcode == "applypriority" || opcode == "discard" || opcode == "fence" || spelling.has("cp_fenceproxy"))
    return "128";
  if (opcode == "cp" && place == 2)
    return "16";
  if (opcode == "alloca")
    return "16";
  return "1";
}

std::string operandOf(const Spelling &spelling, const ptx::OperandSpec &spec, unsigned place, unsigned &next) {
  std::string text;
  switch (spec.kind) {
  case Kind::Value:
    return registerOf(spec.type, next);
  case Kind::Pair:
    return registerOf(spec.type, next) + "|" + registerOf(ptx::Type::Pred, next);
  case Kind::Immediate:
    return immediateOf(spelling, place);
  case Kind::Label:
    return spelling.parts[0] == "bra" ? "END" : "targets";
  case Kind::Sink:
    return "_";
  case Kind::Function:
  case Kind::Rest:
    return "(result), callee, (argument)";
  case Kind::Vector:
    for (unsigned k = 0; k < spec.count; ++k)
      text += (k ? ", " : "") + registerOf(spec.type, next);
    return "{" + text + "}";
  case Kind::Address:
    if (spelling.has("param") || spelling.has("param::func") || spelling.has("param::entry"))
      return spelling.parts[0] == "st" ? "[slot]" : spelling.has("param::func") ? "[slot]" : "[block]";
    text = "[" + registerOf(ptx::Type::B64, next);
    for (unsigned k = 0; k < spec.coordinates; ++k)
      text += (k ? ", " : ", {") + registerOf(ptx::Type::B32, next);
    return text + (spec.coordinates ? "}]" : "]");
  }
  return "";
}

/// The instruction with all optional operands, or with none.
std::string instructionOf(const Spelling &spelling, bool full) {
  llvm::SmallVector<llvm::StringRef, 8> parts(spelling.parts.begin(), spelling.parts.end());
  llvm::SmallVector<ptx::Type, 3> types;
  ptx::matchForm(parts, types);
  std::vector<ptx::OperandSpec> specs = ptx::operandSpecs(*spelling.form, types, parts);
  if (!full)
    ptx::dropOptional(specs, llvm::count_if(specs, [](const ptx::OperandSpec &spec) { return !spec.optional; }));
  std::string text = spelling.text;
  unsigned next = 0;
  for (unsigned k = 0; k < specs.size(); ++k)
    text += (k ? ", " : " ") + operandOf(spelling, specs[k], k, next);
  return text + ";\n";
}

std::string moduleOf(const std::string &body) {
  std::string text = kHead;
  text += ".visible .entry k(.param .align 64 .b8 block[128])\n{\n.reg .pred %p<160>;\n.reg .b8 %b<160>;\n"
          ".reg .b16 %h<160>;\n.reg .b32 %r<160>;\n.reg .b64 %d<160>;\n.reg .b128 %q<16>;\n"
          ".param .align 16 .b8 slot[32];\n.param .b32 argument;\n.param .b32 result;\n"
          "targets: .branchtargets END, END;\nbra BODY;\nBODY:\n";
  return text + body + "END:\nret;\n}\n";
}

/// Empty, or why the body is not translated.
std::string refusal(const std::string &body, const TranslateOptions &options) {
  try {
    std::unique_ptr<ptx::Module> module = ptx::parse(moduleOf(body), "table.ptx");
    SymbolAddresses symbols;
    for (auto &function : module->functions)
      symbols.functions[function->name] = function.get();
    std::unique_ptr<Translation> translation = translate(*module, *module->find("k"), symbols, options);
    return translation->entry ? "" : "no code";
  } catch (const ptx::Error &error) {
    return error.what();
  }
}

} // namespace

// Tests that each row is translated, plainly and with all that checks add.
TEST(FormsTable, EveryRowIsImplemented) {
  std::vector<TranslateOptions> ways(2);
  ways[1].poison = ways[1].instrumented = ways[1].count = ways[1].deferProducts = ways[1].preempt = true;
  // wgmma has rows with thousands of spellings: the shapes are tested in their own programs, and one of each row's
  // beginning, middle and end stands for them here.
  auto all = sample([](const ptx::Form &form) { return !isFamily(form, "wgmma"); },
                    [](const Spelling &) { return std::string(); });
  auto products = sample([](const ptx::Form &form) { return isFamily(form, "wgmma"); },
                         [](const Spelling &) { return std::string(); });
  for (size_t k = 0; k < products.size(); ++k)
    if (k % 16 == 0 || k == 0 || products[k].form != products[k - 1].form)
      all.push_back(products[k]);
  std::set<const ptx::Form *> rows;
  size_t numRefused = 0;
  for (const TranslateOptions &options : ways) {
    std::vector<std::string> chunk;
    auto flush = [&] {
      std::string body;
      for (const std::string &line : chunk)
        body += line;
      if (std::string whole = refusal(body, options); !whole.empty()) {
        ++numRefused;
        bool isFound = false;
        for (const std::string &line : chunk)
          if (std::string why = refusal(line, options); !why.empty()) {
            ADD_FAILURE() << line << (options.poison ? "with checks: " : "") << why;
            isFound = true;
          }
        if (!isFound)
          ADD_FAILURE() << "only together: " << whole << "\n" << body;
      }
      chunk.clear();
    };
    for (const Spelling &spelling : all) {
      rows.insert(spelling.form);
      if (isException(spelling)) {
        EXPECT_NE(refusal(instructionOf(spelling, true), options), "") << spelling.text << " is implemented after all";
        continue;
      }
      for (bool full : {true, false}) {
        std::string line = instructionOf(spelling, full);
        if (full || line != instructionOf(spelling, true))
          chunk.push_back(std::move(line));
      }
      if (chunk.size() >= 50)
        flush();
      if (numRefused > 40)
        return;
    }
    flush();
  }
  EXPECT_EQ(rows.size(), ptx::instructionTable().size());
}
