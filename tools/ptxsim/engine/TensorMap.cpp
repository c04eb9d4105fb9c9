// The 128 bytes of a tensor map. The chip's layout is not public, so the layout is our own: it carries a magic number
// and a checksum, so that bytes that never were a map, or were overwritten, are told apart from one.
#include "engine/TensorMap.h"

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace ptxsim {

namespace {

constexpr uint32_t kMagic = 0x70616d54; // "Tmap"
constexpr uint8_t kVersion = 1;

struct Layout {
  uint32_t magic;
  uint32_t checksum; // of all that follows
  uint64_t base;
  uint64_t strides[4];
  uint32_t lastIndex[5]; // size - 1: a size of 2^32 is legal
  uint16_t box[5];
  uint8_t elementStrides[5];
  uint8_t version, type, rank, interleave, swizzle, promotion, fill, im2col;
  uint8_t padding;
  int16_t lowerCorner[3], upperCorner[3];
  uint16_t channelsPerPixel, pixelsPerColumn;
  uint64_t launch; // that modified the map last; 0: the host made it
  uint64_t serial;
};
static_assert(sizeof(Layout) <= kTensorMapBytes && std::is_trivially_copyable_v<Layout>);

uint32_t checksumOf(const Layout &layout) {
  // FNV-1a over everything behind the checksum.
  const auto *bytes = reinterpret_cast<const uint8_t *>(&layout);
  uint32_t hash = 2166136261u;
  for (size_t k = offsetof(Layout, base); k < sizeof(Layout); ++k)
    hash = (hash ^ bytes[k]) * 16777619u;
  return hash;
}

bool isPacked(TensorType type) { return type >= TensorType::Packed16U4Align8; }

std::string numbered(const char *what, unsigned k) { return std::string(what) + "[" + std::to_string(k) + "]"; }

/// Keeps the first broken rule; messages are built only for it, as maps are checked at each copy.
struct Rules {
  std::string &error;
  bool good = true;
  template <class Message> void require(bool condition, const Message &message) {
    if (good && !condition) {
      good = false;
      error = message();
    }
  }
};

void checkSizes(const TensorMap &map, Rules &rules) {
  const uint64_t granule = map.interleave == TensorInterleave::Bytes32 ? 32 : 16;
  rules.require(map.base != 0, [&] { return std::string("the tensor's address is null"); });
  rules.require(map.base % granule == 0,
                [&] { return std::string("the tensor's address must be a multiple of " + std::to_string(granule)); });
  for (unsigned d = 0; d < map.rank; ++d)
    rules.require(map.sizes[d] >= 1 && map.sizes[d] <= uint64_t(1) << 32, [&] {
      return std::string(numbered("size", d) + " is " + std::to_string(map.sizes[d]) + ", it must lie in 1..2^32");
    });
  for (unsigned d = 0; d + 1 < map.rank; ++d) {
    rules.require(map.strides[d] % granule == 0, [&] {
      return std::string(numbered("stride", d) + " is " + std::to_string(map.strides[d]) +
                         " bytes, it must be a multiple of " + std::to_string(granule));
    });
    rules.require(map.strides[d] < uint64_t(1) << 40, [&] {
      return std::string(numbered("stride", d) + " is " + std::to_string(map.strides[d]) +
                         " bytes, it must be below 2^40");
    });
  }
  for (unsigned d = 0; d < map.rank; ++d)
    rules.require(map.elementStrides[d] >= 1 && map.elementStrides[d] <= 8, [&] {
      return std::string(numbered("element stride", d) + " is " + std::to_string(map.elementStrides[d]) +
                         ", it must lie in 1..8");
    });
}

void checkIm2colBox(const TensorMap &map, Rules &rules) {
  const unsigned spatial = map.rank - 2;
  const int32_t low[] = {-32768, -128, -16}, high[] = {32767, 127, 15};
  for (unsigned k = 0; k < spatial; ++k) {
    for (int32_t corner : {map.lowerCorner[k], map.upperCorner[k]})
      rules.require(corner >= low[spatial - 1] && corner <= high[spatial - 1], [&] {
        return std::string(numbered("box corner", k) + " is " + std::to_string(corner) + ", for rank " +
                           std::to_string(map.rank) + " it must lie in " + std::to_string(low[spatial - 1]) + ".." +
                           std::to_string(high[spatial - 1]));
      });
    rules.require(int64_t(map.sizes[k + 1]) - 1 + map.upperCorner[k] >= map.lowerCorner[k],
                  [&] { return std::string("the bounding box is empty in spatial dimension " + std::to_string(k)); });
  }
  rules.require(map.channelsPerPixel >= 1 && map.channelsPerPixel <= 256, [&] {
    return std::string("channels per pixel is " + std::to_string(map.channelsPerPixel) + ", it must lie in 1..256");
  });
  rules.require(map.pixelsPerColumn >= 1 && map.pixelsPerColumn <= 1024, [&] {
    return std::string("pixels per column is " + std::to_string(map.pixelsPerColumn) + ", it must lie in 1..1024");
  });
}

} // namespace

unsigned elementBits(TensorType type) {
  static constexpr uint8_t bits[] = {8, 16, 32, 32, 64, 64, 16, 32, 64, 16, 32, 32, 32, 4, 4, 6};
  return bits[unsigned(type)];
}

bool validate(const TensorMap &map, std::string &error) {
  Rules rules{error};
  rules.require(unsigned(map.type) <= unsigned(TensorType::Packed16U6Align16),
                [&] { return std::string("the data type is unknown"); });
  rules.require(unsigned(map.interleave) <= 2, [&] { return std::string("the interleave is unknown"); });
  rules.require(unsigned(map.promotion) <= 3, [&] { return std::string("the L2 promotion is unknown"); });
  rules.require(unsigned(map.fill) <= 1, [&] { return std::string("the out-of-bounds fill is unknown"); });
  rules.require(unsigned(map.swizzle) <= 3, [&] {
    return std::string("this swizzle is not simulated: known are none, 32B, 64B and 128B with atoms of 16 bytes");
  });
  const unsigned leastRank = map.im2col || map.interleave != TensorInterleave::None ? 3 : 1;
  rules.require(map.rank >= leastRank && map.rank <= 5, [&] {
    return std::string("the rank is " + std::to_string(map.rank) + ", it must lie in " + std::to_string(leastRank) +
                       "..5");
  });
  if (!rules.good)
    return false;
  rules.require(!isPacked(map.type),
                [&] { return std::string("packed types of 4 and 6 bits are not simulated: they need sm_100"); });
  rules.require(map.interleave == TensorInterleave::None,
                [&] { return std::string("interleaved layouts are not simulated"); });
  checkSizes(map, rules);
  if (map.im2col)
    checkIm2colBox(map, rules);
  else
    for (unsigned d = 0; d < map.rank; ++d)
      rules.require(map.box[d] >= 1 && map.box[d] <= 256, [&] {
        return std::string(numbered("box", d) + " is " + std::to_string(map.box[d]) + ", it must lie in 1..256");
      });
  const uint32_t inner = (map.im2col ? map.channelsPerPixel : map.box[0]) * elementBits(map.type) / 8;
  rules.require(inner % 16 == 0, [&] {
    return std::string("the box's inner dimension is " + std::to_string(inner) + " bytes, it must be a multiple of 16");
  });
  const uint32_t span = map.swizzle == TensorSwizzle::None ? 0 : 16u << unsigned(map.swizzle);
  rules.require(!span || inner <= span, [&] {
    return std::string("the box's inner dimension is " + std::to_string(inner) +
                       " bytes, more than the swizzle's span of " + std::to_string(span));
  });
  const bool isFloating = map.type >= TensorType::F16 && !isPacked(map.type);
  rules.require(map.fill == TensorFill::Zeros || isFloating,
                [&] { return std::string("only floating-point tensors can be filled with NaN"); });
  return rules.good;
}

void encodeUnchecked(uint8_t out[kTensorMapBytes], const TensorMap &map) {
  Layout layout{};
  layout.magic = kMagic;
  layout.version = kVersion;
  layout.base = map.base;
  for (unsigned d = 0; d < 5; ++d) {
    layout.lastIndex[d] = uint32_t(map.sizes[d] - 1);
    layout.box[d] = uint16_t(map.box[d]);
    layout.elementStrides[d] = uint8_t(map.elementStrides[d]);
  }
  for (unsigned d = 0; d < 4; ++d)
    layout.strides[d] = map.strides[d];
  layout.type = uint8_t(map.type);
  layout.rank = uint8_t(map.rank);
  layout.interleave = uint8_t(map.interleave);
  layout.swizzle = uint8_t(map.swizzle);
  layout.promotion = uint8_t(map.promotion);
  layout.fill = uint8_t(map.fill);
  layout.im2col = map.im2col;
  for (unsigned k = 0; k < 3; ++k) {
    layout.lowerCorner[k] = int16_t(map.lowerCorner[k]);
    layout.upperCorner[k] = int16_t(map.upperCorner[k]);
  }
  layout.channelsPerPixel = uint16_t(map.channelsPerPixel);
  layout.pixelsPerColumn = uint16_t(map.pixelsPerColumn);
  layout.launch = map.launch;
  layout.serial = map.serial;
  layout.checksum = checksumOf(layout);
  std::memset(out, 0, kTensorMapBytes);
  std::memcpy(out, &layout, sizeof layout);
}

bool encode(uint8_t out[kTensorMapBytes], const TensorMap &map, std::string &error) {
  if (!validate(map, error))
    return false;
  encodeUnchecked(out, map);
  return true;
}

bool encodeTiled(uint8_t out[kTensorMapBytes], TensorType type, uint32_t rank, uint64_t base, const uint64_t *sizes,
                 const uint64_t *strides, const uint32_t *box, const uint32_t *elementStrides,
                 TensorInterleave interleave, TensorSwizzle swizzle, TensorPromotion promotion, TensorFill fill,
                 std::string &error) {
  TensorMap map;
  map.type = type;
  map.rank = rank;
  map.base = base;
  for (unsigned d = 0; d < rank && d < 5; ++d) {
    map.sizes[d] = sizes[d];
    map.box[d] = box[d];
    map.elementStrides[d] = elementStrides[d];
    if (d + 1 < rank && d < 4)
      map.strides[d] = strides[d];
  }
  map.interleave = interleave;
  map.swizzle = swizzle;
  map.promotion = promotion;
  map.fill = fill;
  return encode(out, map, error);
}

bool encodeIm2col(uint8_t out[kTensorMapBytes], TensorType type, uint32_t rank, uint64_t base, const uint64_t *sizes,
                  const uint64_t *strides, const int32_t *lowerCorner, const int32_t *upperCorner,
                  uint32_t channelsPerPixel, uint32_t pixelsPerColumn, const uint32_t *elementStrides,
                  TensorInterleave interleave, TensorSwizzle swizzle, TensorPromotion promotion, TensorFill fill,
                  std::string &error) {
  TensorMap map;
  map.im2col = true;
  map.type = type;
  map.rank = rank;
  map.base = base;
  for (unsigned d = 0; d < rank && d < 5; ++d) {
    map.sizes[d] = sizes[d];
    map.elementStrides[d] = elementStrides[d];
    if (d + 1 < rank && d < 4)
      map.strides[d] = strides[d];
    if (d + 2 < rank && d < 3) {
      map.lowerCorner[d] = lowerCorner[d];
      map.upperCorner[d] = upperCorner[d];
    }
  }
  map.channelsPerPixel = channelsPerPixel;
  map.pixelsPerColumn = pixelsPerColumn;
  map.interleave = interleave;
  map.swizzle = swizzle;
  map.promotion = promotion;
  map.fill = fill;
  return encode(out, map, error);
}

bool decode(const uint8_t bytes[kTensorMapBytes], TensorMap &map, std::string &error) {
  Layout layout;
  std::memcpy(&layout, bytes, sizeof layout);
  if (layout.magic != kMagic || layout.version != kVersion) {
    error = "these 128 bytes are not a tensor map";
    return false;
  }
  if (layout.checksum != checksumOf(layout)) {
    error = "this tensor map was overwritten by something else than tensormap.replace";
    return false;
  }
  map.base = layout.base;
  for (unsigned d = 0; d < 5; ++d) {
    map.sizes[d] = uint64_t(layout.lastIndex[d]) + 1;
    map.box[d] = layout.box[d];
    map.elementStrides[d] = layout.elementStrides[d];
  }
  for (unsigned d = 0; d < 4; ++d)
    map.strides[d] = layout.strides[d];
  map.type = TensorType(layout.type);
  map.rank = layout.rank;
  map.interleave = TensorInterleave(layout.interleave);
  map.swizzle = TensorSwizzle(layout.swizzle);
  map.promotion = TensorPromotion(layout.promotion);
  map.fill = TensorFill(layout.fill);
  map.im2col = layout.im2col;
  for (unsigned k = 0; k < 3; ++k) {
    map.lowerCorner[k] = layout.lowerCorner[k];
    map.upperCorner[k] = layout.upperCorner[k];
  }
  map.channelsPerPixel = layout.channelsPerPixel;
  map.pixelsPerColumn = layout.pixelsPerColumn;
  map.launch = layout.launch;
  map.serial = layout.serial;
  return true;
}

} // namespace ptxsim
