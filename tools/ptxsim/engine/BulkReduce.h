// Reductions of bulk copies and of red.async, element by element. Private to engine/.
#pragma once

#include "ptx/Module.h"

namespace ptxsim {

/// Combines one element: to = to op from, atomically against other host threads.
using Reducer = void (*)(uint8_t *to, const uint8_t *from);

/// Null for a combination that PTX does not have. `operation` is "add", "min", "max", "inc", "dec", "and", "or", "xor".
Reducer reducerFor(llvm::StringRef operation, ptx::Type type);

} // namespace ptxsim
