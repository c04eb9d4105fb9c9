// The modifiers and operands of wgmma.mma_async.
#pragma once

#include "engine/Site.h"
#include "engine/WgmmaProduct.h"

namespace ptxsim {

struct WgmmaPayload : Payload {
  WgmmaKind kind;
  // Source slots; A's is the first of its registers if it is in registers.
  uint32_t slotA = 0, slotB = 0, slotScaleD = 0;
};

/// Throws ptx::Error for what PTX does not have.
std::unique_ptr<WgmmaPayload> decodeWgmma(const ptx::Instruction &instruction);

} // namespace ptxsim
