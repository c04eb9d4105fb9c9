// Lanes that meet. Operands stay on the stacks of those who wait; the last to arrive works for all. A lane that has
// exited, or never existed, is not waited for: PTX waits for "all non-exited threads corresponding to membermask" (PTX
// ISA 9.0, section 9.7.9.6 "shfl.sync").
#include "engine/Rendezvous.h"

#include "engine/Launch.h"

#include "llvm/ADT/StringExtras.h"

namespace ptxsim {

namespace {

std::string hexMask(uint32_t mask) { return "0x" + llvm::utohexstr(mask, true); }

uint32_t liveLanes(const Warp &warp) { return warp.present & ~warp.exited; }

bool sameOperation(const Site *a, const Site *b) {
  return a == b || (a->instruction->parts == b->instruction->parts && a->handler == b->handler);
}

Warp::Meeting *meetingFor(Warp &warp, uint32_t mask) {
  Warp::Meeting *unused = nullptr;
  for (auto &meeting : warp.meetings) {
    if (meeting->arrived == 0)
      unused = meeting.get();
    else if (meeting->mask == mask)
      return meeting.get();
  }
  if (!unused)
    unused = warp.meetings.emplace_back(std::make_unique<Warp::Meeting>()).get();
  return unused;
}

std::string lanesAt(const Warp &, uint32_t lanes, const Site *site) {
  llvm::SmallVector<uint32_t, 32> list;
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (lanes >> lane & 1)
      list.push_back(lane);
  return (list.size() == 1 ? "lane " : "lanes ") + describeRanges(list) +
         (list.size() == 1 ? " waits at " : " wait at ") + format(*site);
}

[[noreturn]] void diverged(Thread &thread, const Site *site, const Warp::Meeting &other, const std::string &why) {
  Thread *first = thread.warp->lanes[llvm::countr_zero(other.arrived)];
  thread.grid->reporter->fail(Check::Divergence, thread, site, why, actorOf(*first, other.site),
                              lanesAt(*thread.warp, other.arrived, other.site));
}

// Finds a meeting under way that can never end now that the thread comes here.
void checkOthers(Thread &thread, const Site *site, uint32_t mask, bool aligned, const Warp::Meeting *own) {
  for (auto &meeting : thread.warp->meetings) {
    if (meeting->arrived == 0 || meeting.get() == own)
      continue;
    bool waitsForMe = meeting->mask >> thread.lane & 1;
    if (waitsForMe && aligned && meeting->aligned)
      diverged(thread, site, *meeting,
               "lane " + std::to_string(thread.lane) + " reaches " + site->instruction->spelling() +
                   " while others of its warp are at another instruction that all lanes must execute together");
    if (waitsForMe && (meeting->arrived & mask))
      diverged(thread, site, *meeting,
               "lane " + std::to_string(thread.lane) + " comes with member mask " + hexMask(mask) +
                   ", but lanes of that mask wait for it with member mask " + hexMask(meeting->mask) +
                   ": they wait for each other");
  }
}

void complete(Warp &warp, Warp::Meeting &meeting, Thread *running) {
  LaneOperands lanes;
  uint32_t arrived = meeting.arrived;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    bool here = arrived >> lane & 1;
    lanes.in[lane] = here ? meeting.in[lane] : nullptr;
    lanes.out[lane] = here ? meeting.out[lane] : nullptr;
  }
  meeting.work(warp, meeting.site, arrived, lanes);
  meeting.arrived = 0;
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (arrived >> lane & 1 && warp.lanes[lane] != running)
      Scheduler::wake(*warp.lanes[lane]);
}

} // namespace

bool arriveAtWarp(Thread &thread, const Site *site, uint32_t mask, bool aligned, const uint64_t *in, uint64_t *out,
                  WarpWork work) {
  Warp &warp = *thread.warp;
  thread.site = site;
  if (aligned)
    mask = warp.present;
  if (!(mask >> thread.lane & 1))
    thread.grid->reporter->fail(Check::Divergence, thread, site,
                                "member mask " + hexMask(mask) + " of " + site->instruction->spelling() +
                                    " does not name the executing lane " + std::to_string(thread.lane));
  if (aligned && (warp.exited & mask))
    thread.grid->reporter->fail(Check::Divergence, thread, site,
                                site->instruction->spelling() + " needs all lanes of the warp, but lanes " +
                                    hexMask(warp.exited) + " have exited");
  Warp::Meeting &meeting = *meetingFor(warp, mask);
  if (warp.meetings.size() > 1)
    checkOthers(thread, site, mask, aligned, &meeting);
  if (meeting.arrived == 0) {
    meeting.mask = mask;
    meeting.site = site;
    meeting.aligned = aligned;
    meeting.work = work;
  } else if (aligned ? meeting.site != site : !sameOperation(meeting.site, site)) {
    diverged(thread, site, meeting,
             "lane " + std::to_string(thread.lane) + " reaches " + site->instruction->spelling() +
                 " while others of its member mask " + hexMask(mask) + " are at " +
                 (sameOperation(meeting.site, site)
                      ? "the same instruction elsewhere in the text, which .aligned forbids"
                      : meeting.site->instruction->spelling()));
  }
  meeting.in[thread.lane] = in;
  meeting.out[thread.lane] = out;
  meeting.arrived |= 1u << thread.lane;
  if ((meeting.mask & liveLanes(warp) & ~meeting.arrived) == 0) {
    complete(warp, meeting, &thread);
    return false;
  }
  thread.wait = {"the other lanes of member mask 0x%llx", site, 0, mask};
  return true;
}

void leaveWarp(Thread &thread) {
  Warp &warp = *thread.warp;
  for (size_t i = 0; i < warp.meetings.size(); ++i) {
    Warp::Meeting &meeting = *warp.meetings[i];
    if (meeting.arrived == 0 || !(meeting.mask >> thread.lane & 1))
      continue;
    if (meeting.aligned)
      diverged(thread, meeting.site, meeting,
               "lane " + std::to_string(thread.lane) + " exits while others of its warp wait at " +
                   meeting.site->instruction->spelling() + ", which all lanes must execute together");
    if ((meeting.mask & liveLanes(warp) & ~meeting.arrived) == 0)
      complete(warp, meeting, &thread);
  }
}

bool arriveAtWarpgroup(Thread &thread, const Site *site, const uint64_t *in, uint64_t *out, WarpgroupWork work) {
  Cta &cta = *thread.cta;
  thread.site = site;
  uint32_t group = thread.linear / 128, index = thread.linear % 128;
  Reporter &reporter = *thread.grid->reporter;
  if (uint64_t(group + 1) * 128 > cta.threads.size())
    reporter.fail(Check::Divergence, thread, site,
                  site->instruction->spelling() + " needs a warpgroup of 128 threads, but the block's threads from " +
                      std::to_string(group * 128) + " on are only " + std::to_string(cta.threads.size() - group * 128));
  auto &meetings = cta.barriers->warpgroups;
  if (meetings.size() <= group)
    meetings.resize(group + 1);
  if (!meetings[group])
    meetings[group] = std::make_unique<WarpgroupMeeting>();
  WarpgroupMeeting &meeting = *meetings[group];
  if (meeting.arrived == 0) {
    meeting.site = site;
    meeting.work = work;
    for (uint32_t i = 0; i < 128; ++i)
      meeting.operands.in[i] = nullptr;
    for (uint32_t i = 0; i < 128; ++i)
      if (const Thread &other = *cta.threads[group * 128 + i]; other.state == Thread::State::Exited)
        reporter.fail(Check::Divergence, thread, site,
                      site->instruction->spelling() + " needs all threads of the warpgroup, but thread " +
                          std::to_string(other.linear) + " has exited");
  } else if (meeting.site != site) {
    uint32_t first = 0;
    while (!meeting.operands.in[first] && first < 127)
      ++first;
    reporter.fail(Check::Divergence, thread, site,
                  "thread " + std::to_string(thread.linear) + " reaches " + site->instruction->spelling() +
                      " while others of its warpgroup are at another instruction that all must execute together",
                  actorOf(*meeting.operands.threads[first], meeting.site));
  }
  static const uint64_t nothing = 0; // marks a thread without operands as arrived
  meeting.operands.threads[index] = &thread;
  meeting.operands.in[index] = in ? in : &nothing;
  meeting.operands.out[index] = out;
  if (++meeting.arrived < 128) {
    thread.wait = {"the rest of its warpgroup", site, 0, 0};
    return true;
  }
  work(cta, site, meeting.operands);
  meeting.arrived = 0;
  for (uint32_t i = 0; i < 128; ++i)
    if (i != index)
      Scheduler::wake(*cta.threads[group * 128 + i]);
  return false;
}

} // namespace ptxsim
