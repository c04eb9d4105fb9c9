// One reserved range of addresses, from which allocations are carved with gaps between them. Pages are committed by the
// host system when they are first touched.
#include "engine/Memory.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <sys/mman.h>

namespace ptxsim {

namespace {
constexpr uint64_t kPage = 4096;
constexpr uint64_t kGap = 16 * kPage;          // between allocations; at least a page, so that no page has two owners
constexpr uint64_t kLeastArena = 64ull << 30;  // addresses, not memory
constexpr uint64_t kCommitStep = 256ull << 20; // rights are granted in such steps, to keep few mappings
constexpr uint64_t kFillLimit = 16ull << 20;   // fresh allocations up to this size are filled with all ones (NaNs)
constexpr size_t kDeadLimit = 1 << 16;         // freed allocations that are remembered

// Numbers every change of any Memory, so that a host thread's cached allocation is known to be fresh.
std::atomic<uint64_t> changes{1};

struct Cached {
  const void *owner = nullptr;
  uint64_t change = 0, low = 1, high = 0;
  const Allocation *allocation = nullptr;
};
thread_local Cached cached[4]; // a kernel's loop often alternates between a few arrays
thread_local unsigned oldestCached = 0;

/// Addresses without rights; rights are granted up to a mark that only rises.
struct Arena {
  uint8_t *base = nullptr;
  uint64_t size = 0, granted = 0;

  bool reserve(uint64_t bytes) {
    void *at = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
      return false;
    base = static_cast<uint8_t *>(at);
    size = bytes;
    return true;
  }
  bool grant(uint64_t end) {
    if (end <= granted)
      return true;
    uint64_t target = std::min(size, llvm::alignTo(end, kCommitStep));
    if (mprotect(base + granted, target - granted, PROT_READ | PROT_WRITE) != 0)
      return false;
    granted = target;
    return true;
  }
  void drop(uint64_t offset, uint64_t bytes) {
    uint64_t low = offset & ~(kPage - 1), high = llvm::alignTo(offset + bytes, kPage);
    if (base && low < granted)
      madvise(base + low, std::min(high, granted) - low, MADV_DONTNEED);
  }
  ~Arena() {
    if (base)
      munmap(base, size);
  }
};
} // namespace

struct Memory::Implementation {
  uint64_t capacity = 0, inUse = 0, bump = kGap, serial = 0;
  Arena data, shadow, written; // written: a byte for a byte, not zero where device code has stored
  bool shadowStale = false;
  mutable std::shared_mutex mutex;
  std::map<uint64_t, std::unique_ptr<Allocation>> live, dead;
  std::deque<uint64_t> deadOrder;
  std::map<uint64_t, uint64_t> gaps; // offset -> end of ranges given back, gap behind them included

  uint64_t base() const { return reinterpret_cast<uint64_t>(data.base); }
  const Allocation *containing(const std::map<uint64_t, std::unique_ptr<Allocation>> &map, uint64_t address) const {
    auto next = map.upper_bound(address);
    if (next == map.begin())
      return nullptr;
    const Allocation *candidate = std::prev(next)->second.get();
    return address - candidate->address < candidate->bytes ? candidate : nullptr;
  }
  uint64_t place(uint64_t bytes, uint64_t alignment);
  void forgetDead(uint64_t low, uint64_t high);
};

// The offset of a free range, or 0. Freed ranges are used again only when no fresh addresses are left, so that a
// use after free is seen for what it is.
uint64_t Memory::Implementation::place(uint64_t bytes, uint64_t alignment) {
  uint64_t offset = llvm::alignTo(base() + bump, alignment) - base();
  if (offset <= data.size && bytes <= data.size - offset && data.size - offset - bytes >= kGap) {
    bump = offset + bytes + kGap;
    return offset;
  }
  for (auto it = gaps.begin(); it != gaps.end(); ++it) {
    auto [low, high] = *it;
    offset = llvm::alignTo(base() + low, std::max(alignment, kPage)) - base();
    if (offset > high || high - offset < bytes || high - offset - bytes < kGap)
      continue;
    gaps.erase(it);
    uint64_t rest = llvm::alignTo(offset + bytes + kGap, kPage);
    if (rest < high)
      gaps[rest] = high;
    forgetDead(base() + low, base() + std::min(rest, high));
    return offset;
  }
  return 0;
}

void Memory::Implementation::forgetDead(uint64_t low, uint64_t high) {
  dead.erase(dead.lower_bound(low), dead.lower_bound(high));
}

Memory::Memory(uint64_t capacity) : implementation(std::make_unique<Implementation>()) {
  Implementation &self = *implementation;
  self.capacity = capacity;
  uint64_t want = std::max(kLeastArena, llvm::alignTo(capacity + capacity / 4, kCommitStep));
  while (!self.data.reserve(want)) {
    want /= 2;
    if (want < kCommitStep)
      throw std::runtime_error("no address space for device memory: mmap refuses even 256 MiB");
  }
}

Memory::~Memory() { changes.fetch_add(1); }

uint64_t Memory::allocate(uint64_t bytes, std::string label, bool readOnly, uint64_t alignment) {
  Implementation &self = *implementation;
  std::unique_lock lock(self.mutex);
  alignment = std::max<uint64_t>(alignment, 256);
  if (bytes == 0 || bytes > self.capacity - self.inUse || !llvm::isPowerOf2_64(alignment))
    return 0;
  uint64_t offset = self.place(bytes, alignment);
  if (offset == 0 || !self.data.grant(offset + bytes))
    return 0;
  auto allocation = std::make_unique<Allocation>();
  allocation->address = self.base() + offset;
  allocation->bytes = bytes;
  allocation->label = std::move(label);
  allocation->readOnly = readOnly;
  allocation->serial = ++self.serial;
  if (self.shadow.base) {
    if (!self.shadow.grant(offset + bytes) || !self.written.grant(offset + bytes))
      return 0;
    allocation->shadow = self.shadow.base + offset;
  }
  if (bytes <= kFillLimit)
    std::memset(self.data.base + offset, 0xff, bytes);
  uint64_t address = allocation->address;
  self.inUse += bytes;
  self.live[address] = std::move(allocation);
  return address;
}

bool Memory::free(uint64_t address) {
  Implementation &self = *implementation;
  std::unique_lock lock(self.mutex);
  auto found = self.live.find(address);
  if (found == self.live.end())
    return false;
  std::unique_ptr<Allocation> allocation = std::move(found->second);
  self.live.erase(found);
  changes.fetch_add(1);
  allocation->alive = false;
  self.inUse -= allocation->bytes;
  uint64_t offset = address - self.base();
  for (Arena *arena : {&self.data, &self.shadow, &self.written})
    arena->drop(offset, allocation->bytes);
  // The range with the gap behind it, joined with its neighbours.
  uint64_t low = offset, high = offset + allocation->bytes + kGap;
  auto next = self.gaps.upper_bound(low);
  if (next != self.gaps.begin() && std::prev(next)->second + kGap >= low)
    low = std::prev(next)->first, self.gaps.erase(std::prev(next));
  if (next != self.gaps.end() && next->first <= high + kPage)
    high = std::max(high, next->second), self.gaps.erase(next);
  self.gaps[low] = std::min(high, self.data.size);
  self.deadOrder.push_back(address);
  self.dead[address] = std::move(allocation);
  if (self.deadOrder.size() > kDeadLimit) {
    self.dead.erase(self.deadOrder.front());
    self.deadOrder.pop_front();
  }
  return true;
}

bool Memory::adopt(uint64_t address, uint64_t bytes, std::string label, bool readOnly) {
  Implementation &self = *implementation;
  std::unique_lock lock(self.mutex);
  auto next = self.live.lower_bound(address);
  bool overlaps = (next != self.live.end() && next->first - address < bytes) || self.containing(self.live, address) ||
                  (address < self.base() + self.data.size && address + bytes > self.base());
  if (bytes == 0 || address + bytes < address || overlaps)
    return false;
  auto allocation = std::make_unique<Allocation>();
  allocation->address = address;
  allocation->bytes = bytes;
  allocation->label = std::move(label);
  allocation->readOnly = readOnly;
  allocation->serial = ++self.serial;
  self.forgetDead(address, address + bytes);
  self.live[address] = std::move(allocation);
  return true;
}

void Memory::disown(uint64_t address) {
  Implementation &self = *implementation;
  std::unique_lock lock(self.mutex);
  auto found = self.live.find(address);
  if (found == self.live.end() || address - self.base() < self.data.size)
    return;
  found->second->alive = false;
  changes.fetch_add(1);
  self.dead[address] = std::move(found->second);
  self.deadOrder.push_back(address);
  self.live.erase(found);
}

const Allocation *Memory::find(uint64_t address, bool dead) const {
  const Implementation &self = *implementation;
  if (!dead) {
    const uint64_t change = changes.load(std::memory_order_acquire);
    for (const Cached &known : cached)
      if (address - known.low < known.high - known.low && known.owner == &self && known.change == change)
        return known.allocation;
    std::shared_lock lock(self.mutex);
    const Allocation *found = self.containing(self.live, address);
    if (found)
      cached[oldestCached++ % std::size(cached)] = {&self, changes.load(std::memory_order_acquire), found->address,
                                                    found->address + found->bytes, found};
    return found;
  }
  std::shared_lock lock(self.mutex);
  return self.containing(self.dead, address);
}

void Memory::markDefined(uint64_t address, uint64_t bytes) {
  if (const Allocation *allocation = find(address); allocation && allocation->shadow) {
    uint64_t offset = address - allocation->address;
    std::memset(allocation->shadow + offset, 0xff, std::min(bytes, allocation->bytes - offset));
  }
}

void Memory::noteWritten(uint64_t address, uint64_t bytes) {
  const Implementation &self = *implementation;
  if (self.written.base && address - self.base() < self.data.size) // not for adopted memory
    std::memset(self.written.base + (address - self.base()), 1, bytes);
}

uint64_t Memory::firstUndefined(uint64_t address, uint64_t bytes) const {
  const Allocation *allocation = find(address);
  if (!allocation || !allocation->shadow)
    return bytes;
  uint64_t offset = address - allocation->address, end = std::min(bytes, allocation->bytes - offset);
  const uint8_t *shadow = allocation->shadow + offset;
  const uint8_t *written = implementation->written.base + (address - implementation->base());
  for (uint64_t i = 0; i < end; ++i)
    if (shadow[i] != 0xff && written[i])
      return i;
  return bytes;
}

uint64_t Memory::countUnwritten(uint64_t address, uint64_t elements, uint64_t elementBytes, uint64_t &first) const {
  const Allocation *allocation = find(address);
  if (!allocation || !allocation->shadow || elementBytes == 0)
    return 0;
  const uint64_t offset = address - allocation->address;
  elements = std::min(elements, (allocation->bytes - offset) / elementBytes);
  const uint8_t *shadow = allocation->shadow + offset;
  const uint8_t *written = implementation->written.base + (address - implementation->base());
  auto isZero = [](uint8_t byte) { return byte == 0; };
  uint64_t count = 0;
  for (uint64_t k = 0; k < elements; ++k, shadow += elementBytes, written += elementBytes)
    if (std::all_of(shadow, shadow + elementBytes, isZero) && std::all_of(written, written + elementBytes, isZero))
      if (count++ == 0)
        first = k;
  return count;
}

uint64_t Memory::bytesInUse() const {
  std::shared_lock lock(implementation->mutex);
  return implementation->inUse;
}

void Memory::enableShadow() {
  Implementation &self = *implementation;
  std::unique_lock lock(self.mutex);
  if (self.shadow.base && !self.shadowStale)
    return;
  if (!self.shadow.base && (!self.shadow.reserve(self.data.size) || !self.written.reserve(self.data.size)))
    throw std::runtime_error("no address space for the shadow of device memory");
  self.shadowStale = false;
  for (auto &[address, allocation] : self.live) {
    uint64_t offset = address - self.base();
    if (offset >= self.data.size)
      continue; // adopted
    if (!self.shadow.grant(offset + allocation->bytes) || !self.written.grant(offset + allocation->bytes))
      throw std::runtime_error("no memory for the shadow of device memory");
    allocation->shadow = self.shadow.base + offset;
    std::memset(allocation->shadow, 0xff, allocation->bytes);
  }
  changes.fetch_add(1);
}

void Memory::distrustShadow() {
  std::unique_lock lock(implementation->mutex);
  implementation->shadowStale = true;
}

void Memory::forEach(const std::function<void(const Allocation &)> &visit) const {
  std::shared_lock lock(implementation->mutex);
  for (auto &[address, allocation] : implementation->live)
    visit(*allocation);
}

std::string Memory::explain(uint64_t address, uint64_t bytes, bool &freed) const {
  const Implementation &self = *implementation;
  std::shared_lock lock(self.mutex);
  auto describe = [](const Allocation &a) {
    return std::to_string(a.bytes) + "-byte allocation '" + a.label + "' at 0x" + llvm::utohexstr(a.address, true);
  };
  freed = false;
  if (const Allocation *a = self.containing(self.live, address)) // the start is inside: the end must be outside
    return std::to_string(bytes - (a->bytes - (address - a->address))) + " of them behind the end of the " +
           describe(*a);
  if (const Allocation *a = self.containing(self.dead, address)) {
    freed = true;
    return std::to_string(address - a->address) + " bytes into the freed " + describe(*a);
  }
  if (address < self.base() || address - self.base() >= self.data.size)
    return address < kPage ? "a null pointer" : "not an address of device memory";
  auto next = self.live.upper_bound(address);
  const Allocation *after = next == self.live.end() ? nullptr : next->second.get();
  const Allocation *before = next == self.live.begin() ? nullptr : std::prev(next)->second.get();
  if (before && (!after || address - (before->address + before->bytes) <= after->address - address))
    return std::to_string(address - (before->address + before->bytes)) + " bytes behind the end of the " +
           describe(*before);
  if (after)
    return std::to_string(after->address - address) + " bytes in front of the " + describe(*after);
  return "there is no allocation";
}

} // namespace ptxsim
