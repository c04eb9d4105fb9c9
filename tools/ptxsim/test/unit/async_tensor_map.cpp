// Tensor maps: every rule of their encoding, and the bytes that a box touches against a formulation of its own: element
// by element from the index in the image, where the walk goes row by row.
#include "engine/TensorBox.h"
#include "engine/TensorMap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

using namespace ptxsim;

namespace {

TensorMap plainMap() {
  TensorMap map;
  map.type = TensorType::F16;
  map.rank = 2;
  map.base = 0x10000;
  map.sizes = {256, 100, 1, 1, 1};
  map.strides = {512, 0, 0, 0};
  map.box = {64, 8, 1, 1, 1};
  return map;
}

TensorMap imageMap() {
  TensorMap map = plainMap();
  map.im2col = true;
  map.rank = 4;
  map.sizes = {64, 20, 10, 3, 1};
  map.strides = {128, 2560, 25600, 0};
  map.channelsPerPixel = 32;
  map.pixelsPerColumn = 128;
  map.lowerCorner = {-1, -1, 0};
  map.upperCorner = {-1, -1, 0};
  return map;
}

std::string errorOf(const TensorMap &map) {
  std::string error;
  return validate(map, error) ? "" : error;
}

TEST(TensorMap, RoundTrip) {
  for (const TensorMap &map : {plainMap(), imageMap()}) {
    uint8_t bytes[kTensorMapBytes];
    std::string error;
    ASSERT_TRUE(encode(bytes, map, error)) << error;
    TensorMap back;
    ASSERT_TRUE(decode(bytes, back, error)) << error;
    EXPECT_EQ(back.type, map.type);
    EXPECT_EQ(back.rank, map.rank);
    EXPECT_EQ(back.base, map.base);
    EXPECT_EQ(back.sizes, map.sizes);
    EXPECT_EQ(back.strides, map.strides);
    EXPECT_EQ(back.box, map.box);
    EXPECT_EQ(back.elementStrides, map.elementStrides);
    EXPECT_EQ(back.im2col, map.im2col);
    EXPECT_EQ(back.lowerCorner, map.lowerCorner);
    EXPECT_EQ(back.upperCorner, map.upperCorner);
    EXPECT_EQ(back.channelsPerPixel, map.channelsPerPixel);
    EXPECT_EQ(back.pixelsPerColumn, map.pixelsPerColumn);
  }
}

TEST(TensorMap, LargestSizeSurvives) {
  TensorMap map = plainMap(), back;
  map.sizes[1] = uint64_t(1) << 32;
  map.strides[0] = (uint64_t(1) << 40) - 16;
  uint8_t bytes[kTensorMapBytes];
  std::string error;
  ASSERT_TRUE(encode(bytes, map, error)) << error;
  ASSERT_TRUE(decode(bytes, back, error)) << error;
  EXPECT_EQ(back.sizes[1], uint64_t(1) << 32);
  EXPECT_EQ(back.strides[0], (uint64_t(1) << 40) - 16);
}

TEST(TensorMap, DamageIsSeen) {
  uint8_t bytes[kTensorMapBytes];
  TensorMap back;
  std::string error;
  ASSERT_TRUE(encode(bytes, plainMap(), error));
  unsigned seen = 0;
  for (unsigned k = 0; k < kTensorMapBytes; ++k) {
    bytes[k] ^= 0x40;
    seen += !decode(bytes, back, error);
    bytes[k] ^= 0x40;
  }
  EXPECT_GE(seen, 120u); // all but the few spare bytes at the end
  std::memset(bytes, 0, sizeof bytes);
  EXPECT_FALSE(decode(bytes, back, error));
  EXPECT_NE(error.find("not a tensor map"), std::string::npos);
}

struct Rule {
  const char *text;
  void (*breakIt)(TensorMap &);
  bool im2col = false;
};

TEST(TensorMap, Rules) {
  const Rule rules[] = {
      {"address is null", [](TensorMap &m) { m.base = 0; }},
      {"address must be a multiple of 16", [](TensorMap &m) { m.base += 8; }},
      {"rank is 0", [](TensorMap &m) { m.rank = 0; }},
      {"rank is 6", [](TensorMap &m) { m.rank = 6; }},
      {"rank is 2", [](TensorMap &m) { m.rank = 2; }, true},
      {"size[1] is 0", [](TensorMap &m) { m.sizes[1] = 0; }},
      {"size[0] is 4294967297", [](TensorMap &m) { m.sizes[0] = (uint64_t(1) << 32) + 1; }},
      {"stride[0] is 520", [](TensorMap &m) { m.strides[0] = 520; }},
      {"below 2^40", [](TensorMap &m) { m.strides[0] = uint64_t(1) << 40; }},
      {"box[1] is 0", [](TensorMap &m) { m.box[1] = 0; }},
      {"box[1] is 257", [](TensorMap &m) { m.box[1] = 257; }},
      {"inner dimension is 18 bytes", [](TensorMap &m) { m.box[0] = 9; }},
      {"span of 64", [](TensorMap &m) { m.swizzle = TensorSwizzle::Bytes64; }},
      {"element stride[1] is 9", [](TensorMap &m) { m.elementStrides[1] = 9; }},
      {"element stride[0] is 0", [](TensorMap &m) { m.elementStrides[0] = 0; }},
      {"interleaved", [](TensorMap &m) { m.interleave = TensorInterleave::Bytes16; }, true},
      {"rank is 2", [](TensorMap &m) { m.interleave = TensorInterleave::Bytes16; }},
      {"sm_100", [](TensorMap &m) { m.type = TensorType::Packed16U4Align8; }},
      {"data type", [](TensorMap &m) { m.type = TensorType(16); }},
      {"swizzle is not", [](TensorMap &m) { m.swizzle = TensorSwizzle(4); }},
      {"NaN", [](TensorMap &m) { m.type = TensorType::U16, m.fill = TensorFill::NanRequestZeroFma; }},
      {"corner[0] is 128", [](TensorMap &m) { m.upperCorner[0] = 128; }, true},
      {"corner[1] is -129", [](TensorMap &m) { m.lowerCorner[1] = -129; }, true},
      {"box is empty", [](TensorMap &m) { m.lowerCorner[1] = 9; }, true},
      {"channels per pixel is 257", [](TensorMap &m) { m.channelsPerPixel = 257; }, true},
      {"pixels per column is 1025", [](TensorMap &m) { m.pixelsPerColumn = 1025; }, true},
      {"pixels per column is 0", [](TensorMap &m) { m.pixelsPerColumn = 0; }, true},
  };
  EXPECT_EQ(errorOf(plainMap()), "");
  EXPECT_EQ(errorOf(imageMap()), "");
  for (const Rule &rule : rules) {
    TensorMap map = rule.im2col ? imageMap() : plainMap();
    rule.breakIt(map);
    EXPECT_NE(errorOf(map).find(rule.text), std::string::npos) << rule.text << ": " << errorOf(map);
  }
}

TEST(TensorMap, ArgumentsOfTheDriver) {
  const uint64_t sizes[] = {64, 32, 4}, strides[] = {128, 4096};
  const uint32_t box[] = {64, 8, 2}, ones[] = {1, 1, 1};
  uint8_t bytes[kTensorMapBytes];
  std::string error;
  ASSERT_TRUE(encodeTiled(bytes, TensorType::BF16, 3, 0x4000, sizes, strides, box, ones, TensorInterleave::None,
                          TensorSwizzle::Bytes128, TensorPromotion::Bytes128, TensorFill::Zeros, error))
      << error;
  TensorMap map;
  ASSERT_TRUE(decode(bytes, map, error));
  EXPECT_EQ(map.sizes[2], 4u);
  EXPECT_EQ(map.strides[1], 4096u);
  EXPECT_EQ(map.box[2], 2u);
  EXPECT_EQ(map.swizzle, TensorSwizzle::Bytes128);
  EXPECT_EQ(boxBytes(map), 64u * 8 * 2 * 2);
  const int32_t lower[] = {-2}, upper[] = {-2};
  ASSERT_TRUE(encodeIm2col(bytes, TensorType::BF16, 3, 0x4000, sizes, strides, lower, upper, 64, 16, ones,
                           TensorInterleave::None, TensorSwizzle::None, TensorPromotion::None, TensorFill::Zeros,
                           error))
      << error;
  ASSERT_TRUE(decode(bytes, map, error));
  EXPECT_TRUE(map.im2col);
  EXPECT_EQ(map.lowerCorner[0], -2);
  EXPECT_EQ(boxBytes(map), 64u * 16 * 2);
}

// --- swizzles: the patterns as the ISA's figures draw them, a line of 128 bytes in a row ---
TEST(TensorBox, SwizzlePatterns) {
  const int lines128[8][8] = {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5},
                              {3, 2, 1, 0, 7, 6, 5, 4}, {4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 7, 6, 1, 0, 3, 2},
                              {6, 7, 4, 5, 2, 3, 0, 1}, {7, 6, 5, 4, 3, 2, 1, 0}};
  const int lines64[4][8] = {
      {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5}, {3, 2, 1, 0, 7, 6, 5, 4}};
  const int lines32[2][8] = {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}};
  for (uint32_t line = 0; line < 64; ++line)
    for (uint32_t chunk = 0; chunk < 8; ++chunk)
      for (uint32_t byte : {0u, 5u, 15u}) {
        const uint32_t at = 1024 + line * 128 + chunk * 16 + byte, start = 1024 + line * 128 + byte;
        EXPECT_EQ(swizzledAddress(at, TensorSwizzle::None), at);
        EXPECT_EQ(swizzledAddress(at, TensorSwizzle::Bytes128), start + 16u * lines128[line % 8][chunk]);
        EXPECT_EQ(swizzledAddress(at, TensorSwizzle::Bytes64), start + 16u * lines64[line % 4][chunk]);
        EXPECT_EQ(swizzledAddress(at, TensorSwizzle::Bytes32), start + 16u * lines32[line % 2][chunk]);
      }
}

// --- boxes ---
constexpr uint64_t kOutside = ~uint64_t(0);

/// The global address of every byte of the image, from the walk.
std::vector<uint64_t> walked(const TensorMap &map, const BoxOrigin &origin) {
  std::vector<uint64_t> result(boxBytes(map), kOutside - 1); // no row may leave a byte out
  BoxRow row;
  for (BoxWalk walk(map, origin); walk.next(row);)
    for (uint32_t k = 0; k < row.bytes; ++k) {
      EXPECT_LT(row.offset + k, result.size());
      const bool inside = k >= row.before && k < row.before + row.inside;
      result[row.offset + k] = inside ? row.global + (k - row.before) : kOutside;
    }
  return result;
}

uint64_t addressOf(const TensorMap &map, const std::array<int64_t, 5> &coordinate, unsigned byte) {
  uint64_t address = map.base + uint64_t(coordinate[0]) * (elementBits(map.type) / 8) + byte;
  for (unsigned d = 0; d < map.rank; ++d) {
    if (coordinate[d] < 0 || coordinate[d] >= int64_t(map.sizes[d]))
      return kOutside;
    if (d)
      address += uint64_t(coordinate[d]) * map.strides[d - 1];
  }
  return address;
}

std::vector<uint64_t> bruteTiled(const TensorMap &map, const BoxOrigin &origin) {
  const unsigned elementBytes = elementBits(map.type) / 8;
  uint64_t counts[5], elements = 1;
  for (unsigned d = 0; d < map.rank; ++d) {
    counts[d] = 0;
    for (uint32_t k = 0; k < map.box[d]; k += d ? map.elementStrides[d] : 1)
      ++counts[d];
    elements *= counts[d];
  }
  std::vector<uint64_t> result;
  for (uint64_t e = 0; e < elements; ++e) {
    std::array<int64_t, 5> coordinate{};
    uint64_t rest = e;
    for (unsigned d = 0; d < map.rank; ++d) {
      coordinate[d] = origin.coordinates[d] + int64_t(rest % counts[d]) * (d ? map.elementStrides[d] : 1);
      rest /= counts[d];
    }
    for (unsigned b = 0; b < elementBytes; ++b)
      result.push_back(addressOf(map, coordinate, b));
  }
  return result;
}

TEST(TensorBox, TiledAgainstElements) {
  std::mt19937 random(7);
  const TensorType types[] = {TensorType::U8,  TensorType::F16, TensorType::F32,
                              TensorType::F64, TensorType::S32, TensorType::BF16};
  for (unsigned round = 0; round < 400; ++round) {
    TensorMap map;
    map.type = types[random() % 6];
    const unsigned elementBytes = elementBits(map.type) / 8;
    map.rank = 1 + round % 5;
    map.base = 0x100000 + 16 * (random() % 100);
    uint64_t stride = 16;
    for (unsigned d = 0; d < map.rank; ++d) {
      map.sizes[d] = 1 + random() % (d ? 12 : 80);
      map.box[d] = d ? 1 + random() % 5 : (16 / elementBytes) * (1 + random() % 4);
      map.elementStrides[d] = random() % 3 ? 1 : 1 + random() % 4;
      stride = (stride * map.sizes[d] * (d ? 1 : elementBytes) + 15) / 16 * 16;
      if (d + 1 < map.rank)
        map.strides[d] = stride;
    }
    ASSERT_EQ(errorOf(map), "");
    BoxOrigin origin;
    for (unsigned d = 0; d < map.rank; ++d)
      origin.coordinates[d] = int32_t(random() % (map.sizes[d] + 12)) - 6;
    const std::vector<uint64_t> expected = bruteTiled(map, origin);
    ASSERT_EQ(boxBytes(map), expected.size());
    ASSERT_EQ(walked(map, origin), expected) << "round " << round << ", rank " << map.rank;
  }
}

TEST(TensorBox, FarAwayCoordinates) {
  TensorMap map = plainMap();
  for (int32_t far : {INT32_MIN, INT32_MIN + 1, -64, 256, INT32_MAX - 10, INT32_MAX}) {
    BoxOrigin origin;
    origin.coordinates = {far, 0, 0, 0, 0};
    for (uint64_t address : walked(map, origin))
      ASSERT_EQ(address, kOutside);
    origin.coordinates = {0, far, 0, 0, 0};
    if (far != -64 && far != 256) {
      for (uint64_t address : walked(map, origin))
        ASSERT_EQ(address, kOutside);
    }
  }
}

TEST(TensorBox, OverflowingAddressIsTold) {
  TensorMap map = plainMap();
  map.base = ~uint64_t(0) - 15;
  map.sizes[1] = uint64_t(1) << 32;
  map.strides[0] = (uint64_t(1) << 40) - 16;
  BoxOrigin origin;
  origin.coordinates = {0, INT32_MAX - 8, 0, 0, 0};
  BoxRow row;
  BoxWalk walk(map, origin);
  ASSERT_TRUE(walk.next(row));
  EXPECT_TRUE(row.overflow);
}

/// Pixel p of the column, from the linear index in the lattice of the bounding box over all images.
std::vector<uint64_t> bruteIm2col(const TensorMap &map, const BoxOrigin &origin) {
  const unsigned spatial = map.rank - 2, elementBytes = elementBits(map.type) / 8;
  int64_t counts[3], start = 0, scale = 1;
  for (unsigned k = 0; k < spatial; ++k) {
    const int64_t stride = map.elementStrides[k + 1];
    const int64_t extent = int64_t(map.sizes[k + 1]) - 1 + map.upperCorner[k] - map.lowerCorner[k];
    counts[k] = extent / stride + 1;
    start += scale * ((origin.coordinates[k + 1] - map.lowerCorner[k]) / stride);
    scale *= counts[k];
  }
  std::vector<uint64_t> result;
  for (uint32_t p = 0; p < map.pixelsPerColumn; ++p) {
    int64_t rest = start + p;
    std::array<int64_t, 5> coordinate{};
    for (unsigned k = 0; k < spatial; ++k) {
      coordinate[k + 1] =
          map.lowerCorner[k] + rest % counts[k] * int64_t(map.elementStrides[k + 1]) + origin.offsets[k];
      rest /= counts[k];
    }
    coordinate[map.rank - 1] = origin.coordinates[map.rank - 1] + rest;
    for (uint32_t c = 0; c < map.channelsPerPixel; ++c) {
      coordinate[0] = origin.coordinates[0] + c;
      for (unsigned b = 0; b < elementBytes; ++b)
        result.push_back(addressOf(map, coordinate, b));
    }
  }
  return result;
}

TEST(TensorBox, Im2colAgainstPixels) {
  std::mt19937 random(11);
  for (unsigned round = 0; round < 200; ++round) {
    TensorMap map = imageMap();
    map.rank = 3 + round % 3;
    map.channelsPerPixel = 8 * (1 + random() % 4);
    map.pixelsPerColumn = 1 + random() % 200;
    uint64_t stride = 128;
    for (unsigned d = 1; d < map.rank; ++d) {
      map.sizes[d] = 3 + random() % 9;
      map.elementStrides[d] = d + 1 < map.rank && random() % 2 ? 1 + random() % 3 : 1;
      map.strides[d - 1] = stride;
      stride *= map.sizes[d];
    }
    BoxOrigin origin;
    origin.coordinates[0] = int32_t(random() % 80) - 8;
    for (unsigned k = 0; k + 2 < map.rank; ++k) {
      map.lowerCorner[k] = -int32_t(random() % 3);
      map.upperCorner[k] = -int32_t(random() % 3);
      origin.offsets[k] = uint16_t(random() % 3);
      const uint32_t extent = uint32_t(int32_t(map.sizes[k + 1]) - 1 + map.upperCorner[k] - map.lowerCorner[k]);
      const uint32_t steps = extent / map.elementStrides[k + 1] + 1;
      origin.coordinates[k + 1] = map.lowerCorner[k] + int32_t(random() % steps * map.elementStrides[k + 1]);
    }
    ASSERT_EQ(errorOf(map), "");
    ASSERT_TRUE(startsInBoundingBox(map, origin));
    ASSERT_EQ(walked(map, origin), bruteIm2col(map, origin)) << "round " << round;
    origin.coordinates[1] = map.lowerCorner[0] - 1;
    EXPECT_FALSE(startsInBoundingBox(map, origin));
  }
}

TEST(TensorBox, ConversionsOnLoad) {
  EXPECT_EQ(convertLoaded(TensorType::TF32, 0x3f800fff), 0x3f800000u); // below half a unit of the 10th fraction bit
  EXPECT_EQ(convertLoaded(TensorType::TF32, 0x3f801000), 0x3f800000u); // a tie goes to the even neighbour
  EXPECT_EQ(convertLoaded(TensorType::TF32, 0x3f803000), 0x3f804000u);
  EXPECT_EQ(convertLoaded(TensorType::TF32, 0x7f800001), 0x7f800001u); // NaN stays one
  EXPECT_EQ(convertLoaded(TensorType::TF32, 0x00001000), 0x00000000u);
  EXPECT_EQ(convertLoaded(TensorType::F32Ftz, 0x807fffff), 0x80000000u);
  EXPECT_EQ(convertLoaded(TensorType::F32Ftz, 0x00800001), 0x00800001u);
  EXPECT_EQ(convertLoaded(TensorType::TF32Ftz, 0x007fffff), 0x00000000u);
}

TEST(TensorBox, Fill) {
  TensorMap map = plainMap();
  EXPECT_EQ(fillBits(map), 0u);
  map.fill = TensorFill::NanRequestZeroFma;
  EXPECT_EQ(fillBits(map) & 0x7c00, 0x7c00u);
  EXPECT_NE(fillBits(map) & 0x03ff, 0u);
  map.type = TensorType::F64;
  EXPECT_EQ(fillBits(map) >> 52, 0x7ffu);
}

} // namespace
