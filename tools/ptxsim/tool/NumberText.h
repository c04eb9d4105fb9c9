// Numbers of the command line as the bytes of a PTX type.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ptxsim {

/// Whether the text is a decimal or hexadecimal integer or a floating-point number (also nan, inf).
bool isNumber(const std::string &text);

/// Little-endian bytes. Throws UsageError, prefixed by `where`, for a number that the type cannot hold.
std::vector<uint8_t> numberBytes(const std::string &where, const std::string &type, const std::string &text);

} // namespace ptxsim
