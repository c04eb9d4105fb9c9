// RUN: not motleyc --from plan --emit so %s -o %t.so 2>&1 | FileCheck %s
// RUN: not ls %t.so

// Tests that an elementary function without a polynomial is refused where it stands, rather than left to the C library.

plan.kernel @power #plan.map<num_inputs = 1> [memref<64x32xf32>, memref<64x32xf32>] access [read, write] body {
^bb0(%x: f32):
  // CHECK: kernel-errors.mlir:[[#@LINE+1]]:{{.*}}error: 'math.tan' op has no polynomial on 'vector<16xf32>'; a kernel must not call the C library
  %y = math.tan %x : f32
  motley.yield %y : f32
}
