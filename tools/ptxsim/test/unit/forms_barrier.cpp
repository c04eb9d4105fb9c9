// Every form of barrier and fence: what threads have written before is read by others behind it, and no race is found,
// which one would be without it; reductions against counts.
#include "FormsBench.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

constexpr unsigned kThreads = 128;

std::vector<Spelling> formsOf(std::initializer_list<llvm::StringRef> opcodes, llvm::StringRef family) {
  return sample([&](const ptx::Form &form) { return hasOpcode(form, opcodes) && isFamily(form, family); },
                [](const Spelling &spelling) { return spelling.text; });
}

/// A kernel with in %r1 the thread, in %rd2 the address of its output, and in %r2 the block's rank.
std::string kernelOf(const std::string &shared, const std::string &body, unsigned perThread) {
  return kernel(1, shared,
                "mov.u32 %r3, %ntid.x;\nmad.lo.u32 %r4, %r2, %r3, %r1;\nmul.wide.u32 %rd2, %r4, " +
                    number(4 * perThread) + ";\nadd.u64 %rd2, %rd1, %rd2;\n" + body);
}

void expectValues(const std::string &text, const LaunchConfig &config, const std::vector<uint32_t> &expected) {
  expectClean<uint32_t>(text, config, expected, [](Bench &, uint64_t out) { return std::vector<uint64_t>{out}; });
}

} // namespace

// Tests sync and arrive: each with and without a count, barrier numbers as constants and in registers.
TEST(FormsBarrier, SyncAndArrive) {
  struct Step {
    Spelling spelling;
    bool count;
  };
  std::vector<Step> steps;
  for (const Spelling &spelling : formsOf({"bar", "barrier"}, "barrier")) {
    if (spelling.has("warp") || spelling.has("cluster"))
      continue;
    if (spelling.has("sync"))
      steps.push_back({spelling, false});
    if (spelling.has("sync") || spelling.has("arrive"))
      steps.push_back({spelling, true});
  }
  ASSERT_EQ(steps.size(), 2 * (2 + 4) + (2 + 4u));
  std::string body = "mov.u32 %r10, data;\nmad.lo.u32 %r10, %r1, 4, %r10;\nadd.u32 %r11, %r1, 37;\nand.b32 %r11, %r11, "
                     "127;\nmov.u32 %r12, data;\nmad.lo.u32 %r11, %r11, 4, %r12;\nsetp.lt.u32 %p1, %r1, 64;\n";
  std::vector<uint32_t> expected(kThreads * steps.size());
  for (unsigned k = 0; k < steps.size(); ++k) {
    const auto &[spelling, count] = steps[k];
    const unsigned id = 1 + k % 15;
    const bool constant = k % 2;
    const std::string operands = constant ? " " + number(id) + (count ? ", 128" : "") : count ? " %r20, %r21" : " %r20";
    body += "mov.u32 %r20, " + number(id) + ";\nmov.u32 %r21, 128;\nadd.u32 %r13, %r1, " + number(1000 * k) +
            ";\nst.shared.u32 [%r10], %r13;\n";
    if (spelling.has("arrive"))
      // The first two warps tell, the others wait; they read what the first have written.
      body += "mov.u32 %r14, 0;\n@!%p1 bra WAIT" + number(k) + ";\n" + spelling.text + operands + ";\nbra DONE" +
              number(k) + ";\nWAIT" + number(k) + ":\nbarrier.sync %r20, 128;\nld.shared.u32 %r14, [%r10+-256];\nDONE" +
              number(k) + ":\n";
    else
      body += spelling.text + operands + ";\nld.shared.u32 %r14, [%r11];\n";
    body += "st.global.u32 [%rd2+" + number(4 * k) + "], %r14;\nbar.sync 0;\n";
    for (unsigned thread = 0; thread < kThreads; ++thread)
      expected[thread * steps.size() + k] =
          spelling.has("arrive") ? (thread < 64 ? 0 : 1000 * k + thread - 64) : 1000 * k + (thread + 37) % 128;
  }
  expectValues(kernelOf(".shared .align 4 .b8 data[512];", body, steps.size()), threads(kThreads), expected);
}

// Tests the reductions of all, some and no predicates, also negated.
TEST(FormsBarrier, Reductions) {
  std::string body;
  std::vector<std::vector<uint32_t>> columns;
  unsigned k = 0;
  for (const Spelling &spelling : formsOf({"bar", "barrier"}, "barrier")) {
    if (!spelling.has("red"))
      continue;
    for (unsigned every : {1u, 3u, 1000u})
      for (bool negated : {false, true}) {
        const bool count = (k / 2 + k / 6) % 2;
        const bool popc = spelling.has("popc");
        // True where thread + 1 is divisible.
        unsigned votes = 0;
        for (unsigned thread = 0; thread < kThreads; ++thread)
          votes += ((thread + 1) % every == 0) != negated;
        body += "add.u32 %r10, %r1, 1;\nrem.u32 %r10, %r10, " + number(every) + ";\nsetp.eq.u32 %p1, %r10, 0;\n" +
                spelling.text + (popc ? " %r11, " : " %p2, ") + number(k % 16) + (count ? ", 128" : "") +
                (negated ? ", !%p1;\n" : ", %p1;\n") + (popc ? "" : "selp.u32 %r11, 1, 0, %p2;\n") +
                "st.global.u32 [%rd2+" + number(4 * k) + "], %r11;\n";
        columns.push_back({popc ? votes : spelling.has("and") ? votes == kThreads : votes != 0});
        ++k;
      }
  }
  ASSERT_EQ(k, (2 + 4) * 3 * 6u);
  std::vector<uint32_t> expected;
  for (unsigned thread = 0; thread < kThreads; ++thread)
    for (const auto &column : columns)
      expected.push_back(column[0]);
  expectValues(kernelOf("", body, k), threads(kThreads), expected);
}

// Tests bar.warp.sync between lanes, with the whole warp and with halves of it.
TEST(FormsBarrier, WarpSync) {
  const std::string body =
      "mov.u32 %r10, data;\nmad.lo.u32 %r11, %r1, 4, %r10;\nst.shared.u32 [%r11], %r1;\nbar.warp.sync -1;\n"
      "xor.b32 %r12, %r1, 31;\nmad.lo.u32 %r12, %r12, 4, %r10;\nld.shared.u32 %r13, [%r12];\n"
      "st.global.u32 [%rd2], %r13;\nbar.warp.sync 0xffffffff;\nadd.u32 %r14, %r1, 100;\nst.shared.u32 [%r11], %r14;\n"
      "setp.lt.u32 %p1, %r1, 16;\nselp.b32 %r15, 0xffff, 0xffff0000, %p1;\nbar.warp.sync %r15;\n"
      "xor.b32 %r12, %r1, 15;\nmad.lo.u32 %r12, %r12, 4, %r10;\nld.shared.u32 %r13, [%r12];\n"
      "st.global.u32 [%rd2+4], %r13;\n";
  std::vector<uint32_t> expected;
  for (unsigned thread = 0; thread < 32; ++thread)
    expected.insert(expected.end(), {thread ^ 31, (thread ^ 15) + 100});
  expectValues(kernelOf(".shared .align 4 .b8 data[128];", body, 2), threads(32), expected);
}

// Tests barrier.cluster in each pairing of arrive and wait, between two blocks that read each other's shared memory.
TEST(FormsBarrier, Cluster) {
  std::vector<Spelling> arrivals, waits;
  for (const Spelling &spelling : formsOf({"barrier"}, "barrier"))
    if (spelling.has("cluster"))
      (spelling.has("arrive") ? arrivals : waits).push_back(spelling);
  ASSERT_EQ(arrivals.size(), 6u);
  ASSERT_EQ(waits.size(), 4u);
  std::string body = "mov.u32 %r10, data;\nmad.lo.u32 %r10, %r1, 4, %r10;\nxor.b32 %r11, %r2, 1;\n"
                     "mapa.shared::cluster.u32 %r12, %r10, %r11;\n";
  std::vector<std::vector<uint32_t>> columns;
  for (const Spelling &arrive : arrivals)
    for (const Spelling &wait : waits) {
      const unsigned k = columns.size();
      body += "mad.lo.u32 %r13, %r2, 100, %r1;\nadd.u32 %r13, %r13, " + number(1000 * k) +
              ";\nst.shared.u32 [%r10], %r13;\n" +
              (arrive.has("relaxed") ? "fence.acq_rel.cluster;\n" : "") + // orders what a relaxed arrival does not
              arrive.text + ";\n" + wait.text + ";\nld.shared::cluster.u32 %r14, [%r12];\nst.global.u32 [%rd2+" +
              number(4 * k) + "], %r14;\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\n";
      columns.push_back({1000 * k});
    }
  std::vector<uint32_t> expected;
  for (unsigned block = 0; block < 2; ++block)
    for (unsigned thread = 0; thread < 64; ++thread)
      for (const auto &column : columns)
        expected.push_back(column[0] + (1 - block) * 100 + thread);
  expectValues(kernelOf(".shared .align 4 .b8 data[256];", body, columns.size()), threads(64, 2, 2), expected);
}

// Tests that each fence lets a message pass from one warp to another: data, fence, flag; flag, fence, data. One-sided
// fences get a partner. The other fences, of proxies, are executed on either side, where they must change nothing.
TEST(FormsBarrier, Fences) {
  std::string writer, reader;
  unsigned k = 0;
  std::vector<uint32_t> expected;
  const std::vector<Spelling> fences = formsOf({"fence", "membar"}, "fence");
  ASSERT_GE(fences.size(), 35u);
  for (const Spelling &fence : fences) {
    const bool ordering = !fence.has("proxy") && !fence.has("mbarrier_init") &&
                          !fence.has("sync_restrict::shared::cluster") && !fence.has("sync_restrict::shared::cta") &&
                          llvm::none_of(fence.parts, [](const std::string &part) {
                            return llvm::StringRef(part).starts_with("proxy") || part == "async";
                          });
    std::string scope = fence.first({"cta", "cluster", "gpu", "sys"}, "gpu");
    std::string text = fence.text;
    for (const std::string &part : fence.parts)
      if (part == "tensormap::generic" && fence.has("acquire"))
        text += " [%rd1], 128";
    text += ";\n";
    const std::string both = "fence.acq_rel." + scope + ";\n";
    const std::string atWriter = !ordering ? text + both : fence.has("acquire") ? both : text;
    const std::string atReader = !ordering ? text + both : fence.has("release") ? both : text;
    const std::string slot = "+" + number(4 * k) + "]", label = "SPIN" + number(k);
    writer += "mov.u32 %r20, " + number(500 + k) + ";\nst.shared.u32 [%r11" + slot + ", %r20;\n" + atWriter +
              "mov.u32 %r21, 1;\nst.relaxed." + scope + ".shared.u32 [%r10" + slot + ", %r21;\n";
    reader += label + ":\nld.relaxed." + scope + ".shared.u32 %r20, [%r10" + slot +
              ";\nsetp.ne.u32 %p3, %r20, 1;\n@%p3 bra " + label + ";\n" + atReader + "ld.shared.u32 %r20, [%r11" +
              slot + ";\nst.global.u32 [%rd1" + slot + ", %r20;\n";
    expected.push_back(500 + k);
    ++k;
  }
  // The flags start at zero before anybody looks.
  std::string start =
      "mov.u32 %r10, flags;\nmov.u32 %r5, 0;\nmad.lo.u32 %r6, %r1, 4, %r10;\nst.shared.u32 [%r6], %r5;\n"
      "bar.sync 0;\n";
  ASSERT_LE(k, 64u);
  expected.resize(64);
  const std::string text =
      kernel(1, ".shared .align 16 .b8 flags[256];\n.shared .align 16 .b8 data[256];",
             start +
                 "mov.u32 %r11, data;\nand.b32 %r12, %r1, 31;\nsetp.ne.u32 %p2, %r12, 0;\n@%p2 exit;\n"
                 "setp.lt.u32 %p1, %r1, 32;\n@!%p1 bra READ;\n" +
                 writer + "ret;\nREAD:\n" + reader);
  expectValues(text, threads(64), expected);
}

// Tests what only pauses: it changes nothing and ends.
TEST(FormsBarrier, Pauses) {
  std::string body = "mov.u32 %r10, 100;\n";
  for (const Spelling &spelling : formsOf({"griddepcontrol", "nanosleep"}, "barrier"))
    body += spelling.parts[0] == "nanosleep" ? "nanosleep.u32 %r10;\nnanosleep.u32 1000000;\nnanosleep.u32 0;\n"
                                             : spelling.text + ";\n";
  body += "mov.u64 %rd3, %globaltimer;\nnanosleep.u32 500;\nmov.u64 %rd4, %globaltimer;\nsub.u64 %rd3, %rd4, %rd3;\n"
          "setp.ge.u64 %p1, %rd3, 500;\nselp.u32 %r11, 7, 8, %p1;\nst.global.u32 [%rd2], %r11;\n";
  expectValues(kernelOf("", body, 1), threads(32), std::vector<uint32_t>(32, 7));
}
