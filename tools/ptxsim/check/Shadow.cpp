#include "check/Shadow.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace ptxsim;

ChainId ChainPool::create(const AccessRecord &record, ChainId next, uint32_t compactAt) {
  ChainId id = unused;
  if (id) {
    unused = (*this)[id].next;
  } else {
    id = created++;
    if (id / kChunk == chunks.size() || chunks.empty())
      chunks.push_back(std::make_unique<ChainNode[]>(kChunk));
  }
  ChainNode &node = (*this)[id];
  node.record = record;
  node.next = next;
  node.references = 1;
  node.length = 1;
  node.weakest = record.strength;
  node.compactAt = compactAt;
  node.orderedFor = 0;
  if (next) {
    ChainNode &behind = (*this)[next];
    ++behind.references;
    node.length = behind.length + 1;
    node.weakest = std::min(node.weakest, behind.weakest);
  }
  return id;
}

void ChainPool::destroy(ChainId id) {
  // Chains may be long: no recursion.
  while (id) {
    ChainNode &node = (*this)[id];
    ChainId next = node.next;
    ++node.generation;
    node.next = unused;
    unused = id;
    id = next && --(*this)[next].references == 0 ? next : 0;
  }
}

void Shadow::forget(Cell &cell) {
  pool.release(cell.writes);
  pool.release(cell.reads);
  cell = {};
}

/// Ordered before the event by the program or by synchronisation, whatever the proxies.
inline bool Shadow::known(const AccessRecord &earlier, const AccessEvent &event) const {
  if (earlier.component == event.issuer || (!event.isAgent && earlier.component == event.record.component))
    return true;
  if (earlier.component == event.waited && earlier.clock <= event.waitedClock)
    return true;
  return event.generic && event.generic->get(earlier.component) >= earlier.clock;
}

bool Shadow::ordered(const AccessRecord &earlier, bool earlierWrote, const AccessEvent &event, bool &proxyOnly) const {
  if (!known(earlier, event))
    return false;
  // PTX ISA 9.0, "Proxy-preserved base causality order": what the generic proxy wrote reaches the async proxy through a
  // proxy fence only. A generic read before an asynchronous write needs order alone.
  if (!event.record.asyncProxy || !earlierWrote || earlier.asyncProxy)
    return true;
  proxyOnly = !event.async || event.async->get(earlier.component) < earlier.clock;
  return !proxyOnly;
}

/// Unordered plain writes of equal values are no finding: compilers and programmers let many threads set one flag to
/// one value, and every outcome is the same. The earlier value is what memory holds now.
bool Shadow::sameValue(const AccessEvent &event, uint32_t mask, int64_t offset) const {
  if (!event.newBytes || !event.where.host)
    return false;
  for (int k = 0; k < int(kGranule); ++k)
    if (mask >> k & 1 && event.newBytes[offset + k] != event.where.host[offset + k])
      return false;
  return true;
}

void Shadow::check(ChainId chain, bool areWrites, uint32_t mask, const AccessEvent &event, int64_t offset) {
  if (!chain)
    return;
  ChainNode &head = pool[chain];
  uint64_t serial = event.isAgent ? 0 : event.generic->serial();
  if (serial && head.orderedFor == serial)
    return;
  // All of it is strong and in scope of everybody: no order is needed.
  if (event.isStrong() && event.record.strength >= event.strengthForAll && head.weakest >= event.strengthForAll)
    return;
  bool allInClock = serial != 0;
  for (ChainId at = chain; at; at = pool[at].next) {
    const AccessRecord &earlier = pool[at].record;
    if (!(earlier.bytes & mask)) {
      allInClock = false;
      continue;
    }
    bool proxyOnly = false;
    if (ordered(earlier, areWrites, event, proxyOnly)) {
      const bool byOther = earlier.component != event.record.component && earlier.component != event.waited;
      allInClock = allInClock && (byOther || event.generic->get(earlier.component) >= earlier.clock);
      continue;
    }
    allInClock = false;
    if (!proxyOnly && earlier.strength && event.isStrong() && sink.scopesMeet(earlier, event))
      continue;
    perCell = true;
    if (!proxyOnly && areWrites && earlier.strength && !event.isStrong() && sink.hasObserved(earlier, event, offset))
      continue;
    if (!proxyOnly && areWrites && event.kind == Access::Write && !earlier.strength && !event.isStrong() &&
        !earlier.asyncProxy && !event.isAgent && sameValue(event, mask & earlier.bytes, offset)) {
      suppressed = true;
      continue;
    }
    sink.conflict(earlier, areWrites, event, offset, proxyOnly);
  }
  if (allInClock)
    head.orderedFor = serial;
}

/// The chain without the bytes of `mask`; takes over the reference to `chain`.
ChainId Shadow::without(ChainId chain, uint32_t mask) {
  if (mask == kAllBytes) {
    pool.release(chain);
    return 0;
  }
  llvm::SmallVector<AccessRecord, 8> rest;
  bool changes = false;
  for (ChainId at = chain; at; at = pool[at].next) {
    AccessRecord record = pool[at].record;
    changes |= (record.bytes & mask) != 0;
    record.bytes &= ~mask;
    if (record.bytes)
      rest.push_back(record);
  }
  if (!changes)
    return chain;
  ChainId result = 0;
  for (const AccessRecord &record : llvm::reverse(rest)) {
    ChainId next = result;
    result = pool.create(record, next, std::max<uint32_t>(kFirstCompaction, 2 * rest.size()));
    pool.release(next);
  }
  pool.release(chain);
  return result;
}

void Shadow::strengthenReads(Cell &cell, uint32_t component, unsigned strength) {
  bool any = false;
  for (ChainId at = cell.reads; at && !any; at = pool[at].next)
    any = pool[at].record.component == component && !pool[at].record.strength;
  if (!any)
    return;
  std::vector<AccessRecord> records;
  for (ChainId at = cell.reads; at; at = pool[at].next) {
    records.push_back(pool[at].record);
    if (records.back().component == component && !records.back().strength)
      records.back().strength = strength;
  }
  ChainId result = 0;
  for (const AccessRecord &record : llvm::reverse(records)) {
    ChainId next = result;
    result = pool.create(record, next, std::max<uint32_t>(kFirstCompaction, 2 * records.size()));
    pool.release(next);
  }
  pool.release(cell.reads);
  cell.reads = result;
}

/// Whether remembering `later` makes `earlier`, which is ordered before it, superfluous: whatever conflicts with the
/// earlier one and is not ordered after it also conflicts with the later one.
bool Shadow::covers(const AccessRecord &later, const AccessRecord &earlier) const {
  if (earlier.bytes & ~later.bytes)
    return false;
  if (later.asyncProxy != earlier.asyncProxy)
    return false; // the two are tested against different clocks
  if (!later.strength)
    return true;
  // A strong access is no conflict where scopes meet, so the later one must reach no farther from the same place.
  return earlier.strength && later.strength <= earlier.strength &&
         (later.component == earlier.component || sink.inOneBlock(later.component, earlier.component));
}

/// Whoever is after a component's later access is after its earlier one, also where the two may overlap in time.
static bool isLater(const AccessRecord &later, const AccessRecord &earlier) {
  return later.component == earlier.component && later.clock >= earlier.clock;
}

/// Tables that every thread of a large grid reads would remember as many readers in each word. One of a warp's and then
/// one of a block's will do: a write that is ordered after none of them is still found. Only a write that is ordered
/// after just those that are kept goes unnoticed.
void Shadow::thinOut(std::vector<AccessRecord> &kept, const AccessEvent &event) const {
  llvm::DenseSet<uint64_t> seen;
  auto isAgain = [&](const AccessRecord &earlier) {
    const uint64_t kind = earlier.bytes | earlier.strength << 4 | earlier.asyncProxy << 7;
    return !seen.insert(sink.neighbours(earlier.component, event.block) << 8 | kind).second;
  };
  llvm::erase_if(kept, isAgain);
  if (kept.size() > kMostReaders)
    kept.resize(kMostReaders);
}

ChainId Shadow::compact(ChainId chain, const AccessRecord &record, const AccessEvent &event) {
  std::vector<AccessRecord> kept;
  llvm::DenseMap<std::pair<uint32_t, uint32_t>, uint32_t> latest;
  for (ChainId at = chain; at; at = pool[at].next) {
    const AccessRecord &earlier = pool[at].record;
    if (covers(record, earlier) && (known(earlier, event) || isLater(record, earlier)))
      continue;
    uint32_t kind = uint32_t(earlier.bytes | earlier.strength << 4 | earlier.asyncProxy << 7);
    auto [place, isNew] = latest.try_emplace({earlier.component, kind}, earlier.clock);
    if (!isNew && earlier.clock <= place->second)
      continue;
    place->second = earlier.clock;
    kept.push_back(earlier);
  }
  if (event.where.space == ptx::Space::Global && kept.size() > kMostReaders && !event.isWrite())
    thinOut(kept, event);
  uint32_t compactAt = std::max<uint32_t>(kFirstCompaction, 2 * (kept.size() + 1));
  ChainId result = 0;
  for (const AccessRecord &earlier : llvm::reverse(kept)) {
    ChainId next = result;
    result = pool.create(earlier, next, compactAt);
    pool.release(next);
  }
  ChainId next = result;
  result = pool.create(record, next, compactAt);
  pool.release(next);
  return result;
}

/// The chain with `record` added; takes over the reference to `chain`, returns one.
ChainId Shadow::add(ChainId chain, const AccessRecord &record, const AccessEvent &event) {
  // Words that many threads poll in turn stay short; elsewhere a repetition is found at the head or left to compaction.
  const unsigned lookAt = event.isSingle ? 0 : event.isStrong() ? 8 : 2;
  ChainId at = chain;
  for (unsigned k = 0; at && k < lookAt; ++k, at = pool[at].next) {
    const AccessRecord &earlier = pool[at].record;
    if (isLater(earlier, record) && covers(earlier, record))
      return chain;
  }
  // A crowd of readers is thinned out as it grows, too.
  if (chain && pool[chain].length >= kMostReaders && event.kind == Access::Read &&
      event.where.space == ptx::Space::Global && covers(pool[chain].record, record) &&
      sink.neighbours(pool[chain].record.component, event.block) == sink.neighbours(record.component, event.block))
    return chain;
  // Another cell may have made this very step: then share its chain. A chain that is this cell's alone has no other.
  // Shared memory is small and gone soon; in global memory this keeps what all blocks read from growing with both.
  Memo *entry = nullptr;
  if (!event.isSingle && event.where.space == ptx::Space::Global && (!chain || pool[chain].references > 1)) {
    uint64_t hash = (uint64_t(chain) << 32 | record.clock) * 0x9e37'79b9'7f4a'7c15 +
                    (uint64_t(record.component) << 32 ^ record.site ^ record.bytes << 28) * 0xc2b2'ae3d'27d4'eb4f;
    entry = &memo[hash >> 40 & (kMemo - 1)];
    if (entry->to && entry->from == chain && entry->record == record &&
        (!chain || pool[chain].generation == entry->fromGeneration) &&
        pool[entry->to].generation == entry->toGeneration) {
      pool.retain(entry->to);
      pool.release(chain);
      return entry->to;
    }
  }
  ChainId result;
  if (chain && pool[chain].length >= pool[chain].compactAt) {
    result = compact(chain, record, event);
  } else if (chain && covers(record, pool[chain].record) &&
             (known(pool[chain].record, event) || isLater(record, pool[chain].record))) {
    result = pool.create(record, pool[chain].next, pool[chain].compactAt);
  } else {
    result = pool.create(record, chain, chain ? pool[chain].compactAt : kFirstCompaction);
  }
  if (entry)
    *entry = {chain, result, chain ? pool[chain].generation : 0, pool[result].generation, record};
  pool.release(chain);
  return result;
}

/// Checks one granule and returns its new state; takes over the references of `cell`, returns one of each chain.
Cell Shadow::step(Cell cell, uint32_t mask, const AccessEvent &event, int64_t offset) {
  AccessRecord record = event.record;
  record.bytes = mask;
  auto isAgain = [&](ChainId chain) {
    const AccessRecord &head = pool[chain].record;
    return head.component == record.component && head.clock == record.clock && !head.strength &&
           head.asyncProxy == record.asyncProxy && !(mask & ~head.bytes);
  };
  if (!event.isAgent && cell.writes && isAgain(cell.writes)) {
    // The thread wrote the word in this very epoch: a read adds nothing; a plain write only if nobody read since.
    if (event.kind == Access::Read || (!event.isStrong() && !cell.reads && pool[cell.writes].length == 1))
      return cell;
  }
  suppressed = false;
  check(cell.writes, true, mask, event, offset);
  if (!event.isWrite()) {
    cell.reads = add(cell.reads, record, event);
    return cell;
  }
  check(cell.reads, false, mask, event, offset);
  // A crowd that writes one value is remembered up to a bound.
  constexpr uint32_t kMostEqualWrites = 64;
  if (event.isStrong() || (suppressed && pool[cell.writes].length < kMostEqualWrites)) {
    cell.writes = add(cell.writes, record, event);
    return cell;
  }
  cell.reads = without(cell.reads, mask);
  ChainId rest = without(cell.writes, mask);
  cell.writes = pool.create(record, rest, kFirstCompaction);
  pool.release(rest);
  return cell;
}

void Shadow::apply(Cell *cells, unsigned firstByte, uint64_t bytes, const AccessEvent &event, uint64_t offset) {
  int64_t position = int64_t(offset) - firstByte; // of the granule from the start of the access
  uint64_t end = firstByte + bytes;
  auto single = [&](uint32_t mask) {
    perCell = false;
    *cells = step(*cells, mask, event, position);
    position += kGranule;
    ++cells;
  };
  uint64_t at = 0;
  if (firstByte || end < kGranule) {
    uint32_t mask = kAllBytes << firstByte & kAllBytes;
    if (end < kGranule)
      mask &= (1u << end) - 1;
    single(mask);
    at = kGranule;
  }
  while (at + kGranule <= end) {
    const Cell before = *cells;
    uint64_t left = (end - at) / kGranule, run = 1;
    while (run < left && cells[run] == before)
      ++run;
    at += kGranule;
    single(kAllBytes);
    if (run == 1 || perCell)
      continue;
    // The others of the run make the same step. They have held `before` all along, so numbers suffice.
    const Cell after = cells[-1];
    const uint32_t others = uint32_t(run - 1);
    if (before != after) {
      pool.retain(after.writes, others);
      pool.retain(after.reads, others);
      pool.release(before.writes, others);
      pool.release(before.reads, others);
      std::fill_n(cells, others, after);
    }
    cells += others;
    at += others * kGranule;
    position += int64_t(others * kGranule);
  }
  if (at < end)
    single((1u << (end - at)) - 1);
}
