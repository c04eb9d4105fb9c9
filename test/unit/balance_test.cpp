#include "runtime/data.h"
#include "support.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

using namespace motley::runtime;

namespace {

// Mostly text, some pictures, some documents of both; the longest has 30 tokens.
test::Documents unevenDocuments() {
  test::Documents documents;
  for (int i = 0; i < 120; ++i) {
    int32_t id = int32_t(i % 6);
    std::vector<int32_t> document(size_t(3 + i % 17), id);
    if (i % 6 == 0)
      document.assign(size_t(5 + i % 20), 10 + id);
    if (i % 10 == 3)
      for (int k = 0; k < 12; ++k)
        document.push_back(11);
    documents.push_back(document);
  }
  return documents;
}

class BalanceTest : public testing::Test {
protected:
  void SetUp() override {
    test::writeDataset(dir.path("set"), unevenDocuments(), {{1, 9}});
    auto opened = Dataset::open(dir.path("set"));
    ASSERT_OK(opened);
    dataset = *opened;
  }
  Result<Loader> make(const std::map<std::string, double> &balance, int64_t rows = 64) {
    return Loader::create(dataset, "train", {rows, 5, true, balance});
  }
  test::TempDir dir;
  std::shared_ptr<const Dataset> dataset;
};

} // namespace

// The deviation from the wished share, over all tokens so far, never exceeds the longest document; so a microbatch
// deviates by two of them at most. Rows stay consistent, and no index comes twice.
TEST_F(BalanceTest, StaysWithinADocument) {
  const double longest = 30;
  for (double share : {0.25, 0.5, 0.8}) {
    auto made = make({{"text", 1 - share}, {"image", share}});
    ASSERT_OK(made);
    Loader loader = made.take();
    Microbatch rows;
    std::set<int32_t> indices;
    int64_t total = 0, images = 0, live = 0;
    for (int batch = 0; batch < 60; ++batch) {
      loader.next(rows);
      int64_t here = 0;
      for (int64_t row = 0; row < rows.live; ++row) {
        here += rows.modality[size_t(row)] == 1;
        EXPECT_TRUE(indices.insert(rows.index[size_t(row)]).second);
      }
      live += rows.live;
      total += rows.live;
      images += here;
      EXPECT_LE(std::fabs(double(images) - share * double(total)), longest) << "batch " << batch;
      EXPECT_LE(std::fabs(double(here) - share * double(rows.live)), 2 * longest) << "batch " << batch;
    }
    EXPECT_GT(live, 60 * 64 * 8 / 10); // microbatches are well filled
    EXPECT_GT(loader.epoch(), 0);
  }
}

// Scarce documents come again; plentiful ones are skipped, not all the same ones.
TEST_F(BalanceTest, SeesManyDocuments) {
  auto made = make({{"text", 1}, {"image", 1}});
  ASSERT_OK(made);
  Loader loader = made.take();
  Microbatch rows;
  std::set<std::pair<int32_t, int32_t>> seen; // token and length
  for (int batch = 0; batch < 200; ++batch) {
    loader.next(rows);
    for (int64_t row = 0; row < rows.live; ++row)
      if (rows.order[size_t(row)] > 0 && (row + 1 == rows.live || rows.order[size_t(row + 1)] == 0))
        seen.insert({rows.token[size_t(row)], rows.order[size_t(row)]});
  }
  EXPECT_GT(seen.size(), 30u);
}

TEST_F(BalanceTest, Resumes) {
  auto made = make({{"text", 1}, {"image", 1}});
  ASSERT_OK(made);
  Loader loader = made.take();
  Microbatch rows, other;
  for (int batch = 0; batch < 37; ++batch)
    loader.next(rows);
  std::string state = loader.state();
  auto second = make({{"text", 1}, {"image", 1}});
  ASSERT_OK(second);
  Loader resumed = second.take();
  ASSERT_OK(resumed.restore(state));
  EXPECT_EQ(resumed.state(), state);
  for (int batch = 0; batch < 50; ++batch) {
    loader.next(rows);
    resumed.next(other);
    EXPECT_EQ(rows.token, other.token);
    EXPECT_EQ(rows.index, other.index);
  }
  auto differing = make({{"text", 2}, {"image", 1}});
  ASSERT_OK(differing);
  Loader wrong = differing.take();
  EXPECT_ERROR(wrong.restore(state), Incompatible, "balance");
  auto without = make({});
  ASSERT_OK(without);
  Loader plain = without.take();
  EXPECT_ERROR(plain.restore(state), Incompatible, "balance");
}

// A document longer than a microbatch goes in pieces, and each piece counts as what it holds.
TEST_F(BalanceTest, CutsLongDocuments) {
  auto made = make({{"text", 1}, {"image", 1}}, 8);
  ASSERT_OK(made);
  Loader loader = made.take();
  Microbatch rows;
  int64_t total = 0, images = 0;
  for (int batch = 0; batch < 300; ++batch) {
    loader.next(rows);
    ASSERT_GT(rows.live, 0);
    total += rows.live;
    images += std::count(rows.modality.begin(), rows.modality.begin() + rows.live, 1);
    EXPECT_LE(std::fabs(double(images) - 0.5 * double(total)), 8);
  }
}

TEST_F(BalanceTest, RefusesWhatCannotBe) {
  EXPECT_ERROR(make({{"text", 1}}), InvalidArgument, "does not name the modality 'image'");
  EXPECT_ERROR(make({{"text", 1}, {"image", 1}, {"speech", 1}}), InvalidArgument, "'speech'");
  EXPECT_ERROR(make({{"text", 1}, {"image", 0}}), InvalidArgument, "above 0");
  test::writeDataset(dir.path("set"), {{1, 2, 9}, {3, 9}}, {{1, 9}});
  auto opened = Dataset::open(dir.path("set"));
  ASSERT_OK(opened);
  dataset = *opened;
  EXPECT_ERROR(make({{"text", 1}, {"image", 1}}), InvalidArgument, "no document has as much of 'image'");
}
