// mbarrier objects: phases, counts, tokens, and their misuse.
#include "AsyncBench.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

const char *const kBar = ".shared .align 8 .b64 bar;\n.shared .align 8 .b64 other;\n.shared .align 16 .b8 data[1024];";

std::string initBy0(const char *count) {
  return std::string("setp.eq.u32 %p1, %r1, 0;\n@%p1 mbarrier.init.shared.b64 [bar], ") + count + ";\nbar.sync 0;\n";
}

auto onlyOut(Bench &, uint64_t out) { return std::vector<uint64_t>{out}; }
auto scratch(Bench &bench) { return std::vector<uint64_t>{bench.upload(std::vector<uint32_t>(64))}; }

TEST(Mbarrier, ProducersAndConsumersTakeTurns) {
  // Warp 0 writes round numbers, warp 1 reads them and gives the slot back, for 6 rounds.
  const std::string shared =
      ".shared .align 8 .b64 full;\n.shared .align 8 .b64 empty;\n.shared .align 16 .b8 data[128];";
  const std::string body =
      "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra READY;\nmbarrier.init.shared.b64 [full], 32;\n"
      "mbarrier.init.shared.b64 [empty], 32;\nREADY: bar.sync 0;\n"
      "and.b32 %r3, %r1, 31;\nmov.u32 %r4, data;\nmad.lo.u32 %r4, %r3, 4, %r4;\nxor.b32 %r5, %r4, 4;\n"
      "mov.u32 %r6, 0;\nmov.u32 %r7, 0;\nsetp.ge.u32 %p2, %r1, 32;\n"
      "LOOP: and.b32 %r8, %r6, 1;\nxor.b32 %r9, %r8, 1;\n@%p2 bra CONSUME;\n" +
      waitLoop("empty", "%r9") +
      "mad.lo.u32 %r10, %r6, 100, %r3;\nst.shared.u32 [%r4], %r10;\nmbarrier.arrive.shared.b64 %rd5, [full];\nbra "
      "NEXT;\n"
      "CONSUME:\n" +
      waitLoop("full", "%r8") +
      "ld.shared.u32 %r10, [%r5];\nadd.u32 %r7, %r7, %r10;\n"
      "mbarrier.arrive.release.cta.shared::cta.b64 _, [empty];\n"
      "NEXT: add.u32 %r6, %r6, 1;\nsetp.lt.u32 %p3, %r6, 6;\n@%p3 bra LOOP;\n"
      "@!%p2 bra END;\nmul.wide.u32 %rd6, %r3, 4;\nadd.u64 %rd6, %rd1, %rd6;\nst.global.u32 [%rd6], %r7;\nEND:\n";
  std::vector<uint32_t> expected(32);
  for (uint32_t k = 0; k < 32; ++k)
    expected[k] = 1500 + 6 * (k ^ 1);
  expectClean(kernel(1, shared, body), threads(64), expected, onlyOut);
}

TEST(Mbarrier, StatesCountsAndDrops) {
  const std::string body =
      "mbarrier.init.shared.b64 [bar], 5;\nmbarrier.arrive.shared.b64 %rd5, [bar];\n"
      "mbarrier.pending_count.b64 %r10, %rd5;\n"                // 5
      "mbarrier.arrive.noComplete.shared.b64 %rd6, [bar], 2;\n" // 4 before
      "mbarrier.pending_count.b64 %r11, %rd6;\n"
      "mbarrier.test_wait.shared.b64 %p1, [bar], %rd5;\nselp.u32 %r12, 1, 0, %p1;\n" // 0
      "mbarrier.arrive_drop.shared.b64 %rd7, [bar];\n"                               // 2 before, 1 left
      "mbarrier.arrive.shared.b64 %rd8, [bar];\n"                                    // completes
      "mbarrier.test_wait.shared.b64 %p1, [bar], %rd5;\nselp.u32 %r13, 1, 0, %p1;\n" // 1
      "mbarrier.arrive.release.cluster.shared::cta.b64 %rd9, [bar], 3;\n"
      "mbarrier.pending_count.b64 %r14, %rd9;\n" // 4: the drop lowered the count
      "mbarrier.test_wait.parity.shared.b64 %p1, [bar], 1;\nselp.u32 %r15, 1, 0, %p1;\n" // 0: phase 1 is under way
      "mbarrier.arrive.shared.b64 %rd8, [bar];\n"
      "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p1, [bar], 1, 1000;\nselp.u32 %r16, 1, 0, %p1;\n" // 1
      "mbarrier.inval.shared.b64 [bar];\n"
      "st.global.v4.u32 [%rd1], {%r10, %r11, %r12, %r13};\nst.global.v2.u32 [%rd1+16], {%r14, %r15};\n"
      "st.global.u32 [%rd1+24], %r16;\n";
  expectClean<uint32_t>(kernel(1, kBar, body), threads(1), {5, 4, 0, 1, 4, 0, 1}, onlyOut);
}

TEST(Mbarrier, TransactionsMayRunAhead) {
  const std::string body =
      "mbarrier.init.shared.b64 [bar], 1;\nmbarrier.complete_tx.relaxed.cta.shared::cta.b64 [bar], 64;\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0;\nselp.u32 %r10, 1, 0, %p1;\n"
      "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [bar], 16;\n"
      "mbarrier.arrive.expect_tx.shared.b64 _, [bar], 32;\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0;\nselp.u32 %r11, 1, 0, %p1;\n"
      "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [bar], 16;\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0;\nselp.u32 %r12, 1, 0, %p1;\n"
      "st.global.v2.u32 [%rd1], {%r10, %r11};\nst.global.u32 [%rd1+8], %r12;\n";
  expectClean<uint32_t>(kernel(1, kBar, body), threads(1), {0, 0, 1}, onlyOut);
}

TEST(Mbarrier, GenericAddresses) {
  const std::string body = "mov.u64 %rd4, bar;\ncvta.shared.u64 %rd4, %rd4;\nmbarrier.init.b64 [%rd4], 1;\n"
                           "mbarrier.arrive.b64 %rd5, [%rd4];\nmbarrier.test_wait.b64 %p1, [%rd4], %rd5;\n"
                           "selp.u32 %r10, 1, 0, %p1;\nst.global.u32 [%rd1], %r10;\n";
  expectClean<uint32_t>(kernel(1, kBar, body), threads(1), {1}, onlyOut);
}

TEST(Mbarrier, RemoteArrivals) {
  // Every block writes into block 0's data and arrives there; block 0 waits for all.
  const std::string body =
      "setp.ne.u32 %p1, %r2, 0;\n@%p1 bra READY;\nmbarrier.init.shared.b64 [bar], "
      "4;\nfence.mbarrier_init.release.cluster;\n"
      "READY: barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.acquire.aligned;\n"
      "mov.u32 %r3, bar;\nmapa.shared::cluster.u32 %r4, %r3, 0;\nmov.u32 %r5, data;\nmapa.shared::cluster.u32 %r6, "
      "%r5, 0;\n"
      "mad.lo.u32 %r6, %r2, 4, %r6;\nadd.u32 %r7, %r2, 40;\nst.shared::cluster.u32 [%r6], %r7;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r4];\n@%p1 bra DONE;\n"
      "LOOP: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [bar], 0;\n@!%p2 bra LOOP;\n"
      "ld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [data];\nst.global.v4.u32 [%rd1], {%r20, %r21, %r22, %r23};\n"
      "DONE: barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  expectClean<uint32_t>(kernel(1, kBar, body), threads(1, 4, 4), {40, 41, 42, 43}, onlyOut);
}

TEST(Mbarrier, RelaxedOperationsNeedFences) {
  auto body = [](const char *release, const char *acquire) {
    return initBy0("1") + "@!%p1 bra WAITER;\nst.shared.u32 [data], 7;\n" + release +
           "mbarrier.arrive.relaxed.cta.shared::cta.b64 _, [bar];\nbra END;\n"
           "WAITER: mbarrier.try_wait.parity.relaxed.cta.shared::cta.b64 %p2, [bar], 0;\n@!%p2 bra WAITER;\n" +
           acquire + "ld.shared.u32 %r10, [data];\nst.global.u32 [%rd1], %r10;\nEND:\n";
  };
  const char *fence = "fence.acq_rel.cta;\n";
  expectClean<uint32_t>(kernel(1, kBar, body(fence, fence)), threads(2), {7}, onlyOut);
  expectFinding(kernel(1, kBar, body("", fence)), threads(2), Check::Race, "", scratch);
  expectFinding(kernel(1, kBar, body(fence, "")), threads(2), Check::Race, "", scratch);
}

// --- misuse ---
struct Misuse {
  const char *text, *body;
  Check check = Check::Barrier;
  uint32_t threads = 1;
};

TEST(Mbarrier, Misuse) {
  const Misuse cases[] = {
      {"there is no mbarrier", "mbarrier.arrive.shared.b64 %rd5, [bar];"},
      {"there is no mbarrier",
       "mbarrier.init.shared.b64 [bar], 1;\nmbarrier.inval.shared.b64 [bar];\nmbarrier.arrive.shared.b64 %rd5, [bar];"},
      {"initialised again", "mbarrier.init.shared.b64 [bar], 1;\nmbarrier.init.shared.b64 [bar], 1;"},
      {"count of 0", "mbarrier.init.shared.b64 [bar], 0;"},
      {"count of 1048576", "mbarrier.init.shared.b64 [bar], 1048576;"},
      {"misaligned", "mov.u32 %r5, bar;\nmbarrier.init.shared.b64 [%r5+4], 1;", Check::Bounds},
      {"misses only 2", "mbarrier.init.shared.b64 [bar], 2;\nmbarrier.arrive.release.cta.shared::cta.b64 _, [bar], 3;"},
      {"noComplete", "mbarrier.init.shared.b64 [bar], 2;\nmbarrier.arrive.noComplete.shared.b64 %rd5, [bar], 2;"},
      {"transaction count ends",
       "mbarrier.init.shared.b64 [bar], 2;\nmbarrier.arrive.expect_tx.shared.b64 _, [bar], 1048576;"},
      {"becomes -1048580",
       "mbarrier.init.shared.b64 [bar], 2;\nmbarrier.complete_tx.relaxed.cta.shared::cta.b64 [bar], 1048575;\n"
       "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [bar], 5;"},
      {"not of this mbarrier",
       "mbarrier.init.shared.b64 [bar], 2;\nmbarrier.init.shared.b64 [other], 2;\n"
       "mbarrier.arrive.shared.b64 %rd5, [bar];\nmbarrier.test_wait.shared.b64 %p1, [other], %rd5;"},
      {"2 phases old",
       "mbarrier.init.shared.b64 [bar], 1;\nmbarrier.arrive.shared.b64 %rd5, [bar];\nmbarrier.arrive.shared.b64 _, "
       "[bar];\nmbarrier.test_wait.shared.b64 %p1, [bar], %rd5;"},
      {"overwritten",
       "mbarrier.init.shared.b64 [bar], 1;\nst.shared.u32 [bar], 0;\nmbarrier.arrive.shared.b64 _, [bar];"},
      {"parity of 2", "mbarrier.init.shared.b64 [bar], 1;\nmbarrier.test_wait.parity.shared.b64 %p1, [bar], 2;"},
      {"misses 1 of 2 arrivals; 16 bytes",
       "mbarrier.init.shared.b64 [bar], 2;\nmbarrier.arrive.expect_tx.shared.b64 _, [bar], 16;\n"
       "LOOP: mbarrier.try_wait.parity.shared.b64 %p1, [bar], 0;\n@!%p1 bra LOOP;",
       Check::Deadlock},
      {"", "setp.eq.u32 %p1, %r1, 0;\n@%p1 mbarrier.init.shared.b64 [bar], 64;\nmbarrier.arrive.shared.b64 _, [bar];",
       Check::Race, 64},
  };
  for (const Misuse &misuse : cases) {
    SCOPED_TRACE(misuse.body);
    // Where thread 0 comes late, the others find no barrier; that is told as well as the race.
    const bool races = misuse.check == Check::Race;
    expectFinding(kernel(1, kBar, misuse.body), threads(misuse.threads), misuse.check, misuse.text, scratch, !races);
  }
}

TEST(Mbarrier, IgnoredResultOfAWait) {
  const std::string body = initBy0("1") + "@!%p1 bra WAITER;\nst.shared.u32 [data], 7;\n"
                                          "mbarrier.arrive.shared.b64 _, [bar];\nbra END;\n"
                                          "WAITER: mbarrier.try_wait.parity.shared.b64 %p2, [bar], 0;\n"
                                          "ld.shared.u32 %r10, [data];\nst.global.u32 [%rd1], %r10;\nEND:\n";
  expectFinding(kernel(1, kBar, body), threads(2), Check::Race, "", scratch, false);
}

TEST(Mbarrier, WaitsOfOtherBlocks) {
  const std::string body = "mbarrier.init.shared.b64 [bar], 1;\nbarrier.cluster.arrive.aligned;\n"
                           "barrier.cluster.wait.aligned;\nmov.u64 %rd4, bar;\ncvta.shared.u64 %rd4, %rd4;\n"
                           "xor.b32 %r5, %r2, 1;\nmapa.u64 %rd5, %rd4, %r5;\n"
                           "mbarrier.test_wait.parity.b64 %p1, [%rd5], 0;\n";
  expectFinding(kernel(1, kBar, body), threads(1, 2, 2), Check::Space, "another block", scratch);
}

} // namespace
