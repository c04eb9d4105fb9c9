// Faults planted in PTX text, one at a time: what a programmer or a compiler pass might have got wrong.
#pragma once

#include "ptx/Module.h"

#include <string>
#include <vector>

namespace ptxsim {

struct Mutant {
  std::string operation; ///< "delete", "ignore result", "negate guard", ...
  ptx::Position position;
  std::string before, after; ///< the instruction's text
  size_t offset = 0;         ///< of `before` in the module's text
  std::string apply(const std::string &text) const;
};

/// All candidates of a module (of one function if `function` is not empty), in the order of the text.
std::vector<Mutant> makeMutants(const ptx::Module &module, const std::string &function);

/// Whether the text with the fault is still PTX. Only such a mutant says something about a test.
bool parses(const ptx::Module &module, const Mutant &mutant);

} // namespace ptxsim
