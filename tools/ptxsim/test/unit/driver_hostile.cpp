// The driver API called with whatever comes: null, freed and foreign handles, no and huge sizes, wrong orders. Each
// sequence of calls runs in a process of its own, which must end by itself. Host pointers are valid or null, as a real
// driver demands.
#include "DriverApi.h"

#include <chrono>
#include <cstring>
#include <random>
#include <typeindex>

using namespace drivertest;

namespace {

const char *const kPtx = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .global .align 4 .u32 counter = 7;\n"
                         ".visible .entry add(.param .u64 words, .param .u32 value, .param .u32 n) { ret; }\n"
                         ".visible .entry store(.param .u64 words) { .reg .b64 %d; ld.param.u64 %d, [words]; "
                         "st.global.u32 [%d], 1; ret; }\n"
                         ".visible .entry big(.param .align 8 .b8 bytes[4000]) { ret; }\n";

class Caller {
public:
  explicit Caller(uint64_t seed) : random(seed), scratch(1 << 17) {
    // Wherever a pointer to pointers is asked for, these are valid.
    for (void *&pointer : scratch)
      pointer = scratch.data() + (1 << 16);
  }

  template <class... A> void call(const char *name, CUresult (*function)(A...)) {
    callWith(name, function, argument<A>()...);
  }
  size_t below(size_t bound) { return random() % bound; }
  size_t numSucceeded = 0;

private:
  std::mt19937_64 random;
  std::vector<void *> scratch;
  std::map<std::type_index, std::vector<void *>> handles; ///< living and dead ones, by type
  std::vector<CUdeviceptr> addresses;

  template <class... A> void callWith(const char *name, CUresult (*function)(A...), A... arguments) {
    CUresult result = function(arguments...);
    if (std::getenv("PTXSIM_HOSTILE_TRACE"))
      std::fprintf(stderr, "%s: %d\n", name, result);
    if (result != CUDA_SUCCESS)
      return;
    ++numSucceeded;
    (harvest(arguments), ...);
  }

  template <class T> static constexpr bool isHandle() {
    if constexpr (std::is_pointer_v<T>)
      return std::is_class_v<std::remove_pointer_t<T>> && !std::is_const_v<std::remove_pointer_t<T>> &&
             !complete<std::remove_pointer_t<T>>(0);
    return false;
  }
  template <class T, size_t = sizeof(T)> static constexpr bool complete(int) { return true; }
  template <class T> static constexpr bool complete(...) { return false; }

  /// What a call gave out is used by later ones.
  template <class T> void harvest(T argument) {
    if constexpr (std::is_same_v<T, CUdeviceptr *>) {
      if (argument)
        addresses.push_back(*argument);
    } else if constexpr (std::is_pointer_v<T>) {
      using Pointee = std::remove_pointer_t<T>;
      if constexpr (!std::is_const_v<Pointee> && isHandle<Pointee>())
        if (argument && handles[typeid(Pointee)].size() < 64)
          handles[typeid(Pointee)].push_back(*argument);
    }
  }

  template <class T> T argument() {
    if constexpr (std::is_same_v<T, CUdeviceptr>) {
      static const CUdeviceptr odd[] = {0, 1, 0x1234, ~0ull, ~0ull - 7, 0x0100000000000400};
      if (addresses.empty() || below(8) == 0)
        return odd[below(std::size(odd))];
      return addresses[below(addresses.size())] + (below(4) ? 0 : below(5000));
    } else if constexpr (std::is_enum_v<T>) {
      return T(below(8) ? below(12) : random());
    } else if constexpr (std::is_floating_point_v<T>) {
      return T(below(3));
    } else if constexpr (sizeof(T) == 1 && std::is_integral_v<T>) {
      return T(random());
    } else if constexpr (std::is_same_v<T, size_t>) {
      static const size_t sizes[] = {
          0, 1, 4, 8, 64, 100, 4096, 4096, 65536, size_t(1) << 40, size_t(1) << 63, ~size_t(0), ~size_t(0) - 3};
      return sizes[below(std::size(sizes))];
    } else if constexpr (std::is_integral_v<T>) {
      return below(6) ? T(below(3)) : below(2) ? T(below(2000)) : T(random());
    } else if constexpr (std::is_same_v<T, CUhostFn>) {
      return below(4) ? [](void *) {} : nullptr;
    } else if constexpr (std::is_same_v<T, CUstreamCallback>) {
      return below(4) ? [](CUstream, CUresult, void *) {} : nullptr;
    } else if constexpr (std::is_same_v<T, const char *>) {
      static const char *const texts[] = {"add", "store", "big", "counter", "nothing", "", kPtx, "/", "cuInit"};
      return below(8) ? texts[below(std::size(texts))] : nullptr;
    } else if constexpr (isHandle<T>()) {
      const std::vector<void *> &known = handles[typeid(T)];
      if (known.empty() || below(8) == 0)
        return T(uintptr_t(below(2) ? below(4) : random()));
      return T(known[below(known.size())]);
    } else if constexpr (std::is_pointer_v<T>) {
      if (below(8) == 0)
        return nullptr;
      if constexpr (std::is_same_v<T, const void *>)
        if (below(3))
          return kPtx;
      using Pointee = std::remove_const_t<std::remove_pointer_t<T>>;
      uint8_t *at = reinterpret_cast<uint8_t *>(scratch.data());
      if constexpr (std::is_void_v<Pointee>)
        at += 600000; // not over the table of pointers
      else if constexpr (std::is_pointer_v<Pointee> && !std::is_same_v<T, void **>)
        at += 900000;
      if constexpr (!std::is_pointer_v<Pointee> && !std::is_void_v<Pointee>) {
        // Structures and numbers: zeroes behind the table of pointers, seldom with something in them.
        at += 300000 + below(2000) * 64;
        std::memset(at, 0, 4096);
        if (std::is_class_v<Pointee> && below(2))
          at[below(32)] = uint8_t(below(4));
      }
      return reinterpret_cast<T>(at);
    } else {
      T value{};
      if constexpr (std::is_same_v<T, CUmemLocation>)
        value.type = CUmemLocationType(below(4));
      return value;
    }
  }
};

// Those whose host arrays are as long as another argument says.
CUresult linkCreate(CUlinkState *state) { return state ? CU(cuLinkCreate)(0, nullptr, nullptr, state) : CUDA_SUCCESS; }
CUresult linkAddData(CUlinkState state, CUjitInputType type, const char *name) {
  return CU(cuLinkAddData)(state, type, const_cast<char *>(kPtx), std::strlen(kPtx) + 1, name, 0, nullptr, nullptr);
}
CUresult addEmptyNode(CUgraphNode *node, CUgraph graph, CUgraphNode first, CUgraphNode second, unsigned count) {
  CUgraphNode both[] = {first, second};
  return CU(cuGraphAddEmptyNode)(node, graph, count ? both : nullptr, count % 3);
}

// Copies between any two addresses take host pointers too; these must be valid.
CUresult copyAny(void *to, CUdeviceptr from, size_t bytes, CUstream stream, unsigned way) {
  CUdeviceptr host = reinterpret_cast<CUdeviceptr>(to);
  CUdeviceptr start = 0;
  if (!to || CU(cuMemGetAddressRange)(&start, nullptr, from) != CUDA_SUCCESS)
    return CUDA_ERROR_INVALID_VALUE;
  switch (way % 4) {
  case 0:
    return CU(cuMemcpy)(host, from, bytes);
  case 1:
    return CU(cuMemcpy)(from, host, bytes);
  case 2:
    return CU(cuMemcpyAsync)(host, from, bytes, stream);
  default:
    return CU(cuMemcpyAsync)(from, host, bytes, stream);
  }
}

#define OWN(name) +[](Caller &caller) { caller.call(#name, name); }
#define CASE(name) +[](Caller &caller) { caller.call(#name, CU(name)); }
void (*const kCalls[])(Caller &) = {
    CASE(cuDeviceGet),
    CASE(cuDeviceGetAttribute),
    CASE(cuDeviceGetCount),
    CASE(cuDeviceTotalMem),
    CASE(cuCtxGetCurrent),
    CASE(cuCtxSynchronize),
    CASE(cuCtxSetLimit),
    CASE(cuCtxGetLimit),
    CASE(cuCtxPushCurrent),
    CASE(cuCtxSetCurrent),
    CASE(cuDevicePrimaryCtxRetain),
    CASE(cuMemGetInfo),
    CASE(cuMemAlloc),
    CASE(cuMemAlloc),
    CASE(cuMemAllocPitch),
    CASE(cuMemFree),
    CASE(cuMemGetAddressRange),
    CASE(cuMemAllocManaged),

    CASE(cuMemcpyHtoD),
    CASE(cuMemcpyDtoH),
    CASE(cuMemcpyDtoD),
    CASE(cuMemcpyHtoDAsync),
    CASE(cuMemcpyDtoHAsync),
    CASE(cuMemcpyDtoDAsync),

    CASE(cuMemsetD8),
    CASE(cuMemsetD16),
    CASE(cuMemsetD32),
    CASE(cuMemsetD8Async),
    CASE(cuMemsetD32Async),
    CASE(cuMemsetD2D8),
    CASE(cuMemsetD2D32),
    CASE(cuMemAllocAsync),
    CASE(cuMemFreeAsync),
    CASE(cuMemAllocFromPoolAsync),
    CASE(cuMemPoolDestroy),
    CASE(cuMemPoolTrimTo),
    CASE(cuDeviceGetDefaultMemPool),
    CASE(cuPointerGetAttribute),
    CASE(cuStreamCreate),
    CASE(cuStreamCreateWithPriority),
    CASE(cuStreamDestroy),
    CASE(cuStreamSynchronize),
    CASE(cuStreamQuery),
    CASE(cuStreamWaitEvent),
    CASE(cuStreamGetFlags),
    CASE(cuStreamGetPriority),
    CASE(cuStreamAddCallback),
    CASE(cuLaunchHostFunc),
    CASE(cuStreamBeginCapture),
    CASE(cuStreamEndCapture),
    CASE(cuStreamIsCapturing),
    CASE(cuEventCreate),
    CASE(cuEventDestroy),
    CASE(cuEventRecord),
    CASE(cuEventSynchronize),
    CASE(cuEventQuery),
    CASE(cuEventElapsedTime),
    CASE(cuModuleLoadData),

    CASE(cuModuleUnload),
    CASE(cuModuleGetFunction),
    CASE(cuModuleGetFunction),
    CASE(cuModuleGetGlobal),
    CASE(cuModuleLoad),
    CASE(cuLibraryLoadData),
    CASE(cuLibraryUnload),
    CASE(cuLibraryGetKernel),
    CASE(cuKernelGetFunction),
    CASE(cuFuncGetAttribute),
    CASE(cuFuncSetAttribute),
    CASE(cuFuncGetName),
    CASE(cuFuncGetParamInfo),
    CASE(cuLaunchKernel),
    CASE(cuLaunchKernel),
    CASE(cuLaunchKernel),
    CASE(cuLaunchKernelEx),
    CASE(cuLaunchCooperativeKernel),
    CASE(cuGraphCreate),
    CASE(cuGraphDestroy),
    CASE(cuGraphInstantiate),
    CASE(cuGraphLaunch),
    CASE(cuGraphExecDestroy),
    CASE(cuGraphClone),

    CASE(cuGraphDestroyNode),
    CASE(cuGraphGetNodes),
    CASE(cuGraphUpload),

    CASE(cuLinkComplete),
    CASE(cuLinkDestroy),
    CASE(cuGetErrorName),
    CASE(cuGetErrorString),
    CASE(cuOccupancyMaxActiveBlocksPerMultiprocessor),
    CASE(cuMemAddressReserve),
    CASE(cuMemAddressFree),
    CASE(cuMemUnmap),
    CASE(cuMemMap),
    CASE(cuMemRelease),
    CASE(cuTensorMapReplaceAddress),
    OWN(linkCreate),
    OWN(copyAny),
    OWN(copyAny),
    OWN(linkAddData),
    OWN(addEmptyNode),
    CASE(cuMemHostUnregister),
    CASE(cuMemHostGetFlags),
};

void callAll(uint64_t seed, unsigned count) {
  begin();
  Caller caller(seed);
  // Something of each kind to begin with.
  for (auto first :
       {CASE(cuMemAlloc), CASE(cuStreamCreate), CASE(cuEventCreate), CASE(cuModuleLoadData), CASE(cuGraphCreate)})
    for (int k = 0; k < 3; ++k)
      first(caller);
  for (unsigned k = 0; k < count; ++k)
    kCalls[caller.below(std::size(kCalls))](caller);
  EXPECT_GT(caller.numSucceeded, 5u);
}

TEST(DriverHostile, AnyCalls) {
  if (const char *only = std::getenv("PTXSIM_HOSTILE_ONLY")) // in this process
    return callAll(std::strtoull(only, nullptr, 0), 400);
  const char *seconds = std::getenv("PTXSIM_HOSTILE_SECONDS"), *first = std::getenv("PTXSIM_HOSTILE_SEED");
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 4);
  for (uint64_t seed = first ? std::strtoull(first, nullptr, 0) : 1; std::chrono::steady_clock::now() < end; ++seed) {
    Outcome outcome = run({{"PTXSIM_TIME_LIMIT", "2"}, {"PTXSIM_CHECKS", seed % 2 ? "default" : "all"}}, [&] {
      alarm(60); // a hang ends by a signal
      callAll(seed, 400);
    });
    EXPECT_EQ(outcome.status, 0) << "seed " << seed << ": " << outcome.report.substr(0, 2000);
  }
}

TEST(DriverHostile, SizesThatWrapAround) {
  expectRun({}, [] {
    begin();
    CUdeviceptr address = 0;
    OK(cuMemAlloc, &address, 4096);
    for (size_t count : {size_t(1) << 62, (size_t(1) << 62) + 16, size_t(1) << 63, ~size_t(0)}) {
      EXPECT_EQ(CU(cuMemsetD32)(address, 0, count), CUDA_ERROR_INVALID_VALUE) << count;
      EXPECT_EQ(CU(cuMemsetD16)(address, 0, count | size_t(1) << 63), CUDA_ERROR_INVALID_VALUE) << count;
      EXPECT_EQ(CU(cuMemsetD2D32)(address, 64, 0, count, 2), CUDA_ERROR_INVALID_VALUE) << count;
      EXPECT_EQ(CU(cuMemcpyDtoD)(address, address, count), CUDA_ERROR_INVALID_VALUE) << count;
    }
    OK(cuCtxSynchronize);
  });
}

} // namespace
