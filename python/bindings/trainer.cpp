// The trainer: settings in and reports out as dictionaries.
#include "bindings.h"

#include "runtime/trainer.h"

using namespace motley::runtime;

namespace motley::python {

static TrainerConfig configOf(const py::dict &given) {
  TrainerConfig config;
  for (auto [key, value] : given) {
    auto name = key.cast<std::string>();
    if (name == "steps")
      config.steps = value.cast<int64_t>();
    else if (name == "schedule")
      config.schedule = check(scheduleKindFromName(value.cast<std::string>()));
    else if (name == "learning_rate")
      config.learningRate = value.cast<double>();
    else if (name == "final_learning_rate")
      config.finalLearningRate = value.cast<double>();
    else if (name == "warmup")
      config.warmup = value.cast<int64_t>();
    else if (name == "microbatches")
      config.microbatches = value.cast<int64_t>();
    else if (name == "seed")
      config.seed = value.cast<uint64_t>();
    else if (name == "checkpoint_interval")
      config.checkpointInterval = value.cast<int64_t>();
    else if (name == "eval_interval")
      config.evalInterval = value.cast<int64_t>();
    else if (name == "heldout_microbatches")
      config.heldoutMicrobatches = value.cast<int64_t>();
    else if (name == "keep_checkpoints")
      config.keepCheckpoints = value.cast<int>();
    else if (name == "directory")
      config.directory = value.cast<std::string>();
    else if (name == "resume")
      config.resume = value.cast<std::string>();
    else if (name == "from")
      config.from = value.cast<std::string>();
    else if (name == "coefficients")
      for (auto &[key, points] : value.cast<std::map<std::string, std::vector<std::pair<int64_t, double>>>>())
        config.coefficients.push_back({key, points});
    else if (name == "balance")
      config.balance = value.cast<std::map<std::string, double>>();
    else if (name == "eval_ema")
      config.evalAveraged = value.cast<bool>();
    else
      throw Failure{Status::error(Code::InvalidArgument, "unknown setting '" + name + "' of the trainer")};
  }
  return config;
}

// As in log.jsonl: "all", then each modality of the target.
static py::dict lossesOf(const std::vector<LossReport> &reports, const Session &session) {
  const std::vector<Modality> &modalities = session.manifest().modalities;
  py::dict losses;
  for (const LossReport &one : reports) {
    py::dict entry;
    entry["all"] = one.mean;
    for (size_t index = 0; index < one.byModality.size() && index < modalities.size(); ++index)
      entry[modalities[index].name.c_str()] = one.byModality[index];
    losses[one.name.c_str()] = entry;
  }
  return losses;
}

static py::dict targetsOf(const std::vector<int64_t> &targets, const Session &session) {
  const std::vector<Modality> &modalities = session.manifest().modalities;
  py::dict named;
  for (size_t index = 0; index < targets.size() && index < modalities.size(); ++index)
    named[modalities[index].name.c_str()] = targets[index];
  return named;
}

// As in log.jsonl: by router, then by modality.
static py::dict chosenOf(const std::vector<ChoiceReport> &chosen, const Session &session) {
  const std::vector<Modality> &modalities = session.manifest().modalities;
  py::dict named;
  for (const ChoiceReport &one : chosen) {
    py::dict entry;
    for (int64_t group = 0; group < one.groups; ++group) {
      bool isByModality = one.groups == int64_t(modalities.size());
      std::string key = isByModality ? modalities[size_t(group)].name : one.groups == 1 ? "all" : std::to_string(group);
      entry[key.c_str()] =
          std::vector<double>(one.counts.begin() + group * one.experts, one.counts.begin() + (group + 1) * one.experts);
    }
    named[one.name.c_str()] = entry;
  }
  return named;
}

static py::dict dictOf(const StepReport &report, const Session &session) {
  return py::dict(py::arg("step") = report.step, py::arg("loss") = report.loss,
                  py::arg("losses") = lossesOf(report.losses, session),
                  py::arg("targets") = targetsOf(report.targetsByModality, session), py::arg("tokens") = report.tokens,
                  py::arg("gradient_norm") = report.gradientNorm, py::arg("learning_rate") = report.learningRate,
                  py::arg("seconds") = report.seconds, py::arg("tokens_per_second") = report.tokensPerSecond,
                  py::arg("epoch") = report.epoch, py::arg("launches") = report.launches,
                  py::arg("phase") = report.phase, py::arg("chosen") = chosenOf(report.chosen, session),
                  py::arg("tokens_by_modality") = targetsOf(report.tokensByModality, session));
}

static py::dict dictOf(const EvalReport &report, const Session &session) {
  return py::dict(py::arg("step") = report.step, py::arg("loss") = report.loss,
                  py::arg("losses") = lossesOf(report.losses, session),
                  py::arg("targets") = targetsOf(report.targetsByModality, session), py::arg("tokens") = report.tokens,
                  py::arg("seconds") = report.seconds);
}

// An exception from the callback stops the run as `false` would; it is raised again when the runtime has returned.
static void run(Trainer &trainer, const std::function<bool(py::dict)> &onStep) {
  std::optional<py::error_already_set> raised;
  Status status;
  {
    py::gil_scoped_release release;
    status = trainer.run([&](const StepReport &report) {
      py::gil_scoped_acquire acquire;
      try {
        if (PyErr_CheckSignals() != 0)
          throw py::error_already_set();
        return !onStep || onStep(dictOf(report, trainer.session()));
      } catch (py::error_already_set &error) {
        raised.emplace(error);
        return false;
      }
    });
  }
  if (raised)
    throw *raised;
  check(std::move(status));
}

void bindTrainer(py::module_ &module) {
  py::class_<Trainer>(module, "Trainer")
      .def(py::init([](Session &session, std::shared_ptr<Dataset> dataset, const py::dict &settings) {
             return check(Trainer::create(session, std::move(dataset), configOf(settings)));
           }),
           py::arg("session"), py::arg("dataset"), py::arg("settings"), py::keep_alive<1, 2>())
      .def("step",
           [](Trainer &self) {
             std::optional<StepReport> report;
             {
               py::gil_scoped_release release;
               report = check(self.step());
             }
             return dictOf(*report, self.session());
           })
      .def("evaluate",
           [](Trainer &self) {
             std::optional<EvalReport> report;
             {
               py::gil_scoped_release release;
               report = check(self.evaluate());
             }
             return dictOf(*report, self.session());
           })
      .def("save",
           [](Trainer &self) {
             py::gil_scoped_release release;
             return check(self.save());
           })
      .def("run", &run, py::arg("on_step") = std::function<bool(py::dict)>())
      .def_property_readonly("current_step", &Trainer::currentStep)
      .def_property_readonly("is_done", &Trainer::isDone)
      .def_property_readonly("has_heldout", &Trainer::hasHeldout)
      .def_property_readonly("notice", &Trainer::notice);
}

} // namespace motley::python
