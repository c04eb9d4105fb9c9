// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that heads divide the width.
motley.variable @g : tensor<8xf32> init constant 1.0
func.func @norm_c1(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.norm' op has 3 heads, which do not divide the width 8}}
  %y = motley.norm rms %x gain @g {epsilon = 1.0e-5 : f64, heads = 3 : i64} : tensor<4x8xf32>
  return
}

// -----

// Tests that there is a head.
motley.variable @g : tensor<8xf32> init constant 1.0
func.func @norm_c1_zero(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.norm' op has 0 heads, which do not divide the width 8}}
  %y = motley.norm rms %x gain @g {epsilon = 1.0e-5 : f64, heads = 0 : i64} : tensor<4x8xf32>
  return
}

// -----

// Tests that epsilon is positive.
motley.variable @g : tensor<8xf32> init constant 1.0
func.func @norm_c1_epsilon(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.norm' op needs a positive, finite epsilon, got 0.000000e+00}}
  %y = motley.norm rms %x gain @g {epsilon = 0.0 : f64} : tensor<4x8xf32>
  return
}

// -----

// Tests that the gain exists.
func.func @norm_c2(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.norm' op gain @nowhere is not a motley.variable of this module}}
  %y = motley.norm rms %x gain @nowhere {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>
  return
}

// -----

// Tests that a gain is shared by the heads.
motley.variable @g : tensor<8xf32> init constant 1.0
func.func @norm_c2_heads(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.norm' op gain @g has 8 elements, expected 4}}
  %y = motley.norm rms %x gain @g {epsilon = 1.0e-5 : f64, heads = 2 : i64} : tensor<4x8xf32>
  return
}

// -----

// Tests that a gain is a vector.
// expected-note @below {{declared here}}
motley.variable @g : tensor<8x8xf32> init constant 1.0
func.func @norm_c2_rank(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.norm' op gain @g has type 'tensor<8x8xf32>', expected rank 1}}
  %y = motley.norm rms %x gain @g {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>
  return
}

// -----

// Tests that RMSNorm has no bias.
motley.variable @g : tensor<8xf32> init constant 1.0
motley.variable @b : tensor<8xf32> init constant 0.0
func.func @norm_c3(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.norm' op of kind rms has no bias}}
  %y = motley.norm rms %x gain @g bias @b {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>
  return
}
