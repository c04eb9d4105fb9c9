#include "tool/ReadFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace ptxsim {
namespace {

struct File {
  explicit File(const std::string &path) : descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (descriptor >= 0)
      close(descriptor);
  }
  int descriptor;
};

} // namespace

std::string readFile(const std::string &path, uint64_t most) {
  File file(path);
  if (file.descriptor < 0)
    throw std::runtime_error(path + ": cannot be opened: " + strerror(errno));
  struct stat status;
  uint64_t expected = fstat(file.descriptor, &status) == 0 && S_ISREG(status.st_mode) ? uint64_t(status.st_size) : 0;
  std::string data;
  for (uint64_t size = 0;;) {
    if (size > most)
      throw std::runtime_error(path + ": has more than " + std::to_string(most) + " bytes");
    data.resize(std::max<uint64_t>({std::min(expected + 1, most + 1), size + 65536, size + size / 2}));
    ssize_t got = read(file.descriptor, data.data() + size, data.size() - size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw std::runtime_error(path + ": cannot be read: " + strerror(errno));
    size += uint64_t(got);
    if (got == 0) {
      data.resize(size);
      return data;
    }
  }
}

} // namespace ptxsim
