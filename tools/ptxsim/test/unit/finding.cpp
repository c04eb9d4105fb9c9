// Sets of checks, the reporter's bookkeeping, and the text of findings.
#include "check/Finding.h"

#include "engine/Scheduler.h"

#include <gtest/gtest.h>

#include <thread>

using namespace ptxsim;

TEST(CheckSet, Names) {
  std::string error;
  EXPECT_EQ(CheckSet::parse("all", error)->bits, CheckSet::all().bits);
  EXPECT_EQ(CheckSet::parse("none", error)->bits, 0u);
  EXPECT_EQ(CheckSet::parse("default", error)->bits, CheckSet::memorySafety().bits);
  CheckSet two = *CheckSet::parse("race, poison", error);
  EXPECT_TRUE(two.has(Check::Race));
  EXPECT_TRUE(two.has(Check::Poison));
  EXPECT_FALSE(two.has(Check::Bounds));
  EXPECT_EQ(CheckSet::parse("all,-race", error)->bits, CheckSet::all().with(Check::Race, false).bits);
  EXPECT_EQ(CheckSet::parse("-bounds", error)->bits, CheckSet::memorySafety().with(Check::Bounds, false).bits);
  EXPECT_EQ(CheckSet::parse("default,race", error)->bits, CheckSet::memorySafety().with(Check::Race).bits);
  for (unsigned k = 0; k < unsigned(Check::Count); ++k)
    EXPECT_EQ(CheckSet::parse(name(Check(k)), error)->bits, 1u << k);
  EXPECT_TRUE(error.empty());
  EXPECT_FALSE(CheckSet::parse("all,speling", error));
  EXPECT_NE(error.find("'speling'"), std::string::npos);
  EXPECT_FALSE(CheckSet::parse("", error));
}

namespace {
/// Two instructions of a module, as a launch would have them.
struct Fixture {
  std::unique_ptr<ptx::Module> module = ptx::parse(R"(.version 8.0
.target sm_80
.address_size 64
.file 1 "/src/gemm.cu"
.visible .entry kernel(.param .u64 p)
{
  .reg .b64 %rd<2>;
  .reg .b32 %r<2>;
  .loc 1 45 3
  ld.param.u64 %rd1, [p];
  ld.global.u32 %r1, [%rd1];
  st.global.u32 [%rd1+4], %r1;
  ret;
}
)",
                                                   "k.ptx");
  Grid grid;
  Cta cta;
  Thread thread;
  Site load, store;
  Fixture() {
    grid.options.checks = CheckSet::all();
    cta.id[0] = 7;
    cta.id[1] = cta.id[2] = 0;
    thread.tid[0] = 5;
    thread.tid[1] = thread.tid[2] = 0;
    thread.cta = &cta;
    thread.grid = &grid;
    const ptx::Function &function = *module->functions.front();
    load.instruction = &function.body[1];
    store.instruction = &function.body[2];
    for (Site *site : {&load, &store}) {
      site->function = &function;
      site->module = module.get();
    }
  }
};
} // namespace

TEST(Reporter, CountsEqualFindings) {
  Fixture f;
  Reporter reporter(f.grid);
  for (int k = 0; k < 3; ++k)
    reporter.note(Check::Race, &f.thread, &f.load, "first");
  reporter.note(Check::Race, &f.thread, &f.store, "second");
  reporter.note(Check::Poison, &f.thread, &f.load, "third");
  reporter.note(Check::Race, &f.thread, &f.load, "with another", actorOf(f.thread, &f.store));
  uint64_t suppressed = 0;
  std::vector<Finding> findings = reporter.take(suppressed);
  ASSERT_EQ(findings.size(), 4u);
  EXPECT_EQ(findings[0].message, "first");
  EXPECT_EQ(findings[0].repetitions, 3u);
  EXPECT_EQ(findings[3].message, "with another");
  EXPECT_EQ(suppressed, 2u);
  EXPECT_FALSE(reporter.failed());
  EXPECT_TRUE(reporter.take(suppressed).empty());
}

TEST(Reporter, KeepsNoMoreThanAsked) {
  Fixture f;
  f.grid.options.maxFindings = 1;
  Reporter reporter(f.grid);
  reporter.note(Check::Race, &f.thread, &f.load, "kept");
  reporter.note(Check::Poison, &f.thread, &f.load, "dropped");
  reporter.note(Check::Poison, &f.thread, &f.load, "dropped");
  uint64_t suppressed = 0;
  EXPECT_EQ(reporter.take(suppressed).size(), 1u);
  EXPECT_EQ(suppressed, 2u);
}

TEST(Reporter, SwitchedOffChecksSayNothing) {
  Fixture f;
  f.grid.options.checks = CheckSet::all().with(Check::Poison, false);
  Reporter reporter(f.grid);
  reporter.note(Check::Poison, &f.thread, &f.load, "quiet");
  uint64_t suppressed = 0;
  EXPECT_TRUE(reporter.take(suppressed).empty());
}

TEST(Reporter, ManyHostThreads) {
  Fixture f;
  Reporter reporter(f.grid);
  std::vector<std::thread> workers;
  for (int k = 0; k < 4; ++k)
    workers.emplace_back([&] {
      for (int n = 0; n < 1000; ++n)
        reporter.note(Check::Bounds, &f.thread, n % 2 ? &f.load : &f.store, "out");
    });
  for (std::thread &worker : workers)
    worker.join();
  uint64_t suppressed = 0, seen = 0;
  for (const Finding &finding : reporter.take(suppressed))
    seen += finding.repetitions;
  EXPECT_EQ(seen, 4000u);
}

TEST(Finding, Text) {
  std::vector<Finding> findings;
  {
    Fixture f;
    Reporter reporter(f.grid);
    Actor other = actorOf(f.thread, &f.load, "cp.async of");
    other.thread[0] = 9;
    reporter.note(Check::Race, &f.thread, &f.store, "write of 4 bytes is not ordered", other, "line one\nline two");
    uint64_t suppressed = 0;
    findings = reporter.take(suppressed);
  }
  // The module is gone; the text is not.
  EXPECT_EQ(format(findings.front()),
            "error[race]: write of 4 bytes is not ordered\n"
            "  here:  thread (5,0,0) of block (7,0,0): st.global.u32 at k.ptx:12 (gemm.cu:45)\n"
            "           st.global.u32 [%rd1+4], %r1;\n"
            "  there: cp.async of thread (9,0,0) of block (7,0,0): ld.global.u32 at k.ptx:11 (gemm.cu:45)\n"
            "           ld.global.u32 %r1, [%rd1];\n"
            "  line one\n"
            "  line two");
}

TEST(Finding, NamesSharedVariables) {
  Fixture f;
  ptx::Variable stage, dynamic;
  stage.name = "stage";
  stage.bytes = 64;
  dynamic.name = "buffer";
  llvm::DenseMap<const ptx::Variable *, uint32_t> layout{{&stage, 1024}, {&dynamic, 1088}};
  f.grid.sharedAddresses = &layout;
  Location where;
  where.space = ptx::Space::Shared;
  where.address = 1024 + 60;
  EXPECT_EQ(describe(f.grid, where), "shared 0x43c (stage + 60)");
  where.address = 1088 + 400;
  EXPECT_EQ(describe(f.grid, where), "shared 0x5d0 (buffer + 400)");
}
