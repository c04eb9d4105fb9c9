#include "check/StatisticsState.h"

#include "check/Finding.h"
#include "engine/Scheduler.h"
#include "ptx/InstructionTable.h"

#include <algorithm>

using namespace ptxsim;

/// More blocks than this are not resident at a time: the one that was quiet for longest has ended.
static constexpr size_t kOpenBlocks = 512;
/// A lane may run ahead of its warp by so many executions of one instruction; older requests are closed as they are.
static constexpr size_t kOpenRequests = 4096;
/// More bytes than a thread can move by a load: a bulk copy, which has no lanes.
static constexpr uint64_t kWidestLane = 32;

void MemoryCounters::add(const MemoryCounters &other) {
  requests += other.requests;
  lanes += other.lanes;
  bytes += other.bytes;
  sectors += other.sectors;
  idealSectors += other.idealSectors;
  lines += other.lines;
  wavefronts += other.wavefronts;
  idealWavefronts += other.idealWavefronts;
  multiplyAdds += other.multiplyAdds;
  products += other.products;
}

Statistics::Statistics() : implementation(new Implementation) {}
Statistics::~Statistics() = default;

Statistics::Implementation::OpenBlock &Statistics::Implementation::blockOf(const Cta &cta) {
  if (lastBlock.second && lastBlock.first == cta.linear)
    return *lastBlock.second;
  auto [place, isNew] = blocks.try_emplace(cta.linear);
  if (isNew && blocks.size() > kOpenBlocks) {
    auto oldest = std::min_element(blocks.begin(), blocks.end(), [&](const auto &left, const auto &right) {
      uint64_t leftUse = &left == &*place ? ~0ull : left.second.lastUse;
      uint64_t rightUse = &right == &*place ? ~0ull : right.second.lastUse;
      return leftUse < rightUse;
    });
    closeBlock(oldest->second);
    blocks.erase(oldest);
  }
  place->second.lastUse = ++uses;
  lastBlock = {cta.linear, &place->second};
  return place->second;
}

/// Distinct words that the fullest bank must deliver, phase by phase.
static void countBanks(llvm::ArrayRef<std::pair<uint32_t, uint64_t>> lanes, uint32_t bytes, bool atomic,
                       MemoryCounters &into) {
  constexpr uint32_t kBanks = 32, kWord = 4;
  uint32_t phases = bytes <= kWord ? 1 : bytes <= 2 * kWord ? 2 : 4, lanesPerPhase = 32 / phases;
  for (uint32_t phase = 0; phase < phases; ++phase) {
    llvm::SmallVector<uint64_t, 32> words;
    for (auto [lane, address] : lanes)
      if (lane / lanesPerPhase == phase)
        for (uint64_t word = address / kWord; word <= (address + bytes - 1) / kWord; ++word)
          words.push_back(word);
    if (words.empty())
      continue;
    llvm::sort(words);
    // Reads and writes of one word are served together; atomics on it one after the other.
    if (!atomic)
      words.erase(std::unique(words.begin(), words.end()), words.end());
    uint32_t perBank[kBanks] = {}, most = 0;
    for (uint64_t word : words)
      most = std::max(most, ++perBank[word % kBanks]);
    into.wavefronts += most;
    into.idealWavefronts += (words.size() + kBanks - 1) / kBanks;
  }
}

static void countSectors(llvm::ArrayRef<std::pair<uint32_t, uint64_t>> lanes, uint64_t bytes, MemoryCounters &into) {
  constexpr uint64_t kSector = 32, kLine = 128;
  llvm::SmallVector<uint64_t, 32> starts;
  for (auto [lane, address] : lanes)
    starts.push_back(address);
  llvm::sort(starts);
  uint64_t nextSector = 0, nextLine = 0, nextByte = 0, distinct = 0;
  for (uint64_t start : starts) {
    uint64_t end = start + bytes;
    distinct += end - std::min(end, std::max(start, nextByte));
    nextByte = std::max(nextByte, end);
    uint64_t sector = std::max(start / kSector, nextSector), line = std::max(start / kLine, nextLine);
    uint64_t sectorEnd = (end - 1) / kSector + 1, lineEnd = (end - 1) / kLine + 1;
    into.sectors += sectorEnd > sector ? sectorEnd - sector : 0;
    into.lines += lineEnd > line ? lineEnd - line : 0;
    nextSector = std::max(nextSector, sectorEnd);
    nextLine = std::max(nextLine, lineEnd);
  }
  into.idealSectors += (distinct + kSector - 1) / kSector;
}

void Statistics::Implementation::close(const Site *site, const Request &request) {
  MemoryCounters counters;
  counters.requests = 1;
  counters.lanes = llvm::popcount(request.lanes);
  counters.bytes = uint64_t(request.addresses.size()) * request.bytes;
  if (request.shared)
    countBanks(request.addresses, request.bytes, request.atomic, counters);
  else if (!request.local)
    countSectors(request.addresses, request.bytes, counters);
  bySite[site].add(counters);
}

void Statistics::access(Thread &thread, const Site *site, const Location &where, uint64_t bytes, Access kind) {
  Implementation &self = *implementation;
  bool isShared = where.space == ptx::Space::Shared, isLocal = where.space == ptx::Space::Local;
  auto place = isShared  ? (where.cta == thread.cta ? Implementation::Shared : Implementation::OtherShared)
               : isLocal ? Implementation::Local
                         : Implementation::Global;
  self.bytes[place][kind == Access::Read    ? Implementation::Read
                    : kind == Access::Write ? Implementation::Written
                                            : Implementation::Updated] += bytes;
  if (!bytes)
    return;
  if (bytes > kWidestLane) {
    MemoryCounters &counters = self.bySite[site];
    ++counters.requests;
    ++counters.lanes;
    counters.bytes += bytes;
    if (place == Implementation::Global) {
      countSectors({{0u, where.address}}, bytes, counters);
    } else if (isShared) {
      counters.wavefronts += (bytes + 127) / 128;
      counters.idealWavefronts += (bytes + 127) / 128;
    }
    return;
  }
  uint32_t warp = thread.linear / 32, lane = thread.linear % 32;
  Implementation::OpenSite &open = self.blockOf(*thread.cta).sites[{warp, site}];
  uint32_t turn = open.turns[lane]++;
  if (turn < open.firstTurn) { // its request was closed early: a request of its own
    Implementation::Request late;
    late.lanes = 1u << lane;
    late.shared = isShared;
    late.local = isLocal;
    late.atomic = kind == Access::Atomic;
    late.bytes = uint32_t(bytes);
    late.addresses.push_back({lane, where.address});
    self.close(site, late);
    return;
  }
  while (turn >= open.firstTurn + open.open.size())
    open.open.emplace_back();
  Implementation::Request &request = open.open[turn - open.firstTurn];
  request.lanes |= 1u << lane;
  request.shared = isShared;
  request.local = isLocal;
  request.atomic = kind == Access::Atomic;
  request.bytes = uint32_t(bytes);
  request.addresses.push_back({lane, where.address});
  uint32_t threads = uint32_t(thread.cta->threads.size());
  uint32_t present = threads >= 32 * (warp + 1) ? ~0u : (1u << (threads - 32 * warp)) - 1;
  while (!open.open.empty() && (open.open.front().lanes == present || open.open.size() > kOpenRequests)) {
    self.close(site, open.open.front());
    open.open.pop_front();
    ++open.firstTurn;
  }
}

void Statistics::tensor(const Site *site, uint64_t multiplyAdds) {
  MemoryCounters &counters = implementation->bySite[site];
  ++counters.products;
  counters.multiplyAdds += multiplyAdds;
}

void Statistics::executed(const Site *site, uint64_t threads) {
  FamilyCounters &counters = implementation->executedSites[site];
  ++counters.warps;
  counters.threads += threads;
}

void Statistics::executedBlock(Thread &thread, const ptx::Function &function, uint32_t first, uint32_t count) {
  Implementation::RunTurns &run = implementation->blockOf(*thread.cta).runs[{&function, first}];
  run.count = count;
  uint32_t warp = thread.linear / 32;
  if (run.lanes.size() <= warp)
    run.lanes.resize(warp + 1);
  ++run.lanes[warp][thread.linear % 32];
}

void ptxsim_count_block(Thread *thread, const ptx::Function *function, uint32_t first, uint32_t count) {
  if (Statistics *statistics = thread->grid->options.statistics)
    statistics->executedBlock(*thread, *function, first, count);
}

void Statistics::Implementation::closeBlock(OpenBlock &block) {
  lastBlock = {};
  for (auto &[key, open] : block.sites)
    for (const Request &request : open.open)
      if (request.lanes)
        close(key.second, request);
  for (auto &[key, turns] : block.runs) {
    RunCounters &counters = runs[{key.first, key.second}];
    counters.length = turns.count;
    for (const auto &lanes : turns.lanes) {
      counters.warps += *std::max_element(lanes.begin(), lanes.end());
      for (uint32_t count : lanes)
        counters.threads += count;
    }
  }
}

static SiteText textOf(const ptx::Module *module, const ptx::Function *function, const ptx::Instruction *instruction) {
  SiteText text;
  Site site;
  site.module = module;
  site.function = function;
  site.instruction = instruction;
  text.instruction = format(site);
  if (!instruction)
    return text;
  text.spelling = instruction->parts.empty() ? "" : instruction->spelling();
  text.family = instruction->form ? instruction->form->family : "other";
  text.line = instruction->position.line;
  if (!module)
    return text;
  text.file = module->name;
  auto file = module->files.find(instruction->source.file);
  if (instruction->source.line && file != module->files.end()) {
    llvm::StringRef path = file->second;
    text.source =
        (path.contains('/') ? path.rsplit('/').second : path).str() + ":" + std::to_string(instruction->source.line);
  }
  return text;
}

void Statistics::finish(const Grid &grid) {
  Implementation &self = *implementation;
  for (auto &[linear, block] : self.blocks)
    self.closeBlock(block);
  self.blocks.clear();
  ++self.launches;
  const ptx::Module *module = grid.program ? &grid.program->module() : nullptr;
  for (auto &[site, counters] : self.bySite) {
    self.sites[textOf(site->module, site->function, site->instruction)].add(counters);
    if (counters.products && self.runs.empty()) {
      FamilyCounters &family = self.families["tensor"];
      family.warps += counters.products;
      family.threads += 32 * counters.products;
    }
  }
  for (auto &[site, counters] : self.executedSites) {
    const ptx::Form *form = site->instruction ? site->instruction->form : nullptr;
    FamilyCounters &family = self.families[form ? form->family : "other"];
    family.warps += counters.warps;
    family.threads += counters.threads;
  }
  for (auto &[key, counters] : self.runs) {
    auto [function, first] = key;
    if (first >= function->body.size())
      continue;
    RunCounters &run = self.finishedRuns[textOf(module, function, &function->body[first])];
    run.length = counters.length;
    run.warps += counters.warps;
    run.threads += counters.threads;
    for (uint32_t k = first; k < first + counters.length && k < function->body.size(); ++k) {
      const ptx::Form *form = function->body[k].form;
      FamilyCounters &family = self.families[form ? form->family : "other"];
      family.warps += counters.warps;
      family.threads += counters.threads;
    }
  }
  self.bySite.clear();
  self.executedSites.clear();
  self.runs.clear();
}
