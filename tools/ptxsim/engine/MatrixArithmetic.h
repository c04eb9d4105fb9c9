// Arithmetic on small tiles in plain arrays: what mma, wmma and wgmma have in common.
//
// Accumulation: every result starts as the accumulator element and takes the products in the order of k, each by one
// fused multiply-add in float (double for f64). The ISA leaves order and intermediate precision open ("at least single
// precision", PTX ISA 9.0, 9.7.14); products of f16, bf16, tf32 and fp8 are exact inside the multiply-add, so only the
// additions round, as on the chip. f16 accumulators are computed in float and rounded once at the end of the
// instruction. Integers and bits are exact. Without FMA hardware a product and its addition round separately, which
// differs only for bf16 and tf32 products beyond the range of float.
#pragma once

#include "ptx/Module.h"

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) && defined(__ELF__)
#define PTXSIM_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PTXSIM_VECTOR_CLONES
#endif

namespace ptxsim {

/// What the chip writes for any NaN result of a matrix product.
constexpr uint32_t kNanF32 = 0x7fffffff;
constexpr uint16_t kNanF16 = 0x7fff;
constexpr uint64_t kNanF64 = 0x7fffffffffffffff;

/// Packed elements, lowest bits first, to floats: f16, bf16, tf32 (its low 13 bits are not read), e4m3, e5m2, s8, u8,
/// s4, u4. Exact. `count` is a multiple of 8.
void widen(ptx::Type type, const void *packed, float *to, size_t count);
/// Rounds to nearest even; NaN becomes kNanF16.
void narrowToHalf(const float *from, uint16_t *to, size_t count);

/// c += a b in blocks of 8 x 8. a: rows of k floats. b: for each block of 8 columns, k rows of 8 floats. c: blocks of
/// 8 rows of 8 floats, the row blocks of the first column block first.
void multiplyBlocks(const float *a, const float *b, float *c, unsigned rowBlocks, unsigned columnBlocks, unsigned k);
/// The element c + sum of a[i] b[i] in doubles, each step fused and rounded by the thread's rounding mode.
double fusedSum(const double *a, const double *b, double c, unsigned k);
/// c += a b for 16 rows. a: 16 rows of k floats; b: k rows of `stride` floats; c: 16 rows of `stride`. The first
/// `columns` rounded up to 16 are computed, so `stride` must be at least that.
void multiplyWide(const float *a, const float *b, float *c, unsigned columns, unsigned stride, unsigned k);

// Accumulators between 64-bit slots and tiles. Four slots in a row are two pairs of neighbouring elements, the second
// pair 8 rows below the first.
/// Slots first.. of 32 lanes, to blocks of 8 x 8 as multiplyBlocks takes them.
void loadLanes(const uint64_t *const *lanes, uint32_t first, uint32_t *blocks);
/// Back; NaN becomes kNanF32 if `numbers`.
void storeLanes(uint64_t *const *lanes, uint32_t first, const uint32_t *blocks, bool numbers);
/// One thread's bank, to a row of a tile and the row `below` elements further on, every 8th element of which is the
/// thread's.
void loadBank(const uint64_t *bank, float *row, unsigned below, unsigned slots);
void storeBank(uint64_t *bank, const float *row, unsigned below, unsigned slots);
/// to[k][n] = from[n][k].
void transpose(const float *from, float *to, unsigned lines, unsigned k, unsigned stride);
/// lines[n][k] to the block form that multiplyBlocks takes for b.
void blockColumns(const float *lines, float *to, unsigned columnBlocks, unsigned k);

} // namespace ptxsim
