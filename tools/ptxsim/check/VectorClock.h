// A vector clock that is cheap to share: a persistent tree over the components of a launch.
//
// A leaf holds the clocks of 32 neighbouring components (the lanes of a warp), an inner node has 16 children. Copies
// share the whole tree; a change copies the path to one leaf, or nothing where the path has a single owner. Joining two
// clocks walks only the parts that differ, and shares a part as soon as one side dominates it: after a barrier all
// threads have one tree. Reference counts are plain integers: the clocks of a launch belong to one host thread.
#pragma once

#include <cstdint>
#include <utility>

namespace ptxsim {

class VectorClock {
public:
  VectorClock() = default;
  VectorClock(const VectorClock &other) : root(retain(other.root)) {}
  VectorClock(VectorClock &&other) noexcept : root(std::exchange(other.root, nullptr)) {}
  VectorClock &operator=(VectorClock other) noexcept {
    std::swap(root, other.root);
    return *this;
  }
  ~VectorClock() { release(root); }

  /// The clock of a component; 0 if nothing of it is known.
  uint32_t get(uint32_t component) const {
    const Node *node = root;
    if (!node || component >> kLeafBits >> (kInnerBits * node->height))
      return 0;
    for (uint32_t height = node->height; height; --height) {
      node = node->children[component >> (kLeafBits + kInnerBits * (height - 1)) & (kChildren - 1)];
      if (!node)
        return 0;
    }
    return node->clocks[component & (kClocks - 1)];
  }
  void raise(uint32_t component, uint32_t clock);  ///< the component becomes at least `clock`
  void join(const VectorClock &other);             ///< the maximum, component by component
  bool operator<=(const VectorClock &other) const; ///< every component is at most the other's

  bool empty() const { return !root; }
  bool shares(const VectorClock &other) const { return root == other.root; } ///< surely equal
  /// Identifies the tree; it only grows while it keeps its serial, so "contained in the tree of serial s" stays true.
  uint64_t serial() const { return root ? root->serial : 0; }

private:
  static constexpr uint32_t kLeafBits = 5, kInnerBits = 4, kClocks = 1 << kLeafBits, kChildren = 1 << kInnerBits;
  struct Node {
    uint32_t references, height; ///< height 0: a leaf
    uint64_t serial;
    union {
      uint32_t clocks[kClocks];
      Node *children[kChildren];
    };
  };
  Node *root = nullptr;

  static Node *retain(Node *node) {
    if (node)
      ++node->references;
    return node;
  }
  static void release(Node *node) {
    if (node && --node->references == 0)
      destroy(node);
  }
  static void destroy(Node *node);
  static Node *create(uint32_t height);
  static void makeUnique(Node *&node);
  static void joinInto(Node *&into, Node *from);
  static bool contained(const Node *node, const Node *in);
  void growTo(uint32_t height);
};

} // namespace ptxsim
