// libptxsim.so as programs meet it: loaded by dlopen, in a process of its own for each environment.
#pragma once

#include <cuda.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace drivertest {

inline void *symbol(const char *name) {
  static void *library = dlopen(PTXSIM_DRIVER_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::abort();
  }
  void *found = dlsym(library, name);
  if (!found) {
    std::fprintf(stderr, "%s is not exported\n", name);
    std::abort();
  }
  return found;
}

#define DRIVER_TEXT_OF(name) #name
#define DRIVER_TEXT(name) DRIVER_TEXT_OF(name)
/// The function by the name that cuda.h maps it to.
#define CU(name) reinterpret_cast<decltype(&name)>(drivertest::symbol(DRIVER_TEXT(name)))
#define OK(name, ...) ASSERT_EQ(CU(name)(__VA_ARGS__), CUDA_SUCCESS)

struct Outcome {
  int status = -1;    ///< exit status; 99: an expectation failed
  std::string report; ///< what the driver reported
  bool reports(const std::string &text) const { return report.find(text) != std::string::npos; }
};

/// Runs the body in a child process with these environment variables; it ends by exit().
inline Outcome run(const std::map<std::string, std::string> &environment, const std::function<void()> &body) {
  static int serial = 0;
  std::string report =
      testing::TempDir() + "ptxsim-driver-" + std::to_string(getpid()) + "-" + std::to_string(serial++);
  std::fflush(nullptr);
  pid_t child = fork();
  if (child == 0) {
    for (const char *name : {"PTXSIM_ARCH", "PTXSIM_CHECKS", "PTXSIM_SEED", "PTXSIM_WORKERS", "PTXSIM_ON_FINDING",
                             "PTXSIM_STATS", "PTXSIM_TIME_LIMIT"})
      unsetenv(name);
    setenv("PTXSIM_REPORT", report.c_str(), 1);
    for (const auto &[name, value] : environment)
      setenv(name.c_str(), value.c_str(), 1);
    body();
    std::exit(testing::Test::HasFailure() ? 99 : 0);
  }
  Outcome outcome;
  int status = 0;
  waitpid(child, &status, 0);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  std::stringstream text;
  text << std::ifstream(report).rdbuf();
  outcome.report = text.str();
  unlink(report.c_str());
  return outcome;
}

/// The same, and the body's expectations must hold.
inline Outcome expectRun(const std::map<std::string, std::string> &environment, const std::function<void()> &body) {
  Outcome outcome = run(environment, body);
  EXPECT_EQ(outcome.status, 0) << outcome.report;
  return outcome;
}

/// cuInit and a current context.
inline void begin() {
  CUcontext context;
  OK(cuInit, 0);
  OK(cuDevicePrimaryCtxRetain, &context, 0);
  OK(cuCtxSetCurrent, context);
}

/// A kernel that adds `value` to each of `n` words, and one that multiplies.
inline const char *arithmeticPtx() {
  return R"(.version 8.0
.target sm_80
.address_size 64
.visible .global .align 4 .u32 counter = 7;
.visible .entry add(.param .u64 words, .param .u32 value, .param .u32 n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %d<4>;
  ld.param.u64 %d1, [words];
  ld.param.u32 %r1, [value];
  ld.param.u32 %r2, [n];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p1, %r6, %r2;
  @%p1 bra done;
  cvta.to.global.u64 %d1, %d1;
  mul.wide.u32 %d2, %r6, 4;
  add.s64 %d3, %d1, %d2;
  ld.global.u32 %r7, [%d3];
  add.s32 %r7, %r7, %r1;
  st.global.u32 [%d3], %r7;
done:
  ret;
}
.visible .entry mul(.param .u64 words, .param .u32 value, .param .u32 n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %d<4>;
  ld.param.u64 %d1, [words];
  ld.param.u32 %r1, [value];
  ld.param.u32 %r2, [n];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p1, %r6, %r2;
  @%p1 bra done;
  cvta.to.global.u64 %d1, %d1;
  mul.wide.u32 %d2, %r6, 4;
  add.s64 %d3, %d1, %d2;
  ld.global.u32 %r7, [%d3];
  mul.lo.s32 %r7, %r7, %r1;
  st.global.u32 [%d3], %r7;
done:
  ret;
}
)";
}

inline CUfunction loadFunction(const char *ptx, const char *name) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  EXPECT_EQ(CU(cuModuleLoadData)(&module, ptx), CUDA_SUCCESS);
  EXPECT_EQ(CU(cuModuleGetFunction)(&function, module, name), CUDA_SUCCESS);
  return function;
}

/// Launches add or mul over n words on a stream.
inline CUresult launch(CUfunction function, CUdeviceptr words, unsigned value, unsigned n, CUstream stream = nullptr) {
  void *parameters[] = {&words, &value, &n};
  return CU(cuLaunchKernel)(function, (n + 63) / 64, 1, 1, 64, 1, 1, 0, stream, parameters, nullptr);
}

} // namespace drivertest
