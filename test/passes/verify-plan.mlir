// RUN: motley-opt %s --motley-verify-plan --split-input-file --verify-diagnostics

// Tests that a plan of which all is right passes: buffers that follow each other in one place, a map that overwrites its input.

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.kernel @map_0 #plan.map<num_inputs = 1> [memref<64x32xf32>, memref<64x32xf32>] access [read, write] body {
^bb0(%x: f32):
  motley.yield %x : f32
}
plan.step @right arena 8192 {
  %y = plan.output "y" : memref<64x32xf32>
  %a = plan.alloc at 0 : memref<64x32xf32>
  %b = plan.alloc at 0 : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
  plan.launch @map_0 (%a, %b) factor 1 : memref<64x32xf32>, memref<64x32xf32>
  plan.launch @map_0 (%b, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>
}

// -----

// expected-error @below {{is still a function; run motley-lower-to-plan first}}
func.func @function() {
  return
}

// -----

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.step @no_offset {
  // expected-error @below {{has no offset in an arena; run motley-plan-memory first}}
  %a = plan.alloc : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
}

// -----

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.step @misaligned arena 16384 {
  // expected-error @below {{lies at 32, expected a multiple of 64}}
  %a = plan.alloc at 32 : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
}

// -----

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.step @outside arena 8192 {
  // expected-error @below {{reaches to byte 8256 of an arena of 8192}}
  %a = plan.alloc at 64 : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
}

// -----

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.kernel @rope_0 #plan.rope<heads = 1, theta = 1.0e+04 : f64, inverse = false> [memref<64x32xf32>, memref<64xi32>, memref<64x32xf32>] access [read, read, write]
plan.step @overlap arena 8192 {
  %p = plan.field position : memref<64xi32>
  // A kernel that is not elementwise must not overwrite its input.
  // expected-note @below {{the other buffer}}
  %a = plan.alloc at 0 : memref<64x32xf32>
  // expected-error @below {{overlaps a buffer that is alive at the same launch}}
  %b = plan.alloc at 0 : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
  plan.launch @rope_0 (%a, %p, %b) factor 2 : memref<64x32xf32>, memref<64xi32>, memref<64x32xf32>
}

// -----

plan.kernel @map_0 #plan.map<num_inputs = 1> [memref<64x32xf32>, memref<64x32xf32>] access [read, write] body {
^bb0(%x: f32):
  motley.yield %x : f32
}
plan.step @unwritten arena 8192 {
  %y = plan.output "y" : memref<64x32xf32>
  // expected-note @below {{the buffer}}
  %a = plan.alloc at 0 : memref<64x32xf32>
  // expected-error @below {{reads a buffer that no launch before it has written}}
  plan.launch @map_0 (%a, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>
}

// -----

plan.step @no_output arena 0 {
  // expected-error @below {{is never written}}
  %y = plan.output "y" : memref<64x32xf32>
}

// -----

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.step @writes_input arena 0 {
  %x = plan.input "x" : memref<64x32xf32>
  // expected-error @below {{writes operand 0, which the caller only hands over}}
  plan.launch @fill_0 (%x) factor 1 : memref<64x32xf32>
}

// -----

motley.variable @w : tensor<32x48xf32> init normal 2.0e-02
motley.bank @bank.w [[@w]] layout panels
plan.step @state arena 0 {
  // expected-error @below {{has type 'memref<1x1x32x32xf32>', expected the bank's 'memref<1x2x32x32xf32>'}}
  %w = plan.state @bank.w param : memref<1x1x32x32xf32>
  // expected-error @below {{names @bank.v, which is not a motley.bank}}
  %v = plan.state @bank.v param : memref<1x1x32x32xf32>
}

// -----

plan.step @window arena 32768 {
  %a = plan.alloc at 0 : memref<16x32xf32>
  // expected-error @below {{sees rows of 'memref<16x32xf32>' as rows of 'memref<64x48xf32>'}}
  %w = plan.window %a begin 16 : memref<16x32xf32> to memref<64x48xf32>
  // expected-error @below {{begins at row 64 of 64}}
  %v = plan.window %a begin 64 : memref<16x32xf32> to memref<64x32xf32>
}
