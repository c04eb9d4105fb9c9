#include "fake_module.h"
#include "runtime/checkpoint.h"
#include "runtime/manifest.h"
#include "support.h"

#include <nlohmann/json.hpp>

using namespace motley::runtime;

namespace {

// The bigram module, whose bank of matrices keeps averages.
class AveragesTest : public testing::Test {
protected:
  void SetUp() override {
    auto document = nlohmann::json::parse(fake::manifestText());
    document["state"][1]["slots"].push_back("ema");
    auto parsed = parseManifest(document.dump(), "model.so");
    ASSERT_OK(parsed);
    manifest = parsed.take();
    state = State::create(manifest).take();
    for (const Variable &variable : state.variables())
      fill(state, variable.name, "param", 1.0f);
  }
  static void fill(State &state, const std::string &name, const std::string &slot, float value) {
    std::vector<float> values(size_t(state.find(name)->elements), value);
    ASSERT_OK(state.write(name, slot, values.data(), int64_t(values.size())));
  }
  static float first(const State &state, const std::string &name, const std::string &slot) {
    return state.read(name, slot)->front();
  }
  test::TempDir dir;
  Manifest manifest;
  State state;
};

} // namespace

TEST_F(AveragesTest, BeginAtTheParameters) {
  EXPECT_EQ(first(state, "w.wide", "ema"), 0);
  state.startAverages();
  EXPECT_EQ(first(state, "w.wide", "ema"), 1);
  EXPECT_EQ(first(state, "w.short", "ema"), 1);
  EXPECT_FALSE(state.hasSlot(*state.find("logits"), "ema"));
}

TEST_F(AveragesTest, ClearTouchesOneSlot) {
  fill(state, "w.wide", "grad", 3.0f);
  fill(state, "logits", "grad", 3.0f);
  state.clear("grad");
  EXPECT_EQ(first(state, "w.wide", "grad"), 0);
  EXPECT_EQ(first(state, "logits", "grad"), 0);
  EXPECT_EQ(first(state, "w.wide", "param"), 1);
}

TEST_F(AveragesTest, AreSavedAndLoaded) {
  fill(state, "w.wide", "ema", 0.5f);
  fill(state, "w.short", "ema", 0.25f);
  auto path = saveCheckpoint(dir.path("run"), state, {3, 1, "{}", "{}"});
  ASSERT_OK(path);
  State other = State::create(manifest).take();
  ASSERT_OK(loadCheckpoint(*path, other));
  EXPECT_EQ(first(other, "w.wide", "ema"), 0.5f);

  // Parameters alone: the averages begin there.
  State fresh = State::create(manifest).take();
  ASSERT_OK(loadParameters(*path, fresh));
  EXPECT_EQ(first(fresh, "w.wide", "param"), 1);
  EXPECT_EQ(first(fresh, "w.wide", "ema"), 1);

  // The averages as parameters, where there are any; into a module that keeps none, too.
  ASSERT_OK(loadParameters(*path, fresh, true));
  EXPECT_EQ(first(fresh, "w.wide", "param"), 0.5f);
  EXPECT_EQ(first(fresh, "w.short", "param"), 0.25f);
  EXPECT_EQ(first(fresh, "logits", "param"), 1);
  auto artifact = test::fakeArtifact();
  State plain = State::create(artifact->manifest()).take();
  ASSERT_OK(loadParameters(*path, plain, true));
  EXPECT_EQ(first(plain, "w.wide", "param"), 0.5f);
  EXPECT_ERROR(loadCheckpoint(*path, plain), Incompatible, "unexpected 'ema/w.wide'");

  auto without = saveCheckpoint(dir.path("plain"), plain, {3, 1, "{}", "{}"});
  ASSERT_OK(without);
  EXPECT_ERROR(loadParameters(*without, plain, true), NotFound, "holds no averages");
  EXPECT_ERROR(loadCheckpoint(*without, state), Incompatible, "missing 'ema/w.wide'");
}

TEST_F(AveragesTest, ParametersOfAnotherProgram) {
  auto write = [](float value) {
    return [value](void *out) {
      std::fill_n(static_cast<float *>(out), 4, value);
      return Status::ok();
    };
  };
  std::string path = dir.path("start.safetensors");
  ASSERT_OK(writeParameters(path, {{"a", "F32", {2, 2}, write(1)}, {"b", "F32", {4}, write(2)}}, {0, 7, "{}", "{}"}));
  auto info = readCheckpointInfo(path);
  ASSERT_OK(info);
  EXPECT_EQ(info->seed, 7u);
  EXPECT_EQ(info->step, 0);
  EXPECT_ERROR(loadParameters(path, state), Incompatible, "unexpected 'a'");
}
