// Elementary functions of f32 as polynomials, on scalars or vectors of any width. The same operations at every level,
// so the same bits. Coefficients are minimax fits to the functions named beside them (Lawson's iteration on Chebyshev
// nodes, each rounded to f32 before the next is fitted); "fit" is the relative error that the rounded fit leaves.
#include "codegen/cpu/KernelBuilder.h"

#include "llvm/ADT/STLExtras.h"

#include <limits>

namespace mlir::motley::codegen {

/// Horner's rule; coefficients ascend.
static Val polynomial(Val x, ArrayRef<double> coefficients) {
  Val result = x.like(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    result = fma(result, x, x.like(coefficient));
  return result;
}

/// Adding it to a float of magnitude below 2^22 leaves the nearest integer in the low bits of the representation.
/// Unlike a conversion this is defined for NaN too.
static constexpr double kRounder = 12582912.0; // 1.5 * 2^23
static constexpr int64_t kRounderBits = 0x4B400000;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr double kLn2High = 0.6931471824645996, kLn2Low = -1.9046542121259336e-09;

/// The bits of x / ln 2 + kRounder, and exp(r) for the remainder r, |r| <= ln 2 / 2.
static std::pair<Val, Val> reduceExp(Val x) {
  Val shifted = fma(x, x.like(kLog2E), x.like(kRounder));
  Val n = shifted - kRounder;
  Val r = fma(n, x.like(-kLn2High), x);
  r = fma(n, x.like(-kLn2Low), r);
  // (exp(r) - 1 - r) / r^2, fit 3.2e-9.
  Val p = polynomial(r, {0.49999994, 0.166665211, 0.0416682586, 0.00836866535, 0.00138214277});
  return {x.kernel->bitcast(shifted, x.kernel->i32()), fma(p, r * r, r) + 1.0};
}

/// 2^n for -127 < n < 128.
static Val powerOfTwo(Val n) { return n.kernel->bitcast((n + 127) << 23, n.kernel->f32()); }

Val exp(Val x) {
  Val clamped = select(x < -104.0, x.like(-104.0), select(x > 89.0, x.like(89.0), x));
  auto [bits, y] = reduceExp(clamped);
  // 2^n in two factors: n reaches from -150 to 128.
  Val n = bits - kRounderBits;
  Val half = shiftRightSigned(n, 1);
  return y * powerOfTwo(half) * powerOfTwo(n - half);
}

Val expOfNonPositive(Val x) {
  auto [bits, y] = reduceExp(select(x < -87.0, x.like(-87.0), x));
  return select(x < -87.0, x.like(0.0), y * powerOfTwo(bits - kRounderBits));
}

Val log(Val x) {
  KernelBuilder &k = *x.kernel;
  constexpr int64_t kHalfRootBits = 0x3F3504F3; // sqrt(1/2)
  Val bits = k.bitcast(x, k.i32());
  Val exponent = shiftRightSigned(bits - kHalfRootBits, 23);
  Val f = k.bitcast(bits - (exponent << 23), k.f32()) - 1.0;
  Val e = k.convert(exponent, k.f32());
  // (log(1 + f) - f + f^2 / 2) / f^3, fit 5.9e-9.
  Val p = polynomial(
      f, {0.333333313, -0.250008196, 0.200012371, -0.166234225, 0.142017111, -0.131595254, 0.127612382, -0.0763560683});
  Val square = f * f;
  Val y = fma(e, e.like(kLn2Low), square * f * p);
  y = fma(square, square.like(-0.5), y);
  Val result = fma(e, e.like(kLn2High), f + y);
  double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  result = select(x >= 0.0, result, x.like(nan));
  result = select(x == 0.0, x.like(-infinity), result);
  return select(x == infinity, x, result);
}

std::pair<Val, Val> sinCosOfTurn(Val t) {
  KernelBuilder &k = *t.kernel;
  Val shifted = fma(t, t.like(4.0), t.like(kRounder));
  Val quarter = k.bitcast(shifted, k.i32());
  Val r = fma(shifted - kRounder, t.like(-0.25), t); // exact, |r| <= 1/8
  Val square = r * r;
  // (sin(2 pi r) / r - 2 pi) / r^2, fit 1.1e-10, and (cos(2 pi r) - 1) / r^2, fit 4.8e-10.
  Val p = polynomial(square, {-41.3417015, 81.6049881, -76.6761169, 40.7944832});
  constexpr double kTurnHigh = 6.2831854820251465, kTurnLow = -1.7484555314695172e-07;
  Val sine = fma(r, r.like(kTurnHigh), r * fma(p, square, square.like(kTurnLow)));
  Val cosine = fma(polynomial(square, {-19.7392082, 64.9391708, -85.4282379, 58.7647285}), square, square.like(1.0));
  Val odd = (quarter & 1) != 0;
  auto withSign = [&](Val value, Val bit) { // bit 1 becomes the sign
    return k.bitcast(k.bitcast(value, k.i32()) ^ ((bit & 2) << 30), k.f32());
  };
  return {withSign(select(odd, cosine, sine), quarter), withSign(select(odd, sine, cosine), quarter + 1)};
}

} // namespace mlir::motley::codegen
