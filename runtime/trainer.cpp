#include "runtime/trainer.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

namespace motley::runtime {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Sums over rows, by modality of the target. Weights are summed in double, in row order: the same on every machine.
struct Trainer::Sums {
  Sums(const Manifest &manifest, const Dataset &dataset)
      : manifest(manifest), dataset(dataset), losses(manifest.losses.size() * manifest.modalities.size()),
        weights(manifest.modalities.size()), targets(manifest.modalities.size()) {}

  void addRows(const Microbatch &rows) {
    tokens += rows.live;
    for (int64_t row = 0; row < rows.live; ++row) {
      int32_t target = rows.target[size_t(row)];
      if (target < 0)
        continue;
      int modality = dataset.modalityOf(target);
      weights[size_t(modality)] += rows.weight[size_t(row)];
      ++targets[size_t(modality)];
    }
  }

  Status addLosses(const std::vector<Output> &outputs) {
    for (const Output &output : outputs) {
      if (output.name != "loss_sums")
        continue;
      for (size_t i = 0; i < losses.size(); ++i)
        losses[i] += output.values[i];
      return Status::ok();
    }
    return Status::error(Code::Internal, "the call returned no 'loss_sums'");
  }

  double totalWeight() const {
    double total = 0;
    for (double weight : weights)
      total += weight;
    return total;
  }

  bool isFinite() const {
    for (double loss : losses)
      if (!std::isfinite(loss))
        return false;
    return true;
  }

  // Fills what StepReport and EvalReport share.
  template <typename Report> void fill(Report &report) const {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    size_t numModalities = weights.size();
    double total = totalWeight();
    report.loss = total > 0 ? 0 : none;
    for (size_t loss = 0; loss < manifest.losses.size(); ++loss) {
      LossReport entry;
      entry.name = manifest.losses[loss];
      double sum = 0;
      for (size_t modality = 0; modality < numModalities; ++modality) {
        double value = losses[loss * numModalities + modality];
        sum += value;
        entry.byModality.push_back(weights[modality] > 0 ? value / weights[modality] : none);
      }
      entry.mean = total > 0 ? sum / total : none;
      report.loss += entry.mean;
      report.losses.push_back(entry);
    }
    report.targetsByModality = targets;
    report.tokens = tokens;
  }

  const Manifest &manifest;
  const Dataset &dataset;
  std::vector<double> losses; // [loss][modality]
  std::vector<double> weights;
  std::vector<int64_t> targets;
  int64_t tokens = 0;
};

// {"ce": {"all": 2.1, "text": 2.5, "image": 1.9}}; a modality without targets is null.
template <typename Report> static nlohmann::ordered_json lossesJson(const Report &report, const Manifest &manifest) {
  nlohmann::ordered_json losses = nlohmann::ordered_json::object();
  for (const LossReport &loss : report.losses) {
    nlohmann::ordered_json entry = {{"all", loss.mean}};
    for (size_t modality = 0; modality < loss.byModality.size(); ++modality)
      entry[manifest.modalities[modality].name] = loss.byModality[modality];
    losses[loss.name] = entry;
  }
  return losses;
}

template <typename Report> static nlohmann::ordered_json targetsJson(const Report &report, const Manifest &manifest) {
  nlohmann::ordered_json targets = nlohmann::ordered_json::object();
  for (size_t modality = 0; modality < report.targetsByModality.size(); ++modality)
    targets[manifest.modalities[modality].name] = report.targetsByModality[modality];
  return targets;
}

Schedule Trainer::schedule() const {
  return {config.schedule, config.learningRate, config.finalLearningRate, config.warmup, config.steps};
}

std::string Trainer::configText() const {
  nlohmann::ordered_json text = {{"steps", config.steps},
                                 {"schedule", scheduleKindName(config.schedule)},
                                 {"learning_rate", config.learningRate},
                                 {"final_learning_rate", config.finalLearningRate},
                                 {"warmup", config.warmup},
                                 {"microbatches", config.microbatches},
                                 {"seed", config.seed},
                                 {"dataset", dataset->name()},
                                 {"module", theSession->artifact().origin()}};
  return text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What training needs from a module; run() checks the rest at the first call.
Status Trainer::checkModule() const {
  const Manifest &manifest = theSession->manifest();
  int64_t numSums = int64_t(manifest.losses.size() * manifest.modalities.size());
  for (const char *name : {"init", "eval", "accumulate", "update"}) {
    int index = manifest.findFunction(name);
    auto unfit = [&](const std::string &what) {
      return Status::error(Code::Incompatible, theSession->artifact().origin() + ": " + what);
    };
    if (index < 0)
      return unfit(std::string("has no function '") + name + "'; compile the model for training");
    const FunctionDesc &function = manifest.functions[size_t(index)];
    std::string wanted = std::string(name) == "update" ? "gradient_norm" : "loss_sums";
    if (std::string(name) == "init")
      continue;
    bool found = false;
    for (const BufferDesc &buffer : function.buffers)
      found |= buffer.kind == BufferKind::Output && buffer.name == wanted &&
               *elementCount(buffer.shape) == (wanted == "loss_sums" ? numSums : 1);
    if (!found)
      return unfit(std::string("function '") + name + "' has no output '" + wanted + "' of the expected shape");
  }
  return Status::ok();
}

/// A resumed run goes on with the settings that it had. A run may be made longer, and its module may lie elsewhere.
static Status checkSameSettings(const std::string &path, const std::string &stored, const std::string &given) {
  auto before = nlohmann::json::parse(stored, nullptr, false), now = nlohmann::json::parse(given, nullptr, false);
  if (!before.is_object() || !now.is_object())
    return Status::error(Code::Corrupt, path + ": its settings are not a JSON object");
  std::string differences;
  for (const auto &[key, value] : now.items())
    if (key != "steps" && key != "module" && before.contains(key) && before[key] != value)
      differences +=
          (differences.empty() ? "" : ", ") + key + " " + before[key].dump() + " then and " + value.dump() + " now";
  if (differences.empty())
    return Status::ok();
  return Status::error(Code::Incompatible, path + ": is of a run with other settings: " + differences +
                                               "; resume with the same ones, or begin another run");
}

Status Trainer::resume() {
  std::string path = config.resume;
  if (path == "latest") {
    MOTLEY_ASSIGN(path, latestCheckpoint(config.directory));
  }
  if (!config.directory.empty() && std::filesystem::is_directory(config.directory))
    MOTLEY_RETURN_IF_ERROR(removePartialFiles(config.directory));
  MOTLEY_ASSIGN(CheckpointInfo info, loadCheckpoint(path, theSession->state()));
  if (info.seed != config.seed)
    return Status::error(Code::Incompatible, path + ": is of a run with seed " + std::to_string(info.seed) +
                                                 ", this run has seed " + std::to_string(config.seed));
  MOTLEY_RETURN_IF_ERROR(checkSameSettings(path, info.config, configText()));
  MOTLEY_RETURN_IF_ERROR(loader->restore(info.data).withPrefix(path));
  stepsDone = info.step;
  return Status::ok();
}

Status Trainer::start() {
  auto invalid = [](const std::string &what) { return Status::error(Code::InvalidArgument, what); };
  if (config.steps < 1)
    return invalid("number of steps is " + std::to_string(config.steps) + ", expected at least 1");
  if (config.microbatches < 1)
    return invalid("number of microbatches is " + std::to_string(config.microbatches) + ", expected at least 1");
  if (config.checkpointInterval < 0 || config.evalInterval < 0 || config.heldoutMicrobatches < 0 ||
      config.keepCheckpoints < 0)
    return invalid("intervals, held-out microbatches and kept checkpoints must be at least 0");
  if (config.resume == "latest" && config.directory.empty())
    return invalid("cannot resume the latest checkpoint: the run has no directory");
  MOTLEY_RETURN_IF_ERROR(schedule().check());
  MOTLEY_RETURN_IF_ERROR(checkModule());
  const Manifest &manifest = theSession->manifest();
  MOTLEY_RETURN_IF_ERROR(dataset->checkModalities(manifest.modalities));
  int64_t rows = manifest.functions[size_t(manifest.findFunction("accumulate"))].rows;
  MOTLEY_ASSIGN(Loader train, Loader::create(dataset, "train", {rows, config.seed, true}));
  loader = std::make_unique<Loader>(std::move(train));
  if (dataset->split("heldout")) {
    int64_t evalRows = manifest.functions[size_t(manifest.findFunction("eval"))].rows;
    MOTLEY_ASSIGN(Loader other, Loader::create(dataset, "heldout", {evalRows, 0, false}));
    heldout = std::make_unique<Loader>(std::move(other));
  }
  if (config.resume.empty()) {
    if (!config.directory.empty() && readText(joinPath(config.directory, "latest")))
      return invalid("directory '" + config.directory +
                     "' holds the checkpoints of an earlier run; resume it or choose another directory");
    Result<std::vector<Output>> done = theSession->run("init", {{"seed", int64_t(config.seed)}});
    if (!done)
      return done.status();
  } else {
    MOTLEY_RETURN_IF_ERROR(resume());
  }
  microbatches.resize(size_t(config.microbatches));
  if (config.directory.empty())
    return Status::ok();
  MOTLEY_RETURN_IF_ERROR(makeDirectories(config.directory));
  return log.open(joinPath(config.directory, "log.jsonl"), config.resume.empty() ? -1 : stepsDone);
}

Result<std::unique_ptr<Trainer>> Trainer::create(Session &session, std::shared_ptr<const Dataset> dataset,
                                                 const TrainerConfig &config) {
  return guarded([&]() -> Result<std::unique_ptr<Trainer>> {
    if (!dataset)
      return Status::error(Code::InvalidArgument, "a trainer needs a data set, got none");
    std::unique_ptr<Trainer> trainer(new Trainer);
    trainer->theSession = &session;
    trainer->dataset = std::move(dataset);
    trainer->config = config;
    MOTLEY_RETURN_IF_ERROR(trainer->start());
    return trainer;
  });
}

Status Trainer::diverged(const std::string &what) const {
  std::string kept = config.directory.empty() ? "" : "; the checkpoints of earlier steps are untouched";
  return Status::error(Code::Diverged, "step " + std::to_string(stepsDone + 1) + ": " + what + kept +
                                           "; lower the learning rate or lengthen the warm-up");
}

Result<StepReport> Trainer::takeStep() {
  Clock::time_point begin = Clock::now();
  StepReport report;
  report.step = stepsDone + 1;
  Sums sums(theSession->manifest(), *dataset);
  for (Microbatch &rows : microbatches) {
    loader->next(rows);
    sums.addRows(rows);
  }
  double weight = sums.totalWeight();
  double inverseNormaliser = weight > 0 ? 1 / weight : 0;
  for (size_t i = 0; i < microbatches.size(); ++i) {
    Scalars scalars = {{"add", int64_t(i > 0)}, {"inverse_normaliser", inverseNormaliser}};
    MOTLEY_ASSIGN(auto outputs, theSession->run("accumulate", microbatches[i], scalars));
    MOTLEY_RETURN_IF_ERROR(sums.addLosses(outputs));
    report.launches += theSession->launcher().lastLaunches();
  }
  if (!sums.isFinite())
    return diverged("the loss is not finite");
  report.learningRate = schedule().learningRate(report.step);
  MOTLEY_ASSIGN(auto outputs,
                theSession->run("update", {{"learning_rate", report.learningRate}, {"step", report.step}}));
  report.launches += theSession->launcher().lastLaunches();
  for (const Output &output : outputs)
    if (output.name == "gradient_norm")
      report.gradientNorm = output.values[0];
  if (!std::isfinite(report.gradientNorm))
    return diverged("the gradient norm is not finite");
  sums.fill(report);
  report.epoch = loader->epoch();
  report.seconds = secondsSince(begin);
  report.tokensPerSecond = double(report.tokens) / std::max(report.seconds, 1e-9);
  return report;
}

Status Trainer::logStep(const StepReport &report) {
  if (!log.isOpen())
    return Status::ok();
  const Manifest &manifest = theSession->manifest();
  nlohmann::ordered_json line = {{"step", report.step},
                                 {"loss", report.loss},
                                 {"losses", lossesJson(report, manifest)},
                                 {"targets", targetsJson(report, manifest)},
                                 {"tokens", report.tokens},
                                 {"gradient_norm", report.gradientNorm},
                                 {"learning_rate", report.learningRate},
                                 {"epoch", report.epoch},
                                 {"seconds", report.seconds},
                                 {"tokens_per_second", report.tokensPerSecond}};
  return log.append(line.dump());
}

Result<StepReport> Trainer::step() {
  if (!failure.isOk())
    return failure;
  Result<StepReport> report = guarded([&] { return takeStep(); });
  if (!report) {
    failure = report.status();
    return report;
  }
  ++stepsDone;
  MOTLEY_RETURN_IF_ERROR(guarded([&] { return logStep(*report); }));
  return report;
}

Result<EvalReport> Trainer::evaluate() {
  return guarded([&]() -> Result<EvalReport> {
    if (!heldout)
      return Status::error(Code::NotFound, "data set '" + dataset->directory() + "' has no split 'heldout'");
    Clock::time_point begin = Clock::now();
    const Manifest &manifest = theSession->manifest();
    Sums sums(manifest, *dataset);
    Microbatch rows;
    heldout->rewind();
    for (int64_t count = 0; config.heldoutMicrobatches == 0 || count < config.heldoutMicrobatches; ++count) {
      if (!heldout->nextInEpoch(rows))
        break;
      sums.addRows(rows);
      MOTLEY_ASSIGN(auto outputs, theSession->run("eval", rows, {}));
      MOTLEY_RETURN_IF_ERROR(sums.addLosses(outputs));
    }
    EvalReport report;
    report.step = stepsDone;
    sums.fill(report);
    report.seconds = secondsSince(begin);
    if (log.isOpen()) {
      nlohmann::ordered_json heldoutJson = {{"loss", report.loss},
                                            {"losses", lossesJson(report, manifest)},
                                            {"targets", targetsJson(report, manifest)},
                                            {"tokens", report.tokens},
                                            {"seconds", report.seconds}};
      nlohmann::ordered_json line = {{"step", report.step}, {"heldout", heldoutJson}};
      MOTLEY_RETURN_IF_ERROR(log.append(line.dump()));
    }
    return report;
  });
}

Result<std::string> Trainer::save() {
  return guarded([&]() -> Result<std::string> {
    if (!failure.isOk())
      return failure;
    if (config.directory.empty())
      return Status::error(Code::InvalidArgument, "cannot save a checkpoint: the run has no directory");
    CheckpointInfo info{stepsDone, config.seed, loader->state(), configText()};
    return saveCheckpoint(config.directory, theSession->state(), info, config.keepCheckpoints);
  });
}

Status Trainer::run(const std::function<bool(const StepReport &)> &onStep) {
  return guarded([&]() -> Status {
    auto isDue = [&](int64_t interval) { return isDone() || (interval > 0 && stepsDone % interval == 0); };
    while (!isDone()) {
      MOTLEY_ASSIGN(StepReport report, step());
      bool goOn = !onStep || onStep(report);
      if (heldout && isDue(config.evalInterval)) {
        Result<EvalReport> report = evaluate();
        if (!report)
          return report.status();
      }
      if (!config.directory.empty() && (isDue(config.checkpointInterval) || !goOn)) {
        Result<std::string> path = save();
        if (!path)
          return path.status();
      }
      if (!goOn)
        break;
    }
    return Status::ok();
  });
}

} // namespace motley::runtime
