// From the parameter structures of graph nodes to work and back.
#pragma once

#include "driver/Driver.h"
#include "driver/Graph.h"

namespace ptxsim {

// All throw Failure for parameters that the chip or the driver refuses.
Work kernelWork(Driver &driver, const CUDA_KERNEL_NODE_PARAMS_v1 *parameters);
Work kernelWork(Driver &driver, const CUDA_KERNEL_NODE_PARAMS_v2 *parameters);
Work copyWork(Driver &driver, const CUDA_MEMCPY3D *copy);
Work memsetWork(Driver &driver, const CUDA_MEMSET_NODE_PARAMS *fill);
Work hostWork(const CUDA_HOST_NODE_PARAMS *host);
Work anyWork(Driver &driver, const CUgraphNodeParams *parameters);

} // namespace ptxsim
