// Graphs: by capture, by hand, updated, in random order; and launches with their checks.
#include "DriverApi.h"

using namespace drivertest;

TEST(DriverGraph, CaptureReplays) {
  expectRun({}, [] {
    begin();
    CUfunction add = loadFunction(arithmeticPtx(), "add"), mul = loadFunction(arithmeticPtx(), "mul");
    CUstream stream, side;
    CUevent fork, join;
    OK(cuStreamCreate, &stream, CU_STREAM_NON_BLOCKING);
    OK(cuStreamCreate, &side, CU_STREAM_NON_BLOCKING);
    OK(cuEventCreate, &fork, 0);
    OK(cuEventCreate, &join, 0);
    CUdeviceptr words;
    OK(cuMemAlloc, &words, 400);
    OK(cuMemsetD32, words, 1, 100);
    OK(cuCtxSynchronize);
    CUgraph graph;
    CUgraphExec exec;
    OK(cuStreamBeginCapture, stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
    EXPECT_EQ(launch(add, words, 1, 100, stream), CUDA_SUCCESS);
    OK(cuEventRecord, fork, stream);
    OK(cuStreamWaitEvent, side, fork, 0);
    EXPECT_EQ(launch(mul, words, 3, 50, side), CUDA_SUCCESS);
    EXPECT_EQ(launch(mul, words + 200, 5, 50, stream), CUDA_SUCCESS);
    OK(cuEventRecord, join, side);
    OK(cuStreamWaitEvent, stream, join, 0);
    CUstreamCaptureStatus status;
    OK(cuStreamIsCapturing, side, &status);
    EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
    OK(cuStreamEndCapture, stream, &graph);
    OK(cuStreamIsCapturing, side, &status);
    EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);
    size_t count = 0;
    OK(cuGraphGetNodes, graph, nullptr, &count);
    EXPECT_EQ(count, 3u);
    OK(cuGraphInstantiate, &exec, graph, 0);
    OK(cuGraphDestroy, graph);
    std::vector<unsigned> out(100);
    OK(cuMemcpyDtoH, out.data(), words, 400);
    EXPECT_EQ(out[0], 1u); // nothing ran yet
    OK(cuGraphLaunch, exec, stream);
    OK(cuGraphLaunch, exec, stream);
    OK(cuStreamSynchronize, stream);
    OK(cuMemcpyDtoH, out.data(), words, 400);
    EXPECT_EQ(out[0], ((1u + 1) * 3 + 1) * 3);
    EXPECT_EQ(out[99], ((1u + 1) * 5 + 1) * 5);
  });
}

TEST(DriverGraph, CaptureRules) {
  expectRun({}, [] {
    begin();
    CUstream stream, side;
    CUevent event;
    CUgraph graph;
    OK(cuStreamCreate, &stream, 0);
    OK(cuStreamCreate, &side, 0);
    OK(cuEventCreate, &event, 0);
    EXPECT_EQ(CU(cuStreamBeginCapture)(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    EXPECT_EQ(CU(cuStreamEndCapture)(stream, &graph), CUDA_ERROR_ILLEGAL_STATE);
    auto captureThen = [&](auto &&act, CUresult result, CUresult atEnd) {
      ASSERT_EQ(CU(cuStreamBeginCapture)(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
      EXPECT_EQ(act(), result);
      EXPECT_EQ(CU(cuStreamEndCapture)(stream, &graph), atEnd);
    };
    CUdeviceptr memory;
    captureThen([&] { return CU(cuStreamSynchronize)(stream); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    captureThen([&] { return CU(cuMemAlloc)(&memory, 4); }, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    captureThen(
        [&] {
          return CU(cuLaunchHostFunc)(
              nullptr, [](void *) {}, nullptr);
        },
        CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    captureThen(
        [&] {
          CU(cuEventRecord)(event, stream);
          CU(cuStreamWaitEvent)(side, event, 0);
          return CU(cuLaunchHostFunc)(
              side, [](void *) {}, nullptr); // never joined
        },
        CUDA_SUCCESS, CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    EXPECT_EQ(CU(cuEventSynchronize)(event), CUDA_ERROR_CAPTURED_EVENT);
  });
}

TEST(DriverGraph, NodesByHandAndUpdates) {
  for (const char *seed : {"1", "2", "3"})
    expectRun({{"PTXSIM_SEED", seed}}, [] {
      begin();
      CUfunction add = loadFunction(arithmeticPtx(), "add");
      CUdeviceptr words;
      OK(cuMemAlloc, &words, 40);
      CUgraph graph;
      CUgraphNode clear, kernel, extra;
      CUgraphExec exec;
      OK(cuGraphCreate, &graph, 0);
      CUDA_MEMSET_NODE_PARAMS fill{words, 0, 100, 4, 10, 1};
      CUcontext context;
      OK(cuCtxGetCurrent, &context);
      OK(cuGraphAddMemsetNode, &clear, graph, nullptr, 0, &fill, context);
      unsigned value = 1, n = 10;
      void *parameters[] = {&words, &value, &n};
      CUDA_KERNEL_NODE_PARAMS launchParameters{add, 1, 1, 1, 32, 1, 1, 0, parameters, nullptr, nullptr, nullptr};
      OK(cuGraphAddKernelNode, &kernel, graph, &clear, 1, &launchParameters);
      OK(cuGraphAddEmptyNode, &extra, graph, &kernel, 1);
      EXPECT_EQ(CU(cuGraphAddDependencies)(graph, &clear, &kernel, nullptr, 1),
                CUDA_ERROR_INVALID_VALUE); // there already
      OK(cuGraphInstantiate, &exec, graph, 0);
      unsigned out[10];
      auto launched = [&] {
        EXPECT_EQ(CU(cuGraphLaunch)(exec, nullptr), CUDA_SUCCESS);
        EXPECT_EQ(CU(cuMemcpyDtoH)(out, words, 40), CUDA_SUCCESS);
        return out[9];
      };
      EXPECT_EQ(launched(), 101u);
      value = 7;
      OK(cuGraphExecKernelNodeSetParams, exec, kernel, &launchParameters);
      EXPECT_EQ(launched(), 107u);
      value = 9;
      OK(cuGraphKernelNodeSetParams, kernel, &launchParameters);
      CUgraphExecUpdateResultInfo info;
      OK(cuGraphExecUpdate, exec, graph, &info);
      EXPECT_EQ(launched(), 109u);
      OK(cuGraphNodeSetEnabled, exec, kernel, 0);
      EXPECT_EQ(launched(), 100u);
      OK(cuGraphAddDependencies, graph, &extra, &clear, nullptr, 1); // a cycle
      EXPECT_EQ(CU(cuGraphInstantiate)(&exec, graph, 0), CUDA_ERROR_INVALID_VALUE);
      EXPECT_EQ(CU(cuGraphExecUpdate)(exec, graph, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
      OK(cuGraphDestroy, graph);
      EXPECT_EQ(CU(cuGraphDestroyNode)(kernel), CUDA_ERROR_INVALID_VALUE);
    });
}

TEST(DriverLaunch, ConfigurationsAreChecked) {
  Outcome outcome = expectRun({}, [] {
    begin();
    CUfunction add = loadFunction(arithmeticPtx(), "add");
    CUdeviceptr words;
    OK(cuMemAlloc, &words, 400);
    unsigned value = 1, n = 100;
    void *parameters[] = {&words, &value, &n};
    auto go = [&](unsigned grid, unsigned block, unsigned shared, void **given) {
      return CU(cuLaunchKernel)(add, grid, 1, 1, block, 1, 1, shared, nullptr, given, nullptr);
    };
    EXPECT_EQ(go(0, 32, 0, parameters), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(go(1, 1025, 0, parameters), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(go(1, 32, 50000, parameters), CUDA_ERROR_INVALID_VALUE);
    OK(cuFuncSetAttribute, add, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 50000);
    EXPECT_EQ(go(1, 32, 50000, parameters), CUDA_SUCCESS);
    EXPECT_EQ(CU(cuFuncSetAttribute)(add, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 240000),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(go(1, 32, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
    struct {
      CUdeviceptr words;
      unsigned value, n;
    } packed{words, 5, 100};
    size_t bytes = sizeof packed;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    OK(cuMemsetD32, words, 1, 100);
    OK(cuLaunchKernel, add, 4, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra);
    unsigned out = 0;
    OK(cuMemcpyDtoH, &out, words + 396, 4);
    EXPECT_EQ(out, 6u);
    bytes = 4;
    EXPECT_EQ(CU(cuLaunchKernel)(add, 4, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra), CUDA_ERROR_INVALID_VALUE);
    CUlaunchAttribute cluster{};
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {3, 1, 1};
    CUlaunchConfig config{4, 1, 1, 32, 1, 1, 0, nullptr, &cluster, 1};
    EXPECT_EQ(CU(cuLaunchKernelEx)(&config, add, parameters, nullptr), CUDA_ERROR_INVALID_CLUSTER_SIZE);
    int blocks = 0;
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor, &blocks, add, 1024, 0);
    EXPECT_EQ(blocks, 2);
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor, &blocks, add, 32, 0);
    EXPECT_EQ(blocks, 32);
    EXPECT_EQ(CU(cuLaunchCooperativeKernel)(add, 132 * 2 + 1, 1, 1, 1024, 1, 1, 0, nullptr, parameters),
              CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  });
  EXPECT_TRUE(outcome.reports("1025"));
}

TEST(DriverLaunch, AFindingIsStickyAndTold) {
  auto body = [] {
    begin();
    CUfunction add = loadFunction(arithmeticPtx(), "add");
    CUdeviceptr words;
    OK(cuMemAlloc, &words, 400);
    EXPECT_EQ(launch(add, words, 1, 101), CUDA_SUCCESS); // one word too many
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_EQ(launch(add, words, 1, 1), CUDA_ERROR_ILLEGAL_ADDRESS);
    OK(cuDevicePrimaryCtxReset, 0);
    begin();
    OK(cuCtxSynchronize);
  };
  Outcome outcome = expectRun({}, body);
  EXPECT_TRUE(outcome.reports("kernel add")) << outcome.report;
  EXPECT_TRUE(outcome.reports("ld.global.u32")) << outcome.report;
  EXPECT_TRUE(outcome.reports("1 finding"));
  EXPECT_EQ(run({{"PTXSIM_ON_FINDING", "fail"}}, body).status, 1);
  EXPECT_EQ(run({{"PTXSIM_ON_FINDING", "abort"}}, body).status, 1000 + SIGABRT);
}

TEST(DriverLaunch, UndefinedBytesAreFoundAtTheHostBorder) {
  auto body = [] {
    begin();
    CUfunction add = loadFunction(arithmeticPtx(), "add");
    CUdeviceptr words;
    OK(cuMemAlloc, &words, 400);
    OK(cuMemsetD32, words, 0, 50);
    EXPECT_EQ(launch(add, words, 1, 100), CUDA_SUCCESS); // words 50.. were never written
    std::vector<unsigned> out(100);
    OK(cuMemcpyDtoH, out.data(), words, 200);
    OK(cuMemcpyDtoH, out.data(), words, 400);
  };
  Outcome outcome = expectRun({{"PTXSIM_CHECKS", "poison"}}, body);
  EXPECT_TRUE(outcome.reports("byte 200 of 400")) << outcome.report;
  EXPECT_FALSE(expectRun({}, body).reports("finding"));
}
