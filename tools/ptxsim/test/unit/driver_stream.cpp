// The order of work: streams, events, the default streams, random orders by seed, host functions, handles.
#include "DriverApi.h"

#include <atomic>
#include <set>
#include <thread>

using namespace drivertest;

namespace {

/// Notes the order in which host functions run.
struct Order {
  std::string text;
  struct Note {
    Order *order;
    char letter;
  };
  std::vector<std::unique_ptr<Note>> notes;
  void put(char letter, CUstream stream) {
    notes.push_back(std::make_unique<Note>(Note{this, letter}));
    auto function = [](void *data) {
      auto *note = static_cast<Note *>(data);
      note->order->text += note->letter;
    };
    ASSERT_EQ(CU(cuLaunchHostFunc)(stream, function, notes.back().get()), CUDA_SUCCESS);
  }
};

/// Runs the body under many seeds; what it writes to its file descriptor is collected.
std::set<std::string> underSeeds(unsigned count, const std::function<std::string()> &body) {
  std::set<std::string> seen;
  for (unsigned seed = 0; seed < count; ++seed) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    expectRun({{"PTXSIM_SEED", std::to_string(seed)}}, [&] {
      std::string text = body();
      EXPECT_EQ(write(ends[1], text.data(), text.size()), ssize_t(text.size()));
    });
    char buffer[256];
    close(ends[1]);
    ssize_t got = read(ends[0], buffer, sizeof buffer);
    close(ends[0]);
    seen.insert(std::string(buffer, got > 0 ? size_t(got) : 0));
  }
  return seen;
}

} // namespace

TEST(DriverStream, NothingRunsBeforeSomebodyWaits) {
  expectRun({}, [] {
    begin();
    CUstream stream;
    OK(cuStreamCreate, &stream, 0);
    Order order;
    order.put('a', stream);
    order.put('b', stream);
    EXPECT_EQ(order.text, "");
    EXPECT_EQ(CU(cuStreamQuery)(stream), CUDA_ERROR_NOT_READY); // and makes progress
    EXPECT_EQ(order.text, "a");
    EXPECT_EQ(CU(cuStreamQuery)(stream), CUDA_SUCCESS);
    EXPECT_EQ(order.text, "ab");
    OK(cuStreamSynchronize, stream);
  });
}

TEST(DriverStream, IndependentStreamsRunInEveryOrder) {
  std::set<std::string> seen = underSeeds(40, [] {
    begin();
    CUstream one, other;
    EXPECT_EQ(CU(cuStreamCreate)(&one, 0), CUDA_SUCCESS);
    EXPECT_EQ(CU(cuStreamCreate)(&other, 0), CUDA_SUCCESS);
    static Order order;
    order.put('a', one);
    order.put('b', one);
    order.put('x', other);
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_SUCCESS);
    return order.text;
  });
  EXPECT_EQ(seen, (std::set<std::string>{"abx", "axb", "xab"}));
}

TEST(DriverStream, EventsOrderStreams) {
  std::set<std::string> seen = underSeeds(30, [] {
    begin();
    CUstream one, other;
    CUevent event;
    EXPECT_EQ(CU(cuStreamCreate)(&one, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    EXPECT_EQ(CU(cuStreamCreate)(&other, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    EXPECT_EQ(CU(cuEventCreate)(&event, 0), CUDA_SUCCESS);
    static Order order;
    order.put('a', one);
    EXPECT_EQ(CU(cuEventRecord)(event, one), CUDA_SUCCESS);
    order.put('b', one);
    order.put('x', other);
    EXPECT_EQ(CU(cuStreamWaitEvent)(other, event, 0), CUDA_SUCCESS);
    order.put('y', other);
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_SUCCESS);
    return order.text;
  });
  for (const std::string &text : seen) // y is behind a and x
    EXPECT_LT(std::max(text.find('a'), text.find('x')), text.find('y')) << text;
  EXPECT_GE(seen.size(), 3u);
}

TEST(DriverStream, LegacyDefaultStreamIsABarrierForBlockingStreamsOnly) {
  std::set<std::string> seen = underSeeds(40, [] {
    begin();
    CUstream blocking, free;
    EXPECT_EQ(CU(cuStreamCreate)(&blocking, 0), CUDA_SUCCESS);
    EXPECT_EQ(CU(cuStreamCreate)(&free, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    static Order order;
    order.put('a', blocking);
    order.put('0', nullptr);
    order.put('b', blocking);
    order.put('x', free);
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_SUCCESS);
    return order.text;
  });
  std::set<size_t> places;
  for (const std::string &text : seen) {
    std::string without = text;
    places.insert(text.find('x'));
    without.erase(text.find('x'), 1);
    EXPECT_EQ(without, "a0b");
  }
  EXPECT_GE(places.size(), 3u);
}

TEST(DriverStream, SameSeedSameOrder) {
  auto body = [] {
    begin();
    static Order order;
    for (int k = 0; k < 10; ++k) {
      CUstream stream;
      EXPECT_EQ(CU(cuStreamCreate)(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
      order.put(char('a' + k), stream);
    }
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_SUCCESS);
    return order.text;
  };
  std::set<std::string> first = underSeeds(4, body), again = underSeeds(4, body);
  EXPECT_EQ(first, again);
  EXPECT_EQ(first.size(), 4u);
}

TEST(DriverStream, PerThreadDefaultStream) {
  expectRun({}, [] {
    begin();
    auto onThread = reinterpret_cast<CUresult (*)(CUstream, CUhostFn, void *)>(symbol("cuLaunchHostFunc_ptsz"));
    auto synchronise = reinterpret_cast<CUresult (*)(CUstream)>(symbol("cuStreamSynchronize_ptsz"));
    static std::atomic<int> mine{0}, others{0};
    CUcontext context;
    OK(cuCtxGetCurrent, &context);
    std::thread([&] {
      OK(cuCtxSetCurrent, context);
      EXPECT_EQ(onThread(
                    nullptr, [](void *) { ++others; }, nullptr),
                CUDA_SUCCESS);
    }).join();
    EXPECT_EQ(onThread(
                  nullptr, [](void *) { ++mine; }, nullptr),
              CUDA_SUCCESS);
    EXPECT_EQ(synchronise(nullptr), CUDA_SUCCESS);
    EXPECT_EQ(mine, 1);
    OK(cuCtxSynchronize);
    EXPECT_EQ(others, 1);
  });
}

TEST(DriverStream, StaleHandlesAreFound) {
  Outcome outcome = expectRun({}, [] {
    begin();
    CUstream stream;
    CUevent event;
    OK(cuStreamCreate, &stream, 0);
    OK(cuEventCreate, &event, 0);
    OK(cuStreamDestroy, stream);
    OK(cuEventDestroy, event);
    EXPECT_EQ(CU(cuStreamSynchronize)(stream), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(CU(cuStreamDestroy)(stream), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(CU(cuEventSynchronize)(event), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(CU(cuStreamSynchronize)(CUstream(0x12345)), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(CU(cuEventRecord)(CUevent(stream), nullptr), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(CU(cuModuleUnload)(CUmodule(-1)), CUDA_ERROR_INVALID_HANDLE);
  });
  EXPECT_TRUE(outcome.reports("cuStreamSynchronize: the stream does not exist"));
}

TEST(DriverStream, HostFunctionsMayNotCallTheDriver) {
  expectRun({}, [] {
    begin();
    static CUresult inside;
    auto function = [](void *) {
      size_t bytes;
      inside = CU(cuMemGetInfo)(&bytes, &bytes);
    };
    OK(cuLaunchHostFunc, nullptr, function, nullptr);
    OK(cuStreamSynchronize, nullptr);
    EXPECT_EQ(inside, CUDA_ERROR_NOT_PERMITTED);
  });
}

TEST(DriverEvent, StatesAndTime) {
  expectRun({}, [] {
    begin();
    CUevent start, end, untimed;
    OK(cuEventCreate, &start, 0);
    OK(cuEventCreate, &end, 0);
    OK(cuEventCreate, &untimed, CU_EVENT_DISABLE_TIMING);
    EXPECT_EQ(CU(cuEventQuery)(start), CUDA_SUCCESS); // never recorded
    float time = -1;
    EXPECT_EQ(CU(cuEventElapsedTime)(&time, start, end), CUDA_ERROR_INVALID_HANDLE);
    OK(cuEventRecord, start, nullptr);
    OK(
        cuLaunchHostFunc, nullptr, [](void *) { usleep(2000); }, nullptr);
    OK(cuEventRecord, end, nullptr);
    EXPECT_EQ(CU(cuEventElapsedTime)(&time, start, end), CUDA_ERROR_NOT_READY);
    OK(cuEventSynchronize, end);
    OK(cuEventElapsedTime, &time, start, end);
    EXPECT_GE(time, 2.0f);
    OK(cuEventRecord, untimed, nullptr);
    EXPECT_EQ(CU(cuEventElapsedTime)(&time, start, untimed), CUDA_ERROR_INVALID_HANDLE);
  });
}

TEST(DriverStream, ValuesInMemoryOrderStreams) {
  expectRun({}, [] {
    begin();
    CUstream waiter, writer;
    OK(cuStreamCreate, &waiter, CU_STREAM_NON_BLOCKING);
    OK(cuStreamCreate, &writer, CU_STREAM_NON_BLOCKING);
    CUdeviceptr word;
    OK(cuMemAlloc, &word, 4);
    OK(cuMemsetD32, word, 0, 1);
    OK(cuCtxSynchronize);
    Order order;
    OK(cuStreamWaitValue32, waiter, word, 3, CU_STREAM_WAIT_VALUE_GEQ);
    order.put('b', waiter);
    order.put('a', writer);
    OK(cuStreamWriteValue32, writer, word, 3, 0);
    OK(cuStreamSynchronize, waiter);
    EXPECT_EQ(order.text, "ab");
    EXPECT_EQ(CU(cuStreamWaitValue32)(waiter, word + 2, 3, 0), CUDA_ERROR_INVALID_VALUE);
  });
  Outcome outcome = expectRun({{"PTXSIM_TIME_LIMIT", "0"}}, [] {
    begin();
    CUdeviceptr word;
    OK(cuMemAlloc, &word, 4);
    OK(cuMemsetD32, word, 0, 1);
    OK(cuStreamWaitValue32, nullptr, word, 1, CU_STREAM_WAIT_VALUE_EQ);
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_ERROR_LAUNCH_TIMEOUT);
  });
  EXPECT_TRUE(outcome.reports("waits for a value that nobody writes"));
}
