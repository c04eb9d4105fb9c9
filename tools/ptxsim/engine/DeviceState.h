// The inside of Device and Program. Private to engine/.
#pragma once

#include "engine/Launch.h"
#include "engine/Memory.h"
#include "engine/WorkerPool.h"

#include <mutex>

namespace ptxsim {

struct Program::Implementation {
  std::shared_ptr<Memory> memory; ///< outlives the device if the program does
  std::unique_ptr<ptx::Module> module;
  std::vector<std::shared_ptr<Program>> others; ///< whose symbols this one uses
  SymbolAddresses symbols;                      ///< without the shared variables, which each kernel has its own way
  std::vector<uint64_t> allocations;

  std::mutex mutex; ///< of what launches fill in
  std::map<const ptx::Function *, SharedLayout> layouts;
  std::map<std::pair<const ptx::Function *, unsigned>, std::unique_ptr<Translation>> translations;

  const SharedLayout &layout(const ptx::Function &kernel);
  const Translation &translation(const ptx::Function &kernel, const TranslateOptions &options);
  ~Implementation();
};

struct Device::Implementation {
  const Architecture *architecture = nullptr;
  std::shared_ptr<Memory> memory;
  WorkerPool workers;
  std::mutex mutex;
  std::vector<std::unique_ptr<Scheduler>> idleSchedulers;
  std::atomic<uint64_t> launches{0};
  std::atomic<uint64_t> heapBytes{0}; ///< that kernels have by malloc

  std::unique_ptr<Scheduler> takeScheduler();
  void giveScheduler(std::unique_ptr<Scheduler> scheduler);
};

/// engine/Loader: places the module's variables and writes what they start with. Throws ptx::Error.
void placeVariables(Program::Implementation &program);
/// engine/SharedLayout: the shared variables of a kernel and of all functions that it can reach.
SharedLayout layOutShared(const Program::Implementation &program, const ptx::Function &kernel);
/// engine/Configuration: throws std::invalid_argument for what the chip does not take; returns how many blocks the
/// chip holds at a time.
uint64_t checkConfiguration(const Architecture &chip, const ptx::Function &kernel, LaunchConfig &config,
                            uint32_t staticShared, size_t parameterBytes);

} // namespace ptxsim
