// The driver's state and the frame of every entry point: one process, one device, one lock.
#pragma once

#include "driver/EntryPoints.h"
#include "driver/Environment.h"
#include "driver/Handles.h"
#include "driver/Queue.h"
#include "driver/Report.h"
#include "driver/Work.h"
#include "engine/Device.h"
#include "engine/Memory.h"

#include <mutex>
#include <new>
#include <stdexcept>

namespace ptxsim {

/// Thrown inside an entry point: its result and, if not empty, a message for the report.
struct Failure {
  CUresult result;
  std::string message;
};
inline void require(bool condition, CUresult result, const char *message = "") {
  if (!condition)
    throw Failure{result, message};
}
/// An output that the program must give.
inline void requirePointer(const void *pointer) { require(pointer, CUDA_ERROR_INVALID_VALUE); }

struct Context {
  uint64_t handle = 0;
  bool primary = false;
  unsigned flags = 0;
  unsigned apiVersion = 13000;
  CUresult error = CUDA_SUCCESS; ///< sticky: what stopped a kernel; every later call answers it
  CUfunc_cache cacheConfig = CU_FUNC_CACHE_PREFER_NONE;
  CUsharedconfig sharedConfig = CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE;
  std::map<int, size_t> limits;
  std::shared_ptr<Stream> legacyStream;
  std::vector<OperationRef> retired; ///< the last work of blocking streams that were destroyed
};

/// What cuModuleLoad and cuLibraryLoad make: one program, or several that were linked.
struct DriverModule {
  uint64_t handle = 0;
  std::weak_ptr<Context> context;
  std::vector<std::shared_ptr<Program>> programs;
  std::map<std::string, std::shared_ptr<DriverFunction>> functions;
  bool isLibrary = false;
  std::shared_ptr<Program> programOf(llvm::StringRef kernel, Kernel &found) const;
  /// {0, 0} if there is no such variable.
  std::pair<uint64_t, uint64_t> variable(llvm::StringRef name) const;
};

/// A CUfunction or a CUkernel: the two are interchangeable, as launches accept both.
struct DriverFunction {
  uint64_t handle = 0;
  std::weak_ptr<DriverModule> module;
  std::shared_ptr<Program> program;
  Kernel kernel;
  unsigned registers = 0; ///< an estimate, see estimateRegisters
  uint64_t staticShared = 0;
  std::map<int, int> attributes; ///< set by the program
  CUfunc_cache cacheConfig = CU_FUNC_CACHE_PREFER_NONE;
  uint64_t maxDynamicShared() const; ///< what it may be launched with as things are set
  unsigned maxThreads() const;
};

struct MemoryPool {
  uint64_t handle = 0;
  std::map<int, uint64_t> attributes;
  uint64_t used = 0, usedHigh = 0;
  bool isDefault = false;
};

/// Host memory that the device may read: made by the driver or registered with it.
struct HostRange {
  uint64_t bytes = 0;
  unsigned flags = 0;
  bool registered = false;
};

/// What the driver remembers of an allocation beyond Memory.
struct DriverAllocation {
  CUmemorytype type = CU_MEMORYTYPE_DEVICE;
  bool managed = false;
  bool freePending = false; ///< cuMemFreeAsync was called, the work has not run yet
  std::shared_ptr<MemoryPool> pool;
  std::weak_ptr<Context> context;
  uint64_t bytes = 0, id = 0;
};

class Driver {
public:
  static Driver &get();
  CUresult initialise(); ///< reads the environment and makes the device

  std::mutex mutex;
  bool initialised = false;
  Environment environment;
  std::unique_ptr<Device> device;
  Queue queue{*this};

  Registry<CUcontext, Context> contexts;
  Registry<CUmodule, DriverModule> modules;
  Registry<CUlibrary, DriverModule> libraries;
  Registry<CUfunction, DriverFunction> functions;
  Registry<CUstream, Stream> streams;
  Registry<CUevent, Event> events;
  Registry<CUgraph, Graph> graphs;
  Registry<CUgraphNode, GraphNode> graphNodes;
  Registry<CUgraphExec, GraphExec> graphExecs;
  Registry<CUmemoryPool, MemoryPool> pools;
  std::shared_ptr<Context> primary; ///< null while nobody retains it
  unsigned primaryCount = 0, primaryFlags = 0;
  std::shared_ptr<MemoryPool> defaultPool, currentPool;
  std::map<uint64_t, DriverAllocation> allocations; ///< by address
  std::map<uint64_t, HostRange> hostRanges;         ///< by address; pinned memory
  uint64_t numLaunches = 0, numAllocations = 0;

  Options launchOptions(); ///< by the environment; the seed differs from launch to launch
  std::shared_ptr<Context> newContext(unsigned flags);
  void destroyContext(const std::shared_ptr<Context> &context);

  /// The stream that a handle names: 0 and the two special handles, too. Throws Failure.
  std::shared_ptr<Stream> stream(CUstream handle, const std::shared_ptr<Context> &context);
  std::shared_ptr<DriverFunction> function(CUfunction handle);
  std::shared_ptr<Event> event(CUevent handle);
  /// The allocation whose bytes include the address, or end().
  std::map<uint64_t, DriverAllocation>::iterator allocationAt(uint64_t address);
  bool isPinned(const void *host, uint64_t bytes) const;
};

/// This host thread's stack of contexts; null handles never lie on it.
std::vector<std::shared_ptr<Context>> &contextStack();
std::shared_ptr<Context> currentContext();
/// This host thread's stream CU_STREAM_PER_THREAD in a context.
std::shared_ptr<Stream> perThreadStream(const std::shared_ptr<Context> &context);
/// True on a host thread that runs a host function of a stream, where calls of the driver are not allowed.
bool &insideHostFunction();

/// An entry point that needs no context. `body` is CUresult(Driver &).
template <class Body> CUresult withDriver(const char *name, Body &&body) {
  Driver &driver = Driver::get();
  if (insideHostFunction()) {
    report::messageOnce(std::string(name) +
                        ": called from a host function of a stream, which must not call the driver");
    return CUDA_ERROR_NOT_PERMITTED;
  }
  std::unique_lock lock(driver.mutex);
  if (!driver.initialised)
    return CUDA_ERROR_NOT_INITIALIZED;
  Queue::HeldLock held(driver.queue, lock);
  try {
    return body(driver);
  } catch (const Failure &failure) {
    if (!failure.message.empty())
      report::message(std::string(name) + ": " + failure.message);
    return failure.result;
  } catch (const std::bad_alloc &) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    report::message(std::string(name) + ": " + error.what());
    return CUDA_ERROR_INVALID_VALUE;
  }
}

/// An entry point that works in the current context. `body` is CUresult(Driver &, const std::shared_ptr<Context> &).
template <class Body> CUresult withContext(const char *name, Body &&body) {
  return withDriver(name, [&](Driver &driver) {
    std::shared_ptr<Context> context = currentContext();
    if (!context)
      return CUDA_ERROR_INVALID_CONTEXT;
    if (!driver.contexts.find(Registry<CUcontext, Context>::toHandle(*context)))
      return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (context->error != CUDA_SUCCESS)
      return context->error;
    return body(driver, context);
  });
}

} // namespace ptxsim
