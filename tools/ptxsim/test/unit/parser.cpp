// What ptx::parse makes of a module: variables, functions, scopes, labels, operands, source lines.
#include "ptx/InstructionTable.h"

#include <gtest/gtest.h>

using namespace ptxsim::ptx;

namespace {

std::unique_ptr<Module> parseModule(const std::string &body, const char *target = "sm_90a") {
  return parse(std::string(".version 9.0\n.target ") + target + "\n.address_size 64\n" + body, "test.ptx");
}

std::unique_ptr<Module> parseKernel(const std::string &body) {
  return parseModule(".visible .entry kernel(.param .u64 pointer, .param .u32 count)\n{\n"
                     ".reg .pred %p<4>;\n.reg .b16 %h<4>;\n.reg .b32 %r<8>;\n.reg .f32 %f<8>;\n.reg .b64 %d<8>;\n" +
                     body + "\n}\n");
}

const Instruction &only(const Module &module) { return module.functions.back()->body.at(0); }

TEST(Header, VersionTargetAndFiles) {
  auto module = parse("//comment\n.version 8.3\n.target sm_80, debug\n.address_size 64\n.file 1 \"a.cu\", 17, 23\n"
                      ".section .debug_str\n{\n$L__info_string0:\n.b8 95,0\n{ }\n}\n",
                      "t");
  EXPECT_EQ(module->versionMajor, 8u);
  EXPECT_EQ(module->versionMinor, 3u);
  EXPECT_EQ(module->target, "sm_80");
  EXPECT_EQ(module->files.at(1), "a.cu");
}

TEST(Variables, LayoutAndInitialisers) {
  auto module = parseModule(R"(
.visible .global .align 8 .b8 bytes[6] = {1, 2, 0xFF, 4};
.const .f32 numbers[2][2] = {{0f3F800000, 2.0}, {-1.5}};
.global .u64 pointers[3] = {bytes, generic(bytes)+4, generic(numbers)};
.global .b8 masked[2] = {0xFF(bytes), 0xFF00(bytes+2)};
.extern .shared .align 128 .b8 dynamic[];
.global .align 4 .v2 .f32 pair = {1.0, 2.0};
.weak .global .u32 one = (3 + 4 * 2) << 1;
.global .b32 open[] = {1, 2, 3};
.global .attribute(.managed) .align 4 .u32 managed_one;
.global .b8 text[4] = "ab\n";
)");
  auto &bytes = *module->findVariable("bytes");
  EXPECT_EQ(bytes.alignment, 8u);
  EXPECT_TRUE(bytes.isVisible);
  EXPECT_EQ(bytes.initialiser, (std::vector<uint8_t>{1, 2, 255, 4, 0, 0}));
  auto &numbers = *module->findVariable("numbers");
  EXPECT_EQ(numbers.space, Space::Constant);
  ASSERT_EQ(numbers.bytes, 16u);
  const uint32_t expected[] = {0x3F800000, 0x40000000, 0xBFC00000, 0};
  EXPECT_EQ(memcmp(numbers.initialiser.data(), expected, 16), 0);
  auto &pointers = module->findVariable("pointers")->relocations;
  ASSERT_EQ(pointers.size(), 3u);
  EXPECT_FALSE(pointers[0].generic);
  EXPECT_EQ(pointers[1].addend, 4);
  EXPECT_TRUE(pointers[1].generic);
  EXPECT_EQ(pointers[2].symbol, "numbers");
  EXPECT_EQ(pointers[2].offset, 16u);
  auto &masked = module->findVariable("masked")->relocations;
  EXPECT_EQ(masked[1].mask, 0xFF00u);
  EXPECT_EQ(masked[1].addend, 2);
  EXPECT_EQ(masked[1].bytes, 1u);
  EXPECT_EQ(module->findVariable("dynamic")->bytes, 0u);
  EXPECT_EQ(module->findVariable("dynamic")->alignment, 128u);
  EXPECT_EQ(module->findVariable("pair")->bytes, 8u);
  EXPECT_EQ(module->findVariable("pair")->initialiser[7], 0x40);
  EXPECT_EQ(module->findVariable("one")->initialiser[0], 22);
  EXPECT_EQ(module->findVariable("open")->bytes, 12u);
  EXPECT_EQ(module->findVariable("managed_one")->bytes, 4u);
  EXPECT_EQ(module->findVariable("text")->initialiser, (std::vector<uint8_t>{'a', 'b', '\n', 0}));
}

TEST(Functions, HeadsAndDirectives) {
  auto module = parseModule(R"(
.extern .func (.param .b32 result) vprintf(.param .b64 format, .param .b64 list);
.func  (.param .align 8 .b8 func_retval0[56]) make(.param .b32 a, .param .align 8 .b8 b[56]) .noreturn
;
.visible .entry kernel(
  .param .align 64 .b8 map[128],
  .param .u64 .ptr .global .align 16 pointer,
  .param .u8 small
)
.maxntid 128, 2
.reqnctapercluster 2, 1, 1
.explicitcluster
.minnctapersm 3
.maxnreg 64
{
  .pragma "nounroll";
  ret;
}
)");
  ASSERT_EQ(module->functions.size(), 3u);
  auto &vprintf = *module->find("vprintf");
  EXPECT_TRUE(vprintf.isExtern);
  EXPECT_FALSE(vprintf.hasBody);
  EXPECT_EQ(vprintf.parameters.size(), 2u);
  EXPECT_EQ(vprintf.results.size(), 1u);
  EXPECT_TRUE(module->find("make")->isNoReturn);
  auto &kernel = *module->find("kernel");
  EXPECT_TRUE(kernel.isEntry && kernel.hasBody && kernel.explicitcluster);
  EXPECT_EQ(kernel.maxntid, (std::array<uint32_t, 3>{128, 2, 1}));
  EXPECT_EQ(kernel.reqnctapercluster[0], 2u);
  EXPECT_EQ(kernel.minnctapersm, 3u);
  EXPECT_EQ(kernel.maxnreg, 64u);
  EXPECT_EQ(kernel.parameterOffset(*kernel.parameters[1]), 128u);
  EXPECT_EQ(kernel.parameterOffset(*kernel.parameters[2]), 136u);
  EXPECT_EQ(kernel.parameterBytes(), 137u);
}

TEST(Functions, AliasesTakeTheirTargetsPlace) {
  auto module = parseModule(R"(
.visible .func target() { ret; }
.visible .func other();
.alias other, target;
.entry kernel() { call other, (); ret; }
.global .u64 pointer = other;
)");
  EXPECT_EQ(module->find("kernel")->body[0].operands[0].function, module->find("target"));
  EXPECT_EQ(module->findVariable("pointer")->relocations[0].symbol, "target");
}

TEST(Calls, DirectIndirectAndByPrototype) {
  auto module = parseModule(R"(
.func (.param .b32 r) callee(.param .b64 a, .param .b32 b) { st.param.b32 [r], 1; ret; }
.func noargs() { ret; }
.entry kernel() {
  .reg .b64 %d<4>; .reg .b32 %r<4>;
  {
    .param .b64 p0; .param .b32 p1; .param .b32 result;
    st.param.b64 [p0], %d1;
    st.param.b32 [p1+0], 7;
    call.uni (result), callee, (p0, p1);
    ld.param.b32 %r1, [result];
  }
  mov.u64 %d2, callee;
  {
    .param .b64 p0; .param .b32 p1; .param .b32 result;
    prototype: .callprototype (.param .b32 _) _ (.param .b64 _, .param .b32 _);
    call (result), %d2, (p0, p1), prototype;
    list: .calltargets callee;
    call (result), %d2, (p0, p1), list;
  }
  call.uni noargs;
}
)");
  auto &kernel = *module->find("kernel");
  auto &direct = kernel.body[2];
  ASSERT_EQ(direct.opcode(), "call");
  ASSERT_EQ(direct.operands.size(), 3u);
  EXPECT_EQ(direct.operands[1].function, module->find("callee"));
  EXPECT_EQ(direct.operands[2].elements[1].variable->name, "p1");
  EXPECT_EQ(kernel.body[4].operands[1].kind, Operand::Kind::Function);
  EXPECT_EQ(kernel.body[5].operands[3].kind, Operand::Kind::Prototype);
  EXPECT_EQ(kernel.body[5].operands[3].prototype, kernel.prototypes[0].get());
  EXPECT_EQ(kernel.body[6].operands[3].elements[0].function, module->find("callee"));
  EXPECT_EQ(kernel.body[7].operands.size(), 1u);
  EXPECT_EQ(kernel.variables.size(), 6u);
}

TEST(Operands, ConstantsOfEveryNotation) {
  struct {
    const char *text;
    uint64_t bits;
    Type literal;
  } const cases[] = {
      {"mov.u32 %r1, 010", 8, Type::S64},
      {"mov.u32 %r1, 0x1F", 31, Type::S64},
      {"mov.u32 %r1, 0b101", 5, Type::S64},
      {"mov.u32 %r1, 7U", 7, Type::U64},
      {"mov.u64 %d1, 0xFFFFFFFFFFFFFFFF", ~0ull, Type::U64},
      {"mov.u32 %r1, -1", ~0ull, Type::S64},
      {"mov.u32 %r1, -1 + 3", 2, Type::S64},
      {"mov.u32 %r1, (1 << 4) | 3", 19, Type::S64},
      {"mov.u32 %r1, 7 > 3 ? 10 / 3 : 0", 3, Type::S64},
      {"mov.u64 %d1, (.u64)-1 > 0", 1, Type::S64},
      {"mov.u32 %r1, 10 % 4", 2, Type::S64},
      {"mov.u32 %r1, WARP_SZ", 32, Type::S64},
      {"mov.f32 %f1, 0f3F800000", 0x3F800000, Type::F32},
      {"mov.f32 %f1, 1.5", 0x3FC00000, Type::F32},
      {"mov.f32 %f1, -1.5e0", 0xBFC00000, Type::F32},
      {"mov.b64 %d1, 0d3FF0000000000000", 0x3FF0000000000000, Type::F64},
  };
  for (const auto &test : cases) {
    auto module = parseKernel(std::string(test.text) + ";");
    const Operand &operand = only(*module).operands[1];
    EXPECT_EQ(operand.kind, Operand::Kind::Immediate) << test.text;
    EXPECT_EQ(operand.bits, test.bits) << test.text;
    EXPECT_EQ(operand.literal, test.literal) << test.text;
  }
}

TEST(Operands, AddressesVectorsPairsAndSinks) {
  auto module = parseKernel(R"(
.shared .align 16 .b8 buffer[64];
ld.shared.v2.b32 {%r1, _}, [buffer+8];
st.global.b32 [%d1+-4], 5;
ld.param.u32 %r2, [count];
ld.shared.b32 %r3, [16];
cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%d1, {%r1, 0}], [%r2];
shfl.sync.bfly.b32 %r1|%p1, %r2, 1, 31, -1;
setp.lt.and.s32 %p1|_, %r1, %r2, !%p2;
mov.u64 %d1, buffer+4;
mov.u32 %r1, %ctaid.y;
neg.f32 %f1, -%f2;
@!%p1 ret;
)");
  auto &body = module->functions.back()->body;
  EXPECT_EQ(body[0].operands[0].elements[1].kind, Operand::Kind::Sink);
  EXPECT_EQ(body[0].operands[1].variable->name, "buffer");
  EXPECT_EQ(body[0].operands[1].offset, 8);
  EXPECT_TRUE(body[1].operands[0].hasRegister);
  EXPECT_EQ(body[1].operands[0].offset, -4);
  EXPECT_EQ(body[2].operands[1].variable, module->functions.back()->parameters[1].get());
  EXPECT_EQ(body[3].operands[1].offset, 16);
  EXPECT_EQ(body[4].operands[0].elements.size(), 2u);
  EXPECT_EQ(body[5].operands[0].kind, Operand::Kind::Pair);
  EXPECT_TRUE(body[6].operands[3].negated);
  EXPECT_EQ(body[7].operands[1].kind, Operand::Kind::Symbol);
  EXPECT_EQ(body[7].operands[1].offset, 4);
  EXPECT_EQ(body[8].operands[1].special, SpecialRegister::Ctaid);
  EXPECT_EQ(body[8].operands[1].component, 1);
  EXPECT_TRUE(body[9].operands[1].negated);
  EXPECT_TRUE(body[10].hasGuard && body[10].guardNegated);
}

TEST(Operands, VectorRegistersAndSelectors) {
  auto module = parseKernel(R"(
.reg .v4 .b32 %quad;
ld.shared.v4.b32 %quad, [%r1];
mov.b32 %r1, %quad.z;
vadd.s32.u32.s32.sat %r1, %r2.b3, %r3.h1;
)");
  auto &function = *module->functions.back();
  uint32_t first = function.body[0].operands[0].elements[0].reg;
  EXPECT_EQ(function.body[0].operands[0].elements.size(), 4u);
  EXPECT_EQ(function.body[1].operands[1].reg, first + 2);
  EXPECT_EQ(function.registers[first + 2].name, "%quad.z");
  EXPECT_EQ(function.body[2].operands[1].component, 4);
  EXPECT_EQ(function.body[2].operands[2].component, 6);
}

TEST(Labels, ScopesHideAndForwardReferencesResolve) {
  auto module = parseKernel(R"(
bra AFTER;
{
  .reg .pred P;
  WAIT: mbarrier.try_wait.parity.shared.b64 P, [%r1], 0;
  @P bra.uni DONE;
  bra.uni WAIT;
  DONE:
}
{
  WAIT: bra DONE;
  DONE:
}
AFTER:
bra WAIT_OUTSIDE;
WAIT_OUTSIDE:
)");
  auto &body = module->functions.back()->body;
  EXPECT_EQ(body[0].operands[0].label, 5u);
  EXPECT_EQ(body[2].operands[0].label, 4u);
  EXPECT_EQ(body[3].operands[0].label, 1u);
  EXPECT_EQ(body[4].operands[0].label, 5u);
  EXPECT_EQ(body[5].operands[0].label, 6u) << "behind the last instruction";
}

TEST(Labels, IndexedBranches) {
  auto module = parseKernel(R"(
table: .branchtargets A, B, A;
brx.idx %r1, table;
A: ret;
B: exit;
)");
  const Operand &targets = only(*module).operands[1];
  ASSERT_EQ(targets.kind, Operand::Kind::Targets);
  ASSERT_EQ(targets.elements.size(), 3u);
  EXPECT_EQ(targets.elements[0].label, 1u);
  EXPECT_EQ(targets.elements[1].label, 2u);
  EXPECT_EQ(targets.elements[2].label, 1u);
}

TEST(Registers, InnerScopesShadow) {
  auto module = parseKernel("{ .reg .b64 %r1; mov.b64 %r1, %d1; }\nmov.b32 %r1, 0;");
  auto &function = *module->functions.back();
  EXPECT_EQ(function.registers[function.body[0].operands[0].reg].type, Type::B64);
  EXPECT_EQ(function.registers[function.body[1].operands[0].reg].type, Type::B32);
}

TEST(Describe, NamesPlaceTextAndSource) {
  auto module = parseModule(".file 1 \"dir/a.cu\"\n.entry kernel() {\n.reg .b32 %r<4>;\n.loc 1 7 3\n"
                            "  mov.b32\t%r2,   0 ;\n.loc 1 9 5, function_name $L__x+3, inlined_at 1 20 1\nret;\n}\n");
  auto &kernel = *module->functions[0];
  EXPECT_EQ(module->describe(kernel, kernel.body[0]), "test.ptx:8:3: mov.b32 %r2, 0 (a.cu:7)");
  EXPECT_EQ(kernel.body[1].source.line, 9u);
  EXPECT_EQ(kernel.body[1].source.column, 5u);
}

TEST(Specs, FollowTheOperandsThatArePresent) {
  auto module = parseKernel("bar.red.popc.u32 %r1, 0, %p1;\nbar.red.popc.u32 %r1, 0, 64, !%p1;");
  auto &body = module->functions.back()->body;
  EXPECT_EQ(operandSpecs(body[0]).back().type, Type::Pred);
  EXPECT_EQ(operandSpecs(body[0]).size(), 3u);
  EXPECT_EQ(operandSpecs(body[1]).size(), 4u);
}

} // namespace
