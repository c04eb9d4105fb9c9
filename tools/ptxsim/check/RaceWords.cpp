// Synchronisation through memory words: strong reads and writes, and the fences around them.
//
// Assumed, and why:
// - Strong accesses of different sizes that overlap count as morally strong. The ISA asks for complete overlap, but
//   programs poll half of a 64-bit word or update packed fields, and hardware keeps each granule coherent.
// - fence.sc orders nothing by itself: the order that two of them take at run time is chance, and to trust it would
//   hide races from the schedules that are tried. Data that is published needs a flag besides.
#include "check/RaceState.h"

using namespace ptxsim;

static bool isAcquire(Order order) { return order == Order::Acquire || order == Order::AcquireRelease; }
static bool isRelease(Order order) { return order == Order::Release || order == Order::AcquireRelease; }

/// A read of the word: takes its releases at once, or keeps them until an acquire fence of sufficient scope.
void RaceDetector::Implementation::acquireWord(Thread &thread, const WordClock &word, bool acquires, Scope scope) {
  ThreadClock &clock = *thread.clock;
  uint32_t own = thread.cta->linear;
  for (const WordClock::Release &release : word.releases) {
    if (release.scope == Scope::Block && release.group != own)
      continue;
    if (release.scope == Scope::Cluster && release.group != block(own).cluster)
      continue;
    // Of several releasers the nearest counts: an edge too many hides a race, an edge too few invents one.
    Scope needed = release.fromBlock == WordClock::kMany ? Scope::Block : distance(own, release.fromBlock);
    if (scope < needed)
      continue;
    if (acquires) {
      acquire(clock, release.clock);
      continue;
    }
    if (!clock.fences)
      clock.fences = std::make_unique<ThreadClock::Fences>();
    mergeClocks(clock.fences->pending[unsigned(needed)], release.clock);
  }
}

/// A write of the word: leaves the thread's clock, or, if relaxed, that of its last release fence.
void RaceDetector::Implementation::releaseWord(Thread &thread, WordClock &word, bool releases, Scope scope) {
  ThreadClock &clock = *thread.clock;
  uint32_t own = thread.cta->linear;
  auto add = [&](Scope effective, const SyncClock &published) {
    uint64_t group = effective == Scope::Block ? own : effective == Scope::Cluster ? block(own).cluster : 0;
    word.add(effective, group, own, published);
  };
  if (releases) {
    add(scope, publish(clock));
    return;
  }
  if (!clock.fences)
    return;
  const std::shared_ptr<VectorClock> *wider = nullptr;
  for (Scope fence : {Scope::Device, Scope::Cluster, Scope::Block}) {
    const SyncClock &published = clock.fences->released[unsigned(fence)];
    if (!wider || *wider != published.generic)
      add(std::min(fence, scope), published);
    wider = &published.generic;
  }
}

void RaceDetector::Implementation::observe(ThreadClock &clock, const void *words, uint64_t granule, uint32_t writes,
                                           bool updates) {
  auto &entries = updates ? clock.observedUpdates : clock.observedReads;
  for (ThreadClock::Observed &entry : entries)
    if (entry.words == words && entry.granule == granule) {
      entry.writes = writes;
      return;
    }
  entries[clock.nextObserved[updates]++ % std::size(entries)] = {words, granule, writes};
}

bool RaceDetector::Implementation::hasObserved(const AccessRecord &earlier, const AccessEvent &event, int64_t offset) {
  if (!event.thread || event.isAgent || isAgent(earlier.component))
    return false;
  // Only what reaches the thread by its scope can be observed.
  if (earlier.strength < 1 + unsigned(distance(blockOf(earlier.component), event.block)))
    return false;
  WordClocks &clocks = wordsOf(event.where);
  const uint64_t granule = (event.where.address + std::max<int64_t>(offset, 0)) / kGranule;
  const uint32_t now = clocks.strongWrites(granule);
  auto seesAll = [&](const ThreadClock::Observed &entry) {
    return entry.words == &clocks && entry.granule == granule && entry.writes == now;
  };
  const ThreadClock &clock = *event.thread->clock;
  return llvm::any_of(clock.observedUpdates, seesAll) || llvm::any_of(clock.observedReads, seesAll);
}

void RaceDetector::Implementation::synchronise(Thread &thread, const Location &where, uint64_t bytes, Access kind,
                                               Order order, Scope scope) {
  scope = order == Order::Volatile ? Scope::Device : normalised(scope);
  WordClocks &clocks = wordsOf(where);
  bool partial = bytes < kGranule;
  for (uint64_t granule = where.address / kGranule; granule <= (where.address + bytes - 1) / kGranule; ++granule) {
    WordClock *word = clocks.find(granule);
    uint32_t &writes = clocks.strongWrites(granule);
    writes += kind != Access::Read;
    if (kind != Access::Write)
      observe(*thread.clock, &clocks, granule, writes, kind == Access::Atomic);
    if (kind != Access::Write && word)
      acquireWord(thread, *word, isAcquire(order), scope);
    if (kind == Access::Read)
      continue;
    bool carries = isRelease(order) || thread.clock->fences;
    if (!word && !carries)
      continue;
    // A read-modify-write continues the release that it read; a store starts anew, but may be one byte of several.
    if (word && kind == Access::Write && !partial)
      word->releases.clear();
    if (carries)
      releaseWord(thread, word ? *word : clocks[granule], isRelease(order), scope);
  }
}
