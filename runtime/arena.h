// Aligned memory whose failure is a Status. Large buffers are aligned to 2 MiB and offered to the kernel as huge pages:
// packed banks are walked with long strides and would otherwise miss the TLB.
#ifndef MOTLEY_RUNTIME_ARENA_H
#define MOTLEY_RUNTIME_ARENA_H

#include "runtime/status.h"

#include <cstddef>
#include <cstdint>

namespace motley::runtime {

/// Zeroed memory, at least 64-byte aligned, 2 MiB aligned from 2 MiB on. Movable, freed with its owner.
class Buffer {
public:
  Buffer() = default;
  Buffer(Buffer &&other) noexcept;
  Buffer &operator=(Buffer &&other) noexcept;
  ~Buffer();

  /// `what` names the buffer in the message for out of memory. Zero bytes give a valid, unique pointer.
  static Result<Buffer> allocate(int64_t bytes, const std::string &what);

  void *data() const { return base; }
  template <typename T> T *as() const { return static_cast<T *>(base); }
  int64_t bytes() const { return size; }

private:
  void release();

  void *base = nullptr;
  int64_t size = 0;
  size_t mappedBytes = 0; // 0: from the C++ heap
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_ARENA_H
