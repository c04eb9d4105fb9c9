// Whole files, pipes included; with a bound, as some have no end.
#pragma once

#include <cstdint>
#include <string>

namespace ptxsim {

/// Throws std::runtime_error with the file's name for one that cannot be read or has more than `most` bytes.
std::string readFile(const std::string &path, uint64_t most);

constexpr uint64_t kMostText = uint64_t(1) << 30, kMostArray = uint64_t(1) << 37;

} // namespace ptxsim
