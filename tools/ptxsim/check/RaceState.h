// The race detector's state; private to check/.
#pragma once

#include "check/Race.h"
#include "check/Shadow.h"
#include "check/ThreadClock.h"
#include "check/WordClock.h"
#include "engine/Scheduler.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

#include <algorithm>

namespace ptxsim {

constexpr uint64_t kMostThreadComponents = 0x7fffffff; ///< the components behind them are agents
constexpr uint64_t kPageBytes = 4096, kGranule = 4;

struct Page {
  Cell cells[kPageBytes / kGranule];
};

/// The launch's geometry, as far as scopes and reports need it.
struct Block {
  uint32_t id[3] = {};
  uint64_t cluster = ~0ull; ///< unique for a cluster
  bool finished = false;
};

struct AgentInfo {
  std::string description;
  uint32_t issuer = ~0u; ///< component of the thread behind the latest access
};

inline Scope normalised(Scope scope) { return scope == Scope::System ? Scope::Device : scope; }
inline unsigned strengthOf(Order order, Scope scope) {
  if (order == Order::Weak)
    return 0;
  return 1 + unsigned(order == Order::Volatile ? Scope::System : scope);
}

/// Shared memory of one block.
struct SharedShadow {
  uint32_t linear = 0; ///< the block's
  std::vector<Cell> cells;
  WordClocks words;
};

struct RaceDetector::Implementation : ConflictSink {
  Grid &grid;
  /// Two pools: histories of shared memory come and go and stay in the cache, those of global memory pile up.
  Shadow globalShadow{*this}, sharedShadow{*this};
  Shadow &shadowOf(const Location &where) { return where.space == ptx::Space::Shared ? sharedShadow : globalShadow; }
  uint32_t threadsPerBlock, stride; ///< components of a block: a whole number of warps
  uint32_t firstAgent = 0;
  std::vector<Block> blocks; ///< by Cta::linear
  std::vector<AgentInfo> agents;
  llvm::DenseMap<const Cta *, std::unique_ptr<SharedShadow>> shared;
  llvm::DenseMap<uint64_t, std::unique_ptr<Page>> pages;
  /// Pages that were used last, by the low bits of their number.
  struct CachedPage {
    uint64_t number = ~0ull;
    Page *page = nullptr;
  } cachedPages[256];
  WordClocks words; ///< of global memory
  llvm::DenseSet<std::pair<const Site *, const Site *>> reported;
  /// The last joins: the lanes of a warp acquire the same clock from the same state.
  struct Joined {
    VectorClock left, right, result;
  } joined[4];
  unsigned nextJoined = 0;

  explicit Implementation(Grid &grid) : grid(grid) {
    const LaunchConfig &config = grid.config;
    uint64_t perBlock = uint64_t(config.block[0]) * config.block[1] * config.block[2];
    uint64_t count = uint64_t(config.grid[0]) * config.grid[1] * config.grid[2];
    threadsPerBlock = uint32_t(perBlock);
    stride = uint32_t((perBlock + 31) / 32 * 32);
    firstAgent = uint32_t(std::min<uint64_t>(count * stride, kMostThreadComponents));
  }

  Block &block(uint32_t linear) {
    if (linear >= blocks.size())
      blocks.resize(std::max<size_t>(linear + 1, blocks.size() * 2));
    return blocks[linear];
  }
  SharedShadow &sharedOf(const Cta &cta) {
    std::unique_ptr<SharedShadow> &place = shared[&cta];
    if (!place || place->linear != cta.linear) {
      drop(place);
      place = std::make_unique<SharedShadow>();
      place->linear = cta.linear;
      place->cells.resize((cta.sharedEnd + kGranule - 1) / kGranule);
    }
    return *place;
  }
  /// Calls `visit` as forCells does, fast for shared memory of the thread's own block.
  template <class Visitor> void forCells(const Thread &thread, const Location &where, uint64_t bytes, Visitor visit) {
    std::vector<Cell> &own = thread.clock->shared->cells;
    if (where.space == ptx::Space::Shared && where.cta == thread.cta && where.address + bytes <= own.size() * kGranule)
      visit(&own[where.address / kGranule], unsigned(where.address % kGranule), bytes, uint64_t(0));
    else
      forCells(where, bytes, visit);
  }
  void drop(std::unique_ptr<SharedShadow> &place) {
    if (place)
      for (Cell &cell : place->cells)
        sharedShadow.forget(cell);
    place.reset();
  }
  Page &page(uint64_t number) {
    CachedPage &cached = cachedPages[number % std::size(cachedPages)];
    if (cached.number != number) {
      std::unique_ptr<Page> &place = pages[number];
      if (!place)
        place = std::make_unique<Page>();
      cached = {number, place.get()};
    }
    return *cached.page;
  }

  uint32_t component(Agent agent) const { return firstAgent + agent; }
  bool isAgent(uint32_t component) const { return component >= firstAgent; }
  uint32_t blockOf(uint32_t component) const { return component / stride; }

  /// The least scope that holds the threads of both blocks.
  Scope distance(uint32_t left, uint32_t right) const {
    if (left == right)
      return Scope::Block;
    if (left < blocks.size() && right < blocks.size() && blocks[left].cluster == blocks[right].cluster)
      return Scope::Cluster;
    return Scope::Device;
  }

  bool inOneBlock(uint32_t component, uint32_t other) const override {
    return !isAgent(component) && !isAgent(other) && blockOf(component) == blockOf(other);
  }
  uint64_t neighbours(uint32_t component, uint32_t block) const override {
    if (isAgent(component))
      return uint64_t(component) << 2;
    if (blockOf(component) == block)
      return uint64_t(component / 32) << 2 | 1;
    return uint64_t(blockOf(component)) << 2 | 2;
  }
  bool scopesMeet(const AccessRecord &earlier, const AccessEvent &event) const override {
    if (isAgent(earlier.component))
      return true;
    unsigned needed = 1 + unsigned(distance(blockOf(earlier.component), event.block));
    return earlier.strength >= needed && event.record.strength >= needed;
  }

  bool hasObserved(const AccessRecord &earlier, const AccessEvent &event, int64_t offset) override;
  static void observe(ThreadClock &clock, const void *words, uint64_t granule, uint32_t writes, bool updates);

  /// Plain reads that conflict with atomic updates alone: the first read of a compare-and-swap loop, as public code has
  /// it everywhere (`old = *p; do { ... old = atomicCAS(p, ...) } while (...)`), where a stale value costs one more
  /// turn and no more. They are held back until the thread's next access to the word tells what they were.
  struct HeldBack {
    const void *words;
    uint64_t granule;
    const Site *read;
    std::string message;
    Actor reader, other;
  };
  llvm::DenseMap<uint32_t, std::vector<HeldBack>> heldBack; ///< by the reader's component
  static constexpr size_t kHeldBackMost = 4;                ///< of one thread: a loop has one word or two
  bool holdBack(const AccessRecord &earlier, bool earlierWrote, const AccessEvent &event, int64_t offset);
  /// The thread's next access to the granules: a compare-and-swap drops what was held back, any other reports it.
  void settleHeldBack(uint32_t component, const void *words, uint64_t first, uint64_t last, bool swaps);
  void report(std::vector<HeldBack> &list);

  void conflict(const AccessRecord &earlier, bool earlierWrote, const AccessEvent &event, int64_t offset,
                bool proxyOnly) override;
  Actor actorOf(const AccessRecord &record) const;

  void join(VectorClock &into, const VectorClock &from) {
    if (from.empty() || into.shares(from))
      return;
    if (into.empty()) {
      into = from;
      return;
    }
    for (Joined &known : joined)
      if (known.left.shares(into) && known.right.shares(from)) {
        into = known.result;
        return;
      }
    Joined &place = joined[nextJoined++ % std::size(joined)];
    place.left = into;
    place.right = from;
    into.join(from);
    place.result = into;
  }
  void acquire(ThreadClock &clock, const SyncClock &from) {
    if (!from.generic)
      return;
    join(clock.generic, *from.generic);
    if (from.async)
      join(clock.async, *from.async);
    clock.published = {};
  }
  static void includeWaited(ThreadClock &clock) {
    if (clock.waited != ~0u)
      clock.generic.raise(clock.waited, clock.waitedClock);
    clock.waited = ~0u;
  }
  /// The thread's clocks as of now, its own accesses so far included.
  const SyncClock &publish(ThreadClock &clock) {
    if (clock.published.generic && !clock.accessed)
      return clock.published;
    includeWaited(clock);
    clock.published.generic = std::make_shared<VectorClock>(clock.generic);
    clock.published.generic->raise(clock.component, closeEpoch(clock));
    clock.published.async.reset();
    if (!clock.async.empty() || clock.asyncOwn) {
      clock.published.async = std::make_shared<VectorClock>(clock.async);
      clock.published.async->raise(clock.component, clock.asyncOwn);
    }
    return clock.published;
  }
  /// The epoch that ends here; what the thread accesses from now on is not in it.
  static uint32_t closeEpoch(ThreadClock &clock) {
    if (!clock.accessed)
      return clock.clock - 1;
    clock.accessed = false;
    return clock.clock++;
  }

  WordClocks &wordsOf(const Location &where) {
    return where.space == ptx::Space::Shared ? sharedOf(*where.cta).words : words;
  }
  void synchronise(Thread &thread, const Location &where, uint64_t bytes, Access kind, Order order, Scope scope);
  void acquireWord(Thread &thread, const WordClock &word, bool acquires, Scope scope);
  void releaseWord(Thread &thread, WordClock &word, bool releases, Scope scope);

  /// Calls `visit(cells, firstByte, bytes, offset)` for the pieces of a range that lie in one array of cells.
  template <class Visitor> void forCells(const Location &where, uint64_t bytes, Visitor visit) {
    if (where.space == ptx::Space::Shared) {
      SharedShadow &window = sharedOf(*where.cta);
      if ((where.address + bytes + kGranule - 1) / kGranule <= window.cells.size())
        visit(&window.cells[where.address / kGranule], unsigned(where.address % kGranule), bytes, uint64_t(0));
      return;
    }
    for (uint64_t done = 0; done < bytes;) {
      uint64_t address = where.address + done, inPage = address % kPageBytes;
      uint64_t piece = std::min(bytes - done, kPageBytes - inPage);
      visit(&page(address / kPageBytes).cells[inPage / kGranule], unsigned(inPage % kGranule), piece, done);
      done += piece;
    }
  }
};

} // namespace ptxsim
