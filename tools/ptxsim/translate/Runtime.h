// Functions that translated code calls for what is rare or long: findings, float operations in the rare rounding modes,
// conversions of small formats, approximations. Bit patterns come and go zero-extended in 32 or 64 bits.
#pragma once

#include "engine/Thread.h"

#include <cstdint>

namespace ptxsim::jit {

/// Rounding of floating-point results (PTX ISA 9.0, section 9.7.3; NearestAway is .rna, Stochastic is not modelled).
enum class Rounding : uint8_t { NearestEven, Zero, Down, Up, NearestAway };

/// What arithmetic() can do; part of its packed `how`.
enum class FloatOperation : uint8_t { Add, Subtract, Multiply, Fma, Divide, Root };

} // namespace ptxsim::jit

extern "C" {
// --- findings that end the launch ---
[[noreturn]] void ptxsim_stack_overflow(ptxsim::Thread *thread, const ptxsim::Site *site);
[[noreturn]] void ptxsim_local_overflow(ptxsim::Thread *thread, const ptxsim::Site *site);
[[noreturn]] void ptxsim_bad_callee(ptxsim::Thread *thread, const ptxsim::Site *site, uint64_t handle);
[[noreturn]] void ptxsim_bad_branch(ptxsim::Thread *thread, const ptxsim::Site *site, uint64_t index);
[[noreturn]] void ptxsim_undefined_function(ptxsim::Thread *thread, const ptxsim::Site *site);
void ptxsim_exit(ptxsim::Thread *thread);
void ptxsim_preempt(ptxsim::Thread *thread);
void ptxsim_invert(uint8_t *to, const uint8_t *from, uint64_t bytes); ///< to = ~from
}

namespace ptxsim::jit::runtime {

// --- arithmetic, exact in every rounding mode ---
uint32_t arithmetic32(uint32_t operation, uint32_t rounding, uint32_t a, uint32_t b, uint32_t c);
uint64_t arithmetic64(uint32_t operation, uint32_t rounding, uint64_t a, uint64_t b, uint64_t c);
uint32_t fmaHalf(uint32_t a, uint32_t b, uint32_t c);   ///< f16 patterns, to nearest even
uint32_t fmaBfloat(uint32_t a, uint32_t b, uint32_t c); ///< bf16 patterns
uint32_t multiplyBfloat(uint32_t a, uint32_t b);

/// The f16 or bf16 pattern with which tensor copies fill what lies out of bounds, on request.
constexpr uint16_t kOutOfBoundsNan = 0x7fff;

// --- formats: `format` is the ptx::Type: F16, BF16, TF32 (in the place of an f32), E4M3, E5M2, F32 ---
uint32_t encode(double value, uint32_t format, Rounding rounding, bool satFinite);
double decode(uint32_t pattern, uint32_t format);
uint32_t encodeSingle(uint32_t single, uint32_t format, uint32_t rounding, uint32_t satFinite);
uint32_t decodeSingle(uint32_t pattern, uint32_t format); ///< exact: every small format fits a float
uint32_t convertSmall(uint32_t pattern, uint32_t from, uint32_t to);
uint32_t roundDoubleTo(uint64_t value, uint32_t format, uint32_t rounding);
uint64_t integerToFloat64(uint64_t value, uint32_t isSigned, uint32_t rounding);
uint32_t integerToFloat(uint64_t value, uint32_t isSigned, uint32_t format, uint32_t rounding);

// --- approximations, computed in double precision ---
float sine(float), cosine(float), exponential2(float), logarithm2(float), hyperbolicTangent(float), inverseRoot(float);

// --- integers ---
/// prmt's selectors of four bits for the modes f4e.. (1..6), or the selector itself (0).
uint32_t permuteSelector(uint32_t selector, uint32_t mode);
uint32_t permute(uint32_t a, uint32_t b, uint32_t selector, uint32_t mode);
uint32_t findNthSet(uint32_t mask, uint32_t base, uint32_t offset);

} // namespace ptxsim::jit::runtime
