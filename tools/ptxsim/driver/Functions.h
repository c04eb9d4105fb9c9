// What the driver answers about kernels, and what it checks before a launch.
#pragma once

#include "driver/Driver.h"

namespace ptxsim {

int functionAttribute(Driver &driver, const DriverFunction &function, CUfunction_attribute attribute);
void setFunctionAttribute(Driver &driver, DriverFunction &function, CUfunction_attribute attribute, int value);
void parameterInfo(const DriverFunction &function, size_t index, size_t *offset, size_t *bytes);

/// Blocks of so many threads and bytes of dynamic shared memory that one multiprocessor holds at a time, by the limits
/// of threads, blocks, registers and shared memory.
unsigned residentBlocks(const Architecture &architecture, const DriverFunction &function, unsigned threads,
                        uint64_t dynamicShared);

/// The launch's description with the attributes of cuLaunchKernelEx worked in. Throws Failure for a configuration that
/// the chip refuses.
struct LaunchAttributes {
  const CUlaunchAttribute *list = nullptr;
  unsigned count = 0;
  CUevent launchCompletion = nullptr; ///< out: events to record
};
KernelWork makeKernelWork(Driver &driver, const std::shared_ptr<DriverFunction> &function, LaunchConfig config,
                          LaunchAttributes *attributes, void **parameters, void **extra);

} // namespace ptxsim
