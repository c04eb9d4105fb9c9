#include "fake_module.h"
#include "runtime/threads.h"
#include "support.h"

#include <nlohmann/json.hpp>

#include <atomic>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

using namespace motley::runtime;

namespace {

struct Probe {
  std::vector<std::atomic<int>> visits;
  std::mutex mutex;
  std::set<void *> scratches;
  std::set<std::thread::id> threads;
  std::atomic<int> clashes{0};
  std::atomic<int> calls{0};
  explicit Probe(int64_t units) : visits(size_t(units)) {}
};

// Counts its units, and checks that nobody else writes its scratch while it works.
void probeKernel(const void *args, void *scratch, int64_t begin, int64_t end) {
  Probe *probe = *static_cast<Probe *const *>(args);
  ++probe->calls;
  std::memset(scratch, int(begin & 0x7f), 192);
  for (int64_t unit = begin; unit < end; ++unit)
    ++probe->visits[size_t(unit)];
  std::this_thread::sleep_for(std::chrono::microseconds(20));
  for (int i = 0; i < 192; ++i)
    probe->clashes += static_cast<char *>(scratch)[i] != int(begin & 0x7f);
  std::lock_guard<std::mutex> lock(probe->mutex);
  probe->scratches.insert(scratch);
  probe->threads.insert(std::this_thread::get_id());
}

struct Request {
  Probe *probe;
  int32_t kernel;
  const int32_t *count;
  int64_t factor;
  int repeats;
};
Request request;

int32_t launchStep(motley_context *context, void *const *, const int64_t *) {
  EXPECT_EQ(context->abi_version, uint32_t(MOTLEY_ABI_VERSION));
  EXPECT_EQ(context->size, sizeof(motley_context));
  for (int i = 0; i < request.repeats; ++i)
    if (int32_t status = context->launch(context, request.kernel, &request.probe, request.count, request.factor))
      return status;
  return 0;
}

int32_t failingStep(motley_context *, void *const *, const int64_t *) { return 42; }

class Launch : public testing::Test {
protected:
  std::unique_ptr<Launcher> make(int threads) {
    nlohmann::json manifest = nlohmann::json::parse(fake::manifestText());
    manifest["functions"] = nlohmann::json::array({manifest["functions"][0], manifest["functions"][1]});
    manifest["kernels"] = {{{"name", "probe"}, {"family", "probe"}, {"scratch_bytes", 192}}};
    text = manifest.dump();
    table = {MOTLEY_ABI_VERSION, 1, 1, 2, text.data(), text.size(), &kernel, steps};
    auto artifact = Artifact::fromTable(&table);
    EXPECT_OK(artifact);
    auto launcher = Launcher::create(*artifact, threads);
    EXPECT_OK(launcher);
    return launcher.take();
  }
  motley_kernel kernel = probeKernel;
  motley_step steps[2] = {launchStep, failingStep};
  std::string text;
  motley_artifact_table table;
};

} // namespace

TEST_F(Launch, EveryUnitOnceOnAnyNumberOfThreads) {
  for (int threads : {1, 2, 3, 8}) {
    auto launcher = make(threads);
    EXPECT_EQ(launcher->threads(), threads);
    for (int64_t units : {1, 2, 7, 1000}) {
      Probe probe(units);
      request = {&probe, 0, nullptr, units, 5};
      EXPECT_OK(launcher->call(0, nullptr, nullptr));
      EXPECT_EQ(launcher->lastLaunches(), 5);
      for (auto &visits : probe.visits)
        EXPECT_EQ(visits, 5);
      EXPECT_EQ(probe.clashes, 0);
      EXPECT_LE(probe.scratches.size(), size_t(threads));
      for (void *scratch : probe.scratches)
        EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch) % 64, 0u);
    }
  }
}

TEST_F(Launch, NeverMoreThreadsThanAsked) {
  auto launcher = make(2);
  Probe probe(3000);
  request = {&probe, 0, nullptr, 3000, 3};
  // On a busy machine one thread may do a whole launch before the other wakes, but not every time.
  int numCalls = 0;
  while (probe.threads.size() < 2 && numCalls < 2000) {
    EXPECT_OK(launcher->call(0, nullptr, nullptr));
    ++numCalls;
    EXPECT_LT(probe.calls, numCalls * 3 * 100); // chunks, not single units
  }
  EXPECT_EQ(probe.threads.size(), 2u);
  EXPECT_EQ(probe.scratches.size(), 2u);
}

TEST_F(Launch, CountIsReadAtTheLaunch) {
  auto launcher = make(1);
  Probe probe(12);
  int32_t count = 4;
  request = {&probe, 0, &count, 3, 1};
  EXPECT_OK(launcher->call(0, nullptr, nullptr));
  EXPECT_EQ(probe.visits[11], 1);
  count = 0; // nothing to do: no call, but a launch
  EXPECT_OK(launcher->call(0, nullptr, nullptr));
  EXPECT_EQ(launcher->lastLaunches(), 1);
  EXPECT_EQ(probe.calls, 1);
}

TEST_F(Launch, BadLaunchesAreStatuses) {
  auto launcher = make(2);
  Probe probe(1);
  request = {&probe, 1, nullptr, 1, 1};
  EXPECT_ERROR(launcher->call(0, nullptr, nullptr), Internal,
               "function 'init': launch of kernel 1, the artefact has 1");
  request.kernel = -1;
  EXPECT_ERROR(launcher->call(0, nullptr, nullptr), Internal, "launch of kernel -1");
  int32_t count = -3;
  request = {&probe, 0, &count, 2, 1};
  EXPECT_ERROR(launcher->call(0, nullptr, nullptr), Internal, "kernel 'probe' launched over -3 * 2 units");
  request = {&probe, 0, nullptr, -2, 1};
  EXPECT_ERROR(launcher->call(0, nullptr, nullptr), Internal, "launched over -2 units");
  EXPECT_ERROR(launcher->call(1, nullptr, nullptr), Internal, "function 'eval' returned status 42");
  EXPECT_EQ(probe.calls, 0);
  // An earlier failure leaves nothing behind.
  request = {&probe, 0, nullptr, 1, 1};
  EXPECT_OK(launcher->call(0, nullptr, nullptr));
}

TEST_F(Launch, ProfileCountsWhenAsked) {
  auto launcher = make(1);
  Probe probe(4);
  request = {&probe, 0, nullptr, 4, 3};
  EXPECT_OK(launcher->call(0, nullptr, nullptr));
  EXPECT_TRUE(launcher->profile().empty());
  launcher->setProfiling(true);
  EXPECT_OK(launcher->call(0, nullptr, nullptr));
  ASSERT_EQ(launcher->profile().size(), 1u);
  EXPECT_EQ(launcher->profile()[0].name, "probe");
  EXPECT_EQ(launcher->profile()[0].calls, 3);
  EXPECT_GT(launcher->profile()[0].seconds, 3 * 20e-6);
  launcher->clearProfile();
  EXPECT_TRUE(launcher->profile().empty());
}

TEST_F(Launch, NumberOfThreadsIsChecked) {
  auto launcher = make(1);
  auto artifact = test::fakeArtifact();
  EXPECT_ERROR(Launcher::create(artifact, -1), InvalidArgument, "number of threads is -1");
  EXPECT_ERROR(Launcher::create(artifact, 5000), InvalidArgument, "number of threads is 5000");
  test::ScopedEnv wrong("MOTLEY_THREADS", "0");
  EXPECT_ERROR(Launcher::create(artifact, 0), InvalidArgument, "MOTLEY_THREADS is '0'");
}
