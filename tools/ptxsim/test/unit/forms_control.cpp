// Every form of control flow and of calls, the stack of local memory, and every special register of a launch in three
// dimensions with clusters.
#include "FormsBench.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

/// Runs a module whose kernel `k` has one parameter, the output, and compares in every way.
void expectValues(const std::string &text, const LaunchConfig &config, const std::vector<uint32_t> &expected) {
  expectClean<uint32_t>(text, config, expected, [](Bench &, uint64_t out) { return std::vector<uint64_t>{out}; });
}

/// With in %r1 the thread and in %rd2 the address of its output.
std::string body(const std::string &text, unsigned perThread = 1) {
  return "mul.wide.u32 %rd2, %r1, " + number(4 * perThread) + ";\nadd.u64 %rd2, %rd1, %rd2;\n" + text;
}

std::string withFunctions(const std::string &functions, std::string text) {
  return text.insert(text.find(".visible .entry"), functions);
}

std::vector<uint32_t> perThread(unsigned count, uint32_t (*value)(uint32_t)) {
  std::vector<uint32_t> result(count);
  for (unsigned thread = 0; thread < count; ++thread)
    result[thread] = value(thread);
  return result;
}

} // namespace

// Tests bra forwards and backwards, guarded by a predicate, by its negation, and not at all.
TEST(FormsControl, Branches) {
  for (const char *bra : {"bra", "bra.uni"}) {
    const std::string b = bra;
    // The sum of 0..thread by a loop; every lane of a uniform branch goes the same way.
    const std::string loop =
        b == "bra" ? body("mov.u32 %r3, 0;\nmov.u32 %r4, 0;\nLOOP:\nadd.u32 %r4, %r4, %r3;\n"
                          "add.u32 %r3, %r3, 1;\nsetp.le.u32 %p1, %r3, %r1;\n@%p1 bra LOOP;\n"
                          "setp.lt.u32 %p2, %r1, 7;\n@!%p2 bra LARGE;\nadd.u32 %r4, %r4, 1000;\nbra END;\n"
                          "LARGE:\nadd.u32 %r4, %r4, 2000;\nEND:\nst.global.u32 [%rd2], %r4;\n")
                   : body("mov.u32 %r3, 0;\nmov.u32 %r4, 0;\nLOOP:\nadd.u32 %r4, %r4, %r1;\n"
                          "add.u32 %r3, %r3, 1;\nsetp.lt.u32 %p1, %r3, 5;\n@%p1 bra.uni LOOP;\n"
                          "bra.uni END;\nmov.u32 %r4, 0;\nEND:\nst.global.u32 [%rd2], %r4;\n");
    expectValues(kernel(1, "", loop), threads(64),
                 b == "bra" ? perThread(64, [](uint32_t t) { return t * (t + 1) / 2 + (t < 7 ? 1000 : 2000); })
                            : perThread(64, [](uint32_t t) { return 5 * t; }));
  }
  for (const char *brx : {"brx.idx", "brx.idx.uni"}) {
    const bool uniform = std::string(brx).size() > 7;
    const std::string index = uniform ? "mov.u32 %r3, 2;\n" : "and.b32 %r3, %r1, 3;\n";
    expectValues(kernel(1, "",
                        body("T: .branchtargets A, B, C, A;\n" + index + "mov.u32 %r4, 0;\n" + brx +
                             " %r3, T;\nA:\nadd.u32 %r4, %r4, 1;\nB:\nadd.u32 %r4, %r4, 10;\nC:\nadd.u32 %r4, %r4, "
                             "100;\nst.global.u32 [%rd2], %r4;\n")),
                 threads(64), uniform ? std::vector<uint32_t>(64, 100) : perThread(64, [](uint32_t t) {
                   const uint32_t sums[] = {111, 110, 100, 111};
                   return sums[t % 4];
                 }));
  }
}

// Tests that the guard of an instruction decides for each thread, in both senses.
TEST(FormsControl, Guards) {
  expectValues(
      kernel(1, "",
             body("setp.lt.u32 %p1, %r1, 5;\nmov.u32 %r3, 1;\n@%p1 mov.u32 %r3, 2;\n@!%p1 add.u32 %r3, %r3, %r1;\n"
                  "@%p1 st.global.u32 [%rd2], %r3;\n@!%p1 st.global.u32 [%rd2], %r3;\n")),
      threads(32), perThread(32, [](uint32_t t) { return t < 5 ? 2 : 1 + t; }));
}

// Tests calls by name and through registers, with each way to name the possible callees; several arguments and results,
// recursion, and the forms of ret.
TEST(FormsControl, Calls) {
  const std::string functions =
      ".func (.param .u32 r) twice(.param .u32 a)\n{\n.reg .u32 %x;\nld.param.u32 %x, [a];\nadd.u32 %x, %x, %x;\n"
      "st.param.u32 [r], %x;\nret;\n}\n"
      ".func (.param .u32 r) square(.param .u32 a)\n{\n.reg .u32 %x;\nld.param.u32 %x, [a];\nmul.lo.u32 %x, %x, %x;\n"
      "st.param.u32 [r], %x;\nret.uni;\n}\n"
      ".func (.reg .u32 r) old(.reg .u32 a, .reg .u32 b)\n{\nsub.u32 r, a, b;\nret;\n}\n"
      ".func (.param .u32 r) factorial(.param .u32 a)\n{\n.reg .u32 %x, %y;\n.reg .pred %p;\nld.param.u32 %x, [a];\n"
      "mov.u32 %y, 1;\nsetp.le.u32 %p, %x, 1;\n@%p bra END;\n{\n.param .u32 i;\n.param .u32 o;\nsub.u32 %y, %x, 1;\n"
      "st.param.u32 [i], %y;\ncall (o), factorial, (i);\nld.param.u32 %y, [o];\n}\nmul.lo.u32 %y, %y, %x;\nEND:\n"
      "st.param.u32 [r], %y;\nret;\n}\n"
      ".global .align 4 .u32 calls;\n.func count()\n{\n.reg .u32 %x;\natom.global.add.u32 %x, [calls], 1;\n}\n"
      ".func conditional(.param .u64 p, .param .u32 a)\n{\n.reg .u64 %p;\n.reg .u32 %x;\n.reg .pred %q;\n"
      "ld.param.u64 %p, [p];\nld.param.u32 %x, [a];\nsetp.gt.u32 %q, %x, 9;\n@%q ret;\nst.global.u32 [%p], "
      "77;\nret;\n}\n"
      ".global .align 8 .u64 table[2] = {twice, square};\n";
  const std::string frame = "{\n.param .u32 i;\n.param .u32 o;\nst.param.u32 [i], %r1;\n",
                    done = "ld.param.u32 %r3, [o];\n}\n";
  std::string text;
  unsigned slot = 0;
  auto store = [&] { text += "st.global.u32 [%rd2+" + number(4 * slot++) + "], %r3;\n"; };
  for (const char *call : {"call", "call.uni"}) {
    const std::string c = call, id = c == "call" ? "0" : "1";
    text += frame + c + " (o), twice, (i);\n" + done;
    store();
    text += c + " (%r3), old, (%r1, 3);\n";
    store();
    text += c + " count;\n";
    // Even threads take one function, odd ones the other; a uniform call has one target.
    text += c == "call" ? "and.b32 %r4, %r1, 1;\n" : "mov.u32 %r4, 1;\n";
    text +=
        "mul.wide.u32 %rd3, %r4, 8;\nmov.u64 %rd4, table;\nadd.u64 %rd3, %rd3, %rd4;\nld.global.u64 %rd5, [%rd3];\n" +
        frame + "PROTOTYPE" + id + ": .callprototype (.param .u32 _) _ (.param .u32 _);\n" + c +
        " (o), %rd5, (i), PROTOTYPE" + id + ";\n" + done;
    store();
    text +=
        frame + "TARGETS" + id + ": .calltargets twice, square;\n" + c + " (o), %rd5, (i), TARGETS" + id + ";\n" + done;
    store();
    text += "mov.u64 %rd5, square;\n" + frame + "AGAIN" + id + ": .callprototype (.param .u32 _) _ (.param .u32 _);\n" +
            c + " (o), %rd5, (i), AGAIN" + id + ";\n" + done;
    store();
  }
  text +=
      "{\n.param .u32 i;\n.param .u32 o;\nand.b32 %r4, %r1, 7;\nst.param.u32 [i], %r4;\ncall (o), factorial, (i);\n" +
      done;
  store();
  const unsigned guarded = slot++;
  text += "{\n.param .u64 p;\n.param .u32 a;\nadd.u64 %rd6, %rd2, " + number(4 * guarded) +
          ";\nst.param.u64 [p], %rd6;\nst.param.u32 [a], %r1;\ncall conditional, (p, a);\n}\n";
  text += "bar.sync 0;\nld.global.u32 %r3, [calls];\n";
  store();
  std::vector<uint32_t> expected;
  for (uint32_t t = 0; t < 32; ++t) {
    const uint32_t mixed = t % 2 ? t * t : 2 * t;
    uint32_t factorial = 1;
    for (uint32_t k = 2; k <= t % 8; ++k)
      factorial *= k;
    const uint32_t row[] = {2 * t, t - 3, mixed, mixed,     t * t,           2 * t, t - 3,
                            t * t, t * t, t * t, factorial, t > 9 ? 0 : 77u, 64};
    expected.insert(expected.end(), std::begin(row), std::end(row));
  }
  ASSERT_EQ(slot, 13u);
  expectValues(withFunctions(functions, kernel(1, "", body(text, slot))), threads(32), expected);
}

// Tests that threads end by exit and ret, in the kernel and below, and that the others go on.
TEST(FormsControl, Ends) {
  const std::string functions = ".func leave(.param .u32 a)\n{\n.reg .u32 %x;\n.reg .pred %p;\nld.param.u32 %x, [a];\n"
                                "setp.eq.u32 %p, %x, 5;\n@%p exit;\nret;\n}\n";
  const std::string text = body("st.global.u32 [%rd2], %r1;\nsetp.eq.u32 %p1, %r1, 1;\n@%p1 exit;\n"
                                "setp.eq.u32 %p1, %r1, 2;\n@%p1 ret;\nsetp.eq.u32 %p1, %r1, 3;\n@%p1 ret.uni;\n"
                                "{\n.param .u32 a;\nst.param.u32 [a], %r1;\ncall leave, (a);\n}\n"
                                "bar.sync 0;\nadd.u32 %r3, %r1, 100;\nst.global.u32 [%rd2], %r3;\n");
  expectValues(withFunctions(functions, kernel(1, "", text)), threads(64),
               perThread(64, [](uint32_t t) { return t == 1 || t == 2 || t == 3 || t == 5 ? t : t + 100; }));
}

// Tests that trap and brkpt stop the launch with a finding, and that pmevent does nothing.
TEST(FormsControl, StopsAndEvents) {
  for (const char *stop : {"trap", "brkpt"}) {
    const std::string text = kernel(1, "", body("setp.ne.u32 %p1, %r1, 7;\n@%p1 exit;\n" + std::string(stop) + ";\n"));
    for (const Options &options : plainAndChecked()) {
      Bench bench;
      const LaunchResult result = bench.run(text, threads(32), {bench.upload(std::vector<uint32_t>(32))}, options);
      EXPECT_FALSE(result.completed);
      EXPECT_TRUE(contains(result, Check::Trap, "the program stopped itself")) << textOf(result);
      EXPECT_EQ(result.findings.at(0).actor.thread[0], 7u);
    }
  }
  expectValues(kernel(1, "", body("pmevent 3;\npmevent.mask 5;\nst.global.u32 [%rd2], %r1;\n")), threads(32),
               perThread(32, [](uint32_t t) { return t; }));
}

// Tests alloca, stacksave and stackrestore in both widths: pieces are aligned, apart from each other, and given back.
TEST(FormsControl, Stack) {
  for (const char *width : {"32", "64"}) {
    const std::string w = width, r = w == "32" ? "%r1" : "%rd1";
    const std::string text =
        body("stacksave.u" + w + " " + r + "0;\nalloca.u" + w + " " + r + "1, 20;\nmov.u" + w + " " + r +
                 "9, 40;\nalloca.u" + w + " " + r + "2, " + r + "9, 16;\nst.local.u32 [" + r +
                 "1], %r1;\nadd.u32 %r3, %r1, 50;\nst.local.u32 [" + r +
                 "1+16], %r3;\nadd.u32 %r4, %r1, 100;\nst.local.u32 [" + r + "2], %r4;\nst.local.u32 [" + r +
                 "2+36], %r4;\nld.local.u32 %r5, [" + r + "1];\nst.global.u32 [%rd2], %r5;\nld.local.u32 %r5, [" + r +
                 "1+16];\nst.global.u32 [%rd2+4], %r5;\nld.local.u32 %r5, [" + r +
                 "2];\nst.global.u32 [%rd2+8], %r5;\nand.b" + w + " " + r + "3, " + r + "2, 15;\ncvt.u32.u" + w +
                 " %r5, " + r + "3;\nst.global.u32 [%rd2+12], %r5;\nstackrestore.u" + w + " " + r + "0;\nstacksave.u" +
                 w + " " + r + "4;\nsub.u" + w + " " + r + "4, " + r + "4, " + r + "0;\ncvt.u32.u" + w + " %r5, " + r +
                 "4;\nst.global.u32 [%rd2+16], %r5;\nalloca.u" + w + " " + r + "5, 20;\nsub.u" + w + " " + r + "5, " +
                 r + "5, " + r + "1;\ncvt.u32.u" + w + " %r5, " + r + "5;\nst.global.u32 [%rd2+20], %r5;\n",
             6);
    std::vector<uint32_t> expected;
    for (uint32_t t = 0; t < 32; ++t)
      expected.insert(expected.end(), {t, t + 50, t + 100, 0, 0, 0});
    expectValues(kernel(1, ".local .align 8 .b8 frame[24];", text), threads(32), expected);
  }
}

// Tests each special register that tells where a thread is, in a grid of clusters with three dimensions.
TEST(FormsControl, WhereAThreadIs) {
  const unsigned block[3] = {5, 3, 4}, grid[3] = {4, 6, 2}, cluster[3] = {2, 3, 1};
  const char *const names[] = {"%tid.x",
                               "%tid.y",
                               "%tid.z",
                               "%ntid.x",
                               "%ntid.y",
                               "%ntid.z",
                               "%ctaid.x",
                               "%ctaid.y",
                               "%ctaid.z",
                               "%nctaid.x",
                               "%nctaid.y",
                               "%nctaid.z",
                               "%clusterid.x",
                               "%clusterid.y",
                               "%clusterid.z",
                               "%nclusterid.x",
                               "%nclusterid.y",
                               "%nclusterid.z",
                               "%cluster_ctaid.x",
                               "%cluster_ctaid.y",
                               "%cluster_ctaid.z",
                               "%cluster_nctaid.x",
                               "%cluster_nctaid.y",
                               "%cluster_nctaid.z",
                               "%cluster_ctarank",
                               "%cluster_nctarank",
                               "%laneid",
                               "%warpid",
                               "%nwarpid",
                               "%lanemask_eq",
                               "%lanemask_lt",
                               "%lanemask_le",
                               "%lanemask_gt",
                               "%lanemask_ge",
                               "WARP_SZ",
                               "%total_smem_size",
                               "%dynamic_smem_size"};
  const unsigned count = std::size(names) + 1, numThreads = 60, numBlocks = 48;
  std::string text =
      "mov.u32 %r3, %tid.x;\nmov.u32 %r4, %tid.y;\nmov.u32 %r5, %tid.z;\nmov.u32 %r6, %ctaid.x;\n"
      "mov.u32 %r7, %ctaid.y;\nmov.u32 %r8, %ctaid.z;\nmad.lo.u32 %r10, %r5, 3, %r4;\nmad.lo.u32 %r10, %r10, 5, %r3;\n"
      "mad.lo.u32 %r11, %r8, 6, %r7;\nmad.lo.u32 %r11, %r11, 4, %r6;\nmad.lo.u32 %r10, %r11, 60, %r10;\nmul.wide.u32 "
      "%rd2, %r10, " +
      number(4 * count) + ";\nadd.u64 %rd2, %rd1, %rd2;\n";
  unsigned slot = 0;
  for (const char *name : names)
    text += std::string("mov.u32 %r12, ") + name + ";\nst.global.u32 [%rd2+" + number(4 * slot++) + "], %r12;\n";
  text += "mov.pred %p1, %is_explicit_cluster;\nselp.u32 %r12, 1, 0, %p1;\nst.global.u32 [%rd2+" + number(4 * slot++) +
          "], %r12;\n";
  std::vector<uint32_t> expected;
  for (unsigned b = 0; b < numBlocks; ++b)
    for (unsigned t = 0; t < numThreads; ++t) {
      const unsigned tid[3] = {t % 5, t / 5 % 3, t / 15}, ctaid[3] = {b % 4, b / 4 % 6, b / 24}, lane = t % 32;
      auto add = [&](std::initializer_list<uint32_t> values) { expected.insert(expected.end(), values); };
      add({tid[0], tid[1], tid[2], block[0], block[1], block[2]});
      add({ctaid[0], ctaid[1], ctaid[2], grid[0], grid[1], grid[2]});
      add({ctaid[0] / 2, ctaid[1] / 3, ctaid[2], 2, 2, 2});
      add({ctaid[0] % 2, ctaid[1] % 3, 0, cluster[0], cluster[1], cluster[2]});
      add({ctaid[1] % 3 * 2 + ctaid[0] % 2, 6, lane, t / 32, 2});
      add({1u << lane, (1u << lane) - 1, (2u << lane) - 1, ~((2u << lane) - 1), ~((1u << lane) - 1), 32});
      add({256 + 512, 512, 1});
    }
  LaunchConfig config;
  std::copy_n(block, 3, config.block.begin());
  std::copy_n(grid, 3, config.grid.begin());
  std::copy_n(cluster, 3, config.cluster.begin());
  config.dynamicShared = 512;
  const std::string ptx =
      kernel(1, ".shared .align 4 .b8 own[256];\n", text + "mov.u32 %r13, own;\nst.shared.u32 [%r13], %r13;\n");
  for (const Options &options : plainAndChecked()) {
    Bench bench;
    const uint64_t out = bench.upload(std::vector<uint32_t>(expected.size()));
    const LaunchResult result = bench.run(ptx, config, {out}, options);
    ASSERT_TRUE(result.clean()) << textOf(result);
    const std::vector<uint32_t> got = bench.download<uint32_t>(out, expected.size());
    for (size_t k = 0; k < expected.size(); ++k)
      ASSERT_EQ(got[k], expected[k]) << (k % count < std::size(names) ? names[k % count] : "%is_explicit_cluster")
                                     << " of thread " << k / count % numThreads << " in block "
                                     << k / count / numThreads;
  }
}

// Tests the clocks, which must move forward, and the registers that may have any value but must be there.
TEST(FormsControl, ClocksAndOthers) {
  std::string text = "mov.u32 %r20, 0;\n";
  const std::pair<const char *, const char *> clocks[] = {
      {"%clock", "32"}, {"%clock64", "64"}, {"%globaltimer", "64"}, {"%globaltimer_lo", "32"}};
  unsigned bit = 0;
  for (auto [name, width] : clocks) {
    const std::string w = width, r = w == "32" ? "%r3" : "%rd3";
    text += "mov.u" + w + " " + r + "0, " + name + ";\nnanosleep.u32 20;\nmov.u" + w + " " + r + "1, " + name +
            ";\nsetp.gt.u" + w + " %p1, " + r + "1, " + r + "0;\nselp.u32 %r21, " + number(1u << bit++) +
            ", 0, %p1;\nor.b32 %r20, %r20, %r21;\n";
  }
  // The halves are those of the whole: the upper ones do not move in a short test.
  text += "mov.u32 %r22, %clock_hi;\nsetp.eq.u32 %p1, %r22, 0;\nselp.u32 %r21, 16, 0, %p1;\nor.b32 %r20, %r20, %r21;\n"
          "mov.u64 %rd40, %globaltimer;\nshr.u64 %rd40, %rd40, 32;\nmov.u32 %r22, %globaltimer_hi;\ncvt.u32.u64 %r23, "
          "%rd40;\n"
          "setp.eq.u32 %p1, %r22, %r23;\nselp.u32 %r21, 32, 0, %p1;\nor.b32 %r20, %r20, %r21;\n"
          "mov.u32 %r22, %smid;\nmov.u32 %r23, %nsmid;\nsetp.lt.u32 %p1, %r22, %r23;\nselp.u32 %r21, 64, 0, %p1;\n"
          "or.b32 %r20, %r20, %r21;\nmov.u64 %rd41, %gridid;\nmov.u64 %rd41, %current_graph_exec;\n"
          "mov.u32 %r22, %aggr_smem_size;\nmov.u32 %r23, %total_smem_size;\nsetp.ge.u32 %p1, %r22, %r23;\n"
          "selp.u32 %r21, 128, 0, %p1;\nor.b32 %r20, %r20, %r21;\n";
  for (const char *name :
       {"%reserved_smem_offset_begin", "%reserved_smem_offset_end", "%reserved_smem_offset_cap",
        "%reserved_smem_offset_0", "%reserved_smem_offset_1", "%pm0", "%pm7", "%envreg0", "%envreg31"})
    text += std::string("mov.b32 %r22, ") + name + ";\n";
  expectValues(kernel(1, "", body(text + "st.global.u32 [%rd2], %r20;\n")), threads(32),
               std::vector<uint32_t>(32, 255));
}
