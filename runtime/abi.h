// The boundary between emitted code and the runtime: the only header that emitted code knows.
// Plain C, fixed-width types, no ownership crosses it. A change here raises MOTLEY_ABI_VERSION.
#ifndef MOTLEY_RUNTIME_ABI_H
#define MOTLEY_RUNTIME_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOTLEY_ABI_VERSION 2

// A CPU kernel works on the units [begin, end) of one launch. `args` is an array of 8-byte slots, one per operand of
// the plan.launch: a buffer's address, or a scalar (integers sign-extended, floats bit-cast into the low bytes).
// `scratch` is private to the calling thread, 64-byte aligned, of the size that the manifest names for the kernel.
typedef void (*motley_kernel)(const void *args, void *scratch, int64_t begin, int64_t end);

// What a step function may ask of the runtime. The runtime owns one context per call and the threads behind it.
typedef struct motley_context {
  uint32_t abi_version; // MOTLEY_ABI_VERSION of the runtime
  uint32_t size;        // sizeof(motley_context) of the runtime; new entries are appended
  // Runs kernel number `kernel` of the artefact over all units and returns when every unit is done. The number of units
  // is factor, or *count * factor where `count` is not null; it is loaded when the launch starts. Returns 0, or a
  // status code.
  int32_t (*launch)(struct motley_context *context, int32_t kernel, const void *args, const int32_t *count,
                    int64_t factor);
} motley_context;

// One function of the compiled module (init, eval, accumulate, update). `buffers` and `scalars` come in the order of
// the manifest. Returns 0, or the first status code that a runtime entry returned.
typedef int32_t (*motley_step)(motley_context *context, void *const *buffers, const int64_t *scalars);

// Instruction set levels, ascending. A kernel has code for each level; where a level gives it nothing, its entry is that
// of the level below. Kernels give the same bits at every level, but for products of bf16 operands: AVX512_BF16 sums
// pairs of products with roundings of its own and takes denormals for zeros.
enum { MOTLEY_LEVEL_AVX2 = 0, MOTLEY_LEVEL_AVX512 = 1, MOTLEY_LEVEL_AVX512_BF16 = 2, MOTLEY_NUM_LEVELS = 3 };

// What the shared object exports, as the one symbol `motley_artifact`.
typedef struct motley_artifact_table {
  uint32_t abi_version;
  uint32_t num_levels;
  uint32_t num_kernels;
  uint32_t num_steps;
  const char *manifest; // JSON, not terminated
  uint64_t manifest_size;
  const motley_kernel *kernels; // [num_levels][num_kernels]
  const motley_step *steps;     // [num_steps], in the order of the manifest's functions
} motley_artifact_table;

// The file ends with this trailer, after the ELF image: the loader checks the digest before it maps the file.
#define MOTLEY_TRAILER_MAGIC "MOTLEYSO"
typedef struct motley_trailer {
  uint8_t sha256[32];  // of every byte before the trailer
  uint64_t image_size; // bytes before the trailer
  char magic[8];       // MOTLEY_TRAILER_MAGIC
} motley_trailer;

#ifdef __cplusplus
}
#endif
#endif // MOTLEY_RUNTIME_ABI_H
