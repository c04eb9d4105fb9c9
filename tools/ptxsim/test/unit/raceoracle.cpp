// Random small programs, played against the detector and against a naive one that keeps, for every thread and every
// synchronisation variable, the set of all earlier accesses that happened before. Both must find the first race of a
// program at the same access, and agree whether it is one of order or of proxies.
#include "RaceWorld.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace ptxsim;

namespace {
/// Numbers of accesses; `async`: those that asynchronous-proxy work may build on.
struct Known {
  std::set<int> generic, async;
  void join(const Known &other) {
    generic.insert(other.generic.begin(), other.generic.end());
    async.insert(other.async.begin(), other.async.end());
  }
};

struct Event {
  uint32_t address, bytes;
  bool writes, strong, byAsyncProxy;
  Scope scope;
  uint32_t block;
  bool byAgent;
  uint32_t thread = ~0u;
  bool reads = false; ///< a strong read or a read-modify-write
};

class Oracle {
public:
  enum Verdict { Clean, Race, Proxy };
  explicit Oracle(uint32_t threads) : threads(threads), fences(threads), pending(threads) {}

  std::vector<Known> threads, fences, pending;
  std::vector<Event> events;
  struct Word {
    Known known;
  };
  std::map<uint32_t, Word> words; ///< by granule
  std::map<uint32_t, bool> lastStrong;

  /// `known` is what happened before the event.
  Verdict judge(const Event &event, const Known &known) const {
    Verdict verdict = Clean;
    for (size_t k = 0; k < events.size(); ++k) {
      const Event &earlier = events[k];
      if (earlier.address + earlier.bytes <= event.address || event.address + event.bytes <= earlier.address)
        continue;
      if (!earlier.writes && !event.writes)
        continue;
      if (earlier.strong && event.strong && meet(earlier, event))
        continue;
      bool ordered = known.generic.count(int(k));
      if (!ordered)
        verdict = Race;
      else if (event.byAsyncProxy && earlier.writes && !earlier.byAsyncProxy && !known.async.count(int(k)) &&
               !overwritten(k, event, known) && verdict == Clean)
        verdict = Proxy;
    }
    return verdict;
  }

  /// Whether the thread has read a strong write that nothing else orders before the event: then observation order
  /// decides, which this oracle leaves to tests of its own.
  bool dependsOnObservation(const Event &event, const Known &known) const {
    for (size_t k = 0; k < events.size() && !event.strong; ++k)
      if (events[k].strong && events[k].writes && overlaps(events[k], event) && !known.generic.count(int(k)))
        for (size_t r = k; r < events.size(); ++r)
          if (events[r].reads && events[r].thread == event.thread && events[r].address == events[k].address)
            return true;
    return false;
  }

  /// Whether the event and an unordered earlier one are a plain read and an atomic update: what the detector holds back
  /// until it knows whether the read begins a compare-and-swap loop.
  bool mayBeginLoop(const Event &event, const Known &known) const {
    auto pair = [](const Event &read, const Event &update) {
      return !read.writes && !read.strong && !read.byAgent && update.reads && update.writes;
    };
    for (size_t k = 0; k < events.size(); ++k)
      if (overlaps(events[k], event) && !known.generic.count(int(k)) &&
          (pair(events[k], event) || pair(event, events[k])))
        return true;
    return false;
  }

private:
  static bool overlaps(const Event &left, const Event &right) {
    return left.address < right.address + right.bytes && right.address < left.address + left.bytes;
  }
  static bool meet(const Event &left, const Event &right) {
    if (left.byAgent || right.byAgent || left.block == right.block)
      return true;
    return left.scope >= Scope::Device && right.scope >= Scope::Device;
  }
  /// A generic write that a later write replaced is not read by the event: its fence does not matter. Per byte.
  bool overwritten(size_t k, const Event &event, const Known &known) const {
    const Event &earlier = events[k];
    uint32_t from = std::max(earlier.address, event.address);
    uint32_t to = std::min(earlier.address + earlier.bytes, event.address + event.bytes);
    for (uint32_t byte = from; byte < to; ++byte) {
      bool later = false;
      for (size_t j = k + 1; j < events.size(); ++j)
        later |= events[j].writes && !events[j].strong && events[j].address <= byte &&
                 byte < events[j].address + events[j].bytes;
      if (!later)
        return false;
    }
    return true;
  }
};

struct Operation { ///< of an agent, issued and not yet landed
  uint32_t issuer, agent;
  uint64_t number;
  SyncClock issued;
  Known known;
  uint32_t address, bytes;
  bool asyncProxy, writes;
};

/// One program; true if it had a race.
bool play(uint64_t seed) {
  std::mt19937_64 random(seed);
  auto below = [&](uint32_t bound) { return uint32_t(random() % bound); };
  constexpr uint32_t kAgents = 3;
  uint32_t numBlocks = 1 + below(2), perBlock = 2 + below(9), numThreads = numBlocks * perBlock;
  uint32_t numWords = 1 + below(below(2) ? 4 : 40);
  static constexpr uint32_t kCare[] = {1, 10, 100, 1000};
  uint32_t careful = kCare[below(4)];
  World world(numBlocks, perBlock);
  Oracle oracle(numThreads);
  std::vector<Agent> agents(kAgents);
  std::vector<uint64_t> issuedCount(kAgents), landed(kAgents);
  struct Landed {
    uint64_t number;
    int event;
    SyncClock issued;
    Known known;
  };
  std::vector<std::vector<Landed>> landedEvents(kAgents);
  std::vector<Operation> inFlight;
  for (uint32_t k = 0; k < kAgents; ++k)
    agents[k] = world.races->newAgent(nullptr, "agent of");
  struct Variable {
    SyncClock clock;
    Known known;
  } variables[3];
  auto thread = [&](uint32_t k) -> Thread & { return world.thread(k / perBlock, k % perBlock); };
  // Most accesses that would race are left out, so that programs reach deeper states.
  auto skips = [&](const Event &event, const Known &known) {
    return oracle.dependsOnObservation(event, known) || oracle.mayBeginLoop(event, known) ||
           (oracle.judge(event, known) != Oracle::Clean && below(careful) != 0);
  };
  auto judge = [&](const Event &event, const Known &known, const char *what) {
    Oracle::Verdict expected = oracle.judge(event, known);
    oracle.events.push_back(event);
    std::string found = world.found();
    Oracle::Verdict got = found.find("race") != std::string::npos ? Oracle::Race
                          : found.empty()                         ? Oracle::Clean
                                                                  : Oracle::Proxy;
    EXPECT_EQ(got, expected) << "seed " << seed << ", access " << oracle.events.size() - 1 << ", " << what;
    return expected != Oracle::Clean || got != Oracle::Clean;
  };
  for (int step = 0; step < 300; ++step) {
    uint32_t t = below(numThreads), block = t / perBlock;
    Known &own = oracle.threads[t];
    switch (below(22)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: { // a plain access of 1 to 16 bytes
      static constexpr uint32_t kSizes[] = {1, 2, 4, 4, 4, 8, 16};
      uint32_t bytes = kSizes[below(7)];
      uint32_t address = below(numWords * 4) / bytes * bytes;
      bool writes = below(3) == 0;
      Event event{address, bytes, writes, false, false, Scope::System, block, false, t};
      if (skips(event, own))
        break;
      if (writes)
        world.write(thread(t), world.global(address), bytes);
      else
        world.read(thread(t), world.global(address), bytes);
      if (judge(event, own, "plain"))
        return true;
      own.generic.insert(int(oracle.events.size()) - 1);
      if (writes) // a weak write ends what a release left in the words whose last write was strong
        for (uint32_t granule = address / 4; granule <= (address + bytes - 1) / 4; ++granule)
          oracle.words.erase(granule);
      break;
    }
    case 5:
    case 6: { // a strong access to one of the first words, which plain accesses touch as well
      uint32_t address = 4 * below(3) + (below(4) ? 2048 : 0);
      static constexpr Order kOrders[] = {Order::Relaxed, Order::Acquire, Order::Release, Order::AcquireRelease};
      Access kind = Access(below(3));
      Order order = kOrders[below(4)];
      if (kind == Access::Read && order >= Order::Release)
        order = Order::Acquire;
      if (kind == Access::Write && order != Order::Relaxed)
        order = Order::Release;
      Scope scope = below(8) ? Scope::Device : Scope::Block;
      Event event{address, 4, kind != Access::Read, true, false, scope, block, false, t, kind != Access::Write};
      if (skips(event, own))
        break;
      world.strong(thread(t), world.global(address), kind, order, scope);
      if (judge(event, own, "strong"))
        return true;
      own.generic.insert(int(oracle.events.size()) - 1);
      // The scope of the access that synchronises is the device's, else the program would have raced or stays in a
      // block; narrow scopes that matter have tests of their own.
      Oracle::Word &word = oracle.words[address / 4];
      if (kind != Access::Write) {
        bool acquires = order == Order::Acquire || order == Order::AcquireRelease;
        (acquires ? own : oracle.pending[t]).join(word.known);
      }
      if (kind == Access::Write)
        word.known = {};
      if (kind != Access::Read)
        word.known.join(order >= Order::Release ? own : oracle.fences[t]);
      break;
    }
    case 7: // a fence
      world.races->fence(thread(t), Order::AcquireRelease, Scope::Device);
      own.join(oracle.pending[t]);
      oracle.pending[t] = {};
      oracle.fences[t] = own;
      break;
    case 8: // an arrival
    case 14:
    case 15: {
      Variable &variable = variables[below(3)];
      world.races->release(thread(t), variable.clock);
      variable.known.join(own);
      break;
    }
    case 9: // a wait
    case 16:
    case 17: {
      Variable &variable = variables[below(3)];
      world.races->acquire(thread(t), variable.clock);
      own.join(variable.known);
      break;
    }
    case 10: { // some threads of a block meet
      std::vector<Thread *> list;
      std::vector<uint32_t> members;
      for (uint32_t k = 0; k < perBlock; ++k)
        if (below(3)) {
          members.push_back(block * perBlock + k);
          list.push_back(&thread(members.back()));
        }
      world.races->meet(list);
      Known all;
      for (uint32_t k : members)
        all.join(oracle.threads[k]);
      for (uint32_t k : members)
        oracle.threads[k] = all;
      break;
    }
    case 11: // the generic and the asynchronous proxy
    case 18:
      world.races->proxyFence(thread(t));
      own.async = own.generic;
      break;
    case 12: { // asynchronous work
      uint32_t agent = below(kAgents);
      Operation operation;
      operation.issuer = t;
      operation.agent = agent;
      operation.number = ++issuedCount[agent];
      world.races->snapshot(thread(t), operation.issued);
      operation.known = own;
      operation.bytes = 4u << below(4);
      operation.address = below(numWords * 4) / operation.bytes * operation.bytes;
      operation.asyncProxy = agent != 0;
      operation.writes = below(2);
      inFlight.push_back(std::move(operation));
      break;
    }
    case 13: { // it lands, in order within an agent
      if (inFlight.empty())
        break;
      size_t pick = below(uint32_t(inFlight.size()));
      for (size_t k = 0; k < pick; ++k)
        if (inFlight[k].agent == inFlight[pick].agent)
          pick = k;
      Operation operation = inFlight[pick];
      inFlight.erase(inFlight.begin() + pick);
      Event event{operation.address,
                  operation.bytes,
                  operation.writes,
                  false,
                  operation.asyncProxy,
                  Scope::System,
                  operation.issuer / perBlock,
                  true};
      if (skips(event, operation.known))
        break;
      world.races->asyncAccess(thread(operation.issuer), world.site(), operation.issued, agents[operation.agent],
                               operation.number, operation.asyncProxy, world.global(operation.address), operation.bytes,
                               operation.writes ? Access::Write : Access::Read);
      if (judge(event, operation.known, "asynchronous"))
        return true;
      landed[operation.agent] = operation.number;
      landedEvents[operation.agent].push_back(
          {operation.number, int(oracle.events.size()) - 1, operation.issued, operation.known});
      break;
    }
    default: { // a wait for an agent, by the thread or by a variable
      uint32_t agent = below(kAgents);
      uint64_t upTo = landed[agent] ? 1 + below(uint32_t(landed[agent])) : 0;
      bool direct = below(2);
      Variable &variable = variables[below(3)];
      if (!upTo)
        break;
      if (direct)
        world.races->acquireAgent(thread(t), agents[agent], upTo);
      else
        world.races->releaseAgent(agents[agent], upTo, variable.clock);
      // With the completion comes what the work itself was ordered after: the detector drops an access once a later one
      // covers it, which is right for whoever has the whole history of the later one.
      for (const Landed &landed : landedEvents[agent]) {
        if (landed.number > upTo)
          continue;
        Known &target = direct ? own : variable.known;
        target.join(landed.known);
        target.generic.insert(landed.event);
        if (direct)
          world.races->acquire(thread(t), landed.issued);
        else
          world.races->merge(variable.clock, landed.issued);
      }
    }
    }
  }
  return false;
}
} // namespace

TEST(RaceOracle, RandomPrograms) {
  constexpr uint64_t kPrograms = 6000;
  uint64_t races = 0;
  for (uint64_t seed = 1; seed <= kPrograms && !::testing::Test::HasFailure(); ++seed)
    races += play(seed);
  EXPECT_GT(races, kPrograms / 10);
  EXPECT_LT(races, kPrograms * 9 / 10);
  RecordProperty("racing programs", int(races));
}
