// cuLaunchKernel, cuLaunchKernelEx, cuLaunchCooperativeKernel.
#include "driver/Functions.h"
#include "driver/Streams.h"

using namespace ptxsim;

namespace {

CUresult launch(const char *name, CUfunction handle, LaunchConfig config, LaunchAttributes attributes, CUstream stream,
                void **parameters, void **extra) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<DriverFunction> function = driver.function(handle);
    std::shared_ptr<Stream> on = driver.stream(stream, context);
    std::shared_ptr<Context> own = on->context.lock();
    require(own != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    require(own->error == CUDA_SUCCESS, own->error);
    std::shared_ptr<DriverModule> module = function->module.lock();
    require(module && (module->isLibrary || module->context.lock() == own), CUDA_ERROR_INVALID_HANDLE,
            "the function's module belongs to another context than the stream");
    issue(driver, on, makeKernelWork(driver, function, config, &attributes, parameters, extra));
    if (attributes.launchCompletion)
      recordEvent(driver, on, driver.event(attributes.launchCompletion), 0);
    return CUDA_SUCCESS;
  });
}

} // namespace

CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                        unsigned blockY, unsigned blockZ, unsigned shared, CUstream stream, void **parameters,
                        void **extra) {
  LaunchConfig config;
  config.grid = {gridX, gridY, gridZ};
  config.block = {blockX, blockY, blockZ};
  config.dynamicShared = shared;
  return launch(__func__, function, config, {}, stream, parameters, extra);
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                                   unsigned blockY, unsigned blockZ, unsigned shared, CUstream stream,
                                   void **parameters) {
  LaunchConfig config;
  config.grid = {gridX, gridY, gridZ};
  config.block = {blockX, blockY, blockZ};
  config.dynamicShared = shared;
  config.cooperative = true;
  return launch(__func__, function, config, {}, stream, parameters, nullptr);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *description, CUfunction function, void **parameters, void **extra) {
  if (!description)
    return CUDA_ERROR_INVALID_VALUE;
  LaunchConfig config;
  config.grid = {description->gridDimX, description->gridDimY, description->gridDimZ};
  config.block = {description->blockDimX, description->blockDimY, description->blockDimZ};
  config.dynamicShared = description->sharedMemBytes;
  return launch(__func__, function, config, {description->attrs, description->numAttrs}, description->hStream,
                parameters, extra);
}
