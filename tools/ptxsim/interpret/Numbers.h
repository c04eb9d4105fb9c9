// Floating-point formats by their definition: exact values, and rounding in every mode, slow and obvious.
#pragma once

#include "ptx/Module.h"

#include <cstdint>

namespace ptxsim::numbers {

/// Wide enough that a sum or product of two values of at most 53 bits, rounded to odd, rounds once more without error.
using Wide = __float128;

enum class Round : uint8_t { Nearest, Zero, Down, Up, NearestAway };

struct Format {
  unsigned bits, mantissa; ///< without the hidden bit
  int bias;
  bool infinity; ///< e4m3 has none: its top exponent holds numbers and one NaN
};
Format formatOf(ptx::Type type); ///< F16, BF16, TF32, F32, F64, E4M3, E5M2

Wide decode(uint64_t bits, const Format &format);
/// Nearest representable value; overflow gives infinity or, by mode or `saturateFinite`, the largest finite value. NaN:
/// canonical.
uint64_t encode(Wide value, const Format &format, Round mode, bool saturateFinite = false);
uint64_t canonicalNan(const Format &format);

bool isNan(Wide value);
bool isInfinite(Wide value);
bool signBit(Wide value);
bool isSubnormal(uint64_t bits, const Format &format);

/// a + b and a x b, rounded to odd where they are not exact: a later rounding to at most 111 bits is as if from the
/// exact result.
Wide addOdd(Wide a, Wide b);
Wide multiplyOdd(Wide a, Wide b);
Wide divideOdd(Wide a, Wide b);
Wide squareRootOdd(Wide a);

/// To an integer in the given mode; the caller clamps.
Wide roundToInteger(Wide value, Round mode);

} // namespace ptxsim::numbers
