#include "runtime/run_log.h"

#include "runtime/file.h"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace motley::runtime {

RunLog::~RunLog() {
  if (descriptor >= 0)
    close(descriptor);
}

// A line is kept if it is whole, and of a step that the run still has. Lines without a step (other programs' notes)
// stay.
static bool isKept(const std::string &line, int64_t lastStep) {
  nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
  if (entry.is_discarded())
    return false;
  if (!entry.is_object() || !entry.contains("step") || !entry["step"].is_number_integer())
    return true;
  return entry["step"].get<int64_t>() <= lastStep;
}

Status RunLog::open(const std::string &logPath, int64_t lastStep) {
  return guarded([&]() -> Status {
    path = logPath;
    Result<std::string> old = readText(path);
    if (!old && old.status().code() != Code::NotFound)
      return old.status();
    std::string kept;
    if (old) {
      for (size_t begin = 0; begin < old->size();) {
        size_t end = old->find('\n', begin);
        if (end == std::string::npos)
          break; // torn: its newline never came
        std::string line = old->substr(begin, end - begin);
        if (isKept(line, lastStep))
          kept += line + "\n";
        begin = end + 1;
      }
      if (kept != *old)
        MOTLEY_RETURN_IF_ERROR(writeText(path, kept));
    }
    if (descriptor >= 0)
      close(descriptor);
    descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor < 0)
      return fileError("open", path, errno);
    return Status::ok();
  });
}

Status RunLog::append(const std::string &line) {
  std::string whole = line + "\n";
  size_t done = 0;
  while (done < whole.size()) {
    ssize_t written = write(descriptor, whole.data() + done, whole.size() - done);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fileError("write", path, errno);
    done += size_t(written);
  }
  return Status::ok();
}

} // namespace motley::runtime
