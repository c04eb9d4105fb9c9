// Losses on random rows, and gradients against finite differences of them, in float64.
#ifndef MOTLEY_TOOLS_INTERP_GRADCHECK_H
#define MOTLEY_TOOLS_INTERP_GRADCHECK_H

#include "tools/interp/RandomRows.h"

namespace mlir::motley::interp {

struct GradCheckOptions {
  /// Either the derived `eval` (one result tensor<LxMxf64>) or a loss function (results tensor<Rxf32>).
  std::string lossFunction = "eval";
  /// Writes the gradients; takes fields, live, `add` and `inverse_normaliser`.
  std::string accumulateFunction = "accumulate";
  uint64_t seed = 1;
  /// Live rows; by default some fewer than all.
  std::optional<int64_t> numLive;
  /// Elements probed in each variable.
  int64_t samplesPerVariable = 12;
  /// Scalar arguments by name (motley.scalar). `step` is 1 and `seed` is that of the rows unless they are here.
  std::map<std::string, double> scalars;
  /// Distance of the probes, relative to the root mean square of the variable.
  double step = 1e-3;
};

/// The worst probe of one variable.
struct VariableCheck {
  std::string name;
  double error = 0;
  int64_t element = 0;
  double gradient = 0, difference = 0;
  /// Neither `accumulate` nor any probe touched it: nothing was checked.
  bool isUnused = false;
};

/// Runs `accumulate` on random rows and compares the gradient of each variable with a fourth-order central difference
/// of the total loss. Errors are relative to the largest of: the gradient, the root mean square of the variable's
/// gradient, and a thousandth of that of all gradients (a gradient that vanishes by symmetry has only rounding errors
/// left). Before, gradients hold NaN, so what `accumulate` doesn't write shows; and a second run with `add` must double
/// them. Choices are made at the point itself and hold for its whole neighbourhood: as the gradient takes them. No
/// operand is rounded to bf16, or the loss would be a staircase. With noise in `accumulate`, that is the loss function
/// too.
FailureOr<std::vector<VariableCheck>> checkGradients(Interpreter &interpreter, const GradCheckOptions &options);

/// The loss on random rows: the sum over losses, live rows and modalities of weight times loss, divided by the sum of
/// the weights of the rows with a target. The same number for a loss function of level 1 and the `eval` that was made
/// from it.
FailureOr<double> totalLoss(Interpreter &interpreter, const GradCheckOptions &options);

/// Adds a random number of [-amount, amount) to every parameter, so that none is special (gains of 1, biases of 0).
void jitterParameters(Interpreter &interpreter, double amount, uint64_t seed);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_GRADCHECK_H
