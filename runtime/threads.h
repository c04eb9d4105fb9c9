// Launches: the units of one kernel, shared out over a fixed number of threads. Which thread runs a unit changes from
// call to call; what a unit computes does not depend on it.
#ifndef MOTLEY_RUNTIME_THREADS_H
#define MOTLEY_RUNTIME_THREADS_H

#include "runtime/abi.h"
#include "runtime/arena.h"
#include "runtime/artifact.h"
#include "runtime/status.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace motley::runtime {

/// What one kernel cost since the profile was cleared.
struct KernelProfile {
  std::string name;
  std::string family;
  int64_t calls = 0;
  double seconds = 0;
};

/// Runs the kernels of one artefact. One step function at a time.
class Launcher {
public:
  /// `threads` counts the calling thread; 0 means MOTLEY_THREADS or else the machine's processors.
  static Result<std::unique_ptr<Launcher>> create(std::shared_ptr<const Artifact> artifact, int threads);
  ~Launcher();

  int threads() const;

  /// Calls step function `index` with this launcher as its context and returns what it, or a launch inside it, failed
  /// with.
  Status call(int index, void *const *buffers, const int64_t *scalars);

  /// Launches of the last call(), the empty ones included.
  int64_t lastLaunches() const { return launches; }

  /// Per-kernel times are taken only while profiling (or tracing) is on.
  void setProfiling(bool on) { profiling = on; }
  bool isProfiling() const { return profiling; }
  void clearProfile();
  /// Kernels that ran, costliest first.
  std::vector<KernelProfile> profile() const;

private:
  struct Pool;
  struct Context;

  Launcher();
  Status launch(int32_t kernel, const void *args, const int32_t *count, int64_t factor);
  void runUnits(motley_kernel kernel, const void *args, int64_t units);

  std::shared_ptr<const Artifact> artifact;
  std::unique_ptr<Pool> pool;
  std::vector<Buffer> scratch; // one per thread, the largest that any kernel asks for
  Status failure;              // of the first launch of this call that failed
  int64_t launches = 0;
  bool profiling = false;
  bool tracing = false;
  std::vector<KernelProfile> profiles; // by kernel
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_THREADS_H
