#include "check/RaceState.h"

using namespace ptxsim;

RaceDetector::RaceDetector(Grid &grid) : implementation(new Implementation(grid)) {}
RaceDetector::~RaceDetector() = default;

// --- threads ---

bool RaceDetector::canNumber(const Cta &cta) {
  uint64_t stride = (cta.threads.size() + 31) / 32 * 32;
  return (uint64_t(cta.linear) + 1) * stride < kMostThreadComponents;
}

void RaceDetector::start(Thread &thread) {
  Implementation &self = *implementation;
  thread.clock = std::make_unique<ThreadClock>();
  Cta &cta = *thread.cta;
  thread.clock->component = cta.linear * self.stride + thread.linear;
  Block &block = self.block(cta.linear);
  if (block.cluster == ~0ull) {
    std::copy(std::begin(cta.id), std::end(cta.id), block.id);
    block.cluster = cta.linear;
    if (cta.cluster && !cta.cluster->blocks.empty() && cta.cluster->blocks.front())
      block.cluster = cta.cluster->blocks.front()->linear;
  }
  thread.clock->shared = &self.sharedOf(cta);
}

void RaceDetector::finish(Cta &cta) {
  implementation->block(cta.linear).finished = true;
  for (const std::unique_ptr<Thread> &thread : cta.threads)
    if (auto held = implementation->heldBack.find(cta.linear * implementation->stride + thread->linear);
        held != implementation->heldBack.end()) {
      implementation->report(held->second);
      implementation->heldBack.erase(held);
    }
  auto place = implementation->shared.find(&cta);
  if (place == implementation->shared.end())
    return;
  implementation->drop(place->second);
  implementation->shared.erase(place);
}

// --- synchronisation ---

/// Warps meet often and mostly have nothing new to tell each other: then this only compares.
void RaceDetector::meet(llvm::ArrayRef<Thread *> threads) {
  if (threads.empty())
    return;
  ThreadClock &first = *threads.front()->clock;
  bool nothingNew = true, sharesGeneric = true, sharesAsync = true;
  for (Thread *thread : threads) {
    const ThreadClock &clock = *thread->clock;
    sharesGeneric &= clock.generic.shares(first.generic);
    sharesAsync &= clock.async.shares(first.async);
    nothingNew &= !clock.accessed && clock.waited == ~0u && clock.ownInGeneric == clock.clock - 1 &&
                  clock.ownInAsync == clock.asyncOwn;
  }
  if (nothingNew && sharesGeneric && sharesAsync)
    return;
  VectorClock generic = first.generic, async = first.async;
  for (Thread *thread : threads) {
    ThreadClock &clock = *thread->clock;
    if (!sharesGeneric)
      generic.join(clock.generic);
    if (!sharesAsync)
      async.join(clock.async);
  }
  for (Thread *thread : threads) {
    ThreadClock &clock = *thread->clock;
    clock.ownInGeneric = Implementation::closeEpoch(clock);
    clock.ownInAsync = clock.asyncOwn;
    generic.raise(clock.component, clock.ownInGeneric);
    if (clock.waited != ~0u)
      generic.raise(clock.waited, clock.waitedClock);
    clock.waited = ~0u;
    async.raise(clock.component, clock.ownInAsync);
  }
  for (Thread *thread : threads) {
    ThreadClock &clock = *thread->clock;
    clock.generic = generic;
    clock.async = async;
    clock.published = {};
  }
}

void RaceDetector::release(Thread &thread, SyncClock &into) {
  mergeClocks(into, implementation->publish(*thread.clock));
}

void RaceDetector::acquire(Thread &thread, const SyncClock &from) { implementation->acquire(*thread.clock, from); }

void RaceDetector::merge(SyncClock &into, const SyncClock &from) { mergeClocks(into, from); }

void RaceDetector::fence(Thread &thread, Order order, Scope scope) {
  Implementation &self = *implementation;
  ThreadClock &clock = *thread.clock;
  // What reaches the whole device reaches all that is simulated.
  scope = scope == Scope::Device ? Scope::System : scope;
  bool acquires = order != Order::Release, releases = order != Order::Acquire;
  if (!clock.fences)
    clock.fences = std::make_unique<ThreadClock::Fences>();
  if (acquires)
    for (unsigned level = 0; level <= unsigned(scope); ++level)
      self.acquire(clock, std::exchange(clock.fences->pending[level], {}));
  if (releases)
    for (unsigned level = 0; level <= unsigned(scope); ++level)
      clock.fences->released[level] = self.publish(clock);
}

void RaceDetector::proxyFence(Thread &thread) {
  ThreadClock &clock = *thread.clock;
  Implementation::includeWaited(clock);
  clock.async = clock.generic;
  clock.asyncOwn = Implementation::closeEpoch(clock);
  clock.published = {};
}

// --- agents ---

Agent RaceDetector::newAgent(const Cta *, std::string description) {
  implementation->agents.push_back({std::move(description), {}});
  return Agent(implementation->agents.size());
}

static uint32_t narrow(uint64_t clock) { return uint32_t(std::min<uint64_t>(clock, ~0u)); }

void RaceDetector::releaseAgent(Agent agent, uint64_t clock, SyncClock &into) {
  makeOwn(into.generic).raise(implementation->component(agent), narrow(clock));
}

void RaceDetector::acquireAgent(Thread &thread, Agent agent, uint64_t clock) {
  if (agent == kNoAgent || !clock)
    return;
  ThreadClock &own = *thread.clock;
  uint32_t component = implementation->component(agent);
  if (own.waited != component) {
    Implementation::includeWaited(own);
    own.waitedClock = 0;
  }
  own.waited = component;
  own.waitedClock = std::max(own.waitedClock, narrow(clock));
  own.published = {};
}

void RaceDetector::snapshot(Thread &thread, SyncClock &into) { into = implementation->publish(*thread.clock); }

// --- accesses ---

void RaceDetector::access(Thread &thread, const Site *site, const Location &where, uint64_t bytes, Access kind,
                          Order order, Scope scope, const void *newBytes) {
  if (!bytes || (where.space != ptx::Space::Shared && where.space != ptx::Space::Global))
    return;
  Implementation &self = *implementation;
  ThreadClock &clock = *thread.clock;
  if (kind == Access::Atomic && order == Order::Weak)
    order = Order::Relaxed;
  AccessEvent event;
  event.record.component = clock.component;
  event.record.clock = clock.clock;
  event.record.site = uintptr_t(site);
  event.record.strength = strengthOf(order, scope);
  event.record.atomic = kind == Access::Atomic;
  event.kind = kind;
  event.generic = &clock.generic;
  event.waited = clock.waited;
  event.waitedClock = clock.waitedClock;
  event.block = thread.cta->linear;
  bool blockOnly = where.space == ptx::Space::Shared && where.cta == thread.cta &&
                   (!thread.cta->cluster || thread.cta->cluster->blocks.size() <= 1);
  event.strengthForAll = 1 + unsigned(blockOnly ? Scope::Block : Scope::Device);
  event.thread = &thread;
  event.site = site;
  event.where = where;
  event.bytes = bytes;
  event.newBytes = static_cast<const uint8_t *>(newBytes);
  bool wasStrong = false;
  Shadow &shadow = self.shadowOf(where);
  const ptx::Instruction *instruction = site ? site->instruction : nullptr;
  const bool swaps = order != Order::Weak && instruction && instruction->parts.size() > 1 && instruction->has("cas");
  if (!self.heldBack.empty())
    self.settleHeldBack(clock.component, &self.wordsOf(where), where.address / kGranule,
                        (where.address + bytes - 1) / kGranule, swaps);
  if (swaps)
    self.forCells(thread, where, bytes, [&](Cell *cells, unsigned firstByte, uint64_t piece, uint64_t) {
      for (uint64_t k = 0; k < (firstByte + piece + kGranule - 1) / kGranule; ++k)
        shadow.strengthenReads(cells[k], clock.component, event.record.strength);
    });
  auto visit = [&](Cell *cells, unsigned firstByte, uint64_t piece, uint64_t offset) {
    if (order == Order::Weak && kind == Access::Write)
      for (uint64_t k = 0; k < (firstByte + piece + kGranule - 1) / kGranule; ++k)
        wasStrong |= shadow.lastWriteStrong(cells[k]);
    shadow.apply(cells, firstByte, piece, event, offset);
  };
  self.forCells(thread, where, bytes, visit);
  clock.accessed = true;
  // A weak write ends what a release put into the word.
  if (wasStrong)
    self.wordsOf(where).erase(where.address, bytes);
  if (order != Order::Weak)
    self.synchronise(thread, where, bytes, kind, order, scope);
}

void RaceDetector::asyncAccess(const Thread &issuer, const Site *site, const SyncClock &issued, Agent agent,
                               uint64_t clock, bool asyncProxy, const Location &where, uint64_t bytes, Access kind) {
  if (!bytes || (where.space != ptx::Space::Shared && where.space != ptx::Space::Global))
    return;
  Implementation &self = *implementation;
  static const VectorClock kNothing;
  AccessEvent event;
  event.record.component = self.component(agent);
  event.record.clock = narrow(clock);
  event.record.site = uintptr_t(site);
  // The reductions of cp.reduce.async.bulk and red.async are relaxed at .gpu scope (PTX ISA 9.0).
  event.record.strength = kind == Access::Atomic ? 1 + unsigned(Scope::Device) : 0;
  event.record.asyncProxy = asyncProxy;
  event.record.atomic = kind == Access::Atomic;
  event.kind = kind;
  event.isAgent = true;
  event.generic = issued.generic ? issued.generic.get() : &kNothing;
  event.async = issued.async ? issued.async.get() : &kNothing;
  event.strengthForAll = 1 + unsigned(Scope::Device);
  event.block = issuer.cta->linear;
  event.thread = &issuer;
  event.site = site;
  event.where = where;
  event.bytes = bytes;
  if (agent != kNoAgent && agent <= self.agents.size())
    self.agents[agent - 1].issuer = issuer.clock->component;
  Shadow &shadow = self.shadowOf(where);
  self.forCells(where, bytes, [&](Cell *cells, unsigned firstByte, uint64_t piece, uint64_t offset) {
    shadow.apply(cells, firstByte, piece, event, offset);
  });
}

void RaceDetector::copyAccess(const Thread &issuer, const Site *site, Agent agent, uint64_t clock,
                              const Location &where, uint64_t bytes, Access kind) {
  if (!bytes || (where.space != ptx::Space::Shared && where.space != ptx::Space::Global))
    return;
  Implementation &self = *implementation;
  const ThreadClock &own = *issuer.clock;
  AccessEvent event;
  event.record.component = self.component(agent);
  event.record.clock = narrow(clock);
  event.record.site = uintptr_t(site);
  event.kind = kind;
  event.isAgent = event.isSingle = true;
  event.generic = &own.generic;
  event.issuer = own.component;
  event.waited = own.waited;
  event.waitedClock = own.waitedClock;
  event.strengthForAll = 1 + unsigned(Scope::Device);
  event.block = issuer.cta->linear;
  event.thread = &issuer;
  event.site = site;
  event.where = where;
  event.bytes = bytes;
  if (agent != kNoAgent && agent <= self.agents.size())
    self.agents[agent - 1].issuer = own.component;
  Shadow &shadow = self.shadowOf(where);
  self.forCells(issuer, where, bytes, [&](Cell *cells, unsigned firstByte, uint64_t piece, uint64_t offset) {
    shadow.apply(cells, firstByte, piece, event, offset);
  });
}

void RaceDetector::expect(const Thread &thread, const Location &where) const {
  const Cell *cell = nullptr;
  if (where.space == ptx::Space::Global) {
    cell = &implementation->page(where.address / kPageBytes).cells[where.address % kPageBytes / kGranule];
  } else if (where.space == ptx::Space::Shared && where.cta == thread.cta) {
    const std::vector<Cell> &own = thread.clock->shared->cells;
    if (where.address / kGranule < own.size())
      cell = &own[where.address / kGranule];
  }
  if (cell)
    implementation->shadowOf(where).prefetch(*cell);
}
