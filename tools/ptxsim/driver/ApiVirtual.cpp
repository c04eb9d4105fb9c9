// Virtual memory management: cuMemAddressReserve, cuMemCreate, cuMemMap, cuMemSetAccess. Addresses come from the host's
// mmap, physical memory is a memory file, so that one may be mapped at several addresses. Each unbroken accessible part
// of a reservation is one allocation for the checks (always defined: poison does not follow aliases).
#include "driver/Streams.h"

#include <algorithm>
#include <sys/mman.h>
#include <unistd.h>

using namespace ptxsim;

namespace {

constexpr uint64_t kGranularity = 2 << 20; // as on the chips

struct Physical {
  uint64_t handle = 0, bytes = 0;
  int file = -1;
  unsigned references = 1;
  CUmemAllocationProp properties{};
  ~Physical() {
    if (file >= 0)
      close(file);
  }
};

struct Mapping {
  uint64_t bytes = 0;
  std::shared_ptr<Physical> physical;
  CUmemAccess_flags access = CU_MEM_ACCESS_FLAGS_PROT_NONE;
};

/// Used under the driver's lock, never destroyed.
struct State {
  std::map<uint64_t, uint64_t> reservations; // address -> bytes
  std::map<uint64_t, Mapping> mappings;
  std::map<uint64_t, std::shared_ptr<Physical>> physicals;
  std::vector<uint64_t> runs; // allocations that stand for accessible parts
};

State &state() {
  static State *instance = new State;
  return *instance;
}

bool aligned(uint64_t value) { return value % kGranularity == 0; }

std::shared_ptr<Physical> find(CUmemGenericAllocationHandle handle) {
  auto found = state().physicals.find(handle);
  require(found != state().physicals.end(), CUDA_ERROR_INVALID_VALUE, "the memory handle does not exist");
  return found->second;
}

/// Declares the accessible parts to Memory anew: neighbours with the same rights become one allocation.
void publish(Driver &driver) {
  Memory &memory = driver.device->memory();
  for (uint64_t run : state().runs)
    memory.disown(run);
  state().runs.clear();
  uint64_t start = 0, end = 0;
  bool readOnly = false;
  auto close = [&] {
    if (end > start && memory.adopt(start, end - start, "cuMemMap", readOnly))
      state().runs.push_back(start);
    start = end = 0;
  };
  for (const auto &[address, mapping] : state().mappings) {
    if (mapping.access == CU_MEM_ACCESS_FLAGS_PROT_NONE)
      continue;
    bool only = mapping.access == CU_MEM_ACCESS_FLAGS_PROT_READ;
    bool sameReservation = !state().reservations.count(address);
    if (address != end || only != readOnly || !sameReservation)
      close(), start = address;
    end = address + mapping.bytes;
    readOnly = only;
  }
  close();
}

/// The mappings that make up exactly these addresses. Throws if there are gaps or a mapping sticks out.
std::vector<uint64_t> covering(uint64_t address, uint64_t bytes) {
  std::vector<uint64_t> found;
  uint64_t at = address;
  while (at < address + bytes) {
    auto mapping = state().mappings.find(at);
    require(mapping != state().mappings.end() && mapping->second.bytes <= address + bytes - at,
            CUDA_ERROR_INVALID_VALUE, "the range is not made up of whole mappings");
    found.push_back(at);
    at += mapping->second.bytes;
  }
  return found;
}

} // namespace

CUresult cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *properties,
                                       CUmemAllocationGranularity_flags) {
  return withDriver(__func__, [&](Driver &) {
    require(granularity && properties, CUDA_ERROR_INVALID_VALUE);
    *granularity = kGranularity;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAddressReserve(CUdeviceptr *out, size_t bytes, size_t alignment, CUdeviceptr, unsigned long long flags) {
  return withDriver(__func__, [&](Driver &) {
    require(out && bytes && aligned(bytes) && !flags && !(alignment & (alignment - 1)), CUDA_ERROR_INVALID_VALUE);
    alignment = std::max<size_t>(alignment, kGranularity);
    void *at = mmap(nullptr, bytes + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(at != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    uint64_t address = (reinterpret_cast<uint64_t>(at) + alignment - 1) / alignment * alignment;
    uint64_t before = address - reinterpret_cast<uint64_t>(at);
    if (before)
      munmap(at, before);
    munmap(reinterpret_cast<void *>(address + bytes), alignment - before);
    state().reservations[address] = bytes;
    *out = address;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAddressFree(CUdeviceptr address, size_t bytes) {
  return withDriver(__func__, [&](Driver &) {
    auto found = state().reservations.find(address);
    require(found != state().reservations.end() && found->second == bytes, CUDA_ERROR_INVALID_VALUE);
    auto mapped = state().mappings.lower_bound(address);
    require(mapped == state().mappings.end() || mapped->first >= address + bytes, CUDA_ERROR_INVALID_VALUE,
            "the range still has mappings");
    munmap(reinterpret_cast<void *>(address), bytes);
    state().reservations.erase(found);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *out, size_t bytes, const CUmemAllocationProp *properties,
                     unsigned long long flags) {
  return withDriver(__func__, [&](Driver &) {
    require(out && properties && bytes && aligned(bytes) && !flags, CUDA_ERROR_INVALID_VALUE);
    require(properties->type == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_INVALID_VALUE);
    require(properties->requestedHandleTypes == CU_MEM_HANDLE_TYPE_NONE, CUDA_ERROR_NOT_SUPPORTED,
            "memory that is shared with other processes is not implemented");
    auto physical = std::make_shared<Physical>();
    physical->file = memfd_create("ptxsim", 0);
    require(physical->file >= 0 && ftruncate(physical->file, off_t(bytes)) == 0, CUDA_ERROR_OUT_OF_MEMORY);
    physical->bytes = bytes;
    physical->properties = *properties;
    physical->handle = nextHandle();
    state().physicals[physical->handle] = physical;
    *out = physical->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return withDriver(__func__, [&](Driver &) {
    std::shared_ptr<Physical> physical = find(handle);
    if (--physical->references == 0) // mappings keep the memory
      state().physicals.erase(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *out, void *address) {
  return withDriver(__func__, [&](Driver &) {
    requirePointer(out);
    auto next = state().mappings.upper_bound(reinterpret_cast<uint64_t>(address));
    require(next != state().mappings.begin(), CUDA_ERROR_INVALID_VALUE);
    const auto &[start, mapping] = *std::prev(next);
    require(reinterpret_cast<uint64_t>(address) - start < mapping.bytes, CUDA_ERROR_INVALID_VALUE);
    if (state().physicals.emplace(mapping.physical->handle, mapping.physical).second)
      mapping.physical->references = 0;
    ++mapping.physical->references;
    *out = mapping.physical->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *out, CUmemGenericAllocationHandle handle) {
  return withDriver(__func__, [&](Driver &) {
    requirePointer(out);
    *out = find(handle)->properties;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemMap(CUdeviceptr address, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
  return withDriver(__func__, [&](Driver &) {
    std::shared_ptr<Physical> physical = find(handle);
    require(bytes && aligned(address) && aligned(bytes) && !offset && bytes <= physical->bytes && !flags,
            CUDA_ERROR_INVALID_VALUE);
    auto reserved = state().reservations.upper_bound(address);
    require(reserved != state().reservations.begin(), CUDA_ERROR_INVALID_VALUE, "the address is not reserved");
    --reserved;
    require(address - reserved->first < reserved->second && bytes <= reserved->second - (address - reserved->first),
            CUDA_ERROR_INVALID_VALUE, "the range is not inside a reservation");
    auto next = state().mappings.lower_bound(address);
    bool taken = next != state().mappings.end() && next->first < address + bytes;
    if (next != state().mappings.begin())
      taken |= std::prev(next)->first + std::prev(next)->second.bytes > address;
    require(!taken, CUDA_ERROR_INVALID_VALUE, "the range is mapped already");
    void *at = mmap(reinterpret_cast<void *>(address), bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, physical->file, 0);
    require(at != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    state().mappings[address] = {bytes, physical, CU_MEM_ACCESS_FLAGS_PROT_NONE};
    return CUDA_SUCCESS;
  });
}

CUresult cuMemSetAccess(CUdeviceptr address, size_t bytes, const CUmemAccessDesc *list, size_t count) {
  return withDriver(__func__, [&](Driver &driver) {
    require(list && count && bytes, CUDA_ERROR_INVALID_VALUE);
    for (size_t k = 0; k < count; ++k) {
      if (list[k].location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        continue; // the host may look in any case
      require(list[k].location.id == 0, CUDA_ERROR_INVALID_DEVICE);
      for (uint64_t at : covering(address, bytes)) {
        Mapping &mapping = state().mappings[at];
        mapping.access = list[k].flags;
        // Rights are checked by the simulator; the host process itself copies, so it needs both.
        bool any = mapping.access != CU_MEM_ACCESS_FLAGS_PROT_NONE;
        mprotect(reinterpret_cast<void *>(at), mapping.bytes, any ? PROT_READ | PROT_WRITE : PROT_NONE);
      }
    }
    publish(driver);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemGetAccess(unsigned long long *flags, const CUmemLocation *location, CUdeviceptr address) {
  return withDriver(__func__, [&](Driver &) {
    require(flags && location, CUDA_ERROR_INVALID_VALUE);
    auto next = state().mappings.upper_bound(address);
    require(next != state().mappings.begin(), CUDA_ERROR_INVALID_VALUE);
    --next;
    require(address - next->first < next->second.bytes, CUDA_ERROR_INVALID_VALUE);
    *flags = (unsigned long long)next->second.access;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemUnmap(CUdeviceptr address, size_t bytes) {
  return withDriver(__func__, [&](Driver &driver) {
    std::vector<uint64_t> gone = covering(address, bytes);
    // Work that was issued before still uses the memory.
    if (std::shared_ptr<Context> context = currentContext())
      driver.queue.finishContext(context);
    for (uint64_t at : gone)
      state().mappings.erase(at);
    publish(driver);
    mmap(reinterpret_cast<void *>(address), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
         -1, 0);
    return CUDA_SUCCESS;
  });
}
