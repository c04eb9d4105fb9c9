// The approximate functions of the chip, as double precision gives them after one rounding: nearer to the true value
// than the chip's, within the error bounds that the PTX ISA states (section 9.7.3). Special values follow its tables.
#include "translate/Runtime.h"

#include <cmath>

namespace ptxsim::jit::runtime {

float sine(float x) { return float(std::sin(double(x))); }
float cosine(float x) { return float(std::cos(double(x))); }
float exponential2(float x) { return float(std::exp2(double(x))); }
float logarithm2(float x) { return float(std::log2(double(x))); }
float hyperbolicTangent(float x) { return float(std::tanh(double(x))); }
float inverseRoot(float x) { return float(1 / std::sqrt(double(x))); }

} // namespace ptxsim::jit::runtime
