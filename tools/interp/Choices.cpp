// Recording and replaying choices.
#include "tools/interp/Choices.h"

namespace mlir::motley::interp {

void ChoiceLog::start(Mode newMode) {
  mode = newMode;
  numReplayed.clear();
  if (mode == Mode::record)
    choices.clear();
}

FailureOr<const Tensor *> ChoiceLog::replayed(Operation *op) {
  if (mode != Mode::replay)
    return static_cast<const Tensor *>(nullptr);
  const std::vector<Tensor> &recorded = choices[op];
  size_t next = numReplayed[op]++;
  if (next < recorded.size())
    return &recorded[next];
  return op->emitError() << "chooses for the " << next + 1 << ". time, but " << recorded.size()
                         << " choices were recorded";
}

void ChoiceLog::record(Operation *op, const Tensor &choice) {
  if (mode == Mode::record)
    choices[op].push_back(choice);
}

void ChoiceLog::noteMargin(double value, Operation *op, int64_t row) {
  if (value < smallest.value)
    smallest = {value, op, row};
}

} // namespace mlir::motley::interp
