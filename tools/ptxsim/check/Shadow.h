// What the race detector remembers of memory: for every granule of four bytes the last writes and the reads since.
//
// A cell names two chains of immutable, counted nodes; neighbouring cells with one history share one chain, so that a
// wide access, a copied box or a matrix operand makes one transition and then only compares numbers. A plain write that
// is ordered after everything replaces both chains by itself. Reads, and strong writes that need no order among each
// other, are added in front; a chain is compacted when it has doubled.
#pragma once

#include "check/Finding.h"
#include "check/Race.h"
#include "check/VectorClock.h"

#include <memory>
#include <vector>

namespace ptxsim {

/// One access as a cell keeps it: who, when, where in the program, which bytes of the granule, and how strong.
struct AccessRecord {
  uint32_t component = 0, clock = 0;
  uint64_t site : 48 = 0;
  uint64_t bytes : 4 = 0;      ///< mask over the granule
  uint64_t strength : 3 = 0;   ///< 0: plain; else 1 + Scope
  uint64_t asyncProxy : 1 = 0; ///< by the async proxy
  uint64_t atomic : 1 = 0;     ///< read-modify-write

  const Site *where() const { return reinterpret_cast<const Site *>(uintptr_t(site)); }
  bool operator==(const AccessRecord &other) const = default;
};
static_assert(sizeof(AccessRecord) == 16);

using ChainId = uint32_t; ///< 0: empty

struct Cell {
  ChainId writes = 0, reads = 0;
  bool operator==(const Cell &other) const = default;
};

struct ChainNode {
  AccessRecord record;
  ChainId next = 0;
  uint32_t references = 0, generation = 0;
  uint32_t length = 0, compactAt = 0;
  uint32_t weakest = 0;    ///< least strength in the chain
  uint64_t orderedFor = 0; ///< all of the chain is in the clock of this serial
};

/// Nodes by number; freed ones are used again under a new generation.
class ChainPool {
public:
  ChainNode &operator[](ChainId id) { return chunks[id / kChunk][id % kChunk]; }
  /// A chain of `record` in front of `next`, which it takes a reference of; with one reference.
  ChainId create(const AccessRecord &record, ChainId next, uint32_t compactAt);
  void retain(ChainId id, uint32_t times = 1) {
    if (id)
      (*this)[id].references += times;
  }
  void release(ChainId id, uint32_t times = 1) {
    if (id && ((*this)[id].references -= times) == 0)
      destroy(id);
  }

private:
  static constexpr uint32_t kChunk = 4096;
  std::vector<std::unique_ptr<ChainNode[]>> chunks;
  ChainId unused = 0; ///< list of freed nodes by `next`
  uint32_t created = 1;
  void destroy(ChainId id);
};

/// An access under way.
struct AccessEvent {
  AccessRecord record; ///< but for `bytes`
  Access kind = Access::Read;
  bool isAgent = false;
  /// Strong accesses of this strength and more reach every thread that can touch the word.
  unsigned strengthForAll = 0;
  const VectorClock *generic = nullptr;
  const VectorClock *async = nullptr; ///< set for async-proxy accesses
  /// Known besides `generic`: all of this component (of the thread that issues work) ...
  uint32_t issuer = kNobody;
  /// ... and an agent's operations up to a clock.
  uint32_t waited = kNobody, waitedClock = 0;
  static constexpr uint32_t kNobody = ~0u;
  /// Its record occurs in one place only: work that is one small access.
  bool isSingle = false;
  uint32_t block = 0;
  // For reports.
  const Thread *thread = nullptr;
  const Site *site = nullptr;
  Location where;
  uint64_t bytes = 0;
  const uint8_t *newBytes = nullptr;

  bool isStrong() const { return record.strength != 0; }
  bool isWrite() const { return kind != Access::Read; }
};

/// Decides about conflicts that the shadow finds.
class ConflictSink {
public:
  virtual ~ConflictSink() = default;
  /// Whether both are threads of one block.
  virtual bool inOneBlock(uint32_t component, uint32_t other) const = 0;
  /// A number that the threads of one warp have in common, in other blocks than `block` those of one block.
  virtual uint64_t neighbours(uint32_t component, uint32_t block) const = 0;
  /// Whether two strong accesses include each other's thread in their scopes.
  virtual bool scopesMeet(const AccessRecord &earlier, const AccessEvent &event) const = 0;
  /// Whether the thread has read the word by a strong access since the last strong write of it, `earlier` among them.
  virtual bool hasObserved(const AccessRecord &earlier, const AccessEvent &event, int64_t offset) = 0;
  /// `offset`: of the granule from the start of the access. `proxyOnly`: ordered, but no proxy fence is in between.
  virtual void conflict(const AccessRecord &earlier, bool earlierWrote, const AccessEvent &event, int64_t offset,
                        bool proxyOnly) = 0;
};

class Shadow {
public:
  explicit Shadow(ConflictSink &sink) : sink(sink), memo(kMemo) {}
  /// Checks and records an access to `bytes` bytes that begin `firstByte` bytes into cells[0]; `offset`: of the first
  /// byte from the start of the whole access.
  void apply(Cell *cells, unsigned firstByte, uint64_t bytes, const AccessEvent &event, uint64_t offset);
  /// Whether the last write was a strong one, so that the word may carry a release.
  bool lastWriteStrong(const Cell &cell) { return cell.writes && pool[cell.writes].record.strength; }
  void forget(Cell &cell);
  /// A compare-and-swap follows the component's plain reads of the cell: from now on they count as strong.
  void strengthenReads(Cell &cell, uint32_t component, unsigned strength);
  void prefetch(const Cell &cell) {
    if (cell.writes)
      __builtin_prefetch(&pool[cell.writes], 1);
    if (cell.reads)
      __builtin_prefetch(&pool[cell.reads], 1);
  }

private:
  static constexpr uint32_t kGranule = 4, kAllBytes = 15, kFirstCompaction = 16, kMemo = 1 << 12;
  static constexpr uint32_t kMostReaders = 256; ///< of a granule of global memory, before they are thinned out
  ConflictSink &sink;
  ChainPool pool;
  /// The last results of add(): cells with one history get one future.
  struct Memo {
    ChainId from = 0, to = 0;
    uint32_t fromGeneration = 0, toGeneration = 0;
    AccessRecord record;
  };
  std::vector<Memo> memo;
  bool suppressed = false; ///< an unordered write of equal value was let pass: its record stays
  bool perCell = false;    ///< the transition under way depends on the cell's bytes or has reported

  Cell step(Cell cell, uint32_t mask, const AccessEvent &event, int64_t offset);
  bool ordered(const AccessRecord &earlier, bool earlierWrote, const AccessEvent &event, bool &proxyOnly) const;
  bool known(const AccessRecord &earlier, const AccessEvent &event) const;
  bool covers(const AccessRecord &later, const AccessRecord &earlier) const;
  void check(ChainId chain, bool areWrites, uint32_t mask, const AccessEvent &event, int64_t offset);
  ChainId add(ChainId chain, const AccessRecord &record, const AccessEvent &event);
  void thinOut(std::vector<AccessRecord> &kept, const AccessEvent &event) const;
  ChainId compact(ChainId chain, const AccessRecord &record, const AccessEvent &event);
  ChainId without(ChainId chain, uint32_t mask);
  bool sameValue(const AccessEvent &event, uint32_t mask, int64_t offset) const;
};

} // namespace ptxsim
