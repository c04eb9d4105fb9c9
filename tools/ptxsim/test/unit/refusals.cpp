// PTX that is malformed or not understood: every message of the front end, with its place.
#include "ptx/Module.h"

#include "llvm/ADT/StringRef.h"

#include <gtest/gtest.h>

using namespace ptxsim::ptx;

namespace {

struct Refusal {
  const char *body;    ///< of the module, or of a kernel
  const char *message; ///< "line:column: text", lines counted from the body's first; may end early
};

std::string messageOf(const std::string &text) {
  try {
    parse(text, "bad.ptx");
  } catch (const Error &error) {
    EXPECT_TRUE(llvm::StringRef(error.what()).starts_with(std::to_string(error.position.line) + ":"));
    return error.what();
  }
  return "(accepted)";
}

class Modules : public testing::TestWithParam<Refusal> {};
class Kernels : public testing::TestWithParam<Refusal> {};

TEST_P(Modules, AreRefused) {
  std::string text = std::string(".version 9.0 .target sm_80 .address_size 64 ") + GetParam().body;
  std::string message = messageOf(text);
  EXPECT_TRUE(llvm::StringRef(message).contains(GetParam().message)) << message;
}

TEST_P(Kernels, AreRefused) {
  std::string text = std::string(".version 9.0 .target sm_80 .address_size 64 .global .b32 variable; .func callee"
                                 "(.param .b32 a); .entry kernel(.param .u64 parameter) { .reg .pred %p<4>; "
                                 ".reg .b32 %r<4>; .reg .f32 %f<4>; .reg .s32 %s; .reg .b64 %d<4>;\n") +
                     GetParam().body + "\n}\n";
  std::string message = messageOf(text);
  EXPECT_TRUE(llvm::StringRef(message).starts_with(GetParam().message)) << message;
}

const Refusal kModules[] = {
    {"/* open", "1:45: unterminated comment"},
    {".file 1 \"a\n", "unterminated string"},
    {"#line 1", "unexpected character '#'"},
    {"\xff", "unexpected character '\\xff'"},
    {".global .u32 x = 0x;", "expected digits in base 16"},
    {".global .u32 x = 09;", "'9' is no digit in base 8"},
    {".global .u32 x = 12ab;", "malformed number"},
    {".global .u32 x = 99999999999999999999;", "does not fit in 64 bits"},
    {".global .f32 x = 0f12;", "expected 8 hexadecimal digits, got 2"},
    {".global .f32 x = 1.0e;", "an exponent without digits"},
    {".global .u32 x = 1 / 0;", "division by zero"},
    {".global .u32 x = 1.0 % 2;", "takes integers only"},
    {".global .u32 x = ;", "expected a constant, got ';'"},
    {".global .u32 x = (1;", "expected ')' in a constant expression"},
    {".global .f32 x = 1;", "an integer cannot initialise 'x' of type .f32"},
    {".global .u16 x = 1.5;", "a floating-point constant cannot initialise 'x'"},
    {".global .u32 x[2] = {1, 2, 3};", "more values than its type has room for"},
    {".global .u32 x[2][2] = {{1, 2, 3}};", "more values than its type has room for"},
    {".global .u32 x[2][2] = {{}, {}, {}};", "more rows than its type has room for"},
    {".global .u32 x[2] = {{1}};", "braces nested deeper"},
    {".global .u32 x[2] = {1, };", "expected a value behind ','"},
    {".global .u32 x[2] = {1 2};", "expected ',' or '}' in an initialiser"},
    {".global .u32 x[2] = \"ab\";", "a string can only initialise bytes"},
    {".global .b8 x[9] = \"\\q\";", "escape '\\q' in a string"},
    {".global .u64 x = y;", "names 'y', which is not declared"},
    {".global .u16 x = y;", "an address cannot initialise"},
    {".global .u8 x = 5(y);", "the mask in front of '('"},
    {".shared .u32 x = 1;", "only .global and .const variables can have an initialiser"},
    {".global .u32 x[4][];", "only the first dimension"},
    {".global .u32 x[-1];", "array length must be an integer from 0"},
    {".global .b8 x[1073741825];", "array length must be"},
    {".global .b64 x[1073741824];", "is larger than 1073741824 bytes"},
    {".global .b8 x[1073741824]; .global .b8 y;", "the variables take more than"},
    {".global .b8 x[300000000] = {1};", "the initialisers take more than"},
    {".global .align 3 .u32 x;", "alignment must be a power of two, got 3"},
    {".global .align 131072 .u32 x;", "alignment must be an integer from 1 to 65536"},
    {".global .pred x;", "a variable cannot have type .pred"},
    {".global .u32 .u32 x;", "a second type"},
    {".global x;", "expected a type in a declaration"},
    {".global .u32 x; .global .u32 x;", "'x' is declared twice"},
    {".global .attribute(.odd) .u32 x;", "attribute '.odd' is not understood"},
    {".texref x;", "directive '.texref' is not understood"},
    {".section .text { }", "section '.text' is not understood"},
    {".section .debug_info { { }", "'{' without '}'"},
    {"add.s32 a, b, c;", "expected a directive, got 'add'"},
    {".entry k() { ret;", "the body of 'k' has no closing '}'"},
    {".entry k() ret;", "expected ';' or '{' behind the head"},
    {".entry (.param .b32 r) k();", "a kernel returns nothing"},
    {".entry k(.param .b8 big[40000]);", "expected at most 32764"},
    {".entry k(.reg .odd a);", "qualifier '.odd' of a parameter"},
    {".entry k(.u32 a);", "expected '.param' or '.reg' before a parameter"},
    {".entry k() .odd 3;", "directive '.odd' of a function"},
    {".entry k() .maxntid 1, 2, 3, 4;", "takes at most three numbers"},
    {".func f() { ret; } .func f() { ret; }", "'f' is defined twice"},
    {".func f(.param .b32 a); .func f(.param .b64 a) { ret; }", "does not agree with its declaration"},
    {".alias a, b;", "'.alias' names 'a', which is no function"},
    {".func a() {ret;} .func b() {ret;} .alias a, b;", "needs a declaration and a definition"},
};
INSTANTIATE_TEST_SUITE_P(Refusals, Modules, testing::ValuesIn(kModules));

const Refusal kKernels[] = {
    {"frobnicate.s32 %r1, %r2;", "2:1: instruction 'frobnicate' is not known"},
    {"add.s33 %r1, %r2, 3;", "2:1: instruction 'add.s33' is not known: piece '.s33' of it fits no form"},
    {"add %r1, %r2, 3;", "2:1: instruction 'add' is not known: a piece is missing"},
    {"add..s32 %r1, %r2, 3;", "2:1: instruction 'add..s32' has an empty or broken piece"},
    {"elect.sync %r1|%p1, -1;", "2:1: instruction 'elect.sync' needs sm_90, but the module's target is sm_80"},
    {"ld.shared::cluster.b32 %r1, [%r2];", "2:1: instruction 'ld.shared::cluster.b32' needs sm_90"},
    {"add.s32 %r1, %r2;", "2:1: 'add.s32' has 2 operands, expected 3"},
    {"bar.sync 0, 1, 2;", "2:1: 'bar.sync' has 3 operands, expected 1 to 2"},
    {"add.s32 %r1, %r2, %d1;", "2:19: operand 3 of 'add.s32': expected a .s32 value, got register '%d1' of type .b64"},
    {"add.s32 %f1, %r2, %r3;", "2:9: operand 1 of 'add.s32': expected a register for a .s32 value, got register '%f1'"},
    {"add.f32 %f1, %f2, %s;", "2:19: operand 3 of 'add.f32': expected a .f32 value, got register '%s' of type .s32"},
    {"add.f32 %f1, %f2, 1;", "2:19: operand 3 of 'add.f32': expected a .f32 value, got an integer constant"},
    {"add.s32 1, %r2, %r3;", "2:9: operand 1 of 'add.s32': expected a register for a .s32 value, got an integer"},
    {"add.s32 %r1, %tid.x, 1;", "2:14: operand 2 of 'add.s32': expected a .s32 value, got a special register"},
    {"add.s32 %r1, variable, 1;", "2:14: operand 2 of 'add.s32': expected a .s32 value, got variable 'variable'"},
    {"st.global.b32 variable, %r1;", "2:15: operand 1 of 'st.global.b32': expected an address [..], got variable"},
    {"ld.global.b32 %r1, [%f1];", "2:20: operand 2 of 'ld.global.b32': expected an address [..], got an address with"},
    {"ld.global.v2.b32 {%r1}, [%d1];", "2:18: operand 1 of 'ld.global.v2.b32': expected a vector {..} of 2"},
    {"lop3.b32 %r1, %r2, %r3, %r1, %r2;", "2:30: operand 5 of 'lop3.b32': expected an integer constant"},
    {"setp.eq.s32 %p1|%r1, %r2, %r3;", "2:13: operand 1 of 'setp.eq.s32': expected a register for a predicate, or"},
    {"add.s32 %r1, -%r2, 1;", "2:14: operand 2 of 'add.s32': expected a .s32 value, got negated register"},
    {"add.s32 %r1, !%r2, 1;", "2:14: '!' negates predicates"},
    {"add.s32 %r1, %r2.b0, 1;", "2:14: operand 2 of 'add.s32': expected a .s32 value, got register '%r2' of type .b32 "
                                "with a selector"},
    {"add.s32 %r1, %r2.q0, 1;", "2:17: selector '.q0' of a register is not understood"},
    {"add.s32 %r1, %r9, 1;", "2:14: '%r9' is not declared"},
    {"mov.u32 %r1, %tid;", "2:18: expected .x, .y or .z behind '%tid', got ';'"},
    {"mov.u64 %d1, %tid.x;", "2:14: operand 2 of 'mov.u64': expected a .u64 value, got a special register"},
    {"mov.u32 %r1, nothing;", "2:14: 'nothing' is not declared"},
    {"mov.u32 %r1, [4];", "2:14: operand 2 of 'mov.u32': expected a .u32 value, got an address"},
    {"mov.u32 %r1, ;", "2:14: expected an operand, got ';'"},
    {"mov.u32 %r1, 1", "3:1: expected ';' behind an instruction, got '}'"},
    {"ld.global.b32 %r1, [%d1;", "2:24: expected ']' behind an address, got ';'"},
    {"ld.global.b32 %r1, [1.5];", "2:21: an address must be an integer"},
    {"ld.global.b32 %r1, [%d1+1.5];", "2:25: an offset must be an integer"},
    {"ld.global.b32 %r1, [callee];", "2:21: the base of an address must be a register or a variable, got function"},
    {"ld.global.b32 %r1, [%d1, 3];", "2:26: expected tensor coordinates"},
    {"bra nowhere;", "2:5: label 'nowhere' is not defined in 'kernel'"},
    {"bra %r1;", "2:5: '%r1' is a register, expected a label"},
    {"bra 3;", "2:5: expected a label, got '3'"},
    {"L: add.s32 %r1, L, 1;", "2:17: 'L' is a label, expected a register"},
    {"L: L: ret;", "2:4: 'L' is declared twice in one scope: as a label in line 2 and as a label"},
    {"{ bra L; } { L: ret; }", "2:7: label 'L' is not defined"},
    {".reg .b32 %r1;", "2:11: '%r1' is declared twice in one scope: as a register in line 1 and as a register"},
    {".reg .b32 %x<2000000>;", "2:11: 'kernel' has more than 1048576 registers"},
    {".reg .b32 %x<-1>;", "2:14: expected the number of registers"},
    {".reg .odd %x;", "2:6: expected one type of registers, got '.odd'"},
    {".reg %x;", "2:6: expected the type of registers, got '%x'"},
    {"@%r1 ret;", "2:2: '%r1' guards an instruction, but is no predicate"},
    {"@%p9 ret;", "2:2: '%p9' is not declared"},
    {"@%p1 L: ret;", "2:6: instruction 'L' is not known"},
    {"call %r1, ();", "2:6: a call needs a function or a 64-bit register"},
    {"call %d1, ();", "2:1: an indirect call needs a .callprototype"},
    {"call callee, ();", "2:14: a call of 'callee': expected 1 arguments, got 0"},
    {"call callee, (%d1);", "2:15: a call of 'callee': expected an argument of 4 bytes, got register '%d1'"},
    {"call callee, (variable);", "2:15: a call of 'callee': expected an argument of 4 bytes, got variable 'variable', "
                                 "which is no .param"},
    {"call kernel, ();", "2:6: a call of 'kernel', which is a kernel"},
    {"call callee, (%r1), %r1;", "2:21: '%r1' is no list of targets"},
    {"t: .calltargets variable;", "2:17: 'variable' in '.calltargets' is no function"},
    {"brx.idx %r1, L;", "2:14: 'L' is no list of targets"},
    {".odd;", "2:1: directive '.odd' is not understood in a function"},
    {".loc 1 2;", "2:9: expected a constant"},
    {".loc 1 2 3, elsewhere", "3:1: 'elsewhere' in '.loc' is not understood"},
    {"= ret;", "2:1: expected an instruction, a label or a directive, got '='"},
};
INSTANTIATE_TEST_SUITE_P(Refusals, Kernels, testing::ValuesIn(kKernels));

TEST(Headers, AreRefused) {
  EXPECT_EQ(messageOf(""), "1:1: expected '.version' at the start of a module, got the end of the file");
  EXPECT_EQ(messageOf(".version x"), "1:10: expected a version such as 8.3, got 'x'");
  EXPECT_EQ(messageOf(".version 10.0"), "1:10: PTX version 10.0 is not understood, expected 3.0 to 9.x");
  EXPECT_EQ(messageOf(".version 9.0\n.entry"), "2:1: expected '.target' behind '.version', got '.entry'");
  EXPECT_EQ(messageOf(".version 9.0 .target sm_100a"),
            "1:22: target 'sm_100a' is not understood, expected sm_90a or an older chip");
  EXPECT_EQ(messageOf(".version 9.0 .target sm_80, odd"), "1:29: target option 'odd' is not understood");
  EXPECT_EQ(messageOf(".version 9.0 .target sm_80 .address_size 32"),
            "1:28: address size 32 is not supported, expected 64");
}

TEST(Depth, IsBounded) {
  std::string head = ".version 9.0\n.target sm_80\n";
  EXPECT_NE(messageOf(head + ".global .u32 x = " + std::string(1000000, '(') + "1;").find("nested more than"),
            std::string::npos);
  EXPECT_NE(messageOf(head + ".global .u32 x = " + std::string(1000000, '-') + "1;").find("nested more than"),
            std::string::npos);
  std::string conditional;
  for (int k = 0; k < 100000; ++k)
    conditional += "1?";
  EXPECT_NE(messageOf(head + ".global .u32 x = " + conditional + "1;").find("nested more than"), std::string::npos);
  EXPECT_NE(messageOf(head + ".entry k() " + std::string(1000000, '{')).find("nested more than"), std::string::npos);
  EXPECT_NE(messageOf(head + ".global .u32 x[2] = " + std::string(1000000, '{')).find("nested deeper"),
            std::string::npos);
  std::string pieces = "add";
  for (int k = 0; k < 100000; ++k)
    pieces += ".x";
  EXPECT_NE(messageOf(head + ".entry k() { " + pieces + "; }").find("more than 24 pieces"), std::string::npos);
}

} // namespace
