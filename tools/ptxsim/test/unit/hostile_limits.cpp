// What hostile programs ask for beyond all measure is refused or ends in time: stack, local memory, heap, text, time.
#include "EngineWorld.h"

#include <chrono>

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

const char *const kSystem = ".extern .func (.param .b32 s) vprintf(.param .b64 f, .param .b64 v);\n"
                            ".extern .func (.param .b64 a) malloc(.param .b64 s);\n";

std::string kernel(const std::string &declarations, const std::string &body) {
  return declarations +
         ".visible .entry k(.param .u64 out) {\n.reg .b64 %rd<8>; .reg .b32 %r<8>; .reg .pred %p<4>;\n"
         "ld.param.u64 %rd1, [out]; mov.u32 %r1, %tid.x;\n" +
         body + "\nret;\n}\n";
}

Options within(unsigned seconds, CheckSet checks = CheckSet::memorySafety()) {
  Options options;
  options.timeLimit = std::chrono::seconds(seconds);
  options.checks = checks;
  return options;
}

LaunchResult run(const std::string &text, uint32_t threads = 1, Options options = within(1)) {
  EngineWorld world(text, "sm_90a");
  return world.run("k", shape(1, threads), {world.buffer<uint64_t>(1024)}, options);
}

double secondsOf(const std::function<void()> &work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// 2^60 calls, none of them deep and no loop among them.
TEST(HostileLimits, BranchingRecursionObeysTheTimeLimit) {
  std::string functions;
  for (int i = 0; i <= 60; ++i)
    functions += ".func f" + std::to_string(i) + "();\n";
  for (int i = 0; i < 60; ++i) {
    std::string call = "call f" + std::to_string(i + 1) + "; ";
    functions += ".func f" + std::to_string(i) + "() { " + call + call + "ret; }\n";
  }
  functions += ".func f60() { ret; }\n";
  double seconds = secondsOf([&] { EXPECT_STOPPED(run(kernel(functions, "call f0;")), Check::Trap, "time limit"); });
  EXPECT_LT(seconds, 10);
}

TEST(HostileLimits, FramesOfTheHost) {
  auto passing = [](const std::string &bytes, const char *again) {
    return kernel(".func f(.param .b8 x[" + bytes + "]) { { .param .b8 y[" + bytes + "]; st.param.b8 [y], 1; " + again +
                      " } ret; }\n",
                  "{ .param .b8 y[" + bytes + "]; st.param.b8 [y], 1; call f, (y); }");
  };
  EXPECT_CLEAN(run(passing("100", "")));
  EXPECT_CLEAN(run(passing("300000", ""), 32)); // more than a fiber's usual stack
  EXPECT_CLEAN(run(passing("300000", ""), 1, within(5, CheckSet::all())));
  EXPECT_STOPPED(run(passing("30000", "call f, (y);")), Check::Bounds, "recursion");
  EXPECT_STOPPED(run(passing("1", "call f, (y);")), Check::Bounds, "recursion");
  EXPECT_THROW(run(passing("200000000", "")), ptx::Error);
}

TEST(HostileLimits, ManyRegistersThatLive) {
  std::string loads, stores;
  for (int i = 0; i < 6000; ++i) {
    std::string number = std::to_string(i), offset = "[%rd1+" + std::to_string(4 * (i % 2000)) + "]";
    loads += "ld.volatile.global.b32 %z" + number + ", " + offset + ";\n";
    stores += "st.volatile.global.b32 " + offset + ", %z" + number + ";\n";
  }
  EXPECT_CLEAN(run(kernel("", ".reg .b32 %z<6000>;\n" + loads + stores), 64, within(20)));
}

TEST(HostileLimits, ManyAccessesTranslateInTime) {
  std::string body;
  for (int i = 0; i < 4000; ++i)
    body += "ld.global.b32 %r2, [%rd1]; st.global.b32 [%rd1], %r2;\n";
  EXPECT_LT(secondsOf([&] { EXPECT_CLEAN(run(kernel("", body), 1, within(20))); }), 8); // a minute once
}

TEST(HostileLimits, LocalMemory) {
  EXPECT_CLEAN(run(kernel("", ".local .b8 s[524288]; st.local.b8 [s+524287], 1;"), 128));
  EXPECT_THROW(run(kernel("", ".local .b8 s[524289]; st.local.b8 [s], 1;")), ptx::Error);
  EXPECT_CLEAN(run(kernel("", "alloca.u64 %rd2, 64, 16; st.local.b32 [%rd2+60], %r1;")));
  EXPECT_STOPPED(run(kernel("", "alloca.u64 %rd2, -1, 16;")), Check::Bounds, "alloca");
  EXPECT_STOPPED(run(kernel("", "NEXT: alloca.u64 %rd2, 64, 16; bra NEXT;")), Check::Bounds, "alloca");
}

TEST(HostileLimits, Heap) {
  auto get = [](const char *bytes) {
    return std::string("{ .param .b64 s; .param .b64 r; st.param.b64 [s], ") + bytes +
           "; call (r), malloc, (s); ld.param.b64 %rd2, [r]; }\n";
  };
  for (const char *bytes : {"-1", "0x7fffffffffffffff", "70000000000", "0"}) {
    EngineWorld world(kernel(kSystem, get(bytes) + "st.global.b64 [%rd1], %rd2;"), "sm_90a");
    uint64_t out = world.buffer<uint64_t>(1, 7);
    EXPECT_CLEAN(world.run("k", shape(1, 1), {out}));
    EXPECT_EQ(*world.at<uint64_t>(out), 0u) << bytes;
  }
  // Without an end: null in the end.
  EngineWorld world(kernel(kSystem, "NEXT: " + get("1000000000") +
                                        "add.u32 %r2, %r2, 1; setp.ne.u64 %p1, %rd2, 0; @%p1 bra NEXT; "
                                        "st.global.u32 [%rd1], %r2;"),
                    "sm_90a");
  uint64_t out = world.buffer<uint32_t>(1);
  EXPECT_CLEAN(world.run("k", shape(1, 1), {out}));
  EXPECT_EQ(*world.at<uint32_t>(out), 3u);
}

// 200 conversions of a string of 1 MB, 32 times; no end of the string.
TEST(HostileLimits, Printing) {
  std::string format;
  for (int i = 0; i < 200; ++i)
    format += "37, 115, ";
  std::string text = kernel(
      std::string(kSystem) + ".global .b8 format[] = {" + format +
          "37, 110, 0};\n.global .b8 text[4000000];\n.global .align 8 .u64 values[256];\n",
      "mov.u64 %rd3, text; mov.u64 %rd4, values; mov.u32 %r2, 0;\n"
      "FILL: st.global.u64 [%rd4], %rd3; add.u64 %rd4, %rd4, 8; add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 256; "
      "@%p1 bra FILL;\nmov.u32 %r2, 0;\n"
      "TEXT: st.global.b32 [%rd3], 0x41414141; add.u64 %rd3, %rd3, 4; add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, "
      "1000000; @%p1 bra TEXT;\n"
      "{ .param .b64 f; .param .b64 v; .param .b32 s; mov.u64 %rd3, format; mov.u64 %rd4, values; st.param.b64 "
      "[f], %rd3; st.param.b64 [v], %rd4; call (s), vprintf, (f, v); }");
  testing::internal::CaptureStdout();
  LaunchResult result = run(text, 1, within(20));
  fflush(stdout);
  std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_CLEAN(result);
  EXPECT_EQ(printed.size(), 1u << 20);
}

// The sizes of parameters and results are told apart: f gives a megabyte, the prototype takes a byte.
TEST(HostileLimits, PrototypeOfAnotherSize) {
  LaunchResult result =
      run(kernel(".func (.param .b8 r[1048576]) f() { st.param.b8 [r+1048575], 7; ret; }\n",
                 "P: .callprototype _ (.param .b8 x); .param .b8 y; st.param.b8 [y], 1; mov.b64 %rd2, f; call %rd2, "
                 "(y), P;"));
  EXPECT_STOPPED(result, Check::Bounds, "indirect call");
}

TEST(HostileLimits, RefusedLayoutsStayRefused) {
  EngineWorld world(kernel(".shared .b8 big[17000000];\n", "st.shared.b8 [big], 1;"), "sm_90a");
  for (int again = 0; again < 2; ++again)
    EXPECT_THROW(world.run("k", shape(1, 1), {0}), ptx::Error);
}

// The second block of the first cluster has number 2^30.
TEST(HostileLimits, NumbersOfThreadsDoNotWrapAround) {
  EngineWorld world(kernel("", "st.global.u32 [%rd1], %r1;"), "sm_90a");
  LaunchConfig config = shape(1 << 30, 32);
  config.grid[1] = config.cluster[1] = 2;
  EXPECT_STOPPED(world.run("k", config, {world.buffer<uint32_t>(1)}, within(5, CheckSet::all())), Check::Trap,
                 "2147483647 threads");
}

TEST(HostileLimits, HugeGridsStopInTime) {
  for (bool checked : {false, true}) {
    double seconds = secondsOf([&] {
      EngineWorld world(kernel("", ""), "sm_90a");
      LaunchResult result =
          world.run("k", shape(0x7fffffff, 32), {0}, within(1, checked ? CheckSet::all() : CheckSet()));
      EXPECT_STOPPED(result, Check::Trap, "time limit");
    });
    EXPECT_LT(seconds, 5);
  }
}

} // namespace
