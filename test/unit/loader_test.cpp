#include "runtime/data.h"
#include "support.h"

#include <algorithm>
#include <map>
#include <set>

using namespace motley::runtime;
using test::Documents;

namespace {

class LoaderTest : public testing::Test {
protected:
  Loader make(const Documents &documents, int64_t rows, uint64_t seed = 1, bool shuffle = true,
              const std::vector<float> &weights = {}) {
    test::writeDataset(dir.path("set"), documents, {{1, 9}}, weights);
    auto opened = Dataset::open(dir.path("set"));
    EXPECT_OK(opened);
    dataset = *opened;
    auto loader = Loader::create(dataset, "train", {rows, seed, shuffle});
    EXPECT_OK(loader);
    return loader.take();
  }
  test::TempDir dir;
  std::shared_ptr<const Dataset> dataset;
};

std::string rowsText(const Microbatch &rows) {
  std::string text;
  for (int64_t i = 0; i < rows.live; ++i) {
    size_t row = size_t(i);
    for (int32_t value : {rows.token[row], rows.target[row], rows.modality[row], rows.document[row], rows.span[row],
                          rows.order[row], rows.position[row], rows.index[row], int32_t(rows.weight[row] * 64)})
      text += std::to_string(value) + " ";
    text += "\n";
  }
  return text;
}

template <typename T> std::vector<T> live(const std::vector<T> &field, const Microbatch &rows) {
  return std::vector<T>(field.begin(), field.begin() + rows.live);
}

} // namespace

TEST_F(LoaderTest, FillsEveryField) {
  Loader loader = make({{1, 2, 9}, {3, 7, 10, 11, 8, 7, 12, 8, 9}}, 16, 0, false);
  Microbatch rows;
  ASSERT_TRUE(loader.nextInEpoch(rows));
  using Integers = std::vector<int32_t>;
  EXPECT_EQ(rows.rows, 16);
  EXPECT_EQ(rows.live, 12);
  EXPECT_EQ(live(rows.token, rows), (Integers{1, 2, 9, 3, 7, 10, 11, 8, 7, 12, 8, 9}));
  EXPECT_EQ(live(rows.target, rows), (Integers{2, 9, -1, 7, 10, 11, 8, 7, 12, 8, 9, -1}));
  EXPECT_EQ(live(rows.weight, rows), (std::vector<float>{1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(live(rows.modality, rows), (Integers{0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(live(rows.document, rows), (Integers{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(live(rows.span, rows), (Integers{-1, -1, -1, -1, -1, 0, 0, -1, -1, 1, -1, -1}));
  EXPECT_EQ(live(rows.order, rows), (Integers{0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(rows.position, rows.order);
  EXPECT_EQ(live(rows.index, rows), (Integers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_FALSE(loader.nextInEpoch(rows));
  EXPECT_EQ(rows.live, 0);
}

// Over many shapes: every token once per epoch with its own neighbour as target, fields consistent, microbatches well
// filled, documents whole unless longer than a microbatch.
TEST_F(LoaderTest, PackingProperties) {
  for (int64_t rows : {1, 2, 5, 24, 64, 1000}) {
    Documents documents = test::randomDocuments(60, 40, 7);
    documents.insert(documents.begin() + 3, {});
    documents.push_back({5});
    documents.push_back({});
    Loader loader = make(documents, rows, 3);
    const Split &split = *dataset->split("train");
    // What each stream index must be is not said beforehand; that it is unique and complete is.
    std::multiset<std::vector<int32_t>> expected, got; // (token, target)
    for (const auto &document : documents)
      for (size_t i = 0; i < document.size(); ++i)
        expected.insert({document[i], i + 1 < document.size() ? document[i + 1] : -1});
    std::set<int32_t> indices;
    Microbatch batch;
    int64_t numBatches = 0;
    while (loader.nextInEpoch(batch)) {
      ++numBatches;
      ASSERT_LE(batch.live, rows);
      std::set<int32_t> spans;
      for (int64_t i = 0; i < batch.live; ++i) {
        size_t row = size_t(i);
        got.insert({batch.token[row], batch.target[row]});
        EXPECT_TRUE(indices.insert(batch.index[row]).second);
        EXPECT_EQ(batch.weight[row], batch.target[row] < 0 ? 0.0f : 1.0f);
        EXPECT_EQ(batch.modality[row], batch.token[row] >= 10);
        EXPECT_EQ(batch.span[row] >= 0, batch.token[row] >= 10);
        EXPECT_EQ(batch.position[row], batch.order[row]);
        bool first = i == 0 || batch.document[row] != batch.document[row - 1];
        EXPECT_EQ(batch.document[row], i == 0 ? 0 : batch.document[row - 1] + first);
        EXPECT_EQ(batch.order[row], first ? 0 : batch.order[row - 1] + 1);
        if (!first) {
          EXPECT_EQ(batch.target[row - 1], batch.token[row]);
          EXPECT_EQ(batch.index[row], batch.index[row - 1] + 1);
        }
        // A span has one number, used nowhere else in the microbatch.
        bool goesOn = !first && batch.span[row] >= 0 && batch.span[row] == batch.span[row - 1];
        if (batch.span[row] >= 0 && !goesOn) {
          EXPECT_TRUE(spans.insert(batch.span[row]).second);
        }
      }
      for (int64_t i = batch.live; i < rows; ++i)
        EXPECT_EQ(batch.token[size_t(i)], 0);
    }
    EXPECT_EQ(got, expected) << rows;
    EXPECT_EQ(int64_t(indices.size()), split.numTokens);
    EXPECT_EQ(*indices.rbegin(), split.numTokens - 1);
    // Pending documents leave no large holes: 85% at least, where documents are not longer than a microbatch.
    if (rows == 64) {
      EXPECT_LE(numBatches, int64_t(double(split.numTokens) / 64 / 0.85) + 1);
    }
    EXPECT_EQ(loader.epoch(), 0);
  }
}

TEST_F(LoaderTest, LongDocumentsAreCut) {
  Loader loader = make({{0, 1, 2, 3, 4, 5, 6}, {9}}, 3, 0, false);
  Microbatch rows;
  ASSERT_TRUE(loader.nextInEpoch(rows));
  EXPECT_EQ(rows.token, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(rows.target, (std::vector<int32_t>{1, 2, 3})); // the next piece's first token
  ASSERT_TRUE(loader.nextInEpoch(rows));
  EXPECT_EQ(rows.token, (std::vector<int32_t>{3, 4, 5}));
  EXPECT_EQ(rows.order, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(rows.index, (std::vector<int32_t>{3, 4, 5}));
  ASSERT_TRUE(loader.nextInEpoch(rows));
  EXPECT_EQ(live(rows.token, rows), (std::vector<int32_t>{6, 9}));
  EXPECT_EQ(live(rows.target, rows), (std::vector<int32_t>{-1, -1}));
  EXPECT_EQ(live(rows.document, rows), (std::vector<int32_t>{0, 1}));
  EXPECT_FALSE(loader.nextInEpoch(rows));
}

TEST_F(LoaderTest, NextFillsHolesWithLaterDocuments) {
  Loader loader = make({{0, 1, 2}, {3, 4, 5}, {6}}, 4, 0, false);
  Microbatch rows;
  loader.next(rows);
  EXPECT_EQ(rows.token, (std::vector<int32_t>{0, 1, 2, 6}));
  loader.next(rows);
  EXPECT_EQ(live(rows.token, rows), (std::vector<int32_t>{3, 4, 5}));
}

TEST_F(LoaderTest, EpochsAreShuffledDifferently) {
  Documents documents;
  for (int32_t i = 0; i < 7; ++i)
    documents.push_back({i});
  Loader loader = make(documents, 7);
  std::set<std::vector<int32_t>> orders;
  Microbatch rows;
  for (int epoch = 0; epoch < 5; ++epoch) {
    loader.next(rows);
    EXPECT_EQ(loader.epoch(), epoch);
    orders.insert(rows.token);
    std::sort(rows.token.begin(), rows.token.end());
    EXPECT_EQ(rows.token, (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6}));
  }
  EXPECT_GE(orders.size(), 4u);
  Loader other = make(documents, 7, 2);
  other.next(rows);
  loader.rewind();
  Microbatch again;
  loader.next(again);
  EXPECT_EQ(loader.epoch(), 0);
  EXPECT_TRUE(orders.count(again.token));
  EXPECT_NE(again.token, rows.token); // another seed, another order
}

// Each of 3! orders of three documents, over 600 epochs: within five standard deviations (9.1) of 100.
TEST_F(LoaderTest, ShuffleIsUniform) {
  Loader loader = make({{0}, {1}, {2}}, 3);
  std::map<std::vector<int32_t>, int> counts;
  Microbatch rows;
  for (int epoch = 0; epoch < 600; ++epoch) {
    loader.next(rows);
    ++counts[rows.token];
  }
  ASSERT_EQ(counts.size(), 6u);
  for (const auto &[order, count] : counts)
    EXPECT_NEAR(count, 100, 46);
}

TEST_F(LoaderTest, WeightsScaleRows) {
  Loader loader = make({{1, 2, 9}}, 4, 0, false, {0.5f, 2, 3});
  Microbatch rows;
  loader.next(rows);
  EXPECT_EQ(live(rows.weight, rows), (std::vector<float>{0.5f, 2, 0}));
}

TEST_F(LoaderTest, StateResumesAnywhere) {
  Documents documents = test::randomDocuments(50, 30, 11);
  documents.push_back(std::vector<int32_t>(100, 4)); // longer than a microbatch: cut while pending
  Loader loader = make(documents, 24, 5);
  Microbatch expected, got;
  for (int i = 0; i < 120; ++i) { // over two epochs
    std::string state = loader.state();
    auto resumed = Loader::create(dataset, "train", {24, 5, true});
    ASSERT_OK(resumed);
    ASSERT_OK(resumed->restore(state));
    EXPECT_EQ(resumed->state(), state);
    loader.next(expected);
    resumed->next(got);
    ASSERT_EQ(rowsText(got), rowsText(expected)) << i;
    ASSERT_EQ(resumed->state(), loader.state());
  }
  EXPECT_GE(loader.epoch(), 2);
}

TEST_F(LoaderTest, RefusesForeignStates) {
  Loader loader = make(test::randomDocuments(5, 9, 1), 24, 5);
  std::string state = loader.state();
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string text = state;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_ERROR(loader.restore(replaced("\"seed\":5", "\"seed\":6")), Incompatible,
               "key 'seed' is 6, but this run has 5");
  EXPECT_ERROR(loader.restore(replaced("\"rows\":24", "\"rows\":25")), Incompatible, "key 'rows' is 25");
  EXPECT_ERROR(loader.restore(replaced(dataset->checksum(), "abc")), Incompatible, "key 'dataset' is \"abc\"");
  EXPECT_ERROR(loader.restore(replaced("\"split\":\"train\"", "\"split\":\"x\"")), Incompatible, "key 'split'");
  EXPECT_ERROR(loader.restore(replaced("\"pending\":[]", "\"pending\":[[5,0,0]]")), Corrupt, "pending[0]' is [5,0,0]");
  EXPECT_ERROR(loader.restore(replaced("\"pending\":[]", "\"pending\":[[1,9,0]]")), Corrupt, "pending[0]' is [1,9,0]");
  EXPECT_ERROR(loader.restore(replaced("\"next_document\":0", "\"next_document\":9")), Corrupt, "document 9");
  EXPECT_ERROR(loader.restore(replaced("\"epoch\":0", "\"epoch\":\"0\"")), Corrupt, "key 'epoch' is of type string");
  EXPECT_ERROR(loader.restore("{"), Corrupt, "position in the data: malformed JSON");
  EXPECT_EQ(loader.state(), state); // unchanged by what it refused
}

TEST_F(LoaderTest, RefusesNonsense) {
  make({{1}}, 4);
  EXPECT_ERROR(Loader::create(dataset, "train", {0, 1, true}), InvalidArgument, "microbatches of 0 rows");
  EXPECT_ERROR(Loader::create(dataset, "test", {4, 1, true}), NotFound, "has no split 'test'");
  EXPECT_ERROR(Loader::create(nullptr, "train", {4, 1, true}), InvalidArgument, "needs a data set");
  test::writeDataset(dir.path("empty"), {{}, {}}, {{1}});
  auto empty = Dataset::open(dir.path("empty"));
  ASSERT_OK(empty);
  EXPECT_ERROR(Loader::create(*empty, "train", {4, 1, true}), InvalidArgument, "has no tokens");
}
