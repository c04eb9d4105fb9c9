#include "runtime/trainer.h"

#include "runtime/random.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <set>

namespace motley::runtime {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Scalars that training knows by itself; the others are coefficients.
static bool isOwnScalar(const std::string &name) {
  for (const char *own : {"live", "add", "inverse_normaliser", "seed", "step", "learning_rate"})
    if (name == own)
      return true;
  return false;
}

/// Noise is keyed by the index of a token in its epoch, so each epoch has a seed of its own: a step that sees a token
/// in two epochs draws twice.
static int64_t noiseSeed(uint64_t seed, int64_t epoch) {
  constexpr uint32_t siteNoise = 0x6e6f6973; // "nois"
  PhiloxCounter word = philox4x32({uint32_t(epoch), uint32_t(epoch >> 32), 0, siteNoise}, philoxKey(seed));
  return int64_t(uint64_t(word[1]) << 32 | word[0]);
}

Schedule Trainer::schedule() const {
  return {config.schedule, config.learningRate, config.finalLearningRate, config.warmup, config.steps};
}

std::string Trainer::configText() const {
  nlohmann::ordered_json coefficients = nlohmann::ordered_json::object(), phases = nlohmann::ordered_json::array();
  for (const Coefficient &one : config.coefficients)
    coefficients[one.name] = one.points;
  for (const Phase &phase : theSession->manifest().phases)
    phases.push_back({{"until", phase.until}, {"rate", phase.rate}, {"accumulate", phase.accumulate}});
  nlohmann::ordered_json text = {{"steps", config.steps},
                                 {"schedule", scheduleKindName(config.schedule)},
                                 {"learning_rate", config.learningRate},
                                 {"final_learning_rate", config.finalLearningRate},
                                 {"warmup", config.warmup},
                                 {"microbatches", config.microbatches},
                                 {"seed", config.seed},
                                 {"coefficients", coefficients},
                                 {"balance", config.balance},
                                 {"from", config.from},
                                 {"phases", phases},
                                 {"dataset", dataset->name()},
                                 {"module", theSession->artifact().origin()}};
  if (!theSession->manifest().digest.empty())
    text["digest"] = theSession->manifest().digest;
  return text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Status Trainer::checkFunction(const std::string &name, const std::string &output, int64_t elements) const {
  const Manifest &manifest = theSession->manifest();
  auto unfit = [&](const std::string &what) {
    return Status::error(Code::Incompatible, theSession->artifact().origin() + ": " + what);
  };
  int index = manifest.findFunction(name);
  if (index < 0)
    return unfit("has no function '" + name + "'; compile the model for training");
  const FunctionDesc &function = manifest.functions[size_t(index)];
  if (output.empty())
    return Status::ok();
  for (const BufferDesc &buffer : function.buffers)
    if (buffer.kind == BufferKind::Output && buffer.name == output && *elementCount(buffer.shape) == elements)
      return Status::ok();
  return unfit("function '" + name + "' has no output '" + output + "' of the expected shape");
}

// What training needs from a module; run() checks the rest at the first call.
Status Trainer::checkModule() const {
  const Manifest &manifest = theSession->manifest();
  int64_t numSums = int64_t(manifest.losses.size() * manifest.modalities.size());
  MOTLEY_RETURN_IF_ERROR(checkFunction("init", "", 0));
  if (manifest.phases.empty())
    MOTLEY_RETURN_IF_ERROR(checkFunction("accumulate", "loss_sums", numSums));
  for (const Phase &phase : manifest.phases) {
    MOTLEY_RETURN_IF_ERROR(checkFunction(phase.eval, "loss_sums", numSums));
    MOTLEY_RETURN_IF_ERROR(checkFunction(phase.accumulate, "loss_sums", numSums));
    MOTLEY_RETURN_IF_ERROR(checkFunction(phase.update, "gradient_norm", 1));
  }
  if (manifest.phases.empty() || (manifest.phases.back().until != 0 && config.steps > manifest.phases.back().until))
    return Status::error(Code::InvalidArgument,
                         manifest.phases.empty()
                             ? theSession->artifact().origin() + ": has no phase of training; compile the model for it"
                             : "the last phase ends with step " + std::to_string(manifest.phases.back().until) +
                                   ", but the run has " + std::to_string(config.steps) + " steps");
  return checkScalars();
}

// The coefficients are those that the losses take, no more and no less.
Status Trainer::checkScalars() const {
  const Manifest &manifest = theSession->manifest();
  auto invalid = [](const std::string &what) { return Status::error(Code::InvalidArgument, what); };
  std::set<std::string> given, taken;
  for (const Coefficient &one : config.coefficients) {
    MOTLEY_RETURN_IF_ERROR(one.check());
    if (!given.insert(one.name).second)
      return invalid("coefficient '" + one.name + "' is given twice");
  }
  for (const Phase &phase : manifest.phases)
    for (const std::string &name : {phase.accumulate, phase.eval})
      for (const ScalarDesc &scalar : manifest.functions[size_t(manifest.findFunction(name))].scalars)
        if (!isOwnScalar(scalar.name))
          taken.insert(scalar.name);
  for (const std::string &name : taken)
    if (!given.count(name))
      return invalid("the model takes the coefficient '" + name + "', which is not given; say coefficients={\"" + name +
                     "\": VALUE} in 'train'");
  std::string known;
  for (const std::string &name : taken)
    known += (known.empty() ? "" : ", ") + name;
  for (const std::string &name : given)
    if (!taken.count(name))
      return invalid("unknown coefficient '" + name + "'; the model takes " + (known.empty() ? "none" : known));
  return Status::ok();
}

const Phase &Trainer::phaseOf(int64_t step) const {
  const Manifest &manifest = theSession->manifest();
  return manifest.phases[manifest.phaseOf(step)];
}

Scalars Trainer::scalarsOf(const std::string &name, int64_t step, Scalars known) const {
  const Manifest &manifest = theSession->manifest();
  const FunctionDesc &function = manifest.functions[size_t(manifest.findFunction(name))];
  Scalars scalars;
  for (const ScalarDesc &scalar : function.scalars) {
    auto own = known.find(scalar.name);
    if (own != known.end())
      scalars.insert(*own);
    for (const Coefficient &one : config.coefficients)
      if (one.name == scalar.name)
        scalars[one.name] = one.at(step);
  }
  return scalars;
}

/// A resumed run goes on with the settings that it had. A run may be made longer, its module may lie elsewhere, and
/// what it began from does not matter any more.
static Status checkSameSettings(const std::string &path, const std::string &stored, const std::string &given) {
  auto before = nlohmann::json::parse(stored, nullptr, false), now = nlohmann::json::parse(given, nullptr, false);
  if (!before.is_object() || !now.is_object())
    return Status::error(Code::Corrupt, path + ": its settings are not a JSON object");
  std::string differences;
  for (const auto &[key, value] : now.items())
    if (key != "steps" && key != "module" && key != "from" && key != "digest" && before.contains(key) &&
        before[key] != value)
      differences +=
          (differences.empty() ? "" : ", ") + key + " " + before[key].dump() + " then and " + value.dump() + " now";
  if (differences.empty()) {
    // Checkpoints of earlier versions have no digest. Settings come first, since they tell more.
    if (!before.contains("digest") || !now.contains("digest") || before["digest"] == now["digest"])
      return Status::ok();
    return Status::error(Code::Incompatible,
                         path + ": is of a run of another model or optimiser: digest " + before["digest"].dump() +
                             " then and " + now["digest"].dump() +
                             " now; resume with the model that the run was begun with, or begin another run");
  }
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

Status Trainer::begin() {
  if (!config.directory.empty() && readText(joinPath(config.directory, "latest")))
    return Status::error(Code::InvalidArgument,
                         "directory '" + config.directory +
                             "' holds the checkpoints of an earlier run; resume it or choose another directory");
  MOTLEY_RETURN_IF_ERROR(theSession->initialise(config.seed));
  if (config.from.empty())
    return Status::ok();
  for (const char *slot : {slotM, slotV})
    theSession->state().clear(slot);
  MOTLEY_ASSIGN(CheckpointInfo info, loadParameters(config.from, theSession->state()));
  nlohmann::json position = nlohmann::json::parse(info.data, nullptr, false);
  if (!position.is_object() || position.empty())
    return Status::ok(); // parameters that no run of this runtime made
  std::string difference = loader->differenceTo(info.data);
  if (difference.empty())
    return loader->restore(info.data).withPrefix(config.from);
  theNotice = "the data begins anew: the position in '" + config.from + "' is of another order: " + difference;
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
  int64_t rows = manifest.functions[size_t(manifest.findFunction(phaseOf(1).accumulate))].rows;
  MOTLEY_ASSIGN(Loader train, Loader::create(dataset, "train", {rows, config.seed, true, config.balance}));
  loader = std::make_unique<Loader>(std::move(train));
  if (dataset->split("heldout")) {
    int64_t evalRows = manifest.functions[size_t(manifest.findFunction(phaseOf(1).eval))].rows;
    MOTLEY_ASSIGN(Loader other, Loader::create(dataset, "heldout", {evalRows, 0, false, {}}));
    heldout = std::make_unique<Loader>(std::move(other));
  }
  theSession->state().clear(slotGrad);
  if (config.evalAveraged && manifest.train.ema == 0)
    return invalid("the model keeps no averages to evaluate; say ema=0.9999 in 'train'");
  MOTLEY_RETURN_IF_ERROR(config.resume.empty() ? begin() : resume());
  microbatches.resize(size_t(config.microbatches));
  epochs.resize(size_t(config.microbatches));
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
  const Manifest &manifest = theSession->manifest();
  const Phase &phase = phaseOf(report.step);
  report.phase = int64_t(manifest.phaseOf(report.step));
  if (report.step > 1 && manifest.phaseOf(report.step - 1) != manifest.phaseOf(report.step))
    theSession->state().clear(slotGrad); // of variables that no longer train: they count in the norm as zero
  StepSums sums(manifest, *dataset);
  for (size_t i = 0; i < microbatches.size(); ++i) {
    loader->next(microbatches[i]);
    epochs[i] = loader->epoch();
    sums.addRows(microbatches[i]);
  }
  double weight = sums.totalWeight();
  double inverseNormaliser = weight > 0 ? 1 / weight : 0;
  for (size_t i = 0; i < microbatches.size(); ++i) {
    Scalars scalars = scalarsOf(phase.accumulate, report.step,
                                {{"add", int64_t(i > 0)},
                                 {"inverse_normaliser", inverseNormaliser},
                                 {"seed", noiseSeed(config.seed, epochs[i])},
                                 {"step", report.step}});
    MOTLEY_ASSIGN(auto outputs, theSession->run(phase.accumulate, microbatches[i], scalars));
    MOTLEY_RETURN_IF_ERROR(sums.addOutputs(outputs));
    report.launches += theSession->launcher().lastLaunches();
  }
  if (!sums.isFinite())
    return diverged("the loss is not finite");
  report.learningRate = schedule().learningRate(report.step) * phase.rate;
  MOTLEY_ASSIGN(auto outputs,
                theSession->run(phase.update, {{"learning_rate", report.learningRate}, {"step", report.step}}));
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

Result<StepReport> Trainer::step() {
  if (!failure.isOk())
    return failure;
  Result<StepReport> report = guarded([&] { return takeStep(); });
  if (!report) {
    failure = report.status();
    return report;
  }
  ++stepsDone;
  if (log.isOpen())
    MOTLEY_RETURN_IF_ERROR(guarded([&] { return log.append(logLine(*report, theSession->manifest())); }));
  return report;
}

Result<EvalReport> Trainer::evaluate() {
  return guarded([&]() -> Result<EvalReport> {
    if (!heldout)
      return Status::error(Code::NotFound, "data set '" + dataset->directory() + "' has no split 'heldout'");
    Clock::time_point begin = Clock::now();
    const Manifest &manifest = theSession->manifest();
    StepSums sums(manifest, *dataset);
    Microbatch rows;
    const std::string &function = phaseOf(std::max<int64_t>(stepsDone, 1)).eval;
    Scalars scalars = scalarsOf(function, stepsDone, {});
    heldout->rewind();
    for (int64_t count = 0; config.heldoutMicrobatches == 0 || count < config.heldoutMicrobatches; ++count) {
      if (!heldout->nextInEpoch(rows))
        break;
      sums.addRows(rows);
      theSession->setAveraged(config.evalAveraged);
      Result<std::vector<Output>> outputs = theSession->run(function, rows, scalars);
      theSession->setAveraged(false);
      if (!outputs)
        return outputs.status();
      MOTLEY_RETURN_IF_ERROR(sums.addOutputs(*outputs));
    }
    EvalReport report;
    report.step = stepsDone;
    sums.fill(report);
    report.seconds = secondsSince(begin);
    if (log.isOpen())
      MOTLEY_RETURN_IF_ERROR(log.append(logLine(report, manifest, config.evalAveraged)));
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
