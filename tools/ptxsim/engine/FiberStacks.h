// Stacks for fibers, kept for reuse. A host thread has a pool of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ptxsim {

class FiberStacks {
public:
  struct Stack {
    uint8_t *low = nullptr, *top = nullptr;
  };
  ~FiberStacks();
  /// With all given back: what each stack must hold, in bytes. Most programs need no more than the least.
  void setUsable(size_t bytes);
  /// Sees to it that `total` can be taken at a time; throws std::runtime_error when the host has no memory.
  void reserve(size_t total);
  Stack take() {
    Stack stack = idle.back();
    idle.pop_back();
    return stack;
  }
  void trim(); ///< with all given back: returns the host's memory if it is much
  void give(Stack stack) { idle.push_back(stack); }

private:
  static constexpr size_t kLeastUsable = 256 << 10;
  void grow();
  void release();
  size_t slotBytes() const;
  size_t perSlab() const { return usable > 4 * kLeastUsable ? 4 : 64; }
  size_t usable = kLeastUsable; ///< below the staggered top
  std::vector<Stack> idle;
  std::vector<void *> slabs;
  size_t made = 0;
};

} // namespace ptxsim
