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
#include "runtime/step_sums.h"

#include <functional>
#include <map>
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
  /// A checkpoint that a fresh run takes its parameters from, and its position in the data where that is of this data
  /// set, in the same order: with the same seed, rows and balance; empty: initial values. Moments, averages and steps
  /// begin anew.
  std::string from;
  std::vector<Coefficient> coefficients; ///< exactly the scalars that the losses take
  std::map<std::string, double> balance; ///< wished shares of tokens by modality; empty: as the data has them
  bool evalAveraged = false;             ///< held-out losses of the averages
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
  /// What the user should know of how the run began, one line; empty: nothing.
  const std::string &notice() const { return theNotice; }

private:
  Trainer() = default;
  Status checkModule() const;
  Status checkFunction(const std::string &name, const std::string &output, int64_t elements) const;
  Status checkScalars() const;
  Status begin();
  Status start();
  Status resume();
  Result<StepReport> takeStep();
  Status diverged(const std::string &what) const;
  const Phase &phaseOf(int64_t step) const;
  /// The scalars of a function in a step: those that training knows, and the coefficients that it takes.
  Scalars scalarsOf(const std::string &function, int64_t step, Scalars known) const;
  Schedule schedule() const;
  std::string configText() const;

  Session *theSession = nullptr;
  std::shared_ptr<const Dataset> dataset;
  TrainerConfig config;
  std::unique_ptr<Loader> loader;
  std::unique_ptr<Loader> heldout;
  std::vector<Microbatch> microbatches; // reused from step to step
  std::vector<int64_t> epochs;          // of the microbatches
  RunLog log;
  int64_t stepsDone = 0;
  std::string theNotice;
  Status failure; // sticky: the parameters are no longer those of step `stepsDone`
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_TRAINER_H
