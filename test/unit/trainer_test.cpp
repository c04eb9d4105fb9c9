#include "fake_module.h"
#include "runtime/trainer.h"
#include "support.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <sstream>

using namespace motley::runtime;
using nlohmann::json;

namespace {

class TrainerTest : public testing::Test {
protected:
  void SetUp() override {
    test::writeDataset(dir.path("set"), test::randomDocuments(80, 20, 3), test::randomDocuments(12, 20, 4));
    auto opened = Dataset::open(dir.path("set"));
    ASSERT_OK(opened);
    dataset = *opened;
    config.steps = 30;
    config.learningRate = 0.05;
    config.finalLearningRate = 0.005;
    config.warmup = 3;
    config.microbatches = 2;
    config.seed = 9;
    config.directory = dir.path("run");
    session = test::fakeSession(2);
  }
  std::unique_ptr<Trainer> make(Session &on) {
    auto trainer = Trainer::create(on, dataset, config);
    EXPECT_OK(trainer);
    return trainer.isOk() ? trainer.take() : nullptr;
  }
  std::vector<json> logLines(const std::string &run) {
    std::vector<json> lines;
    std::stringstream text(test::readFile(dir.path(run + "/log.jsonl")));
    for (std::string line; std::getline(text, line);) {
      lines.push_back(json::parse(line));
      // What time has to do with.
      for (json *at : {&lines.back(), &lines.back()["heldout"]})
        if (at->is_object()) {
          at->erase("seconds");
          at->erase("tokens_per_second");
        }
    }
    return lines;
  }
  test::TempDir dir;
  std::shared_ptr<const Dataset> dataset;
  TrainerConfig config;
  std::unique_ptr<Session> session;
};

} // namespace

TEST_F(TrainerTest, LossFallsAndIsLogged) {
  config.evalInterval = 10;
  config.checkpointInterval = 10;
  config.keepCheckpoints = 2;
  auto trainer = make(*session);
  ASSERT_TRUE(trainer);
  auto before = trainer->evaluate();
  ASSERT_OK(before);
  ASSERT_OK(trainer->run());
  auto after = trainer->evaluate();
  ASSERT_OK(after);
  EXPECT_LT(after->loss, before->loss - 0.3);
  EXPECT_TRUE(trainer->isDone());
  EXPECT_EQ(*listCheckpoints(config.directory), (std::vector<int64_t>{20, 30}));

  std::vector<json> lines = logLines("run");
  ASSERT_EQ(lines.size(), 1u + 30 + 3 + 1);
  EXPECT_EQ(lines[0]["step"], 0);
  EXPECT_TRUE(lines[0]["heldout"]["losses"]["ce"]["image"].is_number());
  EXPECT_EQ(lines[1]["step"], 1);
  EXPECT_NEAR(double(lines[1]["learning_rate"]), 0.05 / 3, 1e-12);
  EXPECT_NEAR(double(lines[1]["loss"]),
              double(lines[1]["losses"]["ce"]["all"]) + double(lines[1]["losses"]["z"]["all"]), 1e-12);
  EXPECT_EQ(lines[11]["step"], 10); // its held-out line
  EXPECT_NEAR(double(lines.back()["heldout"]["loss"]), after->loss, 1e-12);
}

// The report against a count by hand over the very rows that the loader gives.
TEST_F(TrainerTest, ReportsMeansByModality) {
  config.directory.clear();
  auto trainer = make(*session);
  auto loader = Loader::create(dataset, "train", {fake::rows, 9, true});
  ASSERT_OK(loader);
  std::vector<float> logits = *session->state().read("logits", "param");
  double sums[2] = {0, 0};
  int64_t counts[2] = {0, 0}, tokens = 0;
  Microbatch rows;
  for (int microbatch = 0; microbatch < 2; ++microbatch) {
    loader->next(rows);
    tokens += rows.live;
    for (size_t row = 0; row < size_t(rows.live); ++row) {
      if (rows.target[row] < 0)
        continue;
      const float *line = &logits[size_t(rows.token[row]) * 16];
      double sum = 0;
      for (int j = 0; j < 16; ++j)
        sum += std::exp(double(line[j]));
      sums[rows.target[row] >= 10] += std::log(sum) - line[rows.target[row]];
      ++counts[rows.target[row] >= 10];
    }
  }
  auto report = trainer->step();
  ASSERT_OK(report);
  ASSERT_GT(counts[0], 0);
  ASSERT_GT(counts[1], 0);
  EXPECT_EQ(report->targetsByModality, (std::vector<int64_t>{counts[0], counts[1]}));
  EXPECT_EQ(report->tokens, tokens);
  EXPECT_NEAR(report->losses[0].byModality[0], sums[0] / double(counts[0]), 1e-5);
  EXPECT_NEAR(report->losses[0].byModality[1], sums[1] / double(counts[1]), 1e-5);
  EXPECT_NEAR(report->losses[0].mean, (sums[0] + sums[1]) / double(counts[0] + counts[1]), 1e-5);
  EXPECT_EQ(report->launches, 2 * 3 + 2);
  EXPECT_GT(report->gradientNorm, 0);

  // The gradient is the mean over both microbatches: its norm by hand, from a second session.
  auto other = test::fakeSession(1);
  ASSERT_OK(other->run("init", {{"seed", int64_t(9)}}));
  loader->rewind();
  for (int64_t microbatch = 0; microbatch < 2; ++microbatch) {
    loader->next(rows);
    ASSERT_OK(other->run("accumulate", rows,
                         {{"add", microbatch}, {"inverse_normaliser", 1.0 / double(counts[0] + counts[1])}}));
  }
  double square = 0;
  std::vector<float> gradient = *other->state().read("logits", "grad");
  for (float value : gradient)
    square += double(value) * value;
  EXPECT_NEAR(report->gradientNorm, std::sqrt(square), 1e-6);
}

TEST_F(TrainerTest, ResumesBitwise) {
  config.evalInterval = 5;
  config.checkpointInterval = 6;
  auto whole = make(*session);
  ASSERT_OK(whole->run());

  // The same run, stopped without warning after step 16, with step 12 on disk.
  config.directory = dir.path("cut");
  auto first = test::fakeSession(1);
  {
    auto trainer = make(*first);
    ASSERT_TRUE(trainer);
    while (trainer->currentStep() < 16) {
      ASSERT_OK(trainer->step());
      if (trainer->currentStep() % 5 == 0)
        ASSERT_OK(trainer->evaluate());
      if (trainer->currentStep() == 12)
        ASSERT_OK(trainer->save());
    }
  }
  config.resume = "latest";
  auto second = test::fakeSession(3); // another number of threads, too
  auto trainer = make(*second);
  ASSERT_TRUE(trainer);
  EXPECT_EQ(trainer->currentStep(), 12);
  ASSERT_OK(trainer->run());
  for (const char *slot : {"param", "m", "v"})
    EXPECT_EQ(*second->state().read("logits", slot), *session->state().read("logits", slot));
  EXPECT_EQ(logLines("cut"), logLines("run"));
}

TEST_F(TrainerTest, SameRunTwiceIsTheSame) {
  config.directory.clear();
  auto one = make(*session);
  auto otherSession = test::fakeSession(4);
  auto other = make(*otherSession);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(one->step()->loss, other->step()->loss);
  EXPECT_EQ(*session->state().read("logits", "param"), *otherSession->state().read("logits", "param"));
}

TEST_F(TrainerTest, DivergenceStopsAndKeepsTheCheckpoint) {
  auto trainer = make(*session);
  ASSERT_OK(trainer->step());
  ASSERT_OK(trainer->save());
  std::string before = test::readFile(dir.path("run/checkpoint-1.safetensors"));
  std::vector<float> logits(256, NAN);
  ASSERT_OK(session->state().write("logits", "param", logits.data(), 256));
  EXPECT_ERROR(trainer->step(), Diverged,
               "step 2: the loss is not finite; the checkpoints of earlier steps are untouched");
  EXPECT_ERROR(trainer->step(), Diverged, "step 2: the loss is not finite");
  EXPECT_ERROR(trainer->save(), Diverged, "step 2");
  EXPECT_ERROR(trainer->run(), Diverged, "step 2");
  EXPECT_EQ(trainer->currentStep(), 1);
  EXPECT_EQ(test::readFile(dir.path("run/checkpoint-1.safetensors")), before);
  EXPECT_EQ(logLines("run").size(), 1u);
}

TEST_F(TrainerTest, CallerStopsTheRun) {
  auto trainer = make(*session);
  ASSERT_OK(trainer->run([](const StepReport &report) { return report.step < 7; }));
  EXPECT_EQ(trainer->currentStep(), 7);
  EXPECT_EQ(*latestCheckpoint(config.directory), dir.path("run/checkpoint-7.safetensors"));
}

TEST_F(TrainerTest, HeldoutIsLimitedAndRepeatable) {
  auto trainer = make(*session);
  auto all = trainer->evaluate();
  ASSERT_OK(all);
  EXPECT_EQ(all->tokens, dataset->split("heldout")->numTokens);
  EXPECT_EQ(trainer->evaluate()->loss, all->loss);
  config.directory.clear();
  config.heldoutMicrobatches = 1;
  auto one = make(*session)->evaluate();
  ASSERT_OK(one);
  EXPECT_LE(one->tokens, fake::rows);
}

TEST_F(TrainerTest, FreshRunDoesNotTouchAnEarlierOne) {
  auto trainer = make(*session);
  ASSERT_OK(trainer->step());
  ASSERT_OK(trainer->save());
  EXPECT_ERROR(Trainer::create(*session, dataset, config), InvalidArgument, "holds the checkpoints of an earlier run");
  EXPECT_EQ(logLines("run").size(), 1u);
}

TEST_F(TrainerTest, FullDiskStopsTheSaveAlone) {
  auto trainer = make(*session);
  ASSERT_OK(trainer->step());
  ASSERT_OK(trainer->save());
  ASSERT_OK(trainer->step());
  {
    test::ScopedFileLimit limit(4096);
    EXPECT_ERROR(trainer->save(), Io, "checkpoint-2.safetensors");
  }
  EXPECT_EQ(*listCheckpoints(config.directory), (std::vector<int64_t>{1}));
  EXPECT_OK(trainer->save());
}

TEST_F(TrainerTest, RefusesWhatDoesNotFit) {
  auto refuse = [&](auto change, Code code, const std::string &part) {
    TrainerConfig kept = config;
    change(config);
    auto refused = Trainer::create(*session, dataset, config);
    config = kept;
    ASSERT_FALSE(refused.isOk()) << part;
    EXPECT_EQ(refused.status().code(), code);
    EXPECT_NE(refused.status().text().find(part), std::string::npos) << refused.status().text();
  };
  refuse([](TrainerConfig &c) { c.steps = 0; }, Code::InvalidArgument, "number of steps is 0");
  refuse([](TrainerConfig &c) { c.microbatches = 0; }, Code::InvalidArgument, "number of microbatches is 0");
  refuse([](TrainerConfig &c) { c.learningRate = NAN; }, Code::InvalidArgument, "learning rate is nan");
  refuse([](TrainerConfig &c) { c.warmup = 31; }, Code::InvalidArgument, "warm-up is 31 steps");
  refuse([](TrainerConfig &c) { c.keepCheckpoints = -1; }, Code::InvalidArgument, "at least 0");
  refuse([](TrainerConfig &c) { c.resume = "latest"; }, Code::NotFound, "run/latest");
  refuse([](TrainerConfig &c) { c.resume = "latest", c.directory = ""; }, Code::InvalidArgument, "has no directory");
  EXPECT_ERROR(Trainer::create(*session, nullptr, config), InvalidArgument, "needs a data set");

  auto trainer = make(*session);
  ASSERT_OK(trainer->save());
  refuse([](TrainerConfig &c) { c.resume = "latest", c.seed = 10; }, Code::Incompatible,
         "is of a run with seed 9, this run has seed 10");
}

// A fresh run goes on in the data where the order is the checkpoint's; else it begins the data anew, and says so.
TEST_F(TrainerTest, TakesThePositionOverWhereTheOrderIsTheSame) {
  auto targetsOfStep = [](Trainer &trainer) {
    auto report = trainer.step();
    EXPECT_OK(report);
    return report.isOk() ? report->targetsByModality : std::vector<int64_t>();
  };
  auto trainer = make(*session);
  targetsOfStep(*trainer);
  ASSERT_OK(trainer->save());
  std::string from = *latestCheckpoint(config.directory);
  std::vector<float> before = *session->state().read("logits", "param");
  std::vector<int64_t> next = targetsOfStep(*trainer);
  config.directory.clear();
  auto begin = [&](const std::string &notice) {
    auto other = test::fakeSession(1);
    config.from = from;
    auto fresh = make(*other);
    ASSERT_TRUE(fresh) << notice;
    EXPECT_EQ(*other->state().read("logits", "param"), before);
    EXPECT_EQ(fresh->notice().empty(), notice.empty()) << fresh->notice();
    EXPECT_NE(fresh->notice().find(notice), std::string::npos) << fresh->notice();
    std::vector<int64_t> found = targetsOfStep(*fresh);
    config.from.clear();
    EXPECT_EQ(found, notice.empty() ? next : targetsOfStep(*make(*other)));
  };
  begin("");
  config.seed = 10;
  begin("the data begins anew: the position in '" + from + "' is of another order: seed 9 there and 10 here");
  config.seed = 9;
  config.balance = {{"text", 4}, {"image", 1}};
  begin("is of another order: balance none there and {\"image\":1.0,\"text\":4.0} here");
}

TEST_F(TrainerTest, RefusesAnotherDataset) {
  auto trainer = make(*session);
  ASSERT_OK(trainer->save());
  test::writeDataset(dir.path("other"), test::randomDocuments(81, 20, 3), {{1, 9}});
  dataset = *Dataset::open(dir.path("other"));
  config.resume = "latest";
  EXPECT_ERROR(Trainer::create(*session, dataset, config), Incompatible, "key 'dataset' is");
}

namespace {

// The module with another manifest.
class ChangedModule {
public:
  explicit ChangedModule(const json &manifest) : text(manifest.dump()), table(*fake::table()) {
    table.manifest = text.data();
    table.manifest_size = text.size();
    auto artifact = Artifact::fromTable(&table);
    EXPECT_OK(artifact);
    session = Session::create(*artifact, 1).take();
  }
  std::unique_ptr<Session> session;

private:
  std::string text;
  motley_artifact_table table;
};

json changedManifest(const std::string &digest) {
  json manifest = json::parse(fake::manifestText());
  manifest["digest"] = digest;
  return manifest;
}

} // namespace

TEST_F(TrainerTest, RefusesAModuleWithoutTraining) {
  json manifest = json::parse(fake::manifestText());
  manifest["functions"][3]["name"] = "prefill";
  ChangedModule other(manifest);
  EXPECT_ERROR(Trainer::create(*other.session, dataset, config), Incompatible, "has no function 'update'");
}

TEST_F(TrainerTest, ResumesTheSameModelAlone) {
  ChangedModule one(changedManifest("aa")), other(changedManifest("bb"));
  ASSERT_OK(make(*one.session)->save());
  config.resume = "latest";
  EXPECT_OK(Trainer::create(*one.session, dataset, config));
  EXPECT_ERROR(Trainer::create(*other.session, dataset, config), Incompatible,
               "is of a run of another model or optimiser: digest \"aa\" then and \"bb\" now; resume with");
  config.directory = dir.path("older"); // a run of a version that wrote no digest
  config.resume = "";
  ASSERT_OK(make(*session)->save());
  config.resume = "latest";
  EXPECT_OK(Trainer::create(*other.session, dataset, config));
}
