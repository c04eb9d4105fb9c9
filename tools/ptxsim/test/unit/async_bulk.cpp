// Bulk copies, their reductions and groups, asynchronous stores to other blocks, and what goes wrong without fences and
// waits.
#include "AsyncBench.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

const char *const kShared = ".shared .align 8 .b64 bar;\n.shared .align 128 .b8 data[2048];";

std::vector<uint32_t> counting(size_t count, uint32_t from = 100) {
  std::vector<uint32_t> values(count);
  for (size_t k = 0; k < count; ++k)
    values[k] = uint32_t(from + k);
  return values;
}

/// Thread 0 makes the barrier and fences it.
std::string initBy0(const char *fence = "fence.mbarrier_init.release.cluster;\n") {
  return "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra READY;\nmbarrier.init.shared.b64 [bar], 1;\n" + std::string(fence) +
         "READY: bar.sync 0;\n";
}

/// Thread 0 loads 128 bytes; all threads wait and read a word each.
std::string load(const char *fence, const std::string &wait) {
  return initBy0(fence) +
         "@%p1 bra WAITING;\nmbarrier.arrive.expect_tx.shared.b64 _, [bar], 128;\n"
         "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [data], [%rd1], 128, [bar];\nWAITING:\n" +
         wait +
         "mov.u32 %r5, data;\nmad.lo.u32 %r5, %r1, 4, %r5;\nld.shared.u32 %r6, [%r5];\n"
         "mul.wide.u32 %rd6, %r1, 4;\nadd.u64 %rd7, %rd2, %rd6;\nst.global.u32 [%rd7], %r6;\n";
}

/// All threads write a word of shared memory, thread 0 stores them by a bulk copy.
std::string store(const char *fence, const char *wait) {
  return "mov.u32 %r5, data;\nmad.lo.u32 %r5, %r1, 4, %r5;\nadd.u32 %r6, %r1, 7;\nst.shared.u32 [%r5], %r6;\n" +
         std::string(fence) +
         "bar.sync 0;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra DONE;\n"
         "cp.async.bulk.global.shared::cta.bulk_group [%rd2], [data], 128;\ncp.async.bulk.commit_group;\n" +
         wait + "DONE:\n";
}

const char *const kProxyFence = "fence.proxy.async.shared::cta;\n";

auto inAndOut(Bench &bench, uint64_t out) { return std::vector<uint64_t>{bench.upload(counting(256)), out}; }
auto inAndScratch(Bench &bench) {
  return std::vector<uint64_t>{bench.upload(counting(256)), bench.upload(std::vector<uint32_t>(256))};
}

TEST(BulkCopy, Load) {
  for (const char *fence : {"fence.mbarrier_init.release.cluster;\n", kProxyFence})
    expectClean(kernel(2, kShared, load(fence, waitLoop("bar", "0"))), threads(32), counting(32), inAndOut);
}

TEST(BulkCopy, LoadWithoutFenceOfTheInit) {
  // With a barrier of the block in between it is what cuda::memcpy_async does, so it passes.
  expectClean(kernel(2, kShared, load("", waitLoop("bar", "0"))), threads(32), counting(32), inAndOut);
  auto alone = [](const char *fence) {
    return std::string("mbarrier.init.shared.b64 [bar], 1;\n") + fence +
           "mbarrier.arrive.expect_tx.shared.b64 _, [bar], 16;\n"
           "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [data], [%rd1], 16, [bar];\n" +
           waitLoop("bar", "0") + "ld.shared.u32 %r6, [data];\nst.global.u32 [%rd2], %r6;\n";
  };
  expectClean<uint32_t>(kernel(2, kShared, alone("fence.mbarrier_init.release.cluster;\n")), threads(1), {100},
                        inAndOut);
  expectClean<uint32_t>(kernel(2, kShared, alone(kProxyFence)), threads(1), {100}, inAndOut);
  expectFinding(kernel(2, kShared, alone("")), threads(1), Check::Proxy, "mbarrier.init", inAndScratch);
  // A barrier of another block always needs the fence.
  const std::string remote =
      "mbarrier.init.shared.b64 [bar], 1;\nbarrier.cluster.arrive.aligned;\n"
      "barrier.cluster.wait.aligned;\nmov.b16 %h1, 3;\nsetp.ne.u32 %p1, %r2, 0;\n"
      "mbarrier.arrive.expect_tx.shared.b64 _, [bar], 16;\n"
      "@!%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
      "[data], [%rd1], 16, [bar], %h1;\n" +
      waitLoop("bar", "0") + "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  expectFinding(kernel(2, kShared, remote), threads(1, 2, 2), Check::Proxy, "mbarrier.init", inAndScratch);
}

TEST(BulkCopy, LoadWithoutWait) {
  expectFinding(kernel(2, kShared, load(kProxyFence, "")), threads(32), Check::Race, "", inAndScratch);
  const std::string once = "mbarrier.try_wait.parity.shared.b64 %p5, [bar], 0;\n";
  expectFinding(kernel(2, kShared, load(kProxyFence, once)), threads(32), Check::Race, "", inAndScratch, false);
}

TEST(BulkCopy, Store) {
  std::vector<uint32_t> expected = counting(32, 7);
  expectClean(kernel(2, kShared, store(kProxyFence, "cp.async.bulk.wait_group 0;\n")), threads(32), expected, inAndOut);
}

TEST(BulkCopy, StoreWithoutProxyFence) {
  // fence.proxy.alias is about other names of a location, not about copies.
  for (const char *fence : {"", "fence.proxy.alias;\n"})
    expectFinding(kernel(2, kShared, store(fence, "cp.async.bulk.wait_group 0;\n")), threads(32), Check::Proxy, "",
                  inAndScratch);
}

TEST(BulkCopy, SourceAndDestinationAreWaitedForApart) {
  const char *overwrite = "st.shared.u32 [data], 1;\n", *readBack = "ld.global.u32 %r9, [%rd2];\n";
  const std::string full = "cp.async.bulk.wait_group 0;\n", reads = "cp.async.bulk.wait_group.read 0;\n";
  const std::vector<uint32_t> expected = counting(32, 7);
  expectClean(kernel(2, kShared, store(kProxyFence, (reads + overwrite).c_str())), threads(32), expected, inAndOut);
  expectClean(kernel(2, kShared, store(kProxyFence, (full + readBack).c_str())), threads(32), expected, inAndOut);
  expectFinding(kernel(2, kShared, store(kProxyFence, overwrite)), threads(32), Check::Race, "", inAndScratch);
  expectFinding(kernel(2, kShared, store(kProxyFence, (reads + readBack).c_str())), threads(32), Check::Race, "",
                inAndScratch);
}

TEST(BulkCopy, SizesAndAlignments) {
  const std::string start = "mbarrier.init.shared.b64 [bar], 1;\nfence.proxy.async;\n";
  const std::string copy = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes ";
  expectFinding(kernel(2, kShared, start + copy + "[data], [%rd1], 24, [bar];\n"), threads(1), Check::Bounds,
                "multiple of 16", inAndScratch);
  expectFinding(kernel(2, kShared, start + copy + "[data+8], [%rd1], 32, [bar];\n"), threads(1), Check::Bounds,
                "misaligned", inAndScratch);
  expectFinding(kernel(2, kShared, start + copy + "[data], [%rd1], 2048, [bar];\n"), threads(1), Check::Bounds, "",
                inAndScratch);
  expectFinding(kernel(2, kShared, copy + "[data], [%rd1], 32, [bar];\n"), threads(1), Check::Barrier,
                "there is no mbarrier", inAndScratch);
}

// --- reductions ---
template <class T>
void reduces(const char *operation, const std::vector<T> &start, const std::vector<T> &operand,
             const std::vector<T> &expected) {
  SCOPED_TRACE(operation);
  const std::string bytes = std::to_string(operand.size() * sizeof(T));
  const std::string body = "mbarrier.init.shared.b64 [bar], 1;\nfence.proxy.async;\n"
                           "mbarrier.arrive.expect_tx.shared.b64 _, [bar], " +
                           bytes +
                           ";\n"
                           "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [data], [%rd1], " +
                           bytes + ", [bar];\n" + waitLoop("bar", "0") +
                           "cp.reduce.async.bulk.global.shared::cta.bulk_group." + operation + " [%rd2], [data], " +
                           bytes + ";\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n";
  for (const Options &options : ways(2)) {
    Bench bench;
    const uint64_t out = bench.upload(start);
    const LaunchResult result = bench.run(kernel(2, kShared, body), threads(1), {bench.upload(operand), out}, options);
    EXPECT_TRUE(result.clean()) << textOf(result);
    EXPECT_EQ(bench.download<T>(out, start.size()), expected);
  }
}

TEST(BulkCopy, Reductions) {
  reduces<uint32_t>("add.u32", {1, 2, 0xffffffff, 4}, {10, 20, 2, 40}, {11, 22, 1, 44});
  reduces<int32_t>("min.s32", {-1, 2, 3, -4}, {1, -2, 3, -5}, {-1, -2, 3, -5});
  reduces<uint32_t>("max.u32", {1, 0x80000000, 3, 4}, {2, 1, 3, 0}, {2, 0x80000000, 3, 4});
  reduces<uint32_t>("inc.u32", {1, 5, 6, 0}, {5, 5, 5, 0}, {2, 0, 0, 0});
  reduces<uint32_t>("dec.u32", {1, 0, 9, 5}, {5, 5, 5, 5}, {0, 5, 5, 4});
  reduces<uint64_t>("xor.b64", {0xf0f0f0f0f0f0f0f0, 1}, {0xffffffffffffffff, 1}, {0x0f0f0f0f0f0f0f0f, 0});
  reduces<int64_t>("max.s64", {-5, 7}, {3, -9}, {3, 7});
  reduces<float>("add.f32", {1.5f, -2, 0, 1e30f}, {0.25f, 2, -1, 1}, {1.75f, 0, -1, 1e30f});
  reduces<double>("add.f64", {1.5, 1e300}, {0.25, 1e300}, {1.75, 2e300});
  // Halves: 1 + 0.5, 65504 + 65504, a tie to even (2048 + 1), subnormals kept, and the same for bf16.
  reduces<uint16_t>("add.noftz.f16", {0x3c00, 0x7bff, 0x6800, 0x0001, 0, 0, 0, 0},
                    {0x3800, 0x7bff, 0x3c00, 0x0001, 0, 0, 0, 0x8000}, {0x3e00, 0x7c00, 0x6800, 0x0002, 0, 0, 0, 0});
  reduces<uint16_t>("add.noftz.bf16", {0x3f80, 0x7f7f, 0x4380, 0x0001, 0, 0, 0, 0},
                    {0x3f00, 0x7f7f, 0x3f80, 0x0001, 0, 0, 0, 0}, {0x3fc0, 0x7f80, 0x4380, 0x0002, 0, 0, 0, 0});
  // Minimum: -0 below +0, a number beats a NaN.
  reduces<uint16_t>("min.f16", {0x0000, 0x8000, 0x7e00, 0x3c00, 0, 0, 0, 0},
                    {0x8000, 0x0000, 0x4000, 0x7e00, 0, 0, 0, 0}, {0x8000, 0x8000, 0x4000, 0x3c00, 0, 0, 0, 0});
}

// --- clusters ---
/// All blocks make their barrier, expecting `bytes`, and meet; afterwards they wait, read a word and meet again.
std::string clustered(const std::string &bytes, const std::string &copy) {
  return "mbarrier.init.shared.b64 [bar], 1;\nfence.mbarrier_init.release.cluster;\n"
         "mbarrier.arrive.expect_tx.shared.b64 _, [bar], " +
         bytes +
         ";\n"
         "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n" +
         copy + waitLoop("bar", "0") +
         "ld.shared.v2.u32 {%r20, %r21}, [data];\nmul.wide.u32 %rd6, %r2, 8;\nadd.u64 %rd7, %rd2, %rd6;\n"
         "st.global.v2.u32 [%rd7], {%r20, %r21};\nbarrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
}

/// %r11 and %r12: data and bar of the next block of the cluster of 4.
const char *const kNext = "add.u32 %r10, %r2, 1;\nand.b32 %r10, %r10, 3;\nmov.u32 %r11, data;\n"
                          "mapa.shared::cluster.u32 %r11, %r11, %r10;\nmov.u32 %r12, bar;\n"
                          "mapa.shared::cluster.u32 %r12, %r12, %r10;\n";

TEST(BulkCopy, Multicast) {
  // Block 2 loads for blocks 0, 2 and 3, block 1 for itself.
  const std::string copy =
      "setp.eq.u32 %p1, %r2, 2;\nsetp.eq.u32 %p2, %r2, 1;\nmov.b16 %h1, 13;\nmov.b16 %h2, 2;\n"
      "@%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [data], [%rd1], 64, "
      "[bar], %h1;\n"
      "@%p2 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [data], [%rd1+64], "
      "64, "
      "[bar], %h2;\n";
  expectClean<uint32_t>(kernel(2, kShared, clustered("64", copy)), threads(1, 4, 4),
                        {100, 101, 116, 117, 100, 101, 100, 101}, inAndOut);
  const std::string wrong = "mov.b16 %h1, 19;\n"
                            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
                            "[data], [%rd1], 64, [bar], %h1;\n";
  expectFinding(kernel(2, kShared, clustered("64", wrong)), threads(1, 4, 4), Check::Bounds, "names a block",
                inAndScratch);
}

TEST(BulkCopy, BetweenBlocks) {
  const std::string copy =
      std::string(kNext) +
      "add.u32 %r14, %r2, 50;\nst.shared.v2.u32 [data+1024], {%r14, %r2};\n"
      "st.shared.v2.u32 [data+1032], {%r14, %r2};\n" +
      kProxyFence +
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r11], [data+1024], "
      "16, [%r12];\n";
  expectClean<uint32_t>(kernel(2, kShared, clustered("16", copy)), threads(1, 4, 4), {53, 3, 50, 0, 51, 1, 52, 2},
                        inAndOut);
}

TEST(BulkCopy, AsynchronousStores) {
  const std::string copy =
      std::string(kNext) +
      "add.u32 %r14, %r2, 60;\n"
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%r11], {%r14, %r2}, [%r12];\n";
  expectClean<uint32_t>(kernel(2, kShared, clustered("8", copy)), threads(1, 4, 4), {63, 3, 60, 0, 61, 1, 62, 2},
                        inAndOut);
  const std::string elsewhere =
      std::string(kNext) +
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%r11], {%r1, %r2}, [bar];\n";
  expectFinding(kernel(2, kShared, clustered("8", elsewhere)), threads(1, 4, 4), Check::Barrier, "one block",
                inAndScratch);
}

TEST(BulkCopy, AsynchronousReductions) {
  const std::string copy =
      "mov.u32 %r11, data;\nmapa.shared::cluster.u32 %r11, %r11, 0;\nmov.u32 %r12, bar;\n"
      "mapa.shared::cluster.u32 %r12, %r12, 0;\nadd.u32 %r14, %r2, 1;\n"
      "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%r11], %r14, [%r12];\n";
  const std::string body = "mbarrier.init.shared.b64 [bar], 1;\nfence.mbarrier_init.release.cluster;\n"
                           "mbarrier.arrive.expect_tx.shared.b64 _, [bar], 16;\nst.shared.u32 [data], 1000;\n"
                           "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n" +
                           copy + "setp.ne.u32 %p1, %r2, 0;\n@%p1 bra DONE;\n" + waitLoop("bar", "0") +
                           "ld.shared.u32 %r20, [data];\nst.global.u32 [%rd2], %r20;\n"
                           "DONE: barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  expectClean<uint32_t>(kernel(2, kShared, body), threads(1, 4, 4), {1010}, inAndOut);
}

TEST(BulkCopy, BytesThatDoNotCome) {
  const std::string body =
      "mbarrier.init.shared.b64 [bar], 1;\nfence.proxy.async;\n"
      "mbarrier.arrive.expect_tx.shared.b64 _, [bar], 256;\n"
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [data], [%rd1], 128, [bar];\n" +
      waitLoop("bar", "0");
  expectFinding(kernel(2, kShared, body), threads(1), Check::Deadlock, "128 bytes of transactions", inAndScratch);
}

} // namespace
