// Handles that programs hold. A handle is a number that is never used twice, not an address: a stale, foreign or
// made-up one is not found, and nothing is dereferenced.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

namespace ptxsim {

/// Serial numbers of all handles of the process. They start high, so that small integers (also CU_STREAM_LEGACY and
/// CU_STREAM_PER_THREAD) are never handles, and are multiples of 16, as addresses of objects would be.
uint64_t nextHandle();

/// The living objects of one kind. Object needs a member `uint64_t handle`.
template <class Handle, class Object> class Registry {
public:
  Handle add(std::shared_ptr<Object> object) {
    object->handle = nextHandle();
    objects.emplace(object->handle, object);
    return toHandle(*object);
  }
  /// The same handle as in the registry that the object is already in.
  Handle share(std::shared_ptr<Object> object) {
    objects.emplace(object->handle, object);
    return toHandle(*object);
  }
  /// Null if the handle is not one of a living object.
  std::shared_ptr<Object> find(Handle handle) const {
    auto found = objects.find(uint64_t(handle));
    return found == objects.end() ? nullptr : found->second;
  }
  void erase(const Object &object) { objects.erase(object.handle); }
  static Handle toHandle(const Object &object) { return Handle(object.handle); }
  const std::map<uint64_t, std::shared_ptr<Object>> &all() const { return objects; }

private:
  std::map<uint64_t, std::shared_ptr<Object>> objects;
};

} // namespace ptxsim
