// Every form of exchange within a warp, against a model of 32 lanes: shfl with segments, clamps and predicates, vote,
// match, redux, elect and activemask, over full and partial member masks.
#include "FormsBench.h"

#include <array>

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

constexpr unsigned kLanes = 32;
using Lanes = std::array<uint64_t, kLanes>;

/// What a lane may expect: a value, or nothing where the ISA leaves it open.
using Expected = std::array<std::optional<uint64_t>, kLanes>;

constexpr uint32_t kMasks[] = {0xffffffff, 0x0000ffff, 0xf0f0a5a5, 0x00000100, 0x80000001};

/// One instruction of all lanes of `mask`. Operands are in %d0 (64 bits), %r0, %r1, %r2 and %p0; results come from %r8
/// and %p1.
struct Case {
  std::string instruction;
  uint32_t mask;
  Lanes a{}, b{}, c{};
  Expected value, predicate;
};

std::string kernelOf(const std::vector<Case> &cases) {
  std::string text = std::string(kHeader) +
                     ".visible .entry k(.param .u64 in, .param .u64 out)\n{\n.reg .pred %p<4>, %in_mask;\n"
                     ".reg .b32 %r<12>, %lane, %bit;\n.reg .b64 %d<4>, %in, %out;\nld.param.u64 %in, [in];\n"
                     "ld.param.u64 %out, [out];\nmov.u32 %lane, %laneid;\nmul.wide.u32 %d1, %lane, 24;\n"
                     "add.u64 %in, %in, %d1;\nmul.wide.u32 %d1, %lane, 16;\nadd.u64 %out, %out, %d1;\n"
                     "mov.u32 %bit, 1;\nshl.b32 %bit, %bit, %lane;\n";
  for (size_t k = 0; k < cases.size(); ++k) {
    const std::string in = "[%in+" + number(k * kLanes * 24), out = "[%out+" + number(k * kLanes * 16);
    text += "ld.global.u64 %d0, " + in + "];\nld.global.u32 %r0, " + in + "];\nld.global.u32 %r1, " + in +
            "+8];\nld.global.u32 %r2, " + in +
            "+16];\nsetp.ne.u32 %p0, %r0, 0;\nmov.u32 %r8, 0;\nsetp.ne.u32 %p1, %lane, "
            "%lane;\nmov.u32 %r3, " +
            number(cases[k].mask) +
            ";\nand.b32 %r4, %r3, %bit;\nsetp.eq.u32 %in_mask, %r4, 0;\n"
            "@%in_mask bra SKIP" +
            number(k) + ";\n" + cases[k].instruction + "\nst.global.u32 " + out +
            "], %r8;\nselp.u32 %r9, 1, 0, %p1;\nst.global.u32 " + out + "+8], %r9;\nSKIP" + number(k) + ":\n";
  }
  return text + "ret;\n}\n";
}

/// Runs the cases, each in every way, and compares.
void check(const std::vector<Case> &cases) {
  constexpr size_t chunk = 100;
  for (size_t start = 0; start < cases.size(); start += chunk) {
    const std::vector<Case> part(cases.begin() + start, cases.begin() + std::min(cases.size(), start + chunk));
    std::vector<uint64_t> input;
    for (const Case &one : part)
      for (unsigned lane = 0; lane < kLanes; ++lane)
        input.insert(input.end(), {one.a[lane], one.b[lane], one.c[lane]});
    const std::string text = kernelOf(part);
    std::vector<Options> all = plainAndChecked();
    if (start == 0) { // order matters to none of them: once is enough
      all.push_back(all.back());
      all.back().randomSchedule = true;
    }
    for (const Options &options : all) {
      Bench bench;
      const uint64_t in = bench.upload(input),
                     out = bench.upload(std::vector<uint64_t>(part.size() * kLanes * 2, ~0ull));
      const LaunchResult result = bench.run(text, threads(kLanes), {in, out}, options);
      ASSERT_TRUE(result.clean()) << textOf(result) << text;
      const std::vector<uint64_t> output = bench.download<uint64_t>(out, part.size() * kLanes * 2);
      for (size_t k = 0; k < part.size(); ++k)
        for (unsigned lane = 0; lane < kLanes; ++lane) {
          const uint32_t value = uint32_t(output[(k * kLanes + lane) * 2]),
                         predicate = uint32_t(output[(k * kLanes + lane) * 2 + 1]);
          const bool member = part[k].mask >> lane & 1;
          if (!member)
            ASSERT_EQ(value, ~0u) << "lane " << lane << " did not take part";
          else if (part[k].value[lane])
            ASSERT_EQ(value, uint32_t(*part[k].value[lane]))
                << part[k].instruction << " lane " << lane << " of mask " << llvm::utohexstr(part[k].mask);
          if (member && part[k].predicate[lane])
            ASSERT_EQ(predicate, *part[k].predicate[lane])
                << "predicate of " << part[k].instruction << " lane " << lane << " of mask "
                << llvm::utohexstr(part[k].mask) << " b " << part[k].b[lane] << " c " << part[k].c[lane];
        }
    }
  }
}

std::string maskText(uint32_t mask, bool immediate) { return immediate ? number(mask) : "%r3"; }

/// shfl, as its description computes lanes (PTX ISA 9.0, "shfl.sync").
void expectShuffle(Case &one, const std::string &mode) {
  for (int lane = 0; lane < int(kLanes); ++lane) {
    const int b = int(one.b[lane] % 32), clamp = int(one.c[lane] % 32), segment = int(one.c[lane] / 256 % 32);
    const int first = lane & segment, bound = first | (clamp & ~segment & 31);
    int source = mode == "up"     ? lane - b
                 : mode == "down" ? lane + b
                 : mode == "bfly" ? lane ^ b
                                  : first | (b & ~segment & 31);
    const bool inRange = mode == "up" ? source >= bound : source <= bound;
    if (!inRange)
      source = lane;
    one.predicate[lane] = inRange;
    if (one.mask >> source & 1)
      one.value[lane] = uint32_t(one.a[source]);
  }
}

} // namespace

// Tests the four modes with uniform and with diverging lane operands, in segments of every size, with and without the
// predicate and with a sink for the value.
TEST(FormsWarp, Shuffles) {
  std::mt19937 random(1);
  std::vector<Case> cases;
  for (const Spelling &spelling : sample([](const ptx::Form &form) { return hasOpcode(form, {"shfl"}); },
                                         [](const Spelling &spelling) { return spelling.text; })) {
    const std::string mode = spelling.parts[2];
    for (uint32_t mask : kMasks)
      for (unsigned width : {32u, 16u, 8u, 4u, 2u, 1u})
        for (unsigned variant = 0; variant < 3; ++variant) {
          Case one;
          one.mask = mask;
          // As compilers write it: the clamp is 0 for up, else 31, and the segment's bits are those above the width.
          const unsigned c = (32 - width) << 8 | (mode == "up" ? 0 : 31), b = random() % 32;
          for (unsigned lane = 0; lane < kLanes; ++lane) {
            one.a[lane] = random();
            one.b[lane] = variant == 2 ? random() : variant == 0 ? b : b % width;
            one.c[lane] = variant == 2 ? random() & 0x1f1f : c;
          }
          const bool constants = variant == 0;
          one.instruction = spelling.text + (variant == 1 ? " %r8" : " %r8|%p1") + ", %r0, " +
                            (constants ? number(b) + ", " + number(c) : "%r1, %r2") + ", " +
                            maskText(mask, variant != 1) + ";";
          expectShuffle(one, mode);
          if (variant == 1)
            one.predicate.fill(0); // it is as it was
          cases.push_back(one);
        }
  }
  ASSERT_EQ(cases.size(), 4 * 5 * 6 * 3u);
  check(cases);
}

// Tests all, any, uni and ballot on constant, mixed and negated predicates.
TEST(FormsWarp, Votes) {
  std::mt19937 random(2);
  std::vector<Case> cases;
  for (const Spelling &spelling : sample([](const ptx::Form &form) { return hasOpcode(form, {"vote"}); },
                                         [](const Spelling &spelling) { return spelling.text; })) {
    const std::string mode = spelling.parts[2];
    for (uint32_t mask : kMasks)
      for (uint32_t truth : {0u, ~0u, uint32_t(random()), 1u << random() % 32, ~(1u << random() % 32), mask, ~mask})
        for (bool negated : {false, true}) {
          Case one;
          one.mask = mask;
          for (unsigned lane = 0; lane < kLanes; ++lane)
            one.a[lane] = truth >> lane & 1 ? random() | 1 : 0;
          const uint32_t voted = (negated ? ~truth : truth) & mask;
          one.instruction = spelling.text + (mode == "ballot" ? " %r8, " : " %p1, ") + (negated ? "!%p0, " : "%p0, ") +
                            maskText(mask, truth & 1) + ";";
          if (mode == "ballot")
            one.value.fill(voted);
          else
            one.predicate.fill(mode == "all"   ? voted == mask
                               : mode == "any" ? voted != 0
                                               : voted == 0 || voted == mask);
          cases.push_back(one);
        }
  }
  ASSERT_EQ(cases.size(), 4 * 5 * 7 * 2u);
  check(cases);
}

// Tests match.any and match.all in both widths on equal, grouped and distinct values; 64-bit ones differ in their upper
// half only.
TEST(FormsWarp, Matches) {
  std::mt19937_64 random(3);
  std::vector<Case> cases;
  for (const Spelling &spelling : sample([](const ptx::Form &form) { return hasOpcode(form, {"match"}); },
                                         [](const Spelling &spelling) { return spelling.text; })) {
    const bool all = spelling.has("all"), wide = spelling.has("b64");
    for (uint32_t mask : kMasks)
      for (unsigned distinct : {1u, 2u, 5u, 32u})
        for (bool pair : {false, true}) {
          if (pair && !all)
            continue;
          Case one;
          one.mask = mask;
          const uint64_t base = random() >> 1;
          for (unsigned lane = 0; lane < kLanes; ++lane)
            one.a[lane] = wide ? base + (random() % distinct << 40) : uint32_t(base + random() % distinct);
          for (unsigned lane = 0; lane < kLanes; ++lane) {
            uint32_t equal = 0;
            for (unsigned other = 0; other < kLanes; ++other)
              equal |= uint32_t(mask >> other & 1 && one.a[other] == one.a[lane]) << other;
            one.value[lane] = !all || equal == mask ? equal : 0;
            one.predicate[lane] = pair && equal == mask;
          }
          if (all) // what one member has all have
            for (unsigned lane = 0; lane < kLanes; ++lane)
              if (!(mask >> lane & 1))
                one.value[lane] = {}, one.predicate[lane] = {};
          one.instruction = spelling.text + (pair ? " %r8|%p1, " : " %r8, ") + (wide ? "%d0, " : "%r0, ") +
                            maskText(mask, distinct & 1) + ";";
          cases.push_back(one);
        }
  }
  ASSERT_EQ(cases.size(), (2 + 4) * 5 * 4u);
  check(cases);
}

// Tests each operation of redux on random values, extremes and small ones, whose signs matter.
TEST(FormsWarp, Reductions) {
  std::mt19937 random(4);
  std::vector<Case> cases;
  for (const Spelling &spelling : sample([](const ptx::Form &form) { return hasOpcode(form, {"redux"}); },
                                         [](const Spelling &spelling) { return spelling.text; })) {
    const std::string operation = spelling.parts[2];
    const bool isSigned = spelling.has("s32");
    for (uint32_t mask : kMasks)
      for (unsigned kind = 0; kind < 4; ++kind) {
        Case one;
        one.mask = mask;
        std::vector<uint32_t> members;
        for (unsigned lane = 0; lane < kLanes; ++lane) {
          const uint32_t value = kind == 0   ? random()
                                 : kind == 1 ? random() % 7 - 3
                                 : kind == 2 ? 0x80000000 + random() % 3 - 1
                                             : ~(1u << random() % 32);
          one.a[lane] = value;
          if (mask >> lane & 1)
            members.push_back(value);
        }
        auto less = [&](uint32_t x, uint32_t y) { return isSigned ? int32_t(x) < int32_t(y) : x < y; };
        uint32_t sum = 0, conjunction = ~0u, disjunction = 0, parity = 0;
        for (uint32_t value : members)
          sum += value, conjunction &= value, disjunction |= value, parity ^= value;
        one.value.fill(operation == "add"   ? sum
                       : operation == "min" ? *std::min_element(members.begin(), members.end(), less)
                       : operation == "max" ? *std::max_element(members.begin(), members.end(), less)
                       : operation == "and" ? conjunction
                       : operation == "or"  ? disjunction
                                            : parity);
        one.instruction = spelling.text + " %r8, %r0, " + maskText(mask, kind & 1) + ";";
        cases.push_back(one);
      }
  }
  ASSERT_EQ(cases.size(), 9 * 5 * 4u);
  check(cases);
}

// Tests that elect.sync agrees on one member, the same in each form of its result, and that activemask has at least the
// asking lane and no lane that does not exist.
TEST(FormsWarp, ElectAndActivemask) {
  for (uint32_t mask : kMasks)
    for (const char *result : {"%r8|%p1", "%r8", "_|%p1"}) {
      const std::string text = kernel(1, "",
                                      "mov.u32 %r3, " + number(mask) +
                                          ";\nmov.u32 %r4, 1;\nshl.b32 %r4, %r4, %r1;\n"
                                          "mov.u32 %r8, 77;\nsetp.ne.u32 %p1, %r1, %r1;\nand.b32 %r5, %r3, %r4;\n"
                                          "setp.eq.u32 %p2, %r5, 0;\n@%p2 exit;\nelect.sync " +
                                          result +
                                          ", %r3;\nselp.u32 %r9, 1, 0, %p1;\nactivemask.b32 %r10;\n"
                                          "mul.wide.u32 %rd2, %r1, 16;\nadd.u64 %rd1, %rd1, %rd2;\n"
                                          "st.global.v4.u32 [%rd1], {%r8, %r9, %r10, %r4};\n");
      for (const Options &options : ways(2)) {
        Bench bench;
        const uint64_t out = bench.upload(std::vector<uint32_t>(kLanes * 4));
        const LaunchResult launched = bench.run(text, threads(kLanes), {out}, options);
        ASSERT_TRUE(launched.clean()) << textOf(launched) << text;
        const std::vector<uint32_t> output = bench.download<uint32_t>(out, kLanes * 4);
        std::set<uint32_t> leaders;
        uint32_t grouped = 0;
        unsigned elected = 0;
        for (unsigned lane = 0; lane < kLanes; ++lane) {
          if (!(mask >> lane & 1))
            continue;
          const uint32_t *got = &output[lane * 4];
          leaders.insert(got[0]);
          elected += got[1];
          if (got[1] && result[0] == '%')
            EXPECT_EQ(got[0], lane);
          EXPECT_NE(got[2] & got[3], 0u) << "activemask without the lane itself";
          EXPECT_EQ(got[2] & ~mask, 0u) << "activemask with a lane that has exited";
          grouped += got[2] == mask;
          for (unsigned other = 0; other < kLanes; ++other)
            if (got[2] >> other & 1)
              EXPECT_EQ(output[other * 4 + 2], got[2]) << "lanes " << lane << " and " << other;
        }
        EXPECT_EQ(leaders.size(), 1u);
        if (!options.randomSchedule)
          EXPECT_EQ(grouped, unsigned(std::popcount(mask))) << "all are converged";
        if (result[0] == '%')
          EXPECT_TRUE(mask >> *leaders.begin() & 1) << "the leader " << *leaders.begin() << " is no member";
        if (std::string(result).find("%p1") != std::string::npos)
          EXPECT_EQ(elected, 1u);
      }
    }
}

// Tests that lanes which have exited, or never existed, are not waited for and do not count.
TEST(FormsWarp, AbsentLanes) {
  // Twenty threads, of which the first four leave: members are 4 to 19.
  const std::string text =
      kernel(1, "",
             "setp.lt.u32 %p1, %r1, 4;\n@%p1 exit;\nvote.sync.ballot.b32 %r3, 1, -1;\nsetp.ge.u32 %p2, %r1, 4;\n"
             "vote.sync.all.pred %p3, %p2, -1;\nselp.u32 %r4, 1, 0, %p3;\nredux.sync.add.u32 %r5, %r1, -1;\n"
             "match.any.sync.b32 %r6, 5, -1;\nmatch.all.sync.b32 %r7|%p4, 5, -1;\nredux.sync.and.b32 %r8, %r1, -1;\n"
             "bar.warp.sync -1;\nmul.wide.u32 %rd2, %r1, 24;\nadd.u64 %rd1, %rd1, %rd2;\n"
             "st.global.v2.u32 [%rd1], {%r3, %r4};\nst.global.v2.u32 [%rd1+8], {%r5, %r6};\n"
             "st.global.v2.u32 [%rd1+16], {%r7, %r8};\n");
  std::vector<uint32_t> expected(20 * 6);
  for (unsigned thread = 4; thread < 20; ++thread) {
    const uint32_t row[] = {0xffff0, 1, (4 + 19) * 16 / 2, 0xffff0, 0xffff0, 0};
    std::copy(std::begin(row), std::end(row), &expected[thread * 6]);
  }
  expectClean<uint32_t>(text, threads(20), expected, [](Bench &, uint64_t out) { return std::vector<uint64_t>{out}; });
}
