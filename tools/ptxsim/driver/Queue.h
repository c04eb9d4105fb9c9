// Work that was issued and has not run. Every operation waits for those that stream order, events, the legacy default
// stream and graph edges put before it, and runs when somebody waits: in the order of the calls or, with a seed, in any
// order that these edges allow.
#pragma once

#include "driver/Work.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

namespace ptxsim {

class Driver;
struct Context;
struct GraphNode;

struct Stream;

struct Operation {
  uint64_t serial = 0; ///< by the order of the calls; every predecessor has a smaller one
  std::shared_ptr<Context> context;
  std::vector<std::shared_ptr<Operation>> after; ///< emptied when done
  Work work;
  bool running = false, done = false;
};
using OperationRef = std::shared_ptr<Operation>;

/// A capture under way: streams that take part add nodes to the graph instead of work to the queue.
struct Capture {
  uint64_t id = 0;
  std::shared_ptr<Graph> graph;
  Stream *origin = nullptr;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  bool invalidated = false;
  std::thread::id thread;
  std::vector<std::weak_ptr<Stream>> streams; ///< that joined
};

struct Stream {
  uint64_t handle = 0, id = 0;
  std::weak_ptr<Context> context;
  unsigned flags = 0;
  int priority = 0;
  bool legacy = false, perThread = false;
  OperationRef last; ///< null or done: idle
  std::shared_ptr<Capture> capture;
  std::vector<std::shared_ptr<GraphNode>> captureTail; ///< the nodes that the next one depends on
  std::map<int, CUlaunchAttributeValue> attributes;
  bool blocking() const { return !(flags & CU_STREAM_NON_BLOCKING); }
};

struct Event {
  uint64_t handle = 0;
  std::weak_ptr<Context> context;
  unsigned flags = 0;
  OperationRef recorded; ///< the last record; null: never recorded
  std::chrono::steady_clock::time_point time;
  std::shared_ptr<Capture> capture; ///< recorded in a capture: these nodes
  std::vector<std::shared_ptr<GraphNode>> captured;
};

class Queue {
public:
  explicit Queue(Driver &driver) : driver(driver) {}

  /// Puts work behind all that the stream's rules demand, and behind `extra`.
  OperationRef submit(const std::shared_ptr<Stream> &stream, Work work, std::vector<OperationRef> extra = {});
  /// The same without a stream: a graph's node. The caller knows the predecessors.
  OperationRef submitAfter(const std::shared_ptr<Context> &context, std::vector<OperationRef> after, Work work);
  /// What the next operation of a stream has to wait for.
  std::vector<OperationRef> predecessors(const std::shared_ptr<Stream> &stream) const;

  /// Runs what is needed until the operation is done. Throws Failure with the context's error.
  void finish(const OperationRef &operation);
  void finish(const std::shared_ptr<Stream> &stream);
  void finishContext(const std::shared_ptr<Context> &context);
  /// A poll: runs something, if anything can run. With a seed it may decide to let time pass.
  void progress();
  void drop(const Context &context); ///< forgets its work

  void seed(uint64_t value) { random.seed(value); }
  bool coin() { return random() & 1; }

  /// The entry point's lock, so that host functions can run without it.
  struct HeldLock {
    HeldLock(Queue &queue, std::unique_lock<std::mutex> &lock);
    ~HeldLock();
  };

private:
  bool ready(const Operation &operation) const;
  /// The operation to run next towards `target` (null: any); null if none can run. `only`: no others than these.
  OperationRef choose(const Operation *target, const std::set<uint64_t> *only);
  void run(const OperationRef &operation);
  /// Nothing can run here: lets other host threads work. Throws Failure when the time limit is over.
  void waitForOthers(const Operation &target, std::chrono::steady_clock::time_point deadline);
  std::set<uint64_t> ancestors(const Operation &operation) const;

  Driver &driver;
  std::map<uint64_t, OperationRef> pending; ///< by serial
  uint64_t nextSerial = 1;
  std::mt19937_64 random;
  std::condition_variable finished; ///< some operation is done
};

} // namespace ptxsim
