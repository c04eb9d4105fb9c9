// Tests device memory: allocation, the texts of bad accesses, atomics, device functions of the system.
#include "EngineWorld.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

TEST(Memory, AllocateFindFree) {
  Memory memory(1 << 20);
  uint64_t a = memory.allocate(100, "a"), b = memory.allocate(100, "b", false, 4096);
  ASSERT_NE(a, 0u);
  EXPECT_EQ(a % 256, 0u);
  EXPECT_EQ(b % 4096, 0u);
  EXPECT_EQ(memory.bytesInUse(), 200u);
  ASSERT_NE(memory.find(a + 99), nullptr);
  EXPECT_EQ(memory.find(a + 99)->label, "a");
  EXPECT_EQ(memory.find(a + 100), nullptr);
  EXPECT_EQ(memory.find(a - 1), nullptr);
  EXPECT_FALSE(memory.free(a + 1));
  EXPECT_TRUE(memory.free(a));
  EXPECT_FALSE(memory.free(a));
  EXPECT_EQ(memory.find(a), nullptr);
  ASSERT_NE(memory.find(a, true), nullptr);
  EXPECT_EQ(memory.allocate(2 << 20, "too large"), 0u);
  EXPECT_EQ(memory.allocate(0, "nothing"), 0u);
}

TEST(Memory, FreedAddressesComeBackOnlyWhenNoneAreLeft) {
  Memory memory(uint64_t(40) << 30);
  uint64_t first = memory.allocate(uint64_t(30) << 30, "large");
  ASSERT_NE(first, 0u);
  memory.free(first);
  uint64_t second = memory.allocate(uint64_t(30) << 30, "large");
  ASSERT_NE(second, 0u);
  EXPECT_NE(first, second);
  memory.free(second);
  uint64_t third = memory.allocate(uint64_t(30) << 30, "large");
  ASSERT_NE(third, 0u);
  uint8_t *bytes = reinterpret_cast<uint8_t *>(third);
  bytes[0] = bytes[(uint64_t(30) << 30) - 1] = 1;
}

TEST(Memory, Definedness) {
  Memory memory(1 << 20);
  uint64_t old = memory.allocate(16, "old");
  memory.enableShadow();
  uint64_t fresh = memory.allocate(16, "fresh");
  EXPECT_EQ(memory.find(old)->shadow[3], 0xff);
  EXPECT_EQ(memory.find(fresh)->shadow[3], 0);
  EXPECT_EQ(memory.firstUndefined(fresh, 16), 16u); // nobody has written
  memory.noteWritten(fresh + 4, 4);
  EXPECT_EQ(memory.firstUndefined(fresh, 16), 4u);
  memory.markDefined(fresh + 4, 2);
  EXPECT_EQ(memory.firstUndefined(fresh, 16), 6u);
  memory.distrustShadow();
  memory.enableShadow();
  EXPECT_EQ(memory.firstUndefined(fresh, 16), 16u);
}

const char *const kAccess = R"(
.shared .align 4 .b32 word;
.const .align 4 .u32 fixed = 3;
.visible .entry load(.param .u64 p) {
  .reg .b32 %r<2>; .reg .b64 %d<2>;
  ld.param.u64 %d1, [p]; ld.global.u32 %r1, [%d1]; ret;
}
.visible .entry store(.param .u64 p) {
  .reg .b32 %r<2>; .reg .b64 %d<2>;
  ld.param.u64 %d1, [p]; mov.u32 %r1, 1; st.u32 [%d1], %r1; ret;
}
.visible .entry loadshared(.param .u32 p) {
  .reg .b32 %r<3>;
  ld.param.u32 %r1, [p]; ld.shared.u32 %r2, [%r1]; st.shared.u32 [word], %r2; ret;
}
.visible .entry globalofshared() {
  .reg .b32 %r<2>; .reg .b64 %d<3>;
  mov.u64 %d1, word; cvta.shared.u64 %d2, %d1; st.global.u32 [%d2], 1; ret;
})";

TEST(Memory, TextsOfBadAccesses) {
  EngineWorld world(kAccess);
  Memory &memory = world.device.memory();
  uint64_t a = memory.allocate(4096, "cuMemAlloc");
  LaunchConfig one = shape(1, 1);
  EXPECT_CLEAN(world.run("load", one, {a + 4092}));
  EXPECT_STOPPED(world.run("load", one, {a + 4112}), Check::Bounds,
                 "16 bytes behind the end of the 4096-byte allocation 'cuMemAlloc'");
  EXPECT_STOPPED(world.run("load", one, {a - 8}), Check::Bounds, "8 bytes in front of the 4096-byte allocation");
  EXPECT_STOPPED(world.run("load", one, {a + 2}), Check::Bounds, "misaligned, must be a multiple of 4");
  EXPECT_STOPPED(world.run("store", one, {a + 4094}), Check::Bounds, "2 of them behind the end");
  EXPECT_STOPPED(world.run("store", one, {0}), Check::Bounds, "null pointer");
  EXPECT_STOPPED(world.run("store", one, {0x7777'0000'0000'0000}), Check::Bounds, "not an address of device memory");
  EXPECT_STOPPED(world.run("store", one, {kSharedWindow + 4096}), Check::Bounds, "shared address 0x1000");
  LaunchConfig withShared = one;
  withShared.dynamicShared = 64;
  EXPECT_STOPPED(world.run("load", withShared, {1024}), Check::Space, "a shared address, or a null pointer");
  EXPECT_STOPPED(world.run("globalofshared", one), Check::Space, "generic address of shared memory");
  EXPECT_STOPPED(world.run("loadshared", one, {0}), Check::Bounds, "belong to the system");
  EXPECT_STOPPED(world.run("loadshared", one, {1032}), Check::Bounds, "behind the end of the block's shared memory");
  EXPECT_CLEAN(world.run("loadshared", one, {0x01000400})); // its own block by its rank
  EXPECT_STOPPED(world.run("loadshared", one, {0x02000400}), Check::Bounds, "no block of the cluster has rank 1");
  auto [fixed, bytes] = world.program->variable("fixed");
  EXPECT_CLEAN(world.run("load", one, {fixed}));
  EXPECT_STOPPED(world.run("store", one, {fixed}), Check::Bounds, "read-only");
  memory.free(a);
  EXPECT_STOPPED(world.run("load", one, {a + 8}), Check::Lifetime,
                 "8 bytes into the freed 4096-byte allocation 'cuMemAlloc'");
}

/// Runs `instruction` once in each thread, on memory of 64-bit words that start as `initial`; returns the first word.
uint64_t atomically(const std::string &instruction, uint64_t initial, LaunchConfig config, unsigned workers,
                    const char *target = "sm_90a") {
  EngineWorld world(R"(
.visible .entry k(.param .u64 p) {
  .reg .b16 %h<6>; .reg .b32 %r<12>; .reg .f32 %f<6>; .reg .b64 %d<8>; .reg .f64 %e<4>; .reg .b128 %q<6>;
  .reg .pred %p<3>;
  ld.param.u64 %d1, [p];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x;
  mad.lo.u32 %r4, %r2, %r3, %r1;          // index of the thread in the grid
)" + instruction + "\n  ret;\n}",
                    target);
  uint64_t out = world.buffer<uint64_t>(16, initial);
  Options options;
  options.workers = workers;
  LaunchResult result = world.run("k", config, {out}, options);
  EXPECT_TRUE(result.clean()) << text(result);
  return *world.at<uint64_t>(out);
}

uint32_t floatBits(float value) { return std::bit_cast<uint32_t>(value); }

TEST(Atomic, Integers) {
  for (unsigned workers : {1u, 2u}) {
    auto run = [&](const char *text, uint64_t initial) { return atomically(text, initial, shape(50, 40), workers); };
    EXPECT_EQ(run("red.global.add.u32 [%d1], %r4;", 5), 5 + 1999u * 1000);
    EXPECT_EQ(run("cvt.u64.u32 %d2, %r4; atom.add.u64 %d3, [%d1], %d2;", 1ull << 40), (1ull << 40) + 1999 * 1000);
    EXPECT_EQ(run("atom.global.max.s32 %r5, [%d1], %r4;", 0xffffffff), 1999u);
    EXPECT_EQ(run("red.min.u32 [%d1], %r4;", 0xffffffff), 0u);
    EXPECT_EQ(run("neg.s32 %r4, %r4; red.global.min.s32 [%d1], %r4;", 0), uint32_t(-1999));
    EXPECT_EQ(run("red.global.xor.b32 [%d1], %r4;", 0), 0u); // 0 ^ .. ^ 1999, as 2000 is a multiple of 4
    EXPECT_EQ(run("and.b32 %r5, %r4, 31; mov.u32 %r6, 1; shl.b32 %r6, %r6, %r5; red.global.or.b32 [%d1], %r6;", 0),
              0xffffffffu);
    EXPECT_EQ(run("atom.global.inc.u32 %r5, [%d1], 6;", 0), 2000u % 7);
    EXPECT_EQ(run("atom.global.dec.u32 %r5, [%d1], 6;", 0), (7 - 2000 % 7) % 7u);
    EXPECT_EQ(run(R"(
AGAIN:
  ld.volatile.global.u32 %r5, [%d1]; add.u32 %r6, %r5, 3;
  atom.acq_rel.gpu.global.cas.b32 %r7, [%d1], %r5, %r6;
  setp.ne.u32 %p1, %r7, %r5; @%p1 bra AGAIN;)",
                  0),
              6000u);
    EXPECT_EQ(run(R"(
  mov.b64 %d4, 0;
AGAIN:
  ld.volatile.global.u64 %d2, [%d1]; add.u64 %d3, %d2, 1;
  mov.b128 %q1, {%d2, %d4}; mov.b128 %q2, {%d3, %d4};
  atom.relaxed.gpu.global.cas.b128 %q3, [%d1], %q1, %q2;
  mov.b128 {%d5, %d6}, %q3; setp.ne.u64 %p1, %d5, %d2; @%p1 bra AGAIN;)",
                  0),
              2000u);
  }
}

TEST(Atomic, SixteenBitCompareAndSwapLeavesItsNeighbours) {
  EXPECT_EQ(atomically("mov.b16 %h1, 7; mov.b16 %h2, 9; atom.global.cas.b16 %h3, [%d1+2], %h1, %h2;",
                       0x1111'2222'0007'3333, shape(1, 1), 1),
            0x1111'2222'0009'3333u);
}

TEST(Atomic, Floats) {
  auto run = [](const char *text, uint64_t initial, uint32_t threads = 1) {
    return atomically(text, initial, shape(1, threads), 1);
  };
  EXPECT_EQ(run("mov.f32 %f1, 0f3F000000; red.global.add.f32 [%d1], %f1;", floatBits(1), 10), floatBits(6));
  EXPECT_EQ(run("mov.f64 %e1, 0d3FE0000000000000; red.global.add.f64 [%d1], %e1;", std::bit_cast<uint64_t>(1.0), 10),
            std::bit_cast<uint64_t>(6.0));
  // Global memory flushes subnormals.
  EXPECT_EQ(run("mov.f32 %f1, 0f00000001; red.global.add.f32 [%d1], %f1;", 3), 0u);
  // f16: 1 + 2 = 3, 2 + 2 = 4; bf16: 1 + 1 = 2 in both halves.
  EXPECT_EQ(run("mov.b32 %r5, 0x40004000; red.global.add.noftz.f16x2 [%d1], %r5;", 0x4000'3c00), 0x4400'4200u);
  EXPECT_EQ(run("mov.b32 %r5, 0x3f803f80; red.global.add.noftz.bf16x2 [%d1], %r5;", 0x3f80'3f80), 0x4000'4000u);
  EXPECT_EQ(run("mov.b16 %h1, 0x3c00; atom.global.add.noftz.f16 %h2, [%d1+2], %h1;", 0x7bff'1234), 0x7bff'1234u + 0)
      << "65504 + 1 rounds to 65504";
  EXPECT_EQ(run("mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0f40000000; red.global.add.v2.f32 [%d1], {%f1, %f2};",
                uint64_t(floatBits(5)) << 32 | floatBits(10)),
            uint64_t(floatBits(7)) << 32 | floatBits(11));
  EXPECT_EQ(run("mov.b32 %r5, 0x3c00bc00; mov.b32 %r6, 0x7e004000; "
                "red.global.min.noftz.v2.f16x2 [%d1], {%r5, %r6};",
                0x4000'4000'4000'4000),
            0x4000'4000'3c00'bc00u);
}

TEST(Atomic, SharedKeepsSubnormals) {
  EXPECT_EQ(atomically(R"(
  .shared .align 4 .b32 s;
  mov.u32 %r5, 3; st.shared.u32 [s], %r5;
  mov.f32 %f1, 0f00000001; red.shared.add.f32 [s], %f1;
  atom.shared.exch.b32 %r6, [s], 99;
  ld.shared.u32 %r7, [s]; add.u32 %r6, %r6, %r7;
  st.global.u32 [%d1], %r6;)",
                       0, shape(1, 1), 1),
            103u);
}

TEST(System, PrintfFormats) {
  EngineWorld world(R"(
.extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);
.global .align 1 .b8 format[40] = {91,37,53,100,124,37,45,52,120,124,37,108,108,117,124,37,46,50,102,124,37,42,100,124,37,115,124,37,99,124,37,37,93,10,0};
.global .align 1 .b8 name[4] = {97,98,99,0};
.visible .entry k() {
  .local .align 8 .b8 arguments[56];
  .reg .b32 %r<4>; .reg .b64 %d<8>; .reg .f64 %e<2>; .reg .pred %p<2>;
  mov.u64 %d1, arguments; cvta.local.u64 %d2, %d1;
  mov.u32 %r1, -42; st.local.u32 [arguments], %r1;
  mov.u32 %r1, 255; st.local.u32 [arguments+4], %r1;
  mov.u64 %d3, 12345678901; st.local.u64 [arguments+8], %d3;
  mov.f64 %e1, 0d400921FB54442D18; st.local.f64 [arguments+16], %e1;
  mov.u32 %r1, 4; st.local.u32 [arguments+24], %r1;
  mov.u32 %r1, 7; st.local.u32 [arguments+28], %r1;
  mov.u64 %d4, name; cvta.global.u64 %d4, %d4; st.local.u64 [arguments+32], %d4;
  mov.u32 %r1, 65; st.local.u32 [arguments+40], %r1;
  mov.u64 %d5, format; cvta.global.u64 %d6, %d5;
  { .param .b64 f; .param .b64 a; .param .b32 r;
    st.param.b64 [f], %d6; st.param.b64 [a], %d2;
    call.uni (r), vprintf, (f, a);
    ld.param.b32 %r2, [r]; }
  setp.ne.u32 %p1, %r2, 8;
  @%p1 trap;
  ret;
})");
  testing::internal::CaptureStdout();
  LaunchResult result = world.run("k", shape(1, 1));
  std::fflush(stdout);
  std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_CLEAN(result);
  EXPECT_EQ(printed, "[  -42|ff  |12345678901|3.14|   7|abc|A|%]\n");
}

TEST(System, MallocFreeAssertTrap) {
  EngineWorld world(R"(
.extern .func (.param .b64 r) malloc(.param .b64 bytes);
.extern .func free(.param .b64 p);
.extern .func __assertfail(.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 c);
.global .align 1 .b8 message[6] = {120,32,62,32,48,0};
.global .align 1 .b8 file[5] = {97,46,99,117,0};
.visible .entry heap(.param .u32 twice) {
  .reg .b32 %r<3>; .reg .b64 %d<4>; .reg .pred %p<2>;
  ld.param.u32 %r2, [twice];
  { .param .b64 bytes; .param .b64 r; st.param.b64 [bytes], 64; call.uni (r), malloc, (bytes); ld.param.b64 %d1, [r]; }
  mov.u32 %r1, 5; st.u32 [%d1+60], %r1;
  { .param .b64 p; st.param.b64 [p], %d1; call.uni free, (p); }
  setp.eq.u32 %p1, %r2, 0; @%p1 ret;
  setp.eq.u32 %p1, %r2, 2; @%p1 st.u32 [%d1], %r1;
  { .param .b64 p; st.param.b64 [p], %d1; call.uni free, (p); }
  ret;
}
.visible .entry assertion() {
  .reg .b64 %d<4>;
  mov.u64 %d1, message; cvta.global.u64 %d1, %d1; mov.u64 %d2, file; cvta.global.u64 %d2, %d2;
  { .param .b64 m; .param .b64 f; .param .b32 l; .param .b64 n; .param .b64 c;
    st.param.b64 [m], %d1; st.param.b64 [f], %d2; st.param.b32 [l], 12; st.param.b64 [n], %d2; st.param.b64 [c], 1;
    call.uni __assertfail, (m, f, l, n, c); }
  ret;
}
.visible .entry stop() { trap; ret; })");
  EXPECT_CLEAN(world.run("heap", shape(2, 64), {0}));
  EXPECT_STOPPED(world.run("heap", shape(1, 1), {1}), Check::Lifetime, "has been freed before");
  EXPECT_STOPPED(world.run("heap", shape(1, 1), {2}), Check::Lifetime, "freed 64-byte allocation 'malloc in a kernel'");
  EXPECT_STOPPED(world.run("assertion", shape(1, 1)), Check::Trap, "assertion 'x > 0' failed in a.cu at a.cu:12");
  EXPECT_STOPPED(world.run("stop", shape(1, 1)), Check::Trap, "trap");
}

TEST(System, Recursion) {
  EngineWorld world(R"(
.visible .func (.param .b32 r) sum(.param .b32 n) {
  .reg .b32 %r<6>; .reg .pred %p<2>;
  .local .align 4 .b32 keep;
  ld.param.u32 %r1, [n];
  st.local.u32 [keep], %r1;
  setp.eq.u32 %p1, %r1, 0;
  mov.u32 %r4, 0;
  @%p1 bra DONE;
  sub.u32 %r2, %r1, 1;
  { .param .b32 a; .param .b32 b; st.param.b32 [a], %r2; call.uni (b), sum, (a); ld.param.b32 %r3, [b]; }
  ld.local.u32 %r5, [keep];
  add.u32 %r4, %r3, %r5;
DONE:
  st.param.b32 [r], %r4;
  ret;
}
.visible .entry k(.param .u64 out, .param .u32 n) {
  .reg .b32 %r<4>; .reg .b64 %d<3>;
  ld.param.u64 %d1, [out]; ld.param.u32 %r1, [n];
  mov.u32 %r3, %tid.x; add.u32 %r1, %r1, %r3; mul.wide.u32 %d2, %r3, 4; add.u64 %d1, %d1, %d2;
  { .param .b32 a; .param .b32 b; st.param.b32 [a], %r1; call.uni (b), sum, (a); ld.param.b32 %r2, [b]; }
  st.global.u32 [%d1], %r2;
  ret;
})");
  uint64_t out = world.buffer<uint32_t>(8);
  EXPECT_CLEAN(world.run("k", shape(1, 8), {out, 5}));
  for (uint32_t i = 0; i < 8; ++i)
    EXPECT_EQ(world.at<uint32_t>(out)[i], (5 + i) * (6 + i) / 2);
  // Endless recursion ends with a finding.
  LaunchResult result = world.run("k", shape(1, 8), {out, 100'000'000});
  EXPECT_FALSE(result.completed);
  EXPECT_FALSE(result.findings.empty());
}

} // namespace
