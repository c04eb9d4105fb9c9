#include "check/VectorClock.h"

#include <algorithm>
#include <atomic>
#include <cstring>

using namespace ptxsim;

/// Serials are unique over all host threads: each takes a range at a time.
static uint64_t nextSerial() {
  constexpr uint64_t kRange = 1 << 20;
  static std::atomic<uint64_t> ranges{1};
  thread_local uint64_t next = 0, end = 0;
  if (next == end) {
    next = ranges.fetch_add(1, std::memory_order_relaxed) * kRange;
    end = next + kRange;
  }
  return next++;
}

VectorClock::Node *VectorClock::create(uint32_t height) {
  Node *node = new Node;
  node->references = 1;
  node->height = height;
  node->serial = nextSerial();
  static_assert(sizeof(node->clocks) == sizeof(node->children));
  std::memset(node->clocks, 0, sizeof(node->clocks));
  return node;
}

void VectorClock::destroy(Node *node) {
  if (node->height)
    for (Node *child : node->children)
      release(child);
  delete node;
}

void VectorClock::makeUnique(Node *&node) {
  if (node->references == 1)
    return;
  Node *copy = new Node(*node);
  copy->references = 1;
  copy->serial = nextSerial();
  if (copy->height)
    for (Node *child : copy->children)
      retain(child);
  --node->references;
  node = copy;
}

void VectorClock::growTo(uint32_t height) {
  if (!root) {
    root = create(height);
    return;
  }
  while (root->height < height) {
    Node *parent = create(root->height + 1);
    parent->children[0] = root;
    root = parent;
  }
}

void VectorClock::raise(uint32_t component, uint32_t clock) {
  if (get(component) >= clock)
    return;
  uint32_t height = 0;
  while (component >> kLeafBits >> (kInnerBits * height))
    ++height;
  growTo(std::max(height, root ? root->height : 0));
  Node **place = &root;
  for (height = root->height;; --height) {
    if (!*place)
      *place = create(height);
    makeUnique(*place);
    if (!height)
      break;
    place = &(*place)->children[component >> (kLeafBits + kInnerBits * (height - 1)) & (kChildren - 1)];
  }
  (*place)->clocks[component & (kClocks - 1)] = clock;
}

/// Both of one height. What has a single owner is changed in place; of two shared trees the greater one is taken.
void VectorClock::joinInto(Node *&into, Node *from) {
  if (!from || into == from)
    return;
  if (!into) {
    into = retain(from);
    return;
  }
  if (into->height == 0) {
    bool less = false, greater = false;
    for (uint32_t k = 0; k < kClocks; ++k) {
      less |= into->clocks[k] < from->clocks[k];
      greater |= into->clocks[k] > from->clocks[k];
    }
    if (!less)
      return;
    if (!greater) {
      release(into);
      into = retain(from);
      return;
    }
    makeUnique(into);
    for (uint32_t k = 0; k < kClocks; ++k)
      into->clocks[k] = std::max(into->clocks[k], from->clocks[k]);
    return;
  }
  if (into->references == 1) {
    for (uint32_t k = 0; k < kChildren; ++k)
      joinInto(into->children[k], from->children[k]);
    return;
  }
  Node *joined[kChildren];
  bool isInto = true, isFrom = true;
  for (uint32_t k = 0; k < kChildren; ++k) {
    joined[k] = retain(into->children[k]);
    joinInto(joined[k], from->children[k]);
    isInto &= joined[k] == into->children[k];
    isFrom &= joined[k] == from->children[k];
  }
  if (isInto || isFrom) {
    for (Node *child : joined)
      release(child);
    if (!isInto) {
      release(into);
      into = retain(from);
    }
    return;
  }
  Node *result = create(into->height);
  std::copy(std::begin(joined), std::end(joined), result->children);
  release(into);
  into = result;
}

void VectorClock::join(const VectorClock &other) {
  if (!other.root || root == other.root)
    return;
  if (!root) {
    root = retain(other.root);
    return;
  }
  if (root->height >= other.root->height) {
    VectorClock lifted = other;
    lifted.growTo(root->height);
    joinInto(root, lifted.root);
    return;
  }
  growTo(other.root->height);
  joinInto(root, other.root);
}

bool VectorClock::contained(const Node *node, const Node *in) {
  if (!node || node == in)
    return true;
  if (node->height == 0) {
    for (uint32_t k = 0; k < kClocks; ++k)
      if (node->clocks[k] > (in ? in->clocks[k] : 0))
        return false;
    return true;
  }
  for (uint32_t k = 0; k < kChildren; ++k)
    if (!contained(node->children[k], in ? in->children[k] : nullptr))
      return false;
  return true;
}

bool VectorClock::operator<=(const VectorClock &other) const {
  VectorClock left = *this, right = other;
  if (!left.root)
    return true;
  if (right.root) {
    uint32_t height = std::max(left.root->height, right.root->height);
    left.growTo(height);
    right.growTo(height);
  }
  return contained(left.root, right.root);
}
