// Undefined bits through translated code: what decides a branch or an address is reported, what is masked away is not.
#include "engine/Device.h"
#include "engine/Memory.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace ptxsim;

/// Runs one thread with %r0..%r9, %l0..%l9, %h0..%h9, %p0..%p9 undefined and %out a buffer of 64 defined bytes; the
/// number of poison findings.
static size_t findings(const std::string &body, const std::string &functions = "") {
  static const Architecture &chip = architecture("sm_90a");
  Device device(chip);
  uint64_t out = device.memory().allocate(64, "out");
  std::memset(reinterpret_cast<void *>(out), 0, 64);
  device.memory().markDefined(out, 64);
  std::string text = ".version 9.0\n.target sm_90a\n.address_size 64\n" + functions +
                     "\n.visible .entry k(.param .u64 out)\n{\n.reg .b64 %out, %l<10>;\n.reg .pred %p<10>;\n"
                     ".reg .b32 %r<10>;\n.reg .b16 %h<10>;\nld.param.u64 %out, [out];\n" +
                     body + "\nret;\n}\n";
  auto program = device.load(text, "poison.ptx");
  std::vector<uint8_t> parameters(8);
  std::memcpy(parameters.data(), &out, 8);
  Options options;
  options.checks = CheckSet::none().with(Check::Poison);
  LaunchResult result = device.launch(program->kernel("k"), {}, parameters, options);
  EXPECT_TRUE(result.completed) << body;
  size_t count = 0;
  for (const Finding &finding : result.findings)
    count += finding.check == Check::Poison;
  return count;
}

/// Whether a value of 32 bits is undefined enough to decide a branch.
static bool undefined(const std::string &body) {
  return findings(body + "\nsetp.eq.u32 %p9, %r9, 0;\n@%p9 bra L;\nst.global.u32 [%out], 1;\nL:") != 0;
}

TEST(Poison, Registers) {
  EXPECT_TRUE(undefined("mov.u32 %r9, %r0;"));
  EXPECT_FALSE(undefined("mov.u32 %r9, 5;"));
  EXPECT_FALSE(undefined("and.b32 %r9, %r0, 0;"));
  EXPECT_TRUE(undefined("and.b32 %r9, %r0, 1;"));
  EXPECT_FALSE(undefined("or.b32 %r9, %r0, 1;")) << "a defined bit that is set decides";
  EXPECT_TRUE(undefined("xor.b32 %r9, %r0, %r0;"));
  EXPECT_FALSE(undefined("shl.b32 %r1, %r0, 31; shr.u32 %r2, %r1, 31; shl.b32 %r3, %r2, 1; and.b32 %r9, %r3, 1;"));
  EXPECT_FALSE(undefined("shl.b32 %r1, %r0, 8; add.u32 %r2, %r1, 3; and.b32 %r9, %r2, 255;"));
  EXPECT_TRUE(undefined("shl.b32 %r1, %r0, 8; add.u32 %r2, %r1, 3; and.b32 %r9, %r2, 511; sub.u32 %r9, %r9, 3;"));
  EXPECT_FALSE(undefined("mov.b32 %r1, 7; prmt.b32 %r9, %r0, %r1, 0x4444;"));
  EXPECT_TRUE(undefined("mov.b32 %r1, 0; prmt.b32 %r9, %r0, %r1, 0x4440;"));
  EXPECT_FALSE(undefined("mov.b16 %h1, 3; mov.b32 %r1, {%h1, %h0}; mov.b32 {%h2, %h3}, %r1; cvt.u32.u16 %r9, %h2;"));
  EXPECT_FALSE(undefined("bfi.b32 %r1, %r0, 0, 8, 8; bfe.u32 %r9, %r1, 0, 8;"));
  EXPECT_FALSE(undefined("mov.u32 %r1, 6; lop3.b32 %r9, %r1, %r1, %r0, 0xc0;")) << "a and b, whatever c is";
  EXPECT_TRUE(undefined("mov.u32 %r1, 0; lop3.b32 %r9, %r1, %r1, %r0, 0xaa;"));
  EXPECT_FALSE(undefined("mov.u32 %r1, 4; selp.b32 %r9, %r1, %r1, %p0;"));
  EXPECT_TRUE(undefined("mov.u32 %r1, 4; selp.b32 %r9, %r1, 0, %p0;"));
  EXPECT_FALSE(undefined("mov.u32 %r9, 1; setp.eq.u32 %p0, %r9, 2; @%p0 mov.u32 %r9, %r0;"));
}

TEST(Poison, LocalMemoryAndCalls) {
  EXPECT_TRUE(undefined(".local .align 4 .b8 a[16]; ld.local.u32 %r9, [a+4];"));
  EXPECT_FALSE(undefined(".local .align 4 .b8 a[16]; st.local.u32 [a+4], 7; ld.local.u32 %r9, [a+4];"));
  EXPECT_TRUE(undefined(".local .align 4 .b8 a[16]; st.local.u16 [a+4], 0; ld.local.u32 %r9, [a+4];"));
  const std::string same = ".func (.param .b32 r) same(.param .b32 x)\n{\n.reg .b32 %r<2>;\nld.param.b32 %r0, [x];\n"
                           "st.param.b32 [r], %r0;\nret;\n}\n";
  const std::string call =
      "{ .param .b32 x; .param .b32 y; st.param.b32 [x], %r1; call (y), same, (x); "
      "ld.param.b32 %r9, [y]; }\nsetp.eq.u32 %p9, %r9, 0;\n@%p9 bra L;\nst.global.u32 [%out], 1;\nL:";
  EXPECT_EQ(findings(call, same), 1u);
  EXPECT_EQ(findings("mov.u32 %r1, 0;\n" + call, same), 0u);
}

TEST(Poison, Addresses) {
  EXPECT_NE(findings("and.b64 %l1, %l0, 8; add.u64 %l2, %out, %l1; st.global.u32 [%l2], 1;"), 0u);
  EXPECT_EQ(findings("and.b64 %l1, %l0, 0; add.u64 %l2, %out, %l1; st.global.u32 [%l2], 1;"), 0u);
  EXPECT_EQ(findings("st.global.u32 [%out], %r0; ld.global.u32 %r1, [%out]; st.global.u32 [%out+4], %r1;"), 0u)
      << "moving undefined bits decides nothing";
  EXPECT_NE(findings("st.global.u32 [%out], %r0; ld.global.u32 %r1, [%out]; setp.ne.u32 %p1, %r1, 0;\n@%p1 bra L;\n"
                     "st.global.u32 [%out+4], 1;\nL:"),
            0u);
}
