#include "runtime/step_sums.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace motley::runtime {

static constexpr const char *chosenPrefix = "chosen.";

StepSums::StepSums(const Manifest &manifest, const Dataset &dataset)
    : manifest(manifest), dataset(dataset), losses(manifest.losses.size() * manifest.modalities.size()),
      weights(manifest.modalities.size()), targets(manifest.modalities.size()), tokens(manifest.modalities.size()) {}

void StepSums::addRows(const Microbatch &rows) {
  for (int64_t row = 0; row < rows.live; ++row) {
    ++tokens[size_t(rows.modality[size_t(row)])];
    int32_t target = rows.target[size_t(row)];
    if (target < 0)
      continue;
    int modality = dataset.modalityOf(target);
    weights[size_t(modality)] += rows.weight[size_t(row)];
    ++targets[size_t(modality)];
  }
}

Status StepSums::addOutputs(const std::vector<Output> &outputs) {
  bool found = false;
  for (const Output &output : outputs) {
    if (output.name == "loss_sums") {
      for (size_t i = 0; i < losses.size(); ++i)
        losses[i] += output.values[i];
      found = true;
    }
    if (output.name.rfind(chosenPrefix, 0) != 0 || output.shape.size() != 2)
      continue;
    std::string name = output.name.substr(std::string(chosenPrefix).size());
    auto entry = std::find_if(chosen.begin(), chosen.end(), [&](const ChoiceReport &one) { return one.name == name; });
    if (entry == chosen.end())
      entry = chosen.insert(chosen.end(),
                            {name, output.shape[0], output.shape[1], std::vector<double>(output.values.size())});
    for (size_t i = 0; i < output.values.size(); ++i)
      entry->counts[i] += output.values[i];
  }
  return found ? Status::ok() : Status::error(Code::Internal, "the call returned no 'loss_sums'");
}

double StepSums::totalWeight() const { return std::accumulate(weights.begin(), weights.end(), 0.0); }

bool StepSums::isFinite() const {
  return std::all_of(losses.begin(), losses.end(), [](double loss) { return std::isfinite(loss); });
}

template <typename Report> void StepSums::fillLosses(Report &report) const {
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
  report.tokens = std::accumulate(tokens.begin(), tokens.end(), int64_t(0));
}

void StepSums::fill(StepReport &report) const {
  fillLosses(report);
  report.tokensByModality = tokens;
  report.chosen = chosen;
}

void StepSums::fill(EvalReport &report) const { fillLosses(report); }

using Json = nlohmann::ordered_json;

// {"ce": {"all": 2.1, "text": 2.5, "image": 1.9}}; a modality without targets is null.
static Json lossesJson(const std::vector<LossReport> &reports, const Manifest &manifest) {
  Json losses = Json::object();
  for (const LossReport &loss : reports) {
    Json entry = {{"all", loss.mean}};
    for (size_t modality = 0; modality < loss.byModality.size(); ++modality)
      entry[manifest.modalities[modality].name] = loss.byModality[modality];
    losses[loss.name] = entry;
  }
  return losses;
}

static Json byModality(const std::vector<int64_t> &counts, const Manifest &manifest) {
  Json named = Json::object();
  for (size_t modality = 0; modality < counts.size(); ++modality)
    named[manifest.modalities[modality].name] = counts[modality];
  return named;
}

// {"blocks.0.ffn": {"text": [512, 480], "image": [0, 0]}}; "all" where the router knows no modalities.
static Json chosenJson(const std::vector<ChoiceReport> &chosen, const Manifest &manifest) {
  Json named = Json::object();
  for (const ChoiceReport &one : chosen) {
    Json entry = Json::object();
    for (int64_t group = 0; group < one.groups; ++group) {
      std::string key = one.groups == int64_t(manifest.modalities.size()) ? manifest.modalities[size_t(group)].name
                        : one.groups == 1                                 ? "all"
                                                                          : std::to_string(group);
      std::vector<int64_t> counts;
      for (int64_t expert = 0; expert < one.experts; ++expert)
        counts.push_back(int64_t(one.counts[size_t(group * one.experts + expert)]));
      entry[key] = counts;
    }
    named[one.name] = entry;
  }
  return named;
}

std::string logLine(const StepReport &report, const Manifest &manifest) {
  Json line = {{"step", report.step},
               {"loss", report.loss},
               {"losses", lossesJson(report.losses, manifest)},
               {"targets", byModality(report.targetsByModality, manifest)},
               {"tokens", report.tokens},
               {"tokens_by_modality", byModality(report.tokensByModality, manifest)},
               {"gradient_norm", report.gradientNorm},
               {"learning_rate", report.learningRate},
               {"epoch", report.epoch},
               {"seconds", report.seconds},
               {"tokens_per_second", report.tokensPerSecond}};
  if (manifest.phases.size() > 1)
    line["phase"] = report.phase;
  if (!report.chosen.empty())
    line["chosen"] = chosenJson(report.chosen, manifest);
  return line.dump();
}

std::string logLine(const EvalReport &report, const Manifest &manifest, bool averaged) {
  Json heldout = {{"loss", report.loss},
                  {"losses", lossesJson(report.losses, manifest)},
                  {"targets", byModality(report.targetsByModality, manifest)},
                  {"tokens", report.tokens},
                  {"seconds", report.seconds}};
  if (averaged)
    heldout["ema"] = true;
  return Json{{"step", report.step}, {"heldout", heldout}}.dump();
}

} // namespace motley::runtime
