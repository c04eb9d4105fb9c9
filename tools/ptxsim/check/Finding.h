// What the checks find, and how it is told.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ptxsim {

struct Site;
struct Thread;
struct Grid;
struct Location;

/// The checks, each switchable by name on the command line and in PTXSIM_CHECKS.
enum class Check : uint8_t {
  Bounds,     ///< "bounds": outside every allocation or window, misaligned
  Lifetime,   ///< "lifetime": freed memory, local memory of a returned function
  Space,      ///< "space": an address of another state space; a generic address where a shared one is due
  Race,       ///< "race": conflicting accesses that the memory model does not order
  Poison,     ///< "poison": undefined bits that decide an address, a branch or a result
  Divergence, ///< "divergence": lanes that must meet and do not
  Barrier,    ///< "barrier": barriers and mbarriers used against their rules
  Deadlock,   ///< "deadlock": nobody can go on, or nobody makes progress
  Descriptor, ///< "descriptor": matrix descriptors and tensor maps that are inconsistent
  Proxy,      ///< "proxy": a proxy fence is missing
  Trap,       ///< "trap": the program stopped itself (trap, failed assert), or time ran out
  Count
};
const char *name(Check check);

/// A set of checks.
struct CheckSet {
  uint32_t bits = 0;
  bool has(Check check) const { return bits >> unsigned(check) & 1; }
  CheckSet with(Check check, bool on = true) const;
  static CheckSet all();
  static CheckSet
  memorySafety(); ///< bounds, lifetime, space, divergence, barrier, deadlock, descriptor, trap: what costs little
  static CheckSet none(); ///< only what keeps the host process safe
  /// "all", "none", "default", "race,poison", "all,-race"; std::nullopt and `error` for an unknown name.
  static std::optional<CheckSet> parse(const std::string &text, std::string &error);
};

/// One side of a finding: who did what where.
struct Actor {
  const Site *site = nullptr; ///< valid while the program is; findings that are taken carry its text
  uint32_t block[3] = {}, thread[3] = {};
  bool known = false;
  std::string agent; ///< "cp.async of", "TMA copy issued by", "wgmma of warpgroup of"; empty for a plain access
  std::string instruction, text; ///< "st.shared.f32 at k.ptx:120 (gemm.cu:45)", and the line of PTX
};

struct Finding {
  Check check = Check::Bounds;
  std::string message; ///< starts lower-case, no final period: what, where, got, expected
  Actor actor;
  std::optional<Actor> other; ///< the other access of a race
  std::string detail;         ///< further lines (who waits where), may be empty
  uint64_t repetitions = 1;
};

/// Text for people: message, instruction, PTX line, source line, threads, both accesses.
std::string format(const Finding &finding);
/// "st.shared.f32 at k.ptx:120 (gemm.cu:45)"
std::string format(const Site &site);

/// Collects the findings of a launch; equal ones (same check, same instructions) are counted. Safe to call from several
/// workers.
class Reporter {
public:
  explicit Reporter(const Grid &grid);
  ~Reporter();
  /// Records a finding; the launch goes on. Does nothing for a check that is switched off. `agent`: what worked on the
  /// thread's behalf, see Actor.
  void note(Check check, const Thread *thread, const Site *site, std::string message, std::optional<Actor> other = {},
            std::string detail = {}, std::string agent = {});
  /// The same for an access that lies back.
  void note(Check check, Actor actor, std::string message, std::optional<Actor> other = {});
  /// Records it and stops the launch. Does not return. A check that is switched off still stops, without a report of
  /// its own kind, where going on would leave the simulator's own memory.
  [[noreturn]] void fail(Check check, Thread &thread, const Site *site, std::string message,
                         std::optional<Actor> other = {}, std::string detail = {});
  /// Records why somebody else than a thread stops the launch, whatever is switched off.
  void conclude(Check check, const Thread *thread, const Site *site, std::string message, std::string detail);
  std::vector<Finding> take(uint64_t &suppressed);
  bool failed() const; ///< a fatal finding was recorded

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

/// What people call a place: "shared 0x440 (stage + 64)", "global 0x7f00 (cuMemAlloc + 128)".
std::string describe(const Grid &grid, const Location &where);

Actor actorOf(const Thread &thread, const Site *site, std::string agent = {});

} // namespace ptxsim
