// A device and a program of inline PTX for tests of the engine.
#pragma once

#include "engine/Device.h"
#include "engine/Memory.h"

#include <cstring>
#include <gtest/gtest.h>

namespace ptxsim::test {

inline std::string module(const std::string &body, const char *target = "sm_80") {
  return std::string(".version 8.0\n.target ") + target + "\n.address_size 64\n" + body;
}

class EngineWorld {
public:
  explicit EngineWorld(const std::string &body, const char *target = "sm_80")
      : device(architecture(target)), program(device.load(module(body, target), "test.ptx")) {}

  template <class T> uint64_t buffer(size_t count, T value = {}) {
    uint64_t address = device.memory().allocate(count * sizeof(T), "buffer");
    std::fill_n(reinterpret_cast<T *>(address), count, value);
    device.memory().markDefined(address, count * sizeof(T));
    return address;
  }
  template <class T> T *at(uint64_t address) { return reinterpret_cast<T *>(address); }

  /// Arguments are 64-bit values, cut to the sizes of the kernel's parameters.
  LaunchResult run(const char *name, LaunchConfig config, std::vector<uint64_t> arguments = {}, Options options = {}) {
    Kernel kernel = program->kernel(name);
    EXPECT_NE(kernel.function, nullptr);
    std::vector<uint8_t> block(kernel.function->parameterBytes());
    for (size_t i = 0; i < arguments.size(); ++i) {
      const ptx::Variable &parameter = *kernel.function->parameters[i];
      std::memcpy(block.data() + kernel.function->parameterOffset(parameter), &arguments[i], parameter.bytes);
    }
    return device.launch(kernel, config, block, options);
  }

  Device device;
  std::shared_ptr<Program> program;
};

inline LaunchConfig shape(uint32_t grid, uint32_t block, uint32_t cluster = 1) {
  LaunchConfig config;
  config.grid[0] = grid;
  config.block[0] = block;
  config.cluster[0] = cluster;
  return config;
}

inline Options randomly(uint64_t seed) {
  Options options;
  options.randomSchedule = true;
  options.seed = seed;
  return options;
}

inline std::string text(const LaunchResult &result) {
  std::string all;
  for (const Finding &finding : result.findings)
    all += format(finding) + "\n";
  return all;
}

} // namespace ptxsim::test

#define EXPECT_CLEAN(result)                                                                                           \
  do {                                                                                                                 \
    const auto &launched = (result);                                                                                   \
    EXPECT_TRUE(launched.clean()) << ptxsim::test::text(launched);                                                     \
  } while (0)

/// The launch stopped with exactly one finding, of this check, whose text contains this.
#define EXPECT_STOPPED(result, expectedCheck, part)                                                                    \
  do {                                                                                                                 \
    const auto &launched = (result);                                                                                   \
    EXPECT_FALSE(launched.completed);                                                                                  \
    ASSERT_EQ(launched.findings.size(), 1u) << ptxsim::test::text(launched);                                           \
    EXPECT_EQ(launched.findings[0].check, expectedCheck) << ptxsim::test::text(launched);                              \
    EXPECT_NE(ptxsim::test::text(launched).find(part), std::string::npos) << ptxsim::test::text(launched);             \
  } while (0)
