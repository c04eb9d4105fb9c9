// Descriptors to lists of chunks. Addresses are computed in 64 bits, so that no descriptor wraps around.
#include "engine/WgmmaDescriptor.h"

#include <algorithm>

namespace ptxsim {

MatrixDescriptor::MatrixDescriptor(uint64_t bits) {
  start = (bits & 0x3fff) << 4;
  leading = (bits >> 16 & 0x3fff) << 4;
  stride = (bits >> 32 & 0x3fff) << 4;
  baseOffset = bits >> 49 & 7;
  // Coded 0: none, 1: 128, 2: 64, 3: 32 bytes.
  swizzleBits = (4 - (bits >> 62)) & 3;
  reserved = bits & 0x3ff1'c000'c000'c000;
}

bool listChunks(const MatrixDescriptor &descriptor, uint32_t lines, bool mnMajor, uint32_t low, uint32_t high,
                OperandChunks &chunks, uint64_t &outside) {
  uint64_t start = descriptor.start, leading = descriptor.leading, stride = descriptor.stride;
  uint64_t row = descriptor.rowBytes();
  uint32_t perRow = 1u << descriptor.swizzleBits;
  bool inside = true;
  chunks.count = 0;
  auto add = [&](uint64_t address) {
    uint64_t swizzled = descriptor.swizzled(address);
    if (inside && (swizzled < low || swizzled + 16 > high)) {
      inside = false;
      outside = swizzled;
    }
    chunks.address[chunks.count++] = uint32_t(swizzled);
  };
  if (!mnMajor) {
    uint64_t next = perRow == 1 ? leading : 16;
    for (uint32_t line = 0; line < lines; ++line) {
      uint64_t address = start + line % 8 * row + line / 8 * stride;
      add(address);
      add(address + next);
    }
    return inside;
  }
  for (uint32_t k = 0; k < 16; ++k) {
    uint64_t address = start + k % 8 * row + k / 8 * (perRow == 1 ? leading : stride);
    for (uint32_t chunk = 0; chunk < lines / 8; ++chunk)
      add(address + chunk % perRow * 16 + chunk / perRow * (perRow == 1 ? stride : leading));
  }
  return inside;
}

const char *descriptorFault(const MatrixDescriptor &descriptor, uint32_t lines, bool mnMajor) {
  if (descriptor.reserved)
    return "reserved bits are set";
  if (descriptor.swizzleBits == 0 && descriptor.baseOffset)
    return "a base offset without a swizzle mode";
  if (descriptor.swizzleBits == 0)
    return nullptr;
  // Whole chunks along a row of the swizzle pattern: from where the operand starts they must not run into the next row.
  uint32_t perRow = 1u << descriptor.swizzleBits, first = descriptor.start / 16 % perRow;
  uint32_t used = mnMajor ? std::min(lines / 8, perRow) : 2;
  if (first + used > perRow)
    return "its rows run over the end of the swizzle mode's row; the start address lacks the alignment of the mode";
  return nullptr;
}

} // namespace ptxsim
