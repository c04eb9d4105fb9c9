#include "runtime/state.h"
#include "support.h"

#include <cmath>
#include <numeric>

using namespace motley::runtime;

class StateTest : public testing::Test {
protected:
  void SetUp() override {
    artifact = test::fakeArtifact();
    auto made = State::create(artifact->manifest());
    ASSERT_OK(made);
    state = made.take();
  }
  static std::vector<float> counting(int64_t count, float from = 1) {
    std::vector<float> values(static_cast<size_t>(count));
    std::iota(values.begin(), values.end(), from);
    return values;
  }
  std::shared_ptr<const Artifact> artifact;
  State state;
};

TEST_F(StateTest, ListsVariablesUnderTheirOwnShapes) {
  ASSERT_EQ(state.variables().size(), 7u);
  EXPECT_EQ(state.find("w.short")->shape, (Shape{4, 17}));
  EXPECT_EQ(state.find("norm.b")->elements, 6);
  EXPECT_TRUE(state.find("logits")->table);
  EXPECT_EQ(state.find("w"), nullptr);
  EXPECT_EQ(state.totalElements(), 256 + 200 + 68 + 480 + 7 + 6 + 15);
  EXPECT_EQ(state.totalBytes(), 4 * 4 * (256 + 2 * 3 * 5 * 32 + 14) + 2 * 3 * 32);
}

// The rule itself: element (k, n) of a member from panel p on is at [member][p + n / 32][k][n % 32].
TEST_F(StateTest, PacksMatricesByPanels) {
  std::vector<float> values = counting(4 * 17);
  ASSERT_OK(state.write("w.short", "param", values.data(), 68));
  const float *packed = static_cast<const float *>(state.buffer(1, "param"));
  std::vector<float> expected(2 * 3 * 5 * 32, 0.0f);
  for (int k = 0; k < 4; ++k)
    for (int n = 0; n < 17; ++n)
      expected[size_t(((0 * 3 + 2 + n / 32) * 5 + k) * 32 + n % 32)] = values[size_t(k * 17 + n)];
  EXPECT_EQ(std::vector<float>(packed, packed + expected.size()), expected);
}

TEST_F(StateTest, RoundTripsEveryVariableWithoutTouchingOthers) {
  float from = 1;
  for (const Variable &variable : state.variables())
    for (const char *slot : {"param", "m"})
      if (state.hasSlot(variable, slot)) {
        ASSERT_OK(state.write(variable.name, slot, counting(variable.elements, from).data(), variable.elements));
        from += 16; // bf16 holds integers up to 256
      }
  from = 1;
  for (const Variable &variable : state.variables())
    for (const char *slot : {"param", "m"})
      if (state.hasSlot(variable, slot)) {
        auto read = state.read(variable.name, slot);
        ASSERT_OK(read);
        EXPECT_EQ(*read, counting(variable.elements, from)) << variable.name;
        from += 16;
      }
  // Nothing was written to the other slots.
  EXPECT_EQ(*state.read("w.wide", "v"), std::vector<float>(200, 0.0f));
}

TEST_F(StateTest, RoundsToNearestEvenInBf16) {
  std::vector<float> values(15, 0.0f);
  values[0] = 1.00390625f;  // half way between 1 and the next: to even, 1
  values[1] = 1.01171875f;  // half way: to even, 1.015625
  values[2] = -1.00390649f; // just above half way
  values[3] = INFINITY;
  values[4] = NAN;
  ASSERT_OK(state.write("half", "param", values.data(), 15));
  std::vector<float> read = *state.read("half", "param");
  EXPECT_EQ(read[0], 1.0f);
  EXPECT_EQ(read[1], 1.015625f);
  EXPECT_EQ(read[2], -1.0078125f);
  EXPECT_EQ(read[3], INFINITY);
  EXPECT_TRUE(std::isnan(read[4]));
  EXPECT_EQ(state.findNonFinite(), "half (param)");
}

TEST_F(StateTest, RefusesWrongNamesAndSizes) {
  float value = 0;
  EXPECT_ERROR(state.read("nope", "param"), NotFound, "the module has no variable 'nope'");
  EXPECT_ERROR(state.read("half", "m"), NotFound, "variable 'half' has no slot 'm'");
  EXPECT_ERROR(state.write("norm.a", "param", &value, 1), InvalidArgument, "has shape [7], 7 elements, got 1");
}
