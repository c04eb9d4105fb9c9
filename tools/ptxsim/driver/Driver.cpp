#include "driver/Driver.h"

#include "driver/Graph.h"

#include <unistd.h>

namespace ptxsim {

uint64_t nextHandle() {
  static uint64_t next = 0x5000'0000'0000;
  return next += 16;
}

Driver &Driver::get() {
  // Never destroyed: other host threads may be inside while the process ends.
  static Driver *instance = new Driver;
  return *instance;
}

CUresult Driver::initialise() {
  if (initialised)
    return CUDA_SUCCESS;
  try {
    environment = Environment::read();
    report::open(environment);
    device = std::make_unique<Device>(architecture(environment.architecture));
    if (environment.checks.has(Check::Poison))
      device->memory().enableShadow();
  } catch (const std::exception &error) {
    report::message(std::string("cuInit: ") + error.what());
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (environment.random) {
    queue.seed(environment.seed);
    report::message("seed " + std::to_string(environment.seed) + " (PTXSIM_SEED repeats this run)");
  }
  defaultPool = std::make_shared<MemoryPool>();
  defaultPool->isDefault = true;
  pools.add(defaultPool);
  currentPool = defaultPool;
  initialised = true;
  return CUDA_SUCCESS;
}

Options Driver::launchOptions() {
  Options options;
  options.checks = environment.checks;
  options.randomSchedule = environment.random;
  // An odd multiplier keeps the launches' seeds distinct.
  options.seed = environment.seed + 0x9e37'79b9'7f4a'7c15u * numLaunches++;
  bool oneWorker = environment.random || environment.checks.has(Check::Race) || environment.statistics;
  options.workers = oneWorker ? 1 : environment.workers;
  options.timeLimit = environment.timeLimit;
  return options;
}

std::shared_ptr<Context> Driver::newContext(unsigned flags) {
  auto context = std::make_shared<Context>();
  context->flags = flags;
  context->limits = {{CU_LIMIT_STACK_SIZE, 1024},
                     {CU_LIMIT_PRINTF_FIFO_SIZE, 1 << 20},
                     {CU_LIMIT_MALLOC_HEAP_SIZE, 8 << 20},
                     {CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH, 2},
                     {CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT, 2048},
                     {CU_LIMIT_MAX_L2_FETCH_GRANULARITY, 64},
                     {CU_LIMIT_PERSISTING_L2_CACHE_SIZE, 0}};
  contexts.add(context);
  context->legacyStream = std::make_shared<Stream>();
  context->legacyStream->legacy = true;
  context->legacyStream->context = context;
  context->legacyStream->id = 1;
  return context;
}

template <class Handle, class Object>
static void eraseOf(Registry<Handle, Object> &registry, const std::shared_ptr<Context> &context) {
  std::vector<std::shared_ptr<Object>> gone;
  for (const auto &[handle, object] : registry.all())
    if (object->context.lock() == context)
      gone.push_back(object);
  for (const std::shared_ptr<Object> &object : gone)
    registry.erase(*object);
}

void Driver::destroyContext(const std::shared_ptr<Context> &context) {
  try {
    queue.finishContext(context);
  } catch (const Failure &) {
    // The context's error has been told; what is left of its work is forgotten.
  }
  queue.drop(*context);
  for (const auto &[handle, module] : modules.all())
    if (module->context.lock() == context)
      for (const auto &[name, function] : module->functions)
        functions.erase(*function);
  eraseOf(modules, context);
  eraseOf(libraries, context);
  eraseOf(streams, context);
  eraseOf(events, context);
  eraseOf(graphExecs, context);
  for (auto at = allocations.begin(); at != allocations.end();) {
    if (at->second.context.lock() != context) {
      ++at;
      continue;
    }
    if (at->second.pool)
      at->second.pool->used -= at->second.bytes;
    device->memory().free(at->first);
    at = allocations.erase(at);
  }
  contexts.erase(*context);
}

std::shared_ptr<Stream> Driver::stream(CUstream handle, const std::shared_ptr<Context> &context) {
  if (handle == CU_STREAM_PER_THREAD || (!handle && perThreadDefaultStream()))
    return perThreadStream(context);
  if (!handle || handle == CU_STREAM_LEGACY)
    return context->legacyStream;
  std::shared_ptr<Stream> stream = streams.find(handle);
  require(stream != nullptr, CUDA_ERROR_INVALID_HANDLE, "the stream does not exist (destroyed, or never created)");
  return stream;
}

std::shared_ptr<DriverFunction> Driver::function(CUfunction handle) {
  std::shared_ptr<DriverFunction> function = functions.find(handle);
  require(function != nullptr, CUDA_ERROR_INVALID_HANDLE,
          "the function does not exist (its module was unloaded, or it "
          "was never one)");
  return function;
}

std::shared_ptr<Event> Driver::event(CUevent handle) {
  std::shared_ptr<Event> event = events.find(handle);
  require(event != nullptr, CUDA_ERROR_INVALID_HANDLE, "the event does not exist (destroyed, or never created)");
  return event;
}

std::map<uint64_t, DriverAllocation>::iterator Driver::allocationAt(uint64_t address) {
  auto next = allocations.upper_bound(address);
  if (next == allocations.begin())
    return allocations.end();
  --next;
  return address - next->first < next->second.bytes ? next : allocations.end();
}

bool Driver::isPinned(const void *host, uint64_t bytes) const {
  uint64_t address = reinterpret_cast<uint64_t>(host);
  auto next = hostRanges.upper_bound(address);
  if (next == hostRanges.begin())
    return false;
  --next;
  uint64_t offset = address - next->first;
  return offset < next->second.bytes && bytes <= next->second.bytes - offset;
}

/// What every host thread has one of. The main thread's is never destroyed: programs free what they hold in static
/// destructors, which run after those of thread-local variables.
template <class T> static T &ofThisThread() {
  struct Owner {
    T *object = new T;
    ~Owner() {
      if (gettid() != getpid())
        delete object;
    }
  };
  static thread_local Owner owner;
  return *owner.object;
}

std::vector<std::shared_ptr<Context>> &contextStack() {
  return ofThisThread<std::vector<std::shared_ptr<Context>>>();
}

std::shared_ptr<Context> currentContext() { return contextStack().empty() ? nullptr : contextStack().back(); }

bool &insideHostFunction() {
  thread_local bool inside = false;
  return inside;
}

std::shared_ptr<Stream> perThreadStream(const std::shared_ptr<Context> &context) {
  auto &mine = ofThisThread<std::map<uint64_t, std::weak_ptr<Stream>>>();
  std::shared_ptr<Stream> stream = mine[context->handle].lock();
  if (stream)
    return stream;
  stream = std::make_shared<Stream>();
  stream->perThread = true;
  stream->context = context;
  // In the registry, so that the legacy stream knows it; programs never see the handle.
  Driver::get().streams.add(stream);
  stream->id = stream->handle;
  mine[context->handle] = stream;
  return stream;
}

static thread_local bool usePerThread = false;
PerThreadDefaultStream::PerThreadDefaultStream() : before(usePerThread) { usePerThread = true; }
PerThreadDefaultStream::~PerThreadDefaultStream() { usePerThread = before; }
bool perThreadDefaultStream() { return usePerThread; }

CUresult notImplemented(const char *name) {
  report::messageOnce(std::string(name) + " is not implemented");
  return CUDA_ERROR_NOT_SUPPORTED;
}

} // namespace ptxsim
