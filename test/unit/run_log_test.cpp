#include "runtime/run_log.h"
#include "support.h"

using namespace motley::runtime;

TEST(RunLog, DropsLaterStepsAndATornLine) {
  test::TempDir dir;
  std::string path = dir.path("log.jsonl");
  test::writeFile(
      path, "{\"step\":1}\n{\"step\":2,\"heldout\":{}}\n{\"note\":\"kept\"}\n{\"step\":3}\nnot json\n{\"step\":2");
  RunLog log;
  ASSERT_OK(log.open(path, 2));
  EXPECT_OK(log.append("{\"step\":3,\"again\":true}"));
  EXPECT_EQ(test::readFile(path),
            "{\"step\":1}\n{\"step\":2,\"heldout\":{}}\n{\"note\":\"kept\"}\n{\"step\":3,\"again\":true}\n");
}

TEST(RunLog, FullDiskIsAStatus) {
  test::TempDir dir;
  RunLog log;
  ASSERT_OK(log.open(dir.path("log.jsonl"), 0));
  test::ScopedFileLimit limit(10);
  EXPECT_ERROR(log.append("{\"step\":1,\"loss\":0.5}"), Io, "log.jsonl");
}
