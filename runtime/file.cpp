#include "runtime/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace motley::runtime {

Status fileError(const std::string &what, const std::string &path, int error, const char *file, int line) {
  std::string reason = std::strerror(error);
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z')
    reason[0] = char(reason[0] + ('a' - 'A'));
  return Status::error(error == ENOENT ? Code::NotFound : Code::Io, "cannot " + what + " '" + path + "': " + reason,
                       file, line);
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : thePath(std::move(other.thePath)), base(other.base), length(other.length) {
  other.base = nullptr;
  other.length = 0;
}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(thePath, other.thePath);
  std::swap(base, other.base);
  std::swap(length, other.length);
  return *this;
}

MappedFile::~MappedFile() {
  if (base && length)
    munmap(const_cast<char *>(base), size_t(length));
}

Result<MappedFile> MappedFile::open(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fileError("open", path, errno);
  Result<MappedFile> file = map(descriptor, path);
  close(descriptor);
  return file;
}

Result<MappedFile> MappedFile::map(int descriptor, const std::string &path) {
  struct stat info;
  if (fstat(descriptor, &info) != 0)
    return fileError("read", path, errno);
  if (!S_ISREG(info.st_mode))
    return Status::error(Code::InvalidArgument, "cannot read '" + path + "': it is not a regular file");
  MappedFile file;
  file.thePath = path;
  file.base = "";
  if (info.st_size) {
    void *base = mmap(nullptr, size_t(info.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (base == MAP_FAILED)
      return fileError("map", path, errno);
    file.base = static_cast<const char *>(base);
    file.length = info.st_size;
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path(std::move(other.path)), temporary(std::move(other.temporary)), descriptor(other.descriptor) {
  other.descriptor = -1;
  other.temporary.clear();
}

AtomicFile::~AtomicFile() {
  if (descriptor >= 0)
    close(descriptor);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

Result<AtomicFile> AtomicFile::create(const std::string &path) {
  AtomicFile file;
  file.path = path;
  std::string name = path + partialMark + std::to_string(getpid());
  file.descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file.descriptor < 0)
    return fileError("create", name, errno);
  file.temporary = name;
  return file;
}

Status AtomicFile::write(const void *data, int64_t bytes) {
  const char *next = static_cast<const char *>(data);
  while (bytes > 0) {
    ssize_t written = ::write(descriptor, next, size_t(bytes));
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fileError("write", path, errno);
    next += written;
    bytes -= written;
  }
  return Status::ok();
}

Status AtomicFile::writeAt(const void *data, int64_t bytes, int64_t offset) {
  const char *next = static_cast<const char *>(data);
  while (bytes > 0) {
    ssize_t written = pwrite(descriptor, next, size_t(bytes), offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fileError("write", path, errno);
    next += written;
    offset += written;
    bytes -= written;
  }
  return Status::ok();
}

Status AtomicFile::commit() {
  if (fsync(descriptor) != 0)
    return fileError("sync", path, errno);
  int closed = close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return fileError("close", path, errno);
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return fileError("rename a file to", path, errno);
  temporary.clear();
  std::filesystem::path parent = std::filesystem::path(path).parent_path();
  int directory = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return fileError("open the directory of", path, errno);
  int synced = fsync(directory);
  int error = errno;
  close(directory);
  // Some file systems cannot sync a directory and say so; the rename stands.
  if (synced != 0 && error != EINVAL)
    return fileError("sync the directory of", path, error);
  return Status::ok();
}

Result<std::string> readText(const std::string &path) {
  return guarded([&]() -> Result<std::string> {
    MOTLEY_ASSIGN(MappedFile file, MappedFile::open(path));
    return std::string(file.data(), size_t(file.size()));
  });
}

Status writeText(const std::string &path, const std::string &text) {
  MOTLEY_ASSIGN(AtomicFile file, AtomicFile::create(path));
  MOTLEY_RETURN_IF_ERROR(file.write(text.data(), int64_t(text.size())));
  return file.commit();
}

Status makeDirectories(const std::string &path) {
  return guarded([&]() -> Status {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error)
      return fileError("create the directory", path, error.value());
    return Status::ok();
  });
}

std::string joinPath(const std::string &directory, const std::string &name) {
  return (std::filesystem::path(directory) / name).string();
}

} // namespace motley::runtime
