// Memory pools, pointer attributes, hints about managed memory.
#include "driver/Driver.h"

#include <cstring>

using namespace ptxsim;

namespace {

std::shared_ptr<MemoryPool> find(Driver &driver, CUmemoryPool handle) {
  std::shared_ptr<MemoryPool> pool = driver.pools.find(handle);
  require(pool != nullptr, CUDA_ERROR_INVALID_HANDLE, "the memory pool does not exist");
  return pool;
}

CUresult givePool(const char *name, CUmemoryPool *out, CUdevice device, bool current) {
  return withDriver(name, [&](Driver &driver) {
    requirePointer(out);
    require(device == 0, CUDA_ERROR_INVALID_DEVICE);
    *out = driver.pools.toHandle(current ? *driver.currentPool : *driver.defaultPool);
    return CUDA_SUCCESS;
  });
}

/// One attribute of a pointer; false if the pointer is not known to the driver.
CUresult pointerAttribute(Driver &driver, void *data, CUpointer_attribute attribute, CUdeviceptr pointer) {
  auto found = driver.allocationAt(pointer);
  const Allocation *memory = driver.device->memory().find(pointer);
  bool pinned = driver.isPinned(reinterpret_cast<const void *>(pointer), 1);
  bool known = memory || pinned;
  bool ours = found != driver.allocations.end();
  auto give = [&](auto value) { std::memcpy(data, &value, sizeof value); };
  if (attribute == CU_POINTER_ATTRIBUTE_IS_MANAGED || attribute == CU_POINTER_ATTRIBUTE_MAPPED) {
    give(attribute == CU_POINTER_ATTRIBUTE_MAPPED ? char(known) : char(ours && found->second.managed));
    return CUDA_SUCCESS;
  }
  if (!known)
    return CUDA_ERROR_INVALID_VALUE;
  switch (int(attribute)) {
  case CU_POINTER_ATTRIBUTE_CONTEXT: {
    std::shared_ptr<Context> context = ours ? found->second.context.lock() : nullptr;
    give(context ? CUcontext(context->handle) : nullptr);
    return CUDA_SUCCESS;
  }
  case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    give(unsigned(pinned ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE));
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    give(pointer);
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_HOST_POINTER:
    if (!pinned && !(ours && found->second.managed))
      return CUDA_ERROR_INVALID_VALUE; // device memory is not for the host
    give(pointer);
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    give((unsigned long long)(ours ? found->second.id : memory ? memory->serial : 0));
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    give(int(0));
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    give(memory ? CUdeviceptr(memory->address) : pointer);
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    give(size_t(memory ? memory->bytes : 0));
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
  case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
  case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
  case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE:
    give(char(0));
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
    give((unsigned long long)0);
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
    give(unsigned(memory && memory->readOnly ? CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READ
                                             : CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE));
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
    give(ours && found->second.pool ? CUmemoryPool(found->second.pool->handle) : nullptr);
    return CUDA_SUCCESS;
  default:
    throw Failure{CUDA_ERROR_NOT_SUPPORTED, "pointer attribute " + std::to_string(attribute) + " is not implemented"};
  }
}

} // namespace

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
  return givePool(__func__, pool, device, false);
}
CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) { return givePool(__func__, pool, device, true); }

CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
  return withDriver(__func__, [&](Driver &driver) {
    require(device == 0, CUDA_ERROR_INVALID_DEVICE);
    driver.currentPool = find(driver, pool);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemGetDefaultMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
  if (!location || location->type != CU_MEM_LOCATION_TYPE_DEVICE || type != CU_MEM_ALLOCATION_TYPE_PINNED)
    return CUDA_ERROR_INVALID_VALUE;
  return givePool(__func__, pool, location->id, false);
}
CUresult cuMemGetMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
  if (!location || location->type != CU_MEM_LOCATION_TYPE_DEVICE || type != CU_MEM_ALLOCATION_TYPE_PINNED)
    return CUDA_ERROR_INVALID_VALUE;
  return givePool(__func__, pool, location->id, true);
}
CUresult cuMemSetMemPool(CUmemLocation *location, CUmemAllocationType type, CUmemoryPool pool) {
  if (!location || location->type != CU_MEM_LOCATION_TYPE_DEVICE || type != CU_MEM_ALLOCATION_TYPE_PINNED)
    return CUDA_ERROR_INVALID_VALUE;
  return cuDeviceSetMemPool(location->id, pool);
}

CUresult cuMemPoolCreate(CUmemoryPool *out, const CUmemPoolProps *properties) {
  return withDriver(__func__, [&](Driver &driver) {
    require(out && properties, CUDA_ERROR_INVALID_VALUE);
    require(properties->allocType == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_INVALID_VALUE);
    require(properties->handleTypes == CU_MEM_HANDLE_TYPE_NONE, CUDA_ERROR_NOT_SUPPORTED,
            "pools that are shared with other processes are not implemented");
    require(properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE && properties->location.id == 0,
            CUDA_ERROR_NOT_SUPPORTED, "pools of host memory are not implemented");
    *out = driver.pools.add(std::make_shared<MemoryPool>());
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolDestroy(CUmemoryPool handle) {
  return withDriver(__func__, [&](Driver &driver) {
    std::shared_ptr<MemoryPool> pool = find(driver, handle);
    require(!pool->isDefault, CUDA_ERROR_INVALID_VALUE, "the default pool is not destroyed");
    if (driver.currentPool == pool)
      driver.currentPool = driver.defaultPool;
    driver.pools.erase(*pool);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  return withDriver(__func__, [&](Driver &driver) {
    find(driver, pool); // freed memory is never kept
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(value);
    std::shared_ptr<MemoryPool> pool = find(driver, handle);
    switch (int(attribute)) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
      pool->attributes[attribute] = uint64_t(*static_cast<int *>(value));
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      pool->attributes[attribute] = *static_cast<cuuint64_t *>(value);
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      require(*static_cast<cuuint64_t *>(value) == 0, CUDA_ERROR_INVALID_VALUE);
      pool->usedHigh = pool->used;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
    }
  });
}

CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(value);
    std::shared_ptr<MemoryPool> pool = find(driver, handle);
    switch (int(attribute)) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: {
      auto found = pool->attributes.find(attribute);
      *static_cast<int *>(value) = found == pool->attributes.end() ? 1 : int(found->second);
      return CUDA_SUCCESS;
    }
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      *static_cast<cuuint64_t *>(value) = pool->attributes[attribute];
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
      *static_cast<cuuint64_t *>(value) = pool->used;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      *static_cast<cuuint64_t *>(value) = pool->usedHigh;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
    }
  });
}

CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc *list, size_t count) {
  return withDriver(__func__, [&](Driver &driver) {
    find(driver, pool);
    require(list || !count, CUDA_ERROR_INVALID_VALUE);
    for (size_t k = 0; k < count; ++k)
      require(list[k].location.type == CU_MEM_LOCATION_TYPE_DEVICE && list[k].location.id == 0,
              CUDA_ERROR_INVALID_DEVICE);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolGetAccess(CUmemAccess_flags *flags, CUmemoryPool pool, CUmemLocation *location) {
  return withDriver(__func__, [&](Driver &driver) {
    require(flags && location, CUDA_ERROR_INVALID_VALUE);
    find(driver, pool);
    *flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    return CUDA_SUCCESS;
  });
}

CUresult cuPointerGetAttribute(void *data, CUpointer_attribute attribute, CUdeviceptr pointer) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(data);
    return pointerAttribute(driver, data, attribute, pointer);
  });
}

CUresult cuPointerGetAttributes(unsigned count, CUpointer_attribute *attributes, void **data, CUdeviceptr pointer) {
  return withDriver(__func__, [&](Driver &driver) {
    require(attributes && data, CUDA_ERROR_INVALID_VALUE);
    for (unsigned k = 0; k < count; ++k) {
      requirePointer(data[k]);
      if (pointerAttribute(driver, data[k], attributes[k], pointer) == CUDA_SUCCESS)
        continue;
      // An unknown pointer is no error here: its attributes are zero.
      switch (int(attributes[k])) {
      case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
        std::memset(data[k], 0, sizeof(unsigned));
        break;
      case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: {
        int none = -2;
        std::memcpy(data[k], &none, sizeof none);
        break;
      }
      case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
      case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
      case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
      case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE:
        std::memset(data[k], 0, 1);
        break;
      default:
        std::memset(data[k], 0, 8);
      }
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuPointerSetAttribute(const void *value, CUpointer_attribute attribute, CUdeviceptr pointer) {
  return withDriver(__func__, [&](Driver &driver) {
    require(value && attribute == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, CUDA_ERROR_INVALID_VALUE);
    require(driver.device->memory().find(pointer), CUDA_ERROR_INVALID_VALUE);
    require(*static_cast<const unsigned *>(value) == 0, CUDA_ERROR_NOT_SUPPORTED,
            "CU_POINTER_ATTRIBUTE_SYNC_MEMOPS is not implemented");
    return CUDA_SUCCESS;
  });
}

// Managed memory is one memory for host and device: there is nothing to prefetch or to advise.
static CUresult managedHint(const char *name, CUdeviceptr address, size_t bytes) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    auto found = driver.allocationAt(address);
    require(bytes && found != driver.allocations.end() && found->second.managed &&
                bytes <= found->second.bytes - (address - found->first),
            CUDA_ERROR_INVALID_VALUE);
    return CUDA_SUCCESS;
  });
}
CUresult cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, CUdevice, CUstream) {
  return managedHint(__func__, address, bytes);
}
CUresult cuMemPrefetchAsync_v2(CUdeviceptr address, size_t bytes, CUmemLocation, unsigned, CUstream) {
  return managedHint(__func__, address, bytes);
}
CUresult cuMemAdvise(CUdeviceptr address, size_t bytes, CUmem_advise, CUdevice) {
  return managedHint(__func__, address, bytes);
}
CUresult cuMemAdvise_v2(CUdeviceptr address, size_t bytes, CUmem_advise, CUmemLocation) {
  return managedHint(__func__, address, bytes);
}
