// Matrix instructions of a warp as PTX: every form of the table through the translator, moves of 8 x 8 matrices, wmma
// in every layout, and what goes wrong.
#include "EngineWorld.h"
#include "MatrixReference.h"
#include "engine/MatrixDecode.h"
#include "engine/MatrixFragment.h"
#include "ptx/InstructionTable.h"

#include "llvm/ADT/StringExtras.h"

using namespace ptxsim;
using namespace ptxsim::test;
using ptx::Type;

namespace {

constexpr unsigned kSlots = 24; ///< 64-bit slots of a lane in the buffers

Options everything(uint64_t seed = 0) {
  Options options;
  options.checks = CheckSet::all();
  options.randomSchedule = seed != 0;
  options.seed = seed;
  return options;
}

std::string numbered(const char *prefix, unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", " : "") + std::string(prefix) + std::to_string(first + i);
  return text + "}";
}

/// A kernel that loads the operands of one product from the lane's slots, multiplies, and stores the results.
std::string productKernel(const std::string &name, const std::string &spelling,
                          llvm::ArrayRef<ptx::OperandSpec> specs) {
  std::string loads, stores, operands;
  unsigned slot = 0, reg = 0;
  for (size_t k = 0; k < specs.size(); ++k) {
    bool wide = ptx::bitWidth(specs[k].type) == 64, single = specs[k].type == Type::F32;
    const char *prefix = wide ? "%d" : single ? "%f" : "%r", *type = wide ? "f64" : single ? "f32" : "b32";
    operands += (k ? ", " : " ") + numbered(prefix, reg, specs[k].count);
    for (unsigned i = 0; i < specs[k].count; ++i, ++reg) {
      std::string element = prefix + std::to_string(reg);
      if (k == 0)
        stores += "  st.global." + std::string(type) + " [%rd2+" + std::to_string(8 * i) + "], " + element + ";\n";
      else
        loads += "  ld.global." + std::string(type) + " " + element + ", [%rd1+" + std::to_string(8 * slot++) + "];\n";
    }
  }
  return ".visible .entry " + name + "(.param .u64 in, .param .u64 out) {\n" +
         "  .reg .b32 %r<64>; .reg .f32 %f<64>; .reg .f64 %d<64>; .reg .b64 %rd<4>; .reg .b32 %t;\n" +
         "  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %t, %tid.x;\n" + "  mad.wide.u32 %rd1, %t, " +
         std::to_string(8 * kSlots) + ", %rd1;\n" + "  mad.wide.u32 %rd2, %t, " + std::to_string(8 * kSlots) +
         ", %rd2;\n" + loads + "  " + spelling + operands + ";\n" + stores + "  ret;\n}\n";
}

TEST(MatrixPtx, EveryFormOfMma) {
  std::string text;
  std::vector<std::string> spellings;
  for (const ptx::Form &form : ptx::instructionTable()) {
    if (llvm::StringRef(form.family) != "mma")
      continue;
    auto all = ptx::spellings(form);
    // The first and the last: all optional modifiers absent, and present.
    for (size_t which : {size_t(0), all.size() - 1}) {
      const std::vector<std::string> &parts = all[which];
      llvm::SmallVector<llvm::StringRef> pieces(parts.begin(), parts.end());
      llvm::SmallVector<Type> types;
      ASSERT_NE(ptx::matchForm(pieces, types), nullptr);
      std::string spelling = llvm::join(pieces, ".");
      if (!spellings.empty() && spellings.back() == spelling)
        continue;
      text += productKernel("k" + std::to_string(spellings.size()), spelling, ptx::operandSpecs(form, types, pieces));
      spellings.push_back(spelling);
    }
  }
  ASSERT_GE(spellings.size(), 30u);
  EngineWorld world(text, "sm_90a");
  std::mt19937 random(1);
  for (size_t k = 0; k < spellings.size(); ++k) {
    SCOPED_TRACE(spellings[k]);
    uint64_t in = world.buffer<uint64_t>(32 * kSlots), out = world.buffer<uint64_t>(32 * kSlots);
    bool poison = k % 4 == 3;
    const ptx::Instruction *product = nullptr;
    Kernel kernel = world.program->kernel("k" + std::to_string(k));
    for (const ptx::Instruction &instruction : kernel.function->body)
      if (instruction.opcode() == "mma")
        product = &instruction;
    ASSERT_NE(product, nullptr);
    MatrixKind kind;
    try {
      kind = decodeProduct(*product);
    } catch (const ptx::Error &) {
      // The table may let more mixtures of accumulators through than ptxas takes.
      EXPECT_NE(product->types[0], product->types[3]);
      EXPECT_THROW(world.run(("k" + std::to_string(k)).c_str(), shape(1, 32), {in, out}), ptx::Error);
      continue;
    }
    static uint64_t expected[32][kSlots];
    LaneOperands lanes;
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint64_t *values = world.at<uint64_t>(in) + lane * kSlots;
      for (unsigned i = 0; i < kSlots; ++i) {
        // Halves near one are also tame as any other type.
        uint32_t low = 0x3c003c00 ^ (random() & 0x83ff83ff), high = 0x3ff00000 ^ (random() & 0x800fffff);
        values[i] = kind.a == Type::F64 ? uint64_t(high) << 32 | random() : low;
      }
      lanes.in[lane] = values;
      lanes.out[lane] = expected[lane];
    }
    FragmentView view;
    view.lanes = &lanes;
    multiplyFragments(kind, view);
    EXPECT_CLEAN(
        world.run(("k" + std::to_string(k)).c_str(), shape(1, 32), {in, out}, poison ? everything() : Options()));
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < kind.numD; ++i)
        ASSERT_EQ(world.at<uint64_t>(out)[lane * kSlots + i], expected[lane][i]) << "lane " << lane << " result " << i;
  }
}

// Six products in a row, chained and not, with other work between: the translator joins them.
const char *const kBatch = R"(
.visible .entry batch(.param .u64 in, .param .u64 out) {
  .reg .b32 %r<16>; .reg .f32 %f<32>; .reg .b64 %rd<4>; .reg .b32 %t;
  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %t, %tid.x;
  mad.wide.u32 %rd1, %t, 192, %rd1;
  mad.wide.u32 %rd2, %t, 192, %rd2;
  ld.global.b32 %r0, [%rd1]; ld.global.b32 %r1, [%rd1+8]; ld.global.b32 %r2, [%rd1+16]; ld.global.b32 %r3, [%rd1+24];
  ld.global.b32 %r4, [%rd1+32]; ld.global.b32 %r5, [%rd1+40]; ld.global.b32 %r6, [%rd1+48]; ld.global.b32 %r7, [%rd1+56];
  mov.f32 %f0, 0f00000000;
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f4, %f5, %f6, %f7}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%f0, %f0, %f0, %f0};
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f8, %f9, %f10, %f11}, {%r0, %r1, %r2, %r3}, {%r6, %r7}, {%f0, %f0, %f0, %f0};
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f4, %f5, %f6, %f7}, {%r1, %r0, %r3, %r2}, {%r6, %r7}, {%f4, %f5, %f6, %f7};
  xor.b32 %r4, %r4, 0x80008000;
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f12, %f13, %f14, %f15}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%f8, %f9, %f10, %f11};
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f8, %f9, %f10, %f11}, {%r3, %r2, %r1, %r0}, {%r5, %r4}, {%f11, %f10, %f9, %f8};
  st.global.f32 [%rd2], %f4; st.global.f32 [%rd2+8], %f5; st.global.f32 [%rd2+16], %f6; st.global.f32 [%rd2+24], %f7;
  st.global.f32 [%rd2+32], %f8; st.global.f32 [%rd2+40], %f9; st.global.f32 [%rd2+48], %f10; st.global.f32 [%rd2+56], %f11;
  st.global.f32 [%rd2+64], %f12; st.global.f32 [%rd2+72], %f13; st.global.f32 [%rd2+80], %f14; st.global.f32 [%rd2+88], %f15;
  ret;
})";

TEST(MatrixPtx, Batches) {
  EngineWorld world(kBatch);
  std::mt19937 random(2);
  uint64_t in = world.buffer<uint64_t>(32 * kSlots), out = world.buffer<uint64_t>(32 * kSlots);
  // Slots 0..7 as loaded, 8: zero, 9: register 4 with the signs flipped, 10..: results.
  static uint64_t slots[32][64];
  LaneOperands lanes;
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 8; ++i)
      slots[lane][i] = world.at<uint64_t>(in)[lane * kSlots + i] = 0x3c003c00 ^ (random() & 0x83ff83ff);
    slots[lane][8] = 0;
    slots[lane][9] = slots[lane][4] ^ 0x80008000;
    lanes.in[lane] = lanes.out[lane] = slots[lane];
  }
  MatrixKind kind;
  parseShape("m16n8k16", kind.m, kind.n, kind.k);
  kind.a = kind.b = Type::F16, kind.c = kind.d = Type::F32;
  ASSERT_TRUE(completeKind(kind, false));
  struct Step {
    int32_t sources[10];
    unsigned result;
  };
  for (Step step : {Step{{0, 1, 2, 3, 4, 5, 8, 8, 8, 8}, 10}, Step{{0, 1, 2, 3, 6, 7, 8, 8, 8, 8}, 14},
                    Step{{1, 0, 3, 2, 6, 7, 10, 11, 12, 13}, 18}, Step{{0, 1, 2, 3, 9, 5, 14, 15, 16, 17}, 22},
                    Step{{3, 2, 1, 0, 5, 9, 17, 16, 15, 14}, 26}}) {
    FragmentView view;
    view.lanes = &lanes;
    view.sources = step.sources;
    view.result = step.result;
    multiplyFragments(kind, view);
  }
  for (const Options &options : {Options(), everything(), everything(7)}) {
    EXPECT_CLEAN(world.run("batch", shape(1, 32), {in, out}, options));
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < 12; ++i)
        ASSERT_EQ(world.at<uint64_t>(out)[lane * kSlots + i], slots[lane][(i < 4   ? 18
                                                                           : i < 8 ? 26 - 4
                                                                                   : 22 - 8) +
                                                                          i])
            << "lane " << lane << " result " << i;
  }
}

/// Fills 1 KiB of shared memory with the halves 0, 1, 2.., moves matrices, and stores the lanes' registers.
std::string moveKernel(const std::string &body) {
  return R"(
.visible .entry move(.param .u64 out) {
  .reg .b32 %r<32>; .reg .b64 %rd<8>; .reg .b32 %t; .reg .pred %p;
  .shared .align 16 .b8 tile[1024];
  ld.param.u64 %rd2, [out]; mov.u32 %t, %tid.x;
  mov.u32 %r20, tile;
  mad.lo.u32 %r21, %t, 32, %r20;
  mul.lo.u32 %r22, %t, 16;
  mad.lo.u32 %r23, %r22, 65536, %r22;
  add.u32 %r23, %r23, 65536;               // halves 16 t and 16 t + 1
  st.shared.b32 [%r21], %r23; add.u32 %r23, %r23, 131074;
  st.shared.b32 [%r21+4], %r23; add.u32 %r23, %r23, 131074;
  st.shared.b32 [%r21+8], %r23; add.u32 %r23, %r23, 131074;
  st.shared.b32 [%r21+12], %r23; add.u32 %r23, %r23, 131074;
  st.shared.b32 [%r21+16], %r23; add.u32 %r23, %r23, 131074;
  st.shared.b32 [%r21+20], %r23; add.u32 %r23, %r23, 131074;
  st.shared.b32 [%r21+24], %r23; add.u32 %r23, %r23, 131074;
  st.shared.b32 [%r21+28], %r23;
  bar.sync 0;
  mov.b32 %r0, 0; mov.b32 %r1, 0; mov.b32 %r2, 0; mov.b32 %r3, 0;
  mad.wide.u32 %rd2, %t, 16, %rd2;
)" + body +
         R"(
  st.global.b32 [%rd2], %r0; st.global.b32 [%rd2+4], %r1; st.global.b32 [%rd2+8], %r2; st.global.b32 [%rd2+12], %r3;
  ret;
})";
}

// Lane l gives row (5 l) % 64 of 16 bytes, so rows are neither in order nor neighbours.
const char *const kRow = "mul.lo.u32 %r24, %t, 5; rem.u32 %r24, %r24, 64; mad.lo.u32 %r24, %r24, 16, %r20;\n";
unsigned halfOfRow(unsigned lane, unsigned i) { return 5 * lane % 64 * 8 + i; }

TEST(MatrixPtx, Ldmatrix) {
  for (unsigned count : {1, 2, 4})
    for (bool transposed : {false, true})
      for (bool generic : {false, true}) {
        // Addresses of lanes that give no row may be anything.
        std::string body =
            std::string(kRow) + "setp.ge.u32 %p, %t, " + std::to_string(8 * count) + "; @%p mov.b32 %r24, 3;\n" +
            (generic ? "cvt.u64.u32 %rd3, %r24; cvta.shared.u64 %rd3, %rd3;\n" : "") + "ldmatrix.sync.aligned.m8n8.x" +
            std::to_string(count) + (transposed ? ".trans" : "") + (generic ? "" : ".shared") + ".b16 " +
            numbered("%r", 0, count) + (generic ? ", [%rd3];" : ", [%r24];");
        SCOPED_TRACE(body);
        EngineWorld world(moveKernel(body));
        for (const Options &options : {Options(), everything(3)}) {
          uint64_t out = world.buffer<uint32_t>(128, ~0u);
          EXPECT_CLEAN(world.run("move", shape(1, 32), {out}, options));
          for (unsigned lane = 0; lane < 32; ++lane)
            for (unsigned r = 0; r < 4; ++r) {
              unsigned row = lane / 4, column = lane % 4 * 2;
              unsigned low = transposed ? halfOfRow(8 * r + column, row) : halfOfRow(8 * r + row, column);
              unsigned high = transposed ? halfOfRow(8 * r + column + 1, row) : halfOfRow(8 * r + row, column + 1);
              EXPECT_EQ(world.at<uint32_t>(out)[4 * lane + r], r < count ? low | high << 16 : 0) << lane << " " << r;
            }
        }
      }
}

TEST(MatrixPtx, Stmatrix) {
  for (unsigned count : {1, 2, 4})
    for (bool transposed : {false, true}) {
      // Element i of register r in lane l is 8 l + 2 r + i; then every lane reads two rows' worth of shared memory.
      std::string body =
          std::string("shl.b32 %r10, %t, 3; mad.lo.u32 %r10, %r10, 65537, 65536; add.u32 %r11, %r10, 131074;"
                      "add.u32 %r12, %r11, 131074; add.u32 %r13, %r12, 131074;\n") +
          kRow + "stmatrix.sync.aligned.m8n8.x" + std::to_string(count) + (transposed ? ".trans" : "") +
          ".shared::cta.b16 [%r24], " + numbered("%r", 10, count) +
          ";\nbar.sync 0; mad.lo.u32 %r25, %t, 32, %r20;\n"
          "ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%r25];\n";
      SCOPED_TRACE(body);
      EngineWorld world(moveKernel(body), "sm_90a");
      std::vector<uint16_t> memory(512);
      for (unsigned i = 0; i < 512; ++i)
        memory[i] = i;
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned r = 0; r < count; ++r)
          for (unsigned i = 0; i < 2; ++i) {
            unsigned outer = lane / 4, inner = lane % 4 * 2 + i;
            memory[transposed ? halfOfRow(8 * r + inner, outer) : halfOfRow(8 * r + outer, inner)] =
                8 * lane + 2 * r + i;
          }
      for (const Options &options : {Options(), everything(3)}) {
        uint64_t out = world.buffer<uint16_t>(256);
        EXPECT_CLEAN(world.run("move", shape(1, 32), {out}, options));
        for (unsigned lane = 0; lane < 32; ++lane)
          for (unsigned i = 0; i < 8; ++i)
            EXPECT_EQ(world.at<uint16_t>(out)[8 * lane + i], memory[16 * lane + i]) << lane << " " << i;
      }
    }
}

TEST(MatrixPtx, Movmatrix) {
  EngineWorld world(moveKernel("mad.lo.u32 %r5, %t, 131074, 65536; movmatrix.sync.aligned.m8n8.trans.b16 %r0, %r5;"));
  uint64_t out = world.buffer<uint16_t>(256);
  EXPECT_CLEAN(world.run("move", shape(1, 32), {out}, everything()));
  // Half (row, column) was 8 row + column.
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 2; ++i)
      EXPECT_EQ(world.at<uint16_t>(out)[8 * lane + i], 8 * (lane % 4 * 2 + i) + lane / 4) << lane;
}

TEST(MatrixPtx, MovesThatGoWrong) {
  auto run = [](const std::string &body, uint32_t threads = 32) {
    EngineWorld world(moveKernel(body));
    uint64_t out = world.buffer<uint32_t>(256);
    return world.run("move", shape(1, threads), {out});
  };
  const std::string load = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r24];";
  EXPECT_STOPPED(run(std::string(kRow) + "add.u32 %r24, %r24, 8;" + load), Check::Bounds, "ldmatrix");
  EXPECT_STOPPED(run("add.u32 %r24, %r20, 1024;" + load), Check::Bounds, "ldmatrix");
  EXPECT_STOPPED(run("ldmatrix.sync.aligned.m8n8.x1.b16 {%r0}, [%rd2];"), Check::Space, "ldmatrix");
  EXPECT_STOPPED(run(std::string(kRow) + "setp.lt.u32 %p, %t, 16; @%p " + load), Check::Divergence, "ldmatrix");
  EXPECT_STOPPED(run(std::string(kRow) + load, 16), Check::Divergence, "32 lanes");
}

// A row that another warp may still be writing.
TEST(MatrixPtx, LdmatrixRaces) {
  const std::string body = std::string(kRow) + "setp.ge.u32 %p, %t, 32; @%p st.shared.b32 [tile], %t; "
                                               "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r24];";
  std::string kernel = moveKernel(body);
  // Only the first warp fills.
  size_t fill = kernel.find("mad.lo.u32 %r21");
  kernel.insert(fill, "and.b32 %r30, %t, 31; ");
  kernel.replace(kernel.find("%r21, %t, 32"), 12, "%r21, %r30, 32");
  kernel.replace(kernel.find("%r22, %t, 16"), 12, "%r22, %r30, 16");
  kernel.replace(kernel.find("mul.lo.u32 %r24, %t, 5"), 22, "mul.lo.u32 %r24, %r30, 5");
  EngineWorld world(kernel);
  uint64_t out = world.buffer<uint32_t>(256);
  Options options;
  options.checks = CheckSet::all();
  LaunchResult result = world.run("move", shape(1, 64), {out}, options);
  ASSERT_FALSE(result.clean());
  EXPECT_EQ(result.findings[0].check, Check::Race);
  EXPECT_NE(text(result).find("ldmatrix"), std::string::npos) << text(result);
}

struct WmmaCase {
  const char *shape, *a, *c, *d;
  unsigned m, n, k, numA, numB, numC, numD;
  const char *typeC, *typeD;
};

unsigned bitsOf(llvm::StringRef type) {
  return type == "f64"                     ? 64
         : type == "f16" || type == "bf16" ? 16
         : type == "s8" || type == "u8"    ? 8
         : type == "s4"                    ? 4
         : type == "b1"                    ? 1
                                           : 32;
}

uint64_t encode(llvm::StringRef type, int value) {
  if (type == "f64")
    return std::bit_cast<uint64_t>(double(value));
  if (type == "f16")
    return roundToHalf(float(value));
  if (type == "bf16")
    return std::bit_cast<uint32_t>(float(value)) >> 16;
  if (type == "f32" || type == "tf32")
    return std::bit_cast<uint32_t>(float(value));
  unsigned bits = bitsOf(type);
  return bits == 32 ? uint32_t(value) : value & ((1u << bits) - 1);
}

/// A matrix in memory with a stride; small integers, so that results are exact whatever the order.
struct Stored {
  std::vector<uint8_t> bytes;
  unsigned stride;
  void put(unsigned row, unsigned column, bool columnMajor, unsigned bits, uint64_t value) {
    size_t bit = size_t(columnMajor ? column * stride + row : row * stride + column) * bits;
    for (unsigned i = 0; i < bits; ++i, ++bit)
      if (value >> i & 1)
        bytes[bit / 8] |= 1 << bit % 8;
  }
};

TEST(MatrixPtx, WmmaRoundTrip) {
  const WmmaCase cases[] = {
      {"m16n16k16", "f16", "f32", "f32", 16, 16, 16, 8, 8, 8, 8, "f32", "f32"},
      {"m16n16k16", "f16", "f16", "f16", 16, 16, 16, 8, 8, 4, 4, "b32", "b32"},
      {"m32n8k16", "f16", "f16", "f32", 32, 8, 16, 8, 8, 4, 8, "b32", "f32"},
      {"m8n32k16", "f16", "f32", "f16", 8, 32, 16, 8, 8, 8, 4, "f32", "b32"},
      {"m16n16k16", "bf16", "f32", "f32", 16, 16, 16, 4, 4, 8, 8, "f32", "f32"},
      {"m32n8k16", "bf16", "f32", "f32", 32, 8, 16, 8, 2, 8, 8, "f32", "f32"},
      {"m16n16k8", "tf32", "f32", "f32", 16, 16, 8, 4, 4, 8, 8, "f32", "f32"},
      {"m8n32k16", "s8", "s32", "s32", 8, 32, 16, 1, 4, 8, 8, "b32", "b32"},
      {"m16n16k16", "u8", "s32", "s32", 16, 16, 16, 2, 2, 8, 8, "b32", "b32"},
      {"m8n8k32", "s4", "s32", "s32", 8, 8, 32, 1, 1, 2, 2, "b32", "b32"},
      {"m8n8k128", "b1", "s32", "s32", 8, 8, 128, 1, 1, 2, 2, "b32", "b32"},
      {"m8n8k4", "f64", "f64", "f64", 8, 8, 4, 1, 1, 2, 2, "f64", "f64"},
  };
  std::mt19937 random(5);
  for (const WmmaCase &test : cases)
    for (unsigned layouts = 0; layouts < 4; ++layouts) {
      llvm::StringRef a = test.a;
      unsigned bits = bitsOf(a), bitsC = bitsOf(test.c), bitsD = bitsOf(test.d);
      bool columnA = layouts & 1, columnB = bits < 8 || layouts & 2, columnC = layouts & 2, columnD = layouts & 1;
      if (bits < 8 && columnA)
        continue;
      auto major = [](bool column) { return std::string(column ? "col" : "row"); };
      auto prefix = [](llvm::StringRef type) { return type == "f32" ? "%f" : type == "f64" ? "%d" : "%r"; };
      const char *operand = a == "f64" ? "%d" : "%r";
      bool shared = layouts == 3;
      std::string types = a == "f16" ? std::string(test.d) + "." + test.c
                                     : std::string(test.d) + "." + test.a + "." + test.a + "." + test.c;
      std::string load = ".sync.aligned.", where = shared ? ".shared." : layouts == 1 ? "." : ".global.";
      std::string head = a == "b1" ? "wmma.mma.xor.popc.sync.aligned." : "wmma.mma.sync.aligned.";
      std::string fa = numbered(operand, 0, test.numA), fb = numbered(operand, 10, test.numB);
      std::string fc = numbered(prefix(test.typeC), 20, test.numC), fd = numbered(prefix(test.typeD), 30, test.numD);
      Stored storedA, storedB, storedC;
      storedA.stride = (columnA ? test.m : test.k) + 128 / bits;
      storedB.stride = (columnB ? test.k : test.n) + 128 / bits;
      storedC.stride = (columnC ? test.m : test.n) + 128 / bitsC;
      unsigned strideD = columnD ? test.m : test.n; // the default
      std::string kernel =
          ".visible .entry w(.param .u64 a, .param .u64 b, .param .u64 c, .param .u64 d) {\n"
          ".reg .b32 %r<40>; .reg .f32 %f<40>; .reg .f64 %d<40>; .reg .b64 %rd<8>; .reg .b32 %s<8>; .reg .pred %p;\n"
          ".shared .align 128 .b8 copy[8192];\n"
          "ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [c]; ld.param.u64 %rd4, [d];\n";
      if (shared) // A goes through shared memory, by words
        kernel +=
            "mov.u32 %s1, %tid.x; mov.u32 %s2, copy; shl.b32 %s1, %s1, 2; add.u32 %s2, %s2, %s1; cvt.u64.u32 %rd5, "
            "%s1; add.u64 %rd5, %rd5, %rd1; mov.u32 %s3, 0;\nL: ld.global.b32 %s4, [%rd5]; st.shared.b32 [%s2], %s4; "
            "add.u64 %rd5, %rd5, 128; add.u32 %s2, %s2, 128; add.u32 %s3, %s3, 1; setp.lt.u32 %p, %s3, 32; @%p bra "
            "L; bar.sync 0; mov.u32 %s2, copy;\n";
      kernel += "wmma.load.a" + load + major(columnA) + "." + test.shape + where + test.a + " " + fa +
                (shared ? ", [%s2], " : ", [%rd1], ") + std::to_string(storedA.stride) + ";\n";
      kernel += "wmma.load.b" + load + major(columnB) + "." + test.shape + (shared ? ".global." : where) + test.a +
                " " + fb + ", [%rd2], " + std::to_string(storedB.stride) + ";\n";
      kernel += "wmma.load.c" + load + major(columnC) + "." + test.shape + (shared ? ".global." : where) + test.c +
                " " + fc + ", [%rd3], " + std::to_string(storedC.stride) + ";\n";
      kernel += head + (bits < 8 ? "row.col" : major(columnA) + "." + major(columnB)) + "." + test.shape + "." + types +
                " " + fd + ", " + fa + ", " + fb + ", " + fc + ";\n";
      kernel += "wmma.store.d" + load + major(columnD) + "." + test.shape + (shared ? ".global." : where) + test.d +
                " [%rd4], " + fd + ";\nret; }\n";
      SCOPED_TRACE(kernel);
      storedA.bytes.resize(8192), storedB.bytes.resize(8192), storedC.bytes.resize(8192);
      std::vector<std::vector<int>> x(test.m, std::vector<int>(test.k)), y(test.k, std::vector<int>(test.n));
      std::vector<std::vector<int>> z(test.m, std::vector<int>(test.n));
      auto number = [&](bool operand) {
        int value = int(random() % 8);
        return operand && a == "b1" ? value & 1 : operand && a == "u8" ? value + 240 : value - 4;
      };
      for (unsigned k = 0; k < test.k; ++k) {
        for (unsigned row = 0; row < test.m; ++row)
          storedA.put(row, k, columnA, bits, encode(test.a, x[row][k] = number(true)));
        for (unsigned column = 0; column < test.n; ++column)
          storedB.put(k, column, columnB, bits, encode(test.a, y[k][column] = number(true)));
      }
      for (unsigned row = 0; row < test.m; ++row)
        for (unsigned column = 0; column < test.n; ++column)
          storedC.put(row, column, columnC, bitsC, encode(test.c, z[row][column] = number(false)));
      EngineWorld world(kernel);
      std::vector<uint64_t> arguments;
      for (const Stored *stored : {&storedA, &storedB, &storedC}) {
        arguments.push_back(world.buffer<uint8_t>(8192));
        memcpy(world.at<uint8_t>(arguments.back()), stored->bytes.data(), 8192);
      }
      arguments.push_back(world.buffer<uint8_t>(4096));
      EXPECT_CLEAN(world.run("w", shape(1, 32), arguments, everything(layouts)));
      for (unsigned row = 0; row < test.m; ++row)
        for (unsigned column = 0; column < test.n; ++column) {
          int sum = z[row][column];
          for (unsigned k = 0; k < test.k; ++k)
            sum += a == "b1" ? x[row][k] ^ y[k][column] : x[row][k] * y[k][column];
          uint64_t got = 0;
          memcpy(&got,
                 world.at<uint8_t>(arguments[3]) +
                     (columnD ? column * strideD + row : row * strideD + column) * bitsD / 8,
                 bitsD / 8);
          ASSERT_EQ(got, encode(test.d, sum)) << row << " " << column;
        }
    }
}

} // namespace
