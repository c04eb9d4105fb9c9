// mbarrier objects (PTX ISA 9.0, section 9.7.13.15): arrivals and transaction bytes of a phase, and waits for it.
//
// The state lives beside shared memory. The object's eight bytes hold a pattern of their own for each init, so that
// stores over a live barrier are found even where loads and stores are inlined, and count as undefined, so that values
// loaded from them are.
#include "engine/Mbarrier.h"

#include "check/ThreadClock.h"

#include <cstring>

namespace ptxsim {

namespace {

constexpr int64_t kMaxCount = (1 << 20) - 1; // of arrivals and, in either direction, of transaction bytes
const char *const kWaitText = "mbarrier phase %llu at shared 0x%llx";

uint64_t patternOf(uint32_t address, uint64_t serial) {
  return (serial * 0x9e3779b97f4a7c15ull ^ address) | uint64_t(1) << 63;
}

void note(const Thread &thread, const Site *site, std::string message) {
  thread.grid->reporter->note(Check::Barrier, &thread, site, std::move(message));
}

std::string named(uint32_t address) { return "the mbarrier at shared " + hexadecimal(address); }

void touch(Thread &thread, const Site *site, const Location &where, Access kind) {
  if (thread.grid->races)
    thread.grid->races->access(thread, site, where, 8, kind, kind == Access::Write ? Order::Weak : Order::Relaxed,
                               Scope::Cluster);
}

void completePhase(const Thread &thread, Mbarrier &barrier) {
  if (RaceDetector *races = thread.grid->races) {
    if (barrier.agent != kNoAgent)
      races->releaseAgent(barrier.agent, barrier.inFlight.empty() ? barrier.issued : *barrier.inFlight.begin() - 1,
                          barrier.gathering);
    SyncClock &completed = barrier.completed[barrier.phase & 1];
    completed = SyncClock();
    races->merge(completed, barrier.gathering);
  }
  ++barrier.phase;
  barrier.pending = barrier.expected;
  std::vector<Thread *> waiting = std::move(barrier.waiting);
  barrier.waiting.clear();
  for (Thread *waiter : waiting)
    Scheduler::wake(*waiter);
}

void completeIfDone(const Thread &thread, Mbarrier &barrier) {
  if (barrier.pending == 0 && barrier.transactions == 0)
    completePhase(thread, barrier);
}

// --- the opaque state of mbarrier.arrive: pending arrivals, place and phase, 20 + 24 + 20 bits ---
constexpr uint64_t kPhaseMask = (1 << 20) - 1;
uint64_t tokenOf(const MbarrierPlace &place) {
  return uint64_t(place.barrier->pending) << 44 | uint64_t(place.address) << 20 | (place.barrier->phase & kPhaseMask);
}

struct MbarrierPayload : Payload {
  ptx::Space space = ptx::Space::Generic;
  bool drops = false, noComplete = false, expectsBytes = false, relaxed = false, parity = false, blocks = false;
  bool hasResult = false;
  unsigned operands = 1; // source slots that are given
  Scope scope = Scope::Block;
};

const MbarrierPayload &modifiers(const Site *site) { return payload<MbarrierPayload>(site); }

/// In front of every handler: site, definedness of address and counts.
void begin(Thread *thread, const Site *site, const uint64_t *in) {
  thread->site = site;
  checkAddress(*thread, site, in, 0);
  for (unsigned k = 1; k < modifiers(site).operands; ++k)
    checkOperand(*thread, site, in, k);
}

void initialise(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  begin(thread, site, in);
  Location where = resolve(*thread, site, modifiers(site).space, in[0], 8, 8, Access::Write);
  if (where.space != ptx::Space::Shared || where.cta != thread->cta)
    thread->grid->reporter->fail(Check::Space, *thread, site,
                                 "mbarrier.init at " + hexadecimal(in[0]) +
                                     ": must name shared memory of the thread's own block");
  AsyncCta &async = asyncOf(*where.cta);
  const uint32_t address = uint32_t(where.address), count = uint32_t(in[1]);
  if (async.barriers.count(address))
    note(*thread, site, named(address) + " is initialised again without mbarrier.inval in between");
  if (count == 0 || count > kMaxCount)
    note(*thread, site,
         named(address) + " gets a count of " + std::to_string(count) + ", it must lie in 1.." +
             std::to_string(kMaxCount));
  touch(*thread, site, where, Access::Write);
  Mbarrier &barrier = async.barriers[address] = Mbarrier();
  barrier.expected = std::max<uint32_t>(count, 1);
  barrier.pending = barrier.expected;
  barrier.serial = ++async.barrierSerial;
  if (RaceDetector *races = thread->grid->races) {
    SyncClock now;
    races->snapshot(*thread, now);
    barrier.initComponent = thread->clock->component;
    barrier.initClock = now.generic->get(barrier.initComponent);
  }
  const uint64_t pattern = patternOf(address, barrier.serial);
  std::memcpy(where.host, &pattern, 8);
  if (where.shadow)
    std::memset(where.shadow, 0, 8);
}

void invalidate(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  begin(thread, site, in);
  MbarrierPlace place = liveMbarrier(*thread, site, modifiers(site).space, in[0]);
  if (!place.barrier->waiting.empty())
    note(*thread, site,
         named(place.address) + " is invalidated while " + std::to_string(place.barrier->waiting.size()) +
             " threads wait for it");
  if (!place.barrier->inFlight.empty())
    note(*thread, site,
         named(place.address) + " is invalidated while " + std::to_string(place.barrier->inFlight.size()) +
             " copies that complete on it are in flight");
  touch(*thread, site, place.where, Access::Write);
  for (Thread *waiter : place.barrier->waiting)
    Scheduler::wake(*waiter);
  place.cta->async->barriers.erase(place.address);
}

/// What the arrival makes visible to those who wait: with .relaxed only what a release fence published before.
void releaseInto(Thread &thread, const MbarrierPayload &how, SyncClock &gathering) {
  RaceDetector *races = thread.grid->races;
  if (!races)
    return;
  if (!how.relaxed)
    races->release(thread, gathering);
  else if (thread.clock && thread.clock->fences)
    races->merge(gathering, thread.clock->fences->released[unsigned(how.scope)]);
}

void arrive(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  begin(thread, site, in);
  const MbarrierPayload &how = modifiers(site);
  MbarrierPlace place = liveMbarrier(*thread, site, how.space, in[0]);
  touch(*thread, site, place.where, Access::Atomic);
  Mbarrier &barrier = *place.barrier;
  uint32_t count = 1;
  if (!how.expectsBytes && how.operands > 1)
    count = uint32_t(in[1]);
  if (how.hasResult)
    setResult(*thread, site, out, 0, tokenOf(place));
  if (count == 0 || count > kMaxCount) {
    note(*thread, site,
         "arrives at " + named(place.address) + " with a count of " + std::to_string(count) + ", it must lie in 1.." +
             std::to_string(kMaxCount));
    return;
  }
  if (how.noComplete && count >= barrier.pending)
    note(*thread, site,
         "arrives with .noComplete and a count of " + std::to_string(count) + " at " + named(place.address) +
             ", whose phase misses only " + std::to_string(barrier.pending) + ": the phase would complete");
  if (how.expectsBytes) {
    barrier.transactions += uint32_t(in[1]);
    if (barrier.transactions > kMaxCount)
      note(*thread, site,
           named(place.address) + " expects " + std::to_string(barrier.transactions) +
               " bytes in one phase, the transaction count ends at " + std::to_string(kMaxCount));
  }
  if (how.drops) {
    if (barrier.expected < count)
      note(*thread, site,
           "drops " + std::to_string(count) + " arrivals of " + named(place.address) + ", which expects only " +
               std::to_string(barrier.expected));
    barrier.expected -= std::min(barrier.expected, count);
  }
  releaseInto(*thread, how, barrier.gathering);
  countArrivals(*thread, site, *place.cta, place.address, barrier, count);
}

/// mbarrier.expect_tx and mbarrier.complete_tx.
void changeTransactions(Thread *thread, const Site *site, const uint64_t *in, uint64_t *) {
  begin(thread, site, in);
  const MbarrierPayload &how = modifiers(site);
  MbarrierPlace place = liveMbarrier(*thread, site, how.space, in[0]);
  touch(*thread, site, place.where, Access::Atomic);
  const int64_t bytes = uint32_t(in[1]);
  countTransactions(*thread, site, *place.cta, place.address, *place.barrier, how.expectsBytes ? bytes : -bytes);
}

/// Whether the phase that the thread asks for is complete; `phase` receives its number.
bool isComplete(Thread &thread, const Site *site, const MbarrierPlace &place, uint64_t operand, uint64_t &phase) {
  const Mbarrier &barrier = *place.barrier;
  if (modifiers(site).parity) {
    if (uint32_t(operand) > 1)
      note(thread, site, "waits with a phase parity of " + std::to_string(uint32_t(operand)) + ", it must be 0 or 1");
    const bool complete = (barrier.phase & 1) != (operand & 1);
    phase = complete ? barrier.phase - 1 : barrier.phase;
    return complete;
  }
  if ((operand >> 20 & 0xffffff) != place.address) {
    note(thread, site, "waits on " + named(place.address) + " with a state that is not of this mbarrier");
    phase = barrier.phase;
    return false;
  }
  const uint64_t behind = (barrier.phase - operand) & kPhaseMask;
  if (behind > 1)
    note(thread, site,
         "waits on " + named(place.address) + " with a state that is " + std::to_string(behind) +
             " phases old; only the current phase and the one before can be waited for");
  phase = barrier.phase - (behind ? 1 : 0);
  return behind != 0;
}

/// mbarrier.try_wait: blocks until the phase under way is over, or a time limit ends the wait. Chips end it at times
/// that programs cannot know, so random schedules do as well.
bool waitForPhase(Thread &thread, const Site *site, const MbarrierPlace &place) {
  const uint64_t serial = place.barrier->serial, phase = place.barrier->phase;
  Scheduler &scheduler = *thread.cta->scheduler;
  if (scheduler.isRandom() && (scheduler.random() & 1)) {
    Scheduler::yield(thread);
    return false;
  }
  for (;;) {
    place.barrier->waiting.push_back(&thread);
    const bool woken = Scheduler::blockOrTimeout(thread, Wait{kWaitText, site, place.address, phase});
    Mbarrier *barrier = mbarrierAgain(*place.cta, place.address, serial);
    if (!barrier)
      return false;
    if (barrier->phase != phase)
      return true;
    std::erase(barrier->waiting, &thread);
    if (!woken)
      return false;
  }
}

void acquireFrom(Thread &thread, const MbarrierPayload &how, const SyncClock &completed) {
  RaceDetector *races = thread.grid->races;
  if (!races)
    return;
  if (!how.relaxed) {
    races->acquire(thread, completed);
    return;
  }
  if (!thread.clock->fences)
    thread.clock->fences = std::make_unique<ThreadClock::Fences>();
  races->merge(thread.clock->fences->pending[unsigned(how.scope)], completed);
}

void wait(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  begin(thread, site, in);
  const MbarrierPayload &how = modifiers(site);
  MbarrierPlace place = liveMbarrier(*thread, site, how.space, in[0]);
  if (place.cta != thread->cta)
    thread->grid->reporter->fail(Check::Space, *thread, site,
                                 "waits on an mbarrier of another block of the cluster; only arrivals may be remote");
  touch(*thread, site, place.where, Access::Read);
  const uint64_t serial = place.barrier->serial;
  uint64_t phase = 0;
  bool complete = isComplete(*thread, site, place, in[1], phase);
  if (!complete && how.blocks)
    complete = waitForPhase(*thread, site, place);
  else if (!complete)
    Scheduler::yield(*thread);
  if (complete)
    if (Mbarrier *barrier = mbarrierAgain(*place.cta, place.address, serial))
      acquireFrom(*thread, how, barrier->completed[phase & 1]);
  setResult(*thread, site, out, 0, complete);
}

void pendingCount(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  thread->site = site;
  out[0] = in[0] >> 44;
  if (thread->grid->poison)
    out[site->numResults] = in[site->numSources] ? 0xffffffff : 0;
}

/// fence.mbarrier_init: the inits of this thread reach the asynchronous proxy and, with a relaxed cluster barrier, the
/// other blocks.
void fenceInits(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  RaceDetector *races = thread->grid->races;
  if (!races)
    return;
  races->fence(*thread, Order::Release, Scope::Cluster);
  for (auto &[address, barrier] : asyncOf(*thread->cta).barriers)
    if (barrier.initComponent == thread->clock->component)
      barrier.initFenced = true;
}

Handler handlerOf(llvm::StringRef what) {
  if (what == "init")
    return initialise;
  if (what == "inval")
    return invalidate;
  if (what == "arrive" || what == "arrive_drop")
    return arrive;
  if (what == "expect_tx" || what == "complete_tx")
    return changeTransactions;
  if (what == "test_wait" || what == "try_wait")
    return wait;
  return what == "pending_count" ? pendingCount : nullptr;
}

} // namespace

MbarrierPlace liveMbarrier(Thread &thread, const Site *site, ptx::Space space, uint64_t address) {
  MbarrierPlace place;
  place.where = resolve(thread, site, space, address, 8, 8, Access::Atomic);
  if (place.where.space != ptx::Space::Shared)
    thread.grid->reporter->fail(Check::Space, thread, site,
                                "address " + hexadecimal(address) + " is not shared memory, where mbarriers lie");
  place.cta = place.where.cta;
  place.address = uint32_t(place.where.address);
  AsyncCta &async = asyncOf(*place.cta);
  auto found = async.barriers.find(place.address);
  if (found == async.barriers.end())
    thread.grid->reporter->fail(Check::Barrier, thread, site,
                                "there is no mbarrier at shared " + hexadecimal(place.address) +
                                    (place.cta == thread.cta
                                         ? std::string()
                                         : " of block " + std::to_string(place.cta->rank) + " of the cluster") +
                                    ": mbarrier.init has not been executed, or mbarrier.inval has");
  place.barrier = &found->second;
  const uint64_t pattern = patternOf(place.address, place.barrier->serial);
  if (std::memcmp(place.where.host, &pattern, 8) != 0) {
    note(thread, site, named(place.address) + " was overwritten by something else than mbarrier instructions");
    std::memcpy(place.where.host, &pattern, 8);
  }
  return place;
}

Mbarrier *mbarrierAgain(Cta &cta, uint32_t address, uint64_t serial) {
  if (!cta.async)
    return nullptr;
  auto found = cta.async->barriers.find(address);
  return found != cta.async->barriers.end() && found->second.serial == serial ? &found->second : nullptr;
}

void countArrivals(const Thread &thread, const Site *site, Cta &, uint32_t address, Mbarrier &barrier, uint32_t count) {
  if (count > barrier.pending)
    note(thread, site,
         "arrives with a count of " + std::to_string(count) + " at " + named(address) + ", whose phase misses only " +
             std::to_string(barrier.pending) + " of " + std::to_string(barrier.expected) + " arrivals");
  barrier.pending -= std::min<int64_t>(count, barrier.pending);
  completeIfDone(thread, barrier);
}

void countTransactions(const Thread &thread, const Site *site, Cta &, uint32_t address, Mbarrier &barrier,
                       int64_t bytes) {
  barrier.transactions += bytes;
  if (barrier.transactions > kMaxCount || barrier.transactions < -kMaxCount)
    note(thread, site,
         "the transaction count of " + named(address) + " becomes " + std::to_string(barrier.transactions) +
             ", it must lie within +-" + std::to_string(kMaxCount));
  completeIfDone(thread, barrier);
}

namespace {

/// The asynchronous proxy updates the barrier when the copy completes: what mbarrier.init wrote through the generic
/// proxy must have reached it, by fence.mbarrier_init or fence.proxy.async between the init and the copy. Inside a
/// block an execution barrier in between is let pass as well: cuda::memcpy_async (libcu++ of CUDA 13.0) issues bulk
/// copies on barriers that were initialised in front of a __syncthreads() and never fenced, so it cannot be called
/// wrong.
void checkInitFenced(Thread &thread, const Site *site, const MbarrierPlace &place, const SyncClock &issued) {
  const Mbarrier &barrier = *place.barrier;
  auto covers = [&](const std::shared_ptr<VectorClock> &clock) {
    return clock && clock->get(barrier.initComponent) >= barrier.initClock;
  };
  // The thread's own clock lacks its own epochs but for those that a synchronisation gave back.
  const bool met = place.cta == thread.cta && thread.clock->generic.get(barrier.initComponent) >= barrier.initClock;
  if (!barrier.initFenced && !met && !covers(issued.async) && covers(issued.generic))
    thread.grid->reporter->note(
        Check::Proxy, &thread, site,
        "the copy completes on " + named(place.address) +
            ", whose mbarrier.init has not been made visible to the async proxy; put fence.mbarrier_init or "
            "fence.proxy.async behind the init");
  else if (!covers(issued.generic))
    thread.grid->reporter->note(Check::Race, &thread, site,
                                "the copy completes on " + named(place.address) +
                                    ", whose mbarrier.init is not ordered before the copy");
}

} // namespace

MbarrierTicket announceCopy(Thread &thread, const Site *site, const MbarrierPlace &place, const SyncClock &issued,
                            bool asyncProxy) {
  Mbarrier &barrier = *place.barrier;
  MbarrierTicket ticket{place.cta, place.address, barrier.serial, kNoAgent, ++barrier.issued};
  barrier.inFlight.insert(ticket.operation);
  if (RaceDetector *races = thread.grid->races) {
    if (barrier.agent == kNoAgent)
      barrier.agent = races->newAgent(place.cta, "bulk copy issued by");
    ticket.agent = barrier.agent;
    if (asyncProxy)
      checkInitFenced(thread, site, place, issued);
    else
      races->asyncAccess(thread, site, issued, ticket.agent, ticket.operation, false, place.where, 8, Access::Atomic);
  }
  return ticket;
}

void completeCopy(const Thread &issuer, const Site *site, const MbarrierTicket &ticket, uint64_t bytes) {
  Mbarrier *barrier = mbarrierAgain(*ticket.cta, ticket.address, ticket.serial);
  if (!barrier) {
    note(issuer, site,
         "the copy completes on " + named(ticket.address) +
             ", which was invalidated or initialised again after the copy was issued");
    return;
  }
  barrier->inFlight.erase(ticket.operation);
  countTransactions(issuer, site, *ticket.cta, ticket.address, *barrier, -int64_t(bytes));
}

std::string describeMbarrierWait(const Thread &thread) {
  if (thread.wait.what != kWaitText || !thread.cta->async)
    return {};
  auto found = thread.cta->async->barriers.find(uint32_t(thread.wait.detail));
  if (found == thread.cta->async->barriers.end())
    return {};
  const Mbarrier &barrier = found->second;
  return "the phase misses " + std::to_string(barrier.pending) + " of " + std::to_string(barrier.expected) +
         " arrivals; " + std::to_string(barrier.transactions) + " bytes of transactions are expected and have not come";
}

bool bindMbarrier(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  if (instruction.opcode() == "fence" && instruction.has("mbarrier_init")) {
    site.handler = fenceInits;
    return true;
  }
  if (instruction.opcode() != "mbarrier" || instruction.parts.size() < 2)
    return false;
  const llvm::StringRef what = instruction.parts[1];
  site.handler = handlerOf(what);
  if (!site.handler)
    return false;
  auto how = std::make_unique<MbarrierPayload>();
  how->space = sharedSpaceOf(instruction);
  how->drops = what == "arrive_drop";
  how->noComplete = instruction.has("noComplete");
  how->expectsBytes = instruction.has("expect_tx");
  how->relaxed = instruction.has("relaxed");
  how->parity = instruction.has("parity");
  how->blocks = what == "try_wait";
  how->scope = instruction.has("cluster") ? Scope::Cluster : Scope::Block;
  how->hasResult = !instruction.operands.empty() && instruction.operands[0].kind != ptx::Operand::Kind::Address;
  how->operands = unsigned(instruction.operands.size()) - how->hasResult;
  site.payload = std::move(how);
  return true;
}

} // namespace ptxsim
