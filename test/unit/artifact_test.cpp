#include "fake_module.h"
#include "runtime/artifact.h"
#include "runtime/digest.h"
#include "support.h"

#include <cstring>

using namespace motley::runtime;

static std::string trailerOf(const std::string &image) {
  motley_trailer trailer;
  Sha256Digest digest = sha256(image.data(), int64_t(image.size()));
  std::memcpy(trailer.sha256, digest.data(), digest.size());
  trailer.image_size = image.size();
  std::memcpy(trailer.magic, MOTLEY_TRAILER_MAGIC, sizeof(trailer.magic));
  return std::string(reinterpret_cast<const char *>(&trailer), sizeof(trailer));
}

class ArtifactFile : public testing::Test {
protected:
  void SetUp() override {
    image = test::readFile(MOTLEY_FAKE_MODULE_PATH);
    ASSERT_GT(image.size(), 1000u);
    whole = image + trailerOf(image);
  }
  Result<std::shared_ptr<const Artifact>> load(const std::string &bytes) {
    test::writeFile(dir.path("model.so"), bytes);
    return Artifact::load(dir.path("model.so"));
  }
  test::TempDir dir;
  std::string image, whole;
};

TEST_F(ArtifactFile, LoadsAndRuns) {
  auto artifact = load(whole);
  ASSERT_OK(artifact);
  EXPECT_EQ((*artifact)->origin(), dir.path("model.so"));
  EXPECT_EQ((*artifact)->manifest().functions.size(), 4u);
  auto session = Session::create(*artifact, 1);
  ASSERT_OK(session);
  EXPECT_OK((*session)->run("init", {{"seed", int64_t(3)}}));
}

TEST_F(ArtifactFile, TwoFilesUnderOneName) {
  auto first = load(whole);
  ASSERT_OK(first);
  std::remove(dir.path("model.so").c_str());
  // The same program with another manifest: the modality is renamed in place.
  std::string changed = image;
  size_t at = changed.find("\"image\"");
  ASSERT_NE(at, std::string::npos);
  changed.replace(at, 7, "\"speak\"");
  auto second = load(changed + trailerOf(changed));
  ASSERT_OK(second);
  EXPECT_EQ((*first)->manifest().modalities[1].name, "image");
  EXPECT_EQ((*second)->manifest().modalities[1].name, "speak");
}

TEST_F(ArtifactFile, MissingAndForeignFiles) {
  EXPECT_ERROR(Artifact::load(dir.path("none.so")), NotFound, "none.so': no such file or directory");
  EXPECT_ERROR(Artifact::load(dir.path()), InvalidArgument, dir.path() + "': it is not a regular file");
  EXPECT_ERROR(load(""), Corrupt, "has 0 bytes, too few");
  EXPECT_ERROR(load(image), Corrupt, "no trailer at byte");
  std::string text = "just text that is longer than a trailer, but no artefact";
  EXPECT_ERROR(load(text), Corrupt, "no trailer at byte");
  EXPECT_ERROR(load(text + trailerOf(text)), Corrupt, "model.so: cannot be loaded");
}

TEST_F(ArtifactFile, TruncatedAnywhere) {
  for (size_t bytes = whole.size() - 1; bytes > whole.size() - 200; bytes -= 13)
    EXPECT_ERROR(load(whole.substr(0, bytes)), Corrupt, "model.so: ");
  EXPECT_ERROR(load(whole.substr(0, whole.size() / 2)), Corrupt, "no trailer at byte");
  // A hole in the middle, the trailer in place.
  EXPECT_ERROR(load(whole.substr(0, 500) + whole.substr(600)), Corrupt, "bytes before the trailer, which says");
}

TEST_F(ArtifactFile, FlippedBits) {
  for (size_t at = 0; at < whole.size(); at += whole.size() / 23) {
    std::string flipped = whole;
    flipped[at] = char(flipped[at] ^ 4);
    EXPECT_ERROR(load(flipped), Corrupt, "model.so: ");
  }
  // Every byte of the trailer counts.
  for (size_t at = whole.size() - sizeof(motley_trailer); at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = char(flipped[at] ^ 1);
    EXPECT_ERROR(load(flipped), Corrupt, "model.so: ");
  }
}

class ArtifactTable : public testing::Test {
protected:
  motley_artifact_table table = *fake::table();
};

TEST_F(ArtifactTable, OtherAbi) {
  table.abi_version = 7;
  EXPECT_ERROR(Artifact::fromTable(&table), Incompatible, "has ABI version 7, this runtime has 2");
}

TEST_F(ArtifactTable, CountsMustAgreeWithTheManifest) {
  --table.num_kernels;
  EXPECT_ERROR(Artifact::fromTable(&table, nullptr, "tiny"), Corrupt, "tiny: has 5 kernels, its manifest 6");
  ++table.num_kernels;
  ++table.num_steps;
  EXPECT_ERROR(Artifact::fromTable(&table), Corrupt, "has 5 functions, its manifest 4");
}

TEST_F(ArtifactTable, MissingPieces) {
  EXPECT_ERROR(Artifact::fromTable(nullptr), InvalidArgument, "there is no table");
  table.kernels = nullptr;
  EXPECT_ERROR(Artifact::fromTable(&table), Corrupt, "kernel 'row_loss' has no code");
  table = *fake::table();
  std::vector<motley_step> steps(table.steps, table.steps + 4);
  steps[2] = nullptr;
  table.steps = steps.data();
  EXPECT_ERROR(Artifact::fromTable(&table), Corrupt, "function 'accumulate' has no code");
  table = *fake::table();
  table.manifest = nullptr;
  EXPECT_ERROR(Artifact::fromTable(&table), Corrupt, "has no manifest");
  table = *fake::table();
  table.num_levels = 4;
  EXPECT_ERROR(Artifact::fromTable(&table), Corrupt, "has 4 instruction set levels");
  table.num_levels = 0;
  EXPECT_ERROR(Artifact::fromTable(&table), Corrupt, "has 0 instruction set levels");
}

static int levelThatRan;
static void atAvx2(const void *, void *, int64_t, int64_t) { levelThatRan = 0; }
static void atAvx512(const void *, void *, int64_t, int64_t) { levelThatRan = 1; }
static void atAvx512Bf16(const void *, void *, int64_t, int64_t) { levelThatRan = 2; }

TEST_F(ArtifactTable, LevelSwitchPicksTheKernels) {
  std::vector<motley_kernel> kernels(6, atAvx2);
  kernels.resize(12, atAvx512);
  kernels.resize(18, atAvx512Bf16);
  table.kernels = kernels.data();
  auto widest = Artifact::fromTable(&table);
  ASSERT_OK(widest);
  {
    test::ScopedEnv set("MOTLEY_LEVEL", "avx2");
    auto artifact = Artifact::fromTable(&table);
    ASSERT_OK(artifact);
    EXPECT_STREQ((*artifact)->levelName(), "avx2");
    auto session = Session::create(*artifact, 1);
    levelThatRan = -1;
    EXPECT_OK((*session)->run("init", {{"seed", int64_t(1)}}));
    EXPECT_EQ(levelThatRan, 0);
  }
  test::ScopedEnv set("MOTLEY_LEVEL", "avx512");
  auto artifact = Artifact::fromTable(&table);
  if ((*widest)->level() >= MOTLEY_LEVEL_AVX512) {
    ASSERT_OK(artifact);
    EXPECT_STREQ((*artifact)->levelName(), "avx512");
    (*artifact)->kernel(3)(nullptr, nullptr, 0, 0);
    EXPECT_EQ(levelThatRan, 1);
    table.num_levels = 1;
    EXPECT_ERROR(Artifact::fromTable(&table, nullptr, "tiny"), Unsupported, "tiny has no kernels for it");
  } else {
    EXPECT_ERROR(artifact, Unsupported, "this processor reaches only 'avx2'");
  }
  {
    table.num_levels = 3;
    test::ScopedEnv highest("MOTLEY_LEVEL", "avx512_bf16");
    if ((*widest)->level() == MOTLEY_LEVEL_AVX512_BF16) {
      auto artifact = Artifact::fromTable(&table);
      ASSERT_OK(artifact);
      EXPECT_STREQ((*artifact)->levelName(), "avx512_bf16");
      (*artifact)->kernel(3)(nullptr, nullptr, 0, 0);
      EXPECT_EQ(levelThatRan, 2);
      table.num_levels = 2;
      EXPECT_ERROR(Artifact::fromTable(&table, nullptr, "tiny"), Unsupported, "tiny has no kernels for it");
    } else {
      EXPECT_ERROR(Artifact::fromTable(&table), Unsupported, "this processor reaches only 'avx");
    }
  }
  test::ScopedEnv wrong("MOTLEY_LEVEL", "sse4");
  EXPECT_ERROR(Artifact::fromTable(&table), InvalidArgument, "MOTLEY_LEVEL is 'sse4', expected avx2|avx512|avx512_bf16");
}

TEST_F(ArtifactTable, OwnerLivesAsLongAsTheArtefact) {
  auto owner = std::make_shared<int>(1);
  std::weak_ptr<int> watch = owner;
  auto artifact = Artifact::fromTable(&table, std::move(owner));
  ASSERT_OK(artifact);
  EXPECT_FALSE(watch.expired());
  artifact = Artifact::fromTable(&table);
  EXPECT_TRUE(watch.expired());
}
