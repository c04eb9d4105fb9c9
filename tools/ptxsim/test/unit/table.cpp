// Every row of the instruction table: an instruction built from its operand list must parse to that very row, and must
// be refused when an operand is spoilt.
#include "ptx/InstructionTable.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <gtest/gtest.h>

#include <random>

using namespace ptxsim::ptx;
using Kind = OperandSpec::Kind;

namespace {

const char *const kHead = R"(
.version 9.0
.target sm_90a
.address_size 64
.func callee();
.entry kernel()
{
  .reg .pred %p<4>;
  .reg .b8 %b<4>;
  .reg .b16 %h<4>;
  .reg .b32 %r<4>;
  .reg .b64 %d<4>;
  .reg .b128 %q<4>;
  targets: .branchtargets LABEL, LABEL;
LABEL:
)";

std::string registerOf(Type type) {
  switch (bitWidth(type)) {
  case 0:
    return "%d1";
  case 1:
    return "%p1";
  case 8:
    return "%b1";
  case 16:
    return "%h1";
  case 32:
    return "%r1";
  case 64:
    return "%d1";
  default:
    return "%q1";
  }
}

std::string operandOf(const OperandSpec &spec, bool isBranch) {
  std::string text;
  switch (spec.kind) {
  case Kind::Value:
    return registerOf(spec.type);
  case Kind::Pair:
    return registerOf(spec.type) + "|%p2";
  case Kind::Immediate:
    return "1";
  case Kind::Label:
    return isBranch ? "LABEL" : "targets";
  case Kind::Sink:
    return "_";
  case Kind::Function:
  case Kind::Rest:
    return "callee";
  case Kind::Vector:
    for (unsigned k = 0; k < spec.count; ++k)
      text += (k ? ", " : "") + registerOf(spec.type);
    return "{" + text + "}";
  case Kind::Address:
    for (unsigned k = 0; k < spec.coordinates; ++k)
      text += (k ? ", " : ", {") + std::string("%r2");
    return "[%d1" + text + (spec.coordinates ? "}]" : "]");
  }
  return "";
}

std::vector<std::string> operandsOf(const std::vector<OperandSpec> &specs, bool isBranch) {
  std::vector<std::string> operands;
  for (const OperandSpec &spec : specs)
    operands.push_back(operandOf(spec, isBranch));
  return operands;
}

std::string moduleWith(const std::string &spelling, const std::vector<std::string> &operands) {
  return kHead + spelling + " " + llvm::join(operands, ", ") + ";\n}\n";
}

/// A row and up to 60 of its spellings.
template <class Visitor> void forEachSpelling(Visitor visit) {
  std::mt19937 random(1);
  for (const Form &form : instructionTable()) {
    auto all = spellings(form);
    constexpr size_t most = 60;
    if (all.size() > most) {
      std::shuffle(all.begin(), all.end(), random);
      all.resize(most);
    }
    for (const auto &pieces : all) {
      llvm::SmallVector<llvm::StringRef, 8> parts(pieces.begin(), pieces.end());
      llvm::SmallVector<Type, 3> types;
      matchForm(parts, types);
      visit(form, llvm::join(pieces, "."), operandSpecs(form, types, parts), parts);
    }
  }
}

TEST(Table, EveryRowParses) {
  size_t numParsed = 0;
  forEachSpelling([&](const Form &form, const std::string &spelling, const std::vector<OperandSpec> &all,
                      llvm::ArrayRef<llvm::StringRef> parts) {
    for (bool full : {true, false}) {
      auto specs = all;
      if (!full)
        dropOptional(specs, llvm::count_if(all, [](const OperandSpec &spec) { return !spec.optional; }));
      std::string text = moduleWith(spelling, operandsOf(specs, parts[0] == "bra"));
      try {
        auto module = parse(text, "row");
        const Instruction &instruction = module->functions.back()->body.at(0);
        EXPECT_EQ(instruction.form, &form) << spelling << " matches " << instruction.form->pattern;
        EXPECT_EQ(instruction.spelling(), spelling);
        EXPECT_EQ(instruction.operands.size(), specs.size());
        EXPECT_EQ(operandSpecs(instruction).size(), specs.size());
        ++numParsed;
      } catch (const Error &error) {
        ADD_FAILURE() << spelling << ": " << error.what();
      }
    }
  });
  EXPECT_GT(numParsed, 10000u);
}

/// What fits no operand of this kind.
std::string spoilt(const OperandSpec &spec) {
  switch (spec.kind) {
  case Kind::Value:
  case Kind::Pair:
    return spec.type == Type::Pred ? "%r1" : "%p1";
  case Kind::Vector:
    return "{%p1}";
  case Kind::Address:
    return "%r1";
  case Kind::Immediate:
    return "%r1";
  case Kind::Label:
    return "kernel";
  case Kind::Sink:
    return "%d2";
  default:
    return "";
  }
}

TEST(Table, EveryRowRefusesWrongOperands) {
  forEachSpelling([&](const Form &form, const std::string &spelling, const std::vector<OperandSpec> &specs,
                      llvm::ArrayRef<llvm::StringRef> parts) {
    for (size_t k = 0; k < specs.size(); ++k) {
      auto operands = operandsOf(specs, parts[0] == "bra");
      operands[k] = spoilt(specs[k]);
      // Rows of one spelling may differ in just this operand.
      bool isAmbiguous = llvm::StringRef(form.pattern).starts_with("cp.async.c") || parts[0] == "mov";
      if (operands[k].empty() || (isAmbiguous && specs[k].kind == Kind::Value))
        continue;
      EXPECT_THROW(parse(moduleWith(spelling, operands), "row"), Error) << spelling << " operand " << k;
    }
    auto operands = operandsOf(specs, false);
    operands.insert(operands.end(), 3, "%r1");
    if (specs.empty() || specs.back().kind != Kind::Rest)
      EXPECT_THROW(parse(moduleWith(spelling, operands), "row"), Error) << spelling;
  });
}

TEST(Table, WidthsMustAgree) {
  for (const char *wrong :
       {"add.s32 %r1, %r2, %d1", "add.s64 %d1, %r1, %d2", "mul.wide.u32 %r1, %r2, %r3", "shl.b64 %d1, %d2, %d3",
        "popc.b64 %d1, %d2", "cvt.u64.u32 %r1, %r2", "ld.global.b64 %r1, [%d1]", "setp.eq.s32 %r1, %r2, %r3",
        "selp.b32 %r1, %r2, %r3, %r1", "mad.wide.u32 %d1, %r1, %r2, %r3"})
    EXPECT_THROW(parse(moduleWith(wrong, {}), "row"), Error) << wrong;
  for (const char *right : {"ld.global.u8 %d1, [%d2]", "st.global.b16 [%d1], %r1", "cvt.u32.u16 %d1, %r2",
                            "shl.b64 %d1, %d2, %r3", "mul.wide.u32 %d1, %r2, 3"})
    EXPECT_NO_THROW(parse(moduleWith(right, {}), "row")) << right;
}

TEST(Table, ModifiersInAnyOrder) {
  struct {
    const char *written, *canonical;
  } const cases[] = {
      {"atom.add.release.gpu.u32 %r1, [%d1], 1", "atom.release.gpu.add.u32"},
      {"ldmatrix.sync.aligned.x4.trans.m8n8.shared.b16 {%r0, %r1, %r2, %r3}, [%r1]",
       "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16"},
      {"add.f32.rn %r1, %r2, %r3", "add.rn.f32"},
      {"cvt.f32.rn.s32 %r1, %r2", "cvt.rn.f32.s32"},
  };
  for (const auto &test : cases)
    EXPECT_EQ(parse(moduleWith(test.written, {}), "order")->functions.back()->body.at(0).spelling(), test.canonical);
  // The order of types, spaces and layouts means something.
  for (const char *wrong : {"cvt.rn.s32.f32 %r1, %r2", "cp.async.ca.global.shared [%r1], [%d1], 4"})
    EXPECT_THROW(parse(moduleWith(wrong, {}), "order"), Error) << wrong;
}

TEST(Table, NewerFormsNeedNewerTargets) {
  std::string text = moduleWith("mbarrier.try_wait.shared.b64 %p1, [%r1], %d1", {});
  text.replace(text.find("sm_90a"), 6, "sm_80");
  try {
    parse(text, "old");
    FAIL();
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "16:1: instruction 'mbarrier.try_wait.shared.b64' needs sm_90, but the module's target "
                               "is sm_80");
  }
}

} // namespace
