// The state of one CUDA thread, its warp, block, cluster and grid while a kernel runs.
#pragma once

#include "engine/Site.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ptxsim {

struct Cta;
struct Cluster;
struct Grid;
struct Warp;
struct LaneOperands; // engine/Rendezvous
class Scheduler;
struct ThreadClock;    // check/
struct AsyncThread;    // engine/AsyncCopy: groups of cp.async and of bulk copies of one thread
struct AsyncCta;       // engine/Mbarrier, BulkCopy: barriers and copies in flight of one block
struct WgmmaGroup;     // engine/Wgmma: products in flight of one warpgroup
struct ClusterBarrier; // engine/Barrier
struct BlockBarriers;  // engine/Barrier

// Address windows. Global addresses are host addresses inside the device's arena. A shared address is 32 bits: the
// offset in the block's window, and in the bits from 24 on 0 for the executing block itself or 1 + the rank of a block
// of the cluster.
constexpr uint64_t kSharedWindow = 0x0100'0000'0000'0000; ///< generic = window + shared address
constexpr uint64_t kLocalWindow = 0x0200'0000'0000'0000;  ///< generic = window + offset in the thread's local memory
constexpr uint32_t kSharedRankShift = 24;
/// A device function's address as programs see it: this + 16 x its index in Module::functions.
constexpr uint64_t kFunctionWindow = 0x0300'0000'0000'0000;
/// Shared variables start here, as on the chip, whose first KiB the system keeps: address 0 is never valid.
constexpr uint32_t kSharedStart = 1024;

/// Why a thread does not run; for the deadlock report.
struct Wait {
  const char *what = nullptr; ///< "mbarrier phase %llu at shared 0x%llx": takes detail2 and detail, in this order, if
                              ///< it has a %; else they are not told
  const Site *site = nullptr;
  uint64_t detail = 0, detail2 = 0; ///< barrier number or address; phase
};

struct alignas(64) Thread {
  // Read by translated code; keep trivially laid out (offsetof).
  uint32_t tid[3];
  uint32_t lane, linear;                 ///< lane in its warp, index in its block
  uint32_t fuel = 0;                     ///< loop back-edges left until the next yield; translated code counts down
  uint32_t wgmmaInFlight = 0;            ///< products whose accumulators have not landed (deferred mode)
  uint32_t sharedEnd = 0;                ///< own window: valid addresses are kSharedStart..sharedEnd
  uint32_t localBytes = 0, localTop = 0; ///< local memory: size, and the stack pointer of functions' frames
  uint8_t *shared = nullptr;             ///< host address of shared address 0 (so shared + address is the byte)
  uint8_t *local = nullptr;              ///< host address of local offset 0
  uint8_t *localShadow =
      nullptr; ///< definedness of local memory, a bit for a bit (1: defined); null when poison is off
  const uint8_t *parameters = nullptr;    ///< the kernel's parameter block; readable as global memory
  uint64_t globalLow = 1, globalHigh = 0; ///< allocation last used: inline bounds check; empty at the start
  uint8_t *stackLimit = nullptr;          ///< lowest usable address of the fiber's stack
  const Site *site = nullptr;             ///< instruction at work, as far as handlers and checks need it
  Cta *cta = nullptr;
  Warp *warp = nullptr;
  Grid *grid = nullptr;

  // The engine's.
  void *fiber = nullptr; ///< boost context to resume
  enum class State : uint8_t { Ready, Blocked, Running, Exited } state = State::Ready;
  Wait wait;
  uint64_t identity = 0; ///< of the thread in the launch: block << 32 | index in its block
  uint64_t yields = 0; ///< back-edge yields since the thread last made progress (livelock report)
  uint64_t stateHash = 0;   ///< of registers, stack and local memory at a back-edge; equal ones mean that it spins
  uint8_t *stackTop = nullptr;
  bool spinning = false;    ///< its last two state hashes were equal
  bool timed = false;       ///< blocked in Scheduler::blockOrTimeout
  bool timedOut = false;    ///< what ended that
  std::unique_ptr<ThreadClock> clock;
  std::unique_ptr<AsyncThread> async;
  Thread();
  ~Thread();
};

struct Warp {
  Cta *cta = nullptr;
  uint32_t index = 0;
  uint32_t present = 0, exited = 0; ///< lanes that exist; lanes that returned
  Thread *lanes[32] = {};
  /// Rendezvous under way, one for each membermask (engine/Rendezvous).
  struct Meeting {
    uint32_t mask = 0, arrived = 0;
    const Site *site = nullptr;
    bool aligned = false;
    void (*work)(Warp &warp, const Site *site, uint32_t mask, LaneOperands &lanes) = nullptr;
    const uint64_t *in[32];
    uint64_t *out[32];
  };
  std::vector<std::unique_ptr<Meeting>> meetings;
};

struct Cta {
  uint32_t id[3], rank = 0; ///< position in the grid; rank in its cluster
  uint32_t linear = 0;      ///< index in the grid
  Grid *grid = nullptr;
  Cluster *cluster = nullptr;
  std::vector<Warp> warps;
  std::vector<std::unique_ptr<Thread>> threads;
  uint32_t live = 0;               ///< threads that have not returned
  uint8_t *shared = nullptr;       ///< host address of shared address 0
  uint8_t *sharedShadow = nullptr; ///< definedness, a bit for a bit; null when poison is off
  uint32_t sharedEnd = 0, staticSharedBytes = 0, dynamicSharedBytes = 0;
  std::unique_ptr<AsyncCta> async;
  std::unique_ptr<BlockBarriers> barriers;
  std::vector<std::unique_ptr<WgmmaGroup>> warpgroups;
  Scheduler *scheduler = nullptr;
  Cta();
  ~Cta();
};

struct Cluster {
  uint32_t id[3], shape[3];  ///< position among the grid's clusters; blocks along each axis
  std::vector<Cta *> blocks; ///< by rank
  std::unique_ptr<ClusterBarrier> barrier;
  Cluster();
  ~Cluster();
};

} // namespace ptxsim
