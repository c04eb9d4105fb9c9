// Files: mapped for reading; written beside their name, synced and renamed, so that a reader sees the old file or the
// new one and never a part.
#ifndef MOTLEY_RUNTIME_FILE_H
#define MOTLEY_RUNTIME_FILE_H

#include "runtime/status.h"

#include <cstdint>
#include <string>

namespace motley::runtime {

/// The text of an errno for a message about a file: "cannot WHAT 'PATH': no space left on device".
Status fileError(const std::string &what, const std::string &path, int error, const char *file = __builtin_FILE(),
                 int line = __builtin_LINE());

/// A regular file mapped read-only.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  static Result<MappedFile> open(const std::string &path);
  /// Maps what a descriptor has open; `path` names it in messages. The descriptor stays the caller's.
  static Result<MappedFile> map(int descriptor, const std::string &path);

  const std::string &path() const { return thePath; }
  const char *data() const { return base; }
  int64_t size() const { return length; }

private:
  std::string thePath;
  const char *base = nullptr;
  int64_t length = 0;
};

/// What a file in the making adds to its name, before the number of its process.
inline constexpr const char *partialMark = ".partial-";

/// A file in the making. Destroyed without commit() it removes its temporary and leaves the old file as it was.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  static Result<AtomicFile> create(const std::string &path);

  Status write(const void *data, int64_t bytes);
  /// Overwrites bytes that were written before.
  Status writeAt(const void *data, int64_t bytes, int64_t offset);
  /// Syncs, renames, and syncs the directory.
  Status commit();

private:
  std::string path, temporary;
  int descriptor = -1;
};

/// Reads a whole small file.
Result<std::string> readText(const std::string &path);
/// Replaces a file atomically.
Status writeText(const std::string &path, const std::string &text);
/// Makes a directory and its parents.
Status makeDirectories(const std::string &path);
/// "DIR/NAME".
std::string joinPath(const std::string &directory, const std::string &name);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_FILE_H
