// RUN: motley-opt %s --split-input-file --verify-diagnostics

// kernel_c1
// expected-error @below {{has 1 operands and 2 accesses}}
plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write, read]

// -----

// kernel_c1
// expected-error @below {{has an operand of type 'memref<?x32xf32>', expected a static memref or a scalar i1, i32, i64, f32}}
plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<?x32xf32>] access [write]

// -----

// expected-error @below {{expected read, write or read_write, got 'erase'}}
plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [erase]

// -----

// expected-error @below {{has the family "fill", which is not of the plan dialect}}
plan.kernel @fill_0 "fill" [memref<64x32xf32>] access [write]

// -----

// kernel_c2
// expected-error @below {{has a region, which its family does not take}}
plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write] body {
^bb0(%x: f32):
  motley.yield %x : f32
}

// -----

// kernel_c3
// expected-error @below {{has a region that takes 1 and yields 1 values, expected 2 and 1}}
plan.kernel @map_0 #plan.map<num_inputs = 2> [memref<64xf32>, memref<64xf32>, memref<64xf32>] access [read, read, write] body {
^bb0(%x: f32):
  motley.yield %x : f32
}

// -----

// kernel_c3
// expected-error @below {{needs a region that says what it maps}}
plan.kernel @map_0 #plan.map<num_inputs = 1> [memref<64xf32>, memref<64xf32>] access [read, write]

// -----

// kernel_c3
// expected-error @below {{has 4 operands, expected 1 inputs, bank, tiles, 0 extras and 2 results of 2 ranges}}
plan.kernel @matmul_0 #plan.matmul<forward, panels = [0, 1], map = [0], panels_per_block = 1, column_blocks = 2> [memref<64x32xf32>, memref<1x2x32x32xf32>, memref<2x3xi32>, memref<64x32xf32>] access [read, read, read, write]

// -----

// kernel_c3
// expected-error @below {{has 4 operands, expected 1 inputs, bank, tiles, 1 extras and 1 results of 1 ranges}}
plan.kernel @matmul_0 #plan.matmul<forward, panels = [0], map = [0], panels_per_block = 1, column_blocks = 1> [memref<64x32xf32>, memref<1x1x32x32xf32>, memref<2x3xi32>, memref<64x32xf32>] access [read, read, read, write] body {
^bb0(%acc: f32, %residual: f32):
  motley.yield %acc : f32
}

// -----

plan.kernel @matmul_0 #plan.matmul<forward, panels = [0], map = [0], panels_per_block = 1, column_blocks = 1> [memref<64x32xf32>, memref<1x1x32x32xf32>, memref<2x3xi32>, memref<64x32xf32>] access [read, read, read, write]
plan.step @launches {
  %x = plan.input "x" : memref<64x32xf32>
  // launch_c1
  // expected-error @below {{names @matmul_1, which is not a plan.kernel}}
  plan.launch @matmul_1 (%x) factor 1 : memref<64x32xf32>
}

// -----

// expected-note @below {{declared here}}
plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.step @launches {
  %x = plan.output "x" : memref<64x48xf32>
  // launch_c1
  // expected-error @below {{passes operands of other types than @fill_0 declares}}
  plan.launch @fill_0 (%x) factor 1 : memref<64x48xf32>
}

// -----

plan.step @fields {
  // expected-error @below {{'colour' is not a field of the rows}}
  %x = plan.field colour : memref<64xi32>
}
