// Tensor maps in the memory of a running program. Private to engine/.
#pragma once

#include "engine/AsyncSupport.h"
#include "engine/TensorBox.h"

namespace ptxsim {

/// The map that a copy names, decoded and checked: fatal findings for an address that cannot hold one, for bytes that
/// are none and for broken rules; a Proxy finding if device code modified it in this launch and no
/// fence.proxy.tensormap of this block acquired it since.
void fetchMap(Thread &thread, const Site *site, uint64_t address, TensorMap &map);

/// The allocation that holds the tensor; a fatal finding if there is none.
const Allocation &allocationOf(Thread &thread, const Site *site, const TensorMap &map);

/// A box's image in shared memory, at unswizzled addresses from `start` on.
struct SharedImage {
  Bytes window; ///< shared address 0 of the block
  uint32_t start = 0, bytes = 0;
  TensorSwizzle swizzle = TensorSwizzle::None;

  /// Moves [offset, offset + count) of the image, whole 16-byte chunks, out of shared memory or into it. `shadow` may
  /// be null.
  void gather(uint32_t offset, uint32_t count, uint8_t *data, uint8_t *shadow) const;
  void scatter(uint32_t offset, uint32_t count, const uint8_t *data, const uint8_t *shadow) const;
};

/// The bytes that an image occupies, as pieces of consecutive addresses: all whole 128-byte lines are one piece, since
/// swizzles keep chunks within their line; the chunks of a last part of a line are pieces of their own.
struct ImagePieces {
  unsigned count = 0;
  struct Piece {
    uint32_t address, bytes;
  } pieces[9];
};
ImagePieces piecesOf(uint32_t start, uint32_t bytes, TensorSwizzle swizzle);

} // namespace ptxsim
