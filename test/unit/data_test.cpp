#include "runtime/data.h"
#include "runtime/digest.h"
#include "support.h"

#include <nlohmann/json.hpp>

#include <functional>

using namespace motley::runtime;
using nlohmann::json;

class DatasetTest : public testing::Test {
protected:
  void SetUp() override { test::writeDataset(dir.path("set"), {{1, 2, 9}, {}, {3, 7, 10, 11, 8, 9}}, {{4, 9}}); }
  Result<std::shared_ptr<const Dataset>> open() { return Dataset::open(dir.path("set")); }
  Result<std::shared_ptr<const Dataset>> openChanged(const std::function<void(json &)> &change) {
    json index = json::parse(test::readFile(dir.path("set/dataset.json")));
    change(index);
    test::writeFile(dir.path("set/dataset.json"), index.dump());
    auto opened = open();
    SetUp();
    return opened;
  }
  test::TempDir dir;
};

TEST_F(DatasetTest, Reads) {
  auto dataset = open();
  ASSERT_OK(dataset);
  EXPECT_EQ((*dataset)->name(), "fake");
  EXPECT_EQ((*dataset)->vocabulary(), 16);
  EXPECT_EQ((*dataset)->special().at("begin_image"), 7);
  const Split *train = (*dataset)->split("train");
  ASSERT_TRUE(train);
  EXPECT_EQ(train->numDocuments, 3);
  EXPECT_EQ(train->numTokens, 9);
  EXPECT_EQ(train->tokens[5], 10);
  EXPECT_EQ((*dataset)->split("test"), nullptr);
  EXPECT_EQ((*dataset)->modalityOf(9), 0);
  EXPECT_EQ((*dataset)->modalityOf(10), 1);
  EXPECT_EQ((*dataset)->modalityOf(16), -1);
}

TEST_F(DatasetTest, NotADataset) {
  EXPECT_ERROR(Dataset::open(dir.path("nowhere")), NotFound, "nowhere' is not a data set: cannot open");
  EXPECT_ERROR(openChanged([](json &index) { index["format"] = "other"; }), Incompatible, "format 'other'");
  EXPECT_ERROR(openChanged([](json &index) { index["version"] = 2; }), Incompatible, "version 2");
  test::writeFile(dir.path("set/dataset.json"), "{\"format\": nonsense}");
  EXPECT_ERROR(open(), Corrupt, "dataset.json: malformed JSON at byte 12");
}

TEST_F(DatasetTest, EveryKeyIsRequired) {
  for (const char *key : {"format", "version", "name", "vocabulary", "modalities", "special", "splits", "checksum"}) {
    auto refused = openChanged([&](json &index) { index.erase(key); });
    EXPECT_ERROR(refused, Corrupt, "key '" + std::string(key) + "' is missing");
  }
  for (const char *key : {"file", "tokens", "documents", "sha256"}) {
    auto refused = openChanged([&](json &index) { index["splits"]["train"].erase(key); });
    EXPECT_ERROR(refused, Corrupt, "key 'splits.train." + std::string(key) + "' is missing");
  }
}

TEST_F(DatasetTest, AlteredFiles) {
  std::string bytes = test::readFile(dir.path("set/train.safetensors"));
  bytes.back() = char(bytes.back() ^ 1);
  test::writeFile(dir.path("set/train.safetensors"), bytes);
  EXPECT_ERROR(open(), Corrupt, "train.safetensors: its SHA-256 is");
  std::remove(dir.path("set/train.safetensors").c_str());
  EXPECT_ERROR(open(), NotFound, "train.safetensors");
}

TEST_F(DatasetTest, ShapesMustAgree) {
  EXPECT_ERROR(openChanged([](json &index) { index["splits"]["train"]["tokens"] = 8; }), Corrupt,
               "tensor 'tokens' has shape [9], dataset.json says [8]");
  EXPECT_ERROR(openChanged([](json &index) { index["splits"]["train"]["documents"] = 2; }), Corrupt,
               "tensor 'document_offsets' has shape [4], dataset.json says [3]");
  EXPECT_ERROR(openChanged([](json &index) { index["splits"]["train"]["documents"] = -2; }), Corrupt, "-2");
}

TEST_F(DatasetTest, TokensMustHaveAModality) {
  test::writeDataset(dir.path("set"), {{1, 16, 9}}, {{4, 9}});
  EXPECT_ERROR(open(), Corrupt, "token 1 is 16, which is in no modality: text [0, 10), image [10, 16)");
  test::writeDataset(dir.path("set"), {{1, 2, -1}}, {{4, 9}});
  EXPECT_ERROR(open(), Corrupt, "token 2 is -1");
  SetUp();
  EXPECT_ERROR(openChanged([](json &index) { index["vocabulary"] = 12; }), Corrupt,
               "range inside the vocabulary of 12");
}

TEST_F(DatasetTest, WeightsAreChecked) {
  test::writeDataset(dir.path("set"), {{1, 2, 9}}, {{4, 9}}, {1, 0.5f, 2});
  auto dataset = open();
  ASSERT_OK(dataset);
  EXPECT_EQ((*dataset)->split("train")->weights[1], 0.5f);
  test::writeDataset(dir.path("set"), {{1, 2, 9}}, {{4, 9}}, {1, NAN, 2});
  EXPECT_ERROR(open(), Corrupt, "weight 1 is nan");
}

TEST_F(DatasetTest, ModalitiesMustBeTheModules) {
  auto dataset = open();
  ASSERT_OK(dataset);
  EXPECT_OK((*dataset)->checkModalities({{"text", 0, 10}, {"image", 10, 16}}));
  EXPECT_ERROR((*dataset)->checkModalities({{"text", 0, 10}, {"image", 10, 17}}), Incompatible,
               "text [0, 10), image [10, 16), the module was compiled for text [0, 10), image [10, 17)");
  EXPECT_ERROR((*dataset)->checkModalities({{"text", 0, 16}}), Incompatible, "text [0, 16)");
}

TEST_F(DatasetTest, OffsetsMustAscend) {
  // Rewrites the offsets in place: they are the last tensor of the file.
  auto withOffsets = [&](std::vector<int64_t> offsets) {
    std::string path = dir.path("set/train.safetensors");
    std::string bytes = test::readFile(path);
    bytes.replace(bytes.size() - 32, 32, reinterpret_cast<const char *>(offsets.data()), 32);
    test::writeFile(path, bytes);
    return openChanged([&](json &index) {
      index["splits"]["train"]["sha256"] = hexText(sha256(bytes.data(), int64_t(bytes.size())));
    });
  };
  EXPECT_OK(withOffsets({0, 1, 2, 9}));
  EXPECT_ERROR(withOffsets({0, 5, 4, 9}), Corrupt, "document 1 ends before it begins: offsets 5 and 4");
  EXPECT_ERROR(withOffsets({0, 3, 3, 10}), Corrupt, "document offsets go from 0 to 10, expected 0 to 9");
  EXPECT_ERROR(withOffsets({1, 3, 3, 9}), Corrupt, "document offsets go from 1 to 9");
}
