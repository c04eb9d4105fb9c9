// Values that the lanes of a warp exchange: shfl, vote, match, redux, elect, activemask (PTX ISA 9.0, sections 9.7.9.6
// "shfl.sync" and 9.7.13.10 to 9.7.13.15).
#include "check/Poison.h"
#include "engine/Barrier.h"
#include "engine/Rendezvous.h"
#include "engine/SchedulerState.h"

#include "llvm/Support/MathExtras.h"

namespace ptxsim {

namespace {

/// What a lane gets that reads one which is not there: a NaN that no sensible program produces.
constexpr uint64_t kGarbage = 0x7fffdead;

enum class Shuffle : uint8_t { Up, Down, Butterfly, Index };
enum class Vote : uint8_t { All, Any, Uniform, Ballot };
enum class Reduction : uint8_t { Add, Min, Max, And, Or, Xor };

struct WarpPayload : Payload {
  Shuffle shuffle = Shuffle::Index;
  Vote vote = Vote::All;
  Reduction reduction = Reduction::Add;
  bool isSigned = false, all = false;
};

template <class Body> void forLanes(uint32_t mask, Body body) {
  for (uint32_t left = mask; left; left &= left - 1)
    body(uint32_t(llvm::countr_zero(left)));
}

bool poisoned(const Warp &warp) { return warp.cta->grid->poison; }

/// Whether the lane's source slot has undefined bits.
uint64_t shadowOf(const Site *site, const LaneOperands &lanes, uint32_t lane, unsigned slot) {
  return lanes.in[lane][site->numSources + slot];
}

uint64_t anyShadow(const Warp &warp, const Site *site, uint32_t mask, const LaneOperands &lanes, unsigned slot) {
  uint64_t shadow = 0;
  if (poisoned(warp))
    forLanes(mask, [&](uint32_t lane) { shadow |= shadowOf(site, lanes, lane, slot); });
  return shadow;
}

void writeAll(const Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes, unsigned slot, uint64_t value,
              uint64_t shadow) {
  forLanes(mask, [&](uint32_t lane) {
    lanes.out[lane][slot] = value;
    if (poisoned(warp))
      lanes.out[lane][site->numResults + slot] = shadow;
  });
}

void shuffle(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes) {
  Shuffle mode = payload<WarpPayload>(site).shuffle;
  bool poison = poisoned(warp);
  forLanes(mask, [&](uint32_t lane) {
    const uint64_t *in = lanes.in[lane];
    uint64_t *out = lanes.out[lane];
    int32_t offset = in[1] & 31, clamp = in[2] & 31, segment = in[2] >> 8 & 31;
    int32_t own = int32_t(lane), lowest = own & segment, limit = lowest | (clamp & ~segment), source = own;
    bool inRange = true;
    switch (mode) {
    case Shuffle::Up:
      source = own - offset;
      inRange = source >= limit;
      break;
    case Shuffle::Down:
      source = own + offset;
      inRange = source <= limit;
      break;
    case Shuffle::Butterfly:
      source = own ^ offset;
      inRange = source <= limit;
      break;
    case Shuffle::Index:
      source = lowest | (offset & ~segment);
      inRange = source <= limit;
      break;
    }
    if (!inRange)
      source = own;
    // "If the source lane is inactive or not in membermask, the result is undefined."
    bool there = source >= 0 && source < 32 && lanes.in[source];
    out[0] = there ? lanes.in[source][0] : kGarbage;
    if (site->numResults > 1)
      out[1] = inRange;
    if (!poison)
      return;
    uint64_t control = in[site->numSources + 1] | in[site->numSources + 2];
    out[site->numResults] = control ? 0xffffffff : there ? shadowOf(site, lanes, uint32_t(source), 0) : 0xffffffff;
    if (site->numResults > 1)
      out[site->numResults + 1] = control ? ~0ull : 0;
  });
}

void vote(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes) {
  uint32_t ballot = 0, unsure = 0;
  bool poison = poisoned(warp);
  forLanes(mask, [&](uint32_t lane) {
    ballot |= uint32_t(lanes.in[lane][0] & 1) << lane;
    unsure |= uint32_t(poison && shadowOf(site, lanes, lane, 0)) << lane;
  });
  uint32_t sureTrue = ballot & ~unsure, sureFalse = mask & ~ballot & ~unsure;
  switch (payload<WarpPayload>(site).vote) {
  case Vote::All:
    return writeAll(warp, site, mask, lanes, 0, ballot == mask, unsure && !sureFalse);
  case Vote::Any:
    return writeAll(warp, site, mask, lanes, 0, ballot != 0, unsure && !sureTrue);
  case Vote::Uniform:
    return writeAll(warp, site, mask, lanes, 0, ballot == mask || ballot == 0, unsure && !(sureTrue && sureFalse));
  case Vote::Ballot:
    return writeAll(warp, site, mask, lanes, 0, ballot, unsure);
  }
}

/// Also orders memory among the lanes, which the ISA does not promise: libcu++ elects by it, without a bar.warp.sync, the
/// lane that arrives for all (cuda::pipeline::quit).
void match(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes) {
  orderLanes(warp, mask);
  uint64_t undefined = anyShadow(warp, site, mask, lanes, 0) ? 0xffffffff : 0;
  if (payload<WarpPayload>(site).all) {
    uint64_t first = lanes.in[llvm::countr_zero(mask)][0];
    bool same = true;
    forLanes(mask, [&](uint32_t lane) { same &= lanes.in[lane][0] == first; });
    writeAll(warp, site, mask, lanes, 0, same ? mask : 0, undefined);
    if (site->numResults > 1)
      writeAll(warp, site, mask, lanes, 1, same, undefined);
    return;
  }
  forLanes(mask, [&](uint32_t lane) {
    uint32_t equal = 0;
    forLanes(mask, [&](uint32_t other) { equal |= uint32_t(lanes.in[other][0] == lanes.in[lane][0]) << other; });
    lanes.out[lane][0] = equal;
    if (poisoned(warp))
      lanes.out[lane][site->numResults] = undefined;
  });
}

void reduce(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes) {
  const WarpPayload &decoded = payload<WarpPayload>(site);
  uint32_t result = uint32_t(lanes.in[llvm::countr_zero(mask)][0]);
  forLanes(mask & (mask - 1), [&](uint32_t lane) {
    uint32_t value = uint32_t(lanes.in[lane][0]);
    bool less = decoded.isSigned ? int32_t(value) < int32_t(result) : value < result;
    switch (decoded.reduction) {
    case Reduction::Add:
      result += value;
      break;
    case Reduction::Min:
      result = less ? value : result;
      break;
    case Reduction::Max:
      result = less ? result : value;
      break;
    case Reduction::And:
      result &= value;
      break;
    case Reduction::Or:
      result |= value;
      break;
    case Reduction::Xor:
      result ^= value;
      break;
    }
  });
  uint64_t shadow = anyShadow(warp, site, mask, lanes, 0);
  bool bitwise = decoded.reduction >= Reduction::And;
  writeAll(warp, site, mask, lanes, 0, result, bitwise || !shadow ? shadow : 0xffffffff);
}

void elect(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes) {
  uint32_t leader = uint32_t(llvm::countr_zero(mask));
  writeAll(warp, site, mask, lanes, 0, leader, 0);
  if (site->numResults > 1)
    writeAll(warp, site, mask, lanes, 1, 0, 0);
  if (site->numResults > 1)
    lanes.out[leader][1] = 1;
}

/// The member mask is the last source of all of them.
template <WarpWork work> void run(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out) {
  unsigned last = site->numSources - 1;
  if (thread->grid->poison && in[site->numSources + last])
    ptxsim_poison_operand(thread, site);
  meetWarp(*thread, site, uint32_t(in[last]), false, in, out, work);
}

// --- activemask: which lanes are "active" is the scheduler's business (PTX ISA 9.0, section 9.7.13.13) ---
//
// Programs count the lanes of the answer and let one act for all, so the lanes that are told of each other must be
// exactly those that come together. The first lane at an instruction waits for the others of its warp, but not for
// those that are blocked or have exited, and for none for long: they may spin until this lane does something.

/// Turns that the first lane gives the others after the last arrival. A lane that is on its way comes within a turn, or
/// within a few after a long loop.
constexpr unsigned kPatience = 16;

ActiveLanes *activeLanesAt(BlockBarriers &barriers, const Warp &warp, const Site *site) {
  for (auto &group : barriers.activeLanes)
    if (group->site == site && group->warp == &warp)
      return group.get();
  return nullptr;
}

ActiveLanes &newActiveLanes(BlockBarriers &barriers) {
  for (auto &group : barriers.activeLanes)
    if (!group->site)
      return *group;
  return *barriers.activeLanes.emplace_back(std::make_unique<ActiveLanes>());
}

/// Whether a lane of the warp may still be on its way to a group.
bool someLaneIsUnderWay(const BlockBarriers &barriers, const Warp &warp) {
  uint32_t settled = warp.exited;
  for (const auto &group : barriers.activeLanes)
    if (group->site && group->warp == &warp)
      settled |= group->arrived;
  for (uint32_t left = warp.present & ~settled; left; left &= left - 1)
    if (warp.lanes[llvm::countr_zero(left)]->state != Thread::State::Blocked)
      return true;
  return false;
}

/// In random schedules many lanes get the answer that programs are least prepared for: nobody but themselves.
bool goesAlone(Scheduler &scheduler) {
  if (!scheduler.isRandom())
    return false;
  switch (scheduler.implementation->bias.salt % 4) { // the same for a while
  case 0:
    return true;
  case 1:
    return scheduler.random() % 2;
  case 2:
    return scheduler.random() % 32 == 0;
  default:
    return false;
  }
}

void runActivemask(Thread *thread, const Site *site, const uint64_t *, uint64_t *out) {
  thread->site = site;
  if (thread->grid->poison)
    out[site->numResults] = 0;
  BlockBarriers &barriers = *thread->cta->barriers;
  const Warp &warp = *thread->warp;
  const uint32_t own = 1u << thread->lane;
  if (goesAlone(*thread->cta->scheduler)) {
    out[0] = own;
    return;
  }
  if (ActiveLanes *group = activeLanesAt(barriers, warp, site)) {
    group->arrived |= own;
    group->out[thread->lane] = out;
    while (group->arrived & own)
      Scheduler::block(*thread, {"the other lanes at activemask", site});
    return;
  }
  ActiveLanes &group = newActiveLanes(barriers);
  group.warp = &warp;
  group.site = site;
  group.arrived = own;
  group.out[thread->lane] = out;
  uint32_t before = own;
  for (unsigned turns = 0; turns < kPatience && someLaneIsUnderWay(barriers, warp); ++turns) {
    Scheduler::yield(*thread);
    if (group.arrived != before)
      turns = 0;
    before = group.arrived;
  }
  const uint32_t arrived = std::exchange(group.arrived, 0);
  group.site = nullptr;
  forLanes(arrived, [&](uint32_t lane) {
    group.out[lane][0] = arrived;
    if (lane != thread->lane)
      Scheduler::wake(*warp.lanes[lane]);
  });
}

} // namespace

bool bindWarp(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  llvm::StringRef opcode = instruction.opcode();
  if (opcode == "activemask")
    return site.handler = runActivemask, true;
  Handler handler = opcode == "shfl"    ? run<shuffle>
                    : opcode == "vote"  ? run<vote>
                    : opcode == "match" ? run<match>
                    : opcode == "redux" ? run<reduce>
                    : opcode == "elect" ? run<elect>
                                        : nullptr;
  if (!handler)
    return false;
  if (opcode != "elect" && !instruction.has("sync"))
    throw ptx::Error(instruction.position,
                     "'" + instruction.spelling() + "' without .sync is gone since sm_70; use the form with .sync");
  auto decoded = std::make_unique<WarpPayload>();
  decoded->shuffle = instruction.has("up")     ? Shuffle::Up
                     : instruction.has("down") ? Shuffle::Down
                     : instruction.has("bfly") ? Shuffle::Butterfly
                                               : Shuffle::Index;
  decoded->vote = instruction.has("all")   ? Vote::All
                  : instruction.has("any") ? Vote::Any
                  : instruction.has("uni") ? Vote::Uniform
                                           : Vote::Ballot;
  decoded->all = instruction.has("all");
  decoded->isSigned = instruction.lastType() == ptx::Type::S32;
  decoded->reduction = instruction.has("add")   ? Reduction::Add
                       : instruction.has("min") ? Reduction::Min
                       : instruction.has("max") ? Reduction::Max
                       : instruction.has("and") ? Reduction::And
                       : instruction.has("or")  ? Reduction::Or
                                                : Reduction::Xor;
  if (opcode == "redux" && ptx::isFloat(instruction.lastType()))
    throw ptx::Error(instruction.position, "'" + instruction.spelling() + "' needs sm_100a");
  site.payload = std::move(decoded);
  site.handler = handler;
  return true;
}

} // namespace ptxsim
