// Happens-before by vector clocks over the PTX memory model, for shared and global memory.
//
// Every thread has two clocks: what it is ordered after, and the part of it that asynchronous-proxy operations it
// issues are ordered after (a proxy fence copies the first into the second; both travel with every synchronisation).
// Asynchronous work is done by agents, which have components of their own: the cp.async queue of a thread, the
// bulk-group queue of a thread, an mbarrier (clock: its phase), the wgmma queue of a warpgroup. A component's
// operations complete in the order of its clock; whoever learns of a completion acquires the component up to that
// clock.
#pragma once

#include "engine/Memory.h"
#include "engine/Thread.h"

namespace ptxsim {

class VectorClock; // check/VectorClock.h

/// The clock of a synchronisation variable: an mbarrier phase, a named barrier, a memory word.
struct SyncClock {
  std::shared_ptr<VectorClock> generic, async;
};

/// A component of the vector clock that is not a thread.
using Agent = uint32_t;
constexpr Agent kNoAgent = 0;

enum class Scope : uint8_t { Block, Cluster, Device, System };
enum class Order : uint8_t { Weak, Relaxed, Acquire, Release, AcquireRelease, Volatile };

class RaceDetector {
public:
  RaceDetector(Grid &grid);
  ~RaceDetector();

  // --- threads ---
  /// Whether the block's threads, and those of all blocks before it, have numbers of their own.
  static bool canNumber(const Cta &cta);
  void start(Thread &thread); ///< before its first instruction
  void finish(Cta &cta);      ///< a block has ended: forget its shared memory

  // --- synchronisation ---
  void meet(llvm::ArrayRef<Thread *> threads);   ///< a barrier that orders memory: each is after all
  void release(Thread &thread, SyncClock &into); ///< the variable is after the thread
  void acquire(Thread &thread, const SyncClock &from);
  void merge(SyncClock &into, const SyncClock &from);
  void fence(Thread &thread, Order order, Scope scope); ///< fence.*, membar
  void proxyFence(Thread &thread);                      ///< fence.proxy.async and its kin

  // --- agents ---
  Agent newAgent(const Cta *cta, std::string description); ///< "cp.async of", "TMA copy issued by"
  /// The variable (an mbarrier's pending phase) is after the agent's operations up to `clock`.
  void releaseAgent(Agent agent, uint64_t clock, SyncClock &into);
  void acquireAgent(Thread &thread, Agent agent, uint64_t clock); ///< a wait for the agent's operations up to `clock`
  void snapshot(Thread &thread, SyncClock &into); ///< the thread's clocks as of now, for work that it issues

  // --- accesses: check and record ---
  /// A plain, volatile or atomic access. For writes `newBytes` (may be null) are the bytes about to be written: two
  /// unordered writes of equal bytes are no finding. Strong accesses also synchronise through the word, by their order.
  void access(Thread &thread, const Site *site, const Location &where, uint64_t bytes, Access kind, Order order,
              Scope scope, const void *newBytes = nullptr);
  /// An access by asynchronous work: checked against `issued` (generic proxy: issued.generic; async proxy: writes by
  /// issued.async, reads by issued.generic), stamped (agent, clock). `issuer` for the report.
  void asyncAccess(const Thread &issuer, const Site *site, const SyncClock &issued, Agent agent, uint64_t clock,
                   bool asyncProxy, const Location &where, uint64_t bytes, Access kind);
  /// The same for an operation of the generic proxy that is one small access and is issued now (cp.async).
  void copyAccess(const Thread &issuer, const Site *site, Agent agent, uint64_t clock, const Location &where,
                  uint64_t bytes, Access kind);
  /// An access will follow soon: its history is fetched into the cache.
  void expect(const Thread &thread, const Location &where) const;

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace ptxsim
