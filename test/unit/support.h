// What several tests need: a directory that goes away, expectations on a Status, and data sets on disk.
#ifndef MOTLEY_TEST_UNIT_SUPPORT_H
#define MOTLEY_TEST_UNIT_SUPPORT_H

#include "runtime/artifact.h"
#include "runtime/session.h"
#include "runtime/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace test {

/// A fresh directory, removed with everything in it.
class TempDir {
public:
  TempDir();
  ~TempDir();
  std::string path(const std::string &name = "") const;

private:
  std::string root;
};

/// Sets an environment variable for a scope.
class ScopedEnv {
public:
  ScopedEnv(const char *name, const char *value);
  ~ScopedEnv();

private:
  std::string name, old;
  bool wasSet;
};

/// Limits the size of files that this process may write, as a full disk would.
class ScopedFileLimit {
public:
  explicit ScopedFileLimit(int64_t bytes);
  ~ScopedFileLimit();

private:
  uint64_t oldLimit;
  void (*oldHandler)(int);
};

std::string readFile(const std::string &path);
void writeFile(const std::string &path, const std::string &bytes);
/// Names of the entries of a directory, sorted.
std::vector<std::string> listDirectory(const std::string &path);

/// The bigram module over `manifest`, or over its own.
std::shared_ptr<const motley::runtime::Artifact> fakeArtifact();
std::unique_ptr<motley::runtime::Session> fakeSession(int threads = 1);

using Documents = std::vector<std::vector<int32_t>>;
/// Writes a data set for the bigram module: text [0, 10), image [10, 16), 7 begins and 8 ends an image, 9 ends a
/// document.
void writeDataset(const std::string &directory, const Documents &train, const Documents &heldout,
                  const std::vector<float> &trainWeights = {});
/// `count` documents of 1 to `longest` tokens, from a fixed generator.
Documents randomDocuments(int count, int longest, uint64_t seed);

} // namespace test

/// The expression is ok; shows the text if not.
#define EXPECT_OK(expression)                                                                                          \
  do {                                                                                                                 \
    const auto &checked = (expression);                                                                                \
    EXPECT_TRUE(checked.isOk()) << test::statusText(checked);                                                          \
  } while (false)
#define ASSERT_OK(expression)                                                                                          \
  do {                                                                                                                 \
    const auto &checked = (expression);                                                                                \
    ASSERT_TRUE(checked.isOk()) << test::statusText(checked);                                                          \
  } while (false)
/// The expression fails with the code, and its text holds the part.
#define EXPECT_ERROR(expression, expectedCode, part)                                                                   \
  do {                                                                                                                 \
    const auto &checked = (expression);                                                                                \
    EXPECT_FALSE(checked.isOk());                                                                                      \
    EXPECT_EQ(test::statusOf(checked).code(), motley::runtime::Code::expectedCode);                                    \
    EXPECT_NE(test::statusOf(checked).text().find(part), std::string::npos) << test::statusText(checked);              \
    EXPECT_FALSE(test::statusOf(checked).origin().empty());                                                            \
  } while (false)

namespace test {
inline const motley::runtime::Status &statusOf(const motley::runtime::Status &status) { return status; }
template <typename T> const motley::runtime::Status &statusOf(const motley::runtime::Result<T> &result) {
  return result.status();
}
template <typename T> std::string statusText(const T &checked) {
  const motley::runtime::Status &status = statusOf(checked);
  return std::string(motley::runtime::codeName(status.code())) + ": " + status.text() + " (" + status.origin() + ")";
}
} // namespace test

#endif // MOTLEY_TEST_UNIT_SUPPORT_H
