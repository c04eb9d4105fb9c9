// Stacks come in slabs of one mapping each. The first some thousand have a guard page below; beyond that the host's
// limit on mappings (65,530 on Linux) would be reached, and the translator's test of the stack limit must do.
#include "engine/FiberStacks.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <sys/mman.h>

namespace ptxsim {

namespace {
constexpr size_t kPage = 4096;
// Fibers that run the same code touch the same offsets of their stacks. Different offsets of the tops within a page
// and beyond keep them out of each other's cache sets.
constexpr size_t kStaggers = 61, kStagger = 1088;
constexpr size_t kGuarded = 8192;
constexpr size_t kKept = 4096; // from launch to launch
} // namespace

size_t FiberStacks::slotBytes() const { return usable + ((kStaggers * kStagger + kPage - 1) & ~(kPage - 1)) + kPage; }

FiberStacks::~FiberStacks() { release(); }

void FiberStacks::release() {
  for (void *slab : slabs)
    munmap(slab, slotBytes() * perSlab());
  slabs.clear();
  idle.clear();
  made = 0;
}

void FiberStacks::setUsable(size_t bytes) {
  bytes = std::max(kLeastUsable, (bytes + kPage - 1) & ~(kPage - 1));
  if (bytes == usable)
    return;
  release();
  usable = bytes;
}

void FiberStacks::trim() {
  if (made <= kKept || idle.size() != made)
    return;
  release();
}

void FiberStacks::grow() {
  const size_t slot = slotBytes(), count = perSlab();
  void *slab = mmap(nullptr, slot * count, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (slab == MAP_FAILED)
    throw std::runtime_error("no memory for the stacks of " + std::to_string(made + count) + " resident threads");
  slabs.push_back(slab);
  for (size_t i = 0; i < count; ++i) {
    uint8_t *low = static_cast<uint8_t *>(slab) + i * slot;
    if (made < kGuarded)
      mprotect(low, kPage, PROT_NONE);
    uint8_t *top = low + slot - (made++ % kStaggers) * kStagger;
    idle.push_back({low + kPage, top});
  }
}

void FiberStacks::reserve(size_t total) {
  while (made < total)
    grow();
  if (idle.capacity() < made) // give() must not allocate: it runs in the switch path
    idle.reserve(2 * made);
}

} // namespace ptxsim
