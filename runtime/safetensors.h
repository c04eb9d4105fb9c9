// The safetensors format: 8 bytes of header length, a JSON header, tensor bytes. Reading validates everything before
// the first tensor is handed out and names the byte where a file broke; writing is atomic.
#ifndef MOTLEY_RUNTIME_SAFETENSORS_H
#define MOTLEY_RUNTIME_SAFETENSORS_H

#include "runtime/arena.h"
#include "runtime/dtype.h"
#include "runtime/file.h"
#include "runtime/status.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace motley::runtime {

/// One tensor of an open file.
struct TensorView {
  std::string name;
  std::string dtype; ///< safetensors' own name: "F32", "I64", ...
  Shape shape;
  const void *data = nullptr; ///< aligned for its type
  int64_t bytes = 0;
};

class SafetensorsFile {
public:
  /// Maps and validates. Refuses wrong lengths, malformed JSON, unknown types, shapes that disagree with their bytes,
  /// overlaps and gaps.
  static Result<std::unique_ptr<SafetensorsFile>> open(const std::string &path);

  const std::string &path() const { return file.path(); }
  /// In the order of their bytes.
  const std::vector<TensorView> &tensors() const { return theTensors; }
  /// Null when there is none of that name.
  const TensorView *find(const std::string &name) const;
  /// A tensor that must exist, of the given type ("I32"); its shape is left to the caller.
  Result<const TensorView *> require(const std::string &name, const std::string &dtype) const;
  const std::map<std::string, std::string> &metadata() const { return theMetadata; }
  /// All tensor bytes, without the header.
  const void *tensorBytes() const { return body; }
  int64_t numTensorBytes() const { return bodyBytes; }

private:
  SafetensorsFile() = default;
  Status parse();
  Status alignTensors();

  MappedFile file;
  std::vector<Buffer> copies; // of tensors that are not aligned in the file
  std::vector<TensorView> theTensors;
  std::map<std::string, int> byName;
  std::map<std::string, std::string> theMetadata;
  const char *body = nullptr;
  int64_t bodyBytes = 0;
};

/// One tensor to write. `fill` puts its bytes into `out`; it is called once, in order, so that only one tensor is held
/// in memory at a time.
struct TensorSource {
  std::string name;
  std::string dtype;
  Shape shape;
  std::function<Status(void *out)> fill;
};

/// Bytes of one element of a safetensors type, or 0 for an unknown name.
int64_t safetensorsElementBytes(const std::string &dtype);

/// Writes a file beside its name, syncs it and renames it. On any error the old file stays as it was. The metadata
/// entry "sha256", if present, must be 64 characters long and is replaced by the digest of the tensor bytes.
Status writeSafetensors(const std::string &path, const std::vector<TensorSource> &tensors,
                        const std::map<std::string, std::string> &metadata);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_SAFETENSORS_H
