#include "driver/Environment.h"

#include "engine/Device.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <thread>

namespace ptxsim {
namespace {

std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

[[noreturn]] void refuse(const char *name, const std::string &value, const std::string &expected) {
  throw std::invalid_argument(std::string(name) + " is '" + value + "', expected " + expected);
}

uint64_t number(const char *name, const std::string &value, const std::string &expected) {
  size_t end = 0;
  try {
    uint64_t result = std::stoull(value, &end, 0);
    if (end == value.size() && value[0] != '-')
      return result;
  } catch (const std::exception &) {
  }
  refuse(name, value, expected);
}

} // namespace

Environment Environment::read() {
  Environment result;
  if (std::string value = variable("PTXSIM_ARCH"); !value.empty()) {
    try {
      ptxsim::architecture(value);
    } catch (const std::invalid_argument &error) {
      refuse("PTXSIM_ARCH", value, "sm_80, A100, sm_90, sm_90a or H100");
    }
    result.architecture = value;
  }
  if (std::string value = variable("PTXSIM_CHECKS"); !value.empty()) {
    std::string error;
    std::optional<CheckSet> checks = CheckSet::parse(value, error);
    if (!checks)
      refuse("PTXSIM_CHECKS", value, "names of checks: " + error);
    result.checks = *checks;
  }
  if (std::string value = variable("PTXSIM_SEED"); !value.empty()) {
    result.random = true;
    result.seed = value == "random" ? std::random_device()() : number("PTXSIM_SEED", value, "a number or 'random'");
  }
  if (std::string value = variable("PTXSIM_WORKERS"); !value.empty())
    result.workers = unsigned(number("PTXSIM_WORKERS", value, "a number of threads"));
  if (!result.workers)
    result.workers = std::max(1u, std::thread::hardware_concurrency());
  result.report = variable("PTXSIM_REPORT");
  if (std::string value = variable("PTXSIM_ON_FINDING"); !value.empty()) {
    if (value == "fail")
      result.onFinding = OnFinding::Fail;
    else if (value == "abort")
      result.onFinding = OnFinding::Abort;
    else if (value != "continue")
      refuse("PTXSIM_ON_FINDING", value, "continue, fail or abort");
  }
  if (std::string value = variable("PTXSIM_STATS"); !value.empty()) {
    if (value != "0" && value != "1")
      refuse("PTXSIM_STATS", value, "0 or 1");
    result.statistics = value == "1";
  }
  if (std::string value = variable("PTXSIM_TIME_LIMIT"); !value.empty())
    result.timeLimit = std::chrono::seconds(number("PTXSIM_TIME_LIMIT", value, "a number of seconds"));
  return result;
}

} // namespace ptxsim
