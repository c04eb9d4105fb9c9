// Stacks for fibers, kept for reuse. A host thread has a pool of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ptxsim {

class FiberStacks {
public:
  static constexpr size_t kUsable = 256 << 10; ///< below the staggered top
  struct Stack {
    uint8_t *low = nullptr, *top = nullptr;
  };
  ~FiberStacks();
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
  void grow();
  std::vector<Stack> idle;
  std::vector<void *> slabs;
  size_t made = 0;
};

} // namespace ptxsim
