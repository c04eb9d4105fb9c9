#include "driver/Queue.h"

#include "driver/Driver.h"
#include "driver/Execute.h"
#include "driver/Graph.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cstring>

namespace ptxsim {
namespace {

thread_local std::unique_lock<std::mutex> *heldLock = nullptr;

/// More work than this is never left waiting; a chip would have begun with it long ago.
constexpr size_t kMaxPending = 4096;

void addUnlessDone(std::vector<OperationRef> &list, const OperationRef &operation) {
  if (operation && !operation->done && std::find(list.begin(), list.end(), operation) == list.end())
    list.push_back(operation);
}

/// CU_STREAM_WAIT_VALUE_*: GEQ is a signed difference, so that counters may wrap.
bool compares(const WaitValueWork &wait) {
  uint64_t now = 0;
  std::memcpy(&now, reinterpret_cast<const void *>(wait.address), wait.bytes);
  switch (wait.comparison) {
  case CU_STREAM_WAIT_VALUE_GEQ:
    return wait.bytes == 4 ? int32_t(uint32_t(now) - uint32_t(wait.value)) >= 0 : int64_t(now - wait.value) >= 0;
  case CU_STREAM_WAIT_VALUE_EQ:
    return now == wait.value;
  case CU_STREAM_WAIT_VALUE_AND:
    return now & wait.value;
  default:
    return wait.bytes == 4 ? uint32_t(~(now | wait.value)) != 0 : ~(now | wait.value) != 0;
  }
}

} // namespace

Queue::HeldLock::HeldLock(Queue &, std::unique_lock<std::mutex> &lock) { heldLock = &lock; }
Queue::HeldLock::~HeldLock() { heldLock = nullptr; }

std::vector<OperationRef> Queue::predecessors(const std::shared_ptr<Stream> &stream) const {
  std::vector<OperationRef> after;
  addUnlessDone(after, stream->last);
  std::shared_ptr<Context> context = stream->context.lock();
  // CUDA Driver API, "Stream synchronization behavior": the legacy stream waits for all blocking streams, and they for
  // it.
  if (stream->legacy) {
    for (const auto &[handle, other] : driver.streams.all())
      if (other->blocking() && other->context.lock() == context)
        addUnlessDone(after, other->last);
    if (context) {
      llvm::erase_if(context->retired, [](const OperationRef &operation) { return operation->done; });
      for (const OperationRef &operation : context->retired)
        addUnlessDone(after, operation);
    }
  } else if (stream->blocking() && context) {
    addUnlessDone(after, context->legacyStream->last);
  }
  return after;
}

OperationRef Queue::submitAfter(const std::shared_ptr<Context> &context, std::vector<OperationRef> after, Work work) {
  auto operation = std::make_shared<Operation>();
  operation->serial = nextSerial++;
  operation->context = context;
  for (const OperationRef &one : after)
    addUnlessDone(operation->after, one);
  operation->work = std::move(work);
  pending.emplace(operation->serial, operation);
  return operation;
}

OperationRef Queue::submit(const std::shared_ptr<Stream> &stream, Work work, std::vector<OperationRef> extra) {
  if (stream->capture) {
    stream->captureTail = {addNode(driver, stream->capture->graph, std::move(work), stream->captureTail)};
    return nullptr;
  }
  std::vector<OperationRef> after = predecessors(stream);
  after.insert(after.end(), extra.begin(), extra.end());
  stream->last = submitAfter(stream->context.lock(), std::move(after), std::move(work));
  OperationRef result = stream->last;
  while (pending.size() > kMaxPending) {
    OperationRef next = choose(nullptr, nullptr);
    if (!next)
      break;
    run(next);
  }
  return result;
}

bool Queue::ready(const Operation &operation) const {
  if (operation.running || operation.done)
    return false;
  for (const OperationRef &one : operation.after)
    if (!one->done)
      return false;
  const auto *wait = std::get_if<WaitValueWork>(&operation.work);
  return !wait || !driver.device->memory().find(wait->address) || compares(*wait);
}

std::set<uint64_t> Queue::ancestors(const Operation &operation) const {
  std::set<uint64_t> found{operation.serial};
  std::vector<const Operation *> stack{&operation};
  while (!stack.empty()) {
    const Operation *next = stack.back();
    stack.pop_back();
    for (const OperationRef &one : next->after)
      if (!one->done && found.insert(one->serial).second)
        stack.push_back(one.get());
  }
  return found;
}

OperationRef Queue::choose(const Operation *target, const std::set<uint64_t> *only) {
  if (!driver.environment.random) {
    for (const auto &[serial, operation] : pending)
      if (ready(*operation))
        return operation;
    return nullptr;
  }
  std::vector<const OperationRef *> candidates, others;
  for (const auto &[serial, operation] : pending)
    if (ready(*operation))
      (!only || only->count(serial) ? candidates : others).push_back(&operation);
  // What the target waits for may hang on a word that other work writes.
  if (candidates.empty())
    candidates = others;
  if (candidates.empty())
    return nullptr;
  return *candidates[random() % candidates.size()];
}

void Queue::run(const OperationRef &operation) {
  operation->running = true;
  CUresult result = operation->context->error;
  if (auto *host = std::get_if<HostWork>(&operation->work)) {
    heldLock->unlock();
    insideHostFunction() = true;
    host->call(result);
    insideHostFunction() = false;
    heldLock->lock();
  } else if (result == CUDA_SUCCESS) {
    result = execute(driver, *operation);
  }
  operation->running = false;
  operation->done = true;
  operation->after.clear();
  operation->work = EmptyWork{};
  pending.erase(operation->serial);
  if (result != CUDA_SUCCESS && operation->context->error == CUDA_SUCCESS)
    operation->context->error = result;
  finished.notify_all();
}

void Queue::waitForOthers(const Operation &target, std::chrono::steady_clock::time_point deadline) {
  if (std::chrono::steady_clock::now() > deadline) {
    target.context->error = CUDA_ERROR_LAUNCH_TIMEOUT;
    throw Failure{CUDA_ERROR_LAUNCH_TIMEOUT, "the work of a stream did not become ready within the time limit "
                                             "(PTXSIM_TIME_LIMIT); it waits for a value that nobody writes"};
  }
  // Woken by the end of another thread's operation; the timeout is for words of memory, which nobody announces.
  finished.wait_for(*heldLock, std::chrono::milliseconds(1));
}

void Queue::finish(const OperationRef &target) {
  if (!target)
    return;
  auto deadline = std::chrono::steady_clock::now() + driver.environment.timeLimit;
  // A random schedule lets, half of the time, everything else wait as long as it may.
  std::set<uint64_t> needed;
  bool lazy = driver.environment.random && coin();
  if (lazy)
    needed = ancestors(*target);
  while (!target->done) {
    OperationRef next = choose(target.get(), lazy ? &needed : nullptr);
    if (next) {
      run(next);
      deadline = std::chrono::steady_clock::now() + driver.environment.timeLimit;
    } else {
      waitForOthers(*target, deadline);
    }
  }
  require(target->context->error == CUDA_SUCCESS, target->context->error);
}

void Queue::finish(const std::shared_ptr<Stream> &stream) {
  for (const OperationRef &operation : predecessors(stream))
    if (stream->legacy || operation == stream->last)
      finish(operation);
}

void Queue::finishContext(const std::shared_ptr<Context> &context) {
  while (true) {
    OperationRef last;
    for (const auto &[serial, operation] : pending)
      if (operation->context == context)
        last = operation;
    if (!last)
      return;
    finish(last);
  }
}

void Queue::progress() {
  if (driver.environment.random && random() % 4 == 0)
    return;
  if (OperationRef next = choose(nullptr, nullptr))
    run(next);
}

void Queue::drop(const Context &context) {
  for (auto at = pending.begin(); at != pending.end();) {
    Operation &operation = *at->second;
    if (operation.context.get() != &context || operation.running) {
      ++at;
      continue;
    }
    operation.done = true;
    operation.after.clear();
    at = pending.erase(at);
  }
  finished.notify_all();
}

} // namespace ptxsim
