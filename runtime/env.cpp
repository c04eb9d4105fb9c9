#include "runtime/env.h"

#include <cerrno>
#include <cstdlib>

namespace motley::runtime::env {

static Status badValue(const Switch &which, const std::string &got) {
  return Status::error(Code::InvalidArgument, std::string("environment variable ") + which.name + " is '" + got +
                                                  "', expected " + which.values);
}

std::optional<std::string> text(const Switch &which) {
  const char *value = std::getenv(which.name);
  if (!value || !*value)
    return std::nullopt;
  return std::string(value);
}

Result<bool> flag(const Switch &which) {
  std::optional<std::string> value = text(which);
  if (!value || *value == "0")
    return false;
  if (*value == "1")
    return true;
  return badValue(which, *value);
}

Result<std::optional<int64_t>> integer(const Switch &which, int64_t low, int64_t high) {
  std::optional<std::string> value = text(which);
  if (!value)
    return std::optional<int64_t>();
  char *end = nullptr;
  errno = 0;
  long long number = std::strtoll(value->c_str(), &end, 10);
  if (errno || *end || number < low || number > high)
    return badValue(which, *value);
  return std::optional<int64_t>(number);
}

} // namespace motley::runtime::env
