// A checkpoint is sound as a whole or refused: the tensor bytes and everything that the header says about the run have
// a digest each, names and shapes are held against the module, and only then does the state change.
#include "runtime/checkpoint.h"

#include "runtime/digest.h"
#include "runtime/json_cursor.h"
#include "runtime/safetensors.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

namespace motley::runtime {

namespace {

constexpr const char *prefixM = "adam.m/";
constexpr const char *prefixV = "adam.v/";
constexpr const char *prefixEma = "ema/";
constexpr const char *filePrefix = "checkpoint-";
constexpr const char *fileSuffix = ".safetensors";

// A tensor of the file and the slot that it belongs to.
struct Entry {
  std::string tensor;
  const Variable *variable;
  const char *slot;
};

std::vector<Entry> entriesOf(const State &state, bool withMoments) {
  std::vector<Entry> entries;
  const std::pair<const char *, const char *> moments[] = {{prefixM, slotM}, {prefixV, slotV}, {prefixEma, slotEma}};
  for (const Variable &variable : state.variables())
    if (state.hasSlot(variable, slotParam))
      entries.push_back({variable.name, &variable, slotParam});
  if (!withMoments)
    return entries;
  for (auto [prefix, slot] : moments)
    for (const Variable &variable : state.variables())
      if (state.hasSlot(variable, slot))
        entries.push_back({prefix + variable.name, &variable, slot});
  return entries;
}

// Over every metadata entry except the digests, in the order of their keys.
std::string metadataDigest(const std::map<std::string, std::string> &metadata) {
  Sha256 hash;
  for (const auto &[key, value] : metadata) {
    if (key == "sha256" || key == "metadata_sha256")
      continue;
    for (const std::string *text : {&key, &value}) {
      uint64_t length = text->size();
      hash.update(&length, sizeof(length));
      hash.update(text->data(), int64_t(length));
    }
  }
  return hexText(hash.finish());
}

std::map<std::string, std::string> metadataOf(const CheckpointInfo &info) {
  std::map<std::string, std::string> metadata = {{"motley", "1"},         {"step", std::to_string(info.step)},
                                                 {"data", info.data},     {"seed", std::to_string(info.seed)},
                                                 {"config", info.config}, {"sha256", std::string(64, '0')}};
  metadata["metadata_sha256"] = metadataDigest(metadata);
  return metadata;
}

Result<std::string> metadataText(const SafetensorsFile &file, const char *key) {
  auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    return Status::error(Code::Corrupt, file.path() + ": is not a checkpoint: its metadata has no '" + key + "'");
  return found->second;
}

template <typename Integer> Result<Integer> metadataInteger(const SafetensorsFile &file, const char *key) {
  MOTLEY_ASSIGN(std::string text, metadataText(file, key));
  char *end = nullptr;
  errno = 0;
  unsigned long long value = std::strtoull(text.c_str(), &end, 10);
  if (errno || *end || text.empty() || text[0] == '-' || Integer(value) < 0)
    return Status::error(Code::Corrupt,
                         file.path() + ": metadata '" + key + "' is '" + text + "', expected an integer");
  return Integer(value);
}

Result<CheckpointInfo> readInfo(const SafetensorsFile &file) {
  MOTLEY_ASSIGN(std::string version, metadataText(file, "motley"));
  if (version != "1")
    return Status::error(Code::Incompatible,
                         file.path() + ": is a checkpoint of version '" + version + "', this runtime reads version 1");
  MOTLEY_ASSIGN(std::string metadataSha256, metadataText(file, "metadata_sha256"));
  if (metadataSha256 != metadataDigest(file.metadata()))
    return Status::error(Code::Corrupt, file.path() + ": the digest of its metadata does not match; it was altered");
  MOTLEY_ASSIGN(std::string tensorSha256, metadataText(file, "sha256"));
  std::string actual = hexText(sha256(file.tensorBytes(), file.numTensorBytes()));
  if (tensorSha256 != actual)
    return Status::error(Code::Corrupt, file.path() + ": the SHA-256 of its tensors is " + actual + ", expected " +
                                            tensorSha256 + "; the file was damaged, use an earlier checkpoint");
  CheckpointInfo info;
  MOTLEY_ASSIGN(info.step, metadataInteger<int64_t>(file, "step"));
  MOTLEY_ASSIGN(info.seed, metadataInteger<uint64_t>(file, "seed"));
  MOTLEY_ASSIGN(info.data, metadataText(file, "data"));
  MOTLEY_ASSIGN(info.config, metadataText(file, "config"));
  return info;
}

bool isMoment(const std::string &tensor) {
  for (const char *prefix : {prefixM, prefixV, prefixEma})
    if (tensor.rfind(prefix, 0) == 0)
      return true;
  return false;
}

// Lists everything wrong, up to a screenful.
// What the file has beside the entries is a complaint too, but for moments where they are not wanted, and for anything
// where `anyOthers`.
Status checkNames(const SafetensorsFile &file, const std::vector<Entry> &entries, bool withMoments,
                  bool anyOthers = false) {
  std::vector<std::string> complaints;
  std::map<std::string, const Entry *> expected;
  for (const Entry &entry : entries) {
    expected[entry.tensor] = &entry;
    const TensorView *tensor = file.find(entry.tensor);
    if (!tensor)
      complaints.push_back("missing '" + entry.tensor + "'");
    else if (tensor->dtype != "F32")
      complaints.push_back("'" + entry.tensor + "' has dtype " + tensor->dtype + ", expected F32");
    else if (tensor->shape != entry.variable->shape)
      complaints.push_back("'" + entry.tensor + "' has shape " + shapeText(tensor->shape) + ", expected " +
                           shapeText(entry.variable->shape));
  }
  for (const TensorView &tensor : file.tensors())
    if (!anyOthers && !expected.count(tensor.name) && (withMoments || !isMoment(tensor.name)))
      complaints.push_back("unexpected '" + tensor.name + "'");
  if (complaints.empty())
    return Status::ok();
  constexpr size_t maxShown = 20;
  std::string text = file.path() + ": does not fit the module: ";
  for (size_t i = 0; i < std::min(complaints.size(), maxShown); ++i)
    text += (i ? "; " : "") + complaints[i];
  if (complaints.size() > maxShown)
    text += "; and " + std::to_string(complaints.size() - maxShown) + " more";
  return Status::error(Code::Incompatible, text);
}

Result<CheckpointInfo> load(const std::string &path, State &state, bool withMoments, bool averaged) {
  return guarded([&]() -> Result<CheckpointInfo> {
    MOTLEY_ASSIGN(std::unique_ptr<SafetensorsFile> file, SafetensorsFile::open(path));
    MOTLEY_ASSIGN(CheckpointInfo info, readInfo(*file));
    std::vector<Entry> entries = entriesOf(state, withMoments);
    MOTLEY_RETURN_IF_ERROR(checkNames(*file, entries, withMoments));
    if (averaged) {
      bool found = false;
      for (Entry &entry : entries)
        if (file->find(prefixEma + entry.tensor)) {
          entry.tensor = prefixEma + entry.tensor;
          found = true;
        }
      if (!found)
        return Status::error(Code::NotFound, path + ": holds no averages; train with ema, or load the parameters");
      MOTLEY_RETURN_IF_ERROR(checkNames(*file, entries, false, averaged));
    }
    std::vector<const float *> data;
    for (const Entry &entry : entries) {
      MOTLEY_ASSIGN(const TensorView *tensor, file->require(entry.tensor, "F32"));
      data.push_back(static_cast<const float *>(tensor->data));
    }
    for (size_t i = 0; i < entries.size(); ++i)
      MOTLEY_RETURN_IF_ERROR(
          state.write(entries[i].variable->name, entries[i].slot, data[i], entries[i].variable->elements));
    if (!withMoments)
      state.startAverages();
    return info;
  });
}

Status removeOld(const std::string &directory, int64_t step, int keep) {
  MOTLEY_ASSIGN(std::vector<int64_t> steps, listCheckpoints(directory));
  // A resumed run may leave later steps of an abandoned continuation behind; only what precedes the new one is counted.
  steps.erase(std::remove_if(steps.begin(), steps.end(), [&](int64_t other) { return other > step; }), steps.end());
  for (size_t i = 0; i + size_t(keep) < steps.size(); ++i) {
    std::string path = checkpointPath(directory, steps[i]);
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
      return fileError("delete", path, errno);
  }
  return Status::ok();
}

} // namespace

std::string checkpointPath(const std::string &directory, int64_t step) {
  return joinPath(directory, filePrefix + std::to_string(step) + fileSuffix);
}

Result<std::string> saveCheckpoint(const std::string &directory, const State &state, const CheckpointInfo &info,
                                   int keep) {
  return guarded([&]() -> Result<std::string> {
    MOTLEY_RETURN_IF_ERROR(makeDirectories(directory));
    std::vector<TensorSource> tensors;
    for (const Entry &entry : entriesOf(state, true)) {
      auto fill = [&state, entry](void *out) {
        return state.read(entry.variable->name, entry.slot, static_cast<float *>(out), entry.variable->elements);
      };
      tensors.push_back({entry.tensor, "F32", entry.variable->shape, fill});
    }
    std::string path = checkpointPath(directory, info.step);
    MOTLEY_RETURN_IF_ERROR(writeSafetensors(path, tensors, metadataOf(info)));
    MOTLEY_RETURN_IF_ERROR(
        writeText(joinPath(directory, "latest"), std::filesystem::path(path).filename().string() + "\n"));
    if (keep > 0)
      MOTLEY_RETURN_IF_ERROR(removeOld(directory, info.step, keep));
    return path;
  });
}

Result<CheckpointInfo> loadCheckpoint(const std::string &path, State &state) { return load(path, state, true, false); }

Result<CheckpointInfo> loadParameters(const std::string &path, State &state, bool averaged) {
  return load(path, state, false, averaged);
}

Result<CheckpointInfo> readCheckpointInfo(const std::string &path) {
  return guarded([&]() -> Result<CheckpointInfo> {
    MOTLEY_ASSIGN(std::unique_ptr<SafetensorsFile> file, SafetensorsFile::open(path));
    return readInfo(*file);
  });
}

Status writeParameters(const std::string &path, const std::vector<TensorSource> &tensors, const CheckpointInfo &info) {
  return guarded([&]() -> Status { return writeSafetensors(path, tensors, metadataOf(info)); });
}

Result<std::string> latestCheckpoint(const std::string &directory) {
  return guarded([&]() -> Result<std::string> {
    std::string pointer = joinPath(directory, "latest");
    MOTLEY_ASSIGN(std::string name, readText(pointer));
    while (!name.empty() && (name.back() == '\n' || name.back() == ' '))
      name.pop_back();
    if (name.rfind(filePrefix, 0) != 0 || name.find('/') != std::string::npos)
      return Status::error(Code::Corrupt,
                           pointer + ": names '" + name + "', expected " + filePrefix + "STEP" + fileSuffix);
    return joinPath(directory, name);
  });
}

Result<std::vector<int64_t>> listCheckpoints(const std::string &directory) {
  return guarded([&]() -> Result<std::vector<int64_t>> {
    std::vector<int64_t> steps;
    std::error_code error;
    std::filesystem::directory_iterator entries(directory, error);
    if (error)
      return fileError("list", directory, error.value());
    for (const std::filesystem::directory_entry &entry : entries) {
      std::string name = entry.path().filename().string();
      size_t prefix = std::string(filePrefix).size(), suffix = std::string(fileSuffix).size();
      if (name.size() <= prefix + suffix || name.rfind(filePrefix, 0) != 0 ||
          name.compare(name.size() - suffix, suffix, fileSuffix) != 0)
        continue;
      std::string digits = name.substr(prefix, name.size() - prefix - suffix);
      if (digits.size() < 19 && digits.find_first_not_of("0123456789") == std::string::npos)
        steps.push_back(std::stoll(digits));
    }
    std::sort(steps.begin(), steps.end());
    return steps;
  });
}

Status removePartialFiles(const std::string &directory) {
  return guarded([&]() -> Status {
    std::error_code error;
    std::filesystem::directory_iterator entries(directory, error);
    if (error)
      return fileError("list", directory, error.value());
    for (const std::filesystem::directory_entry &entry : entries) {
      std::string name = entry.path().filename().string();
      if (name.find(partialMark) != std::string::npos && unlink(entry.path().c_str()) != 0 && errno != ENOENT)
        return fileError("delete", entry.path().string(), errno);
    }
    return Status::ok();
  });
}

} // namespace motley::runtime
