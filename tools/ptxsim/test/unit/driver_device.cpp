// The device that libptxsim.so answers for, contexts, error names and function addresses.
#include "DriverApi.h"

using namespace drivertest;

static int attribute(CUdevice_attribute which) {
  int value = -7;
  EXPECT_EQ(CU(cuDeviceGetAttribute)(&value, which, 0), CUDA_SUCCESS);
  return value;
}

TEST(DriverDevice, NothingWorksBeforeInit) {
  expectRun({}, [] {
    int count = 0;
    EXPECT_EQ(CU(cuDeviceGetCount)(&count), CUDA_ERROR_NOT_INITIALIZED);
    EXPECT_EQ(CU(cuInit)(1), CUDA_ERROR_INVALID_VALUE);
    int version = 0;
    OK(cuDriverGetVersion, &version);
    EXPECT_EQ(version, 13000);
  });
}

TEST(DriverDevice, H100ByDefault) {
  expectRun({}, [] {
    OK(cuInit, 0);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 9);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), 132);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), 232448);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH), 1);
    EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_WARP_SIZE), 32);
    char name[64], tiny[4];
    OK(cuDeviceGetName, name, sizeof name, 0);
    EXPECT_NE(std::string(name).find("H100"), std::string::npos);
    OK(cuDeviceGetName, tiny, sizeof tiny, 0);
    EXPECT_STREQ(tiny, "NVI");
    EXPECT_EQ(CU(cuDeviceGetName)(name, sizeof name, 1), CUDA_ERROR_INVALID_DEVICE);
    size_t bytes = 0;
    OK(cuDeviceTotalMem, &bytes, 0);
    EXPECT_GT(bytes, 70ull << 30);
  });
}

TEST(DriverDevice, A100ByChoice) {
  for (const char *name : {"A100", "sm_80"})
    expectRun({{"PTXSIM_ARCH", name}}, [] {
      OK(cuInit, 0);
      EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 8);
      EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), 108);
      EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), 166912);
      EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH), 0);
    });
}

TEST(DriverDevice, EveryAttributeHasAnAnswer) {
  expectRun({}, [] {
    OK(cuInit, 0);
    int value = 0;
    for (int which = 1; which < CU_DEVICE_ATTRIBUTE_MAX; ++which)
      EXPECT_EQ(CU(cuDeviceGetAttribute)(&value, CUdevice_attribute(which), 0), CUDA_SUCCESS) << which;
    EXPECT_EQ(CU(cuDeviceGetAttribute)(&value, CU_DEVICE_ATTRIBUTE_MAX, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuDeviceGetAttribute)(&value, CUdevice_attribute(0), 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuDeviceGetAttribute)(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0), CUDA_ERROR_INVALID_VALUE);
  });
}

TEST(DriverDevice, WrongEnvironmentIsRefusedByName) {
  const std::pair<const char *, const char *> wrong[] = {{"PTXSIM_ARCH", "sm_35"},       {"PTXSIM_CHECKS", "nonsense"},
                                                         {"PTXSIM_SEED", "twelve"},      {"PTXSIM_WORKERS", "-1"},
                                                         {"PTXSIM_ON_FINDING", "shout"}, {"PTXSIM_STATS", "maybe"}};
  for (auto [name, value] : wrong) {
    testing::internal::CaptureStderr(); // the report file is not open yet
    run({{name, value}}, [] { EXPECT_EQ(CU(cuInit)(0), CUDA_ERROR_INVALID_VALUE); });
    std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find(name), std::string::npos) << text;
    EXPECT_NE(text.find(value), std::string::npos) << text;
  }
}

TEST(DriverDevice, SeedIsPrinted) {
  EXPECT_TRUE(expectRun({{"PTXSIM_SEED", "42"}}, [] { OK(cuInit, 0); }).reports("seed 42"));
  EXPECT_TRUE(expectRun({{"PTXSIM_SEED", "random"}}, [] { OK(cuInit, 0); }).reports("seed "));
}

TEST(DriverContext, StackOfTheHostThread) {
  expectRun({}, [] {
    OK(cuInit, 0);
    CUcontext first, second, now;
    size_t bytes;
    EXPECT_EQ(CU(cuMemGetInfo)(&bytes, &bytes), CUDA_ERROR_INVALID_CONTEXT);
    OK(cuCtxCreate, &first, nullptr, 0, 0);
    OK(cuCtxCreate, &second, nullptr, 0, 0);
    OK(cuCtxGetCurrent, &now);
    EXPECT_EQ(now, second);
    OK(cuCtxPopCurrent, &now);
    EXPECT_EQ(now, second);
    OK(cuCtxGetCurrent, &now);
    EXPECT_EQ(now, first);
    OK(cuCtxDestroy, first);
    EXPECT_EQ(CU(cuCtxPushCurrent)(first), CUDA_ERROR_INVALID_CONTEXT);
    OK(cuCtxPushCurrent, second);
    OK(cuCtxDestroy, second);
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_ERROR_INVALID_CONTEXT);
  });
}

TEST(DriverContext, PrimaryIsCounted) {
  expectRun({}, [] {
    OK(cuInit, 0);
    CUcontext one, two;
    unsigned flags;
    int active;
    OK(cuDevicePrimaryCtxGetState, 0, &flags, &active);
    EXPECT_FALSE(active);
    OK(cuDevicePrimaryCtxRetain, &one, 0);
    OK(cuDevicePrimaryCtxRetain, &two, 0);
    EXPECT_EQ(one, two);
    EXPECT_EQ(CU(cuCtxDestroy)(one), CUDA_ERROR_INVALID_CONTEXT);
    OK(cuDevicePrimaryCtxRelease, 0);
    OK(cuCtxSetCurrent, one);
    CUdeviceptr memory;
    OK(cuMemAlloc, &memory, 16);
    OK(cuDevicePrimaryCtxRelease, 0);
    EXPECT_EQ(CU(cuMemFree)(memory), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    EXPECT_EQ(CU(cuDevicePrimaryCtxRelease)(0), CUDA_ERROR_INVALID_CONTEXT);
  });
}

TEST(DriverMisc, ErrorNames) {
  expectRun({}, [] {
    const char *text = nullptr;
    OK(cuGetErrorName, CUDA_ERROR_ILLEGAL_ADDRESS, &text);
    EXPECT_STREQ(text, "CUDA_ERROR_ILLEGAL_ADDRESS");
    OK(cuGetErrorString, CUDA_ERROR_ILLEGAL_ADDRESS, &text);
    EXPECT_STREQ(text, "illegal address");
    OK(cuGetErrorName, CUDA_SUCCESS, &text);
    EXPECT_STREQ(text, "CUDA_SUCCESS");
    EXPECT_EQ(CU(cuGetErrorName)(CUresult(12345), &text), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(text, nullptr);
  });
}

TEST(DriverMisc, FunctionAddressesByVersion) {
  expectRun({}, [] {
    OK(cuInit, 0);
    void *address = nullptr;
    CUdriverProcAddressQueryResult found;
    OK(cuGetProcAddress, "cuMemAlloc", &address, 13000, 0, &found);
    EXPECT_EQ(found, CU_GET_PROC_ADDRESS_SUCCESS);
    EXPECT_EQ(address, symbol("cuMemAlloc_v2"));
    OK(cuGetProcAddress, "cuMemAlloc", &address, 2000, 0, &found);
    EXPECT_EQ(address, symbol("cuMemAlloc"));
    OK(cuGetProcAddress, "cuCtxCreate", &address, 12000, 0, &found);
    EXPECT_EQ(address, symbol("cuCtxCreate_v3"));
    OK(cuGetProcAddress, "cuLaunchKernel", &address, 13000, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, &found);
    EXPECT_EQ(address, symbol("cuLaunchKernel_ptsz"));
    OK(cuGetProcAddress, "cuMemcpyHtoD_v2_ptds", &address, 13000, 0, &found);
    EXPECT_EQ(address, symbol("cuMemcpyHtoD_v2_ptds"));
    OK(cuGetProcAddress, "cuLaunchKernelEx", &address, 11000, 0, &found);
    EXPECT_EQ(found, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
    EXPECT_EQ(address, nullptr);
    OK(cuGetProcAddress, "cuNoSuchThing", &address, 13000, 0, &found);
    EXPECT_EQ(found, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  });
}

TEST(DriverMisc, MissingFunctionsSaySoOnce) {
  Outcome outcome = expectRun({}, [] {
    OK(cuInit, 0);
    EXPECT_EQ(CU(cuIpcCloseMemHandle)(0), CUDA_ERROR_NOT_SUPPORTED);
    EXPECT_EQ(CU(cuIpcCloseMemHandle)(0), CUDA_ERROR_NOT_SUPPORTED);
    const void *table = &table;
    CUuuid id{};
    EXPECT_EQ(CU(cuGetExportTable)(&table, &id), CUDA_ERROR_NOT_SUPPORTED);
  });
  size_t first = outcome.report.find("ptxsim: cuIpcCloseMemHandle is not implemented");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(outcome.report.find("cuIpcCloseMemHandle", first + 30), std::string::npos);
  EXPECT_TRUE(outcome.reports("cuGetExportTable"));
}

TEST(DriverDevice, ExportsTheDriverApiAlone) {
  FILE *symbols = popen("nm -D --defined-only '" PTXSIM_DRIVER_LIBRARY "'", "r");
  ASSERT_TRUE(symbols);
  size_t driverApi = 0;
  std::string others;
  char address[32], kind[8], name[4096];
  while (fscanf(symbols, "%31s %7s %4095s", address, kind, name) == 3)
    if (std::string(name).rfind("cu", 0) == 0)
      ++driverApi;
    else
      others += std::string(name) + "\n";
  EXPECT_EQ(pclose(symbols), 0);
  EXPECT_GT(driverApi, 500u);
  EXPECT_EQ(others, "");
}
