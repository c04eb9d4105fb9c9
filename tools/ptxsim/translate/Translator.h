// PTX to machine code: one LLVM function per PTX function, registers as SSA values, one call per instruction that is
// not inlined.
#pragma once

#include "engine/Site.h"
#include "engine/Thread.h"

#include "llvm/ADT/DenseMap.h"

#include <memory>

namespace ptxsim {

struct TranslateOptions {
  bool poison = false; ///< a shadow for every register, bit for bit
  bool instrumented =
      false; ///< loads and stores are handler calls (races, poison, statistics), else inline with a bounds test
  bool bounds = true;         ///< inline bounds tests; false only by explicit wish
  bool count = false;         ///< calls Statistics::executed per basic block
  bool deferProducts = false; ///< wgmma may land late: accesses to accumulators settle first
  bool preempt = false;       ///< calls Scheduler::preempt before memory and synchronisation (random schedules)
};

using EntryPoint = void (*)(Thread *thread);

/// The code of one kernel and all that it calls, under one set of options. Owns its sites.
class Translation {
public:
  virtual ~Translation() = default;
  EntryPoint entry = nullptr;
  std::vector<std::unique_ptr<Site>> sites; ///< also of batches; id is the index
  uint32_t localBytes = 0; ///< local memory that a thread needs (frames of the longest call chain; recursion: 16 deep)
  /// What the functions of the program need of a fiber's stack, in bytes: all of it, and what must be left where one
  /// starts that the kernel calls.
  uint64_t stackBytes = 0, stackReserve = 0;
  std::string kernel;
};

/// Where module variables live: device address of global and constant ones, shared address of shared ones. Filled by
/// the loader.
struct SymbolAddresses {
  llvm::DenseMap<const ptx::Variable *, uint64_t> address;
  llvm::DenseMap<const ptx::Variable *, uint32_t> shared; ///< also the functions' own .shared variables
  std::map<std::string, const ptx::Function *> functions; ///< definitions, also of other programs (externs)
};

/// Throws ptx::Error (an instruction that the table lets through and nobody implements).
std::unique_ptr<Translation> translate(const ptx::Module &module, const ptx::Function &kernel,
                                       const SymbolAddresses &symbols, const TranslateOptions &options);

} // namespace ptxsim
