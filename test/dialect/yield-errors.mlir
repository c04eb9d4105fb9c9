// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a yield stands in an operation that takes one.
func.func @yield_c1(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.yield' op must stand in motley.by_modality, motley.experts, motley.soft_experts, motley.select_rows, motley.grouped_matmul, motley.map or plan.kernel}}
  motley.yield %x : tensor<4x8xf32>
}

// -----

// Tests that a yield has a value.
motley.modality @text ids 0 to 10
func.func @yield_c2(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    // expected-error @below {{'motley.yield' op needs at least one value}}
    "motley.yield"() : () -> ()
  } case [@text]
  return
}

// -----

// Tests that a yield at the top of a file is an error.
%x = arith.constant 0.0 : f32
// expected-error @below {{'motley.yield' op must stand in motley.by_modality, motley.experts, motley.soft_experts, motley.select_rows, motley.grouped_matmul, motley.map or plan.kernel}}
motley.yield %x : f32
