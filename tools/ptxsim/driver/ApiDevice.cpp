// cuInit, cuDevice*: the one device.
#include "driver/Attributes.h"
#include "driver/Driver.h"

#include <cstring>
#include <unistd.h>

using namespace ptxsim;

namespace {

void requireDevice(CUdevice device) { require(device == 0, CUDA_ERROR_INVALID_DEVICE); }

const char *productName(const Architecture &architecture) {
  return architecture.major >= 9 ? "NVIDIA H100 80GB HBM3" : "NVIDIA A100-SXM4-80GB";
}

constexpr char kPciBusId[] = "0000:01:00.0";

} // namespace

CUresult cuInit(unsigned flags) {
  if (flags)
    return CUDA_ERROR_INVALID_VALUE;
  Driver &driver = Driver::get();
  std::lock_guard lock(driver.mutex);
  return driver.initialise();
}

CUresult cuDriverGetVersion(int *version) {
  if (!version)
    return CUDA_ERROR_INVALID_VALUE;
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  return withDriver(__func__, [&](Driver &) {
    requirePointer(device);
    requireDevice(ordinal);
    *device = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetCount(int *count) {
  return withDriver(__func__, [&](Driver &) {
    requirePointer(count);
    *count = 1;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    require(name && length > 0, CUDA_ERROR_INVALID_VALUE);
    requireDevice(device);
    std::strncpy(name, productName(driver.device->architecture()), size_t(length));
    name[length - 1] = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(uuid);
    requireDevice(device);
    std::memset(uuid->bytes, 0, sizeof uuid->bytes);
    std::strncpy(uuid->bytes, driver.device->architecture().major >= 9 ? "ptxsim H100" : "ptxsim A100",
                 sizeof uuid->bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(bytes);
    requireDevice(device);
    *bytes = driver.device->architecture().globalBytes;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(value);
    requireDevice(device);
    require(deviceAttribute(driver.device->architecture(), attribute, *value), CUDA_ERROR_INVALID_VALUE);
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    require(major && minor, CUDA_ERROR_INVALID_VALUE);
    requireDevice(device);
    *major = int(driver.device->architecture().major);
    *minor = int(driver.device->architecture().minor);
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetProperties(CUdevprop *properties, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(properties);
    requireDevice(device);
    auto get = [&](CUdevice_attribute attribute) {
      int value = 0;
      deviceAttribute(driver.device->architecture(), attribute, value);
      return value;
    };
    properties->maxThreadsPerBlock = get(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
    for (int axis = 0; axis < 3; ++axis) {
      properties->maxThreadsDim[axis] = get(CUdevice_attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + axis));
      properties->maxGridSize[axis] = get(CUdevice_attribute(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + axis));
    }
    properties->sharedMemPerBlock = get(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
    properties->totalConstantMemory = get(CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY);
    properties->SIMDWidth = get(CU_DEVICE_ATTRIBUTE_WARP_SIZE);
    properties->memPitch = get(CU_DEVICE_ATTRIBUTE_MAX_PITCH);
    properties->regsPerBlock = get(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK);
    properties->clockRate = get(CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
    properties->textureAlign = get(CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT);
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
  return withDriver(__func__, [&](Driver &) {
    require(id && length > 0, CUDA_ERROR_INVALID_VALUE);
    requireDevice(device);
    std::strncpy(id, kPciBusId, size_t(length));
    id[length - 1] = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetByPCIBusId(CUdevice *device, const char *id) {
  return withDriver(__func__, [&](Driver &) {
    require(device && id, CUDA_ERROR_INVALID_VALUE);
    require(std::strcmp(id, kPciBusId) == 0, CUDA_ERROR_INVALID_DEVICE);
    *device = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetExecAffinitySupport(int *supported, CUexecAffinityType type, CUdevice device) {
  return withDriver(__func__, [&](Driver &) {
    requirePointer(supported);
    requireDevice(device);
    require(type == CU_EXEC_AFFINITY_TYPE_SM_COUNT, CUDA_ERROR_INVALID_VALUE);
    *supported = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
  return withDriver(__func__, [&](Driver &) {
    requirePointer(can);
    requireDevice(device);
    requireDevice(peer);
    *can = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetP2PAttribute(int *, CUdevice_P2PAttribute, CUdevice, CUdevice) {
  // There is no second device, and a device is not its own peer.
  return withDriver(__func__, [&](Driver &) { return CUDA_ERROR_INVALID_DEVICE; });
}

CUresult cuFlushGPUDirectRDMAWrites(CUflushGPUDirectRDMAWritesTarget, CUflushGPUDirectRDMAWritesScope) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &) { return CUDA_SUCCESS; });
}

CUresult cuDeviceGetHostAtomicCapabilities(unsigned *capabilities, const CUatomicOperation *operations, unsigned count,
                                           CUdevice device) {
  return withDriver(__func__, [&](Driver &) {
    require(capabilities && operations, CUDA_ERROR_INVALID_VALUE);
    requireDevice(device);
    for (unsigned k = 0; k < count; ++k)
      capabilities[k] = 0; // as over PCI Express, where host memory knows no native atomics of the device
    return CUDA_SUCCESS;
  });
}
