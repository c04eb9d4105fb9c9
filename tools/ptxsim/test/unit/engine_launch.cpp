// Tests launches: grids, host threads, blocks that wait for each other, configurations, loading.
#include "EngineWorld.h"

#include <stdexcept>
#include <thread>

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

const char *const kIdentify = R"(
.visible .entry identify(.param .u64 out) {
  .reg .b32 %r<12>; .reg .b64 %d<4>;
  ld.param.u64 %d1, [out];
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ctaid.y; mov.u32 %r3, %ctaid.z;
  mov.u32 %r4, %nctaid.x; mov.u32 %r5, %nctaid.y;
  mad.lo.u32 %r3, %r3, %r5, %r2;
  mad.lo.u32 %r3, %r3, %r4, %r1;          // block
  mov.u32 %r6, %tid.x; mov.u32 %r7, %tid.y; mov.u32 %r8, %ntid.x; mov.u32 %r9, %ntid.y;
  mad.lo.u32 %r6, %r7, %r8, %r6;          // thread
  mul.lo.u32 %r8, %r8, %r9;
  mad.lo.u32 %r10, %r3, %r8, %r6;
  mad.lo.u32 %r11, %r3, 1000, %r6;
  mul.wide.u32 %d2, %r10, 4;
  add.u64 %d1, %d1, %d2;
  st.global.u32 [%d1], %r11;
  ret;
})";

TEST(Launch, EveryThreadOfEveryBlockRunsOnce) {
  EngineWorld world(kIdentify);
  for (unsigned workers : {1u, 2u}) {
    uint64_t out = world.buffer<uint32_t>(3 * 2 * 2 * 24, ~0u);
    LaunchConfig config;
    config.grid = {3, 2, 2};
    config.block = {8, 3, 1};
    Options options;
    options.workers = workers;
    EXPECT_CLEAN(world.run("identify", config, {out}, options));
    for (uint32_t block = 0; block < 12; ++block)
      for (uint32_t thread = 0; thread < 24; ++thread)
        ASSERT_EQ(world.at<uint32_t>(out)[block * 24 + thread], block * 1000 + thread);
  }
}

TEST(Launch, RefusesWhatTheChipDoesNotTake) {
  EngineWorld world(kIdentify);
  uint64_t out = world.buffer<uint32_t>(64);
  auto refuses = [&](LaunchConfig config, const char *part) {
    try {
      world.run("identify", config, {out});
      ADD_FAILURE() << "accepted, expected: " << part;
    } catch (const std::invalid_argument &error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  LaunchConfig config;
  config.block = {1025, 1, 1};
  refuses(config, "block (1025,1,1)");
  config.block = {1, 1, 65};
  refuses(config, "64 along z");
  config.block = {32, 1, 1};
  config.grid = {1, 65536, 1};
  refuses(config, "grid (1,65536,1)");
  config.grid = {0, 1, 1};
  refuses(config, "grid (0,1,1)");
  config.grid = {4, 1, 1};
  config.cluster = {2, 1, 1};
  refuses(config, "at most 1 blocks on A100");
  config.cluster = {1, 1, 1};
  config.dynamicShared = 200 << 10;
  refuses(config, "dynamic bytes of shared memory");
  config.dynamicShared = 0;
  config.cooperative = true;
  config.block = {1024, 1, 1};
  config.grid = {217, 1, 1}; // two blocks on each of 108 multiprocessors
  refuses(config, "holds at a time");
  EXPECT_THROW(world.device.launch(world.program->kernel("identify"), {}, {}, {}), std::invalid_argument);
  EXPECT_EQ(world.program->kernel("nobody").function, nullptr);
}

TEST(Launch, RequiredShapes) {
  EngineWorld world(".visible .entry k() .reqntid 64, 2 { ret; }\n.visible .entry m() .maxntid 128 { ret; }");
  LaunchConfig config = shape(1, 64);
  EXPECT_THROW(world.run("k", config), std::invalid_argument);
  config.block[1] = 2;
  EXPECT_CLEAN(world.run("k", config));
  EXPECT_CLEAN(world.run("m", config));
  config.block[1] = 3;
  EXPECT_THROW(world.run("m", config), std::invalid_argument);
}

// Each block waits for its predecessor's flag and raises its own: decoupled look-back.
const char *const kChain = R"(
.visible .entry chain(.param .u64 flags) {
  .reg .b32 %r<8>; .reg .b64 %d<4>; .reg .pred %p<3>;
  ld.param.u64 %d1, [flags];
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %tid.x;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra DONE;
  mul.wide.u32 %d2, %r1, 4;
  add.u64 %d1, %d1, %d2;
  mov.u32 %r3, 0;
  setp.eq.u32 %p2, %r1, 0;
  @%p2 bra RAISE;
WAIT:
  ld.acquire.gpu.global.u32 %r3, [%d1+-4];
  setp.eq.u32 %p2, %r3, 0;
  @%p2 bra WAIT;
RAISE:
  add.u32 %r4, %r3, 1;
  st.release.gpu.global.u32 [%d1], %r4;
DONE:
  bar.sync 0;
  ret;
})";

TEST(Launch, BlocksWaitForEarlierBlocks) {
  EngineWorld world(kChain);
  for (unsigned workers : {1u, 2u}) {
    uint64_t flags = world.buffer<uint32_t>(300);
    Options options;
    options.workers = workers;
    EXPECT_CLEAN(world.run("chain", shape(300, 64), {flags}, options));
    EXPECT_EQ(world.at<uint32_t>(flags)[299], 300u);
  }
  for (uint64_t seed = 0; seed < 8; ++seed) {
    uint64_t flags = world.buffer<uint32_t>(20);
    Options options = randomly(seed);
    if (seed % 2)
      options.checks = CheckSet::all();
    EXPECT_CLEAN(world.run("chain", shape(20, 64), {flags}, options));
    EXPECT_EQ(world.at<uint32_t>(flags)[19], 20u);
  }
}

// Every block adds one and waits until all have; then each checks that the sum is complete.
const char *const kGridBarrier = R"(
.visible .entry gridbarrier(.param .u64 counter, .param .u64 out, .param .u32 blocks) {
  .reg .b32 %r<8>; .reg .b64 %d<4>; .reg .pred %p<3>;
  ld.param.u64 %d1, [counter]; ld.param.u64 %d2, [out]; ld.param.u32 %r1, [blocks];
  mov.u32 %r2, %tid.x;
  bar.sync 0;
  setp.ne.u32 %p1, %r2, 0;
  @%p1 bra JOIN;
  fence.acq_rel.gpu;
  red.global.add.u32 [%d1], 1;
SPIN:
  ld.volatile.global.u32 %r3, [%d1];
  setp.lt.u32 %p2, %r3, %r1;
  @%p2 bra SPIN;
  fence.acq_rel.gpu;
JOIN:
  bar.sync 0;
  mov.u32 %r4, %ctaid.x;
  mul.wide.u32 %d3, %r4, 4;
  add.u64 %d2, %d2, %d3;
  ld.volatile.global.u32 %r5, [%d1];
  st.global.u32 [%d2], %r5;
  ret;
})";

TEST(Launch, CooperativeGridBarrier) {
  EngineWorld world(kGridBarrier);
  constexpr uint32_t kBlocks = 100;
  for (unsigned workers : {1u, 2u}) {
    uint64_t counter = world.buffer<uint32_t>(1), out = world.buffer<uint32_t>(kBlocks);
    LaunchConfig config = shape(kBlocks, 128);
    config.cooperative = true;
    Options options;
    options.workers = workers;
    EXPECT_CLEAN(world.run("gridbarrier", config, {counter, out, kBlocks}, options));
    for (uint32_t i = 0; i < kBlocks; ++i)
      ASSERT_EQ(world.at<uint32_t>(out)[i], kBlocks);
  }
}

TEST(Launch, GridBarrierThatDoesNotFitIsADeadlock) {
  EngineWorld world(kGridBarrier);
  uint64_t counter = world.buffer<uint32_t>(1), out = world.buffer<uint32_t>(300);
  // Two blocks of 1024 threads on each of 108 multiprocessors are 216.
  EXPECT_STOPPED(world.run("gridbarrier", shape(230, 1024), {counter, out, 230}), Check::Deadlock, "spin");
}

TEST(Launch, VariablesAndFunctionTables) {
  EngineWorld world(R"(
.visible .global .align 4 .u32 counter = 41;
.global .align 8 .u64 pointer = counter;
.visible .const .align 4 .u32 table[4] = {1, 2, 3, 4};
.visible .func (.param .b32 r) twice(.param .b32 a) {
  .reg .b32 %r<3>;
  ld.param.u32 %r1, [a]; add.u32 %r2, %r1, %r1; st.param.b32 [r], %r2; ret;
}
.visible .entry k(.param .u64 out) {
  .reg .b32 %r<8>; .reg .b64 %d<5>;
  ld.param.u64 %d1, [out];
  ld.global.u64 %d2, [pointer];
  ld.global.u32 %r1, [%d2];
  ld.const.u32 %r2, [table+8];
  add.u32 %r1, %r1, %r2;
  { .param .b32 a; .param .b32 r;
    st.param.b32 [a], %r1;
    call.uni (r), twice, (a);
    ld.param.b32 %r3, [r]; }
  st.global.u32 [%d1], %r3;
  ret;
})");
  uint64_t out = world.buffer<uint32_t>(1);
  EXPECT_CLEAN(world.run("k", shape(1, 1), {out}));
  EXPECT_EQ(*world.at<uint32_t>(out), 88u);
  auto [address, bytes] = world.program->variable("counter");
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(*world.at<uint32_t>(address), 41u);
  EXPECT_EQ(world.program->variable("nobody").first, 0u);
}

TEST(Launch, ExternsOfOtherPrograms) {
  EngineWorld first(".visible .global .align 4 .u32 common = 7;");
  auto second = first.device.load(module(R"(
.extern .global .align 4 .u32 common;
.visible .entry k(.param .u64 out) {
  .reg .b32 %r<3>; .reg .b64 %d<2>;
  ld.param.u64 %d1, [out]; ld.global.u32 %r1, [common]; st.global.u32 [%d1], %r1; ret;
})"),
                                  "second.ptx", {first.program});
  uint64_t out = first.buffer<uint32_t>(1);
  std::vector<uint8_t> parameters(8);
  std::memcpy(parameters.data(), &out, 8);
  EXPECT_CLEAN(first.device.launch(second->kernel("k"), shape(1, 1), parameters, {}));
  EXPECT_EQ(*first.at<uint32_t>(out), 7u);
  EXPECT_THROW(first.device.load(module(".extern .global .u32 nowhere;"), "third.ptx"), ptx::Error);
}

TEST(Launch, RefusesModulesOfLaterChips) {
  Device device(architecture("sm_80"));
  EXPECT_THROW(device.load(module("", "sm_90a"), "late.ptx"), ptx::Error);
  Device later(architecture("H100"));
  EXPECT_NO_THROW(later.load(module("", "sm_80"), "early.ptx"));
}

TEST(Launch, SharedMemoryLayout) {
  // Static variables first, dynamic arrays behind them at their own alignment.
  EngineWorld world(R"(
.shared .align 4 .b8 small[20];
.extern .shared .align 128 .b8 dynamic[];
.visible .entry k(.param .u64 out) {
  .reg .b32 %r<4>; .reg .b64 %d<2>;
  .shared .align 16 .b8 own[16];
  ld.param.u64 %d1, [out];
  mov.u32 %r1, small; mov.u32 %r2, own; mov.u32 %r3, dynamic;
  st.global.u32 [%d1], %r1; st.global.u32 [%d1+4], %r2; st.global.u32 [%d1+8], %r3;
  st.shared.u32 [dynamic+252], %r1;
  ret;
})");
  uint64_t out = world.buffer<uint32_t>(3);
  LaunchConfig config = shape(1, 1);
  config.dynamicShared = 256;
  EXPECT_CLEAN(world.run("k", config, {out}));
  const uint32_t *address = world.at<uint32_t>(out);
  uint32_t small = address[0], own = address[1], dynamic = address[2];
  EXPECT_GE(std::min(small, own), 1024u);
  EXPECT_TRUE(small + 20 <= own || own + 16 <= small);
  EXPECT_EQ(own % 16, 0u);
  EXPECT_EQ(dynamic % 128, 0u);
  EXPECT_GE(dynamic, std::max(small + 20, own + 16));
  config.dynamicShared = 252;
  EXPECT_STOPPED(world.run("k", config, {out}), Check::Bounds, "behind the end of the block's shared memory");
}

TEST(Launch, TimeAndStepLimits) {
  // A loop that makes progress only in its register, for ever.
  EngineWorld world(R"(
.visible .entry k(.param .u64 out) {
  .reg .b64 %d<3>;
  ld.param.u64 %d1, [out];
  mov.u64 %d2, 0;
LOOP:
  add.u64 %d2, %d2, 1;
  st.global.u64 [%d1], %d2;
  bra LOOP;
})");
  uint64_t out = world.buffer<uint64_t>(1);
  Options options;
  options.maxSteps = 100000;
  EXPECT_STOPPED(world.run("k", shape(1, 1), {out}, options), Check::Trap, "loop iterations");
  options.maxSteps = 0;
  options.timeLimit = std::chrono::seconds(1);
  options.workers = 2;
  auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(world.run("k", shape(2, 1), {out}, options).completed);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Launch, TheHostMayEndASpin) {
  EngineWorld world(R"(
.visible .entry k(.param .u64 flag) {
  .reg .b32 %r<3>; .reg .b64 %d<3>; .reg .pred %p<2>;
  ld.param.u64 %d1, [flag];
WAIT:
  ld.volatile.global.u32 %r1, [%d1]; setp.eq.u32 %p1, %r1, 0; @%p1 bra WAIT;
  ret;
})");
  uint64_t flag = world.buffer<uint32_t>(1);
  Options options;
  options.spinPatience = std::chrono::seconds(5);
  std::thread host([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    __atomic_store_n(world.at<uint32_t>(flag), 1u, __ATOMIC_SEQ_CST);
  });
  LaunchResult result = world.run("k", shape(2, 32), {flag}, options);
  host.join();
  EXPECT_CLEAN(result);
}

TEST(Launch, SpinningForASlowBlockOnAnotherHostThreadIsNoDeadlock) {
  // Block 0 computes in registers for long; the others do nothing but watch its flag.
  EngineWorld world(R"(
.visible .entry k(.param .u64 flag, .param .u32 turns) {
  .reg .b32 %r<6>; .reg .b64 %d<3>; .reg .pred %p<2>;
  ld.param.u64 %d1, [flag]; ld.param.u32 %r5, [turns];
  mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 0; @%p1 bra WORK;
WAIT:
  ld.volatile.global.u32 %r1, [%d1]; setp.eq.u32 %p1, %r1, 0; @%p1 bra WAIT;
  ret;
WORK:
  mov.u32 %r2, 0; mov.u32 %r3, 1;
TURN:
  mul.lo.u32 %r3, %r3, 1664525; xor.b32 %r3, %r3, %r2;
  add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, %r5; @%p1 bra TURN;
  or.b32 %r3, %r3, 1;
  st.volatile.global.u32 [%d1], %r3;
  ret;
})");
  for (unsigned workers : {1u, 2u, 3u}) {
    uint64_t flag = world.buffer<uint32_t>(1);
    Options options;
    options.workers = workers;
    EXPECT_CLEAN(world.run("k", shape(4, 1), {flag, 30'000'000}, options));
  }
}

} // namespace
