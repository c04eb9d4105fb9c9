#include "Harness.h"

#include <dlfcn.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace programs {
namespace {

const Program *programsHead = nullptr;
const Program *running = nullptr;
int plantedFault = 0;

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

Driver loadDriver() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw Failure(std::string("cannot load the CUDA driver: ") + dlerror());
  Driver driver;
#define X(function)                                                                                                    \
  driver.function = reinterpret_cast<decltype(driver.function)>(dlsym(library, TEXT(function)));                       \
  if (!driver.function)                                                                                                \
    throw Failure("the CUDA driver has no " TEXT(function));
  PROGRAMS_DRIVER_FUNCTIONS(X)
#undef X
  return driver;
}

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Failure("cannot read " + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The newest variant that the chip runs: NAME.sm_90a.ptx before NAME.sm_80.ptx; with a fault NAME.faultK.sm_*.ptx,
/// and the plain file for faults of the host part.
std::string modulePath() {
  if (const char *path = std::getenv("PTXSIM_PROGRAM_PTX"))
    return path;
  const char *folder = std::getenv("PTXSIM_PROGRAM_DIR");
  std::string base = std::string(folder ? folder : PROGRAMS_PTX_DIR) + "/" + running->name;
  std::string faulty = base + ".fault" + std::to_string(plantedFault);
  for (const std::string &stem : {faulty, base})
    for (const char *target : {".sm_90a.ptx", ".sm_80.ptx"}) {
      std::string path = stem + target;
      if ((architecture() < 90 && target[4] == '9') || !std::ifstream(path))
        continue;
      return path;
    }
  throw Failure("there is no " + base + ".sm_*.ptx for this chip");
}

} // namespace

const Driver &driver() {
  static const Driver driver = loadDriver();
  return driver;
}

void require(CUresult result, const char *call) {
  if (result == CUDA_SUCCESS)
    return;
  const char *name = nullptr;
  if (driver().cuGetErrorName(result, &name) != CUDA_SUCCESS || !name)
    name = "unknown error";
  throw Failure(std::string(call) + ": " + name);
}

int fault() { return plantedFault; }

int architecture() {
  static const int value = [] {
    CUdevice device;
    int major = 0;
    CU(cuDeviceGet, &device, 0);
    CU(cuDeviceGetAttribute, &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
    return major * 10;
  }();
  return value;
}

Module::Module() : text(readFile(modulePath())) { CU(cuModuleLoadData, &module, text.c_str()); }

Module::~Module() { driver().cuModuleUnload(module); }

CUfunction Module::kernel(const char *name, unsigned dynamicShared) const {
  CUfunction function;
  CU(cuModuleGetFunction, &function, module, name);
  if (dynamicShared > 48 * 1024)
    CU(cuFuncSetAttribute, function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, int(dynamicShared));
  return function;
}

CUfunction Module::kernelContaining(const std::string &part) const {
  const std::string marker = ".entry ";
  for (size_t at = text.find(marker); at != std::string::npos; at = text.find(marker, at + 1)) {
    size_t begin = at + marker.size();
    std::string name = text.substr(begin, text.find_first_of("( \n", begin) - begin);
    if (name.find(part) != std::string::npos)
      return kernel(name.c_str());
  }
  throw Failure("the module has no kernel with " + part + " in its name");
}

std::pair<CUdeviceptr, size_t> Module::variable(const char *name) const {
  CUdeviceptr address = 0;
  size_t bytes = 0;
  CU(cuModuleGetGlobal, &address, &bytes, module, name);
  return {address, bytes};
}

void launchPointers(CUfunction kernel, const Launch &launch, void **arguments) {
  const Dim &grid = launch.grid, &block = launch.block, &cluster = launch.cluster;
  bool clustered = cluster.x * cluster.y * cluster.z > 1;
  if (!clustered && !launch.cooperative) {
    CU(cuLaunchKernel, kernel, grid.x, grid.y, grid.z, block.x, block.y, block.z, launch.dynamicShared, launch.stream,
       arguments, nullptr);
    return;
  }
  CUlaunchAttribute attributes[2];
  CUlaunchConfig config{};
  config.gridDimX = grid.x, config.gridDimY = grid.y, config.gridDimZ = grid.z;
  config.blockDimX = block.x, config.blockDimY = block.y, config.blockDimZ = block.z;
  config.sharedMemBytes = launch.dynamicShared;
  config.hStream = launch.stream;
  config.attrs = attributes;
  if (clustered) {
    CUlaunchAttribute &attribute = attributes[config.numAttrs++];
    attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attribute.value.clusterDim.x = cluster.x;
    attribute.value.clusterDim.y = cluster.y;
    attribute.value.clusterDim.z = cluster.z;
  }
  if (launch.cooperative) {
    CUlaunchAttribute &attribute = attributes[config.numAttrs++];
    attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attribute.value.cooperative = 1;
  }
  CU(cuLaunchKernelEx, &config, kernel, arguments, nullptr);
}

CUtensorMap tensorMap(CUtensorMapDataType type, CUdeviceptr address, const std::vector<uint64_t> &sizes,
                      const std::vector<uint64_t> &strides, const std::vector<uint32_t> &box,
                      CUtensorMapSwizzle swizzle, CUtensorMapInterleave interleave, CUtensorMapFloatOOBfill fill) {
  CUtensorMap map;
  std::vector<cuuint64_t> dimensions(sizes.begin(), sizes.end()), pitches(strides.begin(), strides.end());
  std::vector<cuuint32_t> boxes(box.begin(), box.end()), elementStrides(sizes.size(), 1);
  pitches.push_back(0); // never null, also for one dimension
  CU(cuTensorMapEncodeTiled, &map, type, cuuint32_t(sizes.size()), reinterpret_cast<void *>(address), dimensions.data(),
     pitches.data(), boxes.data(), elementStrides.data(), interleave, swizzle, CU_TENSOR_MAP_L2_PROMOTION_NONE, fill);
  return map;
}

uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (value != value)
    return 0x7fff;
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float fromBf16(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

/// Rounds to `mantissa` fraction bits with exponents from `least` on; overflow is the caller's.
static float roundTo(float value, int mantissa, int least) {
  if (value == 0 || !std::isfinite(value))
    return value;
  int exponent;
  std::frexp(value, &exponent);
  float unit = std::ldexp(1.0f, std::max(exponent - 1, least) - mantissa);
  return std::nearbyint(value / unit) * unit;
}

uint16_t toHalf(float value) {
  if (value != value)
    return 0x7fff;
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  float rounded = std::fabs(roundTo(value, 10, -14));
  if (rounded > 65504)
    return sign | 0x7c00;
  if (rounded < 0x1p-14f)
    return sign | uint16_t(rounded * 0x1p24f);
  int exponent;
  float fraction = std::frexp(rounded, &exponent);
  return sign | uint16_t((exponent + 14) << 10) | uint16_t((fraction * 2 - 1) * 1024);
}
float fromHalf(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                : exponent == 0 ? float(fraction) * 0x1p-24f
                                : std::ldexp(1024.0f + float(fraction), exponent - 25);
  return bits & 0x8000 ? -value : value;
}

uint8_t toE4m3(float value) {
  if (value != value)
    return 0x7f;
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  float rounded = std::fabs(roundTo(value, 3, -6));
  if (rounded > 448)
    return sign | 0x7e;
  if (rounded < 0x1p-6f)
    return sign | uint8_t(rounded * 512);
  int exponent;
  float fraction = std::frexp(rounded, &exponent);
  return sign | uint8_t((exponent + 6) << 3) | uint8_t((fraction * 2 - 1) * 8);
}
float fromE4m3(uint8_t bits) {
  int exponent = bits >> 3 & 15, fraction = bits & 7;
  float value = (bits & 0x7f) == 0x7f ? NAN
                : exponent == 0       ? float(fraction) / 512
                                      : std::ldexp(8.0f + float(fraction), exponent - 10);
  return bits & 0x80 ? -value : value;
}

Program::Program(const char *name, int least, void (*run)()) : name(name), least(least), run(run), next(programsHead) {
  programsHead = this;
}

} // namespace programs

/// ptxsim-programs --list | NAME [--fault K]: exit status 0 if the results are right, 1 if not, 2 for bad usage.
int main(int count, char **arguments) {
  using namespace programs;
  std::string name = count > 1 ? arguments[1] : "";
  if (name == "--list") {
    for (const Program *program = programsHead; program; program = program->next)
      std::printf("%s %d\n", program->name, program->least);
    return 0;
  }
  for (const Program *program = programsHead; program; program = program->next)
    if (name == program->name)
      running = program;
  bool understood = running && (count == 2 || (count == 4 && std::string(arguments[2]) == "--fault"));
  if (!understood) {
    std::fprintf(stderr, "usage: ptxsim-programs --list | NAME [--fault K]\n");
    return 2;
  }
  if (count == 4)
    plantedFault = std::atoi(arguments[3]);
  try {
    CU(cuInit, 0);
    CUdevice device;
    CUcontext context;
    CU(cuDeviceGet, &device, 0);
    CU(cuDevicePrimaryCtxRetain, &context, device);
    CU(cuCtxSetCurrent, context);
    if (architecture() < running->least)
      throw Failure(std::string(running->name) + " needs sm_" + std::to_string(running->least));
    running->run();
    CU(cuCtxSynchronize);
    CU(cuDevicePrimaryCtxRelease, device);
  } catch (const std::exception &error) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: wrong: %s\n", running->name, error.what());
    return 1;
  }
  std::printf("%s: right\n", running->name);
  return 0;
}
