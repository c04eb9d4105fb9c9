// Device memory with the driver's books.
#pragma once

#include "driver/Driver.h"

namespace ptxsim {

/// Throws Failure (CUDA_ERROR_OUT_OF_MEMORY). `label` is what findings call the memory.
CUdeviceptr allocate(Driver &driver, const std::shared_ptr<Context> &context, uint64_t bytes, const char *label,
                     CUmemorytype type, bool managed);

} // namespace ptxsim
