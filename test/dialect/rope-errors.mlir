// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a head has an even width.
func.func @rope_c1(%x: tensor<4x6xf32>, %p: tensor<4xi32>) {
  // expected-error @below {{'motley.rope' op needs heads that divide the width into even parts, got 2 heads and width 6}}
  %y = motley.rope %x at %p {heads = 2 : i64, theta = 1.0e4 : f64} : tensor<4x6xf32>, tensor<4xi32>
  return
}

// -----

// Tests that there is a head.
func.func @rope_c1_zero(%x: tensor<4x8xf32>, %p: tensor<4xi32>) {
  // expected-error @below {{'motley.rope' op needs heads that divide the width into even parts, got 0 heads and width 8}}
  %y = motley.rope %x at %p {heads = 0 : i64, theta = 1.0e4 : f64} : tensor<4x8xf32>, tensor<4xi32>
  return
}

// -----

// Tests that theta is positive.
func.func @rope_c2(%x: tensor<4x8xf32>, %p: tensor<4xi32>) {
  // expected-error @below {{'motley.rope' op needs a positive, finite theta, got -1.000000e+00}}
  %y = motley.rope %x at %p {heads = 2 : i64, theta = -1.0 : f64} : tensor<4x8xf32>, tensor<4xi32>
  return
}

// -----

// Tests that every row has a position.
func.func @rope_c2_rows(%x: tensor<4x8xf32>, %p: tensor<3xi32>) {
  // expected-error @below {{'motley.rope' op has 3 positions for 4 rows}}
  %y = motley.rope %x at %p {heads = 2 : i64, theta = 1.0e4 : f64} : tensor<4x8xf32>, tensor<3xi32>
  return
}
