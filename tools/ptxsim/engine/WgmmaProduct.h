// The arithmetic of wgmma.mma_async on one warpgroup: D = A B (+ D) of 64 x N, from shared memory and registers to
// banks of accumulators.
#pragma once

#include "engine/WgmmaDescriptor.h"
#include "ptx/Module.h"

namespace ptxsim {

struct WgmmaKind {
  uint32_t n = 0, k = 0;
  ptx::Type a = ptx::Type::None, b = ptx::Type::None, d = ptx::Type::None;
  bool saturate = false, registersA = false, mnMajorA = false, mnMajorB = false;
  bool negate = false; ///< the product of imm-scale-a and imm-scale-b is -1
  uint32_t numD = 0;   ///< registers of D in each thread
};

/// A's registers of the 128 threads: thread t's register r at [r][t].
struct WgmmaRegisters {
  uint32_t value[4][128];
  uint32_t shadow[4][128]; ///< set bits are undefined; only looked at when poison is tracked
};

struct WgmmaOperands {
  const uint8_t *shared = nullptr;                            ///< host address of shared address 0
  const uint8_t *sharedShadow = nullptr;                      ///< null: poison is not tracked
  const OperandChunks *chunksA = nullptr, *chunksB = nullptr; ///< A's unless it is in registers
  const WgmmaRegisters *registersA = nullptr;
  bool accumulate = true;         ///< scale-d
  uint64_t *const *out = nullptr; ///< banks of the 128 threads; null for one that is gone
  uint32_t shadowResults = 0;     ///< distance of a slot's shadow in a bank; 0: poison is not tracked
};

void multiplyWarpgroup(const WgmmaKind &kind, const WgmmaOperands &operands);

} // namespace ptxsim
