// Releases that strong writes left in memory words, for the acquires that read them (PTX ISA 9.0, "Release and Acquire
// Patterns").
#pragma once

#include "check/Race.h"
#include "check/VectorClock.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace ptxsim {

/// A vector clock that nobody else refers to, to be changed.
inline VectorClock &makeOwn(std::shared_ptr<VectorClock> &clock) {
  if (!clock)
    clock = std::make_shared<VectorClock>();
  else if (clock.use_count() != 1)
    clock = std::make_shared<VectorClock>(*clock);
  return *clock;
}

inline void mergeClock(std::shared_ptr<VectorClock> &into, const std::shared_ptr<VectorClock> &from) {
  if (!from || into == from)
    return;
  if (!into)
    into = from;
  else
    makeOwn(into).join(*from);
}

inline void mergeClocks(SyncClock &into, const SyncClock &from) {
  mergeClock(into.generic, from.generic);
  mergeClock(into.async, from.async);
}

/// What one word carries: a clock for each set of threads that may take it.
struct WordClock {
  static constexpr uint32_t kMany = ~0u;
  struct Release {
    Scope scope;        ///< effective scope of the release: the narrower of its write's and its fence's
    uint64_t group;     ///< the block or cluster that this scope means; 0 for the device
    uint32_t fromBlock; ///< kMany: several
    SyncClock clock;
  };
  llvm::SmallVector<Release, 1> releases;

  void add(Scope scope, uint64_t group, uint32_t fromBlock, const SyncClock &clock) {
    if (!clock.generic)
      return;
    for (Release &known : releases) {
      if (known.scope != scope || known.group != group)
        continue;
      mergeClocks(known.clock, clock);
      if (known.fromBlock != fromBlock)
        known.fromBlock = kMany;
      return;
    }
    releases.push_back({scope, group, fromBlock, clock});
  }
};

/// By granule: an access to several granules leaves its clock in each.
class WordClocks {
public:
  WordClock *find(uint64_t granule) {
    auto place = words.find(granule);
    return place == words.end() ? nullptr : &place->second;
  }
  WordClock &operator[](uint64_t granule) { return words[granule]; }
  void erase(uint64_t address, uint64_t bytes) {
    for (uint64_t granule = address / 4; granule <= (address + bytes - 1) / 4; ++granule)
      words.erase(granule);
  }

  /// Strong writes of the granule so far.
  uint32_t &strongWrites(uint64_t granule) { return writes[granule]; }

private:
  llvm::DenseMap<uint64_t, WordClock> words;
  llvm::DenseMap<uint64_t, uint32_t> writes;
};

} // namespace ptxsim
