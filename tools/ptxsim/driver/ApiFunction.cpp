// cuFunc*, cuOccupancy*.
#include "driver/Functions.h"

#include <algorithm>

using namespace ptxsim;

namespace {

uint64_t clusterBlocks(const DriverFunction &function, const CUlaunchConfig &config) {
  const std::array<uint32_t, 3> &required = function.kernel.function->reqnctapercluster;
  uint64_t blocks = required[0] ? uint64_t(required[0]) * std::max(1u, required[1]) * std::max(1u, required[2]) : 1;
  for (unsigned k = 0; k < config.numAttrs; ++k)
    if (config.attrs[k].id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
      const auto &cluster = config.attrs[k].value.clusterDim;
      blocks = uint64_t(cluster.x) * cluster.y * cluster.z;
    }
  return blocks;
}

unsigned threadsOf(const CUlaunchConfig &config) { return config.blockDimX * config.blockDimY * config.blockDimZ; }

/// A graphics processing cluster is assumed to have 16 multiprocessors, and a cluster of blocks stays inside one.
constexpr unsigned kMultiprocessorsPerCluster = 16;

} // namespace

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(value);
    *value = functionAttribute(driver, *driver.function(handle), attribute);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    setFunctionAttribute(driver, *driver.function(handle), attribute, value);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache config) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    driver.function(handle)->cacheConfig = config;
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetSharedMemConfig(CUfunction handle, CUsharedconfig) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    driver.function(handle); // banks are 4 bytes wide on every chip since sm_50
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncGetModule(CUmodule *out, CUfunction handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(out);
    std::shared_ptr<DriverModule> module = driver.function(handle)->module.lock();
    require(module != nullptr, CUDA_ERROR_INVALID_HANDLE);
    *out = driver.modules.toHandle(*module);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncGetName(const char **name, CUfunction handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(name);
    *name = driver.function(handle)->kernel.function->name.c_str();
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset, size_t *bytes) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    parameterInfo(*driver.function(handle), index, offset, bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncIsLoaded(CUfunctionLoadingState *state, CUfunction handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(state);
    driver.function(handle);
    *state = CU_FUNCTION_LOADING_STATE_LOADED;
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncLoad(CUfunction handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    driver.function(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction handle, int threads,
                                                              size_t shared, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(blocks && threads > 0 && !(flags & ~1u), CUDA_ERROR_INVALID_VALUE);
    *blocks = int(residentBlocks(driver.device->architecture(), *driver.function(handle), unsigned(threads), shared));
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads, size_t shared) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, handle, threads, shared, 0);
}

CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int *minGrid, int *bestBlock, CUfunction handle,
                                                   CUoccupancyB2DSize sharedOf, size_t shared, int limit,
                                                   unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(minGrid && bestBlock && !(flags & ~1u), CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<DriverFunction> function = driver.function(handle);
    const Architecture &chip = driver.device->architecture();
    unsigned most = function->maxThreads();
    if (limit > 0)
      most = std::min(most, unsigned(limit));
    uint64_t bestThreads = 0;
    *bestBlock = *minGrid = 0;
    // Largest first, so that among equally full ones the largest block wins.
    for (unsigned threads = (most + 31) / 32 * 32; threads; threads -= 32) {
      unsigned size = std::min(threads, most);
      unsigned blocks = residentBlocks(chip, *function, size, sharedOf ? sharedOf(int(size)) : shared);
      if (uint64_t(blocks) * size <= bestThreads)
        continue;
      bestThreads = uint64_t(blocks) * size;
      *bestBlock = int(size);
      *minGrid = int(blocks * chip.multiprocessors);
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxPotentialBlockSize(int *minGrid, int *bestBlock, CUfunction handle, CUoccupancyB2DSize sharedOf,
                                          size_t shared, int limit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(minGrid, bestBlock, handle, sharedOf, shared, limit, 0);
}

CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t *bytes, CUfunction handle, int blocks, int threads) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(bytes && blocks > 0 && threads > 0, CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<DriverFunction> function = driver.function(handle);
    const Architecture &chip = driver.device->architecture();
    require(residentBlocks(chip, *function, unsigned(threads), 0) >= unsigned(blocks), CUDA_ERROR_INVALID_VALUE);
    uint64_t each = chip.sharedPerMultiprocessor / unsigned(blocks) / 128 * 128;
    uint64_t taken = 1024 + function->staticShared;
    *bytes = std::min<uint64_t>(each > taken ? each - taken : 0, chip.sharedPerBlockOptIn - function->staticShared);
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxPotentialClusterSize(int *size, CUfunction handle, const CUlaunchConfig *config) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(size && config, CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<DriverFunction> function = driver.function(handle);
    const Architecture &chip = driver.device->architecture();
    unsigned resident = residentBlocks(chip, *function, threadsOf(*config), config->sharedMemBytes);
    auto allowed = function->attributes.find(CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
    unsigned most = allowed != function->attributes.end() && allowed->second ? 16 : 8;
    unsigned fits = chip.maxClusterBlocks > 1 ? std::min(most, resident * kMultiprocessorsPerCluster) : 0;
    *size = 0;
    for (unsigned power = 1; power <= fits; power *= 2)
      *size = int(power);
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxActiveClusters(int *clusters, CUfunction handle, const CUlaunchConfig *config) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(clusters && config && (config->attrs || !config->numAttrs), CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<DriverFunction> function = driver.function(handle);
    const Architecture &chip = driver.device->architecture();
    uint64_t blocks = clusterBlocks(*function, *config);
    require(blocks && blocks <= 16 && chip.maxClusterBlocks > 1, CUDA_ERROR_INVALID_CLUSTER_SIZE);
    unsigned resident = residentBlocks(chip, *function, threadsOf(*config), config->sharedMemBytes);
    unsigned groups = chip.multiprocessors / kMultiprocessorsPerCluster;
    unsigned rest = chip.multiprocessors % kMultiprocessorsPerCluster;
    *clusters = int(groups * (kMultiprocessorsPerCluster * resident / blocks) + rest * resident / blocks);
    return CUDA_SUCCESS;
  });
}
