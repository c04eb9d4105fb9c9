// Counters of `ptxsim stats`: how a kernel uses memory and issue slots, as far as the instruction stream tells it.
//
// Lanes of a warp that execute an instruction for the same time, counted lane by lane, form one request. That is how
// the chip groups them where a warp does not diverge; where it does, lanes that come along later on another path still
// count into the request of their turn. Figures of the chip: shared memory has 32 banks of 4 bytes, accesses of 8 and
// 16 bytes go in 2 and 4 phases of 16 and 8 lanes; global memory moves sectors of 32 bytes in lines of 128 (CUDA C++
// Best Practices Guide 13.0, "Device Memory Spaces").
#pragma once

#include "engine/Memory.h"
#include "engine/Thread.h"

#include <map>

namespace ptxsim {

/// Filled by instrumented loads and stores, matrix handlers and translated code; one host thread. Several launches may
/// add to one object.
class Statistics {
public:
  Statistics();
  ~Statistics();
  /// One thread's access. Accesses of the lanes of a warp at the same site and the same turn count as one warp
  /// instruction.
  void access(Thread &thread, const Site *site, const Location &where, uint64_t bytes, Access kind);
  /// One warp's tensor instruction: multiply-adds.
  void tensor(const Site *site, uint64_t multiplyAdds);
  /// One warp instruction, or part of one, with `threads` lanes active.
  void executed(const Site *site, uint64_t threads);
  /// One thread enters a straight run of instructions, body[first] to body[first + count - 1].
  void executedBlock(Thread &thread, const ptx::Function &function, uint32_t first, uint32_t count);
  void finish(const Grid &grid); ///< after the launch: closes what is open, and forgets the program's sites
  std::string text() const;      ///< tables for people, of what is finished
  std::string json() const;

  struct Implementation;

private:
  std::unique_ptr<Implementation> implementation;
};

} // namespace ptxsim

/// Translated code at the head of every straight run of instructions when Translation counts.
extern "C" void ptxsim_count_block(ptxsim::Thread *thread, const ptxsim::ptx::Function *function, uint32_t first,
                                   uint32_t count);
