// The exported names: cuda.h with every version of every function, and what the generated EntryPoints.cpp needs.
#pragma once

#define __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_PUSH_VISIBILITY_DEFAULT
#include <cuda.h>
#include <cudaProfiler.h>

#include <cstddef>

namespace ptxsim {

/// Says once per name, on the report, that the function is not implemented; CUDA_ERROR_NOT_SUPPORTED.
CUresult notImplemented(const char *name);

/// While one lives on this host thread, stream 0 is the thread's default stream instead of the legacy one.
struct PerThreadDefaultStream {
  PerThreadDefaultStream();
  ~PerThreadDefaultStream();
  bool before;
};
bool perThreadDefaultStream();

/// A row for each exported function, newest version of a symbol first.
struct EntryPoint {
  const char *symbol;         ///< as cuGetProcAddress takes it: "cuMemAlloc"
  int since;                  ///< the CUDA version that introduced this version of it
  const char *name;           ///< as exported: "cuMemAlloc_v2"
  void *function, *perThread; ///< perThread: with the thread's default stream, or null
};
extern const EntryPoint kEntryPoints[];
extern const size_t kNumEntryPoints;

struct ErrorName {
  int value;
  const char *name, *words; ///< "CUDA_ERROR_NOT_READY", "not ready"
};
extern const ErrorName kErrorNames[];
extern const size_t kNumErrorNames;

} // namespace ptxsim
