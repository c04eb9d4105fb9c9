#include "runtime/data.h"

#include "runtime/digest.h"
#include "runtime/json_cursor.h"

#include <algorithm>

namespace motley::runtime {

static constexpr int64_t datasetVersion = 1;

const Split *Dataset::split(const std::string &name) const {
  for (const Split &candidate : splits)
    if (candidate.name == name)
      return &candidate;
  return nullptr;
}

int Dataset::modalityOf(int32_t token) const {
  for (size_t i = 0; i < theModalities.size(); ++i)
    if (token >= theModalities[i].begin && token < theModalities[i].end)
      return int(i);
  return -1;
}

static std::string modalitiesText(const std::vector<Modality> &modalities) {
  std::string text;
  for (const Modality &modality : modalities)
    text += (text.empty() ? "" : ", ") + modality.name + " [" + std::to_string(modality.begin) + ", " +
            std::to_string(modality.end) + ")";
  return text.empty() ? "none" : text;
}

Status Dataset::checkModalities(const std::vector<Modality> &module) const {
  bool same = std::equal(
      theModalities.begin(), theModalities.end(), module.begin(), module.end(),
      [](const Modality &a, const Modality &b) { return a.name == b.name && a.begin == b.begin && a.end == b.end; });
  if (same)
    return Status::ok();
  return Status::error(Code::Incompatible, "data set '" + theDirectory + "' has the modalities " +
                                               modalitiesText(theModalities) + ", the module was compiled for " +
                                               modalitiesText(module) + "; compile the model for this data set");
}

Status Dataset::readSplit(const std::string &name, const std::string &file, int64_t numTokens, int64_t numDocuments,
                          const std::string &expectedSha256) {
  Split split;
  split.name = name;
  split.path = joinPath(theDirectory, file);
  auto corrupt = [&](const std::string &what) { return Status::error(Code::Corrupt, split.path + ": " + what); };
  {
    MOTLEY_ASSIGN(MappedFile bytes, MappedFile::open(split.path));
    std::string actual = hexText(sha256(bytes.data(), bytes.size()));
    if (actual != expectedSha256)
      return corrupt("its SHA-256 is " + actual + ", dataset.json says " + expectedSha256 +
                     "; the file was altered, make the data set again");
  }
  MOTLEY_ASSIGN(std::unique_ptr<SafetensorsFile> tensors, SafetensorsFile::open(split.path));
  MOTLEY_ASSIGN(const TensorView *tokens, tensors->require("tokens", "I32"));
  MOTLEY_ASSIGN(const TensorView *offsets, tensors->require("document_offsets", "I64"));
  auto checkShape = [&](const TensorView &tensor, int64_t extent) -> Status {
    if (tensor.shape == Shape{extent})
      return Status::ok();
    return corrupt("tensor '" + tensor.name + "' has shape " + shapeText(tensor.shape) + ", dataset.json says " +
                   shapeText({extent}));
  };
  MOTLEY_RETURN_IF_ERROR(checkShape(*tokens, numTokens));
  MOTLEY_RETURN_IF_ERROR(checkShape(*offsets, numDocuments + 1));
  split.tokens = static_cast<const int32_t *>(tokens->data);
  split.documentOffsets = static_cast<const int64_t *>(offsets->data);
  split.numTokens = numTokens;
  split.numDocuments = numDocuments;
  if (tensors->find("weights")) {
    MOTLEY_ASSIGN(const TensorView *weights, tensors->require("weights", "F32"));
    MOTLEY_RETURN_IF_ERROR(checkShape(*weights, numTokens));
    split.weights = static_cast<const float *>(weights->data);
    for (int64_t i = 0; i < numTokens; ++i)
      if (!(split.weights[i] >= 0 && split.weights[i] <= 1e30f))
        return corrupt("weight " + std::to_string(i) + " is " + std::to_string(split.weights[i]) +
                       ", expected a finite value of at least 0");
  }
  if (split.documentOffsets[0] != 0 || split.documentOffsets[numDocuments] != numTokens)
    return corrupt("document offsets go from " + std::to_string(split.documentOffsets[0]) + " to " +
                   std::to_string(split.documentOffsets[numDocuments]) + ", expected 0 to " +
                   std::to_string(numTokens));
  for (int64_t i = 0; i < numDocuments; ++i)
    if (split.documentOffsets[i + 1] < split.documentOffsets[i])
      return corrupt("document " + std::to_string(i) + " ends before it begins: offsets " +
                     std::to_string(split.documentOffsets[i]) + " and " + std::to_string(split.documentOffsets[i + 1]));
  for (int64_t i = 0; i < numTokens; ++i)
    if (modalityOf(split.tokens[i]) < 0)
      return corrupt("token " + std::to_string(i) + " is " + std::to_string(split.tokens[i]) +
                     ", which is in no modality: " + modalitiesText(theModalities));
  splits.push_back(split);
  files.push_back(std::move(tensors));
  return Status::ok();
}

Status Dataset::readIndex() {
  std::string path = joinPath(theDirectory, "dataset.json");
  Result<std::string> text = readText(path);
  if (!text)
    return Status(text.status()).withPrefix("'" + theDirectory + "' is not a data set");
  MOTLEY_ASSIGN(nlohmann::json document, parseJson(*text, path));
  JsonCursor root(document, path);
  std::string format;
  int64_t version = 0;
  MOTLEY_RETURN_IF_ERROR(readKey(root, "format", format));
  MOTLEY_RETURN_IF_ERROR(readKey(root, "version", version));
  if (format != "motley-dataset" || version != datasetVersion)
    return root.error("says format '" + format + "' version " + std::to_string(version) +
                          ", expected 'motley-dataset' version " + std::to_string(datasetVersion),
                      Code::Incompatible);
  MOTLEY_RETURN_IF_ERROR(readKey(root, "name", theName));
  MOTLEY_RETURN_IF_ERROR(readKey(root, "checksum", theChecksum));
  MOTLEY_RETURN_IF_ERROR(readKey(root, "vocabulary", theVocabulary));
  MOTLEY_ASSIGN(JsonCursor modalities, root.at("modalities"));
  MOTLEY_ASSIGN(auto modalityEntries, modalities.elements());
  for (const JsonCursor &entry : modalityEntries) {
    Modality modality;
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "name", modality.name));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "begin", modality.begin));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "end", modality.end));
    if (modality.begin < 0 || modality.end < modality.begin || modality.end > theVocabulary)
      return entry.error("has the ids [" + std::to_string(modality.begin) + ", " + std::to_string(modality.end) +
                         "), expected a range inside the vocabulary of " + std::to_string(theVocabulary));
    theModalities.push_back(modality);
  }
  MOTLEY_ASSIGN(JsonCursor special, root.at("special"));
  MOTLEY_ASSIGN(auto specialEntries, special.members());
  for (const auto &[name, entry] : specialEntries) {
    MOTLEY_ASSIGN(theSpecial[name], entry.integer());
  }
  MOTLEY_ASSIGN(JsonCursor list, root.at("splits"));
  MOTLEY_ASSIGN(auto entries, list.members());
  for (const auto &[name, entry] : entries) {
    std::string file, digest;
    int64_t numTokens = 0, numDocuments = 0;
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "file", file));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "tokens", numTokens));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "documents", numDocuments));
    MOTLEY_RETURN_IF_ERROR(readKey(entry, "sha256", digest));
    if (numTokens < 0 || numDocuments < 0 || numDocuments == INT64_MAX)
      return entry.error("has " + std::to_string(numTokens) + " tokens in " + std::to_string(numDocuments) +
                         " documents");
    MOTLEY_RETURN_IF_ERROR(readSplit(name, file, numTokens, numDocuments, digest));
  }
  return Status::ok();
}

Result<std::shared_ptr<const Dataset>> Dataset::open(const std::string &directory) {
  return guarded([&]() -> Result<std::shared_ptr<const Dataset>> {
    std::shared_ptr<Dataset> dataset(new Dataset);
    dataset->theDirectory = directory;
    MOTLEY_RETURN_IF_ERROR(dataset->readIndex());
    return std::shared_ptr<const Dataset>(std::move(dataset));
  });
}

} // namespace motley::runtime
