// The digest is checked on the very descriptor that is then mapped, so nothing can come between the check and the use.
#include "runtime/artifact.h"

#include "runtime/digest.h"
#include "runtime/env.h"
#include "runtime/file.h"

#include <atomic>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace motley::runtime {

namespace {

constexpr const char *levelNames[MOTLEY_NUM_LEVELS] = {"avx2", "avx512", "avx512_bf16"};

// An open library and the descriptor it came from. The descriptor stays open with it: the dynamic linker knows a
// library by the name it was opened under, and /proc/self/fd/N must not come to mean another file meanwhile.
struct Library {
  int descriptor = -1;
  void *handle = nullptr;
  ~Library() {
    if (handle)
      dlclose(handle);
    if (descriptor >= 0)
      close(descriptor);
  }
};

Status checkTrailer(const MappedFile &file) {
  auto corrupt = [&](const std::string &what) { return Status::error(Code::Corrupt, file.path() + ": " + what); };
  int64_t trailerBytes = sizeof(motley_trailer);
  if (file.size() < trailerBytes)
    return corrupt("has " + std::to_string(file.size()) + " bytes, too few for an artefact");
  motley_trailer trailer;
  std::memcpy(&trailer, file.data() + file.size() - trailerBytes, sizeof(trailer));
  int64_t imageBytes = file.size() - trailerBytes;
  if (std::memcmp(trailer.magic, MOTLEY_TRAILER_MAGIC, sizeof(trailer.magic)) != 0)
    return corrupt("no trailer at byte " + std::to_string(imageBytes) +
                   "; the file is truncated or was not written by the compiler");
  if (trailer.image_size != uint64_t(imageBytes))
    return corrupt("has " + std::to_string(imageBytes) + " bytes before the trailer, which says " +
                   std::to_string(trailer.image_size));
  Sha256Digest digest = sha256(file.data(), imageBytes);
  if (std::memcmp(digest.data(), trailer.sha256, digest.size()) != 0)
    return corrupt("the SHA-256 of its first " + std::to_string(imageBytes) +
                   " bytes differs from the trailer's; the file was altered, compile the model again");
  return Status::ok();
}

Result<int> machineLevel() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return int(__builtin_cpu_supports("avx512bf16") ? MOTLEY_LEVEL_AVX512_BF16 : MOTLEY_LEVEL_AVX512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return int(MOTLEY_LEVEL_AVX2);
  return Status::error(Code::Unsupported,
                       "this processor has neither AVX2 with FMA nor AVX-512; compiled modules need one");
}

Result<int> chooseLevel(uint32_t numLevels, const std::string &origin) {
  MOTLEY_ASSIGN(int machine, machineLevel());
  int available = std::min<int>(machine, int(numLevels) - 1);
  std::optional<std::string> wanted = env::text(env::level);
  if (!wanted)
    return available;
  for (int level = 0; level < MOTLEY_NUM_LEVELS; ++level) {
    if (*wanted != levelNames[level])
      continue;
    if (level > machine)
      return Status::error(Code::Unsupported, "MOTLEY_LEVEL is '" + *wanted + "', but this processor reaches only '" +
                                                  levelNames[machine] + "'");
    if (level > available)
      return Status::error(Code::Unsupported,
                           "MOTLEY_LEVEL is '" + *wanted + "', but " + origin + " has no kernels for it");
    return level;
  }
  return Status::error(Code::InvalidArgument,
                       "environment variable MOTLEY_LEVEL is '" + *wanted + "', expected " + env::level.values);
}

Status checkTable(const motley_artifact_table &table, const Manifest &manifest, const std::string &origin) {
  auto corrupt = [&](const std::string &what) { return Status::error(Code::Corrupt, origin + ": " + what); };
  if (table.num_kernels != manifest.kernels.size())
    return corrupt("has " + std::to_string(table.num_kernels) + " kernels, its manifest " +
                   std::to_string(manifest.kernels.size()));
  if (table.num_steps != manifest.functions.size())
    return corrupt("has " + std::to_string(table.num_steps) + " functions, its manifest " +
                   std::to_string(manifest.functions.size()));
  for (uint64_t i = 0; i < uint64_t(table.num_levels) * table.num_kernels; ++i)
    if (!table.kernels || !table.kernels[i])
      return corrupt("kernel '" + manifest.kernels[i % table.num_kernels].name + "' has no code");
  for (uint32_t i = 0; i < table.num_steps; ++i)
    if (!table.steps || !table.steps[i])
      return corrupt("function '" + manifest.functions[i].name + "' has no code");
  return Status::ok();
}

} // namespace

const char *Artifact::levelName() const { return levelNames[theLevel]; }

Result<std::shared_ptr<const Artifact>> Artifact::fromTable(const motley_artifact_table *table,
                                                            std::shared_ptr<void> owner, const std::string &origin) {
  return guarded([&]() -> Result<std::shared_ptr<const Artifact>> {
    if (!table)
      return Status::error(Code::InvalidArgument, origin + ": there is no table");
    if (table->abi_version != MOTLEY_ABI_VERSION)
      return Status::error(Code::Incompatible, origin + ": has ABI version " + std::to_string(table->abi_version) +
                                                   ", this runtime has " + std::to_string(MOTLEY_ABI_VERSION) +
                                                   "; compile the model again");
    if (table->num_levels < 1 || table->num_levels > MOTLEY_NUM_LEVELS)
      return Status::error(Code::Corrupt, origin + ": has " + std::to_string(table->num_levels) +
                                              " instruction set levels, expected 1 to " +
                                              std::to_string(MOTLEY_NUM_LEVELS));
    if (!table->manifest)
      return Status::error(Code::Corrupt, origin + ": has no manifest");
    std::shared_ptr<Artifact> artifact(new Artifact);
    artifact->table = table;
    artifact->owner = std::move(owner);
    artifact->theOrigin = origin;
    MOTLEY_ASSIGN(artifact->theManifest, parseManifest({table->manifest, size_t(table->manifest_size)}, origin));
    MOTLEY_RETURN_IF_ERROR(checkTable(*table, artifact->theManifest, origin));
    MOTLEY_ASSIGN(artifact->theLevel, chooseLevel(table->num_levels, origin));
    return std::shared_ptr<const Artifact>(std::move(artifact));
  });
}

/// A path of the open file that no load before has used. The C library knows a library by the name it was opened under,
/// and one that it could not unload keeps its name when its descriptor goes to another file; so the number of the load
/// is spelled into the path, a bit each, by separators that mean nothing.
static std::string uniqueName(int descriptor) {
  static std::atomic<uint32_t> numLoads{0};
  std::string name = "/proc/self/fd/";
  for (uint32_t number = numLoads++; number; number >>= 1)
    name += number & 1 ? "./" : "/";
  return name + std::to_string(descriptor);
}

Result<std::shared_ptr<const Artifact>> Artifact::load(const std::string &path) {
  return guarded([&]() -> Result<std::shared_ptr<const Artifact>> {
    auto library = std::make_shared<Library>();
    library->descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (library->descriptor < 0)
      return fileError("open the artefact", path, errno);
    std::string name = uniqueName(library->descriptor);
    {
      MOTLEY_ASSIGN(MappedFile file, MappedFile::map(library->descriptor, path));
      MOTLEY_RETURN_IF_ERROR(checkTrailer(file));
    }
    library->handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library->handle)
      return Status::error(Code::Corrupt, path + ": cannot be loaded: " + dlerror());
    void *symbol = dlsym(library->handle, "motley_artifact");
    if (!symbol)
      return Status::error(Code::Corrupt, path + ": exports no symbol 'motley_artifact'");
    return fromTable(static_cast<const motley_artifact_table *>(symbol), library, path);
  });
}

} // namespace motley::runtime
