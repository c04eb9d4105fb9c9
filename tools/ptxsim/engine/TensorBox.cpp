#include "engine/TensorBox.h"

#include <algorithm>

namespace ptxsim {

namespace {

uint32_t elementsAlong(const TensorMap &map, unsigned d) {
  // The element stride of dimension 0 is ignored (cuTensorMapEncodeTiled, "elementStrides").
  return d == 0 ? map.box[0] : (map.box[d] + map.elementStrides[d] - 1) / map.elementStrides[d];
}

int64_t upperPixel(const TensorMap &map, unsigned d) { return int64_t(map.sizes[d]) - 1 + map.upperCorner[d - 1]; }

} // namespace

uint32_t boxBytes(const TensorMap &map) {
  const uint32_t elementBytes = elementBits(map.type) / 8;
  if (map.im2col)
    return map.channelsPerPixel * map.pixelsPerColumn * elementBytes;
  // At most 256^5 elements of 8 bytes would overflow; such a box does not fit shared memory, so saturate.
  uint64_t bytes = elementBytes;
  for (unsigned d = 0; d < map.rank; ++d)
    bytes = std::min<uint64_t>(bytes * elementsAlong(map, d), uint64_t(1) << 31);
  return uint32_t(bytes);
}

BoxWalk::BoxWalk(const TensorMap &map, const BoxOrigin &origin) : map(map), origin(origin) {
  for (unsigned d = 0; d < map.rank; ++d)
    position[d] = origin.coordinates[d];
  if (map.im2col) {
    rows = map.pixelsPerColumn;
    rowBytes = map.channelsPerPixel * elementBits(map.type) / 8;
    return;
  }
  rowBytes = map.box[0] * elementBits(map.type) / 8;
  for (unsigned d = 1; d < map.rank; ++d) {
    counts[d] = elementsAlong(map, d);
    rows *= counts[d];
  }
}

void BoxWalk::describe(BoxRow &out) const {
  const int64_t elementBytes = elementBits(map.type) / 8;
  out = BoxRow();
  out.offset = row * rowBytes;
  out.bytes = rowBytes;
  unsigned __int128 address = map.base;
  for (unsigned d = 1; d < map.rank; ++d) {
    int64_t coordinate = position[d];
    if (map.im2col && d + 1 < map.rank)
      coordinate += origin.offsets[d - 1];
    if (coordinate < 0 || uint64_t(coordinate) >= map.sizes[d])
      return;
    address += (unsigned __int128)(coordinate)*map.strides[d - 1];
  }
  const int64_t first = position[0], count = rowBytes / elementBytes;
  const int64_t from = std::max<int64_t>(first, 0);
  const int64_t to = std::min<int64_t>(first + count, int64_t(map.sizes[0]));
  if (from >= to)
    return;
  address += (unsigned __int128)(from)*elementBytes;
  out.before = uint32_t((from - first) * elementBytes);
  out.inside = uint32_t((to - from) * elementBytes);
  out.global = uint64_t(address);
  out.overflow = address + out.inside > ~uint64_t(0);
}

void BoxWalk::advanceTile() {
  for (unsigned d = 1; d < map.rank; ++d) {
    if (++indices[d] < counts[d]) {
      position[d] += map.elementStrides[d];
      return;
    }
    indices[d] = 0;
    position[d] = origin.coordinates[d];
  }
}

void BoxWalk::advancePixel() {
  for (unsigned d = 1; d + 1 < map.rank; ++d) {
    position[d] += map.elementStrides[d];
    if (position[d] <= upperPixel(map, d))
      return;
    position[d] = map.lowerCorner[d - 1];
  }
  ++position[map.rank - 1]; // the next image
}

bool BoxWalk::next(BoxRow &out) {
  if (row == rows)
    return false;
  describe(out);
  ++row;
  if (map.im2col)
    advancePixel();
  else
    advanceTile();
  return true;
}

bool startsInBoundingBox(const TensorMap &map, const BoxOrigin &origin) {
  for (unsigned d = 1; d + 1 < map.rank; ++d)
    if (origin.coordinates[d] < map.lowerCorner[d - 1] || origin.coordinates[d] > upperPixel(map, d))
      return false;
  return true;
}

uint64_t fillBits(const TensorMap &map) {
  if (map.fill == TensorFill::Zeros)
    return 0;
  // The documentation speaks of "a special NaN constant" without its bits: a quiet NaN with all fraction bits set.
  switch (elementBits(map.type)) {
  case 16:
    return 0x7fff;
  case 32:
    return 0x7fffffff;
  default:
    return 0x7fffffffffffffff;
  }
}

uint32_t convertLoaded(TensorType type, uint32_t bits) {
  const bool flush = type == TensorType::F32Ftz || type == TensorType::TF32Ftz;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (flush && magnitude < 0x00800000)
    return bits & 0x80000000;
  if (type == TensorType::F32Ftz || magnitude >= 0x7f800000)
    return bits; // infinities and NaNs stay
  return (bits + 0x0fff + (bits >> 13 & 1)) & ~uint32_t(0x1fff);
}

} // namespace ptxsim
