// Which bytes a copy by a tensor map moves: a walk over the rows of a box, and the swizzled places of its image in
// shared memory.
#pragma once

#include "engine/TensorMap.h"

namespace ptxsim {

/// Where the 16-byte chunk of an unswizzled shared address lies: the chunk's number within the span is changed by
/// exclusive or with the number of the 128-byte line, so the pattern depends on the address, not on the box (PTX ISA
/// 9.0, section 5.5.7 "Swizzling Modes").
constexpr uint32_t swizzledAddress(uint32_t address, TensorSwizzle swizzle) {
  const uint32_t chunks = (1u << unsigned(swizzle)) - 1; // of 16 bytes in a span, less one
  return address ^ (address >> 7 & chunks) << 4;
}

/// One row along the innermost dimension: contiguous in the box's image and, where it is inside the tensor, in global
/// memory.
struct BoxRow {
  uint32_t offset = 0; ///< in the image
  uint32_t bytes = 0;  ///< of the image: before + inside + what is left outside
  uint32_t before = 0; ///< outside the tensor, in front of it
  uint32_t inside = 0;
  uint64_t global = 0;   ///< address of the first byte inside
  bool overflow = false; ///< the address does not fit into 64 bits
};

/// Where a copy starts: tensor coordinates, innermost first, and for im2col loads the offsets of the filter.
struct BoxOrigin {
  std::array<int32_t, 5> coordinates{};
  std::array<uint16_t, 3> offsets{};
};

/// Walks over a validated map's box, tiled or im2col, row by row in the order of the image.
class BoxWalk {
public:
  BoxWalk(const TensorMap &map, const BoxOrigin &origin);
  bool next(BoxRow &row);

private:
  const TensorMap &map;
  BoxOrigin origin;
  std::array<int64_t, 5> position{}; ///< coordinates of the row to come
  std::array<uint32_t, 5> counts{}, indices{};
  uint32_t row = 0, rows = 1, rowBytes = 0;
  void describe(BoxRow &out) const;
  void advanceTile();
  void advancePixel();
};

uint32_t boxBytes(const TensorMap &map); ///< of the image, whether inside the tensor or not

/// For im2col: false if the first pixel lies outside the bounding box.
bool startsInBoundingBox(const TensorMap &map, const BoxOrigin &origin);

/// What fills the elements outside of the tensor, as the bits of one element.
uint64_t fillBits(const TensorMap &map);

/// What loads of the type do to an element (bits in, bits out): tf32 rounds to nearest even, ftz flushes subnormals.
/// Elements of all other types stay as they are.
uint32_t convertLoaded(TensorType type, uint32_t bits);
inline bool convertsOnLoad(TensorType type) {
  return type == TensorType::F32Ftz || type == TensorType::TF32 || type == TensorType::TF32Ftz;
}

} // namespace ptxsim
