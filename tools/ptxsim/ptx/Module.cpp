// The small queries on a parsed module.
#include "ptx/Module.h"

namespace ptxsim::ptx {

Error::Error(Position position, const std::string &message)
    : std::runtime_error(std::to_string(position.line) + ":" + std::to_string(position.column) + ": " + message),
      position(position) {}

} // namespace ptxsim::ptx
