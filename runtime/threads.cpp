// A step function runs inside the task arena as a whole: entering it costs a few microseconds, a launch then only wakes
// workers that still spin.
#include "runtime/threads.h"

#include "runtime/env.h"

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>

namespace motley::runtime {

struct Launcher::Pool {
  explicit Pool(int threads) : threads(threads), arena(threads) {
    // TBB starts no more workers than processors unless told; more threads than processors is slow, but it is what the
    // determinism tests ask for.
    if (threads > tbb::this_task_arena::max_concurrency())
      moreWorkers =
          std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, size_t(threads));
  }
  int threads;
  std::unique_ptr<tbb::global_control> moreWorkers;
  tbb::task_arena arena;
};

struct Launcher::Context : motley_context {
  Launcher *launcher;

  static int32_t enter(motley_context *context, int32_t kernel, const void *args, const int32_t *count,
                       int64_t factor) {
    Launcher *launcher = static_cast<Context *>(context)->launcher;
    Status status = guarded([&] { return launcher->launch(kernel, args, count, factor); });
    int32_t code = int32_t(status.code());
    if (!status && launcher->failure.isOk())
      launcher->failure = std::move(status);
    return code;
  }
};

Launcher::Launcher() = default;
Launcher::~Launcher() = default;

Result<std::unique_ptr<Launcher>> Launcher::create(std::shared_ptr<const Artifact> artifact, int threads) {
  return guarded([&]() -> Result<std::unique_ptr<Launcher>> {
    constexpr int maxThreads = 1024;
    if (threads == 0) {
      MOTLEY_ASSIGN(std::optional<int64_t> wanted, env::integer(env::threads, 1, maxThreads));
      threads = wanted ? int(*wanted) : tbb::this_task_arena::max_concurrency();
    }
    if (threads < 1 || threads > maxThreads)
      return Status::error(Code::InvalidArgument, "number of threads is " + std::to_string(threads) +
                                                      ", expected 1 to " + std::to_string(maxThreads));
    std::unique_ptr<Launcher> launcher(new Launcher);
    MOTLEY_ASSIGN(launcher->tracing, env::flag(env::trace));
    int64_t scratchBytes = 0;
    for (const KernelDesc &kernel : artifact->manifest().kernels) {
      scratchBytes = std::max(scratchBytes, kernel.scratchBytes);
      launcher->profiles.push_back({kernel.name, kernel.family, 0, 0});
    }
    for (int thread = 0; thread < threads; ++thread) {
      MOTLEY_ASSIGN(Buffer buffer, Buffer::allocate(scratchBytes, "the scratch of a thread"));
      launcher->scratch.push_back(std::move(buffer));
    }
    launcher->artifact = std::move(artifact);
    launcher->pool = std::make_unique<Pool>(threads);
    return launcher;
  });
}

int Launcher::threads() const { return pool->threads; }

Status Launcher::call(int index, void *const *buffers, const int64_t *scalars) {
  launches = 0;
  failure = Status::ok();
  Context context;
  context.abi_version = MOTLEY_ABI_VERSION;
  context.size = sizeof(motley_context);
  context.launch = Context::enter;
  context.launcher = this;
  int32_t code = 0;
  motley_step step = artifact->step(index);
  pool->arena.execute([&] { code = step(&context, buffers, scalars); });
  const std::string &name = artifact->manifest().functions[index].name;
  if (!failure.isOk())
    return std::move(failure).withPrefix("function '" + name + "'");
  if (code != 0)
    return Status::error(Code::Internal, "function '" + name + "' returned status " + std::to_string(code));
  return Status::ok();
}

Status Launcher::launch(int32_t kernel, const void *args, const int32_t *count, int64_t factor) {
  const std::vector<KernelDesc> &kernels = artifact->manifest().kernels;
  if (kernel < 0 || size_t(kernel) >= kernels.size())
    return Status::error(Code::Internal, "launch of kernel " + std::to_string(kernel) + ", the artefact has " +
                                             std::to_string(kernels.size()));
  int64_t units = factor;
  if (count && __builtin_mul_overflow(int64_t(*count), factor, &units))
    units = -1;
  if (units < 0)
    return Status::error(Code::Internal, "kernel '" + kernels[kernel].name + "' launched over " +
                                             (count ? std::to_string(*count) + " * " : "") + std::to_string(factor) +
                                             " units");
  ++launches;
  if (!profiling && !tracing) {
    runUnits(artifact->kernel(kernel), args, units);
    return Status::ok();
  }
  auto begin = std::chrono::steady_clock::now();
  runUnits(artifact->kernel(kernel), args, units);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (profiling) {
    ++profiles[kernel].calls;
    profiles[kernel].seconds += seconds;
  }
  if (tracing)
    std::fprintf(stderr, "motley: launch %lld %s units %lld %.1f us\n", static_cast<long long>(launches),
                 kernels[kernel].name.c_str(), static_cast<long long>(units), seconds * 1e6);
  return Status::ok();
}

// Units are taken in shrinking chunks, half an equal share of what is left: few calls at first, single units at the end
// so that no thread finishes late.
void Launcher::runUnits(motley_kernel kernel, const void *args, int64_t units) {
  if (units == 0)
    return;
  if (pool->threads == 1 || units == 1) {
    kernel(args, scratch[0].data(), 0, units);
    return;
  }
  std::atomic<int64_t> next{0};
  int64_t workers = std::min<int64_t>(pool->threads, units);
  auto work = [&](int64_t) {
    void *own = scratch[tbb::this_task_arena::current_thread_index()].data();
    int64_t begin = next.load(std::memory_order_relaxed);
    while (begin < units) {
      int64_t end = begin + std::max<int64_t>(1, (units - begin) / (2 * workers));
      if (!next.compare_exchange_weak(begin, end, std::memory_order_relaxed))
        continue;
      kernel(args, own, begin, end);
      begin = next.load(std::memory_order_relaxed);
    }
  };
  tbb::parallel_for(int64_t(0), workers, work, tbb::simple_partitioner());
}

void Launcher::clearProfile() {
  for (KernelProfile &profile : profiles) {
    profile.calls = 0;
    profile.seconds = 0;
  }
}

std::vector<KernelProfile> Launcher::profile() const {
  std::vector<KernelProfile> ran;
  for (const KernelProfile &profile : profiles)
    if (profile.calls)
      ran.push_back(profile);
  std::sort(ran.begin(), ran.end(), [](const KernelProfile &a, const KernelProfile &b) {
    return a.seconds != b.seconds ? a.seconds > b.seconds : a.name < b.name;
  });
  return ran;
}

} // namespace motley::runtime
