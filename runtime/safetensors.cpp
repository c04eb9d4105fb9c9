#include "runtime/safetensors.h"

#include "runtime/digest.h"
#include "runtime/json_cursor.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace motley::runtime {

// The format's own limit on the header, against absurd lengths in broken files.
static constexpr uint64_t maxHeaderBytes = 100'000'000;
static constexpr int64_t lengthBytes = 8;
// Where the bodies of the files that we write begin, and so what their first tensor is aligned to.
static constexpr size_t bodyAlignment = 64;

int64_t safetensorsElementBytes(const std::string &dtype) {
  static const std::map<std::string, int64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
      {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8}, {"U64", 8}};
  auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

static Status readMetadata(const JsonCursor &at, std::map<std::string, std::string> &out) {
  MOTLEY_ASSIGN(auto entries, at.members());
  for (const auto &[key, value] : entries) {
    MOTLEY_ASSIGN(out[key], value.string());
  }
  return Status::ok();
}

static Status readTensor(const JsonCursor &at, const std::string &name, const char *body, int64_t bodyBegin,
                         int64_t bodyBytes, TensorView &out) {
  out.name = name;
  MOTLEY_RETURN_IF_ERROR(readKey(at, "dtype", out.dtype));
  MOTLEY_RETURN_IF_ERROR(readKey(at, "shape", out.shape));
  std::vector<int64_t> offsets;
  MOTLEY_RETURN_IF_ERROR(readKey(at, "data_offsets", offsets));
  int64_t elementBytes = safetensorsElementBytes(out.dtype);
  if (!elementBytes)
    return at.error("has the unknown dtype '" + out.dtype + "'");
  std::optional<int64_t> elements = elementCount(out.shape);
  int64_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements, elementBytes, &bytes))
    return at.error("has shape " + shapeText(out.shape) + ", which is negative or too large");
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0])
    return at.error("has data_offsets " + shapeText(offsets) + ", expected [begin, end]");
  if (offsets[1] > bodyBytes)
    return at.error("ends at byte " + std::to_string(bodyBegin + offsets[1]) + ", but the file ends at byte " +
                    std::to_string(bodyBegin + bodyBytes) + "; it is truncated");
  if (offsets[1] - offsets[0] != bytes)
    return at.error("has " + std::to_string(offsets[1] - offsets[0]) + " bytes at byte " +
                    std::to_string(bodyBegin + offsets[0]) + ", but shape " + shapeText(out.shape) + " of " +
                    out.dtype + " has " + std::to_string(bytes));
  out.data = body + offsets[0];
  out.bytes = bytes;
  return Status::ok();
}

Status SafetensorsFile::parse() {
  auto corrupt = [&](const std::string &what) { return Status::error(Code::Corrupt, path() + ": " + what); };
  if (file.size() < lengthBytes)
    return corrupt("ends at byte " + std::to_string(file.size()) + ", inside the 8 bytes of the header's length");
  uint64_t headerBytes = 0;
  std::memcpy(&headerBytes, file.data(), sizeof(headerBytes));
  if (headerBytes > maxHeaderBytes)
    return corrupt("has a header of " + std::to_string(headerBytes) +
                   " bytes by its first 8 bytes, more than the format allows; it is not a safetensors file");
  if (headerBytes > uint64_t(file.size() - lengthBytes))
    return corrupt("ends at byte " + std::to_string(file.size()) + ", inside the header, which ends at byte " +
                   std::to_string(headerBytes + lengthBytes) + "; it is truncated");
  int64_t bodyBegin = lengthBytes + int64_t(headerBytes);
  body = file.data() + bodyBegin;
  bodyBytes = file.size() - bodyBegin;

  std::string where = path() + ": header";
  MOTLEY_ASSIGN(nlohmann::json header, parseJson({file.data() + lengthBytes, headerBytes}, where, lengthBytes));
  MOTLEY_ASSIGN(auto entries, JsonCursor(header, where).members());
  for (const auto &[name, at] : entries) {
    if (name == "__metadata__") {
      MOTLEY_RETURN_IF_ERROR(readMetadata(at, theMetadata));
      continue;
    }
    TensorView tensor;
    MOTLEY_RETURN_IF_ERROR(readTensor(at, name, body, bodyBegin, bodyBytes, tensor));
    theTensors.push_back(tensor);
  }
  // Empty tensors share their offset with a neighbour, and come first.
  std::sort(theTensors.begin(), theTensors.end(), [](const TensorView &a, const TensorView &b) {
    return std::tie(a.data, a.bytes, a.name) < std::tie(b.data, b.bytes, b.name);
  });
  const char *end = body;
  for (size_t i = 0; i < theTensors.size(); ++i) {
    const char *begin = static_cast<const char *>(theTensors[i].data);
    if (begin != end)
      return corrupt("tensor '" + theTensors[i].name + "' begins at byte " + std::to_string(begin - file.data()) +
                     (begin < end ? ", inside the tensor before it, which ends" : ", but the tensor before it ends") +
                     " at byte " + std::to_string(end - file.data()));
    end = begin + theTensors[i].bytes;
    byName[theTensors[i].name] = int(i);
  }
  if (end != body + bodyBytes)
    return corrupt("its tensors end at byte " + std::to_string(end - file.data()) + ", but the file ends at byte " +
                   std::to_string(file.size()));
  return alignTensors();
}

// The format lets an odd number of I32 stand before an I64; what is not aligned for its type is copied.
Status SafetensorsFile::alignTensors() {
  for (TensorView &tensor : theTensors) {
    if (reinterpret_cast<uintptr_t>(tensor.data) % uintptr_t(safetensorsElementBytes(tensor.dtype)) == 0)
      continue;
    MOTLEY_ASSIGN(Buffer copy, Buffer::allocate(tensor.bytes, "tensor '" + tensor.name + "' of '" + path() + "'"));
    std::memcpy(copy.data(), tensor.data, size_t(tensor.bytes));
    tensor.data = copy.data();
    copies.push_back(std::move(copy));
  }
  return Status::ok();
}

Result<std::unique_ptr<SafetensorsFile>> SafetensorsFile::open(const std::string &path) {
  return guarded([&]() -> Result<std::unique_ptr<SafetensorsFile>> {
    std::unique_ptr<SafetensorsFile> out(new SafetensorsFile);
    MOTLEY_ASSIGN(out->file, MappedFile::open(path));
    MOTLEY_RETURN_IF_ERROR(out->parse());
    return out;
  });
}

const TensorView *SafetensorsFile::find(const std::string &name) const {
  auto found = byName.find(name);
  return found == byName.end() ? nullptr : &theTensors[found->second];
}

Result<const TensorView *> SafetensorsFile::require(const std::string &name, const std::string &dtype) const {
  const TensorView *tensor = find(name);
  if (!tensor)
    return Status::error(Code::Corrupt, path() + ": has no tensor '" + name + "'");
  if (tensor->dtype != dtype)
    return Status::error(Code::Corrupt,
                         path() + ": tensor '" + name + "' has dtype " + tensor->dtype + ", expected " + dtype);
  return tensor;
}

namespace {

// The header with its length; `digestAt` is where the digest's 64 digits stand, or -1.
Status buildHeader(const std::vector<TensorSource> &tensors, const std::map<std::string, std::string> &metadata,
                   std::string &out, std::vector<int64_t> &sizes, int64_t &digestAt) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const TensorSource &tensor : tensors) {
    std::optional<int64_t> elements = elementCount(tensor.shape);
    int64_t elementBytes = safetensorsElementBytes(tensor.dtype);
    if (!elements || !elementBytes || header.contains(tensor.name))
      return Status::error(Code::InvalidArgument, "tensor '" + tensor.name + "' of dtype " + tensor.dtype +
                                                      " and shape " + shapeText(tensor.shape) +
                                                      " cannot be written: unknown dtype, bad shape or repeated name");
    sizes.push_back(*elements * elementBytes);
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + sizes.back()}}};
    offset += sizes.back();
  }
  std::string json = header.dump();
  size_t padded = (json.size() + lengthBytes + bodyAlignment - 1) / bodyAlignment * bodyAlignment - lengthBytes;
  json.resize(padded, ' ');
  uint64_t length = json.size();
  out.assign(reinterpret_cast<const char *>(&length), sizeof(length));
  out += json;
  digestAt = -1;
  auto digest = metadata.find("sha256");
  if (digest != metadata.end()) {
    // Metadata stands first in the header, and a value cannot contain an unescaped quote.
    std::string entry = "\"sha256\":\"" + digest->second;
    size_t found = out.find(entry);
    if (digest->second.size() != 64 || found == std::string::npos)
      return Status::error(Code::InvalidArgument, "metadata entry 'sha256' must be 64 characters long");
    digestAt = int64_t(found + entry.size() - 64);
  }
  return Status::ok();
}

} // namespace

Status writeSafetensors(const std::string &path, const std::vector<TensorSource> &tensors,
                        const std::map<std::string, std::string> &metadata) {
  return guarded([&]() -> Status {
    std::string header;
    std::vector<int64_t> sizes;
    int64_t digestAt = -1;
    MOTLEY_RETURN_IF_ERROR(buildHeader(tensors, metadata, header, sizes, digestAt));
    MOTLEY_ASSIGN(AtomicFile file, AtomicFile::create(path));
    MOTLEY_RETURN_IF_ERROR(file.write(header.data(), int64_t(header.size())));
    Sha256 hash;
    std::vector<uint64_t> bytes; // 8-byte elements, so that `fill` may write any type
    for (size_t i = 0; i < tensors.size(); ++i) {
      bytes.resize(size_t(sizes[i] + 7) / 8);
      MOTLEY_RETURN_IF_ERROR(tensors[i].fill(bytes.data()));
      hash.update(bytes.data(), sizes[i]);
      MOTLEY_RETURN_IF_ERROR(file.write(bytes.data(), sizes[i]));
    }
    if (digestAt >= 0) {
      std::string digest = hexText(hash.finish());
      MOTLEY_RETURN_IF_ERROR(file.writeAt(digest.data(), int64_t(digest.size()), digestAt));
    }
    return file.commit();
  });
}

} // namespace motley::runtime
