// The formulas of single rows, which operations of level 1 and their grouped forms of level 2 have in common.
#ifndef MOTLEY_TOOLS_INTERP_ROWMATH_H
#define MOTLEY_TOOLS_INTERP_ROWMATH_H

#include "dialect/Motley.h"
#include "tools/interp/Value.h"

namespace mlir::motley::interp {

/// To bf16, nearest even, by way of f32, in which the compiled program holds the number; NaN stays as it is.
double roundToBf16(double value);
/// What level 1 rounds to where an operation doesn't say: `motley.precision` of the module.
Precision modulePrecision(Operation *op);

/// Numbers in the precision of a product; a copy only where they are rounded.
class Rounded {
public:
  Rounded(const double *values, int64_t count, Precision precision);
  Rounded(const std::vector<double> &values, Precision precision) : Rounded(values.data(), values.size(), precision) {}
  Rounded(const Rounded &) = delete;
  Rounded &operator=(const Rounded &) = delete;

  const double *data() const { return values; }
  double operator[](int64_t index) const { return values[index]; }

private:
  std::vector<double> copy;
  const double *values;
};

/// y += x W, with W [numInputs, numOutputs].
void addProduct(const double *x, const Rounded &weight, int64_t numInputs, int64_t numOutputs, double *y);
/// x += y W^T.
void addTransposedProduct(const double *y, const Rounded &weight, int64_t numInputs, int64_t numOutputs, double *x);
/// G += x^T y.
void addOuter(const double *x, const double *y, int64_t numInputs, int64_t numOutputs, std::vector<double> &gradient);

/// motley.norm on one row of `heads` heads of `width` elements.
struct NormRow {
  NormKind kind;
  int64_t heads, width;
  double epsilon;

  int64_t numStatistics() const { return kind == NormKind::rms ? heads : 2 * heads; }
  /// Writes y and the statistics of grouped_norm. `bias` may be null.
  void forward(const double *x, const double *gain, const double *bias, double *y, double *statistics) const;
  /// Writes dx and adds to the gradients of gain and bias; `dbias` may be null.
  void backward(const double *dy, const double *x, const double *statistics, const double *gain, double *dx,
                double *dgain, double *dbias) const;
};

/// The loss of one row, and the softmax of its logits.
struct LossRow {
  double crossEntropy, zLoss, logSumExp;
  std::vector<double> softmax;
};
/// motley.cross_entropy on one row with a target.
LossRow computeLoss(const double *x, const Rounded &head, int64_t numInputs, int64_t vocabulary, int64_t target,
                    double zLoss);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_ROWMATH_H
