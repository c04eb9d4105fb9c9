// What every program of the corpus needs: the CUDA driver API found at run time (a GPU's or ptxsim's), buffers, the
// module with the program's PTX, launches, random numbers, comparisons. Any failure is a thrown Failure.
#pragma once

#include <cuda.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace programs {

class Failure : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

// Macros of cuda.h turn most of these names into versioned ones (cuMemAlloc_v2) before X sees them.
// clang-format off
#define PROGRAMS_DRIVER_FUNCTIONS(X)                                                                                   \
  X(cuInit) X(cuDeviceGet) X(cuDeviceGetAttribute) X(cuDevicePrimaryCtxRetain) X(cuDevicePrimaryCtxRelease)            \
  X(cuCtxSetCurrent) X(cuCtxSynchronize) X(cuGetErrorName) X(cuModuleLoadData) X(cuModuleUnload)                       \
  X(cuModuleGetFunction) X(cuModuleGetGlobal) X(cuFuncSetAttribute) X(cuFuncGetAttribute)                              \
  X(cuMemAlloc) X(cuMemFree) X(cuMemcpyHtoD) X(cuMemcpyDtoH) X(cuMemcpyHtoDAsync) X(cuMemcpyDtoHAsync)                 \
  X(cuMemcpyDtoDAsync) X(cuMemsetD8) X(cuMemsetD32) X(cuMemsetD32Async) X(cuMemAllocAsync) X(cuMemFreeAsync)           \
  X(cuMemAllocHost) X(cuMemFreeHost) X(cuLaunchKernel) X(cuLaunchKernelEx) X(cuStreamCreate) X(cuStreamDestroy)        \
  X(cuStreamSynchronize) X(cuStreamWaitEvent) X(cuEventCreate) X(cuEventDestroy) X(cuEventRecord)                      \
  X(cuEventSynchronize) X(cuStreamBeginCapture) X(cuStreamEndCapture) X(cuGraphInstantiate) X(cuGraphLaunch)           \
  X(cuGraphExecDestroy) X(cuGraphDestroy) X(cuTensorMapEncodeTiled) X(cuOccupancyMaxActiveBlocksPerMultiprocessor)
// clang-format on

struct Driver {
#define X(function) decltype(&::function) function = nullptr;
  PROGRAMS_DRIVER_FUNCTIONS(X)
#undef X
};
const Driver &driver();
void require(CUresult result, const char *call);
/// CU(cuMemFree, pointer): calls an entry point of the driver and throws if it fails.
#define CU(function, ...) ::programs::require(::programs::driver().function(__VA_ARGS__), #function)

/// Which planted fault runs; 0: none. Faults of device code are variants of the PTX, those of host code ask here.
int fault();
/// 80 or 90.
int architecture();

/// The PTX of the running program: $PTXSIM_PROGRAM_PTX, or the file that the build made for this chip and fault.
class Module {
public:
  Module();
  ~Module();
  Module(const Module &) = delete;
  /// `dynamicShared`: the most bytes of it that launches will ask for.
  CUfunction kernel(const char *name, unsigned dynamicShared = 0) const;
  /// The one kernel whose (mangled) name has this part.
  CUfunction kernelContaining(const std::string &part) const;
  /// Address and size of a variable.
  std::pair<CUdeviceptr, size_t> variable(const char *name) const;

private:
  std::string text;
  CUmodule module = nullptr;
};

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};
struct Launch {
  Dim grid, block;
  unsigned dynamicShared = 0;
  Dim cluster;
  bool cooperative = false;
  CUstream stream = nullptr;
};
void launchPointers(CUfunction kernel, const Launch &launch, void **arguments);
/// Arguments must have the very types of the kernel's parameters.
template <class... Arguments> void launch(CUfunction kernel, const Launch &configuration, Arguments... arguments) {
  void *pointers[] = {static_cast<void *>(&arguments)..., nullptr};
  launchPointers(kernel, configuration, pointers);
}
inline void synchronize() { CU(cuCtxSynchronize); }

/// Device memory for `size` elements.
template <class T> class Buffer {
public:
  explicit Buffer(size_t size) : elements(size) {
    if (size)
      CU(cuMemAlloc, &address, size * sizeof(T));
  }
  explicit Buffer(const std::vector<T> &values) : Buffer(values.size()) { write(values); }
  Buffer(const Buffer &) = delete;
  ~Buffer() {
    if (address)
      driver().cuMemFree(address);
  }
  void write(const std::vector<T> &values) {
    if (!values.empty())
      CU(cuMemcpyHtoD, address, values.data(), values.size() * sizeof(T));
  }
  /// After everything that was launched.
  std::vector<T> read() const {
    synchronize();
    std::vector<T> values(elements);
    if (elements)
      CU(cuMemcpyDtoH, values.data(), address, elements * sizeof(T));
    return values;
  }
  void clear() {
    if (elements)
      CU(cuMemsetD8, address, 0, elements * sizeof(T));
  }
  /// As a kernel argument.
  T *get() const { return reinterpret_cast<T *>(address); }
  size_t size() const { return elements; }

private:
  CUdeviceptr address = 0;
  size_t elements;
};

/// A tiled tensor map; sizes, strides and box innermost first; strides (bytes) without the innermost dimension's.
CUtensorMap tensorMap(CUtensorMapDataType type, CUdeviceptr address, const std::vector<uint64_t> &sizes,
                      const std::vector<uint64_t> &strides, const std::vector<uint32_t> &box,
                      CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE,
                      CUtensorMapInterleave interleave = CU_TENSOR_MAP_INTERLEAVE_NONE,
                      CUtensorMapFloatOOBfill fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);

/// Reproducible input.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  uint64_t bits() { return engine(); }
  int64_t integer(int64_t low, int64_t high) { return low + int64_t(engine() % uint64_t(high - low + 1)); }
  /// A multiple of 1/8 in [-2, 2]: exact in every format from e4m3 on, and so are short sums of products in f32.
  float eighths() { return float(integer(-16, 16)) / 8; }
  float uniform(float low, float high) { return low + (high - low) * float(double(engine() >> 11) * 0x1p-53); }

private:
  std::mt19937_64 engine;
};

uint16_t toBf16(float value); ///< to nearest even
float fromBf16(uint16_t bits);
uint16_t toHalf(float value);
float fromHalf(uint16_t bits);
uint8_t toE4m3(float value); ///< to nearest even, saturating to 448
float fromE4m3(uint8_t bits);

/// Fails unless |got - wanted| <= absolute + relative * |wanted| everywhere; NaN fails, equal infinities pass.
template <class T, class U>
void expectClose(const std::string &what, const std::vector<T> &got, const std::vector<U> &wanted, double relative = 0,
                 double absolute = 0) {
  if (got.size() != wanted.size())
    throw Failure(what + ": " + std::to_string(got.size()) + " elements, expected " + std::to_string(wanted.size()));
  for (size_t i = 0; i < got.size(); ++i) {
    double a = double(got[i]), b = double(wanted[i]);
    if (a == b || std::fabs(a - b) <= absolute + relative * std::fabs(b))
      continue;
    throw Failure(what + "[" + std::to_string(i) + "]: got " + std::to_string(a) + ", expected " + std::to_string(b));
  }
}
/// The same without tolerance, for integers of any width.
template <class T> void expectEqual(const std::string &what, const std::vector<T> &got, const std::vector<T> &wanted) {
  if (got.size() != wanted.size())
    throw Failure(what + ": " + std::to_string(got.size()) + " elements, expected " + std::to_string(wanted.size()));
  for (size_t i = 0; i < got.size(); ++i)
    if (!(got[i] == wanted[i]))
      throw Failure(what + "[" + std::to_string(i) + "]: got " + std::to_string(got[i]) + ", expected " +
                    std::to_string(wanted[i]));
}
inline void expect(bool condition, const std::string &what) {
  if (!condition)
    throw Failure(what);
}

constexpr unsigned ceilDiv(size_t a, size_t b) { return unsigned((a + b - 1) / b); }

/// A program of the corpus; registered by PROGRAM. `least`: 80 or 90, the oldest chip that it is for.
struct Program {
  const char *name;
  int least;
  void (*run)();
  const Program *next;
  Program(const char *name, int least, void (*run)());
};
#define PROGRAM(NAME, LEAST)                                                                                           \
  static void run##NAME();                                                                                             \
  static ::programs::Program program##NAME(#NAME, LEAST, run##NAME);                                                   \
  static void run##NAME()

} // namespace programs
