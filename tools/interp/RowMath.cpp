// Products, norms and losses of single rows.
#include "tools/interp/RowMath.h"

#include <cmath>

namespace mlir::motley::interp {

double roundToBf16(double value) {
  if (std::isnan(value))
    return value;
  uint32_t bits = llvm::bit_cast<uint32_t>(float(value));
  bits += 0x7fff + ((bits >> 16) & 1); // a half of the last place kept, less where that makes an odd one
  return llvm::bit_cast<float>(bits & 0xffff0000u);
}

Precision modulePrecision(Operation *op) {
  auto precision = op->getParentOfType<ModuleOp>()->getAttrOfType<PrecisionAttr>(kPrecisionAttrName);
  return precision ? precision.getValue() : Precision::f32;
}

Rounded::Rounded(const double *values, int64_t count, Precision precision) : values(values) {
  if (precision != Precision::bf16)
    return;
  copy.assign(values, values + count);
  for (double &element : copy)
    element = roundToBf16(element);
  this->values = copy.data();
}

void addProduct(const double *x, const Rounded &weight, int64_t numInputs, int64_t numOutputs, double *y) {
  for (int64_t k = 0; k < numInputs; ++k)
    for (int64_t n = 0; n < numOutputs; ++n)
      y[n] += x[k] * weight[k * numOutputs + n];
}

void addTransposedProduct(const double *y, const Rounded &weight, int64_t numInputs, int64_t numOutputs, double *x) {
  for (int64_t k = 0; k < numInputs; ++k)
    for (int64_t n = 0; n < numOutputs; ++n)
      x[k] += y[n] * weight[k * numOutputs + n];
}

void addOuter(const double *x, const double *y, int64_t numInputs, int64_t numOutputs, std::vector<double> &gradient) {
  for (int64_t k = 0; k < numInputs; ++k)
    for (int64_t n = 0; n < numOutputs; ++n)
      gradient[k * numOutputs + n] += x[k] * y[n];
}

static double mean(const double *values, int64_t count) {
  double sum = 0;
  for (int64_t j = 0; j < count; ++j)
    sum += values[j];
  return sum / count;
}

/// mean(a b).
static double meanProduct(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t j = 0; j < count; ++j)
    sum += a[j] * b[j];
  return sum / count;
}

void NormRow::forward(const double *x, const double *gain, const double *bias, double *y, double *statistics) const {
  for (int64_t h = 0; h < heads; ++h, x += width, y += width) {
    double center = kind == NormKind::rms ? 0 : mean(x, width);
    double variance = 0;
    for (int64_t j = 0; j < width; ++j)
      variance += (x[j] - center) * (x[j] - center) / width;
    double inverse = 1 / std::sqrt(variance + epsilon);
    if (kind == NormKind::layer)
      *statistics++ = center;
    *statistics++ = inverse;
    for (int64_t j = 0; j < width; ++j)
      y[j] = (x[j] - center) * inverse * gain[j] + (bias ? bias[j] : 0);
  }
}

void NormRow::backward(const double *dy, const double *x, const double *statistics, const double *gain, double *dx,
                       double *dgain, double *dbias) const {
  std::vector<double> normal(width), a(width);
  for (int64_t h = 0; h < heads; ++h, x += width, dy += width, dx += width) {
    double center = kind == NormKind::rms ? 0 : *statistics++;
    double inverse = *statistics++;
    for (int64_t j = 0; j < width; ++j) {
      normal[j] = (x[j] - center) * inverse;
      a[j] = dy[j] * gain[j];
      dgain[j] += dy[j] * normal[j];
      if (dbias)
        dbias[j] += dy[j];
    }
    double meanA = kind == NormKind::rms ? 0 : mean(a.data(), width);
    double meanAN = meanProduct(a.data(), normal.data(), width);
    for (int64_t j = 0; j < width; ++j)
      dx[j] = inverse * (a[j] - meanA - normal[j] * meanAN);
  }
}

LossRow computeLoss(const double *x, const Rounded &head, int64_t numInputs, int64_t vocabulary, int64_t target,
                    double zLoss) {
  std::vector<double> logits(vocabulary, 0.0);
  addProduct(x, head, numInputs, vocabulary, logits.data());
  double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double logit : logits)
    sum += std::exp(logit - largest);
  double logSumExp = largest + std::log(sum);
  LossRow loss{logSumExp - logits[target], zLoss * logSumExp * logSumExp, logSumExp, std::move(logits)};
  for (double &value : loss.softmax)
    value = std::exp(value - logSumExp);
  return loss;
}

} // namespace mlir::motley::interp
