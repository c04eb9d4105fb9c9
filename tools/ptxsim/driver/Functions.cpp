#include "driver/Functions.h"

#include <algorithm>
#include <cstring>

namespace ptxsim {
namespace {

constexpr uint64_t kReservedShared = 1024; // what the system keeps of each block's shared memory, since sm_80

uint64_t roundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

uint64_t product(const std::array<uint32_t, 3> &extent) { return uint64_t(extent[0]) * extent[1] * extent[2]; }

std::string text(const std::array<uint32_t, 3> &extent) {
  return std::to_string(extent[0]) + "," + std::to_string(extent[1]) + "," + std::to_string(extent[2]);
}

[[noreturn]] void refuse(CUresult result, const DriverFunction &function, const std::string &message) {
  throw Failure{result, "kernel " + function.kernel.function->name + ": " + message};
}

int attributeOr(const DriverFunction &function, int attribute, int otherwise) {
  auto found = function.attributes.find(attribute);
  return found == function.attributes.end() ? otherwise : found->second;
}

void applyAttributes(Driver &driver, const DriverFunction &function, LaunchConfig &config,
                     LaunchAttributes &attributes) {
  require(!attributes.count || attributes.list, CUDA_ERROR_INVALID_VALUE);
  for (unsigned k = 0; k < attributes.count; ++k) {
    const CUlaunchAttributeValue &value = attributes.list[k].value;
    switch (int(attributes.list[k].id)) {
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
      config.cluster = {value.clusterDim.x, value.clusterDim.y, value.clusterDim.z};
      break;
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
      config.cooperative = value.cooperative;
      break;
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
      attributes.launchCompletion = value.launchCompletionEvent.event;
      break;
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
      attributes.launchCompletion = value.programmaticEvent.event;
      break;
    // Hints of speed and order. A grid that may start early (programmatic stream serialisation) may also start late:
    // here it starts when the one before it has ended.
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING:
      break;
    default:
      refuse(CUDA_ERROR_NOT_SUPPORTED, function,
             "launch attribute " + std::to_string(attributes.list[k].id) + " is not implemented");
    }
  }
}

void checkCluster(Driver &driver, const DriverFunction &function, LaunchConfig &config) {
  const ptx::Function &kernel = *function.kernel.function;
  const Architecture &chip = driver.device->architecture();
  if (kernel.reqnctapercluster[0]) {
    if (product(config.cluster) != 1 && config.cluster != kernel.reqnctapercluster)
      refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE, function,
             "cluster " + text(config.cluster) + ", but .reqnctapercluster demands " + text(kernel.reqnctapercluster));
    config.cluster = kernel.reqnctapercluster;
  }
  uint64_t blocks = product(config.cluster);
  if (!blocks)
    refuse(CUDA_ERROR_INVALID_VALUE, function, "cluster " + text(config.cluster) + " is empty");
  if (blocks == 1)
    return;
  if (chip.maxClusterBlocks <= 1)
    refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE, function, std::string("clusters need sm_90, the device is ") + chip.name);
  // CUDA C++ Programming Guide, "Thread Block Clusters": 8 blocks are portable, 16 must be allowed.
  unsigned most = attributeOr(function, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 0) ? 16 : 8;
  if (blocks > most)
    refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE, function,
           "cluster " + text(config.cluster) + " has " + std::to_string(blocks) + " blocks, at most " +
               std::to_string(most) +
               (most == 8 ? " (16 with CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED)" : ""));
  for (unsigned axis = 0; axis < 3; ++axis)
    if (config.grid[axis] % config.cluster[axis])
      refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE, function,
             "grid " + text(config.grid) + " is not a multiple of cluster " + text(config.cluster));
}

void checkConfig(Driver &driver, const DriverFunction &function, LaunchConfig &config) {
  const ptx::Function &kernel = *function.kernel.function;
  const Architecture &chip = driver.device->architecture();
  static constexpr std::array<uint32_t, 3> kMaxGrid{2147483647, 65535, 65535}, kMaxBlock{1024, 1024, 64};
  for (unsigned axis = 0; axis < 3; ++axis) {
    if (!config.grid[axis] || config.grid[axis] > kMaxGrid[axis])
      refuse(CUDA_ERROR_INVALID_VALUE, function, "grid " + text(config.grid) + " is outside 1.." + text(kMaxGrid));
    if (!config.block[axis] || config.block[axis] > kMaxBlock[axis])
      refuse(CUDA_ERROR_INVALID_VALUE, function, "block " + text(config.block) + " is outside 1.." + text(kMaxBlock));
  }
  uint64_t threads = product(config.block);
  if (threads > 1024)
    refuse(CUDA_ERROR_INVALID_VALUE, function,
           "block " + text(config.block) + " has " + std::to_string(threads) + " threads, at most 1024");
  if (threads > function.maxThreads())
    refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, function,
           "block " + text(config.block) + " has " + std::to_string(threads) +
               " threads, but .maxntid (__launch_bounds__) allows " + std::to_string(function.maxThreads()));
  if (kernel.reqntid[0]) {
    std::array<uint32_t, 3> wanted = kernel.reqntid;
    for (uint32_t &extent : wanted)
      extent = std::max(1u, extent);
    if (config.block != wanted)
      refuse(CUDA_ERROR_INVALID_VALUE, function,
             "block " + text(config.block) + ", but .reqntid demands " + text(wanted));
  }
  if (config.dynamicShared > function.maxDynamicShared()) {
    uint64_t optIn = chip.sharedPerBlockOptIn - std::min<uint64_t>(chip.sharedPerBlockOptIn, function.staticShared);
    refuse(CUDA_ERROR_INVALID_VALUE, function,
           std::to_string(config.dynamicShared) + " bytes of dynamic shared memory, at most " +
               std::to_string(function.maxDynamicShared()) + " (up to " + std::to_string(optIn) +
               " after CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)");
  }
  checkCluster(driver, function, config);
  if (config.cooperative) {
    uint64_t resident =
        uint64_t(residentBlocks(chip, function, unsigned(threads), config.dynamicShared)) * chip.multiprocessors;
    if (product(config.grid) > resident)
      refuse(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, function,
             std::to_string(product(config.grid)) + " blocks, of which " + std::to_string(resident) +
                 " fit on the device at a time");
  }
}

std::vector<uint8_t> packParameters(const DriverFunction &function, void **parameters, void **extra) {
  const ptx::Function &kernel = *function.kernel.function;
  std::vector<uint8_t> block(kernel.parameterBytes());
  if (extra) {
    require(!parameters, CUDA_ERROR_INVALID_VALUE, "both kernelParams and extra are given");
    const void *buffer = nullptr;
    size_t bytes = 0;
    for (unsigned k = 0; extra[k] != CU_LAUNCH_PARAM_END; k += 2) {
      if (extra[k] == CU_LAUNCH_PARAM_BUFFER_POINTER)
        buffer = extra[k + 1];
      else if (extra[k] == CU_LAUNCH_PARAM_BUFFER_SIZE)
        bytes = *static_cast<const size_t *>(extra[k + 1]);
      else
        refuse(CUDA_ERROR_INVALID_VALUE, function, "extra holds something else than CU_LAUNCH_PARAM_BUFFER_*");
    }
    if (bytes < block.size() || (!buffer && !block.empty()))
      refuse(CUDA_ERROR_INVALID_VALUE, function,
             "the parameter buffer has " + std::to_string(bytes) + " bytes, the kernel takes " +
                 std::to_string(block.size()));
    if (!block.empty())
      std::memcpy(block.data(), buffer, block.size());
    return block;
  }
  if (kernel.parameters.empty())
    return block;
  if (!parameters)
    refuse(CUDA_ERROR_INVALID_VALUE, function,
           "no parameters are given, it takes " + std::to_string(kernel.parameters.size()));
  for (size_t k = 0; k < kernel.parameters.size(); ++k) {
    const ptx::Variable &parameter = *kernel.parameters[k];
    if (!parameters[k])
      refuse(CUDA_ERROR_INVALID_VALUE, function, "parameter " + std::to_string(k) + " is a null pointer");
    std::memcpy(block.data() + kernel.parameterOffset(parameter), parameters[k], parameter.bytes);
  }
  return block;
}

} // namespace

unsigned DriverFunction::maxThreads() const {
  const std::array<uint32_t, 3> &most = kernel.function->maxntid, &exact = kernel.function->reqntid;
  auto count = [](const std::array<uint32_t, 3> &extent) {
    return unsigned(uint64_t(extent[0]) * std::max(1u, extent[1]) * std::max(1u, extent[2]));
  };
  if (exact[0])
    return std::min(1024u, count(exact));
  return most[0] ? std::min(1024u, count(most)) : 1024;
}

uint64_t DriverFunction::maxDynamicShared() const {
  // 48 KiB in all without the opt-in.
  auto found = attributes.find(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  uint64_t plain = 49152 - std::min<uint64_t>(49152, staticShared);
  return found == attributes.end() ? plain : uint64_t(found->second);
}

int functionAttribute(Driver &driver, const DriverFunction &function, CUfunction_attribute attribute) {
  const ptx::Function &kernel = *function.kernel.function;
  const Architecture &chip = driver.device->architecture();
  switch (int(attribute)) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    return int(
        std::min(function.maxThreads(), chip.registersPerMultiprocessor / std::max(1u, function.registers) / 32 * 32));
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    return int(function.staticShared);
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: {
    uint64_t bytes = 0;
    for (const auto &variable : function.program->module().variables)
      if (variable->space == ptx::Space::Constant)
        bytes += variable->bytes;
    return int(bytes);
  }
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    return int(function.program->localBytes(kernel));
  case CU_FUNC_ATTRIBUTE_NUM_REGS:
    return int(function.registers);
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    return int(function.program->module().versionMajor * 10 + function.program->module().versionMinor);
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    return int(chip.major * 10 + chip.minor);
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    return int(function.maxDynamicShared());
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    return attributeOr(function, attribute, -1);
  case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET:
    return kernel.explicitcluster && !kernel.reqnctapercluster[0];
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    return attributeOr(function, attribute,
                       int(kernel.reqnctapercluster[attribute - CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH]));
  case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    return attributeOr(function, attribute, 0);
  default:
    throw Failure{CUDA_ERROR_INVALID_VALUE, ""};
  }
}

void setFunctionAttribute(Driver &driver, DriverFunction &function, CUfunction_attribute attribute, int value) {
  const Architecture &chip = driver.device->architecture();
  switch (int(attribute)) {
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    if (value < 0 || uint64_t(value) + function.staticShared > chip.sharedPerBlockOptIn)
      refuse(CUDA_ERROR_INVALID_VALUE, function,
             std::to_string(value) + " bytes of dynamic shared memory with " + std::to_string(function.staticShared) +
                 " static ones exceed the " + std::to_string(chip.sharedPerBlockOptIn) + " of a block");
    break;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    require(value >= -1 && value <= 100, CUDA_ERROR_INVALID_VALUE);
    break;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    break;
  default:
    // The rest is what the compiler decided; required cluster sizes come from the PTX.
    throw Failure{CUDA_ERROR_INVALID_VALUE, ""};
  }
  function.attributes[attribute] = value;
}

void parameterInfo(const DriverFunction &function, size_t index, size_t *offset, size_t *bytes) {
  const ptx::Function &kernel = *function.kernel.function;
  require(offset && index < kernel.parameters.size(), CUDA_ERROR_INVALID_VALUE);
  *offset = kernel.parameterOffset(*kernel.parameters[index]);
  if (bytes)
    *bytes = kernel.parameters[index]->bytes;
}

// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability": registers are given out to warps in
// units of 256, shared memory to blocks in units of 128 bytes.
unsigned residentBlocks(const Architecture &architecture, const DriverFunction &function, unsigned threads,
                        uint64_t dynamicShared) {
  if (!threads || threads > function.maxThreads())
    return 0;
  uint64_t shared = roundUp(function.staticShared + dynamicShared + kReservedShared, 128);
  if (function.staticShared + dynamicShared > architecture.sharedPerBlockOptIn)
    return 0;
  uint64_t warps = (threads + 31) / 32;
  uint64_t registers = roundUp(uint64_t(function.registers) * 32, 256) * warps;
  return unsigned(std::min({uint64_t(architecture.blocksPerMultiprocessor),
                            uint64_t(architecture.threadsPerMultiprocessor) / (warps * 32),
                            uint64_t(architecture.sharedPerMultiprocessor) / shared,
                            uint64_t(architecture.registersPerMultiprocessor) / std::max<uint64_t>(1, registers)}));
}

KernelWork makeKernelWork(Driver &driver, const std::shared_ptr<DriverFunction> &function, LaunchConfig config,
                          LaunchAttributes *attributes, void **parameters, void **extra) {
  if (attributes)
    applyAttributes(driver, *function, config, *attributes);
  checkConfig(driver, *function, config);
  return {function, config, packParameters(*function, parameters, extra)};
}

} // namespace ptxsim
