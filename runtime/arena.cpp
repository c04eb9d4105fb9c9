#include "runtime/arena.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace motley::runtime {

static constexpr int64_t hugePage = int64_t(2) << 20;
static constexpr size_t cacheLine = 64;

Buffer::Buffer(Buffer &&other) noexcept { *this = std::move(other); }

Buffer &Buffer::operator=(Buffer &&other) noexcept {
  std::swap(base, other.base);
  std::swap(size, other.size);
  std::swap(mappedBytes, other.mappedBytes);
  return *this;
}

Buffer::~Buffer() { release(); }

void Buffer::release() {
  if (mappedBytes)
    munmap(base, mappedBytes);
  else
    std::free(base);
  base = nullptr;
}

// Maps 2 MiB more than asked and gives back what lies before and behind the aligned part.
static void *mapAligned(size_t bytes) {
  size_t all = bytes + size_t(hugePage);
  void *start = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED)
    return nullptr;
  uintptr_t first = reinterpret_cast<uintptr_t>(start);
  uintptr_t aligned = (first + uintptr_t(hugePage) - 1) & ~(uintptr_t(hugePage) - 1);
  if (aligned > first)
    munmap(start, aligned - first);
  if (aligned + bytes < first + all)
    munmap(reinterpret_cast<void *>(aligned + bytes), first + all - aligned - bytes);
  void *base = reinterpret_cast<void *>(aligned);
  madvise(base, bytes, MADV_HUGEPAGE); // a wish; a kernel without huge pages says no, and that is fine
  return base;
}

Result<Buffer> Buffer::allocate(int64_t bytes, const std::string &what) {
  auto outOfMemory = [&] {
    return Status::error(Code::OutOfMemory,
                         "out of memory: cannot allocate " + std::to_string(bytes) + " bytes for " + what);
  };
  if (bytes < 0 || bytes > INT64_MAX - 2 * hugePage)
    return outOfMemory();
  Buffer buffer;
  if (bytes >= hugePage) {
    size_t rounded = (size_t(bytes) + size_t(hugePage) - 1) / size_t(hugePage) * size_t(hugePage);
    buffer.base = mapAligned(rounded);
    if (!buffer.base)
      return outOfMemory();
    buffer.mappedBytes = rounded;
  } else {
    size_t rounded = (size_t(bytes) + cacheLine) / cacheLine * cacheLine;
    buffer.base = std::aligned_alloc(cacheLine, rounded);
    if (!buffer.base)
      return outOfMemory();
    std::memset(buffer.base, 0, rounded);
  }
  buffer.size = bytes;
  return buffer;
}

} // namespace motley::runtime
