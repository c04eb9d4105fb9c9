// The public face of ptxsim as a library: a device with memory, programs loaded from PTX, launches and what they found.
#pragma once

#include "check/Finding.h"
#include "ptx/Module.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ptxsim {

class Memory;
class Statistics;

/// The figures of a chip that programs can ask for (CUDA C++ Programming Guide 13.0, "Compute Capabilities").
struct Architecture {
  const char *name;    ///< "sm_80", "sm_90a"
  const char *product; ///< "A100", "H100"
  unsigned major, minor, multiprocessors, sharedPerBlock, sharedPerBlockOptIn, sharedPerMultiprocessor,
      threadsPerMultiprocessor, blocksPerMultiprocessor, registersPerMultiprocessor, maxClusterBlocks;
  uint64_t globalBytes;
};
const Architecture &
architecture(llvm::StringRef name); ///< "sm_80", "sm_90", "sm_90a", "A100", "H100"; throws std::invalid_argument

/// How a launch runs and what is checked.
struct Options {
  CheckSet checks = CheckSet::memorySafety(); ///< see check/Finding.h
  bool randomSchedule =
      false;         ///< false: a fixed round; true: threads are switched, and asynchronous work lands, at random
  uint64_t seed = 0; ///< of the random schedule
  unsigned workers =
      1; ///< host threads that run blocks side by side; 1 whenever schedules are random or races are checked
  uint64_t maxSteps = 0; ///< loop back-edges in all before the launch is stopped as a hang; 0: by time alone
  std::chrono::seconds timeLimit{600};
  /// How long all threads must do nothing but spin before it is called a deadlock. Not 0 where somebody outside the
  /// launch may write what they wait for: the host, or a kernel of another stream.
  std::chrono::milliseconds spinPatience{0};
  unsigned maxFindings = 20;        ///< distinct ones (by check and instructions) that are kept; the rest is counted
  Statistics *statistics = nullptr; ///< filled if given; makes memory instrumented
};

struct LaunchConfig {
  std::array<uint32_t, 3> grid{1, 1, 1}, block{1, 1, 1}, cluster{1, 1, 1};
  uint32_t dynamicShared = 0; ///< bytes
  bool cooperative = false;   ///< all blocks resident together
};

struct LaunchResult {
  std::vector<Finding> findings;
  uint64_t suppressed = 0; ///< findings beyond maxFindings, and repetitions
  bool completed = false;  ///< false: a finding stopped it
  bool clean() const { return completed && findings.empty(); }
};

class Program; // a loaded module: translated code, its variables on the device

/// A kernel or a module variable of a program.
struct Kernel {
  const Program *program = nullptr;
  const ptx::Function *function = nullptr;
};

class Device {
public:
  explicit Device(const Architecture &architecture);
  ~Device();
  const Architecture &architecture() const;
  Memory &memory();

  /// Parses and checks PTX text; throws ptx::Error. Code is generated at a kernel's first launch. `others`: programs
  /// whose visible symbols resolve this one's externs.
  std::shared_ptr<Program> load(std::string text, std::string name,
                                llvm::ArrayRef<std::shared_ptr<Program>> others = {});

  /// Runs a kernel to its end. `parameters` is the packed parameter block (Function::parameterBytes long).
  /// Throws std::invalid_argument for a configuration that no such chip takes.
  LaunchResult launch(const Kernel &kernel, const LaunchConfig &config, llvm::ArrayRef<uint8_t> parameters,
                      const Options &options);

  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

class Program {
public:
  const ptx::Module &module() const;
  Kernel kernel(llvm::StringRef name) const; ///< function is null if there is none
  /// Device address and size of a module variable; {0, 0} if there is none.
  std::pair<uint64_t, uint64_t> variable(llvm::StringRef name) const;
  uint64_t staticSharedBytes(const ptx::Function &kernel) const; ///< of the kernel and all that it calls
  uint64_t localBytes(const ptx::Function &kernel) const;
  Program();
  ~Program();
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace ptxsim
