// Streams, events, asynchronous copies, pools and captured graphs. Faults of the host part: 1 no wait for the other
// stream's event, 2 the result is read without waiting for the stream, 3 memory freed while a kernel uses it, 4 the
// event is recorded before the work, 5 the host's buffer is overwritten while it is copied, 6 a fork in the captured
// graph is not ordered behind its origin's work.
#include "Harness.h"

#include <algorithm>

using namespace programs;

namespace {

struct Stream {
  CUstream stream;
  Stream() { CU(cuStreamCreate, &stream, CU_STREAM_NON_BLOCKING); }
  ~Stream() { driver().cuStreamDestroy(stream); }
};
struct Event {
  CUevent event;
  Event() { CU(cuEventCreate, &event, CU_EVENT_DISABLE_TIMING); }
  ~Event() { driver().cuEventDestroy(event); }
};

/// Host memory that asynchronous copies do not go through a staging buffer for.
struct Pinned {
  int *data = nullptr;
  explicit Pinned(size_t count) { CU(cuMemAllocHost, reinterpret_cast<void **>(&data), count * sizeof(int)); }
  ~Pinned() { driver().cuMemFreeHost(data); }
};

void checkFork(const Module &module, int count) {
  Stream first, second;
  Event filled, scaled;
  Buffer<int> a(count), b(count), sum(count);
  Pinned out(count);
  Dim grid{2}, block{64};
  std::fill(out.data, out.data + count, -1);
  if (fault() == 4)
    CU(cuEventRecord, filled.event, first.stream);
  launch(module.kernel("fill"), {.grid = grid, .block = block, .stream = first.stream}, a.get(), count, 10);
  if (fault() != 4)
    CU(cuEventRecord, filled.event, first.stream);
  if (fault() != 1)
    CU(cuStreamWaitEvent, second.stream, filled.event, 0);
  launch(module.kernel("scale"), {.grid = grid, .block = block, .stream = second.stream},
         static_cast<const int *>(a.get()), b.get(), count, 5);
  CU(cuEventRecord, scaled.event, second.stream);
  CU(cuStreamWaitEvent, first.stream, scaled.event, 0);
  launch(module.kernel("add"), {.grid = grid, .block = block, .stream = first.stream},
         static_cast<const int *>(a.get()), static_cast<const int *>(b.get()), sum.get(), count);
  CU(cuMemcpyDtoHAsync, out.data, CUdeviceptr(sum.get()), count * sizeof(int), first.stream);
  if (fault() != 2)
    CU(cuStreamSynchronize, first.stream);
  std::vector<int> got(out.data, out.data + count), wanted;
  for (int i = 0; i < count; ++i)
    wanted.push_back((10 + i) * 6);
  CU(cuStreamSynchronize, first.stream);
  expectEqual("fork", got, wanted);
}

/// Two buffers in turn: while one batch is worked on, the next one comes in.
void checkBatches(const Module &module, int count) {
  constexpr int kBatches = 6;
  Stream streams[2];
  Pinned in(count * 2), out(count * kBatches);
  std::vector<int> wanted;
  CUdeviceptr buffers[2];
  for (int i = 0; i < 2; ++i)
    CU(cuMemAllocAsync, &buffers[i], count * sizeof(int), streams[i].stream);
  for (int batch = 0; batch < kBatches; ++batch) {
    CUstream stream = streams[batch % 2].stream;
    int *staging = in.data + batch % 2 * count;
    if (fault() != 5)
      CU(cuStreamSynchronize, stream);
    for (int i = 0; i < count; ++i) {
      staging[i] = batch * 1000 + i;
      wanted.push_back(staging[i] * 3);
    }
    CUdeviceptr buffer = buffers[batch % 2];
    CU(cuMemcpyHtoDAsync, buffer, staging, count * sizeof(int), stream);
    launch(module.kernel("scale"), {.grid = {1}, .block = {64}, .stream = stream},
           reinterpret_cast<const int *>(buffer), reinterpret_cast<int *>(buffer), count, 3);
    CU(cuMemcpyDtoHAsync, out.data + batch * count, buffer, count * sizeof(int), stream);
  }
  for (int i = 0; i < 2; ++i) {
    CU(cuMemFreeAsync, buffers[i], streams[i].stream);
    CU(cuStreamSynchronize, streams[i].stream);
  }
  expectEqual("batches", std::vector<int>(out.data, out.data + count * kBatches), wanted);
}

void checkGraph(const Module &module, int count) {
  Stream origin, side;
  Event forked, joined;
  Buffer<int> a(count), b(count), c(count), sum(count);
  Dim grid{1}, block{96};
  CU(cuStreamBeginCapture, origin.stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
  if (fault() == 6) {
    CU(cuEventRecord, forked.event, origin.stream);
    CU(cuStreamWaitEvent, side.stream, forked.event, 0);
  }
  launch(module.kernel("fill"), {.grid = grid, .block = block, .stream = origin.stream}, a.get(), count, 3);
  if (fault() != 6) {
    CU(cuEventRecord, forked.event, origin.stream);
    CU(cuStreamWaitEvent, side.stream, forked.event, 0);
  }
  launch(module.kernel("scale"), {.grid = grid, .block = block, .stream = side.stream},
         static_cast<const int *>(a.get()), b.get(), count, 2);
  CU(cuEventRecord, joined.event, side.stream);
  launch(module.kernel("scale"), {.grid = grid, .block = block, .stream = origin.stream},
         static_cast<const int *>(a.get()), c.get(), count, 7);
  CU(cuStreamWaitEvent, origin.stream, joined.event, 0);
  launch(module.kernel("add"), {.grid = grid, .block = block, .stream = origin.stream},
         static_cast<const int *>(b.get()), static_cast<const int *>(c.get()), sum.get(), count);
  CUgraph graph;
  CUgraphExec executable;
  CU(cuStreamEndCapture, origin.stream, &graph);
  CU(cuGraphInstantiate, &executable, graph, 0);
  std::vector<int> wanted;
  for (int i = 0; i < count; ++i)
    wanted.push_back((3 + i) * 9);
  for (int run = 0; run < 2; ++run) {
    a.clear(), b.clear(), c.clear(), sum.clear();
    synchronize();
    CU(cuGraphLaunch, executable, origin.stream);
    CU(cuStreamSynchronize, origin.stream);
    expectEqual("graph", sum.read(), wanted);
  }
  CU(cuGraphExecDestroy, executable);
  CU(cuGraphDestroy, graph);
}

void checkPool(const Module &module, int count) {
  Stream first, second;
  Event done;
  CUdeviceptr memory;
  Pinned out(count);
  CU(cuMemAllocAsync, &memory, count * sizeof(int), first.stream);
  CU(cuMemsetD32Async, memory, 7, count, first.stream);
  CU(cuEventRecord, done.event, first.stream);
  CU(cuStreamWaitEvent, second.stream, done.event, 0);
  launch(module.kernel("scale"), {.grid = {1}, .block = {32}, .stream = second.stream},
         reinterpret_cast<const int *>(memory), reinterpret_cast<int *>(memory), count, 6);
  CU(cuMemcpyDtoHAsync, out.data, memory, count * sizeof(int), second.stream);
  if (fault() != 3) {
    CU(cuEventRecord, done.event, second.stream);
    CU(cuStreamWaitEvent, first.stream, done.event, 0);
  }
  CU(cuMemFreeAsync, memory, first.stream);
  CU(cuStreamSynchronize, second.stream);
  CU(cuStreamSynchronize, first.stream);
  expectEqual("pool", std::vector<int>(out.data, out.data + count), std::vector<int>(count, 42));
}

} // namespace

PROGRAM(Streams, 80) {
  Module module;
  for (int count : {1, 300}) {
    checkFork(module, count);
    checkBatches(module, count);
    checkGraph(module, count);
    checkPool(module, count);
  }
}
