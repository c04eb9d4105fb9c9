// One instance of a module: the artefact, its variables, an arena and the threads. Not safe to use from two threads at
// once; any number of sessions may share an artefact.
#ifndef MOTLEY_RUNTIME_SESSION_H
#define MOTLEY_RUNTIME_SESSION_H

#include "runtime/arena.h"
#include "runtime/artifact.h"
#include "runtime/microbatch.h"
#include "runtime/state.h"
#include "runtime/status.h"
#include "runtime/threads.h"

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace motley::runtime {

/// Scalar arguments by name. Integers for i1, i32 and i64; either for f32 and f64. The scalar "live" is not among them.
using Scalars = std::map<std::string, std::variant<int64_t, double>>;

/// One result: row-major values, converted to double (exact for f32, f64 and i32).
struct Output {
  std::string name;
  DType dtype = DType::F64;
  Shape shape;
  std::vector<double> values;
};

class Session {
public:
  /// `threads`: 0 means MOTLEY_THREADS, or else the machine's processors.
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<const Artifact> artifact, int threads = 0);

  /// Calls a function of the module. Needs every field that the function lists, with at least `live` rows, and exactly
  /// the scalars that it lists; more fields are ignored. Checks shapes, types, names, and the ranges of token, target
  /// and modality in the live rows, so that a bad id is a message and not a crash.
  Result<std::vector<Output>> run(const std::string &function, const std::vector<FieldArgument> &fields, int64_t live,
                                  const Scalars &scalars);
  Result<std::vector<Output>> run(const std::string &function, const Microbatch &rows, const Scalars &scalars);
  /// A function without fields.
  Result<std::vector<Output>> run(const std::string &function, const Scalars &scalars);

  /// Calls `init`, and lets the averages begin at the parameters.
  Status initialise(uint64_t seed);
  /// Whether functions read the averages instead of the parameters where there are any: for evaluation. Nothing may be
  /// updated meanwhile.
  void setAveraged(bool on) { averaged = on; }

  const Artifact &artifact() const { return *theArtifact; }
  const Manifest &manifest() const { return theArtifact->manifest(); }
  State &state() { return theState; }
  const State &state() const { return theState; }
  /// Threads, launch counts and per-kernel times.
  Launcher &launcher() { return *theLauncher; }
  const Launcher &launcher() const { return *theLauncher; }
  /// Bytes of state, arena and fields.
  int64_t memoryBytes() const;

private:
  Session() = default;
  Status bindField(const BufferDesc &buffer, const std::vector<FieldArgument> &fields, int64_t live, void *out) const;
  Status checkRange(const BufferDesc &buffer, const int32_t *values, int64_t live) const;
  Status bindScalars(const FunctionDesc &function, int64_t live, const Scalars &scalars,
                     std::vector<int64_t> &out) const;

  std::shared_ptr<const Artifact> theArtifact;
  State theState;
  Buffer arena;                              // shared by all functions: the largest arena_bytes
  std::vector<std::vector<Buffer>> bindings; // [function][buffer]: fields and outputs; arena and state stay empty
  std::unique_ptr<Launcher> theLauncher;
  bool checkNan = false;
  bool poison = false;
  bool averaged = false;
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_SESSION_H
