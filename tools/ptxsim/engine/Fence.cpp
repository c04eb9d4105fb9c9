// fence and membar. The host's own memory order is stronger than what they ask for, but blocks on other host threads
// see global memory through ordinary loads: a full host fence keeps their order. What the fences mean for
// happens-before is check/Race's. fence.proxy.tensormap belongs to engine/TensorMapModify, fence.mbarrier_init to
// engine/Mbarrier.
#include "check/Race.h"
#include "engine/Scheduler.h"

#include <atomic>

namespace ptxsim {

namespace {

struct FencePayload : Payload {
  Order order = Order::AcquireRelease;
  Scope scope = Scope::Device;
};

void runFence(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (RaceDetector *races = thread->grid->races) {
    const FencePayload &decoded = payload<FencePayload>(site);
    races->fence(*thread, decoded.order, decoded.scope);
  }
}

void runProxyFence(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (RaceDetector *races = thread->grid->races)
    races->proxyFence(*thread);
}

void runAliasFence(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

Scope scopeOf(const ptx::Instruction &instruction) {
  if (instruction.has("cta"))
    return Scope::Block;
  if (instruction.has("cluster"))
    return Scope::Cluster;
  if (instruction.has("sys"))
    return Scope::System;
  return Scope::Device; // .gpu, .gl
}

} // namespace

bool bindFence(Site &site) {
  const ptx::Instruction &instruction = *site.instruction;
  llvm::StringRef opcode = instruction.opcode();
  if (opcode != "fence" && opcode != "membar")
    return false;
  for (llvm::StringRef part : llvm::ArrayRef(instruction.parts).drop_front())
    if (part.starts_with("tensormap") || part == "mbarrier_init")
      return false;
  if (instruction.has("proxy")) {
    // fence.proxy.alias orders accesses through different virtual addresses of one location, of which there are none
    // here; it says nothing about asynchronous operations.
    site.handler = instruction.has("alias") ? runAliasFence : runProxyFence;
    return true;
  }
  auto decoded = std::make_unique<FencePayload>();
  decoded->scope = scopeOf(instruction);
  // fence.sc and membar are sequentially consistent, which includes both.
  decoded->order = instruction.has("acquire")   ? Order::Acquire
                   : instruction.has("release") ? Order::Release
                                                : Order::AcquireRelease;
  site.payload = std::move(decoded);
  site.handler = runFence;
  return true;
}

} // namespace ptxsim
