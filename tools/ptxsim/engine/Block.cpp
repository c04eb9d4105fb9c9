// Blocks from their first to their last instruction: threads, warps, shared and local memory.
#include "check/Race.h"
#include "check/ThreadClock.h"
#include "engine/AsyncState.h"
#include "engine/Launch.h"
#include "engine/WgmmaState.h"

#include "llvm/Support/MathExtras.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace ptxsim {

Thread::Thread() = default;
Thread::~Thread() = default;
Cta::Cta() = default;
Cta::~Cta() = default;
Cluster::Cluster() = default;
Cluster::~Cluster() = default;

namespace {

constexpr uint64_t kLocalAlignment = 128;
constexpr uint64_t kLocalFillLimit = 1 << 20;
constexpr size_t kKept = 64 << 20; // larger buffers go back to the host

/// Memory for shared windows and local memory, kept for the next blocks of this host thread. Aligned as no PTX type
/// needs more than.
class Buffers {
public:
  uint8_t *take(size_t bytes) {
    for (size_t i = idle.size(); i-- > 0;)
      if (idle[i].bytes == bytes) {
        uint8_t *data = idle[i].data;
        idle.erase(idle.begin() + i);
        return data;
      }
    void *data = std::aligned_alloc(4096, llvm::alignTo(bytes, 4096));
    if (!data)
      throw std::bad_alloc();
    return static_cast<uint8_t *>(data);
  }
  void give(uint8_t *data, size_t bytes) {
    if (!data)
      return;
    if (bytes > kKept) {
      std::free(data);
      return;
    }
    if (idle.size() >= 16) {
      std::free(idle.front().data);
      idle.erase(idle.begin());
    }
    idle.push_back({data, bytes});
  }
  ~Buffers() {
    for (Buffer &buffer : idle)
      std::free(buffer.data);
  }

private:
  struct Buffer {
    uint8_t *data;
    size_t bytes;
  };
  std::vector<Buffer> idle;
};
thread_local Buffers buffers;

void unpack(uint32_t linear, const std::array<uint32_t, 3> &shape, uint32_t (&at)[3]) {
  at[0] = linear % shape[0];
  at[1] = linear / shape[0] % shape[1];
  at[2] = linear / shape[0] / shape[1];
}

// What has never been written reads as ones: NaN in every floating-point type, -1 as an integer.
void makeSharedMemory(Launch &launch, Cta &cta) {
  cta.sharedEnd = launch.sharedEnd;
  cta.staticSharedBytes = launch.staticShared;
  cta.dynamicSharedBytes = launch.config.dynamicShared;
  cta.shared = buffers.take(launch.sharedEnd);
  std::memset(cta.shared + kSharedStart, 0xff, launch.sharedEnd - kSharedStart);
  if (!launch.poison)
    return;
  cta.sharedShadow = buffers.take(launch.sharedEnd);
  std::memset(cta.sharedShadow, 0, launch.sharedEnd);
}

void makeThreads(Launch &launch, Cta &cta, Unit &unit) {
  const auto &shape = launch.config.block;
  uint32_t count = shape[0] * shape[1] * shape[2];
  cta.warps.resize((count + 31) / 32);
  cta.threads.reserve(count);
  cta.live = count;
  uint64_t stride = llvm::alignTo(launch.code->localBytes, kLocalAlignment);
  uint8_t *local = nullptr, *localShadow = nullptr;
  if (stride) {
    local = buffers.take(stride * count);
    if (stride * count <= kLocalFillLimit)
      std::memset(local, 0xff, stride * count);
    unit.buffers.emplace_back(local, stride * count);
    if (launch.poison) {
      localShadow = buffers.take(stride * count);
      std::memset(localShadow, 0, stride * count);
      unit.buffers.emplace_back(localShadow, stride * count);
    }
  }
  for (uint32_t linear = 0; linear < count; ++linear) {
    Thread &thread = *cta.threads.emplace_back(std::make_unique<Thread>());
    unpack(linear, shape, thread.tid);
    thread.linear = linear;
    thread.identity = uint64_t(cta.linear) << 32 | linear;
    thread.lane = linear % 32;
    thread.fuel = 256;
    thread.shared = cta.shared;
    thread.sharedEnd = cta.sharedEnd;
    thread.localBytes = launch.code->localBytes;
    thread.local = local ? local + stride * linear : nullptr;
    thread.localShadow = localShadow ? localShadow + stride * linear : nullptr;
    thread.parameters = reinterpret_cast<const uint8_t *>(launch.parameterBlock);
    thread.cta = &cta;
    thread.grid = &launch;
    Warp &warp = cta.warps[linear / 32];
    thread.warp = &warp;
    warp.cta = &cta;
    warp.index = linear / 32;
    warp.present |= 1u << thread.lane;
    warp.lanes[thread.lane] = &thread;
  }
}

} // namespace

std::unique_ptr<Unit> makeUnit(Launch &launch, uint32_t index, Scheduler &scheduler) {
  auto unit = std::make_unique<Unit>();
  const LaunchConfig &config = launch.config;
  unit->cluster = std::make_unique<Cluster>();
  Cluster &cluster = *unit->cluster;
  cluster.barrier = std::make_unique<ClusterBarrier>();
  std::array<uint32_t, 3> clusters;
  for (int axis = 0; axis < 3; ++axis) {
    cluster.shape[axis] = config.cluster[axis];
    clusters[axis] = config.grid[axis] / config.cluster[axis];
  }
  unpack(index, clusters, cluster.id);
  uint32_t blocks = config.cluster[0] * config.cluster[1] * config.cluster[2];
  for (uint32_t rank = 0; rank < blocks; ++rank) {
    Cta &cta = *unit->blocks.emplace_back(std::make_unique<Cta>());
    cluster.blocks.push_back(&cta);
    uint32_t within[3];
    unpack(rank, config.cluster, within);
    for (int axis = 0; axis < 3; ++axis)
      cta.id[axis] = cluster.id[axis] * config.cluster[axis] + within[axis];
    cta.rank = rank;
    cta.linear = cta.id[0] + config.grid[0] * (cta.id[1] + config.grid[1] * cta.id[2]);
    cta.grid = &launch;
    cta.cluster = &cluster;
    cta.scheduler = &scheduler;
    cta.barriers = std::make_unique<BlockBarriers>();
    makeSharedMemory(launch, cta);
    makeThreads(launch, cta, *unit);
    cluster.barrier->live += cta.live;
  }
  return unit;
}

void endUnit(Launch &launch, Unit &unit) {
  for (auto &block : unit.blocks) {
    if (launch.races && RaceDetector::canNumber(*block))
      launch.races->finish(*block);
    buffers.give(block->shared, block->sharedEnd);
    buffers.give(block->sharedShadow, block->sharedEnd);
    block->shared = block->sharedShadow = nullptr;
  }
  for (auto &[data, bytes] : unit.buffers)
    buffers.give(data, bytes);
  unit.buffers.clear();
}

} // namespace ptxsim
