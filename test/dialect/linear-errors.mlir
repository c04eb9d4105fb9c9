// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that the weight exists.
func.func @linear_c1(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.linear' op weight @nowhere is not a motley.variable of this module}}
  %y = motley.linear @nowhere(%x) : (tensor<4x8xf32>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that a weight has rank 2.
// expected-note @below {{declared here}}
motley.variable @w : tensor<8xf32> init normal 0.02
func.func @linear_c1_rank(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.linear' op weight @w has type 'tensor<8xf32>', expected rank 2}}
  %y = motley.linear @w(%x) : (tensor<4x8xf32>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that a bias has rank 1.
// expected-note @below {{declared here}}
motley.variable @w : tensor<8x16xf32> init normal 0.02
func.func @linear_c1_bias(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.linear' op bias @w has type 'tensor<8x16xf32>', expected rank 1}}
  %y = motley.linear @w(%x) bias @w : (tensor<4x8xf32>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that the input has the rows of the weight as columns.
motley.variable @w : tensor<8x16xf32> init normal 0.02
func.func @linear_c2(%x: tensor<4x9xf32>) {
  // expected-error @below {{'motley.linear' op input has 9 columns, but weight @w has 8 rows}}
  %y = motley.linear @w(%x) : (tensor<4x9xf32>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that the result has the columns of the weight.
motley.variable @w : tensor<8x16xf32> init normal 0.02
func.func @linear_c2_result(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.linear' op gives 'tensor<4x8xf32>', expected 4 rows of 16}}
  %y = motley.linear @w(%x) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that the bias has the columns of the weight.
motley.variable @w : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8xf32> init constant 0.0
func.func @linear_c2_bias(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.linear' op bias @b has 8 elements, expected 16}}
  %y = motley.linear @w(%x) bias @b : (tensor<4x8xf32>) -> tensor<4x16xf32>
  return
}
