#include "fake_module.h"
#include "runtime/checkpoint.h"
#include "runtime/safetensors.h"
#include "support.h"

#include <nlohmann/json.hpp>

#include <cstring>

using namespace motley::runtime;

class Checkpoint : public testing::Test {
protected:
  void SetUp() override {
    artifact = test::fakeArtifact();
    state = fresh();
    float value = 0.5f;
    for (const Variable &variable : state.variables())
      for (const char *slot : {"param", "m", "v"}) {
        if (!state.hasSlot(variable, slot))
          continue;
        std::vector<float> values(size_t(variable.elements));
        for (float &element : values)
          element = value = value < 60 ? value + 0.25f : 0.5f;
        ASSERT_OK(state.write(variable.name, slot, values.data(), variable.elements));
      }
  }
  State fresh() { return State::create(artifact->manifest()).take(); }
  Result<std::string> save(int64_t step, int keep = 0) {
    return saveCheckpoint(dir.path(), state, {step, 18446744073709551615u, "{\"epoch\":1}", "{}"}, keep);
  }
  static void expectSame(const State &a, const State &b) {
    for (const Variable &variable : a.variables())
      for (const char *slot : {"param", "m", "v"})
        if (a.hasSlot(variable, slot))
          EXPECT_EQ(*a.read(variable.name, slot), *b.read(variable.name, slot)) << variable.name << " " << slot;
  }
  test::TempDir dir;
  std::shared_ptr<const Artifact> artifact;
  State state;
};

TEST_F(Checkpoint, RoundTrip) {
  auto path = save(12);
  ASSERT_OK(path);
  EXPECT_EQ(*path, dir.path("checkpoint-12.safetensors"));
  EXPECT_EQ(*latestCheckpoint(dir.path()), *path);
  State other = fresh();
  auto info = loadCheckpoint(*path, other);
  ASSERT_OK(info);
  EXPECT_EQ(info->step, 12);
  EXPECT_EQ(info->seed, 18446744073709551615u);
  EXPECT_EQ(info->data, "{\"epoch\":1}");
  expectSame(state, other);
}

TEST_F(Checkpoint, StoresRowMajorUnderOwnNames) {
  ASSERT_OK(save(1));
  auto file = SafetensorsFile::open(dir.path("checkpoint-1.safetensors"));
  ASSERT_OK(file);
  const TensorView *tensor = (*file)->find("w.short");
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->shape, (Shape{4, 17}));
  std::vector<float> expected = *state.read("w.short", "param");
  EXPECT_EQ(std::memcmp(tensor->data, expected.data(), expected.size() * 4), 0);
  EXPECT_TRUE((*file)->find("adam.m/w.short"));
  EXPECT_TRUE((*file)->find("adam.v/norm.b"));
  EXPECT_FALSE((*file)->find("adam.m/half")); // has no moments
}

TEST_F(Checkpoint, ParametersAlone) {
  ASSERT_OK(save(1));
  State other = fresh();
  ASSERT_OK(loadParameters(dir.path("checkpoint-1.safetensors"), other));
  EXPECT_EQ(*other.read("w.full", "param"), *state.read("w.full", "param"));
  EXPECT_EQ(*other.read("w.full", "m"), std::vector<float>(480, 0.0f));
}

// Whatever byte is damaged (of a sample), the file is refused and the state stays as it was.
TEST_F(Checkpoint, FlippedBytesAreNoticed) {
  ASSERT_OK(save(1));
  std::string whole = test::readFile(dir.path("checkpoint-1.safetensors"));
  State other = fresh();
  State zeros = fresh();
  uint64_t headerBytes;
  std::memcpy(&headerBytes, whole.data(), 8);
  int accepted = 0;
  for (size_t at = 0; at < whole.size(); at += at < headerBytes + 8 ? 5 : 97) {
    std::string damaged = whole;
    damaged[at] = char(damaged[at] ^ 1);
    test::writeFile(dir.path("damaged"), damaged);
    if (!loadCheckpoint(dir.path("damaged"), other).isOk())
      continue;
    ++accepted;
    ADD_FAILURE() << "byte " << at << " of " << whole.size() << ": " << whole.substr(at < 20 ? 0 : at - 20, 40);
    if (accepted > 3)
      return;
  }
  expectSame(other, zeros);
  std::string damaged = whole;
  damaged[damaged.size() - 5] = char(damaged[damaged.size() - 5] ^ 64);
  test::writeFile(dir.path("damaged"), damaged);
  EXPECT_ERROR(loadCheckpoint(dir.path("damaged"), other), Corrupt, "the SHA-256 of its tensors is");
  EXPECT_ERROR(loadCheckpoint(dir.path("none"), other), NotFound, "none");
}

TEST_F(Checkpoint, NamesEveryMisfit) {
  ASSERT_OK(save(1));
  nlohmann::json manifest = nlohmann::json::parse(fake::manifestText());
  manifest["state"][1]["members"][1]["shape"] = {4, 18};
  manifest["state"][2]["members"][1]["variable"] = "norm.c";
  auto other = parseManifest(manifest.dump(), "other.so");
  ASSERT_OK(other);
  State target = State::create(*other).take();
  auto refused = loadCheckpoint(dir.path("checkpoint-1.safetensors"), target);
  EXPECT_ERROR(refused, Incompatible, "'w.short' has shape [4, 17], expected [4, 18]");
  EXPECT_ERROR(refused, Incompatible, "'adam.v/w.short' has shape [4, 17]");
  EXPECT_ERROR(refused, Incompatible, "missing 'norm.c'");
  EXPECT_ERROR(refused, Incompatible, "missing 'adam.m/norm.c'");
  EXPECT_ERROR(refused, Incompatible, "unexpected 'norm.b'");
  EXPECT_ERROR(refused, Incompatible, "unexpected 'adam.v/norm.b'");
}

TEST_F(Checkpoint, OtherSafetensorsAreRefused) {
  ASSERT_OK(writeSafetensors(dir.path("plain"), {}, {{"format", "pt"}}));
  EXPECT_ERROR(loadCheckpoint(dir.path("plain"), state), Corrupt, "is not a checkpoint: its metadata has no 'motley'");
  ASSERT_OK(writeSafetensors(dir.path("newer"), {}, {{"motley", "2"}}));
  EXPECT_ERROR(loadCheckpoint(dir.path("newer"), state), Incompatible, "version '2'");
}

TEST_F(Checkpoint, KeepsTheLastOnes) {
  for (int64_t step : {2, 4, 6, 8, 10})
    ASSERT_OK(save(step, 2));
  EXPECT_EQ(*listCheckpoints(dir.path()), (std::vector<int64_t>{8, 10}));
  // Going on from step 8 never deletes what it goes on from, and leaves later steps alone.
  ASSERT_OK(save(9, 2));
  EXPECT_EQ(*listCheckpoints(dir.path()), (std::vector<int64_t>{8, 9, 10}));
  EXPECT_EQ(*latestCheckpoint(dir.path()), dir.path("checkpoint-9.safetensors"));
}

TEST_F(Checkpoint, FullDiskLeavesTheOldOnes) {
  ASSERT_OK(save(1, 1));
  std::string before = test::readFile(dir.path("checkpoint-1.safetensors"));
  {
    test::ScopedFileLimit limit(int64_t(before.size()) / 2);
    EXPECT_ERROR(save(2, 1), Io, "checkpoint-2.safetensors");
  }
  EXPECT_EQ(test::listDirectory(dir.path()), (std::vector<std::string>{"checkpoint-1.safetensors", "latest"}));
  EXPECT_EQ(test::readFile(dir.path("checkpoint-1.safetensors")), before);
  State other = fresh();
  EXPECT_OK(loadCheckpoint(*latestCheckpoint(dir.path()), other));
}

TEST_F(Checkpoint, LatestIsChecked) {
  EXPECT_ERROR(latestCheckpoint(dir.path()), NotFound, "latest");
  test::writeFile(dir.path("latest"), "../elsewhere\n");
  EXPECT_ERROR(latestCheckpoint(dir.path()), Corrupt, "names '../elsewhere'");
  EXPECT_ERROR(listCheckpoints(dir.path("none")), NotFound, "none");
}
