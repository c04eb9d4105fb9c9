// The modifiers of mma and wmma as MatrixKind.
#pragma once

#include "engine/MatrixFragment.h"

namespace ptxsim {

/// "m16n8k16" to numbers; false if it is no shape.
bool parseShape(llvm::StringRef text, uint32_t &m, uint32_t &n, uint32_t &k);

/// Decodes mma.sync and wmma.mma and checks the operands' register counts against them. Throws ptx::Error.
MatrixKind decodeProduct(const ptx::Instruction &instruction);

/// Number of registers of an operand: of its vector, or 1.
uint32_t registerCount(const ptx::Operand &operand);

} // namespace ptxsim
