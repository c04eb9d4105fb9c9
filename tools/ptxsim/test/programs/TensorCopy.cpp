#include "Harness.h"

#include <algorithm>

using namespace programs;

namespace {

struct Coordinates {
  int at[5];
};

/// Where byte `offset` of a box lies in shared memory: the 16-byte chunk's number is XORed with bits of the 128-byte
/// line.
size_t swizzled(size_t offset, CUtensorMapSwizzle swizzle) {
  unsigned mask = swizzle == CU_TENSOR_MAP_SWIZZLE_128B  ? 7
                  : swizzle == CU_TENSOR_MAP_SWIZZLE_64B ? 3
                  : swizzle == CU_TENSOR_MAP_SWIZZLE_32B ? 1
                                                         : 0;
  return offset ^ ((offset >> 7 & mask) << 4);
}

struct Case {
  std::vector<uint64_t> sizes;
  std::vector<uint32_t> box;
  std::vector<int> at;
  CUtensorMapSwizzle swizzle;
};

/// A tensor of 32-bit values; rows (the innermost dimension) are padded by one 16-byte chunk.
struct Tensor {
  std::vector<uint64_t> pitches; ///< of all dimensions, in bytes
  uint64_t bytes;
  explicit Tensor(const Case &test) {
    uint64_t pitch = 4;
    for (size_t d = 0; d < test.sizes.size(); ++d) {
      pitches.push_back(pitch);
      pitch = d == 0 ? (test.sizes[0] * 4 + 15) / 16 * 16 + 16 : pitch * test.sizes[d];
    }
    bytes = pitch;
  }
};

/// Calls visit(place in shared memory, place in the tensor or -1), both in words, for every element of the box.
template <class Visit> void forBox(const Case &test, const Tensor &tensor, Visit visit) {
  size_t count = 1;
  for (uint32_t extent : test.box)
    count *= extent;
  for (size_t i = 0; i < count; ++i) {
    size_t rest = i;
    int64_t address = 0;
    bool inside = true;
    for (size_t d = 0; d < test.box.size(); ++d) {
      int64_t position = test.at[d] + int64_t(rest % test.box[d]);
      rest /= test.box[d];
      inside &= position >= 0 && position < int64_t(test.sizes[d]);
      address += position * int64_t(tensor.pitches[d]);
    }
    visit(swizzled(i * 4, test.swizzle) / 4, inside ? address / 4 : -1);
  }
}

void check(const Module &module, const Case &test, uint64_t seed) {
  Random random(seed);
  Tensor tensor(test);
  std::vector<uint32_t> values(tensor.bytes / 4), other;
  for (uint32_t &value : values)
    value = uint32_t(random.bits());
  size_t boxWords = 1;
  for (uint32_t extent : test.box)
    boxWords *= extent;
  for (size_t i = 0; i < boxWords; ++i)
    other.push_back(uint32_t(random.bits()));
  Buffer<uint32_t> device(values), raw(boxWords), source(other);
  std::vector<uint64_t> strides(tensor.pitches.begin() + 1, tensor.pitches.end());
  CUtensorMap map =
      tensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT32, CUdeviceptr(device.get()), test.sizes, strides, test.box, test.swizzle);
  Coordinates where{};
  std::copy(test.at.begin(), test.at.end(), where.at);
  std::string rank = std::to_string(test.sizes.size()),
              what = "rank " + rank + " swizzle " + std::to_string(test.swizzle);
  Launch configuration{.grid = {1}, .block = {64}, .dynamicShared = unsigned(boxWords * 4 + 16)};

  std::vector<uint32_t> wanted(boxWords);
  forBox(test, tensor, [&](size_t place, int64_t address) { wanted[place] = address < 0 ? 0 : values[address]; });
  launch(module.kernel(("load" + rank).c_str()), configuration, map, where, raw.get(), int(boxWords * 4));
  expectEqual(what + " load", raw.read(), wanted);

  for (int add : {0, 1}) {
    forBox(test, tensor, [&](size_t place, int64_t address) {
      if (address >= 0)
        values[address] = (add ? values[address] : 0) + other[place];
    });
    launch(module.kernel(("store" + rank).c_str()), configuration, map, where,
           static_cast<const uint32_t *>(source.get()), int(boxWords * 4), add);
    expectEqual(what + (add ? " add" : " store"), device.read(), values);
  }
}

void checkExchange(const Module &module, int count) {
  std::vector<uint32_t> in(2 * count), out(2 * count), sums(count, 5);
  for (size_t i = 0; i < in.size(); ++i)
    in[i] = uint32_t(i * 2654435761u);
  for (int i = 0; i < count; ++i) {
    out[i] = in[count + i] * 2;
    out[count + i] = in[i] * 2;
    sums[i] += out[i] + out[count + i];
  }
  Buffer<uint32_t> deviceIn(in), deviceOut(2 * count), deviceSums(std::vector<uint32_t>(count, 5));
  launch(module.kernel("exchange"), {.grid = {2}, .block = {64}, .dynamicShared = unsigned(count) * 8, .cluster = {2}},
         static_cast<const uint32_t *>(deviceIn.get()), deviceOut.get(), deviceSums.get(), count);
  expectEqual("exchange", deviceOut.read(), out);
  expectEqual("exchange sums", deviceSums.read(), sums);
}

} // namespace

PROGRAM(TensorCopy, 90) {
  Module module;
  constexpr CUtensorMapSwizzle kNone = CU_TENSOR_MAP_SWIZZLE_NONE, k32 = CU_TENSOR_MAP_SWIZZLE_32B,
                               k64 = CU_TENSOR_MAP_SWIZZLE_64B, k128 = CU_TENSOR_MAP_SWIZZLE_128B;
  Case cases[] = {
      {{100}, {64}, {60}, kNone},
      {{1}, {4}, {0}, kNone},
      {{40, 30}, {16, 8}, {-3, 25}, kNone},
      {{40, 30}, {8, 16}, {32, -5}, k32},
      {{40, 30}, {16, 24}, {30, 4}, k64},
      {{40, 30}, {32, 16}, {-8, 20}, k128},
      {{40, 30}, {32, 8}, {400, 300}, k128},
      {{20, 7, 6}, {8, 3, 4}, {14, 5, -2}, kNone},
      {{36, 7, 6}, {32, 4, 4}, {-1, 5, 4}, k128},
      {{20, 5, 4, 3}, {16, 2, 3, 2}, {6, 4, -1, 2}, k64},
      {{12, 4, 3, 3, 3}, {8, 2, 2, 2, 3}, {7, 3, -1, 2, -1}, k32},
      {{12, 4, 3, 3, 3}, {4, 2, 2, 2, 2}, {-2, 1, 1, 1, 1}, kNone},
  };
  uint64_t seed = 0;
  for (const Case &test : cases)
    check(module, test, ++seed);
  checkExchange(module, 4);
  checkExchange(module, 300);
}
