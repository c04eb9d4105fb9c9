// Matrix descriptors of wgmma: where an operand's 16-byte chunks lie in shared memory (PTX ISA 9.0, 9.7.15.5.1.2
// "Shared Memory Matrix Layout" and 9.7.15.5.1.2.2 "Matrix Descriptor Format").
//
// An operand has `lines` (rows of A, columns of B) of 32 bytes along k. K-major, a chunk is 16 bytes of one line;
// MN-major (16-bit elements only), it is 8 neighbouring lines at one k. In units of elements, with T to a chunk, W = 1,
// 2, 4, 8 chunks to a row of the swizzle mode, LBO and SBO the leading and stride offsets:
//   K-major, no swizzle   line (8, m): (1 T, SBO)     chunk of k (2): (LBO)
//   K-major, swizzled     line (8, m): (W T, SBO)     chunk of k (2): (T)
//   MN-major, no swizzle  chunk of lines (m): (SBO)            k (8, 2): (T, LBO)
//   MN-major, swizzled    chunk of lines (W, m): (T, LBO)      k (8, 2): (W T, SBO)
// A swizzle exchanges chunks within 128 bytes: bits 4.. of the shared address are xored with bits 7.., counted from the
// start of the pattern that the base offset gives.
#pragma once

#include <cstdint>

namespace ptxsim {

struct MatrixDescriptor {
  uint32_t start = 0, leading = 0, stride = 0; ///< bytes
  uint32_t baseOffset = 0;                     ///< bits 7.. of the address where the swizzle pattern starts
  uint32_t swizzleBits = 0;                    ///< 0: none, 1: 32 bytes, 2: 64 bytes, 3: 128 bytes
  uint64_t reserved = 0;                       ///< bits that must be zero

  explicit MatrixDescriptor(uint64_t bits);
  uint32_t rowBytes() const { return 16u << swizzleBits; }
  uint32_t swizzled(uint64_t address) const {
    return address ^ (((address >> 7) - baseOffset) & ((1u << swizzleBits) - 1)) << 4;
  }
};

/// The chunks of an operand as shared addresses.
struct OperandChunks {
  static constexpr uint32_t kMax = 512; ///< 256 lines of 32 bytes
  uint32_t count = 0;
  /// K-major: of line i, chunks 2 i and 2 i + 1. MN-major: of k, chunks k (lines / 8)..
  uint32_t address[kMax];
};

/// Lists the chunks. False if some lie outside low..high; then `outside` is the first such address.
bool listChunks(const MatrixDescriptor &descriptor, uint32_t lines, bool mnMajor, uint32_t low, uint32_t high,
                OperandChunks &chunks, uint64_t &outside);

/// What is inconsistent in a descriptor by itself, or null.
const char *descriptorFault(const MatrixDescriptor &descriptor, uint32_t lines, bool mnMajor);

} // namespace ptxsim
