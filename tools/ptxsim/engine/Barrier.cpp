// bar, barrier and bar.warp.sync; also the instructions that only pause. PTX ISA 9.0, sections 9.7.13.1 "bar, barrier"
// and 9.7.13.2 "bar.warp.sync".
#include "engine/Barrier.h"

#include "check/Poison.h"
#include "engine/Launch.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace ptxsim {

void bindClusterBarrier(Site &site); // engine/ClusterBarrier

namespace {

enum class Kind : uint8_t { Sync, Arrive, Popc, And, Or };

struct BarrierPayload : Payload {
  Kind kind = Kind::Sync;
  bool aligned = false;
  bool hasCount = false;
};

bool isReduction(Kind kind) { return kind >= Kind::Popc; }
bool isAligned(const Site *site) { return payload<BarrierPayload>(site).aligned; }

uint32_t fullLanes(const Warp &warp, uint32_t lanes) { return lanes | warp.exited | ~warp.present; }

// What a warp counts for. A barrier counts warps: one that has come with all its lanes is 32 threads, also when some of
// them never existed or have exited. Lanes that come alone count only where the instruction is not aligned.
uint32_t contribution(const Warp &warp, const NamedBarrier::WarpArrivals &arrivals) {
  if (arrivals.lanes == 0)
    return 0;
  if (fullLanes(warp, arrivals.lanes) == ~0u)
    return 32;
  return isAligned(arrivals.site) ? 0 : llvm::popcount(arrivals.lanes);
}

std::string barrierName(const Cta &cta, const NamedBarrier &barrier) {
  return "barrier " + std::to_string(&barrier - cta.barriers->named);
}

void checkPartialWarps(Cta &cta, const NamedBarrier &barrier, Thread &thread) {
  for (size_t index = 0; index < barrier.warps.size(); ++index) {
    const NamedBarrier::WarpArrivals &arrivals = barrier.warps[index];
    if (arrivals.lanes == 0 || fullLanes(cta.warps[index], arrivals.lanes) == ~0u || !isAligned(arrivals.site))
      continue;
    thread.grid->reporter->fail(Check::Divergence, thread, arrivals.site,
                                barrierName(cta, barrier) + " completes with only some lanes of warp " +
                                    std::to_string(index) + " at it (lanes 0x" + llvm::utohexstr(arrivals.lanes, true) +
                                    "), but the instruction is aligned: all lanes of a warp must execute it together");
  }
}

void orderMemory(Cta &cta, NamedBarrier &barrier) {
  RaceDetector &races = *cta.grid->races;
  if (!barrier.hasArrivals) {
    llvm::SmallVector<Thread *, 128> threads;
    for (const NamedBarrier::Waiter &waiter : barrier.waiting)
      threads.push_back(waiter.thread);
    races.meet(threads);
    return;
  }
  for (const NamedBarrier::Waiter &waiter : barrier.waiting)
    races.release(*waiter.thread, barrier.released);
  for (const NamedBarrier::Waiter &waiter : barrier.waiting)
    races.acquire(*waiter.thread, barrier.released);
}

void complete(Cta &cta, NamedBarrier &barrier, Thread *running) {
  if (cta.grid->races)
    orderMemory(cta, barrier);
  const BarrierPayload &decoded = payload<BarrierPayload>(barrier.first);
  uint64_t result = decoded.kind == Kind::Popc  ? barrier.votes
                    : decoded.kind == Kind::And ? barrier.votes == barrier.arrivedLanes
                                                : barrier.votes != 0;
  for (const NamedBarrier::Waiter &waiter : barrier.waiting) {
    if (isReduction(decoded.kind)) {
      waiter.out[0] = result;
      if (cta.grid->poison)
        waiter.out[1] = barrier.undefined ? ~0ull : 0;
    }
    if (waiter.thread != running)
      Scheduler::wake(*waiter.thread);
  }
  cta.barriers->active &= ~(1u << (&barrier - cta.barriers->named));
  barrier.first = nullptr;
  barrier.waiting.clear();
  barrier.arrivedLanes = barrier.votes = 0;
  barrier.undefined = barrier.hasArrivals = false;
  barrier.released = {};
  for (NamedBarrier::WarpArrivals &arrivals : barrier.warps)
    arrivals = {};
}

bool isComplete(const Cta &cta, const NamedBarrier &barrier, Thread &thread) {
  if (barrier.wholeBlock)
    return barrier.arrivedLanes == cta.live; // those who arrived and wait are alive
  uint32_t arrived = 0;
  for (size_t index = 0; index < barrier.warps.size(); ++index)
    arrived += contribution(cta.warps[index], barrier.warps[index]);
  if (arrived > barrier.expected && !tolerates(thread, Check::Barrier))
    thread.grid->reporter->fail(Check::Barrier, thread, barrier.first,
                                std::to_string(arrived) + " threads arrive at " + barrierName(cta, barrier) +
                                    ", which expects " + std::to_string(barrier.expected));
  return arrived >= barrier.expected;
}

// The first arrival fixes how many are expected; the others must agree.
void beginOrCheckPhase(Thread &thread, const Site *site, NamedBarrier &barrier, bool hasCount, uint64_t count) {
  Cta &cta = *thread.cta;
  Reporter &reporter = *thread.grid->reporter;
  uint32_t blockCount = uint32_t(cta.warps.size() * 32);
  const BarrierPayload &decoded = payload<BarrierPayload>(site);
  if (hasCount && (count % 32 != 0 || (count == 0 && decoded.kind == Kind::Arrive) || count > blockCount))
    reporter.fail(Check::Barrier, thread, site,
                  barrierName(cta, barrier) + ": thread count " + std::to_string(count) +
                      ", expected a multiple of 32 " + (decoded.kind == Kind::Arrive ? "from 32" : "from 0") +
                      " to the block's " + std::to_string(blockCount));
  hasCount = hasCount && count != 0;
  uint32_t expected = hasCount ? uint32_t(count) : blockCount;
  if (!barrier.first) {
    barrier.first = site;
    barrier.wholeBlock = !hasCount;
    barrier.expected = expected;
    barrier.warps.resize(cta.warps.size());
    cta.barriers->active |= 1u << (&barrier - cta.barriers->named);
    return;
  }
  const BarrierPayload &first = payload<BarrierPayload>(barrier.first);
  Actor other;
  other.site = barrier.first;
  if (expected != barrier.expected)
    reporter.fail(Check::Barrier, thread, site,
                  barrierName(cta, barrier) + ": thread count " + std::to_string(expected) +
                      ", but others have arrived with count " + std::to_string(barrier.expected),
                  other);
  // "barrier.red should not be intermixed with barrier.sync or barrier.arrive using the same active barrier."
  if (first.kind != decoded.kind && (isReduction(first.kind) || isReduction(decoded.kind)))
    reporter.fail(Check::Barrier, thread, site,
                  barrierName(cta, barrier) + ": " + site->instruction->spelling() + ", but others have arrived by " +
                      barrier.first->instruction->spelling(),
                  other);
}

void noteArrival(Thread &thread, const Site *site, NamedBarrier &barrier) {
  Cta &cta = *thread.cta;
  Reporter &reporter = *thread.grid->reporter;
  NamedBarrier::WarpArrivals &arrivals = barrier.warps[thread.warp->index];
  uint32_t bit = 1u << thread.lane;
  if (arrivals.lanes & bit)
    reporter.fail(Check::Barrier, thread, site,
                  barrierName(cta, barrier) + ": this thread has arrived already, and the barrier has not completed "
                                              "since");
  if (arrivals.lanes && arrivals.site != site && (isAligned(site) || isAligned(arrivals.site)) &&
      !tolerates(thread, Check::Divergence)) {
    Actor other = actorOf(*thread.warp->lanes[llvm::countr_zero(arrivals.lanes)], arrivals.site);
    reporter.fail(Check::Divergence, thread, site,
                  barrierName(cta, barrier) + ": lanes of one warp arrive by different instructions, but an aligned "
                                              "barrier must be executed by all lanes of a warp together",
                  other);
  }
  if (!arrivals.lanes)
    arrivals.site = site;
  arrivals.lanes |= bit;
  ++barrier.arrivedLanes;
}

/// Whether the thread has to wait.
[[gnu::noinline]] bool arrive(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  const BarrierPayload &decoded = payload<BarrierPayload>(site);
  thread->site = site;
  Cta &cta = *thread->cta;
  bool poison = thread->grid->poison;
  unsigned last = site->numSources - 1;
  if (poison && (in[site->numSources] || (decoded.hasCount && in[site->numSources + 1])))
    ptxsim_poison_operand(thread, site);
  if (in[0] >= BlockBarriers::kCount)
    thread->grid->reporter->fail(Check::Barrier, *thread, site,
                                 "barrier number " + std::to_string(in[0]) + ", expected 0 to 15");
  NamedBarrier &barrier = cta.barriers->named[in[0]];
  beginOrCheckPhase(*thread, site, barrier, decoded.hasCount, decoded.hasCount ? in[1] : 0);
  noteArrival(*thread, site, barrier);
  if (isReduction(decoded.kind)) {
    barrier.votes += in[last] & 1;
    barrier.undefined |= poison && in[site->numSources + last];
  }
  if (decoded.kind == Kind::Arrive) {
    barrier.hasArrivals = true;
    if (thread->grid->races)
      thread->grid->races->release(*thread, barrier.released);
  } else {
    barrier.waiting.push_back({thread, out});
  }
  if (isComplete(cta, barrier, *thread)) {
    if (!barrier.wholeBlock && !tolerates(*thread, Check::Divergence))
      checkPartialWarps(cta, barrier, *thread);
    complete(cta, barrier, thread);
    return false;
  }
  if (decoded.kind == Kind::Arrive)
    return false;
  thread->wait = {"barrier %llu", site, 0, in[0]};
  return true;
}

// Nothing of this frame is left while the thread waits: what many fibers keep on their stacks misses the cache when
// they come back.
void runBarrier(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  if (arrive(thread, site, in, out))
    Scheduler::block(*thread);
}

void runWarpSync(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  if (thread->grid->poison && in[1])
    ptxsim_poison_operand(thread, site);
  meetWarp(*thread, site, uint32_t(in[0]), false, in, out,
           [](Warp &warp, const Site *, uint32_t mask, LaneOperands &) { orderLanes(warp, mask); });
}

// Others run. A loop around it burns its fuel faster, so that a hang is seen as soon as without it.
void runNanosleep(Thread *thread, const Site *, const uint64_t *in, uint64_t *) {
  thread->fuel = thread->fuel > 32 ? thread->fuel - 16 : thread->fuel;
  launchOf(*thread).time.fetch_add(in[0], std::memory_order_relaxed);
  Scheduler::yield(*thread);
}

void runNothing(Thread *, const Site *, const uint64_t *, uint64_t *) {}
void runExit(Thread *thread, const Site *, const uint64_t *, uint64_t *) { Scheduler::exit(*thread); }

} // namespace

void orderLanes(Warp &warp, uint32_t mask) {
  if (!warp.cta->grid->races)
    return;
  llvm::SmallVector<Thread *, 32> threads;
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1)
      threads.push_back(warp.lanes[lane]);
  warp.cta->grid->races->meet(threads);
}

void leaveBarriers(Thread &thread) {
  BlockBarriers &barriers = *thread.cta->barriers;
  for (uint32_t left = barriers.active; left; left &= left - 1) {
    NamedBarrier &barrier = barriers.named[llvm::countr_zero(left)];
    if (barrier.wholeBlock && barrier.warps[thread.warp->index].lanes >> thread.lane & 1)
      --barrier.arrivedLanes; // it came by bar.arrive
    if (isComplete(*thread.cta, barrier, thread))
      complete(*thread.cta, barrier, &thread);
  }
}

bool bindBarrier(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  llvm::StringRef opcode = instruction.opcode();
  if (opcode == "nanosleep")
    return site.handler = runNanosleep, true;
  if (opcode == "griddepcontrol") // grids run one after the other
    return site.handler = runNothing, true;
  if (opcode == "exit")
    return site.handler = runExit, true;
  if (opcode != "bar" && opcode != "barrier")
    return false;
  if (instruction.has("cluster"))
    return bindClusterBarrier(site), true;
  if (instruction.has("warp"))
    return site.handler = runWarpSync, true;
  auto decoded = std::make_unique<BarrierPayload>();
  decoded->aligned = opcode == "bar" || instruction.has("aligned");
  decoded->kind = instruction.has("arrive") ? Kind::Arrive
                  : instruction.has("popc") ? Kind::Popc
                  : instruction.has("and")  ? Kind::And
                  : instruction.has("or")   ? Kind::Or
                                            : Kind::Sync;
  decoded->hasCount = site.numSources > (isReduction(decoded->kind) ? 2 : 1);
  site.payload = std::move(decoded);
  site.handler = runBarrier;
  return true;
}

} // namespace ptxsim
