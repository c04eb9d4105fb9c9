#include "support.h"

#include "fake_module.h"
#include "runtime/digest.h"
#include "runtime/file.h"
#include "runtime/random.h"
#include "runtime/safetensors.h"

#include <nlohmann/json.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace motley::runtime;

namespace test {

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "motley-test-XXXXXX").string();
  root = mkdtemp(pattern.data());
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(root, ignored);
}

std::string TempDir::path(const std::string &name) const { return name.empty() ? root : root + "/" + name; }

ScopedEnv::ScopedEnv(const char *name, const char *value) : name(name) {
  const char *before = std::getenv(name);
  wasSet = before != nullptr;
  old = before ? before : "";
  setenv(name, value, 1);
}

ScopedEnv::~ScopedEnv() {
  if (wasSet)
    setenv(name.c_str(), old.c_str(), 1);
  else
    unsetenv(name.c_str());
}

ScopedFileLimit::ScopedFileLimit(int64_t bytes) {
  oldHandler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  oldLimit = limit.rlim_cur;
  limit.rlim_cur = rlim_t(bytes);
  setrlimit(RLIMIT_FSIZE, &limit);
}

ScopedFileLimit::~ScopedFileLimit() {
  rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = oldLimit;
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, oldHandler);
}

std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void writeFile(const std::string &path, const std::string &bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::vector<std::string> listDirectory(const std::string &path) {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(path))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::shared_ptr<const Artifact> fakeArtifact() {
  auto artifact = Artifact::fromTable(fake::table());
  EXPECT_OK(artifact);
  return *artifact;
}

std::unique_ptr<Session> fakeSession(int threads) {
  auto session = Session::create(fakeArtifact(), threads);
  EXPECT_OK(session);
  return session.take();
}

template <typename T> static TensorSource tensor(const char *name, const char *dtype, const std::vector<T> &values) {
  auto fill = [&values](void *out) {
    std::copy(values.begin(), values.end(), static_cast<T *>(out));
    return Status::ok();
  };
  return {name, dtype, {int64_t(values.size())}, fill};
}

static nlohmann::json writeSplit(const std::string &directory, const std::string &name, const Documents &documents,
                                 const std::vector<float> &weights) {
  std::vector<int32_t> tokens;
  std::vector<int64_t> offsets = {0};
  for (const std::vector<int32_t> &document : documents) {
    tokens.insert(tokens.end(), document.begin(), document.end());
    offsets.push_back(int64_t(tokens.size()));
  }
  std::vector<TensorSource> tensors = {tensor("tokens", "I32", tokens), tensor("document_offsets", "I64", offsets)};
  if (!weights.empty())
    tensors.push_back(tensor("weights", "F32", weights));
  std::string file = name + ".safetensors";
  EXPECT_OK(writeSafetensors(joinPath(directory, file), tensors, {}));
  std::string bytes = readFile(joinPath(directory, file));
  return {{"file", file},
          {"tokens", tokens.size()},
          {"documents", documents.size()},
          {"sha256", hexText(sha256(bytes.data(), int64_t(bytes.size())))}};
}

void writeDataset(const std::string &directory, const Documents &train, const Documents &heldout,
                  const std::vector<float> &trainWeights) {
  std::filesystem::create_directories(directory);
  nlohmann::json index = {{"format", "motley-dataset"},
                          {"version", 1},
                          {"name", "fake"},
                          {"vocabulary", fake::vocabulary},
                          {"modalities",
                           {{{"name", "text"}, {"begin", 0}, {"end", fake::textEnd}},
                            {{"name", "image"}, {"begin", fake::textEnd}, {"end", fake::vocabulary}}}},
                          {"special", {{"begin_image", 7}, {"end_image", 8}, {"end_of_document", 9}}},
                          {"splits",
                           {{"train", writeSplit(directory, "train", train, trainWeights)},
                            {"heldout", writeSplit(directory, "heldout", heldout, {})}}}};
  std::string checksum = index["splits"].dump();
  index["checksum"] = hexText(sha256(checksum.data(), int64_t(checksum.size())));
  writeFile(joinPath(directory, "dataset.json"), index.dump(1));
}

Documents randomDocuments(int count, int longest, uint64_t seed) {
  Documents documents;
  for (int i = 0; i < count; ++i) {
    uint32_t length = 1 + philox4x32({uint32_t(i), 0, 0, 1}, philoxKey(seed))[0] % uint32_t(longest);
    documents.emplace_back();
    for (uint32_t j = 0; j < length; ++j)
      documents.back().push_back(int32_t(philox4x32({uint32_t(i), j, 0, 2}, philoxKey(seed))[0] % 7));
    // A pattern to learn, and an image of three tokens where there is room for one.
    for (uint32_t j = 0; j + 6 < length && i % 2; ++j)
      documents.back()[j] = int32_t((j * 3) % 7);
    if (length > 6) {
      int32_t image[] = {7, 10 + i % 6, 10 + (i + 1) % 6, 11, 8};
      std::copy(std::begin(image), std::end(image), documents.back().end() - 6);
    }
    documents.back().back() = 9;
  }
  return documents;
}

} // namespace test
