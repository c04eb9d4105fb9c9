// wgmma as PTX: values under every schedule, and each rule broken once.
#include "EngineWorld.h"
#include "MatrixReference.h"

#include <random>

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

// D (64 x 16) = A (64 x 16 steps) B, bf16. A and B are without swizzle, K-major: 16 bytes of a row, rows 16 bytes apart
// in eights, chunks of k 128 bytes apart, eights of rows 256. Each step has its own 2048 + 512 bytes of shared memory.
// %rd10 and %rd11 are the descriptors of step 0; a step is 2560 bytes, 160 in a descriptor's units.
const char *const kHead = R"(
.extern .shared .align 1024 .b8 tiles[];
.visible .entry multiply(.param .u64 a, .param .u64 b, .param .u64 d) {
  .reg .b32 %r<40>; .reg .f32 %f<40>; .reg .b64 %rd<40>; .reg .b32 %t; .reg .pred %p, %q, %one, %zero;
  ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [d];
  mov.u32 %t, %tid.x; mov.u32 %r30, tiles;
  setp.eq.u32 %one, %t, %t; setp.ne.u32 %zero, %t, %t;
  mul.wide.u32 %rd4, %t, 32; add.u64 %rd3, %rd3, %rd4;
  cvt.u64.u32 %rd10, %r30; shr.u64 %rd10, %rd10, 4;
  add.u64 %rd11, %rd10, 128;
  or.b64 %rd10, %rd10, 0x0000001000080000;
  or.b64 %rd11, %rd11, 0x0000001000080000;
)";

// Copies step `%r20` of A and B to shared memory and makes it visible to the asynchronous proxy.
const char *const kFill = R"(
  mul.wide.u32 %rd5, %r20, 2048; add.u64 %rd5, %rd5, %rd1;
  mul.wide.u32 %rd6, %t, 16; add.u64 %rd5, %rd5, %rd6;
  ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%rd5];
  mul.wide.u32 %rd5, %r20, 512; add.u64 %rd5, %rd5, %rd2;
  mul.wide.u32 %rd6, %t, 4; add.u64 %rd5, %rd5, %rd6;
  ld.global.b32 %r4, [%rd5];
  mad.lo.u32 %r31, %r20, 2560, %r30;
  mad.lo.u32 %r32, %t, 16, %r31;
  st.shared.v4.b32 [%r32], {%r0, %r1, %r2, %r3};
  mad.lo.u32 %r32, %t, 4, %r31;
  st.shared.b32 [%r32+2048], %r4;
  fence.proxy.async;                 // visible
  bar.sync 0;                        // everybody
)";

std::string product(const char *a, const char *b, const char *scale) {
  return std::string(
             "  wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}, ") +
         a + ", " + b + ", " + scale + ", 1, 1, 0, 0;\n";
}

const char *const kTail = R"(
  st.global.v4.f32 [%rd3], {%f0, %f1, %f2, %f3}; st.global.v4.f32 [%rd3+16], {%f4, %f5, %f6, %f7};
  ret;
})";

std::string fill(unsigned step) { return "  mov.u32 %r20, " + std::to_string(step) + ";\n" + kFill; }

/// One product from one step.
std::string simple() {
  return kHead + fill(0) + "  wgmma.fence.sync.aligned;\n" + product("%rd10", "%rd11", "%zero") +
         "  wgmma.commit_group.sync.aligned;\n  wgmma.wait_group.sync.aligned 0;\n" + kTail;
}

/// Four steps, two groups in flight; the accumulators go on from one to the next.
std::string pipelined() {
  std::string text = kHead;
  for (unsigned step = 0; step < 4; ++step)
    text += fill(step);
  for (unsigned step = 0; step < 4; ++step) {
    text += "  wgmma.fence.sync.aligned;\n" + product("%rd10", "%rd11", step ? "%one" : "%zero") +
            "  wgmma.commit_group.sync.aligned;\n  wgmma.wait_group.sync.aligned " + (step < 3 ? "1" : "0") + ";\n" +
            "  add.u64 %rd10, %rd10, 160; add.u64 %rd11, %rd11, 160;\n";
  }
  return text + kTail;
}

std::string without(std::string text, const std::string &part, unsigned nth = 0) {
  size_t at = text.find(part);
  for (; nth && at != std::string::npos; --nth)
    at = text.find(part, at + 1);
  EXPECT_NE(at, std::string::npos) << part;
  return text.erase(at, part.size());
}

std::string with(std::string text, const std::string &part, const std::string &replacement) {
  size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.replace(at, part.size(), replacement);
}

struct Outcome {
  LaunchResult result;
  bool right = true;           ///< all values as expected
  uint64_t firstUndefined = 0; ///< byte of the result
};

Outcome run(const std::string &text, unsigned steps, const Options &options, uint32_t threads = 128) {
  EngineWorld world(text, "sm_90a");
  std::mt19937 random(1);
  uint64_t a = world.buffer<uint16_t>(4 * 1024), b = world.buffer<uint16_t>(4 * 256), d = world.buffer<float>(64 * 16);
  std::vector<int> sums(64 * 16);
  for (unsigned step = 0; step < 4; ++step) {
    std::vector<int> x(64 * 16), y(16 * 16);
    auto place = [](unsigned line, unsigned k) { return (line % 8 * 16 + line / 8 * 256 + k / 8 * 128) / 2 + k % 8; };
    auto encode = [](int value) { return uint16_t(std::bit_cast<uint32_t>(float(value)) >> 16); };
    for (unsigned k = 0; k < 16; ++k) {
      for (unsigned row = 0; row < 64; ++row)
        world.at<uint16_t>(a)[step * 1024 + place(row, k)] = encode(x[row * 16 + k] = int(random() % 9) - 4);
      for (unsigned column = 0; column < 16; ++column)
        world.at<uint16_t>(b)[step * 256 + place(column, k)] = encode(y[column * 16 + k] = int(random() % 9) - 4);
    }
    for (unsigned i = 0; step < steps && i < sums.size(); ++i)
      for (unsigned k = 0; k < 16; ++k)
        sums[i] += x[i / 16 * 16 + k] * y[i % 16 * 16 + k];
  }
  LaunchConfig config = shape(1, threads);
  config.dynamicShared = 4 * 2560;
  Outcome outcome{world.run("multiply", config, {a, b, d}, options)};
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned e = 0; e < 8; ++e) {
      unsigned row = thread / 32 * 16 + thread % 32 / 4 + e % 4 / 2 * 8, column = e / 4 * 8 + thread % 4 * 2 + e % 2;
      outcome.right &= world.at<float>(d)[thread * 8 + e] == float(sums[row * 16 + column]);
    }
  outcome.firstUndefined = world.device.memory().firstUndefined(d, 4096);
  return outcome;
}

Options everything(uint64_t seed = 0) {
  Options options;
  options.checks = CheckSet::all();
  options.randomSchedule = seed != 0;
  options.seed = seed;
  return options;
}

TEST(WgmmaPtx, RightProgramsAreCleanAndRight) {
  for (unsigned variant = 0; variant < 2; ++variant) {
    std::string text = variant ? pipelined() : simple();
    unsigned steps = variant ? 4 : 1;
    Outcome fixed = run(text, steps, Options());
    EXPECT_CLEAN(fixed.result);
    EXPECT_TRUE(fixed.right);
    for (uint64_t seed = 0; seed < 10; ++seed) {
      Outcome checked = run(text, steps, everything(seed));
      EXPECT_CLEAN(checked.result);
      EXPECT_TRUE(checked.right) << seed;
      EXPECT_EQ(checked.firstUndefined, 4096u);
      EXPECT_TRUE(run(text, steps, randomly(seed)).right) << seed;
    }
  }
}

// A from registers: the fragment of A is loaded by the threads themselves, and B alone is read at landing.
TEST(WgmmaPtx, RegistersOfA) {
  // Registers 0..3 hold words t + 4 (r / 2) of rows g + 8 (r % 2) of the warp's 16 rows.
  const std::string loads = R"(
  shr.u32 %r21, %t, 5; shl.b32 %r21, %r21, 9; and.b32 %r22, %t, 31; shr.u32 %r23, %r22, 2; and.b32 %r24, %t, 3;
  mad.lo.u32 %r21, %r23, 16, %r21; mad.lo.u32 %r21, %r24, 4, %r21; add.u32 %r21, %r21, %r30;
  ld.shared.b32 %r10, [%r21]; ld.shared.b32 %r11, [%r21+256]; ld.shared.b32 %r12, [%r21+128]; ld.shared.b32 %r13, [%r21+384];
)";
  std::string text = kHead + fill(0) + loads + "  wgmma.fence.sync.aligned;\n" +
                     with(product("{%r10, %r11, %r12, %r13}", "%rd11", "%zero"), "1, 1, 0, 0", "1, 1, 0") +
                     // Taken at issue: what happens to the registers afterwards does not matter here.
                     "  mov.b32 %r10, 0;\n  wgmma.commit_group.sync.aligned;\n  wgmma.wait_group.sync.aligned 0;\n" +
                     kTail;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Outcome checked = run(text, 1, everything(seed));
    EXPECT_CLEAN(checked.result);
    EXPECT_TRUE(checked.right) << seed;
  }
}

void expectFinding(const std::string &text, unsigned steps, Check check, const std::string &part, uint64_t seed = 0) {
  Outcome broken = run(text, steps, everything(seed));
  bool found = false;
  for (const Finding &finding : broken.result.findings)
    found |= finding.check == check && format(finding).find(part) != std::string::npos;
  EXPECT_TRUE(found) << part << "\n" << ptxsim::test::text(broken.result);
}

TEST(WgmmaPtx, BrokenRulesAreFound) {
  for (uint64_t seed : {0, 1, 2}) {
    SCOPED_TRACE(seed);
    expectFinding(without(simple(), "wgmma.fence.sync.aligned;"), 1, Check::Barrier, "no wgmma.fence", seed);
    expectFinding(without(simple(), "wgmma.wait_group.sync.aligned 0;"), 1, Check::Barrier, "never waited for", seed);
    expectFinding(without(simple(), "wgmma.commit_group.sync.aligned;"), 1, Check::Barrier, "never committed", seed);
    expectFinding(with(simple(), "wait_group.sync.aligned 0", "wait_group.sync.aligned 1"), 1, Check::Barrier,
                  "never waited for", seed);
    expectFinding(without(simple(), "fence.proxy.async;"), 1, Check::Proxy, "wgmma", seed);
    expectFinding(without(simple(), "bar.sync 0;"), 1, Check::Race, "wgmma", seed);
  }
}

// Operands are overwritten while a product may still read them.
TEST(WgmmaPtx, OverwritingOperandsInFlight) {
  const std::string overwrite = "  st.shared.b32 [%r30], %t;\n";
  for (uint64_t seed : {0, 1, 2})
    expectFinding(with(simple(), "  wgmma.wait_group", overwrite + "  wgmma.wait_group"), 1, Check::Race, "wgmma",
                  seed);
  // One thread alone, after its wait, is in order with all of the warpgroup's reads.
  std::string late =
      with(simple(), "aligned 0;\n", "aligned 0;\n  setp.eq.u32 %p, %t, 77; @%p st.shared.b32 [%r30], %t;\n");
  for (uint64_t seed = 0; seed < 4; ++seed)
    EXPECT_CLEAN(run(late, 1, everything(seed)).result);
  // A group that the wait leaves in flight is not.
  std::string early =
      with(pipelined(), "aligned 1;\n", "aligned 1;\n  setp.eq.u32 %p, %t, 77; @%p st.shared.b32 [%r30], %t;\n");
  expectFinding(early, 4, Check::Race, "wgmma");
}

TEST(WgmmaPtx, Descriptors) {
  const std::string fence = "  wgmma.fence.sync.aligned;\n";
  auto changed = [&](const std::string &change) { return with(simple(), fence, change + fence); };
  expectFinding(changed("cvt.u64.u32 %rd20, %t; and.b64 %rd20, %rd20, 32; or.b64 %rd10, %rd10, %rd20;\n"), 1,
                Check::Descriptor, "the same in all of the warpgroup");
  expectFinding(changed("or.b64 %rd11, %rd11, 0x0010000000000000;\n"), 1, Check::Descriptor, "reserved");
  expectFinding(changed("or.b64 %rd11, %rd11, 0x0002000000000000;\n"), 1, Check::Descriptor, "base offset");
  expectFinding(changed("or.b64 %rd10, %rd10, 0x00003fff00000000;\n"), 1, Check::Descriptor, "outside");
  expectFinding(changed("and.b64 %rd10, %rd10, -16384;\n"), 1, Check::Descriptor, "outside");
  expectFinding(changed("or.b64 %rd10, %rd10, 0x4000000000000007;\n"), 1, Check::Descriptor, "rows run over");
}

TEST(WgmmaPtx, DivergenceIsFound) {
  expectFinding(with(simple(), "  wgmma.mma_async", "  setp.lt.u32 %p, %t, 96; @%p wgmma.mma_async"), 1,
                Check::Divergence, "wgmma");
  expectFinding(with(simple(), "%rd11, %zero", "%rd11, %q"), 1, Check::Poison, "");
  std::string scales = with(simple(), "%rd11, %zero", "%rd11, %q");
  expectFinding(with(scales, "  wgmma.fence", "  setp.lt.u32 %q, %t, 3;\n  wgmma.fence"), 1, Check::Divergence,
                "scale-d");
  Outcome partial = run(simple(), 1, Options(), 96);
  ASSERT_FALSE(partial.result.clean());
  EXPECT_EQ(partial.result.findings[0].check, Check::Divergence);
}

// Bytes that nobody has written make their row of the result undefined, and only it.
TEST(WgmmaPtx, UndefinedOperands) {
  // Thread 9 fills row 1 of the second half of the first 8 rows of A: chunk 128 + 16. It does not.
  std::string text = with(simple(), "  st.shared.v4.b32", "  setp.ne.u32 %p, %t, 9; @%p st.shared.v4.b32");
  for (uint64_t seed = 0; seed < 3; ++seed)
    // Row 1 belongs to threads 4 to 7, whose results start at byte 4 x 32.
    EXPECT_EQ(run(text, 1, everything(seed)).firstUndefined, 128u) << seed;
}

// A program that touches the accumulators too early gets them settled; that it never waits is found at its end.
TEST(WgmmaPtx, EarlyUseSettles) {
  std::string text = without(simple(), "wgmma.wait_group.sync.aligned 0;");
  for (uint64_t seed = 1; seed < 6; ++seed)
    EXPECT_TRUE(run(text, 1, randomly(seed)).right);
}

TEST(WgmmaPtx, Setmaxnreg) {
  EXPECT_CLEAN(
      run(with(simple(), "  wgmma.fence", "  setmaxnreg.inc.sync.aligned.u32 232;\n  wgmma.fence"), 1, everything(1))
          .result);
  EXPECT_THROW(
      run(with(simple(), "  wgmma.fence", "  setmaxnreg.inc.sync.aligned.u32 260;\n  wgmma.fence"), 1, Options()),
      ptx::Error);
}

// Work in flight when the launch is stopped, or when threads end early, is nobody's memory.
TEST(WgmmaPtx, EndsInFlight) {
  std::string ends = without(simple(), "wgmma.wait_group.sync.aligned 0;");
  ends = with(ends, "st.global.v4.f32 [%rd3], {%f0", "ret;\n  st.global.v4.f32 [%rd3], {%f0");
  std::string traps = with(ends, "ret;", "trap;");
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_FALSE(run(ends, 1, everything(seed)).result.clean());
    EXPECT_FALSE(run(traps, 1, everything(seed)).result.completed);
  }
}

} // namespace
