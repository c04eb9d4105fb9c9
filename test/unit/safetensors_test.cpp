#include "runtime/digest.h"
#include "runtime/safetensors.h"
#include "support.h"

#include <cstring>

using namespace motley::runtime;

static std::string bytesOf(const std::string &header, size_t bodyBytes) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char *>(&length), 8) + header + std::string(bodyBytes, '\1');
}

class Safetensors : public testing::Test {
protected:
  Result<std::unique_ptr<SafetensorsFile>> open(const std::string &bytes) {
    test::writeFile(dir.path("a.safetensors"), bytes);
    return SafetensorsFile::open(dir.path("a.safetensors"));
  }
  Status save(float value, const std::map<std::string, std::string> &metadata = {}) {
    TensorSource source{"x", "F32", {2, 3}, [value](void *out) {
                          std::fill_n(static_cast<float *>(out), 6, value);
                          return Status::ok();
                        }};
    return writeSafetensors(dir.path("a.safetensors"), {source}, metadata);
  }
  test::TempDir dir;
};

TEST_F(Safetensors, RoundTrip) {
  std::vector<TensorSource> tensors;
  tensors.push_back({"z/first", "I64", {3}, [](void *out) {
                       int64_t values[] = {1, -2, int64_t(1) << 40};
                       std::memcpy(out, values, sizeof(values));
                       return Status::ok();
                     }});
  tensors.push_back({"empty", "F32", {0, 5}, [](void *) { return Status::ok(); }});
  tensors.push_back({"scalar", "F32", {}, [](void *out) {
                       *static_cast<float *>(out) = 2.5f;
                       return Status::ok();
                     }});
  ASSERT_OK(writeSafetensors(dir.path("t"), tensors, {{"note", "quotes \" and \n lines"}}));
  auto file = SafetensorsFile::open(dir.path("t"));
  ASSERT_OK(file);
  EXPECT_EQ((*file)->tensors().size(), 3u);
  EXPECT_EQ((*file)->metadata().at("note"), "quotes \" and \n lines");
  auto first = (*file)->require("z/first", "I64");
  ASSERT_OK(first);
  EXPECT_EQ((*first)->shape, (Shape{3}));
  EXPECT_EQ(static_cast<const int64_t *>((*first)->data)[2], int64_t(1) << 40);
  EXPECT_EQ((*file)->find("empty")->bytes, 0);
  EXPECT_EQ(*static_cast<const float *>((*file)->find("scalar")->data), 2.5f);
  EXPECT_ERROR((*file)->require("z/first", "I32"), Corrupt, "tensor 'z/first' has dtype I64, expected I32");
  EXPECT_ERROR((*file)->require("second", "I32"), Corrupt, "has no tensor 'second'");
}

// The layout by hand, as another program would write it.
TEST_F(Safetensors, ReadsForeignFiles) {
  auto file = open(bytesOf(R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},"a":{"dtype":"F32","shape":[1],)"
                           R"("data_offsets":[0,4]},"__metadata__":{"format":"pt"}}  )",
                           7));
  ASSERT_OK(file);
  EXPECT_EQ((*file)->tensors()[0].name, "a");
  EXPECT_EQ((*file)->tensors()[1].bytes, 3);
  EXPECT_OK(open(bytesOf("{}", 0)));
}

TEST_F(Safetensors, RefusesMalformedFiles) {
  struct Case {
    std::string bytes;
    const char *part;
  };
  auto one = [](const char *entry, size_t body) { return bytesOf(std::string("{\"x\":") + entry + "}", body); };
  std::string good = one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 8);
  EXPECT_OK(open(good));
  std::string huge = good, past = good;
  huge[7] = '\x7f';
  past[1] = '\1';
  const Case cases[] = {
      {"", "ends at byte 0, inside the 8 bytes of the header's length"},
      {std::string("\1\2\3", 3), "ends at byte 3"},
      {huge, "more than the format allows; it is not a safetensors file"},
      {past, "inside the header, which ends at byte"},
      {bytesOf("{\"x\": }", 0), "malformed JSON at byte 14"},
      {bytesOf("[1]", 0), "header: is of type array, expected object"},
      {bytesOf(std::string("{\"x\": \"\xff\"}"), 0), "malformed JSON at byte 15"},
      {one("3", 0), "key 'x' is of type number, expected object"},
      {one(R"({"shape":[2],"data_offsets":[0,8]})", 8), "key 'x.dtype' is missing"},
      {one(R"({"dtype":"F32","data_offsets":[0,8]})", 8), "key 'x.shape' is missing"},
      {one(R"({"dtype":"F32","shape":[2]})", 8), "key 'x.data_offsets' is missing"},
      {one(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})", 8), "unknown dtype 'F33'"},
      {one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", 8), "shape [-2], which is negative or too large"},
      {one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})", 8), "negative or too large"},
      {one(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,8]})", 8), "negative or too large"},
      {one(R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})", 8), "key 'x.shape[0]' is of type string"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})", 8), "expected [begin, end]"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", 8), "expected [begin, end]"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})", 8), "expected [begin, end]"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})", 8), "does not fit 64 bits"},
      {one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8), "shape [3] of F32 has 12"},
      {good.substr(0, good.size() - 1), "ends at byte 70, but the file ends at byte 69; it is truncated"},
      {good + "x", "its tensors end at byte 70, but the file ends at byte 71"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", 8), "but the tensor before it ends at byte"},
      {bytesOf(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],)"
               R"("data_offsets":[4,8]}})",
               8),
       "tensor 'y' begins at byte 119, inside the tensor before it, which ends at byte 123"},
      {bytesOf("{\"__metadata__\":{\"a\":1}}", 0), "key '__metadata__.a' is of type number, expected string"},
  };
  for (const Case &each : cases) {
    auto file = open(each.bytes);
    ASSERT_FALSE(file.isOk()) << each.part;
    EXPECT_EQ(file.status().code(), Code::Corrupt);
    EXPECT_NE(file.status().text().find(each.part), std::string::npos) << file.status().text();
    EXPECT_EQ(file.status().text().rfind(dir.path("a.safetensors"), 0), 0u) << file.status().text();
  }
}

TEST_F(Safetensors, TruncatedAtEveryByte) {
  ASSERT_OK(save(1.0f));
  std::string whole = test::readFile(dir.path("a.safetensors"));
  for (size_t bytes = 0; bytes < whole.size(); ++bytes)
    ASSERT_FALSE(open(whole.substr(0, bytes)).isOk()) << bytes;
}

TEST_F(Safetensors, UnalignedTensorsAreAligned) {
  auto file = open(bytesOf(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )", 4));
  ASSERT_OK(file);
  auto tensor = (*file)->require("x", "F32");
  ASSERT_OK(tensor);
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*tensor)->data) % 4, 0u);
  EXPECT_EQ(std::memcmp((*tensor)->data, "\1\1\1\1", 4), 0);
}

TEST_F(Safetensors, DigestIsOfTheTensorBytes) {
  ASSERT_OK(save(1.5f, {{"a", "\"sha256\":\"" + std::string(64, '0')}, {"sha256", std::string(64, '0')}}));
  auto file = SafetensorsFile::open(dir.path("a.safetensors"));
  ASSERT_OK(file);
  std::vector<float> values(6, 1.5f);
  EXPECT_EQ((*file)->metadata().at("sha256"), hexText(sha256(values.data(), 24)));
  EXPECT_EQ((*file)->metadata().at("a"), "\"sha256\":\"" + std::string(64, '0'));
}

TEST_F(Safetensors, WriterRefusesNonsense) {
  auto fill = [](void *) { return Status::ok(); };
  std::string path = dir.path("w");
  EXPECT_ERROR(writeSafetensors(path, {{"x", "F31", {1}, fill}}, {}), InvalidArgument, "tensor 'x' of dtype F31");
  EXPECT_ERROR(writeSafetensors(path, {{"x", "F32", {1}, fill}, {"x", "F32", {1}, fill}}, {}), InvalidArgument,
               "repeated name");
  EXPECT_ERROR(writeSafetensors(path, {}, {{"sha256", "short"}}), InvalidArgument, "64 characters");
  EXPECT_TRUE(test::listDirectory(dir.path()).empty());
}

TEST_F(Safetensors, FailedWritesLeaveTheOldFile) {
  ASSERT_OK(save(1.0f));
  std::string before = test::readFile(dir.path("a.safetensors"));
  {
    test::ScopedFileLimit limit(130);
    EXPECT_ERROR(save(2.0f), Io, "a.safetensors");
  }
  auto failing = [](void *) { return Status::error(Code::Internal, "no data"); };
  EXPECT_ERROR(writeSafetensors(dir.path("a.safetensors"), {{"x", "F32", {1}, failing}}, {}), Internal, "no data");
  EXPECT_EQ(test::readFile(dir.path("a.safetensors")), before);
  EXPECT_EQ(test::listDirectory(dir.path()), std::vector<std::string>{"a.safetensors"});
}
