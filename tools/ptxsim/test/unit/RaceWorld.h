// Blocks of threads for tests of the race detector: no PTX, no fibers; the test says who does what in which order.
#pragma once

#include "check/Race.h"
#include "check/ThreadClock.h"
#include "engine/Scheduler.h"

#include <deque>
#include <memory>
#include <vector>

namespace ptxsim {

struct World {
  Grid grid;
  std::unique_ptr<Reporter> reporter;
  std::unique_ptr<RaceDetector> races;
  std::vector<std::unique_ptr<Cluster>> clusters;
  std::vector<std::unique_ptr<Cta>> blocks;
  std::deque<ptx::Instruction> instructions;
  std::deque<Site> sites;
  std::vector<uint8_t> memory = std::vector<uint8_t>(1 << 16);

  World(uint32_t numBlocks, uint32_t numThreads, uint32_t perCluster = 1) {
    grid.config.grid = {numBlocks, 1, 1};
    grid.config.block = {numThreads, 1, 1};
    grid.config.cluster = {perCluster, 1, 1};
    grid.options.checks = CheckSet::all();
    reporter = std::make_unique<Reporter>(grid);
    grid.reporter = reporter.get();
    races = std::make_unique<RaceDetector>(grid);
    grid.races = races.get();
    for (uint32_t k = 0; k < numBlocks; ++k)
      addBlock(k, numThreads, perCluster);
  }
  ~World() {
    blocks.clear(); // threads and their clocks before the detector
  }

  void addBlock(uint32_t linear, uint32_t numThreads, uint32_t perCluster) {
    auto cta = std::make_unique<Cta>();
    cta->id[0] = linear;
    cta->id[1] = cta->id[2] = 0;
    cta->linear = linear;
    cta->rank = linear % perCluster;
    cta->grid = &grid;
    cta->sharedEnd = 1 << 14;
    cta->shared = memory.data();
    if (cta->rank == 0)
      clusters.push_back(std::make_unique<Cluster>());
    clusters.back()->blocks.push_back(cta.get());
    cta->cluster = clusters.back().get();
    for (uint32_t k = 0; k < numThreads; ++k) {
      auto thread = std::make_unique<Thread>();
      thread->tid[0] = k;
      thread->tid[1] = thread->tid[2] = 0;
      thread->linear = k;
      thread->lane = k % 32;
      thread->cta = cta.get();
      thread->grid = &grid;
      cta->threads.push_back(std::move(thread));
    }
    for (auto &thread : cta->threads)
      races->start(*thread);
    blocks.push_back(std::move(cta));
  }

  /// An instruction of its own for every access, so that no two findings are equal.
  Site *site() {
    Site &fresh = sites.emplace_back();
    fresh.instruction = &instructions.emplace_back();
    return &fresh;
  }
  Thread &thread(uint32_t block, uint32_t index) { return *blocks[block]->threads[index]; }
  Location shared(uint32_t block, uint32_t offset) {
    return {ptx::Space::Shared, memory.data() + offset, nullptr, blocks[block].get(), offset};
  }
  Location global(uint32_t offset) {
    uint8_t *host = memory.data() + offset;
    return {ptx::Space::Global, host, nullptr, nullptr, (uint64_t(1) << 40) + offset};
  }

  void read(Thread &thread, const Location &where, uint64_t bytes = 4) {
    races->access(thread, site(), where, bytes, Access::Read, Order::Weak, Scope::System);
  }
  void write(Thread &thread, const Location &where, uint64_t bytes = 4, const void *newBytes = nullptr) {
    races->access(thread, site(), where, bytes, Access::Write, Order::Weak, Scope::System, newBytes);
  }
  void strong(Thread &thread, const Location &where, Access kind, Order order, Scope scope = Scope::Device,
              uint64_t bytes = 4) {
    races->access(thread, site(), where, bytes, kind, order, scope);
  }
  void meet(std::initializer_list<Thread *> threads) {
    std::vector<Thread *> list(threads);
    races->meet(list);
  }
  void barrier(uint32_t block) {
    std::vector<Thread *> list;
    for (auto &thread : blocks[block]->threads)
      list.push_back(thread.get());
    races->meet(list);
  }
  /// All blocks end: what is held back about their threads is told.
  void finish() {
    for (auto &cta : blocks)
      races->finish(*cta);
  }
  /// The findings since the last call, as "race", "proxy", "race race"..
  std::string found() {
    uint64_t suppressed = 0;
    std::string text;
    for (const Finding &finding : reporter->take(suppressed))
      text += (text.empty() ? "" : " ") + std::string(name(finding.check));
    return text;
  }
};

} // namespace ptxsim
