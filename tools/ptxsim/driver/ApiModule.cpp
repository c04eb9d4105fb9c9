// cuModule*, cuLibrary*, cuKernel*, cuLink*. A library is a module without a context, a kernel is a function.
#include "driver/Functions.h"
#include "driver/Modules.h"

#include <cstring>

using namespace ptxsim;

namespace {

struct Link {
  uint64_t handle = 0;
  std::vector<PtxText> texts;
  std::vector<uint8_t> image;
};

/// Used under the driver's lock.
Registry<CUlinkState, Link> &links() {
  static auto *registry = new Registry<CUlinkState, Link>;
  return *registry;
}

std::shared_ptr<Link> find(CUlinkState handle) {
  std::shared_ptr<Link> link = links().find(handle);
  require(link != nullptr, CUDA_ERROR_INVALID_HANDLE, "the link state does not exist (destroyed, or never created)");
  return link;
}

std::shared_ptr<DriverModule> find(Driver &driver, CUmodule handle) {
  std::shared_ptr<DriverModule> module = driver.modules.find(handle);
  require(module != nullptr, CUDA_ERROR_INVALID_HANDLE, "the module does not exist (unloaded, or never loaded)");
  return module;
}

std::shared_ptr<DriverModule> find(Driver &driver, CUlibrary handle) {
  std::shared_ptr<DriverModule> library = driver.libraries.find(handle);
  require(library != nullptr, CUDA_ERROR_INVALID_HANDLE, "the library does not exist (unloaded, or never loaded)");
  return library;
}

CUresult load(const char *api, CUmodule *out, const void *image, const char *path, unsigned count,
              CUjit_option *options, void **values) {
  return withContext(api, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    require(out && (image || path), CUDA_ERROR_INVALID_VALUE);
    JitOptions jit(count, options, values);
    std::vector<uint8_t> file = path ? readFile(path) : std::vector<uint8_t>();
    std::shared_ptr<DriverModule> module = loadModule(
        driver, path ? ImageBytes(file.data(), file.size()) : ImageBytes(image), path ? path : "module", jit);
    module->context = context;
    *out = driver.modules.add(module);
    return CUDA_SUCCESS;
  });
}

CUresult loadLibrary(const char *api, CUlibrary *out, const void *image, const char *path, unsigned count,
                     CUjit_option *options, void **values) {
  return withDriver(api, [&](Driver &driver) {
    require(out && (image || path), CUDA_ERROR_INVALID_VALUE);
    JitOptions jit(count, options, values);
    std::vector<uint8_t> file = path ? readFile(path) : std::vector<uint8_t>();
    std::shared_ptr<DriverModule> module = loadModule(
        driver, path ? ImageBytes(file.data(), file.size()) : ImageBytes(image), path ? path : "library", jit);
    module->isLibrary = true;
    driver.modules.add(module);
    *out = driver.libraries.share(module);
    return CUDA_SUCCESS;
  });
}

void global(const DriverModule &module, const char *name, CUdeviceptr *address, size_t *bytes) {
  require(name && (address || bytes), CUDA_ERROR_INVALID_VALUE);
  auto [at, size] = module.variable(name);
  require(at, CUDA_ERROR_NOT_FOUND);
  if (address)
    *address = at;
  if (bytes)
    *bytes = size;
}

template <class Handle>
void enumerate(Driver &driver, const std::shared_ptr<DriverModule> &module, Handle *out, unsigned count) {
  requirePointer(out);
  std::vector<std::string> names = kernelNames(*module);
  for (unsigned k = 0; k < count; ++k)
    out[k] = k < names.size() ? Handle(getFunction(driver, module, names[k])->handle) : nullptr;
}

} // namespace

CUresult cuModuleLoad(CUmodule *module, const char *path) {
  return load(__func__, module, nullptr, path, 0, nullptr, nullptr);
}
CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return load(__func__, module, image, nullptr, 0, nullptr, nullptr);
}
CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, CUjit_option *options, void **values) {
  return load(__func__, module, image, nullptr, count, options, values);
}
CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) {
  return load(__func__, module, image, nullptr, 0, nullptr, nullptr);
}

CUresult cuModuleUnload(CUmodule handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<DriverModule> module = find(driver, handle);
    require(!module->isLibrary, CUDA_ERROR_INVALID_HANDLE, "the module belongs to a library; unload that");
    unloadModule(driver, module);
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode *mode) {
  return withDriver(__func__, [&](Driver &) {
    requirePointer(mode);
    *mode = CU_MODULE_LAZY_LOADING; // code is generated at the first launch
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetFunction(CUfunction *out, CUmodule handle, const char *name) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    require(out && name, CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<DriverFunction> function = getFunction(driver, find(driver, handle), name);
    require(function != nullptr, CUDA_ERROR_NOT_FOUND);
    *out = driver.functions.toHandle(*function);
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetFunctionCount(unsigned *count, CUmodule handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(count);
    *count = unsigned(kernelNames(*find(driver, handle)).size());
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleEnumerateFunctions(CUfunction *out, unsigned count, CUmodule handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    enumerate(driver, find(driver, handle), out, count);
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule handle, const char *name) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    global(*find(driver, handle), name, address, bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryLoadData(CUlibrary *library, const void *code, CUjit_option *options, void **values, unsigned count,
                           CUlibraryOption *, void **, unsigned) {
  return loadLibrary(__func__, library, code, nullptr, count, options, values);
}
CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *path, CUjit_option *options, void **values,
                               unsigned count, CUlibraryOption *, void **, unsigned) {
  return loadLibrary(__func__, library, nullptr, path, count, options, values);
}

CUresult cuLibraryUnload(CUlibrary handle) {
  return withDriver(__func__, [&](Driver &driver) {
    std::shared_ptr<DriverModule> library = find(driver, handle);
    if (currentContext())
      driver.queue.finishContext(currentContext());
    unloadModule(driver, library);
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetKernel(CUkernel *out, CUlibrary handle, const char *name) {
  return withDriver(__func__, [&](Driver &driver) {
    require(out && name, CUDA_ERROR_INVALID_VALUE);
    std::shared_ptr<DriverFunction> function = getFunction(driver, find(driver, handle), name);
    require(function != nullptr, CUDA_ERROR_NOT_FOUND);
    *out = CUkernel(function->handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetKernelCount(unsigned *count, CUlibrary handle) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(count);
    *count = unsigned(kernelNames(*find(driver, handle)).size());
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryEnumerateKernels(CUkernel *out, unsigned count, CUlibrary handle) {
  return withDriver(__func__, [&](Driver &driver) {
    enumerate(driver, find(driver, handle), out, count);
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetModule(CUmodule *out, CUlibrary handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(out);
    *out = driver.modules.toHandle(*find(driver, handle));
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary handle, const char *name) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    global(*find(driver, handle), name, address, bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetFunction(CUfunction *out, CUkernel kernel) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(out);
    *out = driver.functions.toHandle(*driver.function(CUfunction(kernel)));
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetLibrary(CUlibrary *out, CUkernel kernel) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(out);
    std::shared_ptr<DriverModule> module = driver.function(CUfunction(kernel))->module.lock();
    require(module && module->isLibrary, CUDA_ERROR_INVALID_HANDLE);
    *out = driver.libraries.toHandle(*module);
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetName(const char **name, CUkernel kernel) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(name);
    *name = driver.function(CUfunction(kernel))->kernel.function->name.c_str();
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetAttribute(int *value, CUfunction_attribute attribute, CUkernel kernel, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    requirePointer(value);
    require(device == 0, CUDA_ERROR_INVALID_DEVICE);
    *value = functionAttribute(driver, *driver.function(CUfunction(kernel)), attribute);
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel kernel, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    require(device == 0, CUDA_ERROR_INVALID_DEVICE);
    setFunctionAttribute(driver, *driver.function(CUfunction(kernel)), attribute, value);
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice device) {
  return withDriver(__func__, [&](Driver &driver) {
    require(device == 0, CUDA_ERROR_INVALID_DEVICE);
    driver.function(CUfunction(kernel))->cacheConfig = config;
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetParamInfo(CUkernel kernel, size_t index, size_t *offset, size_t *bytes) {
  return withDriver(__func__, [&](Driver &driver) {
    parameterInfo(*driver.function(CUfunction(kernel)), index, offset, bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuLinkCreate_v2(unsigned count, CUjit_option *options, void **values, CUlinkState *out) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &) {
    requirePointer(out);
    JitOptions jit(count, options, values);
    *out = links().add(std::make_shared<Link>());
    return CUDA_SUCCESS;
  });
}
CUresult cuLinkCreate(unsigned count, CUjit_option *options, void **values, CUlinkState *out) {
  return cuLinkCreate_v2(count, options, values, out);
}

static CUresult addToLink(const char *api, CUlinkState state, CUjitInputType type, const ImageBytes *image,
                          const char *path, std::string name, unsigned count, CUjit_option *options, void **values) {
  return withContext(api, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<Link> link = find(state);
    JitOptions jit(count, options, values);
    if (type != CU_JIT_INPUT_PTX && type != CU_JIT_INPUT_FATBINARY)
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "only PTX and fatbins can be linked, not cubins, objects or libraries"};
    std::vector<uint8_t> file = path ? readFile(path) : std::vector<uint8_t>();
    try {
      for (PtxText &text :
           readImage(path ? ImageBytes(file.data(), file.size()) : *image, driver.device->architecture(), name))
        link->texts.push_back(std::move(text));
    } catch (const BadImage &error) {
      jit.error(error.what());
      throw Failure{error.unusable ? CUDA_ERROR_NO_BINARY_FOR_GPU : CUDA_ERROR_INVALID_IMAGE, error.what()};
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void *data, size_t size, const char *name,
                          unsigned count, CUjit_option *options, void **values) {
  if (!data)
    return CUDA_ERROR_INVALID_VALUE;
  ImageBytes image(data, size);
  return addToLink(__func__, state, type, &image, nullptr, name ? name : "input", count, options, values);
}
CUresult cuLinkAddData(CUlinkState state, CUjitInputType type, void *data, size_t size, const char *name,
                       unsigned count, CUjit_option *options, void **values) {
  return cuLinkAddData_v2(state, type, data, size, name, count, options, values);
}

CUresult cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char *path, unsigned count,
                          CUjit_option *options, void **values) {
  if (!path)
    return CUDA_ERROR_INVALID_VALUE;
  return addToLink(__func__, state, type, nullptr, path, path, count, options, values);
}
CUresult cuLinkAddFile(CUlinkState state, CUjitInputType type, const char *path, unsigned count, CUjit_option *options,
                       void **values) {
  return cuLinkAddFile_v2(state, type, path, count, options, values);
}

CUresult cuLinkComplete(CUlinkState state, void **image, size_t *bytes) {
  return withContext(__func__, [&](Driver &, const std::shared_ptr<Context> &) {
    requirePointer(image);
    std::shared_ptr<Link> link = find(state);
    try {
      link->image = makeLinkedImage(orderForLinking(link->texts));
    } catch (const ptx::Error &error) {
      throw Failure{CUDA_ERROR_INVALID_PTX, error.what()};
    }
    *image = link->image.data();
    if (bytes)
      *bytes = link->image.size();
    return CUDA_SUCCESS;
  });
}

CUresult cuLinkDestroy(CUlinkState state) {
  return withDriver(__func__, [&](Driver &) {
    links().erase(*find(state));
    return CUDA_SUCCESS;
  });
}
