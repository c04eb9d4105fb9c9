// Modules: PTX text and its errors, fatbins of every compression and damaged ones, libraries, linking.
#include "DriverApi.h"

#include <cstring>

using namespace drivertest;

namespace {

std::string scratch() {
  static std::string folder = [] {
    std::string name = testing::TempDir() + "ptxsim-module-XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
  return folder;
}

/// A fatbin that nvcc makes of two small kernels; empty if there is no nvcc.
std::vector<char> fatbin(const std::string &options) {
  static std::map<std::string, std::vector<char>> made;
  static bool compiler = std::system("nvcc --version >/dev/null 2>&1") == 0;
  if (!compiler || made.count(options))
    return made[options];
  std::string source = scratch() + "/k.cu", output = scratch() + "/k.fatbin";
  std::ofstream(source)
      << "extern \"C\" __global__ void two(int *x) { *x = 2; }\n"
         "#if __CUDA_ARCH__ >= 900\nextern \"C\" __global__ void hopper(int *x) { *x = 90; }\n#endif\n";
  EXPECT_EQ(std::system(("nvcc -fatbin " + options + " " + source + " -o " + output).c_str()), 0);
  std::ifstream file(output, std::ios::binary);
  return made[options] = std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

const std::string kBoth = "-gencode arch=compute_80,code=[sm_80,compute_80] -gencode "
                          "arch=compute_90a,code=compute_90a --compress-mode=";

int runInto(CUfunction function) {
  CUdeviceptr word;
  int out = 0;
  EXPECT_EQ(CU(cuMemAlloc)(&word, 4), CUDA_SUCCESS);
  void *parameters[] = {&word};
  EXPECT_EQ(CU(cuLaunchKernel)(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(CU(cuMemcpyDtoH)(&out, word, 4), CUDA_SUCCESS);
  return out;
}

} // namespace

TEST(DriverModule, FunctionsAndVariables) {
  expectRun({}, [] {
    begin();
    CUmodule module;
    CUfunction function, list[2];
    OK(cuModuleLoadData, &module, arithmeticPtx());
    OK(cuModuleGetFunction, &function, module, "add");
    EXPECT_EQ(CU(cuModuleGetFunction)(&function, module, "sub"), CUDA_ERROR_NOT_FOUND);
    unsigned count;
    OK(cuModuleGetFunctionCount, &count, module);
    EXPECT_EQ(count, 2u);
    OK(cuModuleEnumerateFunctions, list, 2, module);
    const char *name;
    OK(cuFuncGetName, &name, list[1]);
    EXPECT_STREQ(name, "mul");
    size_t offset, bytes;
    OK(cuFuncGetParamInfo, list[0], 2, &offset, &bytes);
    EXPECT_EQ(offset, 12u);
    EXPECT_EQ(bytes, 4u);
    EXPECT_EQ(CU(cuFuncGetParamInfo)(list[0], 3, &offset, &bytes), CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr counter;
    OK(cuModuleGetGlobal, &counter, &bytes, module, "counter");
    EXPECT_EQ(bytes, 4u);
    int value = 0;
    OK(cuMemcpyDtoH, &value, counter, 4);
    EXPECT_EQ(value, 7);
    OK(cuModuleUnload, module);
    EXPECT_EQ(CU(cuFuncGetName)(&name, list[0]), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(CU(cuModuleUnload)(module), CUDA_ERROR_INVALID_HANDLE);
  });
}

TEST(DriverModule, ErrorsAreInTheLog) {
  Outcome outcome = expectRun({}, [] {
    begin();
    const char *wrong =
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n  frobnicate.u32 %r1;\n}\n";
    char log[256];
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    CUmodule module;
    EXPECT_EQ(CU(cuModuleLoadDataEx)(&module, wrong, 2, options, values), CUDA_ERROR_INVALID_PTX);
    EXPECT_NE(std::string(log).find(":6:"), std::string::npos) << log;
    EXPECT_EQ(reinterpret_cast<size_t>(values[1]), std::strlen(log));
    values[1] = reinterpret_cast<void *>(8);
    EXPECT_EQ(CU(cuModuleLoadDataEx)(&module, wrong, 2, options, values), CUDA_ERROR_INVALID_PTX);
    EXPECT_EQ(std::strlen(log), 7u); // cut to the buffer
    EXPECT_EQ(CU(cuModuleLoad)(&module, "/no/such/file.ptx"), CUDA_ERROR_FILE_NOT_FOUND);
    EXPECT_EQ(CU(cuModuleLoadData)(&module, "\177ELF and so on"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  });
  EXPECT_TRUE(outcome.reports("cubin"));
}

TEST(DriverModule, NewerTargetsAreRefused) {
  expectRun({{"PTXSIM_ARCH", "A100"}}, [] {
    begin();
    CUmodule module;
    EXPECT_EQ(CU(cuModuleLoadData)(&module, ".version 8.0\n.target sm_90a\n.address_size 64\n"),
              CUDA_ERROR_NO_BINARY_FOR_GPU);
  });
}

TEST(DriverFatbin, EveryCompressionAndTheBestArchitecture) {
  for (const char *mode : {"default", "size", "speed", "balance", "none"}) {
    std::vector<char> image = fatbin(kBoth + mode);
    if (image.empty())
      GTEST_SKIP() << "no nvcc";
    for (const char *chip : {"A100", "H100"})
      expectRun({{"PTXSIM_ARCH", chip}}, [&] {
        begin();
        CUmodule module;
        CUfunction function;
        OK(cuModuleLoadFatBinary, &module, image.data());
        OK(cuModuleGetFunction, &function, module, "two");
        EXPECT_EQ(runInto(function), 2) << mode;
        bool hopper = std::string(chip) == "H100";
        EXPECT_EQ(CU(cuModuleGetFunction)(&function, module, "hopper"), hopper ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND);
        if (hopper)
          EXPECT_EQ(runInto(function), 90);
      });
  }
}

TEST(DriverFatbin, WrapperLibraryAndCodeOnly) {
  std::vector<char> image = fatbin("-gencode arch=compute_80,code=compute_80");
  std::vector<char> code = fatbin("-gencode arch=compute_80,code=sm_80");
  if (image.empty())
    GTEST_SKIP() << "no nvcc";
  Outcome outcome = expectRun({}, [&] {
    begin();
    struct {
      int magic = 0x466243b1, version = 1;
      const void *data;
      void *name = nullptr;
    } wrapper;
    wrapper.data = image.data();
    CUlibrary library;
    CUkernel kernel;
    CUfunction function;
    CUmodule module;
    OK(cuLibraryLoadData, &library, &wrapper, nullptr, nullptr, 0, nullptr, nullptr, 0);
    OK(cuLibraryGetKernel, &kernel, library, "two");
    EXPECT_EQ(runInto(CUfunction(kernel)), 2); // kernels are launched like functions
    OK(cuKernelGetFunction, &function, kernel);
    EXPECT_EQ(runInto(function), 2);
    OK(cuLibraryUnload, library);
    EXPECT_EQ(CU(cuKernelGetFunction)(&function, kernel), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(CU(cuModuleLoadData)(&module, code.data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
  });
  EXPECT_TRUE(outcome.reports("holds no PTX for sm_90a"));
  EXPECT_TRUE(outcome.reports("code of sm_80"));
}

// Every prefix and every damaged byte of the headers: an error or a module, never a crash.
TEST(DriverFatbin, DamagedContainers) {
  for (const char *mode : {"size", "speed", "none"}) {
    std::vector<char> image = fatbin(kBoth + mode);
    if (image.empty())
      GTEST_SKIP() << "no nvcc";
    expectRun({}, [&] {
      begin();
      CUmodule module;
      std::string path = scratch() + "/damaged";
      for (size_t length = 0; length < image.size(); length += 1 + length / 16) {
        std::ofstream(path, std::ios::binary).write(image.data(), std::streamsize(length));
        EXPECT_NE(CU(cuModuleLoad)(&module, path.c_str()), length ? CUDA_SUCCESS : CUDA_ERROR_FILE_NOT_FOUND) << length;
      }
      for (size_t at = 0; at < std::min<size_t>(image.size(), 160); ++at)
        for (int flip : {0x01, 0x80, 0xff}) {
          std::vector<char> damaged = image;
          damaged[at] = char(damaged[at] ^ flip);
          if (CU(cuModuleLoadData)(&module, damaged.data()) == CUDA_SUCCESS)
            CU(cuModuleUnload)(module);
        }
    });
  }
}

TEST(DriverLink, ProgramsResolveEachOther) {
  expectRun({}, [] {
    begin();
    std::string head = ".version 8.0\n.target sm_80\n.address_size 64\n";
    std::string user = head + ".extern .func (.param .b32 r) triple(.param .b32 x);\n"
                              ".visible .entry k(.param .u64 out)\n{\n.reg .b32 %r<3>;\n.reg .b64 %d<2>;\n"
                              "ld.param.u64 %d1, [out];\n{\n.param .b32 x;\n.param .b32 r;\nst.param.b32 [x], 14;\n"
                              "call.uni (r), triple, (x);\nld.param.b32 %r1, [r];\n}\n"
                              "st.global.u32 [%d1], %r1;\nret;\n}\n";
    std::string library = head + ".visible .func (.param .b32 r) triple(.param .b32 x)\n{\n.reg .b32 %r<3>;\n"
                                 "ld.param.b32 %r1, [x];\nmul.lo.s32 %r2, %r1, 3;\nst.param.b32 [r], %r2;\nret;\n}\n";
    CUlinkState link;
    void *image;
    size_t bytes;
    CUmodule module;
    CUfunction function;
    OK(cuLinkCreate, 0, nullptr, nullptr, &link);
    OK(cuLinkAddData, link, CU_JIT_INPUT_PTX, user.data(), user.size() + 1, "user.ptx", 0, nullptr, nullptr);
    OK(cuLinkAddData, link, CU_JIT_INPUT_PTX, library.data(), library.size() + 1, "library.ptx", 0, nullptr, nullptr);
    EXPECT_EQ(CU(cuLinkAddData)(link, CU_JIT_INPUT_CUBIN, user.data(), 4, "x", 0, nullptr, nullptr),
              CUDA_ERROR_NOT_SUPPORTED);
    OK(cuLinkComplete, link, &image, &bytes);
    OK(cuModuleLoadData, &module, image);
    OK(cuLinkDestroy, link);
    EXPECT_EQ(CU(cuLinkDestroy)(link), CUDA_ERROR_INVALID_HANDLE);
    OK(cuModuleGetFunction, &function, module, "k");
    EXPECT_EQ(runInto(function), 42);
  });
}
