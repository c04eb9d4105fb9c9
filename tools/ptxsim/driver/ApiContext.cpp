// cuDevicePrimaryCtx*, cuCtx*: contexts and each host thread's stack of them.
#include "driver/Driver.h"

#include <algorithm>

using namespace ptxsim;

namespace {

void requireDevice(CUdevice device) { require(device == 0, CUDA_ERROR_INVALID_DEVICE); }

CUresult create(const char *name, CUcontext *out, unsigned flags, CUdevice device) {
  return withDriver(name, [&](Driver &driver) {
    requirePointer(out);
    requireDevice(device);
    require(!(flags & ~unsigned(CU_CTX_FLAGS_MASK)), CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<Context> context = driver.newContext(flags);
    contextStack().push_back(context);
    *out = driver.contexts.toHandle(*context);
    return CUDA_SUCCESS;
  });
}

std::shared_ptr<Context> find(Driver &driver, CUcontext handle) {
  std::shared_ptr<Context> context = driver.contexts.find(handle);
  require(context != nullptr, CUDA_ERROR_INVALID_CONTEXT, "the context does not exist (destroyed, or never created)");
  return context;
}

/// The context that a handle names, or the current one for null.
std::shared_ptr<Context> findOrCurrent(Driver &driver, CUcontext handle) {
  if (handle)
    return find(driver, handle);
  std::shared_ptr<Context> context = currentContext();
  require(context != nullptr, CUDA_ERROR_INVALID_CONTEXT);
  return context;
}

CUresult synchronise(const char *name, CUcontext handle) {
  return withDriver(name, [&](Driver &driver) {
    std::shared_ptr<Context> context = findOrCurrent(driver, handle);
    if (context->error != CUDA_SUCCESS)
      return context->error;
    for (const auto &[id, stream] : driver.streams.all())
      if (stream->capture && stream->context.lock() == context &&
          stream->capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED) {
        stream->capture->invalidated = true;
        throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a stream of the context is being captured"};
      }
    driver.queue.finishContext(context);
    return CUDA_SUCCESS;
  });
}

} // namespace

CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(out);
    requireDevice(device);
    if (!driver.primary) {
      driver.primary = driver.newContext(driver.primaryFlags);
      driver.primary->primary = true;
    }
    ++driver.primaryCount;
    *out = driver.contexts.toHandle(*driver.primary);
    return CUDA_SUCCESS;
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requireDevice(device);
    require(driver.primaryCount, CUDA_ERROR_INVALID_CONTEXT);
    if (--driver.primaryCount == 0) {
      driver.destroyContext(driver.primary);
      driver.primary = nullptr;
    }
    return CUDA_SUCCESS;
  });
}
CUresult cuDevicePrimaryCtxRelease(CUdevice device) { return cuDevicePrimaryCtxRelease_v2(device); }

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requireDevice(device);
    if (driver.primary)
      driver.destroyContext(driver.primary);
    driver.primary = nullptr;
    driver.primaryCount = 0;
    return CUDA_SUCCESS;
  });
}
CUresult cuDevicePrimaryCtxReset(CUdevice device) { return cuDevicePrimaryCtxReset_v2(device); }

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  return withDriver(__func__, [&](Driver &driver) {
    requireDevice(device);
    require(!(flags & ~unsigned(CU_CTX_FLAGS_MASK)), CUDA_ERROR_INVALID_VALUE);
    driver.primaryFlags = flags;
    if (driver.primary)
      driver.primary->flags = flags;
    return CUDA_SUCCESS;
  });
}
CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags) {
  return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
  return withDriver(__func__, [&](Driver &driver) {
    requireDevice(device);
    require(flags && active, CUDA_ERROR_INVALID_VALUE);
    *flags = driver.primaryFlags;
    *active = driver.primary != nullptr;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxCreate(CUcontext *out, unsigned flags, CUdevice device) { return create(__func__, out, flags, device); }
CUresult cuCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device) {
  return create(__func__, out, flags, device);
}
CUresult cuCtxCreate_v3(CUcontext *out, CUexecAffinityParam *, int numParams, unsigned flags, CUdevice device) {
  // Affinity to a number of multiprocessors needs MPS.
  return numParams ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY : create(__func__, out, flags, device);
}
CUresult cuCtxCreate_v4(CUcontext *out, CUctxCreateParams *parameters, unsigned flags, CUdevice device) {
  if (parameters && parameters->numExecAffinityParams)
    return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  if (parameters && parameters->cigParams)
    return CUDA_ERROR_NOT_SUPPORTED;
  return create(__func__, out, flags, device);
}

CUresult cuCtxDestroy_v2(CUcontext handle) {
  return withDriver(__func__, [&](Driver &driver) {
    std::shared_ptr<Context> context = find(driver, handle);
    require(!context->primary, CUDA_ERROR_INVALID_CONTEXT, "the primary context is released, not destroyed");
    driver.destroyContext(context);
    if (currentContext() == context)
      contextStack().pop_back();
    return CUDA_SUCCESS;
  });
}
CUresult cuCtxDestroy(CUcontext handle) { return cuCtxDestroy_v2(handle); }

CUresult cuCtxDetach(CUcontext handle) { return cuCtxDestroy_v2(handle); }

CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  return withDriver(__func__, [&](Driver &driver) {
    contextStack().push_back(find(driver, handle));
    return CUDA_SUCCESS;
  });
}
CUresult cuCtxPushCurrent(CUcontext handle) { return cuCtxPushCurrent_v2(handle); }

CUresult cuCtxPopCurrent_v2(CUcontext *out) {
  return withDriver(__func__, [&](Driver &driver) {
    require(!contextStack().empty(), CUDA_ERROR_INVALID_CONTEXT);
    if (out)
      *out = driver.contexts.toHandle(*contextStack().back());
    contextStack().pop_back();
    return CUDA_SUCCESS;
  });
}
CUresult cuCtxPopCurrent(CUcontext *out) { return cuCtxPopCurrent_v2(out); }

CUresult cuCtxSetCurrent(CUcontext handle) {
  return withDriver(__func__, [&](Driver &driver) {
    std::shared_ptr<Context> context = handle ? find(driver, handle) : nullptr;
    if (!contextStack().empty())
      contextStack().pop_back();
    if (context)
      contextStack().push_back(context);
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetCurrent(CUcontext *out) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(out);
    *out = currentContext() ? driver.contexts.toHandle(*currentContext()) : nullptr;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetDevice(CUdevice *device) { return cuCtxGetDevice_v2(device, nullptr); }
CUresult cuCtxGetDevice_v2(CUdevice *device, CUcontext handle) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(device);
    findOrCurrent(driver, handle);
    *device = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetFlags(unsigned *flags) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    requirePointer(flags);
    *flags = context->flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetFlags(unsigned flags) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    require(!(flags & ~unsigned(CU_CTX_FLAGS_MASK)), CUDA_ERROR_INVALID_VALUE);
    context->flags = flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetId(CUcontext handle, unsigned long long *id) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(id);
    *id = findOrCurrent(driver, handle)->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetApiVersion(CUcontext handle, unsigned *version) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(version);
    *version = findOrCurrent(driver, handle)->apiVersion;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSynchronize() { return synchronise(__func__, nullptr); }
CUresult cuCtxSynchronize_v2(CUcontext context) { return synchronise(__func__, context); }

CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    require(limit < CU_LIMIT_MAX, CUDA_ERROR_INVALID_VALUE);
    auto found = context->limits.find(limit);
    require(found != context->limits.end(), CUDA_ERROR_UNSUPPORTED_LIMIT);
    found->second = value;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetLimit(size_t *value, CUlimit limit) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    requirePointer(value);
    auto found = context->limits.find(limit);
    require(found != context->limits.end(), CUDA_ERROR_UNSUPPORTED_LIMIT);
    *value = found->second;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetCacheConfig(CUfunc_cache *config) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    requirePointer(config);
    *config = context->cacheConfig;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    require(config <= CU_FUNC_CACHE_PREFER_EQUAL, CUDA_ERROR_INVALID_VALUE);
    context->cacheConfig = config;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetSharedMemConfig(CUsharedconfig *config) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    requirePointer(config);
    *config = context->sharedConfig;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetSharedMemConfig(CUsharedconfig config) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &context) {
    context->sharedConfig = config;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &) {
    if (least)
      *least = 0;
    if (greatest)
      *greatest = -5;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxResetPersistingL2Cache() {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &) { return CUDA_SUCCESS; });
}

CUresult cuCtxGetExecAffinity(CUexecAffinityParam *, CUexecAffinityType) {
  return withContext(__func__,
                     [&](Driver &, const std::shared_ptr<Context> &) { return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY; });
}

CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(!flags, CUDA_ERROR_INVALID_VALUE);
    find(driver, peer);
    return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED; // one device, which is not its own peer
  });
}

CUresult cuCtxDisablePeerAccess(CUcontext peer) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    find(driver, peer);
    return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  });
}
