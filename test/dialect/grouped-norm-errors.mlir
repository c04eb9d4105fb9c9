// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that heads divide the width.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c1(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op has 3 heads, which do not divide the width 8}}
  %y, %s = motley.grouped_norm rms %x, gain @bank map [0, 1] by %g {epsilon = 1.0e-5 : f64, heads = 3 : i64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x1xf32>
  return
}

// -----

// Tests that epsilon is positive.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c1_epsilon(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op needs a positive, finite epsilon, got -1.000000e+00}}
  %y, %s = motley.grouped_norm rms %x, gain @bank map [0, 1] by %g {epsilon = -1.0 : f64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x1xf32>
  return
}

// -----

// Tests that gains are shared by the heads.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c1_gain(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op needs vectors of 4 elements in one range, @bank holds 1 of 'tensor<8xf32>'}}
  %y, %s = motley.grouped_norm rms %x, gain @bank map [0, 1] by %g {epsilon = 1.0e-5 : f64, heads = 2 : i64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x2xf32>
  return
}

// -----

// Tests that the bank exists.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c1_bank(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op names @nowhere, which is not a motley.bank}}
  %y, %s = motley.grouped_norm rms %x, gain @nowhere map [0, 1] by %g {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x1xf32>
  return
}

// -----

// Tests that every group has a member.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c1_map(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op maps 1 groups, the table has 2}}
  %y, %s = motley.grouped_norm rms %x, gain @bank map [0] by %g {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x1xf32>
  return
}

// -----

// Tests that the bank of biases exists.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c1_bias(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op names @nowhere, which is not a motley.bank}}
  %y, %s = motley.grouped_norm layer %x, gain @bank bias @nowhere map [0, 1] by %g {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x2xf32>
  return
}

// -----

// Tests that rows are as many as slots.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c1_bound(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op has 5 rows, its groups have the bound 4}}
  %y, %s = motley.grouped_norm rms %x, gain @bank map [0, 1] by %g {epsilon = 1.0e-5 : f64} : tensor<5x8xf32>, !motley.groups<2, 4> -> tensor<5x1xf32>
  return
}

// -----

// Tests that RMSNorm has no bias.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c2(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op of kind rms has no bias}}
  %y, %s = motley.grouped_norm rms %x, gain @bank bias @bank map [0, 1] by %g {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x1xf32>
  return
}

// -----

// Tests that LayerNorm keeps two numbers per head.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_c2_statistics(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_norm' op statistics has type 'tensor<4x1xf32>', expected 'tensor<4x2xf32>'}}
  %y, %s = motley.grouped_norm layer %x, gain @bank map [0, 1] by %g {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, !motley.groups<2, 4> -> tensor<4x1xf32>
  return
}

// -----

// Tests that heads divide the width.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_backward_c1(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %s: tensor<4x1xf32>, %add: i1) {
  // expected-error @below {{'motley.grouped_norm_backward' op has 3 heads, which do not divide the width 8}}
  %dx = motley.grouped_norm_backward rms %x, %x, %s into gain @bank map [0, 1] by %g add %add {epsilon = 1.0e-5 : f64, heads = 3 : i64} : tensor<4x8xf32>, tensor<4x1xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that a member exists.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_backward_c1_member(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %s: tensor<4x1xf32>, %add: i1) {
  // expected-error @below {{'motley.grouped_norm_backward' op maps a group to member 7 of a bank with 2}}
  %dx = motley.grouped_norm_backward rms %x, %x, %s into gain @bank map [0, 7] by %g add %add {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, tensor<4x1xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that RMSNorm has no bias.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_backward_c2(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %s: tensor<4x1xf32>, %add: i1) {
  // expected-error @below {{'motley.grouped_norm_backward' op of kind rms has no bias}}
  %dx = motley.grouped_norm_backward rms %x, %x, %s into gain @bank bias @bank map [0, 1] by %g add %add {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, tensor<4x1xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that LayerNorm kept two numbers per head.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_norm_backward_c2_statistics(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %s: tensor<4x1xf32>, %add: i1) {
  // expected-error @below {{'motley.grouped_norm_backward' op statistics has type 'tensor<4x1xf32>', expected 'tensor<4x2xf32>'}}
  %dx = motley.grouped_norm_backward layer %x, %x, %s into gain @bank map [0, 1] by %g add %add {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, tensor<4x1xf32>, !motley.groups<2, 4>
  return
}
