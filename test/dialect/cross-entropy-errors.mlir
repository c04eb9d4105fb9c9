// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that the head exists.
func.func @cross_entropy_c1(%x: tensor<4x8xf32>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.cross_entropy' op head @nowhere is not a motley.variable of this module}}
  %ce, %z = motley.cross_entropy @nowhere(%x) targets %t {z_loss = 0.0 : f64} : (tensor<4x8xf32>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that the input has the rows of the head as columns.
motley.variable @head : tensor<9x100xf32> init normal 0.02
func.func @cross_entropy_c1_width(%x: tensor<4x8xf32>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.cross_entropy' op input has 8 columns, but head @head has 9 rows}}
  %ce, %z = motley.cross_entropy @head(%x) targets %t {z_loss = 0.0 : f64} : (tensor<4x8xf32>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that every row has a target.
motley.variable @head : tensor<8x100xf32> init normal 0.02
func.func @cross_entropy_c2(%x: tensor<4x8xf32>, %t: tensor<3xi32>) {
  // expected-error @below {{'motley.cross_entropy' op has 4 rows, but a target or result has 3}}
  %ce, %z = motley.cross_entropy @head(%x) targets %t {z_loss = 0.0 : f64} : (tensor<4x8xf32>, tensor<3xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that the weight of the z loss is not negative.
motley.variable @head : tensor<8x100xf32> init normal 0.02
func.func @cross_entropy_c2_z(%x: tensor<4x8xf32>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.cross_entropy' op needs a finite z_loss that is not negative, got -1.000000e+00}}
  %ce, %z = motley.cross_entropy @head(%x) targets %t {z_loss = -1.0 : f64} : (tensor<4x8xf32>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}
