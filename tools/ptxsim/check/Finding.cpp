#include "check/Finding.h"

#include "engine/Scheduler.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Demangle/Demangle.h"

#include <atomic>
#include <map>
#include <mutex>
#include <tuple>

using namespace ptxsim;

static constexpr const char *kNames[] = {"bounds",  "lifetime", "space",      "race",  "poison", "divergence",
                                         "barrier", "deadlock", "descriptor", "proxy", "trap"};
static_assert(std::size(kNames) == size_t(Check::Count));

const char *ptxsim::name(Check check) { return check < Check::Count ? kNames[size_t(check)] : "unknown"; }

CheckSet CheckSet::with(Check check, bool on) const {
  uint32_t bit = 1u << unsigned(check);
  return {on ? bits | bit : bits & ~bit};
}

CheckSet CheckSet::all() { return {(1u << unsigned(Check::Count)) - 1}; }

CheckSet CheckSet::none() { return {}; }

CheckSet CheckSet::memorySafety() {
  return all().with(Check::Race, false).with(Check::Poison, false).with(Check::Proxy, false);
}

std::optional<CheckSet> CheckSet::parse(const std::string &text, std::string &error) {
  llvm::SmallVector<llvm::StringRef> words;
  llvm::StringRef(text).split(words, ',');
  // A list that begins with an exclusion takes it from the default.
  CheckSet set = words.front().trim().starts_with("-") ? memorySafety() : none();
  for (llvm::StringRef word : words) {
    word = word.trim();
    bool on = !word.consume_front("-");
    if (on && (word == "all" || word == "none" || word == "default")) {
      set.bits = word == "none" ? 0 : set.bits | (word == "all" ? all() : memorySafety()).bits;
      continue;
    }
    const auto *found = std::find(std::begin(kNames), std::end(kNames), word);
    if (found == std::end(kNames)) {
      error = "unknown check '" + word.str() + "', expected all, none, default or some of";
      for (const char *known : kNames)
        error += std::string(known == kNames[0] ? " " : ", ") + known;
      return std::nullopt;
    }
    set = set.with(Check(found - std::begin(kNames)), on);
  }
  return set;
}

static std::string coordinates(const uint32_t (&at)[3]) {
  return "(" + std::to_string(at[0]) + "," + std::to_string(at[1]) + "," + std::to_string(at[2]) + ")";
}

/// The line of the PTX text that the instruction begins on, without indentation.
static std::string ptxLine(const Site &site) {
  constexpr size_t kWidest = 160;
  if (!site.module || !site.instruction || !site.instruction->position.line)
    return {};
  llvm::StringRef text = site.module->text;
  for (uint32_t line = 1; line < site.instruction->position.line; ++line)
    text = text.split('\n').second;
  llvm::StringRef line = text.split('\n').first.trim();
  return line.size() <= kWidest ? line.str() : line.take_front(kWidest).str() + " ...";
}

std::string ptxsim::format(const Site &site) {
  if (!site.instruction)
    return "an instruction";
  const ptx::Instruction &instruction = *site.instruction;
  std::string text = instruction.parts.empty() ? "an instruction" : instruction.spelling();
  if (!site.module)
    return text;
  text += " at " + site.module->name + ":" + std::to_string(instruction.position.line);
  if (!instruction.source.line)
    return text;
  auto file = site.module->files.find(instruction.source.file);
  llvm::StringRef path = file == site.module->files.end() ? llvm::StringRef("source") : llvm::StringRef(file->second);
  llvm::StringRef base = path.contains('/') ? path.rsplit('/').second : path;
  return text + " (" + base.str() + ":" + std::to_string(instruction.source.line) + ")";
}

/// Findings outlive the program whose instructions they name.
static void keepText(Actor &actor) {
  if (!actor.site)
    return;
  actor.instruction = format(*actor.site);
  actor.text = ptxLine(*actor.site);
}

static std::string format(Actor actor, const char *label) {
  if (actor.instruction.empty())
    keepText(actor);
  if (!actor.known && actor.instruction.empty())
    return {};
  std::string text = std::string("\n  ") + label;
  if (actor.known)
    text += (actor.agent.empty() ? "" : actor.agent + " ") + "thread " + coordinates(actor.thread) + " of block " +
            coordinates(actor.block);
  if (!actor.instruction.empty())
    text += (actor.known ? ": " : "") + actor.instruction;
  return actor.text.empty() ? text : text + "\n           " + actor.text;
}

std::string ptxsim::format(const Finding &finding) {
  std::string text = std::string("error[") + name(finding.check) + "]: " + finding.message;
  text += ::format(finding.actor, "here:  ");
  if (finding.other)
    text += ::format(*finding.other, "there: ");
  llvm::StringRef rest = finding.detail;
  while (!rest.empty()) {
    auto [line, others] = rest.split('\n');
    text += "\n  " + line.str();
    rest = others;
  }
  if (finding.repetitions > 1)
    text += "\n  (" + std::to_string(finding.repetitions) + " times)";
  return text;
}

Actor ptxsim::actorOf(const Thread &thread, const Site *site, std::string agent) {
  Actor actor;
  actor.site = site;
  actor.known = true;
  actor.agent = std::move(agent);
  std::copy(std::begin(thread.tid), std::end(thread.tid), actor.thread);
  if (thread.cta)
    std::copy(std::begin(thread.cta->id), std::end(thread.cta->id), actor.block);
  return actor;
}

struct Reporter::Implementation {
  const Grid &grid;
  mutable std::mutex mutex;
  std::vector<Finding> findings;
  uint64_t suppressed = 0;
  std::atomic<bool> failed{false};
  /// Where the finding of a check and its instructions is; kDropped: beyond the number that is kept.
  static constexpr size_t kDropped = ~size_t(0);
  std::map<std::tuple<Check, const void *, const void *, std::string>, size_t> known;

  /// A fatal finding is kept even when the list is full: it tells why the launch stopped.
  void record(Check check, Actor actor, std::string message, std::optional<Actor> other, std::string detail,
              bool fatal) {
    const Site *site = actor.site, *otherSite = other ? other->site : nullptr;
    // Findings of no instruction are told apart by what they say.
    auto key = std::make_tuple(check, site ? static_cast<const void *>(site->instruction) : nullptr,
                               otherSite ? static_cast<const void *>(otherSite->instruction) : nullptr,
                               site ? std::string() : message);
    std::lock_guard lock(mutex);
    auto [place, isNew] = known.try_emplace(std::move(key), kDropped);
    if (!isNew && (place->second != kDropped || !fatal)) {
      if (place->second != kDropped)
        ++findings[place->second].repetitions;
      ++suppressed;
      return;
    }
    if (!fatal && findings.size() >= grid.options.maxFindings) {
      ++suppressed;
      return;
    }
    place->second = findings.size();
    Finding &finding = findings.emplace_back();
    finding.check = check;
    finding.message = std::move(message);
    finding.actor = std::move(actor);
    finding.other = std::move(other);
    keepText(finding.actor);
    if (finding.other)
      keepText(*finding.other);
    finding.detail = std::move(detail);
  }
};

static Actor actorAt(const Thread *thread, const Site *site, std::string agent = {}) {
  if (thread)
    return actorOf(*thread, site, std::move(agent));
  Actor actor;
  actor.site = site;
  return actor;
}

Reporter::Reporter(const Grid &grid) : implementation(new Implementation{grid}) {}
Reporter::~Reporter() = default;

void Reporter::note(Check check, const Thread *thread, const Site *site, std::string message,
                    std::optional<Actor> other, std::string detail, std::string agent) {
  if (implementation->grid.options.checks.has(check))
    implementation->record(check, actorAt(thread, site, std::move(agent)), std::move(message), std::move(other),
                           std::move(detail), false);
}

void Reporter::note(Check check, Actor actor, std::string message, std::optional<Actor> other) {
  if (implementation->grid.options.checks.has(check))
    implementation->record(check, std::move(actor), std::move(message), std::move(other), {}, false);
}

void Reporter::fail(Check check, Thread &thread, const Site *site, std::string message, std::optional<Actor> other,
                    std::string detail) {
  // Somebody who switched the check off must still learn why the launch ended.
  if (!implementation->grid.options.checks.has(check)) {
    check = Check::Trap;
    message = "the launch cannot go on: " + message;
  }
  implementation->record(check, actorAt(&thread, site), std::move(message), std::move(other), std::move(detail), true);
  implementation->failed = true;
  // The fiber is abandoned: nothing on its stack is destroyed.
  std::string().swap(message);
  std::string().swap(detail);
  other.reset();
  Scheduler::stop(thread);
}

void Reporter::conclude(Check check, const Thread *thread, const Site *site, std::string message, std::string detail) {
  implementation->record(check, actorAt(thread, site), std::move(message), {}, std::move(detail), true);
  implementation->failed = true;
}

std::vector<Finding> Reporter::take(uint64_t &suppressed) {
  std::lock_guard lock(implementation->mutex);
  suppressed = std::exchange(implementation->suppressed, 0);
  implementation->known.clear();
  return std::exchange(implementation->findings, {});
}

bool Reporter::failed() const { return implementation->failed; }

static std::string hex(uint64_t value) { return "0x" + llvm::utohexstr(value, true); }

/// " (stage + 64)" for a shared address inside a variable; the last variable before it where sizes are not known.
static std::string sharedVariable(const Grid &grid, uint64_t address) {
  if (!grid.sharedAddresses)
    return {};
  const ptx::Variable *best = nullptr;
  uint64_t start = 0;
  for (auto [variable, at] : *grid.sharedAddresses)
    if (at <= address && (!variable->bytes || address < at + variable->bytes) &&
        (!best || at > start || (at == start && variable->name < best->name))) {
      best = variable;
      start = at;
    }
  return best ? " (" + llvm::demangle(best->name) + " + " + std::to_string(address - start) + ")" : std::string();
}

std::string ptxsim::describe(const Grid &grid, const Location &where) {
  if (where.space == ptx::Space::Shared)
    return "shared " + hex(where.address) + sharedVariable(grid, where.address);
  if (where.space == ptx::Space::Local)
    return "local " + hex(where.address);
  std::string text = "global " + hex(where.address);
  const Allocation *allocation = grid.device ? grid.device->memory().find(where.address) : nullptr;
  if (!allocation || allocation->label.empty())
    return text;
  return text + " (" + allocation->label + " + " + std::to_string(where.address - allocation->address) + ")";
}
