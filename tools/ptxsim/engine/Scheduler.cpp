// Fibers change hands here. A switch goes straight from fiber to fiber; the host thread's own stack is entered only
// when nobody is ready, a cluster has ended, or the launch stops.
#include "engine/Scheduler.h"
#include "check/Race.h"
#include "engine/SchedulerState.h"
#include "engine/Wgmma.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

namespace ptxsim {

namespace context = boost::context::detail;

namespace {

constexpr uint32_t kFuel = 256;           // back-edges between yields
constexpr uint32_t kSpinningFuel = 16;    // of a thread whose state does not change
constexpr uint32_t kTimeoutFuel = 2;      // after a wait has timed out
constexpr uint32_t kCheckTimeEvery = 512; // refuels

// The scheduler at work on this host thread. Fibers never move to another host thread.
thread_local Scheduler::Implementation *atWork = nullptr;

Scheduler::Implementation &stateOf(const Thread &thread) { return *thread.cta->scheduler->implementation; }

void fiberMain(context::transfer_t transfer) {
  *static_cast<void **>(transfer.data) = transfer.fctx;
  Thread &thread = *atWork->current;
  atWork->launch->code->entry(&thread);
  Scheduler::exit(thread);
}

} // namespace

void ReadyThreads::reserve(size_t threads) {
  if (threads <= slots.size())
    return;
  std::vector<Slot> larger(llvm::PowerOf2Ceil(threads));
  for (uint32_t i = 0; i < count; ++i)
    larger[i] = slots[(head + i) & mask];
  slots = std::move(larger);
  head = 0;
  mask = uint32_t(slots.size() - 1);
}

void setSchedulerAtWork(Scheduler::Implementation *state) { atWork = state; }

void Scheduler::Implementation::drawBias() {
  static constexpr uint32_t candidates[] = {1, 1, 2, 4, 16, 64}, intervals[] = {1, 4, 16, 64, 400},
                            landing[] = {1, 4, 32, 256, 0};
  bias.picksLeft = uint32_t(64 + below(uint64_t(64) << below(8)));
  bias.candidates = candidates[below(std::size(candidates))];
  bias.byWarp = below(4) != 0;
  bias.salt = self.random();
  bias.interval = intervals[below(std::size(intervals))];
  bias.landOneIn = landing[below(std::size(landing))];
}

Thread *Scheduler::Implementation::pickRandom() {
  if (bias.picksLeft-- == 0)
    drawBias();
  if (bias.landOneIn != 0 && below(bias.landOneIn) == 0)
    landOne();
  if (ready.empty())
    return nullptr;
  const unsigned shift = bias.byWarp ? 5 : 0;
  auto priority = [&](uint32_t index) {
    uint64_t key = (ready.identity(index) >> shift ^ bias.salt) * 0x9e3779b97f4a7c15;
    return key ^ key >> 29;
  };
  const uint64_t size = ready.size();
  uint32_t best = uint32_t(below(size));
  if (bias.candidates > 1 && size > 1) {
    uint64_t highest = priority(best);
    auto consider = [&](uint32_t other) {
      uint64_t value = priority(other);
      best = value > highest ? other : best;
      highest = std::max(value, highest);
    };
    for (uint32_t i = 1; i < bias.candidates; i += 2) { // two from each random number
      const uint64_t number = self.random();
      consider(uint32_t((number >> 32) * size >> 32));
      if (i + 1 < bias.candidates)
        consider(uint32_t((number & 0xffff'ffff) * size >> 32));
    }
  }
  return ready.take(best);
}

// Next null: to the host thread's own stack.
void Scheduler::Implementation::resume(Thread *next, void **save) {
  void *target = mainContext;
  if (next) {
    if (!next->fiber) {
      // A thread that has just ended may give its stack to the one that it resumes: only the top is written before
      // the jump, where nothing lives any more.
      FiberStacks::Stack stack = stacks.take();
      next->stackTop = stack.top;
      next->stackLimit = stack.low;
      next->fiber = context::make_fcontext(stack.top, size_t(stack.top - stack.low), fiberMain);
    }
    current = next;
    next->state = Thread::State::Running;
    target = next->fiber;
  }
  context::transfer_t transfer = context::jump_fcontext(target, save);
  *static_cast<void **>(transfer.data) = transfer.fctx;
}

void Scheduler::Implementation::leave(Thread &thread) {
  Thread *next = pick();
  if (next == &thread) {
    thread.state = Thread::State::Running;
    return;
  }
  resume(next, &thread.fiber);
}

Scheduler::Scheduler() : implementation(std::make_unique<Implementation>(*this)) {}
Scheduler::~Scheduler() = default;

bool Scheduler::isRandom() const { return implementation->isRandom; }

void Scheduler::yield(Thread &thread) {
  Implementation &state = stateOf(thread);
  state.makeReady(thread);
  state.leave(thread);
}

void Scheduler::block(Thread &thread, const Wait &wait) {
  thread.wait = wait;
  block(thread);
}

void Scheduler::block(Thread &thread) {
  Implementation &state = stateOf(thread);
  state.clearSpinning(thread);
  thread.state = Thread::State::Blocked;
  state.leave(thread);
}

bool Scheduler::blockOrTimeout(Thread &thread, const Wait &wait) {
  Implementation &state = stateOf(thread);
  state.spinning -= thread.spinning; // only ready ones are counted
  thread.wait = wait;
  thread.timed = true;
  thread.timedOut = false;
  thread.state = Thread::State::Blocked;
  state.leave(thread);
  thread.timed = false;
  if (thread.timedOut)
    thread.fuel = std::min(thread.fuel, kTimeoutFuel);
  return !thread.timedOut;
}

void Scheduler::wake(Thread &thread) {
  if (thread.state != Thread::State::Blocked)
    return;
  thread.spinning = false; // was not counted while blocked
  thread.yields = 0;
  stateOf(thread).makeReady(thread);
}

void Scheduler::preempt(Thread &thread) {
  Implementation &state = stateOf(thread);
  if (!state.isRandom || state.untilSwitch-- != 0)
    return;
  state.untilSwitch = uint32_t(state.below(2 * state.bias.interval));
  yield(thread);
}

void Scheduler::stop(Thread &thread) {
  Implementation &state = stateOf(thread);
  state.launch->stopped = true;
  state.stopping = true;
  for (;;)
    state.resume(nullptr, &thread.fiber);
}

void Scheduler::exit(Thread &thread) {
  Implementation &state = stateOf(thread);
  state.clearSpinning(thread);
  leaveWarpgroup(thread);
  leaveBulkCopies(thread);
  thread.state = Thread::State::Exited;
  thread.warp->exited |= 1u << thread.lane;
  --thread.cta->live;
  --thread.cta->cluster->barrier->live;
  leaveWarp(thread);
  leaveBarriers(thread);
  leaveCluster(thread);
  if (thread.cta->cluster->barrier->live == 0)
    state.unitEnded = true;
  state.stacks.give({thread.stackLimit, thread.stackTop});
  for (;;)
    state.resume(state.unitEnded ? nullptr : state.pick(), &thread.fiber);
}

/// A back-edge with the fuel used up. `stack` is the lowest address of the program's own state: the registers that
/// survive calls have just been pushed there.
extern "C" void ptxsim_refuel(Thread *thread, const uint8_t *stack) {
  Scheduler::Implementation &state = stateOf(*thread);
  Launch &launch = *state.launch;
  if (launch.stopped.load(std::memory_order_relaxed))
    Scheduler::stop(*thread);
  state.fuelGiven += kFuel;
  if (++state.refuels % kCheckTimeEvery == 0 || launch.options.maxSteps) {
    uint64_t steps = launch.steps.fetch_add(state.fuelGiven, std::memory_order_relaxed) + state.fuelGiven;
    state.fuelGiven = 0;
    if (launch.options.maxSteps && steps > launch.options.maxSteps)
      launch.reporter->fail(Check::Trap, *thread, thread->site,
                            "more than " + std::to_string(launch.options.maxSteps) +
                                " loop iterations in all threads together: the launch is stopped as a hang");
    if (std::chrono::steady_clock::now() > launch.deadline)
      launch.reporter->fail(Check::Trap, *thread, thread->site,
                            "the launch ran longer than its time limit of " +
                                std::to_string(launch.options.timeLimit.count()) + " seconds");
  }
  // Two neighbouring hashes in every eight, and every one once the thread is known to spin. Equal hashes: whatever
  // the loop did since, its next turn starts from the same registers, stack and local memory.
  uint64_t turn = ++thread->yields % 8;
  if (thread->spinning || turn >= 6) {
    uint64_t hash = llvm::xxh3_64bits({stack, size_t(thread->stackTop - stack)});
    if (thread->localBytes)
      hash = hash * 31 + llvm::xxh3_64bits({thread->local, thread->localBytes});
    bool same = hash == thread->stateHash && (thread->spinning || turn == 7);
    thread->stateHash = hash;
    state.spinning += same - thread->spinning;
    thread->spinning = same;
  }
  thread->fuel = thread->spinning ? kSpinningFuel : state.isRandom ? uint32_t(8 + state.below(kFuel)) : kFuel;
  state.makeReady(*thread);
  if (state.spinning == state.ready.size())
    state.resume(nullptr, &thread->fiber); // all spin: the host thread looks for something else that can move
  else
    state.leave(*thread);
}

} // namespace ptxsim

#ifdef __x86_64__
// Pushes the registers that a callee keeps, so that all of the loop's state lies on the stack.
asm(R"(
  .text
  .globl ptxsim_out_of_fuel
  .type ptxsim_out_of_fuel, @function
ptxsim_out_of_fuel:
  .cfi_startproc
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  pushq %r12
  .cfi_adjust_cfa_offset 8
  pushq %r13
  .cfi_adjust_cfa_offset 8
  pushq %r14
  .cfi_adjust_cfa_offset 8
  pushq %r15
  .cfi_adjust_cfa_offset 8
  movq %rsp, %rsi
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  callq ptxsim_refuel@PLT
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %r15
  .cfi_adjust_cfa_offset -8
  popq %r14
  .cfi_adjust_cfa_offset -8
  popq %r13
  .cfi_adjust_cfa_offset -8
  popq %r12
  .cfi_adjust_cfa_offset -8
  popq %rbx
  .cfi_adjust_cfa_offset -8
  popq %rbp
  .cfi_adjust_cfa_offset -8
  retq
  .cfi_endproc
  .size ptxsim_out_of_fuel, .-ptxsim_out_of_fuel
)");
#else
extern "C" void ptxsim_out_of_fuel(ptxsim::Thread *thread) {
  __builtin_unwind_init(); // the registers that a callee keeps are saved in this frame
  ptxsim::ptxsim_refuel(thread, static_cast<const uint8_t *>(__builtin_frame_address(0)));
}
#endif
