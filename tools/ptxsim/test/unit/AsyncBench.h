// Runs PTX of the asynchronous families: fixed and random schedules, with and without checks.
#pragma once

#include "engine/Device.h"
#include "engine/Memory.h"
#include "engine/TensorMap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace ptxsim::test {

inline const char *const kHeader = ".version 8.3\n.target sm_90a\n.address_size 64\n";

/// A kernel `k` whose parameters are 64-bit words a, b, c.., loaded into %rd1, %rd2.. as global addresses; %r1 is the
/// thread's number, %r2 the block's rank in its cluster.
inline std::string kernel(unsigned parameters, const std::string &shared, const std::string &body) {
  std::string text = std::string(kHeader) + ".visible .entry k(";
  for (unsigned p = 0; p < parameters; ++p)
    text += std::string(p ? ", " : "") + ".param .u64 p" + std::to_string(p);
  text += ")\n{\n.reg .pred %p<20>;\n.reg .b16 %h<20>;\n.reg .b32 %r<100>;\n.reg .b64 %rd<100>;\n.reg .f32 %f<20>;\n";
  text += shared + "\n";
  for (unsigned p = 0; p < parameters; ++p)
    text += "ld.param.u64 %rd" + std::to_string(p + 1) + ", [p" + std::to_string(p) + "];\n";
  return text + "mov.u32 %r1, %tid.x;\nmov.u32 %r2, %cluster_ctarank;\n" + body + "\nret;\n}\n";
}

/// A loop that waits for a phase parity of a barrier.
inline std::string waitLoop(const std::string &barrier, const std::string &parity) {
  static unsigned count = 0;
  const std::string label = "WAIT" + std::to_string(count++);
  return label + ":\nmbarrier.try_wait.parity.shared::cta.b64 %p19, [" + barrier + "], " + parity + ";\n@!%p19 bra " +
         label + ";\n";
}

class Bench {
public:
  Device device{architecture("sm_90a")};
  std::vector<std::shared_ptr<Program>> programs; ///< findings point into them

  template <class T> uint64_t upload(const std::vector<T> &values) {
    const uint64_t bytes = values.size() * sizeof(T), address = device.memory().allocate(bytes, "test buffer");
    std::memcpy(reinterpret_cast<void *>(address), values.data(), bytes);
    device.memory().markDefined(address, bytes);
    return address;
  }
  template <class T> std::vector<T> download(uint64_t address, size_t count) {
    std::vector<T> values(count);
    std::memcpy(values.data(), reinterpret_cast<void *>(address), count * sizeof(T));
    return values;
  }
  uint64_t uploadMap(const TensorMap &map) {
    std::vector<uint8_t> bytes(kTensorMapBytes);
    std::string error;
    EXPECT_TRUE(encode(bytes.data(), map, error)) << error;
    return upload(bytes);
  }

  LaunchResult run(const std::string &ptx, const LaunchConfig &config, const std::vector<uint64_t> &arguments,
                   const Options &options) {
    std::shared_ptr<Program> program = device.load(ptx, "test.ptx");
    std::vector<uint8_t> parameters(arguments.size() * 8);
    std::memcpy(parameters.data(), arguments.data(), parameters.size());
    programs.push_back(program);
    return device.launch(program->kernel("k"), config, parameters, options);
  }
};

inline LaunchConfig threads(uint32_t count, uint32_t blocks = 1, uint32_t cluster = 1) {
  LaunchConfig config;
  config.block = {count, 1, 1};
  config.grid = {blocks, 1, 1};
  config.cluster = {cluster, 1, 1};
  return config;
}

/// The ways in which a program is run: fixed and unchecked, fixed and checked, random with several seeds.
inline std::vector<Options> ways(unsigned seeds = 8) {
  std::vector<Options> result(2 + seeds);
  result[0].checks = CheckSet::memorySafety();
  result[1].checks = CheckSet::all();
  for (unsigned k = 0; k < seeds; ++k) {
    result[2 + k].checks = CheckSet::all();
    result[2 + k].randomSchedule = true;
    result[2 + k].seed = 1000 + k;
  }
  for (Options &options : result)
    options.timeLimit = std::chrono::seconds(20);
  return result;
}

inline std::string textOf(const LaunchResult &result) {
  std::string text = result.completed ? "completed\n" : "stopped\n";
  for (const Finding &finding : result.findings)
    text += std::string(name(finding.check)) + ": " + format(finding) + "\n";
  return text;
}

inline bool contains(const LaunchResult &result, Check check, const std::string &message) {
  for (const Finding &finding : result.findings)
    if (finding.check == check && (finding.message + finding.detail).find(message) != std::string::npos)
      return true;
  return false;
}

/// Runs it in every way; each must be clean and leave `expected` in a fresh copy of the output.
template <class T>
void expectClean(const std::string &ptx, const LaunchConfig &config, const std::vector<T> &expected,
                 const std::function<std::vector<uint64_t>(Bench &, uint64_t)> &arguments) {
  for (const Options &options : ways()) {
    Bench bench;
    const uint64_t out = bench.upload(std::vector<T>(expected.size()));
    const LaunchResult result = bench.run(ptx, config, arguments(bench, out), options);
    ASSERT_TRUE(result.clean()) << textOf(result) << (options.randomSchedule ? "random " : "fixed ") << options.seed;
    ASSERT_EQ(bench.download<T>(out, expected.size()), expected)
        << (options.randomSchedule ? "random " : "fixed ") << options.seed;
  }
}

/// Some run with all checks finds it: the fixed one if `always`, else at least one of the random ones.
inline void expectFinding(const std::string &ptx, const LaunchConfig &config, Check check, const std::string &message,
                          const std::function<std::vector<uint64_t>(Bench &)> &arguments, bool always = true) {
  std::string texts;
  bool found = false;
  for (const Options &options : ways(always ? 2 : 16)) {
    if (options.checks.bits != CheckSet::all().bits)
      continue;
    Bench bench;
    const LaunchResult result = bench.run(ptx, config, arguments(bench), options);
    texts += textOf(result);
    const bool here = contains(result, check, message);
    if (always)
      EXPECT_TRUE(here) << "expected " << name(check) << " '" << message << "', got " << textOf(result);
    found |= here;
  }
  EXPECT_TRUE(found) << "expected " << name(check) << " '" << message << "', got " << texts;
}

} // namespace ptxsim::test
