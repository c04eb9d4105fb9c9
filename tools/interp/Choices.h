// What is kept of the choices of a run: their margins, and the choices themselves, to make them again.
//
// A loss jumps where a choice changes. Its finite differences are taken with the choices frozen: recorded once, then
// replayed.
#ifndef MOTLEY_TOOLS_INTERP_CHOICES_H
#define MOTLEY_TOOLS_INTERP_CHOICES_H

#include "mlir/IR/Operation.h"
#include "tools/interp/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::motley::interp {

/// How far a choice was from another one: the difference of scores (or of a score and a threshold) that decided it.
struct ChoiceMargin {
  double value = std::numeric_limits<double>::infinity();
  Operation *op = nullptr;
  /// A row that the margin belongs to.
  int64_t row = 0;
};

class ChoiceLog {
public:
  enum class Mode { off, record, replay };

  /// Recording forgets what was recorded before.
  void start(Mode mode);
  /// Replays from the beginning: a run starts.
  void rewind() { numReplayed.clear(); }
  /// The next choice of the operation, if choices are replayed; an error if there is none.
  FailureOr<const Tensor *> replayed(Operation *op);
  void record(Operation *op, const Tensor &choice);

  void noteMargin(double value, Operation *op, int64_t row);
  const ChoiceMargin &getSmallestMargin() const { return smallest; }

private:
  Mode mode = Mode::off;
  /// Choices of each operation in the order in which it ran.
  llvm::DenseMap<Operation *, std::vector<Tensor>> choices;
  llvm::DenseMap<Operation *, size_t> numReplayed;
  ChoiceMargin smallest;
};

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_CHOICES_H
