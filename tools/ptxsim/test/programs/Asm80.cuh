// The instructions of sm_80 that the corpus writes as inline PTX: cp.async, ldmatrix, mma.sync.
#pragma once

#include <cstdint>

#ifndef FAULT
#define FAULT 0
#endif

__device__ inline uint32_t sharedAddress(const void *pointer) { return uint32_t(__cvta_generic_to_shared(pointer)); }

/// Copies 16 bytes, of which `bytes` come from `source` and the others are zeros.
__device__ inline void copyAsync16(uint32_t destination, const void *source, int bytes = 16) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(destination),
               "l"(__cvta_generic_to_global(source)), "r"(bytes)
               : "memory");
}
__device__ inline void copyAsync4(uint32_t destination, const void *source) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(destination), "l"(__cvta_generic_to_global(source))
               : "memory");
}
__device__ inline void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Pending> __device__ inline void waitCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

__device__ inline void loadMatrix4(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ inline void loadMatrix4Transposed(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

#define DEFINE_MULTIPLY(NAME, SHAPE_AND_TYPES, ACCUMULATOR, CONSTRAINT)                                                \
  __device__ inline void NAME(ACCUMULATOR(&d)[4], const uint32_t(&a)[4], uint32_t b0, uint32_t b1) {                   \
    asm volatile("mma.sync.aligned." SHAPE_AND_TYPES                                                                   \
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                                    \
                 : "+" CONSTRAINT(d[0]), "+" CONSTRAINT(d[1]), "+" CONSTRAINT(d[2]), "+" CONSTRAINT(d[3])              \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                                      \
  }
DEFINE_MULTIPLY(multiplyBf16, "m16n8k16.row.col.f32.bf16.bf16.f32", float, "f")
DEFINE_MULTIPLY(multiplyF16, "m16n8k16.row.col.f32.f16.f16.f32", float, "f")
DEFINE_MULTIPLY(multiplyTf32, "m16n8k8.row.col.f32.tf32.tf32.f32", float, "f")
DEFINE_MULTIPLY(multiplyS8, "m16n8k32.row.col.s32.s8.s8.s32", int, "r")
