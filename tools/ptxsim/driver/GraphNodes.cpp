#include "driver/GraphNodes.h"

#include "driver/Execute.h"
#include "driver/Functions.h"

namespace ptxsim {
namespace {

Work kernel(Driver &driver, CUfunction function, CUkernel kern, const CUDA_KERNEL_NODE_PARAMS_v1 &parameters) {
  LaunchConfig config;
  config.grid = {parameters.gridDimX, parameters.gridDimY, parameters.gridDimZ};
  config.block = {parameters.blockDimX, parameters.blockDimY, parameters.blockDimZ};
  config.dynamicShared = parameters.sharedMemBytes;
  return makeKernelWork(driver, driver.function(function ? function : CUfunction(kern)), config, nullptr,
                        parameters.kernelParams, parameters.extra);
}

template <class Parameters> CUDA_KERNEL_NODE_PARAMS_v1 narrow(const Parameters &p) {
  return {p.func,      p.gridDimX,  p.gridDimY,       p.gridDimZ,     p.blockDimX,
          p.blockDimY, p.blockDimZ, p.sharedMemBytes, p.kernelParams, p.extra};
}

} // namespace

Work kernelWork(Driver &driver, const CUDA_KERNEL_NODE_PARAMS_v1 *parameters) {
  requirePointer(parameters);
  return kernel(driver, parameters->func, nullptr, *parameters);
}

Work kernelWork(Driver &driver, const CUDA_KERNEL_NODE_PARAMS_v2 *parameters) {
  requirePointer(parameters);
  return kernel(driver, parameters->func, parameters->kern, narrow(*parameters));
}

Work copyWork(Driver &driver, const CUDA_MEMCPY3D *copy) {
  requirePointer(copy);
  CopyWork work{*copy, nullptr};
  checkCopy(driver, work.copy);
  return work;
}

Work memsetWork(Driver &driver, const CUDA_MEMSET_NODE_PARAMS *fill) {
  requirePointer(fill);
  require(fill->elementSize == 1 || fill->elementSize == 2 || fill->elementSize == 4, CUDA_ERROR_INVALID_VALUE);
  require(fill->width && fill->height && fill->dst % fill->elementSize == 0, CUDA_ERROR_INVALID_VALUE);
  require(fill->height == 1 || (fill->pitch >= fill->width * fill->elementSize && fill->pitch % fill->elementSize == 0),
          CUDA_ERROR_INVALID_VALUE, "a row is longer than the pitch");
  for (size_t y = 0; y < fill->height; ++y)
    require(isDeviceRange(driver, fill->dst + y * fill->pitch, fill->width * fill->elementSize),
            CUDA_ERROR_INVALID_VALUE, "the bytes to fill are not device memory");
  return MemsetWork{fill->dst, fill->pitch, fill->width, fill->height, fill->value, fill->elementSize};
}

Work hostWork(const CUDA_HOST_NODE_PARAMS *host) {
  require(host && host->fn, CUDA_ERROR_INVALID_VALUE);
  HostWork work;
  work.function = host->fn;
  work.userData = host->userData;
  work.call = [function = host->fn, data = host->userData](CUresult status) {
    if (status == CUDA_SUCCESS)
      function(data);
  };
  return work;
}

Work anyWork(Driver &driver, const CUgraphNodeParams *parameters) {
  requirePointer(parameters);
  switch (int(parameters->type)) {
  case CU_GRAPH_NODE_TYPE_KERNEL:
    return kernel(driver, parameters->kernel.func, parameters->kernel.kern, narrow(parameters->kernel));
  case CU_GRAPH_NODE_TYPE_MEMCPY:
    return copyWork(driver, &parameters->memcpy.copyParams);
  case CU_GRAPH_NODE_TYPE_MEMSET: {
    const auto &fill = parameters->memset;
    CUDA_MEMSET_NODE_PARAMS_v1 old{fill.dst, fill.pitch, fill.value, fill.elementSize, fill.width, fill.height};
    return memsetWork(driver, &old);
  }
  case CU_GRAPH_NODE_TYPE_HOST: {
    CUDA_HOST_NODE_PARAMS_v1 host{parameters->host.fn, parameters->host.userData};
    return hostWork(&host);
  }
  case CU_GRAPH_NODE_TYPE_EMPTY:
    return EmptyWork{};
  case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
    return EventWork{driver.event(parameters->eventRecord.event)};
  case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
    return EventWaitWork{driver.event(parameters->eventWait.event)};
  case CU_GRAPH_NODE_TYPE_GRAPH: {
    std::shared_ptr<Graph> child = driver.graphs.find(parameters->graph.graph);
    require(child != nullptr, CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<Graph> copy = cloneGraph(*child, &driver);
    copy->child = true;
    driver.graphs.add(copy);
    return GraphWork{copy};
  }
  default:
    throw Failure{CUDA_ERROR_NOT_SUPPORTED,
                  "graph nodes of type " + std::to_string(parameters->type) + " are not implemented"};
  }
}

} // namespace ptxsim
