#include "fake_module.h"
#include "runtime/microbatch.h"
#include "runtime/session.h"
#include "support.h"

#include <cmath>

using namespace motley::runtime;

class SessionTest : public testing::Test {
protected:
  void SetUp() override {
    session = test::fakeSession(2);
    ASSERT_OK(session->run("init", {{"seed", int64_t(5)}}));
    rows.reset(fake::rows);
    rows.live = 5;
    rows.token = {1, 2, 10, 3, 2};
    rows.target = {2, 10, 3, -1, 2};
    rows.weight = {1, 1, 0.5f, 0, 2};
    for (auto *field : {&rows.token, &rows.target})
      field->resize(fake::rows);
    rows.weight.resize(fake::rows);
  }
  Scalars accumulateScalars() { return {{"add", int64_t(0)}, {"inverse_normaliser", 0.25}}; }
  std::unique_ptr<Session> session;
  Microbatch rows;
};

TEST_F(SessionTest, ComputesLossByModality) {
  std::vector<float> logits = *session->state().read("logits", "param");
  double expected[2] = {0, 0};
  for (size_t row = 0; row < 5; ++row) {
    if (rows.target[row] < 0)
      continue;
    const float *line = &logits[size_t(rows.token[row]) * 16];
    double sum = 0;
    for (int j = 0; j < 16; ++j)
      sum += std::exp(double(line[j]));
    expected[rows.target[row] >= 10] += rows.weight[row] * (std::log(sum) - line[rows.target[row]]);
  }
  auto outputs = session->run("eval", rows, {});
  ASSERT_OK(outputs);
  ASSERT_EQ(outputs->size(), 1u);
  EXPECT_EQ((*outputs)[0].name, "loss_sums");
  EXPECT_EQ((*outputs)[0].shape, (Shape{2, 2}));
  EXPECT_NEAR((*outputs)[0].values[0], expected[0], 1e-5);
  EXPECT_NEAR((*outputs)[0].values[1], expected[1], 1e-5);
  EXPECT_EQ(session->launcher().lastLaunches(), 2);
}

TEST_F(SessionTest, AddOverwritesOrAccumulates) {
  ASSERT_OK(session->run("accumulate", rows, accumulateScalars()));
  std::vector<float> once = *session->state().read("logits", "grad");
  ASSERT_OK(session->run("accumulate", rows, accumulateScalars()));
  EXPECT_EQ(*session->state().read("logits", "grad"), once);
  ASSERT_OK(session->run("accumulate", rows, {{"add", int64_t(1)}, {"inverse_normaliser", 0.25}}));
  std::vector<float> twice = *session->state().read("logits", "grad");
  for (size_t i = 0; i < once.size(); ++i)
    EXPECT_NEAR(twice[i], 2 * once[i], 1e-6f);
}

TEST_F(SessionTest, NamesWhatIsWrongWithAFunction) {
  EXPECT_ERROR(session->run("prefill", {}), NotFound, "call of 'prefill': the module has no function of this name");
  EXPECT_ERROR(session->run("init", {}), InvalidArgument, "scalar 'seed' (i64) is missing");
  EXPECT_ERROR(session->run("init", {{"seed", int64_t(1)}, {"sead", int64_t(1)}}), InvalidArgument,
               "scalar 'sead' is not an argument");
  EXPECT_ERROR(session->run("init", {{"seed", 1.5}}), InvalidArgument, "scalar 'seed' is of type i64, got a floating");
  EXPECT_ERROR(session->run("accumulate", rows, {{"add", int64_t(2)}, {"inverse_normaliser", 1.0}}), InvalidArgument,
               "scalar 'add' is 2, which does not fit i1");
  EXPECT_ERROR(session->run("eval", rows, {{"live", int64_t(2)}}), InvalidArgument, "scalar 'live' is not an argument");
}

TEST_F(SessionTest, NamesWhatIsWrongWithAField) {
  std::vector<FieldArgument> fields = rows.fields();
  auto without = fields;
  without.erase(without.begin() + 1);
  EXPECT_ERROR(session->run("eval", without, 5, {}), InvalidArgument, "call of 'eval': field 'target' is missing");
  auto wrongType = fields;
  wrongType[0].dtype = DType::F32;
  EXPECT_ERROR(session->run("eval", wrongType, 5, {}), InvalidArgument, "field 'token' has dtype f32, expected i32");
  auto shortField = fields;
  shortField[2].rows = 4;
  EXPECT_ERROR(session->run("eval", shortField, 5, {}), InvalidArgument, "field 'weight' has 4 rows, fewer than the 5");
  auto noData = fields;
  noData[2].data = nullptr;
  EXPECT_ERROR(session->run("eval", noData, 5, {}), InvalidArgument, "field 'weight' has no data");
  EXPECT_ERROR(session->run("eval", fields, 25, {}), InvalidArgument, "number of live rows is 25, expected 0 to 24");
  EXPECT_ERROR(session->run("eval", fields, -1, {}), InvalidArgument, "number of live rows is -1");
}

TEST_F(SessionTest, ChecksIdsOfLiveRowsOnly) {
  rows.token[5] = 1000;
  EXPECT_OK(session->run("eval", rows, {}));
  rows.token[3] = 16;
  EXPECT_ERROR(session->run("eval", rows, {}), InvalidArgument, "field 'token' is 16 in row 3, expected 0 to 15");
  rows.token[3] = 0;
  rows.target[4] = -2;
  EXPECT_ERROR(session->run("eval", rows, {}), InvalidArgument, "field 'target' is -2 in row 4, expected -1 to 15");
}

TEST_F(SessionTest, NoLiveRows) {
  rows.live = 0;
  auto outputs = session->run("eval", rows, {});
  ASSERT_OK(outputs);
  EXPECT_EQ((*outputs)[0].values, std::vector<double>(4, 0.0));
}

// The result must not depend on what lies in dead rows and in the arena.
TEST_F(SessionTest, PoisonSwitchChangesNothing) {
  auto plain = session->run("eval", rows, {});
  test::ScopedEnv set("MOTLEY_POISON", "1");
  auto poisoned = test::fakeSession(2);
  ASSERT_OK(poisoned->run("init", {{"seed", int64_t(5)}}));
  auto outputs = poisoned->run("eval", rows, {});
  ASSERT_OK(outputs);
  EXPECT_EQ((*outputs)[0].values, (*plain)[0].values);
}

TEST_F(SessionTest, SameBitsOnAnyNumberOfThreads) {
  auto expected = session->run("accumulate", rows, accumulateScalars());
  for (int threads : {1, 3, 8}) {
    auto other = test::fakeSession(threads);
    ASSERT_OK(other->run("init", {{"seed", int64_t(5)}}));
    auto outputs = other->run("accumulate", rows, accumulateScalars());
    ASSERT_OK(outputs);
    EXPECT_EQ((*outputs)[0].values, (*expected)[0].values);
    EXPECT_EQ(*other->state().read("logits", "grad"), *session->state().read("logits", "grad"));
  }
}

TEST(Session, OutOfMemoryNamesTheBuffer) {
  std::string manifest = fake::manifestText();
  size_t at = manifest.find("\"arena_bytes\": 192");
  manifest.replace(at, 18, "\"arena_bytes\": 1152921504606846976");
  motley_artifact_table table = *fake::table();
  table.manifest = manifest.data();
  table.manifest_size = manifest.size();
  auto artifact = Artifact::fromTable(&table);
  ASSERT_OK(artifact);
  EXPECT_ERROR(Session::create(*artifact, 1), OutOfMemory, "1152921504606846976 bytes for the arena");
  EXPECT_ERROR(Session::create(nullptr), InvalidArgument, "needs an artefact");
}
