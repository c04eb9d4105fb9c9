// Calls that go wrong end the launch with a finding; right ones pass arguments of every size.
#include "engine/Device.h"
#include "engine/Memory.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace ptxsim;

struct Outcome {
  std::string finding; ///< message of the first one
  uint64_t word = 0;   ///< first word of the buffer
};

static Outcome run(const std::string &declarations, const std::string &body, bool poison = false) {
  Device device(architecture("sm_90a"));
  uint64_t out = device.memory().allocate(64, "out");
  std::memset(reinterpret_cast<void *>(out), 0, 64);
  device.memory().markDefined(out, 64);
  std::string text = ".version 9.0\n.target sm_90a\n.address_size 64\n" + declarations +
                     "\n.visible .entry k(.param .u64 out)\n{\n.reg .b64 %out, %l<10>;\n.reg .pred %p<10>;\n"
                     ".reg .b32 %r<10>;\nld.param.u64 %out, [out];\nmov.b64 %l0, 0; mov.b32 %r0, 0;\n" +
                     body + "\nret;\n}\n";
  auto program = device.load(text, "calls.ptx");
  std::vector<uint8_t> parameters(8);
  std::memcpy(parameters.data(), &out, 8);
  Options options;
  options.checks = poison ? CheckSet::all() : CheckSet::memorySafety();
  LaunchResult result = device.launch(program->kernel("k"), {}, parameters, options);
  Outcome outcome;
  if (!result.findings.empty())
    outcome.finding = result.findings[0].message;
  else if (!result.completed)
    outcome.finding = "not completed";
  std::memcpy(&outcome.word, reinterpret_cast<void *>(out), 8);
  return outcome;
}

static const std::string factorial =
    ".func (.param .b64 r) factorial(.param .b64 n)\n{\n.reg .b64 %a<6>;\n.reg .pred %p0;\nld.param.b64 %a0, [n];\n"
    "mov.b64 %a1, 1;\nsetp.le.u64 %p0, %a0, 1;\n@%p0 bra DONE;\nsub.u64 %a2, %a0, 1;\n"
    "{ .param .b64 x; .param .b64 y; st.param.b64 [x], %a2; call (y), factorial, (x); ld.param.b64 %a3, [y]; }\n"
    "mul.lo.u64 %a1, %a3, %a0;\nDONE: st.param.b64 [r], %a1;\nret;\n}\n";

static std::string callFactorial(int n) {
  return "{ .param .b64 x; .param .b64 y; st.param.b64 [x], " + std::to_string(n) +
         "; call (y), factorial, (x); ld.param.b64 %l1, [y]; }\nst.global.b64 [%out], %l1;";
}

TEST(Calls, Recursion) {
  Outcome outcome = run(factorial, callFactorial(12));
  EXPECT_EQ(outcome.finding, "");
  EXPECT_EQ(outcome.word, 479001600u);
  EXPECT_NE(run(factorial, callFactorial(100000000)).finding.find("recursion"), std::string::npos);
}

TEST(Calls, Structures) {
  const std::string swap =
      ".func (.param .align 8 .b8 r[16]) swap(.param .align 8 .b8 s[16])\n{\n.reg .b64 %a<2>;\nld.param.v2.b64 {%a0, "
      "%a1}, [s];\nst.param.v2.b64 [r], {%a1, %a0};\nret;\n}\n";
  for (bool poison : {false, true}) {
    Outcome outcome = run(swap,
                          "{ .param .align 8 .b8 x[16]; .param .align 8 .b8 y[16]; st.param.b64 [x], 1; st.param.b64 "
                          "[x+8], 77; call (y), swap, (x); ld.param.b64 %l1, [y]; }\nst.global.b64 [%out], %l1;",
                          poison);
    EXPECT_EQ(outcome.finding, "");
    EXPECT_EQ(outcome.word, 77u);
  }
}

TEST(Calls, Indirect) {
  const std::string twice = ".func (.param .b32 r) twice(.param .b32 x)\n{\n.reg .b32 %a;\nld.param.b32 %a, [x];\n"
                            "add.u32 %a, %a, %a;\nst.param.b32 [r], %a;\nret;\n}\n"
                            ".func nothing()\n{\nret;\n}\n"
                            ".global .u64 table[2] = {twice, nothing};\n";
  const std::string call = "P: .callprototype (.param .b32 _) _ (.param .b32 _);\n{ .param .b32 x; .param .b32 y; "
                           "st.param.b32 [x], 21; call (y), %l1, (x), P; ld.param.b32 %r1, [y]; }\n"
                           "st.global.b32 [%out], %r1;";
  EXPECT_EQ(run(twice, "mov.u64 %l1, twice;\n" + call).word, 42u);
  Outcome fromTable = run(twice, "mov.u64 %l2, table; ld.global.u64 %l1, [%l2];\n" + call);
  EXPECT_EQ(fromTable.finding, "");
  EXPECT_EQ(fromTable.word, 42u);
  for (std::string bad : {"mov.u64 %l1, nothing;", "mov.u64 %l1, 0;", "mov.u64 %l1, twice; add.u64 %l1, %l1, 1;",
                          "mov.u64 %l1, twice; add.u64 %l1, %l1, 160000;", "mov.u64 %l1, %out;"})
    EXPECT_NE(run(twice, bad + "\n" + call).finding.find("indirect call"), std::string::npos) << bad;
}

TEST(Calls, Undefined) {
  EXPECT_NE(run(".extern .func missing();\n", "call missing;").finding.find("'missing'"), std::string::npos);
}

TEST(Calls, LocalMemory) {
  Outcome outcome = run("", ".local .align 16 .b8 a[64];\nmov.u64 %l1, a;\nst.local.b32 [%l1+60], 9;\n"
                            "ld.local.b32 %r1, [%l1+60];\nst.global.b32 [%out], %r1;");
  EXPECT_EQ(outcome.finding, "");
  EXPECT_EQ(outcome.word, 9u);
  EXPECT_NE(run("", ".local .align 16 .b8 a[64];\nmov.u64 %l1, a;\nst.local.b32 [%l1+1000000], 9;").finding, "");
  EXPECT_NE(run("", "alloca.u64 %l1, 100000000;\nst.local.b32 [%l1], 9;").finding.find("local memory"),
            std::string::npos);
  EXPECT_NE(run("", "T: .branchtargets A, B;\nmov.u32 %r1, 2;\nbrx.idx %r1, T;\nA:\nB:").finding.find("branch index"),
            std::string::npos);
}
