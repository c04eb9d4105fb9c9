// Carries out one operation of the queue.
#pragma once

#include "driver/Queue.h"

namespace ptxsim {

/// Runs the work (all but host functions) and reports what it finds. An error is sticky: it ends the context's use.
CUresult execute(Driver &driver, Operation &operation);

/// Checks a copy's pitches, sizes and addresses and resolves unified addresses to host or device. Throws Failure.
void checkCopy(Driver &driver, CUDA_MEMCPY3D &copy);
/// Whether the bytes from address on lie in one living allocation.
bool isDeviceRange(Driver &driver, CUdeviceptr address, uint64_t bytes);
/// Fills `staged` from a pageable host source, as of now.
void stage(Driver &driver, CopyWork &work);

} // namespace ptxsim
