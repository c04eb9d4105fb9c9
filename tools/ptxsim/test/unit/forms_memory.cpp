// Every form of ld, ldu and st against bytes that the test moves itself, and the instructions about addresses and
// caches. Two blocks of a warp form a cluster, so that .shared::cluster means the other block's memory.
#include "FormsBench.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

constexpr unsigned kThreads = 32, kBlocks = 2, kChunk = 64; ///< spellings in one kernel
constexpr unsigned kCell = 16;                              ///< bytes of one access at most
constexpr unsigned kOut = 32;                               ///< a slot of 8 bytes for each of up to 4 registers
constexpr uint8_t kUntouched = 0xee;

/// Where a spelling's access goes.
enum class Target { Global, Const, Local, Param, Shared, OtherShared };

struct Access {
  Spelling spelling;
  Target target;
  bool generic;
  unsigned registerBits; ///< at least the type's
};

bool isFloat(const Spelling &spelling) { return ptx::isFloat(spelling.type); }

/// Generic addresses go everywhere, but those with hints to the caches, which are for global memory only.
Target targetOf(const Spelling &spelling, unsigned turn, bool load) {
  std::string space =
      spelling.first({"const", "local", "param", "param::entry", "shared", "shared::cta", "shared::cluster", "global"});
  if (space == "const")
    return Target::Const;
  if (space == "local")
    return Target::Local;
  if (space == "param" || space == "param::entry")
    return Target::Param;
  if (space == "shared::cluster")
    return Target::OtherShared;
  if (space == "shared" || space == "shared::cta")
    return Target::Shared;
  bool hinted = spelling.has("mmio") || spelling.parts[0] == "ldu" || llvm::any_of(spelling.parts, [](auto &part) {
                  return llvm::StringRef(part).starts_with("L1::") || llvm::StringRef(part).starts_with("L2::");
                });
  if (space == "global" || hinted)
    return Target::Global;
  static constexpr Target generic[] = {Target::Global, Target::Shared, Target::OtherShared, Target::Local,
                                       Target::Const};
  bool strong =
      spelling.has("relaxed") || spelling.has("acquire") || spelling.has("release") || spelling.has("volatile");
  return generic[turn % (strong ? 3 : load ? 5 : 4)];
}

/// Registers may be wider than integers in memory, and are at least 16 bits wide here.
unsigned registerBitsOf(const Spelling &spelling, unsigned turn) {
  unsigned width = ptx::bitWidth(spelling.type);
  if (isFloat(spelling) || width >= 64)
    return width;
  unsigned least = std::max(16u, width);
  unsigned choices = width <= 16 ? 3 : 2;
  return least << turn % choices;
}

std::string prefixOf(unsigned bits) { return bits == 16 ? "%h" : bits == 32 ? "%r" : bits == 64 ? "%d" : "%q"; }

/// The address of cell k of the executing thread.
std::string addressOf(const Access &access, unsigned k, const char *globalBase) {
  std::string perThread = "+" + number(k * kThreads * kCell) + "]", perSpelling = "+" + number(k * kCell) + "]";
  switch (access.target) {
  case Target::Global:
    return std::string("[") + globalBase + perThread;
  case Target::Const:
    return (access.generic ? "[%gconst" : k % 2 ? "[%const" : "[constants") + perSpelling;
  case Target::Local:
    return (access.generic ? "[%glocal" : k % 2 ? "[%local" : "[cells") + perSpelling;
  case Target::Param:
    return (k % 2 ? "[%param" : "[blob") + perSpelling;
  case Target::Shared:
    return (access.generic ? "[%gshared" : "[%shared") + perThread;
  case Target::OtherShared:
    return (access.generic ? "[%gother" : "[%other") + perThread;
  }
  return "";
}

std::string policyOf(const Spelling &spelling) { return spelling.has("L2::cache_hint") ? ", %policy" : ""; }

std::string loadOf(const Access &access, unsigned k) {
  const Spelling &spelling = access.spelling;
  const std::string prefix = prefixOf(access.registerBits), out = "[%out+" + number(k * kThreads * kOut);
  std::string text = spelling.text + " " + registers(prefix, spelling.elements) + ", " + addressOf(access, k, "%in") +
                     policyOf(spelling) + ";\n";
  if (access.registerBits == 128)
    return text + "mov.b128 {%d0, %d1}, %q0;\nst.global.v2.b64 " + out + "], {%d0, %d1};\n";
  for (unsigned e = 0; e < spelling.elements; ++e)
    text += "st.global.b" + number(access.registerBits) + " " + out + "+" + number(8 * e) + "], " + prefix + number(e) +
            ";\n";
  return text;
}

/// The source registers hold the input cell's elements, with other bits above them where they are wider.
std::string storeOf(const Access &access, unsigned k) {
  const Spelling &spelling = access.spelling;
  const std::string prefix = prefixOf(access.registerBits), in = "[%in+" + number(k * kThreads * kCell) + "]";
  std::string text = "ld.global.v2.b64 {%d8, %d9}, " + in + ";\n";
  if (access.registerBits == 128)
    text += "mov.b128 %q0, {%d8, %d9};\n";
  for (unsigned e = 0; e < spelling.elements && access.registerBits < 128; ++e) {
    const unsigned bit = 8 * spelling.bytes() * e;
    text += "shr.b64 %d10, %d" + number(8 + bit / 64) + ", " + number(bit % 64) + ";\n";
    if (access.registerBits > 8 * spelling.bytes() && bit % 64 + access.registerBits > 64)
      text += "or.b64 %d10, %d10, -4294967296;\n";
    text += access.registerBits == 64
                ? "mov.b64 %d" + number(e) + ", %d10;\n"
                : "cvt.u" + number(access.registerBits) + ".u64 " + prefix + number(e) + ", %d10;\n";
  }
  return text + spelling.text + " " + addressOf(access, k, "%out") + ", " + registers(prefix, spelling.elements) +
         policyOf(spelling) + ";\n";
}

const char *const kBarrier = "barrier.cluster.arrive;\nbarrier.cluster.wait;\n";

/// Copies the cells of shared and local memory from `in`, or to `out`.
std::string copyCells(const std::vector<Access> &accesses, bool in) {
  std::string text;
  for (unsigned k = 0; k < accesses.size(); ++k) {
    Access own = accesses[k];
    own.generic = false;
    if (own.target == Target::OtherShared)
      own.target = Target::Shared;
    if (own.target != Target::Shared && own.target != Target::Local)
      continue;
    const std::string space = own.target == Target::Shared ? "shared" : "local", offset = number(k * kThreads * kCell),
                      cell = addressOf(own, k, "");
    text +=
        in ? "ld.global.v2.b64 {%d0, %d1}, [%in+" + offset + "];\nst." + space + ".v2.b64 " + cell + ", {%d0, %d1};\n"
           : "ld." + space + ".v2.b64 {%d0, %d1}, " + cell + ";\nst.global.v2.b64 [%out+" + offset + "], {%d0, %d1};\n";
  }
  return text;
}

std::string listOf(const std::vector<uint8_t> &bytes) {
  std::string text;
  for (uint8_t byte : bytes)
    text += (text.empty() ? "" : ", ") + number(byte);
  return text;
}

std::string kernelOf(const std::vector<Access> &accesses, bool load, const std::vector<uint8_t> &constants) {
  const unsigned count = accesses.size(), outBytes = load ? kOut : kCell;
  std::string text =
      std::string(kHeader) + ".const .align 16 .b8 constants[" + number(count * kCell) + "] = {" + listOf(constants) +
      "};\n.visible .entry k(.param .u64 in, .param .u64 out, .param .align 16 .b8 blob[" + number(count * kCell) +
      "])\n{\n.reg .b16 %h<16>;\n.reg .b32 %r<16>, %lane, %rank, %shared, %other;\n"
      ".reg .b64 %d<16>, %in, %out, %policy, %const, %gconst, %local, %glocal, %gshared, %gother, %param;\n"
      ".reg .b128 %q<4>;\n.shared .align 16 .b8 window[" +
      number(count * kThreads * kCell) + "];\n.local .align 16 .b8 cells[" + number(count * kCell) + "];\n";
  text +=
      "ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nmov.u32 %lane, %tid.x;\nmov.u32 %rank, %cluster_ctarank;\n"
      "createpolicy.fractional.L2::evict_last.b64 %policy, 1.0;\n";
  // in and out: blocks of spellings of threads.
  for (auto [base, bytes] : {std::pair<const char *, unsigned>("%in", kCell), {"%out", outBytes}})
    text += std::string("mad.lo.u32 %r0, %rank, ") + number(count * kThreads) + ", %lane;\nmul.wide.u32 %d0, %r0, " +
            number(bytes) + ";\nadd.u64 " + base + ", " + base + ", %d0;\n";
  text += "mov.u32 %r0, window;\nmad.lo.u32 %shared, %lane, 16, %r0;\nxor.b32 %r1, %rank, 1;\n"
          "mapa.shared::cluster.u32 %other, %shared, %r1;\ncvt.u64.u32 %d0, %shared;\ncvta.shared.u64 %gshared, %d0;\n"
          "mapa.u64 %gother, %gshared, %r1;\nmov.u64 %const, constants;\ncvta.const.u64 %gconst, %const;\n"
          "mov.u64 %local, cells;\ncvta.local.u64 %glocal, %local;\nmov.b64 %param, blob;\n";
  text += copyCells(accesses, true) + kBarrier;
  for (unsigned k = 0; k < count; ++k)
    text += load ? loadOf(accesses[k], k) : storeOf(accesses[k], k);
  text += kBarrier;
  if (!load)
    text += copyCells(accesses, false);
  return text + "ret;\n}\n";
}

/// What a load leaves in its slots, given the cell.
std::vector<uint8_t> loaded(const Access &access, const uint8_t *cell) {
  const Spelling &spelling = access.spelling;
  std::vector<uint8_t> slots(kOut, kUntouched);
  const unsigned size = spelling.bytes();
  if (size == 16) {
    std::copy_n(cell, 16, slots.begin());
    return slots;
  }
  for (unsigned e = 0; e < spelling.elements; ++e) {
    const uint8_t *element = cell + e * size;
    const bool negative = ptx::isSigned(spelling.type) && element[size - 1] & 0x80;
    for (unsigned byte = 0; byte < access.registerBits / 8; ++byte)
      slots[8 * e + byte] = byte < size ? element[byte] : negative ? 0xff : 0;
  }
  return slots;
}

std::string describe(const Access &access, const uint8_t *got, const std::vector<uint8_t> &expected) {
  return access.spelling.text + " with registers of " + number(access.registerBits) + " bits, target " +
         number(unsigned(access.target)) + (access.generic ? " generic" : "") + ": got " +
         llvm::toHex(llvm::ArrayRef(got, expected.size())) + ", expected " + llvm::toHex(expected);
}

void runChunk(const std::vector<Access> &accesses, bool load) {
  const unsigned count = accesses.size(), cells = count * kThreads, outBytes = load ? kOut : kCell;
  const std::vector<uint8_t> input = randomBytes(kBlocks * cells * kCell, 1 + count),
                             constants = randomBytes(count * kCell, 2), blob = randomBytes(count * kCell, 3);
  const std::string text = kernelOf(accesses, load, constants);
  for (const Options &options : plainAndChecked()) {
    Bench bench;
    const uint64_t in = bench.upload(input),
                   out = bench.upload(std::vector<uint8_t>(kBlocks * cells * outBytes, kUntouched));
    std::vector<uint64_t> parameters{in, out};
    parameters.resize(2 + count * kCell / 8);
    std::memcpy(&parameters[2], blob.data(), blob.size());
    const LaunchResult result = bench.run(text, threads(kThreads, kBlocks, kBlocks), parameters, options);
    ASSERT_TRUE(result.clean()) << textOf(result) << text;
    const std::vector<uint8_t> output = bench.download<uint8_t>(out, kBlocks * cells * outBytes);
    for (unsigned block = 0; block < kBlocks; ++block)
      for (unsigned k = 0; k < count; ++k)
        for (unsigned thread = 0; thread < kThreads; ++thread) {
          const Access &access = accesses[k];
          const unsigned source = access.target == Target::OtherShared ? 1 - block : block;
          const unsigned cell = k * kThreads + thread;
          const uint8_t *from = access.target == Target::Const   ? &constants[k * kCell]
                                : access.target == Target::Param ? &blob[k * kCell]
                                                                 : &input[(source * cells + cell) * kCell];
          std::vector<uint8_t> expected;
          if (load) {
            expected = loaded(access, from);
          } else {
            // Windows were filled with the input of their own block before; global memory was not.
            expected.assign(kCell, kUntouched);
            if (access.target != Target::Global)
              std::copy_n(&input[(block * cells + cell) * kCell], kCell, expected.begin());
            std::copy_n(from, access.spelling.bytes() * access.spelling.elements, expected.begin());
          }
          const uint8_t *got = &output[(block * cells + cell) * outBytes];
          ASSERT_TRUE(std::equal(expected.begin(), expected.end(), got)) << describe(access, got, expected);
        }
  }
}

void runAll(bool load) {
  auto wanted = [&](const ptx::Form &form) {
    return load ? hasOpcode(form, {"ld", "ldu"}) : hasOpcode(form, {"st"}) && isFamily(form, "memory");
  };
  auto key = [](const Spelling &spelling) { return number(spelling.elements) + ptx::name(spelling.type).str(); };
  std::vector<Access> chunk;
  unsigned turn = 0, total = 0;
  auto flush = [&] {
    if (!chunk.empty())
      runChunk(chunk, load);
    chunk.clear();
  };
  for (Spelling &spelling : sample(wanted, key)) {
    if (spelling.has("param::func") || (!load && spelling.has("param")))
      continue; // FunctionParameters
    const bool generic = spelling.first({"const", "local", "param", "param::entry", "shared", "shared::cta",
                                         "shared::cluster", "global"}) == "";
    ++turn, ++total;
    const Target target = targetOf(spelling, turn, load);
    const unsigned registerBits = registerBitsOf(spelling, turn / 5);
    chunk.push_back({std::move(spelling), target, generic, registerBits});
    if (chunk.size() == kChunk)
      flush();
  }
  flush();
  EXPECT_GT(total, 250u);
}

} // namespace

// Tests that each form of load gives the bytes of its space, extended to the register's width.
TEST(FormsMemory, Loads) { runAll(true); }

// Tests that each form of store changes its bytes and no others.
TEST(FormsMemory, Stores) { runAll(false); }
