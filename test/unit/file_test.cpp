#include "runtime/arena.h"
#include "runtime/file.h"
#include "support.h"

#include <sys/resource.h>

using namespace motley::runtime;

TEST(File, TextRoundTrip) {
  test::TempDir dir;
  EXPECT_OK(writeText(dir.path("a"), "one"));
  EXPECT_OK(writeText(dir.path("a"), "two"));
  EXPECT_EQ(*readText(dir.path("a")), "two");
  EXPECT_EQ(test::listDirectory(dir.path()), std::vector<std::string>{"a"});
}

TEST(File, ErrorsNameTheFile) {
  test::TempDir dir;
  EXPECT_ERROR(readText(dir.path("none")), NotFound, "none': no such file or directory");
  EXPECT_ERROR(readText(dir.path()), InvalidArgument, "not a regular file");
  EXPECT_ERROR(writeText(dir.path("no/such/place"), "x"), NotFound, "no/such/place");
  test::writeFile(dir.path("plain"), "");
  EXPECT_ERROR(makeDirectories(dir.path("plain/below")), Io, "plain/below");
}

TEST(File, AbandonedFileLeavesTheOldOne) {
  test::TempDir dir;
  EXPECT_OK(writeText(dir.path("a"), "old"));
  {
    auto file = AtomicFile::create(dir.path("a"));
    ASSERT_OK(file);
    EXPECT_OK(file->write("new", 3));
  }
  EXPECT_EQ(*readText(dir.path("a")), "old");
  EXPECT_EQ(test::listDirectory(dir.path()), std::vector<std::string>{"a"});
}

TEST(File, FullDiskLeavesTheOldOne) {
  test::TempDir dir;
  EXPECT_OK(writeText(dir.path("a"), "old"));
  {
    test::ScopedFileLimit limit(1000);
    EXPECT_ERROR(writeText(dir.path("a"), std::string(2000, 'x')), Io, "file too large");
  }
  EXPECT_EQ(*readText(dir.path("a")), "old");
  EXPECT_EQ(test::listDirectory(dir.path()), std::vector<std::string>{"a"});
}

TEST(Arena, ZeroedAndAligned) {
  for (int64_t bytes : {0, 1, 64, 4096, (2 << 20) - 1, 2 << 20, (5 << 20) + 3}) {
    auto buffer = Buffer::allocate(bytes, "a test");
    ASSERT_OK(buffer);
    EXPECT_EQ(buffer->bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % (bytes >= 2 << 20 ? 2 << 20 : 64), 0u);
    for (int64_t i = 0; i < bytes; i += 61) {
      ASSERT_EQ(buffer->as<char>()[i], 0);
      buffer->as<char>()[i] = 1;
    }
  }
}

TEST(Arena, OutOfMemoryIsAStatus) {
  EXPECT_ERROR(Buffer::allocate(int64_t(1) << 60, "the arena"), OutOfMemory,
               "cannot allocate 1152921504606846976 bytes for the arena");
  EXPECT_ERROR(Buffer::allocate(-1, "the arena"), OutOfMemory, "-1 bytes");
}
