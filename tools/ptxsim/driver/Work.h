// What a stream or a graph node can be asked to do. Work is described completely when it is issued (parameter blocks
// and pageable sources are copied) and carried out later.
#pragma once

#include "driver/EntryPoints.h"
#include "engine/Device.h"

#include <array>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

namespace ptxsim {

struct DriverFunction;
struct Event;
struct Graph;
struct GraphExec;

struct KernelWork {
  std::shared_ptr<DriverFunction> function;
  LaunchConfig config;
  std::vector<uint8_t> parameters;
};

/// All copies, from one byte to three dimensions. Memory types are Host or Device once resolved.
struct CopyWork {
  CUDA_MEMCPY3D copy{};
  /// The bytes of a pageable source as of the call, rows packed; empty: read from `copy` when it runs.
  std::shared_ptr<std::vector<uint8_t>> staged;
};

struct MemsetWork {
  CUdeviceptr address = 0;
  size_t pitch = 0, width = 0, height = 1; ///< width in elements
  uint32_t value = 0, elementBytes = 1;
};

/// A function of the host. It runs without the driver's lock and may not call the driver.
struct HostWork {
  std::function<void(CUresult)> call;
  CUhostFn function = nullptr; ///< of a graph's node, for its parameters
  void *userData = nullptr;
};

struct EventWork {
  std::shared_ptr<Event> event;
};
struct EventWaitWork {
  std::shared_ptr<Event> event;
};

/// The end of a stream-ordered allocation's life.
struct FreeWork {
  CUdeviceptr address = 0;
};

struct WriteValueWork {
  CUdeviceptr address = 0;
  uint64_t value = 0;
  unsigned bytes = 4;
};
/// Not ready before the word compares as asked (CU_STREAM_WAIT_VALUE_GEQ and its kin).
struct WaitValueWork {
  CUdeviceptr address = 0;
  uint64_t value = 0;
  unsigned bytes = 4, comparison = 0;
};

struct GraphWork { ///< a child graph's node
  std::shared_ptr<Graph> graph;
};

struct EmptyWork {};

using Work = std::variant<EmptyWork, KernelWork, CopyWork, MemsetWork, HostWork, EventWork, EventWaitWork, FreeWork,
                          WriteValueWork, WaitValueWork, GraphWork>;

} // namespace ptxsim
