// What a race looks like to people.
#include "check/RaceState.h"

#include "engine/Device.h"

#include "llvm/ADT/StringExtras.h"

using namespace ptxsim;

Actor RaceDetector::Implementation::actorOf(const AccessRecord &record) const {
  Actor actor;
  actor.site = record.where();
  uint32_t who = record.component;
  if (isAgent(who)) {
    uint32_t index = who - firstAgent - 1;
    if (index >= agents.size())
      return actor;
    actor.agent = agents[index].description;
    who = agents[index].issuer;
  }
  if (who == ~0u || isAgent(who) || blockOf(who) >= blocks.size())
    return actor;
  actor.known = true;
  std::copy(std::begin(blocks[blockOf(who)].id), std::end(blocks[blockOf(who)].id), actor.block);
  uint32_t linear = who % stride;
  const auto &shape = grid.config.block;
  actor.thread[0] = linear % shape[0];
  actor.thread[1] = linear / shape[0] % shape[1];
  actor.thread[2] = linear / shape[0] / shape[1];
  return actor;
}

static const char *verb(bool wrote, bool atomic) { return atomic ? "atomic update" : wrote ? "write" : "read"; }

bool RaceDetector::Implementation::holdBack(const AccessRecord &earlier, bool earlierWrote, const AccessEvent &event,
                                            int64_t offset) {
  if (event.isAgent || isAgent(earlier.component) || earlier.asyncProxy)
    return false;
  const bool readsAfter = event.kind == Access::Read && !event.isStrong() && earlierWrote && earlier.atomic;
  const bool readBefore = event.kind == Access::Atomic && !earlierWrote && !earlier.strength;
  if (!readsAfter && !readBefore)
    return false;
  // A block that has ended has no next access.
  if (readBefore && blocks[blockOf(earlier.component)].finished)
    return false;
  AccessRecord now = event.record;
  const AccessRecord &reader = readsAfter ? now : earlier, &other = readsAfter ? earlier : now;
  Location at = event.where;
  const int64_t first = std::max<int64_t>(offset, 0);
  at.address += first;
  if (at.host)
    at.host += first;
  const WordClocks *words = &wordsOf(event.where);
  const uint64_t granule = at.address / kGranule;
  std::vector<HeldBack> &list = heldBack[reader.component];
  for (const HeldBack &known : list)
    if (known.words == words && known.granule == granule && known.read == reader.where())
      return true;
  if (list.size() == kHeldBackMost)
    report(list);
  list.push_back({words, granule, reader.where(),
                  "read at " + describe(grid, at) + (readsAfter ? " is not ordered after" : " is not ordered before") +
                      " the atomic update by another thread",
                  actorOf(reader), actorOf(other)});
  return true;
}

void RaceDetector::Implementation::report(std::vector<HeldBack> &list) {
  for (HeldBack &held : list) {
    held.reader.site = held.read;
    grid.reporter->note(Check::Race, held.reader, std::move(held.message), std::move(held.other));
  }
  list.clear();
}

void RaceDetector::Implementation::settleHeldBack(uint32_t component, const void *words, uint64_t first, uint64_t last,
                                                  bool swaps) {
  auto place = heldBack.find(component);
  if (place == heldBack.end())
    return;
  std::vector<HeldBack> reported, &list = place->second;
  for (size_t k = 0; k < list.size();) {
    if (list[k].words != words || list[k].granule < first || list[k].granule > last) {
      ++k;
      continue;
    }
    if (!swaps)
      reported.push_back(std::move(list[k]));
    list.erase(list.begin() + ptrdiff_t(k));
  }
  report(reported);
  if (list.empty())
    heldBack.erase(place);
}

void RaceDetector::Implementation::conflict(const AccessRecord &earlier, bool earlierWrote, const AccessEvent &event,
                                            int64_t offset, bool proxyOnly) {
  if (!proxyOnly && holdBack(earlier, earlierWrote, event, offset))
    return;
  Check check = proxyOnly ? Check::Proxy : Check::Race;
  // Writing a report takes long and a race may repeat a million times: only the first of a pair of instructions gets
  // its words, the others are counted.
  if (!reported.insert({event.site, earlier.where()}).second) {
    Actor other;
    other.site = earlier.where();
    grid.reporter->note(check, event.thread, event.site, {}, other);
    return;
  }
  Actor there = actorOf(earlier);
  Location at = event.where;
  int64_t first = std::max<int64_t>(offset, 0);
  at.address += first;
  if (at.host)
    at.host += first;
  std::string message = std::string(verb(event.isWrite(), event.kind == Access::Atomic)) + " of " +
                        std::to_string(event.bytes) + " bytes at " + describe(grid, at);
  std::string what = verb(earlierWrote, earlier.atomic);
  if (proxyOnly) {
    message += " by the async proxy follows the " + what + " through the generic proxy, but a fence.proxy.async is " +
               "missing between";
  } else {
    message += " is not ordered after the " + what;
    if (!there.agent.empty())
      message += " by asynchronous work";
    else if (isAgent(event.record.component) && there.known)
      message += " by a thread";
    else
      message += " by another thread";
    if (earlier.strength && event.isStrong())
      message += ", and the scope of one of the two does not include the other's thread";
  }
  std::string agent;
  if (uint32_t index = event.record.component - firstAgent - 1;
      isAgent(event.record.component) && index < agents.size())
    agent = agents[index].description;
  grid.reporter->note(check, event.thread, event.site, std::move(message), there, {}, std::move(agent));
}
