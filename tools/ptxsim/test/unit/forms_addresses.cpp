// Parameters of functions by every form of ld and st; the instructions that convert addresses, ask what they name, or
// advise the caches.
#include "FormsBench.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

/// Runs a kernel with parameters in and out on one warp, plain and with every check; `out` starts as zeros.
template <class T>
std::vector<T> outputOf(const std::string &text, const std::vector<T> &input, size_t outputs, uint32_t blocks = 1) {
  std::vector<T> output, last;
  for (const Options &options : plainAndChecked()) {
    Bench bench;
    const uint64_t in = bench.upload(input), out = bench.upload(std::vector<T>(outputs));
    const LaunchResult result = bench.run(text, threads(32, blocks, blocks), {in, out}, options);
    EXPECT_TRUE(result.clean()) << textOf(result) << text;
    output = bench.download<T>(out, outputs);
    EXPECT_TRUE(last.empty() || last == output) << "checks change values\n" << text;
    last = output;
  }
  return output;
}

std::string prefixOf(unsigned bits) { return bits <= 16 ? "%h" : bits == 32 ? "%r" : bits == 64 ? "%d" : "%q"; }

const char *const kRegisters = ".reg .pred %p<8>;\n.reg .b16 %h<8>;\n.reg .b32 %r<8>;\n.reg .b64 %d<8>, %in, %out;\n"
                               ".reg .b128 %q<2>;\n";

} // namespace

// Tests parameters in both directions: the caller's st and the callee's ld for the argument, the callee's st and the
// caller's ld for the result. Element by element the bytes arrive as they were.
TEST(FormsAddresses, ParametersOfFunctions) {
  auto key = [](const Spelling &spelling) { return number(spelling.elements) + ptx::name(spelling.type).str(); };
  auto ofFunctions = [&](const char *opcode) {
    std::vector<Spelling> result;
    auto wanted = [&](const ptx::Form &form) { return hasOpcode(form, {opcode}) && isFamily(form, "memory"); };
    for (Spelling &spelling : sample(wanted, key))
      if (spelling.has("param") || spelling.has("param::func"))
        result.push_back(std::move(spelling));
    // The sample has few of this space: every type and width is added.
    for (const ptx::Form &form : ptx::instructionTable())
      if (wanted(form))
        for (std::vector<std::string> &parts : ptx::spellings(form))
          if (parts.size() <= 4 && parts[1] == "param")
            result.emplace_back(form, std::move(parts));
    return result;
  };
  const std::vector<Spelling> loads = ofFunctions("ld"), stores = ofFunctions("st");
  ASSERT_GE(loads.size(), 30u);
  ASSERT_GE(stores.size(), 30u);
  std::string functions, body;
  unsigned count = 0;
  std::vector<unsigned> sizes;
  // Each load meets a store of its type and width, and each store a load.
  std::vector<std::pair<const Spelling *, const Spelling *>> pairs;
  std::set<std::string> kinds;
  for (const Spelling &load : loads)
    kinds.insert(key(load));
  for (const std::string &kind : kinds) {
    std::vector<const Spelling *> in, out;
    for (const Spelling &load : loads)
      if (key(load) == kind)
        in.push_back(&load);
    for (const Spelling &store : stores)
      if (key(store) == kind)
        out.push_back(&store);
    ASSERT_FALSE(out.empty()) << kind;
    for (size_t k = 0; k < std::max(in.size(), out.size()); ++k)
      pairs.push_back({in[k % in.size()], out[k % out.size()]});
  }
  for (auto [loadForm, storeForm] : pairs) {
    const Spelling &load = *loadForm, &store = *storeForm;
    const unsigned bits = ptx::bitWidth(load.type);
    const std::string values = registers(prefixOf(bits), load.elements), id = number(count);
    sizes.push_back(bits / 8 * load.elements);
    const std::string bytes = number(sizes.back());
    functions += ".func (.param .align 16 .b8 r[" + bytes + "]) echo" + id + "(.param .align 16 .b8 a[" + bytes +
                 "])\n{\n" + kRegisters + load.text + " " + values + ", [a];\n" + store.text + " [r], " + values +
                 ";\nret;\n}\n";
    const std::string cell = number(16 * count);
    // The caller moves the same bytes by the same forms.
    body += "{\n.param .align 16 .b8 a[" + bytes + "];\n.param .align 16 .b8 r[" + bytes + "];\n";
    body += bits == 128 ? "ld.global.v2.b64 {%d0, %d1}, [%in+" + cell + "];\nmov.b128 %q0, {%d0, %d1};\n"
                        : "ld.global" + std::string(load.elements > 1 ? ".v" + number(load.elements) : "") + ".b" +
                              number(bits) + " " + values + ", [%in+" + cell + "];\n";
    body +=
        store.text + " [a], " + values + ";\ncall (r), echo" + id + ", (a);\n" + load.text + " " + values + ", [r];\n";
    body += bits == 128 ? "mov.b128 {%d0, %d1}, %q0;\nst.global.v2.b64 [%out+" + cell + "], {%d0, %d1};\n}\n"
                        : "st.global" + std::string(load.elements > 1 ? ".v" + number(load.elements) : "") + ".b" +
                              number(bits) + " [%out+" + cell + "], " + values + ";\n}\n";
    ++count;
  }
  ASSERT_GE(count, 30u);
  const std::string text = std::string(kHeader) + functions +
                           ".visible .entry k(.param .u64 in, .param .u64 out)\n{\n" + kRegisters +
                           "ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nmov.u32 %r0, %tid.x;\n"
                           "setp.ne.u32 %p0, %r0, 0;\n@%p0 bra END;\n" +
                           body + "END:\nret;\n}\n";
  const std::vector<uint8_t> input = randomBytes(16 * count, 5), output = outputOf(text, input, input.size());
  for (unsigned k = 0; k < count; ++k)
    for (unsigned byte = 0; byte < 16; ++byte)
      ASSERT_EQ(output[16 * k + byte], byte < sizes[k] ? input[16 * k + byte] : 0) << "pair " << k << " byte " << byte;
}

// Tests that what cvta makes reaches the variable, that cvta.to undoes it, and isspacep for each window.
TEST(FormsAddresses, ConversionsAndSpaces) {
  struct Window {
    const char *name, *variable, *conversion; ///< conversion: the space in cvta
    const char *spaces;                       ///< that isspacep affirms
  };
  // Constants and kernel parameters lie in the global window (PTX ISA 9.0, "isspacep").
  const Window windows[] = {
      {"global", "globalData", "global", "global"},
      {"const", "constantData", "const", "const global"},
      {"local", "localData", "local", "local"},
      {"shared", "sharedData", "shared", "shared shared::cta shared::cluster"},
      {"shared::cta", "sharedData", "shared::cta", "shared shared::cta shared::cluster"},
      {"shared::cluster", "sharedData", "shared::cluster", "shared shared::cta shared::cluster"},
      {"param", "parameter", "param", "param param::entry global"},
      {"param::entry", "parameter", "param::entry", "param param::entry global"},
  };
  std::vector<Spelling> questions =
      sample([](const ptx::Form &form) { return hasOpcode(form, {"isspacep"}); }, [](auto &s) { return s.text; });
  ASSERT_EQ(questions.size(), 8u);
  std::string body;
  unsigned slot = 0;
  std::vector<uint64_t> expected;
  std::vector<std::string> what;
  auto emit = [&](const std::string &value, uint64_t wanted, const std::string &name) {
    body += "st.global.u64 [%out+" + number(8 * slot++) + "], " + value + ";\n";
    expected.push_back(wanted);
    what.push_back(name);
  };
  uint64_t content = 0x1111'2222'3333'4400;
  for (const Window &window : windows) {
    const bool writable = llvm::StringRef(window.name) != "const" && !llvm::StringRef(window.name).starts_with("param");
    const std::string plain = llvm::StringRef(window.name).starts_with("shared")  ? "shared"
                              : llvm::StringRef(window.name).starts_with("param") ? "param"
                                                                                  : window.name;
    body += std::string("mov.u64 %d0, ") + window.variable + ";\n";
    if (writable)
      body += "mov.u64 %d1, " + number(++content) + ";\nst." + plain + ".u64 [%d0], %d1;\n";
    body += std::string("cvta.") + window.conversion + ".u64 %d2, %d0;\nld.u64 %d3, [%d2];\n";
    emit("%d3", writable ? content : window.name[0] == 'c' ? 77 : 0, std::string("generic load of ") + window.name);
    if (window.name[0] == 'p')
      expected.back() = ~uint64_t(0); // the parameter `in`: filled in below
    body += std::string("cvta.to.") + window.conversion + ".u64 %d4, %d2;\nsub.u64 %d4, %d4, %d0;\n";
    emit("%d4", 0, std::string("cvta.to undoes cvta for ") + window.name);
    for (const Spelling &question : questions) {
      llvm::SmallVector<llvm::StringRef> yes;
      llvm::StringRef(window.spaces).split(yes, ' ');
      body += question.text + " %p0, %d2;\nselp.u64 %d5, 1, 0, %p0;\n";
      emit("%d5", llvm::is_contained(yes, llvm::StringRef(question.parts[1])),
           question.text + " of an address in " + window.name);
    }
  }
  const std::string text =
      std::string(kHeader) +
      ".global .align 8 .u64 globalData;\n.const .align 8 .u64 constantData = 77;\n"
      ".visible .entry k(.param .u64 parameter, .param .u64 out)\n{\n" +
      kRegisters +
      ".shared .align 8 .u64 sharedData;\n.local .align 8 .u64 localData;\nld.param.u64 %out, [out];\n"
      "mov.u32 %r0, %tid.x;\nsetp.ne.u32 %p0, %r0, 0;\n@%p0 bra END;\n" +
      body + "END:\nret;\n}\n";
  for (const Options &options : plainAndChecked()) {
    Bench bench;
    const uint64_t out = bench.upload(std::vector<uint64_t>(slot));
    const LaunchResult result = bench.run(text, threads(32), {1234, out}, options);
    ASSERT_TRUE(result.clean()) << textOf(result) << text;
    const std::vector<uint64_t> output = bench.download<uint64_t>(out, slot);
    for (unsigned k = 0; k < slot; ++k)
      EXPECT_EQ(output[k], expected[k] == ~uint64_t(0) ? 1234 : expected[k]) << what[k];
  }
}

// Tests mapa and getctarank, each form, from every block of a cluster of four to every other.
TEST(FormsAddresses, BlocksOfACluster) {
  constexpr unsigned blocks = 4;
  std::string body = "mov.u32 %r0, %cluster_ctarank;\nmov.u32 %r1, data;\ncvt.u64.u32 %d1, %r1;\n"
                     "cvta.shared.u64 %d2, %d1;\nadd.u32 %r2, %r0, 100;\nst.shared.u32 [%r1], %r2;\n"
                     "barrier.cluster.arrive;\nbarrier.cluster.wait;\nmul.wide.u32 %d3, %r0, 256;\n"
                     "add.u64 %out, %out, %d3;\n";
  unsigned slot = 0;
  auto emit = [&](const char *value) { body += "st.global.u32 [%out+" + number(4 * slot++) + "], " + value + ";\n"; };
  for (unsigned rank = 0; rank < blocks; ++rank) {
    // An immediate and a register name the block.
    body += "mov.u32 %r3, " + number(rank) +
            ";\nmapa.shared::cluster.u32 %r4, %r1, %r3;\n"
            "ld.shared::cluster.u32 %r5, [%r4];\n";
    emit("%r5");
    body += "getctarank.shared::cluster.u32 %r5, %r4;\n";
    emit("%r5");
    body += "mapa.shared::cluster.u64 %d4, %d1, " + number(rank) + ";\nld.shared::cluster.u32 %r5, [%d4];\n";
    emit("%r5");
    body += "getctarank.shared::cluster.u64 %r5, %d4;\n";
    emit("%r5");
    body += "mapa.u64 %d4, %d2, %r3;\nld.u32 %r5, [%d4];\n";
    emit("%r5");
    body += "getctarank.u64 %r5, %d4;\n";
    emit("%r5");
    for (const char *space : {"shared::cta", "shared::cluster"}) {
      body += std::string("isspacep.") + space + " %p0, %d4;\nselp.u32 %r5, 1, 0, %p0;\n";
      emit("%r5");
    }
    body += "cvta.to.shared::cluster.u64 %d4, %d4;\nld.shared::cluster.u32 %r5, [%d4];\n";
    emit("%r5");
  }
  // Addresses that no mapa has made belong to the executing block.
  body += "getctarank.shared::cluster.u32 %r5, %r1;\n";
  emit("%r5");
  body += "getctarank.u64 %r5, %d2;\n";
  emit("%r5");
  body += "barrier.cluster.arrive;\nbarrier.cluster.wait;\n";
  const std::string text = std::string(kHeader) + ".visible .entry k(.param .u64 in, .param .u64 out)\n{\n" +
                           kRegisters +
                           ".shared .align 4 .u32 data;\nld.param.u64 %out, [out];\nmov.u32 %r0, %tid.x;\n"
                           "setp.ne.u32 %p0, %r0, 0;\n@%p0 exit;\n" +
                           body + "ret;\n}\n";
  ASSERT_LE(slot, 64u);
  const std::vector<uint32_t> output = outputOf<uint32_t>(text, {0}, 64 * blocks, blocks);
  for (unsigned block = 0; block < blocks; ++block) {
    const uint32_t *at = &output[64 * block];
    for (unsigned rank = 0; rank < blocks; ++rank)
      for (uint32_t expected :
           {100 + rank, rank, 100 + rank, rank, 100 + rank, rank, uint32_t(rank == block), 1u, 100 + rank}) {
        EXPECT_EQ(*at, expected) << "block " << block << " to " << rank << ", value " << (at - &output[64 * block]);
        ++at;
      }
    EXPECT_EQ(at[0], block);
    EXPECT_EQ(at[1], block);
  }
}

// Tests that advice to the caches changes no memory and is no access: also of bytes that nobody has written, and of
// places that hold nothing.
TEST(FormsAddresses, AdviceToCaches) {
  std::vector<Spelling> all = sample(
      [](const ptx::Form &form) {
        return hasOpcode(form, {"prefetch", "prefetchu", "applypriority", "createpolicy"});
      },
      [](const Spelling &spelling) { return spelling.text; });
  ASSERT_GE(all.size(), 30u);
  std::string body = "mov.u64 %d0, localData;\nmov.u64 %d1, constantData;\n"
                     "createpolicy.fractional.L2::evict_first.b64 %d3;\n";
  for (const Spelling &spelling : all) {
    const std::string space = spelling.first({"local", "const", "param"});
    const std::string address = space == "local"   ? "[%d0+128]"
                                : space == "const" ? "[%d1]"
                                : space == "param" ? "[blob]"
                                                   : "[%out+128]";
    if (spelling.parts[0] == "applypriority")
      body += spelling.text + " " + address + ", 128;\n";
    else if (spelling.has("range"))
      body += spelling.text + " %d2, " + address + ", 4096, 8192;\nld.global.L2::cache_hint.u32 %r0, [%in], %d2;\n";
    else if (spelling.has("fractional"))
      body +=
          spelling.text + " %d2;\n" + spelling.text + " %d2, 0.5;\nst.global.L2::cache_hint.u32 [%out+4], 7, %d2;\n";
    else if (spelling.has("cvt"))
      body += spelling.text + " %d2, %d3;\nld.global.L2::cache_hint.u32 %r0, [%in], %d2;\n";
    else
      body += spelling.text + " " + address + ";\n";
  }
  body += "prefetch.global.L1 [%in+1048576];\nprefetch.global.L2 [0];\nld.global.u32 %r0, [%in];\n"
          "st.global.u32 [%out], %r0;\n";
  const std::string text =
      std::string(kHeader) +
      ".const .align 64 .b8 constantData[128];\n.visible .entry k(.param .u64 in, .param .u64 out, "
      ".param .align 64 .b8 blob[128])\n{\n" +
      kRegisters +
      ".local .align 128 .b8 localData[256];\nld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nmov.u32 %r0, "
      "%tid.x;\n"
      "setp.ne.u32 %p0, %r0, 0;\n@%p0 exit;\n" +
      body + "ret;\n}\n";
  for (const Options &options : plainAndChecked()) {
    Bench bench;
    const std::vector<uint32_t> before(128, 0xabcd1234);
    const uint64_t in = bench.upload(std::vector<uint32_t>{99}), out = bench.upload(before);
    std::vector<uint64_t> parameters{in, out};
    parameters.resize(8 + 16);
    const LaunchResult result = bench.run(text, threads(32), parameters, options);
    ASSERT_TRUE(result.clean()) << textOf(result) << text;
    std::vector<uint32_t> after = before;
    after[0] = 99;
    after[1] = 7;
    EXPECT_EQ(bench.download<uint32_t>(out, 128), after);
  }
}

// Tests that discard is an access like a store of 128 bytes that leaves nothing defined.
TEST(FormsAddresses, Discard) {
  for (const char *form : {"discard.L2", "discard.global.L2"}) {
    auto text = [&](const char *address, const char *behind) {
      return kernel(1, "",
                    std::string("setp.ne.u32 %p1, %r1, 0;\n@%p1 exit;\n") + form + " [%rd1+" + address + "], 128;\n" +
                        behind);
    };
    auto run = [&](const std::string &ptx, const Options &options) {
      Bench bench;
      const uint64_t out = bench.upload(std::vector<uint32_t>(64, 5));
      LaunchResult result = bench.run(ptx, threads(32), {out}, options);
      return std::pair(std::move(result), bench.download<uint32_t>(out, 64));
    };
    for (const Options &options : plainAndChecked()) {
      auto [result, values] = run(text("128", "st.global.u32 [%rd1+128], 6;\nld.global.u32 %r3, [%rd1+128];\n"
                                              "st.global.u32 [%rd1], %r3;\n"),
                                  options);
      EXPECT_TRUE(result.clean()) << textOf(result);
      EXPECT_EQ(values[0], 6u);
      EXPECT_EQ(values[31], 5u) << "in front of the discarded bytes";
      EXPECT_EQ(values[32], 6u);
      EXPECT_TRUE(contains(run(text("256", ""), options).first, Check::Bounds, "behind the end"));
      EXPECT_TRUE(contains(run(text("64", ""), options).first, Check::Bounds, "misaligned"));
    }
    Options checked = plainAndChecked()[1];
    const char *use = "ld.global.u32 %r3, [%rd1+128];\nsetp.eq.u32 %p2, %r3, 0;\n@%p2 exit;\n";
    EXPECT_TRUE(contains(run(text("128", use), checked).first, Check::Poison, "undefined"));
  }
}
