// cuMemAlloc and its kin, host memory, memory pools, pointer attributes. Device memory, managed memory and the driver's
// host memory all come from one range of addresses, so that a pointer is the same on both sides.
#include "driver/Allocate.h"
#include "driver/Streams.h"

#include <cstring>

using namespace ptxsim;

CUdeviceptr ptxsim::allocate(Driver &driver, const std::shared_ptr<Context> &context, uint64_t bytes, const char *label,
                             CUmemorytype type, bool managed) {
  require(bytes, CUDA_ERROR_INVALID_VALUE);
  uint64_t address = driver.device->memory().allocate(bytes, label);
  require(address, CUDA_ERROR_OUT_OF_MEMORY);
  // The host writes its own and managed memory without telling anybody.
  if (type == CU_MEMORYTYPE_HOST || managed)
    driver.device->memory().markDefined(address, bytes);
  DriverAllocation &allocation = driver.allocations[address];
  allocation.type = type;
  allocation.managed = managed;
  allocation.context = context;
  allocation.bytes = bytes;
  allocation.id = ++driver.numAllocations;
  return address;
}

namespace {

/// The living allocation that starts here; otherwise throws, with a word about double frees.
std::map<uint64_t, DriverAllocation>::iterator owned(Driver &driver, CUdeviceptr address, CUmemorytype type) {
  auto found = driver.allocations.find(address);
  if (found != driver.allocations.end() && found->second.type == type && !found->second.freePending)
    return found;
  if (found != driver.allocations.end() && found->second.freePending)
    throw Failure{CUDA_ERROR_INVALID_VALUE, "the memory has been given to cuMemFreeAsync already"};
  if (driver.device->memory().find(address, true))
    throw Failure{CUDA_ERROR_INVALID_VALUE, "the memory has been freed already"};
  throw Failure{CUDA_ERROR_INVALID_VALUE, "the address is not the start of an allocation of this kind"};
}

void release(Driver &driver, std::map<uint64_t, DriverAllocation>::iterator at) {
  if (at->second.pool)
    at->second.pool->used -= at->second.bytes;
  driver.device->memory().free(at->first);
  driver.allocations.erase(at);
}

CUresult allocateHost(const char *name, void **out, size_t bytes, unsigned flags) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    const unsigned known = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
    require(out && !(flags & ~known), CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr address = allocate(driver, context, bytes, name, CU_MEMORYTYPE_HOST, false);
    driver.hostRanges[address] = {bytes, flags, false};
    *out = reinterpret_cast<void *>(address);
    return CUDA_SUCCESS;
  });
}

CUresult allocateFromPool(const char *name, CUdeviceptr *out, size_t bytes, CUmemoryPool poolHandle, CUstream handle) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    requirePointer(out);
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    if (stream->capture)
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "allocations inside a captured graph are not implemented"};
    std::shared_ptr<MemoryPool> pool = poolHandle ? driver.pools.find(poolHandle) : driver.currentPool;
    require(pool != nullptr, CUDA_ERROR_INVALID_HANDLE, "the memory pool does not exist");
    if (!bytes) {
      *out = 0;
      return CUDA_SUCCESS;
    }
    // The address is known at once; frees that lie before it in the stream make room first.
    try {
      *out = allocate(driver, context, bytes, name, CU_MEMORYTYPE_DEVICE, false);
    } catch (const Failure &failure) {
      if (failure.result != CUDA_ERROR_OUT_OF_MEMORY)
        throw;
      driver.queue.finishContext(context);
      *out = allocate(driver, context, bytes, name, CU_MEMORYTYPE_DEVICE, false);
    }
    driver.allocations[*out].pool = pool;
    pool->used += bytes;
    pool->usedHigh = std::max(pool->usedHigh, pool->used);
    return CUDA_SUCCESS;
  });
}

} // namespace

CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    uint64_t all = driver.device->architecture().globalBytes, used = driver.device->memory().bytesInUse();
    if (total)
      *total = all;
    if (free)
      *free = all - std::min(all, used);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t bytes) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    requirePointer(out);
    forbidDuringCapture(driver);
    *out = allocate(driver, context, bytes, "cuMemAlloc", CU_MEMORYTYPE_DEVICE, false);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAllocPitch_v2(CUdeviceptr *out, size_t *pitch, size_t width, size_t height, unsigned elementBytes) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    require(out && pitch && width && height && (elementBytes == 4 || elementBytes == 8 || elementBytes == 16),
            CUDA_ERROR_INVALID_VALUE);
    forbidDuringCapture(driver);
    size_t rounded = (width + 511) / 512 * 512;
    require(rounded >= width && height <= ~size_t(0) / rounded, CUDA_ERROR_OUT_OF_MEMORY);
    *out = allocate(driver, context, rounded * height, "cuMemAllocPitch", CU_MEMORYTYPE_DEVICE, false);
    *pitch = rounded;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAllocManaged(CUdeviceptr *out, size_t bytes, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    require(out && (flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST), CUDA_ERROR_INVALID_VALUE);
    forbidDuringCapture(driver);
    *out = allocate(driver, context, bytes, "cuMemAllocManaged", CU_MEMORYTYPE_DEVICE, true);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    if (!address)
      return CUDA_SUCCESS;
    forbidDuringCapture(driver);
    owned(driver, address, CU_MEMORYTYPE_DEVICE);
    driver.queue.finishContext(context); // it waits for all work, as on the chip
    release(driver, owned(driver, address, CU_MEMORYTYPE_DEVICE));
    return CUDA_SUCCESS;
  });
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes, CUdeviceptr address) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    const Allocation *allocation = driver.device->memory().find(address);
    require(allocation, CUDA_ERROR_NOT_FOUND);
    if (base)
      *base = allocation->address;
    if (bytes)
      *bytes = allocation->bytes;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAllocHost_v2(void **out, size_t bytes) {
  return allocateHost(__func__, out, bytes, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP);
}
CUresult cuMemHostAlloc(void **out, size_t bytes, unsigned flags) { return allocateHost(__func__, out, bytes, flags); }

CUresult cuMemFreeHost(void *host) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    CUdeviceptr address = reinterpret_cast<CUdeviceptr>(host);
    owned(driver, address, CU_MEMORYTYPE_HOST);
    driver.queue.finishContext(context);
    release(driver, owned(driver, address, CU_MEMORYTYPE_HOST));
    driver.hostRanges.erase(address);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *out, void *host, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(out && !flags && driver.isPinned(host, 1), CUDA_ERROR_INVALID_VALUE,
            "the host address was neither allocated by the driver nor registered");
    *out = reinterpret_cast<CUdeviceptr>(host);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostGetFlags(unsigned *flags, void *host) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(flags);
    auto next = driver.hostRanges.upper_bound(reinterpret_cast<uint64_t>(host));
    require(driver.isPinned(host, 1), CUDA_ERROR_INVALID_VALUE);
    *flags = std::prev(next)->second.flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostRegister_v2(void *host, size_t bytes, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    const unsigned known = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_READ_ONLY;
    require(host && bytes && !(flags & ~known), CUDA_ERROR_INVALID_VALUE);
    uint64_t address = reinterpret_cast<uint64_t>(host);
    auto next = driver.hostRanges.lower_bound(address);
    bool overlaps = (next != driver.hostRanges.end() && next->first < address + bytes) || driver.isPinned(host, 1);
    require(!overlaps, CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    require(driver.device->memory().adopt(address, bytes, "cuMemHostRegister", flags & CU_MEMHOSTREGISTER_READ_ONLY),
            CUDA_ERROR_INVALID_VALUE);
    driver.hostRanges[address] = {bytes, flags, true};
    return CUDA_SUCCESS;
  });
}
CUresult cuMemHostRegister(void *host, size_t bytes, unsigned flags) {
  return cuMemHostRegister_v2(host, bytes, flags);
}

CUresult cuMemHostUnregister(void *host) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    auto found = driver.hostRanges.find(reinterpret_cast<uint64_t>(host));
    require(found != driver.hostRanges.end() && found->second.registered, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    driver.queue.finishContext(context);
    driver.device->memory().disown(found->first);
    driver.hostRanges.erase(found);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAllocAsync(CUdeviceptr *out, size_t bytes, CUstream stream) {
  return allocateFromPool(__func__, out, bytes, nullptr, stream);
}
CUresult cuMemAllocFromPoolAsync(CUdeviceptr *out, size_t bytes, CUmemoryPool pool, CUstream stream) {
  return pool ? allocateFromPool(__func__, out, bytes, pool, stream) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    if (stream->capture)
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "frees inside a captured graph are not implemented"};
    if (!address)
      return CUDA_SUCCESS;
    auto found = owned(driver, address, CU_MEMORYTYPE_DEVICE);
    issue(driver, stream, FreeWork{address});
    // It may have run already, if a lot of work was waiting.
    if (found = driver.allocations.find(address); found != driver.allocations.end())
      found->second.freePending = true;
    return CUDA_SUCCESS;
  });
}
