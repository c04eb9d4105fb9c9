// What the instructions of a function read and write, as far as the translator must know before it emits code.
#pragma once

#include "ptx/Module.h"

namespace ptxsim::jit {

struct RegisterUse {
  llvm::SmallVector<uint32_t, 8> reads, writes; ///< a register that is read and written is in both
};
/// Without the guard.
RegisterUse registerUse(const ptx::Instruction &instruction);

/// For each register: whether some path reads it before it is written. A guarded write also reads.
std::vector<bool> registersReadUnassigned(const ptx::Function &function);

/// Parameters of a device function that occur otherwise than in ld.param: they must have an address.
std::vector<const ptx::Variable *> parametersWhoseAddressIsTaken(const ptx::Function &function);

/// The register that a parameter or result of the old ABI (.reg) is; -1 for .param ones.
int registerNamed(const ptx::Function &function, const ptx::Variable &parameter);

} // namespace ptxsim::jit
