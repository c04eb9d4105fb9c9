// Statistics for people and for programs.
#include "check/StatisticsState.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <functional>

using namespace ptxsim;

using State = Statistics::Implementation;
static constexpr const char *kPlaces[] = {"global", "shared", "shared of other blocks", "local"};
static constexpr const char *kDirections[] = {"read", "written", "updated"};
static constexpr size_t kWorst = 12; ///< rows of a table of sites

static double ratio(uint64_t part, uint64_t whole) { return whole ? double(part) / double(whole) : 0; }
static std::string percent(uint64_t part, uint64_t whole) {
  return whole ? llvm::formatv("{0:f1}%", 100 * ratio(part, whole)).str() : "-";
}

MemoryCounters State::total() const {
  MemoryCounters all;
  for (const auto &[text, counters] : sites)
    all.add(counters);
  return all;
}

/// Warp instructions and executions by threads over all families.
static FamilyCounters issued(const State &state) {
  FamilyCounters all;
  for (const auto &[name, counters] : state.families) {
    all.warps += counters.warps;
    all.threads += counters.threads;
  }
  return all;
}

/// Tensor instructions among the issued ones: mma and wmma per warp, wgmma per warp of the group.
static uint64_t tensorSlots(const State &state) {
  uint64_t slots = 0;
  for (const auto &[text, counters] : state.sites)
    slots += counters.products * (llvm::StringRef(text.spelling).starts_with("wgmma") ? 4 : 1);
  return slots;
}

using SiteRow = std::pair<const SiteText *, const MemoryCounters *>;

/// The sites with the greatest positive cost, worst first.
static std::vector<SiteRow> worst(const State &state, const std::function<uint64_t(const MemoryCounters &)> &cost) {
  std::vector<SiteRow> rows;
  for (const auto &[text, counters] : state.sites)
    if (cost(counters))
      rows.push_back({&text, &counters});
  llvm::sort(rows, [&](const SiteRow &left, const SiteRow &right) {
    uint64_t leftCost = cost(*left.second), rightCost = cost(*right.second);
    return leftCost != rightCost ? leftCost > rightCost : *left.first < *right.first;
  });
  return rows;
}

static uint64_t excessSectors(const MemoryCounters &counters) {
  return counters.sectors - std::min(counters.sectors, counters.idealSectors);
}
static uint64_t conflicts(const MemoryCounters &counters) {
  return counters.wavefronts - std::min(counters.wavefronts, counters.idealWavefronts);
}

static void note(llvm::raw_ostream &out, size_t rows) {
  if (rows > kWorst)
    out << llvm::formatv("  ... and {0} more\n", rows - kWorst);
}

std::string Statistics::text() const {
  const State &state = *implementation;
  std::string text;
  llvm::raw_string_ostream out(text);
  MemoryCounters all = state.total();
  out << "bytes moved by threads and copies\n";
  for (unsigned place = 0; place < std::size(kPlaces); ++place) {
    const uint64_t(&row)[3] = state.bytes[place];
    if (row[0] | row[1] | row[2])
      out << llvm::formatv("  {0,-24}{1,14} read {2,14} written {3,14} updated atomically\n", kPlaces[place], row[0],
                           row[1], row[2]);
  }
  if (all.sectors)
    out << llvm::formatv("global requests\n  {0} sectors of 32 bytes for {1} at best: {2} used; {3} lines of 128\n",
                         all.sectors, all.idealSectors, percent(all.idealSectors, all.sectors), all.lines);
  std::vector<SiteRow> rows = worst(state, excessSectors);
  for (const auto &[site, counters] : llvm::ArrayRef(rows).take_front(kWorst))
    out << llvm::formatv("  {0,10} sectors too many, {1:f1} per request for {2:f1} at best, {3:f1} lanes: {4}\n",
                         excessSectors(*counters), ratio(counters->sectors, counters->requests),
                         ratio(counters->idealSectors, counters->requests), ratio(counters->lanes, counters->requests),
                         site->instruction);
  note(out, rows.size());
  if (all.wavefronts)
    out << llvm::formatv("shared requests\n  {0} wavefronts for {1} at best: {2} lost to bank conflicts\n",
                         all.wavefronts, all.idealWavefronts, percent(conflicts(all), all.wavefronts));
  rows = worst(state, conflicts);
  for (const auto &[site, counters] : llvm::ArrayRef(rows).take_front(kWorst))
    out << llvm::formatv("  {0,10} wavefronts too many, {1:f1} per request for {2:f1} at best: {3}\n",
                         conflicts(*counters), ratio(counters->wavefronts, counters->requests),
                         ratio(counters->idealWavefronts, counters->requests), site->instruction);
  note(out, rows.size());
  FamilyCounters slots = issued(state);
  if (all.products)
    out << llvm::formatv("tensor instructions\n  {0} instructions, {1} multiply-adds{2}\n", all.products,
                         all.multiplyAdds,
                         state.finishedRuns.empty()
                             ? std::string()
                             : ", " + percent(tensorSlots(state), slots.warps) + " of the issued warp instructions");
  if (slots.warps && !state.finishedRuns.empty()) {
    out << llvm::formatv("warp instructions\n  {0} issued, {1:f1} lanes active on average\n", slots.warps,
                         ratio(slots.threads, slots.warps));
    std::vector<std::pair<std::string, FamilyCounters>> mix(state.families.begin(), state.families.end());
    llvm::sort(mix, [](const auto &left, const auto &right) {
      return left.second.warps != right.second.warps ? left.second.warps > right.second.warps
                                                     : left.first < right.first;
    });
    for (const auto &[name, counters] : mix)
      out << llvm::formatv("  {0,-12}{1,14} {2,7} {3,6:f1} lanes\n", name, counters.warps,
                           percent(counters.warps, slots.warps), ratio(counters.threads, counters.warps));
    std::vector<std::pair<uint64_t, const std::pair<const SiteText, RunCounters> *>> idle;
    for (const auto &run : state.finishedRuns)
      if (uint64_t lost = 32 * run.second.warps - std::min(32 * run.second.warps, run.second.threads))
        idle.push_back({lost * run.second.length, &run});
    llvm::sort(idle, [](const auto &left, const auto &right) {
      return left.first != right.first ? left.first > right.first : left.second->first < right.second->first;
    });
    if (!idle.empty())
      out << "idle lanes\n";
    for (const auto &[lost, run] : llvm::ArrayRef(idle).take_front(kWorst))
      out << llvm::formatv("  {0,10} lane slots, {1:f1} lanes active in the {2} instructions from {3}\n", lost,
                           ratio(run->second.threads, run->second.warps), run->second.length, run->first.instruction);
    note(out, idle.size());
  }
  return text;
}

static llvm::json::Object object(const MemoryCounters &counters) {
  return llvm::json::Object{{"requests", counters.requests},
                            {"lanes", counters.lanes},
                            {"bytes", counters.bytes},
                            {"sectors", counters.sectors},
                            {"idealSectors", counters.idealSectors},
                            {"lines", counters.lines},
                            {"wavefronts", counters.wavefronts},
                            {"idealWavefronts", counters.idealWavefronts},
                            {"tensorInstructions", counters.products},
                            {"multiplyAdds", counters.multiplyAdds}};
}

std::string Statistics::json() const {
  const State &state = *implementation;
  llvm::json::Object bytes;
  for (unsigned place = 0; place < std::size(kPlaces); ++place) {
    llvm::json::Object row;
    for (unsigned direction = 0; direction < std::size(kDirections); ++direction)
      row[kDirections[direction]] = state.bytes[place][direction];
    bytes[kPlaces[place]] = std::move(row);
  }
  llvm::json::Object families;
  for (const auto &[name, counters] : state.families)
    families[name] = llvm::json::Object{{"warpInstructions", counters.warps}, {"threads", counters.threads}};
  llvm::json::Array sites;
  for (const auto &[site, counters] : state.sites) {
    llvm::json::Object row = object(counters);
    row["instruction"] = site.spelling;
    row["file"] = site.file;
    row["line"] = site.line;
    row["source"] = site.source;
    row["family"] = site.family;
    sites.push_back(std::move(row));
  }
  FamilyCounters slots = issued(state);
  llvm::json::Object result{{"launches", state.launches},
                            {"bytes", std::move(bytes)},
                            {"total", object(state.total())},
                            {"tensorShare", ratio(tensorSlots(state), slots.warps)},
                            {"activeLanes", ratio(slots.threads, slots.warps)},
                            {"families", std::move(families)},
                            {"sites", std::move(sites)}};
  return llvm::formatv("{0:2}\n", llvm::json::Value(std::move(result))).str();
}
