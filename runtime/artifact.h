// A compiled module: a shared object whose digest was checked before it was mapped, or a table made in this process.
#ifndef MOTLEY_RUNTIME_ARTIFACT_H
#define MOTLEY_RUNTIME_ARTIFACT_H

#include "runtime/abi.h"
#include "runtime/manifest.h"
#include "runtime/status.h"

#include <memory>
#include <string>

namespace motley::runtime {

/// Immutable once made; shared by every session that runs it.
class Artifact {
public:
  /// Opens a file written by the compiler. Refuses a file that is truncated, altered (SHA-256 in the trailer), of
  /// another ABI version, with a malformed manifest, or that this machine cannot run.
  static Result<std::shared_ptr<const Artifact>> load(const std::string &path);

  /// Wraps a table in memory (a JIT, a test). `owner` keeps whatever the table points to alive; `origin` names it in
  /// messages.
  static Result<std::shared_ptr<const Artifact>> fromTable(const motley_artifact_table *table,
                                                           std::shared_ptr<void> owner = nullptr,
                                                           const std::string &origin = "artefact in memory");

  const Manifest &manifest() const { return theManifest; }
  /// The file's path, or the name given to fromTable.
  const std::string &origin() const { return theOrigin; }
  /// MOTLEY_LEVEL_*: the kernels in use.
  int level() const { return theLevel; }
  /// "avx2", "avx512" or "avx512_bf16".
  const char *levelName() const;

  /// The kernel of the level in use. `index` < manifest().kernels.size().
  motley_kernel kernel(int index) const { return table->kernels[theLevel * table->num_kernels + index]; }
  /// `index` < manifest().functions.size().
  motley_step step(int index) const { return table->steps[index]; }

private:
  Artifact() = default;

  const motley_artifact_table *table = nullptr;
  std::shared_ptr<void> owner;
  Manifest theManifest;
  std::string theOrigin;
  int theLevel = 0;
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_ARTIFACT_H
