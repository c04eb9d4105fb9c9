// The training loop: microbatches, accumulate, update, held-out loss, log and checkpoints. A run that was stopped and
// resumed continues bitwise.
#ifndef MOTLEY_RUNTIME_TRAINER_H
#define MOTLEY_RUNTIME_TRAINER_H

#include "runtime/checkpoint.h"
#include "runtime/data.h"
#include "runtime/run_log.h"
#include "runtime/schedule.h"
#include "runtime/session.h"
#include "runtime/status.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace motley::runtime {

struct TrainerConfig {
  int64_t steps = 1000;
  Schedule::Kind schedule = Schedule::Kind::Cosine;
  double learningRate = 3e-4;      ///< at the peak
  double finalLearningRate = 0;    ///< at the last step
  int64_t warmup = 0;              ///< steps
  int64_t microbatches = 1;        ///< per step
  uint64_t seed = 0;               ///< of the initial values and of the order of the documents
  int64_t checkpointInterval = 0;  ///< steps; 0: only at the end of run()
  int64_t evalInterval = 0;        ///< steps; 0: only at the end of run()
  int64_t heldoutMicrobatches = 0; ///< per evaluation; 0: the whole split
  int keepCheckpoints = 3;         ///< 0: all
  std::string directory;           ///< of log and checkpoints; empty: neither is written
  std::string resume; ///< empty: a fresh run; "latest": the newest in `directory`; else a checkpoint's path
};

/// Mean of one loss over the rows with a target, weighted; NaN where there were none.
struct LossReport {
  std::string name;
  double mean = 0;
  std::vector<double> byModality; ///< by the modality of the target
};

struct StepReport {
  int64_t step = 0; ///< from 1
  double loss = 0;  ///< what was minimised: the sum of all losses, mean per row
  std::vector<LossReport> losses;
  std::vector<int64_t> targetsByModality; ///< rows with a target
  int64_t tokens = 0;                     ///< live rows
  double gradientNorm = 0;                ///< before clipping
  double learningRate = 0;
  double seconds = 0;
  double tokensPerSecond = 0;
  int64_t epoch = 0;    ///< of the last microbatch
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

class Trainer {
public:
  /// Checks that module, data set and settings fit, initialises the parameters or resumes. A fresh run in a directory
  /// that holds checkpoints is refused. The session must outlive the trainer.
  static Result<std::unique_ptr<Trainer>> create(Session &session, std::shared_ptr<const Dataset> dataset,
                                                 const TrainerConfig &config);

  /// One optimiser step, logged. Does not evaluate or save. After a value that is not finite (code Diverged) every
  /// further step() and save() fails the same way, and no checkpoint is touched.
  Result<StepReport> step();
  /// Held-out losses, logged. An error when the data set has no split "heldout".
  Result<EvalReport> evaluate();
  /// Writes a checkpoint of the present step; returns its path.
  Result<std::string> save();
  /// step() until `steps` are done, with the evaluations and checkpoints of the settings. `onStep` may be empty; false
  /// from it stops the run after a checkpoint.
  Status run(const std::function<bool(const StepReport &)> &onStep = {});

  /// Steps done.
  int64_t currentStep() const { return stepsDone; }
  bool isDone() const { return stepsDone >= config.steps; }
  const TrainerConfig &settings() const { return config; }
  Session &session() { return *theSession; }
  bool hasHeldout() const { return heldout != nullptr; }

private:
  struct Sums;
  Trainer() = default;
  Status checkModule() const;
  Status start();
  Status resume();
  Result<StepReport> takeStep();
  Status diverged(const std::string &what) const;
  Status logStep(const StepReport &report);
  Schedule schedule() const;
  std::string configText() const;

  Session *theSession = nullptr;
  std::shared_ptr<const Dataset> dataset;
  TrainerConfig config;
  std::unique_ptr<Loader> loader;
  std::unique_ptr<Loader> heldout;
  std::vector<Microbatch> microbatches; // reused from step to step
  RunLog log;
  int64_t stepsDone = 0;
  Status failure; // sticky: the parameters are no longer those of step `stepsDone`
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_TRAINER_H
