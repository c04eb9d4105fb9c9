// Runs the fibers of the blocks that are resident on one host thread.
#pragma once

#include "check/Finding.h"
#include "engine/Device.h"
#include "engine/Memory.h"
#include "engine/Thread.h"

#include "llvm/ADT/DenseMap.h"

#include <functional>

namespace ptxsim {

class RaceDetector;

/// A launch: what all its blocks share.
struct Grid {
  Device *device = nullptr;
  const Program *program = nullptr;
  const ptx::Function *kernel = nullptr;
  LaunchConfig config;
  Options options;
  bool poison = false, instrumented = false; ///< shadows are tracked; loads and stores are handlers
  RaceDetector *races = nullptr;             ///< null when races are not checked
  Reporter *reporter = nullptr;
  /// Where the kernel's shared variables lie, for reports; may be null.
  const llvm::DenseMap<const ptx::Variable *, uint32_t> *sharedAddresses = nullptr;
  uint64_t id = 0;
};

/// Work that lands at a time of its own: a copy, a product. Owned by the scheduler from issue until it has landed.
struct AsyncWork {
  virtual ~AsyncWork() = default;
  /// Does it. Called on the scheduler's own stack: must not block or yield; may wake threads; findings by
  /// Reporter::note.
  virtual void land() = 0;
  /// Work of one nonzero queue lands in the order of issue; 0: in any order.
  uint64_t queue = 0;
  Cta *cta = nullptr;
};

/// Many pieces of work of one origin, which knows itself what lands next.
struct AsyncQueue : std::enable_shared_from_this<AsyncQueue> {
  virtual ~AsyncQueue() = default;
  virtual void landNext() = 0; ///< as AsyncWork::land
  Cta *cta = nullptr;
  size_t inFlight = 0, place = 0; ///< the scheduler's: pieces; position among the queues that have some
};

/// The random numbers of a schedule: SplitMix64 (Steele, Lea, Flood 2014), whose state is one word.
class ScheduleRandom {
public:
  void seed(uint64_t value) {
    state = value;
    state = (*this)(); // else neighbouring seeds would give one sequence, shifted
  }
  uint64_t operator()() {
    uint64_t mixed = state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }

private:
  uint64_t state = 0;
};

class Scheduler {
public:
  /// --- for handlers, on a fiber ---
  static void yield(Thread &thread);                   ///< stays ready; others run
  static void block(Thread &thread, const Wait &wait); ///< returns after wake()
  static void block(Thread &thread);                   ///< the same; `thread.wait` has been set
  static void wake(Thread &thread);                    ///< harmless if not blocked
  /// A point where a random schedule may switch; does nothing in the fixed schedule.
  static void preempt(Thread &thread);
  /// Ends the launch after a fatal finding. Objects on the fiber's stack are not destroyed.
  [[noreturn]] static void stop(Thread &thread);
  /// Ends this thread (exit, ret of the kernel).
  [[noreturn]] static void exit(Thread &thread);

  /// Gives work to the scheduler. In a random schedule it lands at a random time, else at once (before this returns).
  void issue(std::unique_ptr<AsyncWork> work);
  /// One more piece of the queue, for random schedules only; lands by AsyncQueue::landNext.
  void issue(AsyncQueue &queue);
  void land(AsyncQueue &queue, size_t count); ///< so many pieces of it land now
  /// Lands all work of the queue, in order, up to and including the `count` oldest (default: all). For waits.
  void landQueue(uint64_t queue, size_t count = ~size_t(0));
  size_t inFlight(uint64_t queue) const;

  /// Blocks like block(), but comes back with false when nothing else in the launch can move (mbarrier.try_wait may
  /// then time out). Repeated without any progress in between, it is a deadlock, which is reported and ends the launch.
  static bool blockOrTimeout(Thread &thread, const Wait &wait);

  ScheduleRandom random; ///< the schedule's; use for every random choice, so that the seed reproduces it
  bool isRandom() const;
  Scheduler();
  ~Scheduler();
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

extern "C" void ptxsim_out_of_fuel(Thread *thread); ///< translated code, at a loop back-edge when fuel is used up

} // namespace ptxsim
