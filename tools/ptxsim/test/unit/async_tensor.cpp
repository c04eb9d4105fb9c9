// Tensor copies: every swizzle, edges, fills, reductions, im2col, maps changed by the program, and broken maps.
#include "AsyncBench.h"

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

const char *const kShared = ".shared .align 8 .b64 bar;\n.shared .align 1024 .b8 data[16384];";

std::vector<uint16_t> counting(size_t count) {
  std::vector<uint16_t> values(count);
  for (size_t k = 0; k < count; ++k)
    values[k] = uint16_t(k + 1);
  return values;
}

TensorMap matrix(uint64_t base, uint32_t columns, uint32_t rows, uint32_t boxColumns, uint32_t boxRows,
                 TensorSwizzle swizzle = TensorSwizzle::None, TensorType type = TensorType::U16) {
  TensorMap map;
  map.type = type;
  map.rank = 2;
  map.base = base;
  map.sizes = {columns, rows, 1, 1, 1};
  map.strides = {columns * elementBits(type) / 8, 0, 0, 0};
  map.box = {boxColumns, boxRows, 1, 1, 1};
  map.swizzle = swizzle;
  return map;
}

/// Loads a box by the map at %rd1 and copies `bytes` of shared memory, as they lie there, to %rd2.
std::string load(const std::string &instruction, unsigned bytes) {
  const std::string size = std::to_string(bytes);
  return "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra READY;\nmbarrier.init.shared.b64 [bar], 1;\n"
         "fence.mbarrier_init.release.cluster;\nREADY: bar.sync 0;\n@%p1 bra WAITING;\n"
         "mbarrier.arrive.expect_tx.shared.b64 _, [bar], " +
         size + ";\n" + instruction + "\nWAITING:\n" + waitLoop("bar", "0") +
         "mov.u32 %r5, data;\nmad.lo.u32 %r5, %r1, 4, %r5;\nmul.wide.u32 %rd6, %r1, 4;\nadd.u64 %rd7, %rd2, %rd6;\n"
         "mov.u32 %r7, " +
         size +
         ";\nmul.lo.u32 %r8, %r1, 4;\nCOPY: setp.ge.u32 %p3, %r8, %r7;\n@%p3 bra END;\nld.shared.u32 %r6, [%r5];\n"
         "st.global.u32 [%rd7], %r6;\nadd.u32 %r5, %r5, 128;\nadd.u64 %rd7, %rd7, 128;\nadd.u32 %r8, %r8, 128;\n"
         "bra COPY;\nEND:\n";
}

std::string load2d(int x, int y, unsigned bytes) {
  return load("mov.s32 %r10, " + std::to_string(x) + ";\nmov.s32 %r11, " + std::to_string(y) +
                  ";\ncp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [data], [%rd1, "
                  "{%r10, %r11}], [bar];",
              bytes);
}

/// The 16-byte chunk of `chunk` in `line` of 128 bytes, by the width of the swizzle's span in chunks.
unsigned placeOf(unsigned line, unsigned chunk, TensorSwizzle swizzle) {
  const unsigned width = 1u << unsigned(swizzle);
  const unsigned inSpan = chunk % width, span = chunk - inSpan;
  return line * 8 + span + (inSpan ^ line % width);
}

TEST(TensorCopy, SwizzledLoadsOverTheEdges) {
  struct Case {
    TensorSwizzle swizzle;
    uint32_t columns;
    int x, y;
  };
  for (const Case &c : {Case{TensorSwizzle::None, 64, 0, 0}, Case{TensorSwizzle::Bytes128, 64, -5, -3},
                        Case{TensorSwizzle::Bytes64, 32, 40, 3}, Case{TensorSwizzle::Bytes32, 16, 71, 30},
                        Case{TensorSwizzle::Bytes128, 64, 100, 0}}) {
    const uint32_t rows = 16, width = 80, height = 40, bytes = c.columns * rows * 2;
    std::vector<uint16_t> expected(bytes / 2);
    for (uint32_t row = 0; row < rows; ++row)
      for (uint32_t column = 0; column < c.columns; ++column) {
        const int x = c.x + int(column), y = c.y + int(row);
        const uint32_t at = (row * c.columns + column) * 2;
        const uint32_t place = 16 * placeOf(at / 128, at % 128 / 16, c.swizzle) + at % 16;
        expected[place / 2] = x < 0 || y < 0 || x >= int(width) || y >= int(height) ? 0 : uint16_t(y * width + x + 1);
      }
    expectClean<uint16_t>(
        kernel(2, kShared, load2d(c.x, c.y, bytes)), threads(32), expected, [&](Bench &bench, uint64_t out) {
          const uint64_t in = bench.upload(counting(width * height));
          return std::vector<uint64_t>{bench.uploadMap(matrix(in, width, height, c.columns, rows, c.swizzle)), out};
        });
  }
}

TEST(TensorCopy, FillWithNan) {
  std::vector<uint16_t> expected(8 * 2, 0x7fff);
  expected[0] = 8; // the last element of the first row
  expected[8] = 16;
  expectClean<uint16_t>(kernel(2, kShared, load2d(7, 0, 32)), threads(32), expected, [](Bench &bench, uint64_t out) {
    TensorMap map = matrix(bench.upload(counting(32)), 8, 4, 8, 2, TensorSwizzle::None, TensorType::BF16);
    map.fill = TensorFill::NanRequestZeroFma;
    return std::vector<uint64_t>{bench.uploadMap(map), out};
  });
}

TEST(TensorCopy, FiveDimensionsWithElementStrides) {
  TensorMap shape;
  shape.type = TensorType::U16;
  shape.rank = 5;
  shape.sizes = {8, 6, 5, 4, 3};
  shape.strides = {16, 96, 480, 1920};
  shape.box = {8, 4, 3, 2, 2};
  shape.elementStrides = {1, 2, 1, 2, 1}; // 8 x 2 x 3 x 1 x 2 elements
  std::vector<uint16_t> expected;
  for (int v = 0; v < 2; ++v)
    for (int z = 0; z < 3; ++z)
      for (int y = 0; y < 2; ++y)
        for (int x = 0; x < 8; ++x) {
          const int c1 = 3 + 2 * y, c2 = -1 + z, c3 = 1, c4 = 2 + v;
          const bool inside = c1 < 6 && c2 >= 0 && c4 < 3;
          expected.push_back(inside ? uint16_t(1 + x + 8 * (c1 + 6 * (c2 + 5 * (c3 + 4 * c4)))) : 0);
        }
  const std::string body = load(
      "mov.s32 %r10, 0;\nmov.s32 %r11, 3;\nmov.s32 %r12, -1;\nmov.s32 %r13, 1;\nmov.s32 %r14, 2;\n"
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes [data], [%rd1, {%r10, %r11, %r12, "
      "%r13, %r14}], [bar];",
      unsigned(expected.size() * 2));
  expectClean<uint16_t>(kernel(2, kShared, body), threads(32), expected, [&](Bench &bench, uint64_t out) {
    TensorMap map = shape;
    map.base = bench.upload(counting(8 * 6 * 5 * 4 * 3));
    return std::vector<uint64_t>{bench.uploadMap(map), out};
  });
}

TEST(TensorCopy, Im2col) {
  // An image of 5 x 4 pixels of 8 channels, filter offset (1, 2), padding 1: 12 pixels from (-1, 0) on.
  TensorMap shape;
  shape.im2col = true;
  shape.type = TensorType::U16;
  shape.rank = 4;
  shape.sizes = {8, 5, 4, 2, 1};
  shape.strides = {16, 80, 320, 0};
  shape.lowerCorner = {-1, -1, 0};
  shape.upperCorner = {-1, -1, 0};
  shape.channelsPerPixel = 8;
  shape.pixelsPerColumn = 12;
  std::vector<uint16_t> expected;
  int w = -1, h = 0, n = 1;
  for (int p = 0; p < 12; ++p) {
    for (int c = 0; c < 8; ++c) {
      const int x = w + 1, y = h + 2;
      const bool inside = x >= 0 && x < 5 && y >= 0 && y < 4 && n < 2;
      expected.push_back(inside ? uint16_t(1 + c + 8 * (x + 5 * (y + 4 * n))) : 0);
    }
    if (++w > 3) {
      w = -1;
      if (++h > 2) {
        h = -1;
        ++n;
      }
    }
  }
  const std::string body =
      load("mov.s32 %r10, 0;\nmov.s32 %r11, -1;\nmov.s32 %r12, 0;\nmov.s32 %r13, 1;\nmov.b16 %h1, 1;\nmov.b16 %h2, 2;\n"
           "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [data], [%rd1, {%r10, "
           "%r11, %r12, %r13}], [bar], {%h1, %h2};",
           192);
  expectClean<uint16_t>(kernel(2, kShared, body), threads(32), expected, [&](Bench &bench, uint64_t out) {
    TensorMap map = shape;
    map.base = bench.upload(counting(8 * 5 * 4 * 2));
    return std::vector<uint64_t>{bench.uploadMap(map), out};
  });
}

TEST(TensorCopy, Multicast) {
  // Block 1 loads the same box for both; each reads its own copy.
  const std::string body =
      "mbarrier.init.shared.b64 [bar], 1;\nfence.mbarrier_init.release.cluster;\n"
      "mbarrier.arrive.expect_tx.shared.b64 _, [bar], "
      "256;\nbarrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n"
      "setp.eq.u32 %p1, %r2, 1;\nmov.b16 %h1, 3;\nmov.s32 %r10, 8;\nmov.s32 %r11, 1;\n"
      "@%p1 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
      "[data], "
      "[%rd1, {%r10, %r11}], [bar], %h1;\n" +
      waitLoop("bar", "0") +
      "ld.shared.u16 %h2, [data];\nmul.wide.u32 %rd6, %r2, 2;\nadd.u64 %rd7, %rd2, %rd6;\nst.global.u16 [%rd7], %h2;\n"
      "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  expectClean<uint16_t>(kernel(2, kShared, body), threads(1, 2, 2), {73, 73}, [](Bench &bench, uint64_t out) {
    return std::vector<uint64_t>{bench.uploadMap(matrix(bench.upload(counting(64 * 8)), 64, 8, 16, 8)), out};
  });
}

/// All 32 threads fill a box of 16 x 8 halves with 1000 + place; thread 0 stores or reduces it.
std::string store(const std::string &instruction, const char *fence = "fence.proxy.async.shared::cta;\n") {
  return "mov.u32 %r5, data;\nmad.lo.u32 %r5, %r1, 8, %r5;\nmad.lo.u32 %r6, %r1, 4, 1000;\ncvt.u16.u32 %h1, %r6;\n"
         "add.u16 %h2, %h1, 1;\nadd.u16 %h3, %h1, 2;\nadd.u16 %h4, %h1, 3;\nst.shared.v4.u16 [%r5], {%h1, %h2, %h3, "
         "%h4};\n" +
         std::string(fence) +
         "bar.sync 0;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra END;\nmov.s32 %r10, -2;\nmov.s32 %r11, 6;\n" + instruction +
         " [%rd1, {%r10, %r11}], [data];\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nEND:\n";
}

TEST(TensorCopy, StoresSkipWhatIsOutside) {
  std::vector<uint16_t> expected;
  const uint32_t width = 24;
  expected.assign(width * 10, 0);
  for (int row = 0; row < 4; ++row)
    for (int column = 2; column < 16; ++column)
      expected[size_t((row + 6) * int(width) + column - 2)] = uint16_t(1000 + row * 16 + column);
  auto arguments = [&](Bench &bench, uint64_t out) {
    return std::vector<uint64_t>{bench.uploadMap(matrix(out, width, 10, 16, 8))};
  };
  const std::string copy = "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group";
  expectClean<uint16_t>(kernel(1, kShared, store(copy)), threads(32), expected, arguments);
  expectFinding(kernel(1, kShared, store(copy, "")), threads(32), Check::Proxy, "",
                [&](Bench &bench) { return arguments(bench, bench.upload(std::vector<uint16_t>(width * 10))); });
}

TEST(TensorCopy, Reductions) {
  const std::string reduce = "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group";
  // As 32-bit words: two halves 1000 + k, 1001 + k each.
  const uint32_t width = 8;
  std::vector<uint32_t> expected(width * 10);
  for (uint32_t row = 0; row < 4; ++row)
    for (uint32_t column = 2; column < 8; ++column) {
      const uint32_t low = 1000 + (row * 8 + column) * 2;
      expected[(row + 6) * width + column - 2] = low | (low + 1) << 16;
    }
  expectClean<uint32_t>(kernel(1, kShared, store(reduce)), threads(32), expected, [&](Bench &bench, uint64_t out) {
    return std::vector<uint64_t>{bench.uploadMap(matrix(out, width, 10, 8, 8, TensorSwizzle::None, TensorType::U32))};
  });
  expectFinding(kernel(1, kShared, store(reduce)), threads(32), Check::Descriptor, "does not exist", [&](Bench &bench) {
    const uint64_t out = bench.upload(std::vector<uint16_t>(240));
    return std::vector<uint64_t>{bench.uploadMap(matrix(out, 24, 10, 16, 8))};
  });
}

// --- broken maps ---
TEST(TensorCopy, BrokenMaps) {
  const std::string ptx = kernel(2, kShared, load2d(0, 0, 256));
  auto with = [](auto change, uint32_t boxRows = 8) {
    return [=](Bench &bench) {
      TensorMap map = matrix(bench.upload(counting(64 * 8)), 64, 8, 16, boxRows);
      std::vector<uint8_t> bytes(kTensorMapBytes);
      change(map);
      encodeUnchecked(bytes.data(), map);
      return std::vector<uint64_t>{bench.upload(bytes), bench.upload(std::vector<uint16_t>(128))};
    };
  };
  const LaunchConfig config = threads(32);
  expectFinding(ptx, config, Check::Descriptor, "rank 3", with([](TensorMap &m) {
                  m.rank = 3;
                  m.strides[1] = 1024;
                }));
  expectFinding(ptx, config, Check::Descriptor, "box[1] is 0", with([](TensorMap &m) { m.box[1] = 0; }));
  expectFinding(ptx, config, Check::Descriptor, "outside of", with([](TensorMap &m) {
                  m.sizes[1] = 100;
                  m.strides[0] = 256;
                }));
  expectFinding(ptx, config, Check::Descriptor, "starts at", with([](TensorMap &m) { m.base = 0x1000; }));
  expectFinding(ptx, config, Check::Bounds, "behind the end", with([](TensorMap &m) { m.box = {256, 256, 1, 1, 1}; }));
  expectFinding(ptx, config, Check::Descriptor, "not a multiple of 64", [](Bench &bench) {
    return std::vector<uint64_t>{bench.upload(std::vector<uint8_t>(512)) + 32,
                                 bench.upload(std::vector<uint16_t>(128))};
  });
  expectFinding(ptx, config, Check::Descriptor, "not a tensor map", [](Bench &bench) {
    return std::vector<uint64_t>{bench.upload(std::vector<uint8_t>(128, 7)), bench.upload(std::vector<uint16_t>(128))};
  });
  const std::string flat = load(
      "mov.s32 %r10, 0;\ncp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [data], [%rd1, "
      "{%r10}], [bar];",
      256);
  expectFinding(kernel(2, kShared, flat), config, Check::Descriptor, "rank 1", with([](TensorMap &) {}));
}

// --- maps that the program changes ---
/// Warp 0 copies the map at %rd1 to shared memory, gives it another address (%rd3), and publishes it at %rd4.
std::string replaceAndLoad(const char *acquire) {
  return "mov.u32 %r30, map;\nmad.lo.u32 %r31, %r1, 4, %r30;\nmul.wide.u32 %rd20, %r1, 4;\nadd.u64 %rd21, %rd1, "
         "%rd20;\n"
         "ld.global.u32 %r32, [%rd21];\nst.shared.u32 [%r31], %r32;\nbar.warp.sync -1;\nsetp.ne.u32 %p1, %r1, 0;\n"
         "@%p1 bra REPLACED;\ntensormap.replace.tile.global_address.shared::cta.b1024.b64 [%r30], %rd3;\n"
         "mov.u32 %r33, 4;\ntensormap.replace.tile.global_dim.shared::cta.b1024.b32 [%r30], 1, %r33;\n"
         "tensormap.replace.tile.swizzle_mode.shared::cta.b1024.b32 [%r30], 0;\nREPLACED: bar.warp.sync -1;\n"
         "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%rd4], [%r30], "
         "128;\n" +
         std::string(acquire) + "mov.u64 %rd1, %rd4;\n" + load2d(0, 0, 256);
}

TEST(TensorMapModification, ReplaceAndPublish) {
  const std::string shared = std::string(kShared) + "\n.shared .align 128 .b8 map[128];";
  std::vector<uint16_t> expected(128);
  for (size_t k = 0; k < 64; ++k) // four of eight rows are inside
    expected[k] = uint16_t(501 + k / 16 * 64 + k % 16);
  auto arguments = [](Bench &bench, uint64_t out) {
    std::vector<uint16_t> second = counting(512);
    for (uint16_t &value : second)
      value = uint16_t(value + 500);
    const uint64_t map = bench.uploadMap(matrix(bench.upload(counting(512)), 64, 8, 16, 8));
    return std::vector<uint64_t>{map, out, bench.upload(second), bench.upload(std::vector<uint8_t>(128))};
  };
  const char *acquire = "fence.proxy.tensormap::generic.acquire.gpu [%rd4], 128;\n";
  expectClean<uint16_t>(kernel(4, shared, replaceAndLoad(acquire)), threads(32), expected, arguments);
  expectFinding(kernel(4, shared, replaceAndLoad("")), threads(32), Check::Proxy, "fence.proxy.tensormap",
                [&](Bench &bench) { return arguments(bench, bench.upload(std::vector<uint16_t>(128))); });
}

} // namespace
