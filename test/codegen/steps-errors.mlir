// RUN: not motleyc --from plan --emit kernel %s 2>&1 | FileCheck %s

// Tests that a buffer without an offset is refused.

plan.kernel @fill #plan.fill<1.000000e+00 : f32> [memref<64x32xf32>] access [write]
plan.step @first {
  // CHECK: steps-errors.mlir:[[#@LINE+1]]:{{.*}}error: 'plan.alloc' op has no offset; run plan-memory before code generation
  %x = plan.alloc : memref<64x32xf32>
  plan.launch @fill (%x) factor 1 : memref<64x32xf32>
}
