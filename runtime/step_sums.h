// What is summed over the microbatches of a step or an evaluation, and how it is reported and logged.
#ifndef MOTLEY_RUNTIME_STEP_SUMS_H
#define MOTLEY_RUNTIME_STEP_SUMS_H

#include "runtime/data.h"
#include "runtime/session.h"
#include "runtime/status.h"

#include <string>
#include <vector>

namespace motley::runtime {

/// Mean of one loss over the rows with a target, weighted; NaN where there were none.
struct LossReport {
  std::string name;
  double mean = 0;
  std::vector<double> byModality; ///< by the modality of the target
};

/// How many rows of each group chose each expert of one router: an output "chosen.NAME" of the step.
struct ChoiceReport {
  std::string name;
  int64_t groups = 0; ///< as many as there are modalities where the router goes by modality
  int64_t experts = 0;
  std::vector<double> counts; ///< [group][expert]
};

struct StepReport {
  int64_t step = 0; ///< from 1
  double loss = 0;  ///< what was minimised: the sum of all losses, mean per row
  std::vector<LossReport> losses;
  std::vector<int64_t> targetsByModality; ///< rows with a target
  std::vector<int64_t> tokensByModality;  ///< live rows
  std::vector<ChoiceReport> chosen;
  int64_t tokens = 0;      ///< live rows
  double gradientNorm = 0; ///< before clipping
  double learningRate = 0;
  double seconds = 0;
  double tokensPerSecond = 0;
  int64_t epoch = 0;    ///< of the last microbatch
  int64_t phase = 0;    ///< index
  int64_t launches = 0; ///< of all kernels
};

struct EvalReport {
  int64_t step = 0; ///< steps done when it was taken
  double loss = 0;
  std::vector<LossReport> losses;
  std::vector<int64_t> targetsByModality;
  int64_t tokens = 0;
  double seconds = 0;
};

/// Sums over rows, by modality of the target. Weights are summed in double, in row order: the same on every machine.
class StepSums {
public:
  StepSums(const Manifest &manifest, const Dataset &dataset);

  void addRows(const Microbatch &rows);
  /// Takes "loss_sums" and every "chosen.NAME".
  Status addOutputs(const std::vector<Output> &outputs);
  double totalWeight() const;
  bool isFinite() const;
  void fill(StepReport &report) const;
  void fill(EvalReport &report) const;

private:
  template <typename Report> void fillLosses(Report &report) const;

  const Manifest &manifest;
  const Dataset &dataset;
  std::vector<double> losses; // [loss][modality]
  std::vector<double> weights;
  std::vector<int64_t> targets;
  std::vector<int64_t> tokens; // by modality of the row
  std::vector<ChoiceReport> chosen;
};

/// The line of the run log for a step.
std::string logLine(const StepReport &report, const Manifest &manifest);
/// The line of the run log for an evaluation.
std::string logLine(const EvalReport &report, const Manifest &manifest, bool averaged);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_STEP_SUMS_H
