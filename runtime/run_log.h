// DIR/log.jsonl: one JSON object per line and step.
#ifndef MOTLEY_RUNTIME_RUN_LOG_H
#define MOTLEY_RUNTIME_RUN_LOG_H

#include "runtime/status.h"

#include <cstdint>
#include <string>

namespace motley::runtime {

/// Appends lines; each is in the file (not necessarily on the disk) when append() returns.
class RunLog {
public:
  RunLog() = default;
  RunLog(const RunLog &) = delete;
  RunLog &operator=(const RunLog &) = delete;
  ~RunLog();

  /// Opens for appending and drops every line whose "step" is beyond `lastStep`, and a torn last line.
  Status open(const std::string &path, int64_t lastStep);
  bool isOpen() const { return descriptor >= 0; }
  /// `line` without its newline.
  Status append(const std::string &line);

private:
  std::string path;
  int descriptor = -1;
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_RUN_LOG_H
