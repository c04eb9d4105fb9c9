// Tests barriers, exchanges within a warp, clusters, and the reports of hangs.
#include "EngineWorld.h"

#include <set>

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

/// A kernel with one output buffer of 32-bit words, one for each thread: `body` leaves the value in %r0.
std::string perThread(const std::string &body, const std::string &declarations = "") {
  return declarations + R"(
.visible .entry k(.param .u64 out) {
  .reg .b32 %r<30>; .reg .b64 %d<10>; .reg .pred %p<10>;
  ld.param.u64 %d0, [out];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %laneid;
  mad.lo.u32 %r5, %r2, %r3, %r1;
  mul.wide.u32 %d1, %r5, 4;
  add.u64 %d0, %d0, %d1;
)" + body + R"(
  st.global.u32 [%d0], %r0;
  ret;
})";
}

/// Runs it in the fixed schedule and some random ones, these with all checks on; returns the last run's words.
std::vector<uint32_t> results(const std::string &body, LaunchConfig config, const char *target = "sm_80",
                              const std::string &declarations = "") {
  EngineWorld world(perThread(body, declarations), target);
  uint32_t count = config.grid[0] * config.block[0];
  std::vector<uint32_t> first;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    uint64_t out = world.buffer<uint32_t>(count, ~0u);
    Options options = seed ? randomly(seed) : Options();
    if (seed % 2)
      options.checks = CheckSet::all();
    LaunchResult result = world.run("k", config, {out}, options);
    EXPECT_TRUE(result.clean()) << text(result);
    std::vector<uint32_t> words(world.at<uint32_t>(out), world.at<uint32_t>(out) + count);
    if (seed)
      EXPECT_EQ(words, first) << "seed " << seed;
    first = words;
  }
  return first;
}

LaunchResult launch(const std::string &body, LaunchConfig config, const char *target = "sm_80",
                    const std::string &declarations = "", Options options = {}) {
  EngineWorld world(perThread(body, declarations), target);
  uint64_t out = world.buffer<uint32_t>(config.grid[0] * config.block[0]);
  return world.run("k", config, {out}, options);
}

const char *const kShared = ".shared .align 16 .b32 words[1024];\n";

TEST(Barrier, OrdersSharedMemory) {
  // Each thread reads what its mirror image wrote.
  auto words = results(R"(
  shl.b32 %r6, %r1, 2; mov.u32 %r7, words; add.u32 %r6, %r6, %r7;
  st.shared.u32 [%r6], %r1;
  bar.sync 0;
  sub.u32 %r8, %r3, %r1; sub.u32 %r8, %r8, 1; shl.b32 %r8, %r8, 2; add.u32 %r8, %r8, %r7;
  ld.shared.u32 %r0, [%r8];)",
                       shape(3, 80), "sm_80", kShared);
  for (uint32_t i = 0; i < 240; ++i)
    ASSERT_EQ(words[i], 79 - i % 80);
}

TEST(Barrier, ExitedThreadsAreNotWaitedFor) {
  auto words = results(R"(
  mov.u32 %r0, 5;
  st.global.u32 [%d0], %r0;
  setp.ge.u32 %p1, %r1, 40;
  @%p1 exit;
  bar.sync 0;
  mov.u32 %r0, 6;)",
                       shape(1, 96));
  for (uint32_t i = 0; i < 96; ++i)
    ASSERT_EQ(words[i], i < 40 ? 6u : 5u);
}

TEST(Barrier, ProducersArriveConsumersWait) {
  // Warp 0 produces for warp 1 through barriers 1 and 2, three times.
  auto words = results(R"(
  mov.u32 %r0, 0; mov.u32 %r9, 0; mov.u32 %r7, words;
  shl.b32 %r10, %r4, 2; add.u32 %r7, %r7, %r10;
  setp.ge.u32 %p1, %r1, 32;
  @%p1 bra CONSUME;
PRODUCE:
  add.u32 %r10, %r9, %r4;
  st.shared.u32 [%r7], %r10;
  bar.arrive 1, 64;
  bar.sync 2, 64;
  add.u32 %r9, %r9, 100;
  setp.lt.u32 %p2, %r9, 300;
  @%p2 bra PRODUCE;
  bra DONE;
CONSUME:
  bar.sync 1, 64;
  ld.shared.u32 %r10, [%r7];
  add.u32 %r0, %r0, %r10;
  bar.arrive 2, 64;
  add.u32 %r9, %r9, 100;
  setp.lt.u32 %p2, %r9, 300;
  @%p2 bra CONSUME;
DONE:)",
                       shape(1, 64), "sm_80", kShared);
  for (uint32_t lane = 0; lane < 32; ++lane)
    ASSERT_EQ(words[32 + lane], 300 + 3 * lane);
}

TEST(Barrier, Reductions) {
  auto words = results(R"(
  setp.lt.u32 %p1, %r1, 45;
  bar.red.popc.u32 %r6, 0, %p1;
  bar.red.and.pred %p2, 1, 64, %p1;
  bar.red.or.pred %p3, 0, %p1;
  bar.red.and.pred %p4, 0, !%p1;
  selp.u32 %r7, 100, 0, %p2; selp.u32 %r8, 1000, 0, %p3; selp.u32 %r9, 10000, 0, %p4;
  add.u32 %r0, %r6, %r7; add.u32 %r0, %r0, %r8; add.u32 %r0, %r0, %r9;)",
                       shape(1, 64));
  for (uint32_t word : words)
    ASSERT_EQ(word, 1045u);
}

TEST(Barrier, Misuse) {
  EXPECT_STOPPED(launch("mov.u32 %r0, 16; bar.sync %r0;", shape(1, 32)), Check::Barrier, "expected 0 to 15");
  EXPECT_STOPPED(launch("mov.u32 %r0, 33; bar.sync 1, %r0;", shape(1, 64)), Check::Barrier, "multiple of 32");
  EXPECT_STOPPED(launch("bar.arrive 1, 64; bar.arrive 1, 64;", shape(1, 32 * 2)), Check::Barrier, "arrived already");
  EXPECT_STOPPED(launch(R"(
  setp.lt.u32 %p1, %r1, 32; mov.u32 %r0, 64; @%p1 mov.u32 %r0, 96;
  bar.sync 3, %r0;)",
                        shape(1, 96)),
                 Check::Barrier, "but others have arrived with count");
  EXPECT_STOPPED(launch(R"(
  and.b32 %r0, %r1, 1; setp.eq.u32 %p1, %r0, 0;
  @%p1 bra EVEN;
  bar.sync 0;
  bra JOIN;
EVEN:
  bar.sync 0;
JOIN:)",
                        shape(1, 64)),
                 Check::Divergence, "lanes of one warp arrive by different instructions");
}

TEST(Barrier, UnalignedFormMayDiverge) {
  auto words = results(R"(
  and.b32 %r0, %r1, 1; setp.eq.u32 %p1, %r0, 0;
  @%p1 bra EVEN;
  barrier.sync 0;
  bra JOIN;
EVEN:
  barrier.sync 0;
JOIN:
  mov.u32 %r0, 3;)",
                       shape(1, 64));
  EXPECT_EQ(words, std::vector<uint32_t>(64, 3));
}

TEST(Warp, ShuffleModes) {
  struct Case {
    const char *mode;
    uint32_t b, c;
    int (*source)(int lane); // -1: out of range
  };
  const Case cases[] = {
      {"up", 3, 0, [](int lane) { return lane >= 3 ? lane - 3 : -1; }},
      {"down", 5, 31, [](int lane) { return lane + 5 <= 31 ? lane + 5 : -1; }},
      {"bfly", 6, 31, [](int lane) { return lane ^ 6; }},
      {"idx", 9, 31, [](int) { return 9; }},
      // Segments of eight lanes: the mask in bits 8 to 12 keeps the lane's upper bits.
      {"down", 3, 0x1807 | 0x1f, [](int lane) { return lane % 8 + 3 <= 7 ? lane + 3 : -1; }},
      {"up", 2, 0x1800, [](int lane) { return lane % 8 >= 2 ? lane - 2 : -1; }},
      {"idx", 11, 0x181f, [](int lane) { return lane / 8 * 8 + 3; }},
      {"bfly", 4, 0x1803, [](int lane) { return (lane ^ 4) % 8 <= 3 ? lane ^ 4 : -1; }},
  };
  for (const Case &test : cases) {
    auto words = results("mad.lo.u32 %r6, %r4, 7, 1000; shfl.sync." + std::string(test.mode) + ".b32 %r7|%p1, %r6, " +
                             std::to_string(test.b) + ", " + std::to_string(test.c) +
                             ", -1; selp.u32 %r8, 1, 0, %p1; shl.b32 %r8, %r8, 16; or.b32 %r0, %r7, %r8;",
                         shape(1, 32));
    for (int lane = 0; lane < 32; ++lane) {
      int source = test.source(lane);
      uint32_t expected = source < 0 ? 1000 + 7 * lane : (1000 + 7 * source) | 1 << 16;
      ASSERT_EQ(words[lane], expected) << test.mode << " lane " << lane;
    }
  }
}

TEST(Warp, SubsetsMeetSeparately) {
  // Even and odd lanes vote and reduce among themselves, by different instructions.
  auto words = results(R"(
  and.b32 %r6, %r4, 1; setp.eq.u32 %p1, %r6, 0; setp.lt.u32 %p2, %r4, 10;
  @%p1 bra EVEN;
  redux.sync.add.u32 %r0, %r4, 0xaaaaaaaa;
  bra JOIN;
EVEN:
  vote.sync.ballot.b32 %r0, %p2, 0x55555555;
JOIN:
  bar.warp.sync -1;)",
                       shape(1, 32));
  for (uint32_t lane = 0; lane < 32; ++lane)
    ASSERT_EQ(words[lane], lane % 2 ? 256u : 0x155u);
}

TEST(Warp, VoteMatchReduxElect) {
  auto words = results(R"(
  setp.lt.u32 %p1, %r4, 32; setp.gt.u32 %p2, %r4, 40; setp.eq.u32 %p3, %r4, 4;
  vote.sync.all.pred %p4, %p1, -1;
  vote.sync.any.pred %p5, %p2, -1;
  vote.sync.uni.pred %p6, %p2, -1;
  vote.sync.uni.pred %p7, %p3, -1;
  selp.u32 %r0, 1, 0, %p4; @%p5 add.u32 %r0, %r0, 2; @%p6 add.u32 %r0, %r0, 4; @%p7 add.u32 %r0, %r0, 8;
  shr.u32 %r6, %r4, 3;
  match.any.sync.b32 %r7, %r6, -1;
  popc.b32 %r7, %r7; shl.b32 %r7, %r7, 8; add.u32 %r0, %r0, %r7;
  match.all.sync.b32 %r8|%p8, %r6, -1;
  @%p8 add.u32 %r0, %r0, 16; add.u32 %r0, %r0, %r8;
  sub.s32 %r9, %r4, 16;
  redux.sync.min.s32 %r10, %r9, -1; redux.sync.max.u32 %r11, %r9, -1; redux.sync.xor.b32 %r12, %r4, -1;
  setp.eq.s32 %p9, %r10, -16; @%p9 add.u32 %r0, %r0, 65536;
  setp.eq.u32 %p9, %r11, -1; @%p9 add.u32 %r0, %r0, 131072;
  setp.eq.u32 %p9, %r12, 0; @%p9 add.u32 %r0, %r0, 262144;)",
                       shape(1, 32));
  EXPECT_EQ(words, std::vector<uint32_t>(32, 1 + 4 + (8 << 8) + 65536 + 131072 + 262144));
  words = results(R"(
  mov.u32 %r0, 1; setp.lt.u32 %p2, %r4, 5; @%p2 bra JOIN;
  elect.sync %r6|%p1, 0xffffffe0; selp.u32 %r0, 100, 0, %p1; add.u32 %r0, %r0, %r6;
JOIN:)",
                  shape(1, 32), "sm_90a");
  for (uint32_t lane = 0; lane < 32; ++lane)
    ASSERT_EQ(words[lane], lane < 5 ? 1u : lane == 5 ? 105u : 5u);
}

TEST(Warp, MaskMisuse) {
  EXPECT_STOPPED(launch("shfl.sync.idx.b32 %r0, %r4, 0, 31, 0xfffffffe;", shape(1, 32)), Check::Divergence,
                 "does not name the executing lane 0");
  EXPECT_STOPPED(launch(R"(
  setp.lt.u32 %p1, %r4, 16; mov.u32 %r6, -1; @%p1 mov.u32 %r6, 0xffff;
  setp.eq.u32 %p2, %r4, 0; @%p2 mov.u32 %r6, -1;
  bar.warp.sync %r6;)",
                        shape(1, 32)),
                 Check::Divergence, "they wait for each other");
  EXPECT_STOPPED(launch(R"(
  setp.lt.u32 %p1, %r4, 16;
  @%p1 bra OTHER;
  bar.warp.sync -1;
  bra JOIN;
OTHER:
  shfl.sync.idx.b32 %r0, %r4, 0, 31, -1;
JOIN:)",
                        shape(1, 32)),
                 Check::Divergence, "while others of its member mask");
}

TEST(Warp, ExitedAndAbsentLanesAreNotWaitedFor) {
  auto words = results(R"(
  mov.u32 %r0, 77; st.global.u32 [%d0], %r0;
  setp.ge.u32 %p1, %r1, 10;
  @%p1 exit;
  redux.sync.add.u32 %r0, %r1, -1;)",
                       shape(1, 20));
  for (uint32_t i = 0; i < 20; ++i)
    ASSERT_EQ(words[i], i < 10 ? 45u : 77u);
}

/// Lanes add to a counter together: one of each group of activemask adds the number of its lanes, or `added`.
uint32_t countTogether(const std::string &added, const Options &options) {
  EngineWorld world(perThread(R"(
  ld.param.u64 %d2, [out]; mov.u32 %r0, 0;
  and.b32 %r6, %r1, 3; setp.eq.u32 %p1, %r6, 3; @%p1 bra JOIN; // a quarter does not count
  activemask.b32 %r7; popc.b32 %r8, %r7;
  mov.u32 %r9, %lanemask_lt; and.b32 %r9, %r9, %r7; setp.ne.u32 %p2, %r9, 0;
  @!%p2 red.global.add.u32 [%d2+4096], )" + added +
                              R"(;
JOIN:)"));
  uint64_t out = world.buffer<uint32_t>(2048);
  EXPECT_CLEAN(world.run("k", shape(2, 96), {out}, options));
  return world.at<uint32_t>(out)[1024];
}

TEST(Warp, ActivemaskGroupsTheLanesThatComeTogether) {
  // With 32 converged lanes the answer is all of them.
  EngineWorld world(perThread("activemask.b32 %r0;"));
  uint64_t out = world.buffer<uint32_t>(80);
  EXPECT_CLEAN(world.run("k", shape(1, 80), {out}));
  for (uint32_t i = 0; i < 80; ++i)
    ASSERT_EQ(world.at<uint32_t>(out)[i], i < 64 ? ~0u : 0xffffu);
  // Groups are right in every schedule; a leader that adds 1 for its group shows in the very first.
  unsigned wrong = 0;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    Options options = seed ? randomly(seed) : Options();
    options.checks = CheckSet::all();
    EXPECT_EQ(countTogether("%r8", options), 2 * 72u) << seed;
    wrong += countTogether("1", options) != 2 * 72;
  }
  EXPECT_EQ(countTogether("1", {}), 2 * 3u);
  EXPECT_GT(wrong, 4u);
}

TEST(Warp, ActivemaskDoesNotWaitForThoseThatWaitForIt) {
  // All lanes but the first spin until it has set the flag, which it does after activemask; in turns.
  auto words = results(R"(
  mov.u32 %r7, words; mov.u32 %r9, 0;
  setp.eq.u32 %p1, %r4, 0; @%p1 st.shared.u32 [%r7], 0;
  bar.warp.sync -1;
NEXT:
  ld.volatile.shared.u32 %r8, [%r7]; setp.ne.u32 %p2, %r8, %r4; @%p2 bra NEXT;
  activemask.b32 %r6;
  add.u32 %r8, %r8, 1; st.volatile.shared.u32 [%r7], %r8;
  shr.b32 %r6, %r6, %r4; and.b32 %r0, %r6, 1;)",
                       shape(1, 32), "sm_80", kShared);
  for (uint32_t word : words)
    ASSERT_EQ(word, 1u);
}

TEST(Cluster, BarrierAndMappedAddresses) {
  // Each block reads the word of its right neighbour in the cluster, by a shared and by a generic address.
  auto words = results(R"(
  mov.u32 %r6, words; add.u32 %r7, %r2, 50;
  st.shared.u32 [%r6], %r7;
  barrier.cluster.arrive.release.aligned;
  barrier.cluster.wait.acquire.aligned;
  mov.u32 %r8, %cluster_ctarank; mov.u32 %r9, %cluster_nctarank;
  add.u32 %r8, %r8, 1; rem.u32 %r8, %r8, %r9;
  mapa.shared::cluster.u32 %r10, %r6, %r8;
  ld.shared::cluster.u32 %r11, [%r10];
  cvt.u64.u32 %d2, %r6; cvta.shared.u64 %d3, %d2;
  mapa.u64 %d4, %d3, %r8;
  ld.u32 %r12, [%d4];
  getctarank.u64 %r13, %d4;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  mad.lo.u32 %r0, %r11, 1000, %r12; mad.lo.u32 %r0, %r13, 1000000, %r0;)",
                       shape(8, 32, 4), "sm_90a", kShared);
  for (uint32_t block = 0; block < 8; ++block) {
    uint32_t rank = (block + 1) % 4, neighbour = block / 4 * 4 + rank + 50;
    ASSERT_EQ(words[block * 32 + 7], rank * 1000000 + neighbour * 1001);
  }
}

TEST(Cluster, SharedMemoryOfAnExitedBlock) {
  EXPECT_STOPPED(launch(R"(
  mov.u32 %r8, %cluster_ctarank; mov.u32 %r0, 0;
  setp.eq.u32 %p1, %r8, 1; @%p1 exit;
  mov.u32 %r9, 0;
DELAY:
  add.u32 %r9, %r9, 1; setp.lt.u32 %p2, %r9, 3000; @%p2 bra DELAY;
  mov.u32 %r6, words; mapa.shared::cluster.u32 %r10, %r6, 1;
  ld.shared::cluster.u32 %r0, [%r10];)",
                        shape(2, 32, 2), "sm_90a", kShared),
                 Check::Lifetime, "that block has exited");
  EXPECT_STOPPED(launch("mov.u32 %r0, 0; barrier.cluster.wait;", shape(2, 32, 2), "sm_90a"), Check::Barrier,
                 "has not arrived");
  EXPECT_STOPPED(launch("mov.u32 %r0, 0; barrier.cluster.arrive; barrier.cluster.arrive;", shape(2, 32, 2), "sm_90a"),
                 Check::Barrier, "not waited since");
}

TEST(Deadlock, NamesWhoWaitsWhere) {
  // Warp 0 waits for a second warp at barrier 1, the others at barrier 0.
  LaunchResult result = launch(R"(
  setp.lt.u32 %p1, %r1, 32;
  @%p1 bra ALONE;
  bar.sync 0;
  bra JOIN;
ALONE:
  bar.sync 1, 64;
JOIN:
  mov.u32 %r0, 0;)",
                               shape(1, 128));
  EXPECT_STOPPED(result, Check::Deadlock, "32 threads (0..31) of block (0,0,0) wait for barrier 1");
  EXPECT_NE(text(result).find("96 threads (32..127) of block (0,0,0) wait for barrier 0"), std::string::npos);
  EXPECT_NE(text(result).find("test.ptx:"), std::string::npos);
}

TEST(Deadlock, SpinningForEverIsOne) {
  const char *body = R"(
  ld.param.u64 %d2, [out];
WAIT:
  ld.volatile.global.u32 %r6, [%d2];
  setp.eq.u32 %p1, %r6, 0;
  @%p1 bra WAIT;
  mov.u32 %r0, 0;)";
  auto start = std::chrono::steady_clock::now();
  EXPECT_STOPPED(launch(body, shape(2, 64)), Check::Deadlock, "spin");
  EXPECT_STOPPED(launch(body, shape(2, 64), "sm_80", "", randomly(3)), Check::Deadlock, "spin");
  Options options;
  options.workers = 2;
  EXPECT_STOPPED(launch(body, shape(4, 64), "sm_80", "", options), Check::Deadlock, "spin");
  options.checks = CheckSet::memorySafety().with(Check::Deadlock, false);
  EXPECT_STOPPED(launch(body, shape(2, 64), "sm_80", "", options), Check::Trap, "deadlock");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Deadlock, LongLoopsAreNone) {
  // One thread works long while the others spin on its flag; and a loop whose only progress is in memory.
  auto words = results(R"(
  mov.u32 %r0, 1; mov.u32 %r9, 0; mov.u32 %r6, words;
  setp.eq.u32 %p1, %r1, 0;
  @%p1 st.shared.u32 [%r6], 0;
  bar.sync 0;
  @%p1 bra WORK;
WAIT:
  ld.volatile.shared.u32 %r7, [%r6];
  setp.ne.u32 %p2, %r7, 1;
  @%p2 bra WAIT;
  bra JOIN;
WORK:
  add.u32 %r9, %r9, 1; setp.lt.u32 %p2, %r9, 300000; @%p2 bra WORK;
  st.volatile.shared.u32 [%r6], 1;
JOIN:)",
                       shape(1, 40), "sm_80", kShared);
  EXPECT_EQ(words, std::vector<uint32_t>(40, 1));
  words = results(R"(
  mov.u32 %r0, 2; mov.u32 %r6, words; st.volatile.shared.u32 [%r6], 0;
COUNT:
  ld.volatile.shared.u32 %r7, [%r6]; add.u32 %r7, %r7, 1; st.volatile.shared.u32 [%r6], %r7;
  setp.lt.u32 %p2, %r7, 200000; @%p2 bra COUNT;)",
                  shape(1, 1), "sm_80", kShared);
  EXPECT_EQ(words, std::vector<uint32_t>(1, 2));
}

TEST(Deadlock, WatchingTheClockIsNone) {
  auto words = results(R"(
  mov.u64 %d2, %clock64; add.u64 %d2, %d2, 5000000;
WAIT:
  mov.u64 %d3, %clock64; setp.lt.u64 %p1, %d3, %d2; @%p1 bra WAIT;
  nanosleep.u32 100;
  mov.u32 %r0, 4;)",
                       shape(1, 1));
  EXPECT_EQ(words[0], 4u);
}

// Every thread draws tickets: the order of draws is the schedule.
std::vector<uint32_t> tickets(EngineWorld &world, const Options &options) {
  uint64_t out = world.buffer<uint32_t>(64 * 4), counter = world.buffer<uint32_t>(1);
  EXPECT_CLEAN(world.run("draw", shape(1, 64), {out, counter}, options));
  return {world.at<uint32_t>(out), world.at<uint32_t>(out) + 64 * 4};
}

TEST(Schedule, SeedsReproduceAndDiffer) {
  EngineWorld world(R"(
.visible .entry draw(.param .u64 out, .param .u64 counter) {
  .reg .b32 %r<5>; .reg .b64 %d<5>; .reg .pred %p<2>;
  ld.param.u64 %d1, [out]; ld.param.u64 %d2, [counter];
  mov.u32 %r1, %tid.x; mul.wide.u32 %d3, %r1, 16; add.u64 %d1, %d1, %d3;
  mov.u32 %r2, 0;
DRAW:
  atom.global.add.u32 %r3, [%d2], 1;
  st.global.u32 [%d1], %r3;
  add.u64 %d1, %d1, 4; add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 4; @%p1 bra DRAW;
  ret;
})");
  EXPECT_EQ(tickets(world, {}), tickets(world, {}));
  std::set<std::vector<uint32_t>> different;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    auto first = tickets(world, randomly(seed));
    EXPECT_EQ(first, tickets(world, randomly(seed)));
    different.insert(first);
  }
  EXPECT_EQ(different.size(), 16u);
}

TEST(Checks, AMissingBarrierIsARace) {
  std::string body = R"(
  shl.b32 %r6, %r1, 2; mov.u32 %r7, words; add.u32 %r6, %r6, %r7;
  st.shared.u32 [%r6], %r1;
  xor.b32 %r8, %r1, 1; shl.b32 %r8, %r8, 2; add.u32 %r8, %r8, %r7;
  bar.warp.sync -1;
  ld.shared.u32 %r0, [%r8];)";
  Options options;
  options.checks = CheckSet::all();
  EXPECT_CLEAN(launch(body, shape(1, 64), "sm_80", kShared, options));
  body.replace(body.find("bar.warp.sync -1;"), 17, "");
  LaunchResult result = launch(body, shape(1, 64), "sm_80", kShared, options);
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings[0].check, Check::Race) << text(result);
  // A vote is no barrier for memory.
  body.insert(body.find("ld.shared"), "vote.sync.ballot.b32 %r9, %p1, -1;\n  ");
  body.insert(0, "setp.eq.u32 %p1, %r1, 0;");
  result = launch(body, shape(1, 64), "sm_80", kShared, options);
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings[0].check, Check::Race) << text(result);
}

TEST(Checks, UndefinedBitsTravelThroughShufflesAndAtomics) {
  Options options;
  options.checks = CheckSet::all();
  auto findsPoison = [&](const char *body, const char *declarations) {
    LaunchResult result = launch(body, shape(1, 32), "sm_80", declarations, options);
    for (const Finding &finding : result.findings)
      if (finding.check == Check::Poison)
        return true;
    ADD_FAILURE() << text(result);
    return false;
  };
  // Lane 31 never wrote its word; lane 30 branches on it.
  EXPECT_TRUE(findsPoison(R"(
  mov.u32 %r7, words; shl.b32 %r6, %r1, 2; add.u32 %r7, %r7, %r6; mov.u32 %r0, 0;
  setp.lt.u32 %p1, %r4, 31; @%p1 st.shared.u32 [%r7], %r1;
  ld.shared.u32 %r8, [%r7];
  shfl.sync.down.b32 %r9, %r8, 1, 31, -1;
  setp.eq.u32 %p2, %r4, 30; @!%p2 bra JOIN;
  setp.eq.u32 %p3, %r9, 7; @%p3 mov.u32 %r0, 1; @%p3 bra JOIN;
  mov.u32 %r0, 2;
JOIN:)",
                          kShared));
  // Adding to undefined memory gives undefined memory.
  EXPECT_TRUE(findsPoison(R"(
  mov.u32 %r7, words; mov.u32 %r0, 0;
  atom.shared.add.u32 %r8, [%r7], 1;
  setp.gt.u32 %p1, %r8, 5; @%p1 bra JOIN;
  mov.u32 %r0, 2;
JOIN:)",
                          kShared));
}

TEST(Checks, AtomicsThatSetUndefinedBitsDefineThem) {
  Options options;
  options.checks = CheckSet::all();
  // Thread 0 updates a word that nobody wrote, and branches on what is there then.
  auto run = [&](const std::string &update) {
    return launch(R"(
  mov.u32 %r7, words; mov.u32 %r0, 0;
  setp.ne.u32 %p1, %r1, 0; @%p1 bra JOIN;
  )" + update + R"(
  ld.shared.u32 %r8, [%r7];
  setp.gt.u32 %p2, %r8, 5; @%p2 bra JOIN;
  mov.u32 %r0, 2;
JOIN:)",
                  shape(1, 32), "sm_80", kShared, options);
  };
  for (const char *clears : {"red.shared.and.b32 [%r7], 0;", "red.shared.or.b32 [%r7], -1;",
                             "atom.shared.exch.b32 %r9, [%r7], 7;",
                             "red.shared.and.b32 [%r7], 0xffff0000; red.shared.or.b32 [%r7], 0xffff0000;"})
    EXPECT_CLEAN(run(clears));
  // An undefined operand does not matter either where memory decides: it holds 0.
  EXPECT_CLEAN(run("ld.shared.u32 %r9, [%r7+4]; red.shared.and.b32 [%r7], 0; red.shared.and.b32 [%r7], %r9;"));
  for (const char *leaves : {"red.shared.and.b32 [%r7], 0x10;", "red.shared.or.b32 [%r7], 2;",
                             "red.shared.xor.b32 [%r7], 0;"}) {
    LaunchResult result = run(leaves);
    ASSERT_FALSE(result.findings.empty()) << leaves;
    EXPECT_EQ(result.findings[0].check, Check::Poison) << text(result);
  }
}

TEST(Checks, AFailedCompareAndSwapPublishesNothing) {
  // Thread 0 writes a word and then swaps the flag, which holds 7, from `expected` to 1. Block 1 reads the flag, once it
  // is 1 or, where the swap fails, after some time, and then the word.
  EngineWorld world(R"(
.visible .entry k(.param .u64 data, .param .u32 expected) {
  .reg .b32 %r<20>; .reg .b64 %d<4>; .reg .pred %p<4>;
  ld.param.u64 %d0, [data]; ld.param.u32 %r0, [expected];
  mov.u32 %r1, %ctaid.x; setp.ne.u32 %p1, %r1, 0; @%p1 bra READ;
  st.global.u32 [%d0], 5;
  atom.acq_rel.gpu.global.cas.b32 %r2, [%d0+128], %r0, 1;
  ret;
READ:
  mov.u32 %r4, 0;
AGAIN:
  add.u32 %r4, %r4, 1;
  ld.acquire.gpu.global.u32 %r3, [%d0+128];
  setp.eq.u32 %p2, %r3, 1; @%p2 bra SEEN;
  setp.ne.u32 %p3, %r0, 7; @%p3 setp.gt.u32 %p2, %r4, 2000; @%p2 bra SEEN;
  bra AGAIN;
SEEN:
  ld.global.u32 %r5, [%d0];
  st.global.u32 [%d0+256], %r5;
  ret;
})");
  for (uint32_t expected : {7u, 8u}) {
    bool found = false;
    for (uint64_t seed = 0; seed < 8; ++seed) {
      uint64_t data = world.buffer<uint32_t>(128, 7);
      Options options = seed ? randomly(seed) : Options();
      options.checks = CheckSet::all();
      LaunchResult result = world.run("k", shape(2, 1), {data, expected}, options);
      found |= !result.findings.empty() && result.findings[0].check == Check::Race;
    }
    EXPECT_EQ(found, expected == 8) << "swapped from " << expected;
  }
  // Fails of many threads, and reads, are no conflict; with a plain write they are.
  auto run = [](const std::string &other) {
    Options options;
    options.checks = CheckSet::all();
    return launch("mov.u32 %r7, words; mov.u32 %r0, 0; setp.eq.u32 %p1, %r1, 0; @%p1 st.shared.u32 [%r7], 3; "
                  "bar.sync 0;\n  setp.lt.u32 %p2, %r1, 32; @%p2 atom.shared.cas.b32 %r8, [%r7], 4, 5;\n  @!%p2 " +
                      other,
                  shape(1, 64), "sm_80", kShared, options);
  };
  EXPECT_CLEAN(run("ld.shared.u32 %r8, [%r7];"));
  LaunchResult result = run("st.shared.u32 [%r7], 9;");
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings[0].check, Check::Race) << text(result);
}

} // namespace
