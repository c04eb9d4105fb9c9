// The inside of the scheduler: ready threads, the random choices, work in flight. Private to engine/.
#pragma once

#include "engine/FiberStacks.h"
#include "engine/Launch.h"

#include <boost/context/detail/fcontext.hpp>

#include <deque>
#include <unordered_map>

namespace ptxsim {

/// Threads that can run. Fixed schedules take them in the order in which they became ready, random ones by choice.
class ReadyThreads {
public:
  bool empty() const { return count == 0; }
  uint32_t size() const { return count; }
  void reserve(size_t threads); ///< push() must not allocate
  void push(Thread *thread) { slots[(head + count++) & mask] = {thread, thread->identity}; }
  Thread *popOldest() {
    Thread *thread = slots[head++ & mask].thread;
    --count;
    return thread;
  }
  uint64_t identity(uint32_t index) const { return slots[(head + index) & mask].identity; }
  Thread *take(uint32_t index) { // the order of the rest is not kept
    Slot &slot = slots[(head + index) & mask];
    Thread *thread = slot.thread;
    slot = slots[(head + --count) & mask];
    return thread;
  }
  void clear() { head = count = 0; }

private:
  struct Slot { ///< choices look at many threads: what they need is here
    Thread *thread;
    uint64_t identity;
  };
  std::vector<Slot> slots;
  uint32_t head = 0, count = 0, mask = 0;
};

/// How random choices are biased for a while. Uniform choices alone keep all threads at about the same place; faults
/// in waiting show when one runs far ahead of, or stays far behind, the others.
struct Bias {
  uint32_t picksLeft = 0;  ///< until the next bias is drawn
  uint32_t candidates = 1; ///< drawn for each choice; the one of highest priority is taken
  bool byWarp = true;      ///< priorities of warps, else of single threads
  uint64_t salt = 0;       ///< of the priorities
  uint32_t interval = 16;  ///< mean number of preemption points between switches
  uint32_t landOneIn = 4;  ///< chance of landing a piece of work at a step: 1 / this; 0: only when all wait
};

struct Scheduler::Implementation {
  explicit Implementation(Scheduler &self) : self(self) {}
  Scheduler &self;
  Launch *launch = nullptr;
  bool isRandom = false, stopping = false;
  void *mainContext = nullptr; ///< the host thread's own, while a fiber runs
  Thread *current = nullptr;
  ReadyThreads ready;
  FiberStacks stacks;
  std::vector<std::unique_ptr<Unit>> resident;
  bool unitEnded = false;

  // Random schedules.
  Bias bias;
  uint32_t untilSwitch = 0;
  std::vector<std::unique_ptr<AsyncWork>> unordered;
  std::unordered_map<uint64_t, std::deque<std::unique_ptr<AsyncWork>>> queues;
  std::vector<uint64_t> activeQueues;
  std::vector<std::shared_ptr<AsyncQueue>> sources; ///< queues with pieces in flight

  // Hangs.
  uint32_t spinning = 0; ///< ready threads whose state does not change
  uint32_t refuels = 0, fuelGiven = 0;
  unsigned workerIndex = 0;
  unsigned stuckPatience = 2; ///< proofs of our own that a window takes at least
  struct Window {             ///< of observation, while all spin
    bool open = false;
    uint64_t hash = 0; ///< of memory at its start
    std::chrono::steady_clock::time_point since;
    std::vector<uint64_t> proofs; ///< of all host threads at its start
  } window;

  // --- switching: engine/Scheduler.cpp ---
  Thread *pick() { return isRandom ? pickRandom() : ready.empty() ? nullptr : ready.popOldest(); }
  Thread *pickRandom();
  void resume(Thread *next, void **save);
  void leave(Thread &thread); ///< to whoever is next; returns when the thread is picked again
  void drawBias();
  uint64_t below(uint64_t bound) { return bound ? self.random() % bound : 0; }
  void makeReady(Thread &thread) {
    thread.state = Thread::State::Ready;
    ready.push(&thread);
  }
  void clearSpinning(Thread &thread) {
    if (thread.spinning && (thread.state == Thread::State::Ready || thread.state == Thread::State::Running))
      --spinning;
    thread.spinning = false;
    thread.yields = 0;
  }

  // --- work in flight: engine/InFlight.cpp ---
  bool landOne(); ///< any queue's head; false if nothing is in flight
  void landAllOf(const Unit &unit);

  // --- the host thread's loop: engine/Worker.cpp ---
  void run(Launch &launch, unsigned worker);
  void runUnits();
  bool startUnit();
  void reapUnits();
  bool anyUnitIsDead() const; ///< all that is left of some cluster waits without a time limit
  bool advance();             ///< nobody is ready, or all who are spin: lets something else move; false: nothing can
  bool confirmStuck();        ///< whether the lack of progress is final
  bool provenByAll() const;
  bool releaseTimed(bool alsoSpinning);
  uint64_t memoryHash() const;
  void reportDeadlock();
  void finish();
  void endLaunch(Check check, std::string message, std::string detail);
};

} // namespace ptxsim
