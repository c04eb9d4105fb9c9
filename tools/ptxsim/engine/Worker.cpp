// What a host thread does between fibers: starts and ends clusters of blocks, and finds something that can move when
// nobody is ready.
#include "check/Race.h"
#include "engine/SchedulerState.h"

#include "llvm/Support/xxhash.h"

#include <thread>

namespace ptxsim {

void setSchedulerAtWork(Scheduler::Implementation *state); // engine/Scheduler.cpp

void Scheduler::Implementation::run(Launch &newLaunch, unsigned worker) {
  launch = &newLaunch;
  isRandom = newLaunch.options.randomSchedule;
  stopping = unitEnded = false;
  workerIndex = worker;
  window.open = false;
  spinning = refuels = fuelGiven = 0;
  stuckPatience = 2;
  self.random.seed(newLaunch.options.seed * 0x9e3779b97f4a7c15 + worker);
  bias = {};
  untilSwitch = 0;
  setSchedulerAtWork(this);
  stacks.setUsable(newLaunch.code->stackBytes);
  try {
    runUnits();
  } catch (...) { // of the host: fibers throw nothing
    std::lock_guard lock(launch->failureMutex);
    launch->failure = std::current_exception();
    launch->stopped = stopping = true;
  }
  finish();
}

void Scheduler::Implementation::runUnits() {
  // Random schedules mix the blocks of some clusters from the start.
  size_t atOnce = isRandom ? 1 + below(4) : 1;
  for (;;) {
    if (unitEnded)
      reapUnits();
    while (!stopping && resident.size() < atOnce && startUnit())
      ;
    if (stopping || launch->stopped || resident.empty())
      break;
    bool allSpin = spinning != 0 && spinning == ready.size();
    if ((ready.empty() || allSpin) && !advance())
      break;
    if (Thread *next = pick())
      resume(next, &mainContext);
  }
}

bool Scheduler::Implementation::startUnit() {
  if (resident.size() >= launch->unitsResident || launch->nextUnit >= launch->units)
    return false;
  uint32_t index = launch->nextUnit.fetch_add(1);
  if (index >= launch->units)
    return false;
  if (std::chrono::steady_clock::now() > launch->deadline) {
    endLaunch(Check::Trap,
              "the launch ran longer than its time limit of " + std::to_string(launch->options.timeLimit.count()) +
                  " seconds",
              {});
    return false;
  }
  resident.push_back(makeUnit(*launch, index, self));
  if (launch->races && !RaceDetector::canNumber(*resident.back()->blocks.back())) {
    endLaunch(Check::Trap, "the checks of races and proxies tell 2147483647 threads apart; the grid has more", {});
    return false;
  }
  size_t threads = 0;
  for (auto &unit : resident)
    threads += unit->cluster->barrier->live;
  stacks.reserve(threads);
  ready.reserve(threads);
  for (auto &block : resident.back()->blocks)
    for (auto &thread : block->threads) {
      if (launch->races)
        launch->races->start(*thread);
      makeReady(*thread);
    }
  return true;
}

void Scheduler::Implementation::reapUnits() {
  unitEnded = false;
  for (size_t i = 0; i < resident.size();)
    if (resident[i]->cluster->barrier->live == 0) {
      landAllOf(*resident[i]);
      endUnit(*launch, *resident[i]);
      resident.erase(resident.begin() + i);
    } else {
      ++i;
    }
}

bool Scheduler::Implementation::releaseTimed(bool alsoSpinning) {
  bool any = false;
  for (auto &unit : resident)
    for (auto &block : unit->blocks)
      for (auto &thread : block->threads)
        if (thread->state == Thread::State::Blocked && thread->timed && (alsoSpinning || !thread->spinning)) {
          thread->timedOut = true;
          spinning += thread->spinning;
          makeReady(*thread);
          any = true;
        }
  return any;
}

// Threads of a cluster are woken by each other and by work in flight, of which there is none here.
bool Scheduler::Implementation::anyUnitIsDead() const {
  for (auto &unit : resident) {
    bool dead = true;
    for (auto &block : unit->blocks)
      for (auto &thread : block->threads)
        if (thread->state != Thread::State::Exited && (thread->state != Thread::State::Blocked || thread->timed)) {
          dead = false;
          break;
        }
    if (dead)
      return true;
  }
  return false;
}

// In the order of likelihood. Threads that spin stay ready; what moves here may be what they wait for.
bool Scheduler::Implementation::advance() {
  if (landOne())
    return true;
  if (anyUnitIsDead()) {
    reportDeadlock();
    return false;
  }
  // Twice as many clusters each time: a grid barrier makes all of the grid resident in few steps.
  size_t target = resident.size() * 2;
  bool started = false;
  while (resident.size() < target && startUnit())
    started = true;
  if (stopping)
    return false;
  bool moved = started || releaseTimed(false);
  if (!moved && confirmStuck()) {
    reportDeadlock();
    return false;
  }
  // A wait that timed out is no progress by itself, as its loop may only try again: memory that has changed tells.
  if (started)
    window.open = false;
  return true;
}

// Everybody on this host thread waits or spins: each loop came back to the same registers, stack and local memory. That
// is final if, while memory stays the same, all other host threads prove the same for themselves, twice, so that one
// proof lies wholly in between. A loop may make progress through memory alone, and who spins may wait for others.
bool Scheduler::Implementation::confirmStuck() {
  launch->proofs[workerIndex].fetch_add(1);
  auto now = std::chrono::steady_clock::now();
  bool final = false;
  if (!window.open) {
    window.open = true;
    window.since = now;
    window.hash = memoryHash();
    window.proofs.resize(launch->workers);
    for (unsigned i = 0; i < launch->workers; ++i)
      window.proofs[i] = launch->proofs[i];
  } else if (now - window.since < launch->options.spinPatience || !provenByAll()) {
    std::this_thread::sleep_for(launch->workers > 1 || launch->options.spinPatience.count()
                                    ? std::chrono::microseconds(50)
                                    : std::chrono::microseconds(0));
  } else {
    final = window.hash == memoryHash();
    window.open = false;
    stuckPatience *= 2; // each hash reads all of memory
  }
  if (final)
    return true;
  // All must prove once more that their state does not change.
  releaseTimed(true);
  spinning = 0;
  for (auto &unit : resident)
    for (auto &block : unit->blocks)
      for (auto &thread : block->threads)
        thread->spinning = false, thread->yields = 0;
  return false;
}

bool Scheduler::Implementation::provenByAll() const {
  for (unsigned i = 0; i < launch->workers; ++i) {
    uint64_t proofs = launch->proofs[i];
    if (proofs != Launch::kDone && proofs < window.proofs[i] + (i == workerIndex ? stuckPatience : 2))
      return false;
  }
  return true;
}

uint64_t Scheduler::Implementation::memoryHash() const {
  uint64_t hash = 0;
  auto add = [&](const uint8_t *data, size_t bytes) { hash = hash * 0x100000001b3 + llvm::xxh3_64bits({data, bytes}); };
  launch->device->memory().forEach([&](const Allocation &allocation) {
    if (!allocation.readOnly)
      add(reinterpret_cast<const uint8_t *>(allocation.address), allocation.bytes);
  });
  for (auto &unit : resident)
    for (auto &block : unit->blocks)
      add(block->shared + kSharedStart, block->sharedEnd - kSharedStart);
  return hash;
}

void Scheduler::Implementation::reportDeadlock() {
  bool dead = anyUnitIsDead();
  endLaunch(Check::Deadlock,
            !dead ? "deadlock: nobody makes progress; the threads that run repeat a loop in which nothing changes"
                  : "deadlock: all threads that are left wait for each other",
            describeWaiting(resident));
}

// A deadlock ends the launch even if nobody asked for the check.
void Scheduler::Implementation::endLaunch(Check check, std::string message, std::string detail) {
  if (!launch->options.checks.has(check))
    check = Check::Trap;
  const Thread *witness = nullptr;
  for (auto &unit : resident)
    for (auto &block : unit->blocks)
      for (auto &thread : block->threads)
        if (!witness && thread->state != Thread::State::Exited)
          witness = thread.get();
  const Site *site = !witness ? nullptr : witness->state == Thread::State::Blocked ? witness->wait.site : witness->site;
  launch->reporter->conclude(check, witness, site, std::move(message), std::move(detail));
  launch->stopped = true;
  stopping = true;
}

// After a stop the fibers are left as they are: their frames own nothing.
void Scheduler::Implementation::finish() {
  for (auto &unit : resident) {
    for (auto &block : unit->blocks)
      for (auto &thread : block->threads)
        if (thread->fiber && thread->state != Thread::State::Exited)
          stacks.give({thread->stackLimit, thread->stackTop});
    endUnit(*launch, *unit);
  }
  resident.clear();
  stacks.trim();
  ready.clear();
  unordered.clear();
  queues.clear();
  activeQueues.clear();
  sources.clear();
  launch->proofs[workerIndex] = Launch::kDone; // others need not wait for this one
  setSchedulerAtWork(nullptr);
}

} // namespace ptxsim
