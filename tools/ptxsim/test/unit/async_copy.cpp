// cp.async: sizes, groups, arrivals on mbarriers, and what goes wrong without waits.
#include "AsyncBench.h"

#include <numeric>

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

std::vector<uint32_t> counting(size_t count, uint32_t from = 100) {
  std::vector<uint32_t> values(count);
  std::iota(values.begin(), values.end(), from);
  return values;
}

const char *const kBuffer = ".shared .align 16 .b8 buffer[2048];\n.shared .align 8 .b64 bar;";

/// Each thread copies 16 bytes from a + 16 t to buffer + 16 t; %r10 is the destination, %rd10 the source.
const char *const kPlaces = "mov.u32 %r10, buffer;\nmad.lo.u32 %r10, %r1, 16, %r10;\n"
                            "mul.wide.u32 %rd11, %r1, 16;\nadd.u64 %rd10, %rd1, %rd11;\n";

/// Stores the four words of the thread's place to b + 16 t.
const char *const kStore = "ld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r10];\nadd.u64 %rd12, %rd2, %rd11;\n"
                           "st.global.v4.u32 [%rd12], {%r20, %r21, %r22, %r23};\n";

/// The same of the neighbour, thread t xor 1.
const char *const kStoreNeighbour =
    "xor.b32 %r11, %r10, 16;\nld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r11];\nadd.u64 %rd12, %rd2, %rd11;\n"
    "st.global.v4.u32 [%rd12], {%r20, %r21, %r22, %r23};\n";

auto inAndOut(size_t words) {
  return [words](Bench &bench, uint64_t out) { return std::vector<uint64_t>{bench.upload(counting(words)), out}; };
}
auto inAndScratch(size_t words) {
  return [words](Bench &bench) {
    return std::vector<uint64_t>{bench.upload(counting(words)), bench.upload(std::vector<uint32_t>(words))};
  };
}

TEST(AsyncCopy, AllSizes) {
  const std::string copy = std::string(kPlaces) + "cp.async.cg.shared.global [%r10], [%rd10], 16;\n"
                                                  "cp.async.wait_all;\n";
  expectClean(kernel(2, kBuffer, copy + kStore), threads(64), counting(256), inAndOut(256));
  const std::string small = std::string(kPlaces) + "cp.async.ca.shared.global [%r10], [%rd10], 8;\n"
                                                   "cp.async.ca.shared.global.L2::128B [%r10+8], [%rd10+8], 4;\n"
                                                   "cp.async.ca.shared::cta.global [%r10+12], [%rd10+12], 4;\n"
                                                   "cp.async.wait_all;\n";
  expectClean(kernel(2, kBuffer, small + kStore), threads(64), counting(256), inAndOut(256));
}

TEST(AsyncCopy, PartsAreFilledWithZeros) {
  // Thread t reads 4 (t & 3) bytes and a third of all ignore the source.
  const std::string body = std::string(kPlaces) + "and.b32 %r12, %r1, 3;\nshl.b32 %r12, %r12, 2;\n"
                                                  "rem.u32 %r13, %r1, 3;\nsetp.eq.u32 %p1, %r13, 0;\n"
                                                  "@%p1 bra IGNORE;\n"
                                                  "cp.async.cg.shared.global [%r10], [%rd10], 16, %r12;\nbra DONE;\n"
                                                  "IGNORE: cp.async.ca.shared.global [%r10], [%rd10], 16, %p1;\n"
                                                  "DONE: cp.async.commit_group;\ncp.async.wait_group 0;\n";
  std::vector<uint32_t> expected = counting(128);
  for (uint32_t t = 0; t < 32; ++t)
    for (uint32_t k = 0; k < 4; ++k)
      if (t % 3 == 0 || k >= (t & 3))
        expected[4 * t + k] = 0;
  expectClean(kernel(2, kBuffer, body + kStore), threads(32), expected, inAndOut(128));
}

TEST(AsyncCopy, IgnoredSourceMayBeAnywhere) {
  const std::string body = std::string(kPlaces) +
                           "mov.u64 %rd10, 0;\nmov.u32 %r12, 0;\n"
                           "cp.async.cg.shared.global [%r10], [%rd10], 16, %r12;\ncp.async.wait_all;\n";
  expectClean(kernel(2, kBuffer, body + kStore), threads(32), std::vector<uint32_t>(128), inAndOut(128));
}

/// Two groups: the thread's place is copied to buffer and the one behind it to buffer + 1024.
std::string twoGroups(const char *firstWait) {
  return std::string(kPlaces) +
         "cp.async.cg.shared.global [%r10], [%rd10], 16;\ncp.async.commit_group;\n"
         "cp.async.cg.shared.global [%r10+1024], [%rd10+512], 16;\ncp.async.commit_group;\n" +
         firstWait +
         "ld.shared.u32 %r30, [%r10];\nadd.u64 %rd12, %rd2, %rd11;\nst.global.u32 [%rd12], %r30;\n"
         "cp.async.wait_group 0;\nld.shared.u32 %r31, [%r10+1024];\nst.global.u32 [%rd12+4], %r31;\n";
}

TEST(AsyncCopy, GroupsCompleteInOrder) {
  std::vector<uint32_t> expected(128);
  for (uint32_t t = 0; t < 32; ++t) {
    expected[4 * t] = 100 + 4 * t;
    expected[4 * t + 1] = 228 + 4 * t;
  }
  expectClean(kernel(2, kBuffer, twoGroups("cp.async.wait_group 1;\n")), threads(32), expected, inAndOut(256));
}

TEST(AsyncCopy, WaitForTooFewGroups) {
  const std::string ptx = kernel(2, kBuffer, twoGroups("cp.async.wait_group 2;\n"));
  expectFinding(ptx, threads(32), Check::Race, "", inAndScratch(256));
}

TEST(AsyncCopy, EarlyReadsSeeUndefinedBytes) {
  const std::string body = std::string(kPlaces) +
                           "cp.async.cg.shared.global [%r10], [%rd10], 16;\nld.shared.u32 %r30, [%r10];\n"
                           "setp.eq.u32 %p1, %r30, 5;\n@%p1 trap;\ncp.async.wait_all;\n";
  expectFinding(kernel(2, kBuffer, body), threads(32), Check::Poison, "", inAndScratch(256), false);
}

TEST(AsyncCopy, NeighboursNeedABarrier) {
  const std::string copy =
      std::string(kPlaces) + "cp.async.cg.shared.global [%r10], [%rd10], 16;\ncp.async.wait_all;\n";
  std::vector<uint32_t> expected(256);
  for (uint32_t k = 0; k < 256; ++k)
    expected[k] = 100 + (k ^ 4);
  expectClean(kernel(2, kBuffer, copy + "bar.sync 0;\n" + kStoreNeighbour), threads(64), expected, inAndOut(256));
  expectFinding(kernel(2, kBuffer, copy + kStoreNeighbour), threads(64), Check::Race, "", inAndScratch(256));
  const std::string late = std::string(kPlaces) + "cp.async.cg.shared.global [%r10], [%rd10], 16;\nbar.sync 0;\n"
                                                  "cp.async.wait_all;\n";
  expectFinding(kernel(2, kBuffer, late + kStoreNeighbour), threads(64), Check::Race, "", inAndScratch(256));
}

TEST(AsyncCopy, SourceMustStayUntilTheWait) {
  const std::string body = std::string(kPlaces) +
                           "cp.async.cg.shared.global [%r10], [%rd10], 16;\nst.global.u32 [%rd10], %r1;\n"
                           "cp.async.wait_all;\n";
  expectFinding(kernel(2, kBuffer, body), threads(32), Check::Race, "", inAndScratch(256));
}

TEST(AsyncCopy, MisalignedAndOutside) {
  const std::string misaligned = std::string(kPlaces) + "cp.async.cg.shared.global [%r10+8], [%rd10], 16;\n";
  expectFinding(kernel(2, kBuffer, misaligned), threads(32), Check::Bounds, "misaligned", inAndScratch(128));
  const std::string outside = std::string(kPlaces) + "cp.async.cg.shared.global [%r10], [%rd10+4096], 16;\n";
  expectFinding(kernel(2, kBuffer, outside), threads(32), Check::Bounds, "behind the end", inAndScratch(128));
  const std::string tooMuch = std::string(kPlaces) + "mov.u32 %r12, 17;\n"
                                                     "cp.async.cg.shared.global [%r10], [%rd10], 16, %r12;\n";
  expectFinding(kernel(2, kBuffer, tooMuch), threads(32), Check::Bounds, "src-size", inAndScratch(256));
}

/// Thread 0 makes the barrier; then all copy and have the system arrive.
std::string withBarrier(const char *count, const char *arrive) {
  return std::string(kPlaces) + "setp.eq.u32 %p1, %r1, 0;\n@%p1 mbarrier.init.shared.b64 [bar], " + count +
         ";\nbar.sync 0;\ncp.async.cg.shared.global [%r10], [%rd10], 16;\n" + arrive + waitLoop("bar", "0") +
         kStoreNeighbour;
}

TEST(AsyncCopy, ArrivesOnMbarrier) {
  std::vector<uint32_t> expected(256);
  for (uint32_t k = 0; k < 256; ++k)
    expected[k] = 100 + (k ^ 4);
  // .noinc: the count that init gave is of these arrivals.
  const std::string counted = withBarrier("64", "cp.async.mbarrier.arrive.noinc.shared.b64 [bar];\n");
  expectClean(kernel(2, kBuffer, counted), threads(64), expected, inAndOut(256));
  // Otherwise the thread's own arrival is the one that was counted.
  const std::string added = withBarrier("64", "cp.async.mbarrier.arrive.shared::cta.b64 [bar];\n"
                                              "mbarrier.arrive.shared.b64 %rd20, [bar];\n");
  expectClean(kernel(2, kBuffer, added), threads(64), expected, inAndOut(256));
}

TEST(AsyncCopy, ArrivalWithoutTheCopies) {
  // The thread arrives by itself: nothing tells the waiters that the bytes have landed.
  const std::string body = withBarrier("64", "mbarrier.arrive.shared.b64 %rd20, [bar];\n");
  expectFinding(kernel(2, kBuffer, body), threads(64), Check::Race, "", inAndScratch(256));
}

TEST(AsyncCopy, OverALiveMbarrier) {
  const std::string body = "mbarrier.init.shared.b64 [bar], 1;\nmov.u32 %r10, bar;\n"
                           "cp.async.ca.shared.global [%r10], [%rd1], 8;\ncp.async.wait_all;\n";
  expectFinding(kernel(2, ".shared .align 16 .b64 bar;", body), threads(1), Check::Barrier, "live mbarrier",
                inAndScratch(128));
}

TEST(AsyncCopy, RefusedAtTranslation) {
  Bench bench;
  for (const char *copy :
       {"cp.async.cg.shared.global [%r10], [%rd10], 8;", "cp.async.ca.shared.global [%r10], [%rd10], 12;"}) {
    try {
      bench.run(kernel(2, kBuffer, std::string(kPlaces) + copy), threads(1), {0, 0}, {});
      ADD_FAILURE() << copy << " was accepted";
    } catch (const ptx::Error &error) {
      EXPECT_NE(std::string(error.what()).find("cp.async"), std::string::npos) << error.what();
    }
  }
}

} // namespace
