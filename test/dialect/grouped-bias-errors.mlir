// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a bias has the width of the rows.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_bias_c1(%x: tensor<4x16xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_bias' op needs vectors of 16 elements in one range, @bank holds 1 of 'tensor<8xf32>'}}
  %y = motley.grouped_bias %x, @bank map [0, 1] by %g : tensor<4x16xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that the bank exists.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_bias_c1_bank(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_bias' op names @nowhere, which is not a motley.bank}}
  %y = motley.grouped_bias %x, @nowhere map [0, 1] by %g : tensor<4x8xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that a bank of matrices holds no biases.
motley.variable @w : tensor<8x8xf32> init constant 0.0
motley.bank @matrices [[@w]]
func.func @grouped_bias_c1_rank(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_bias' op needs a bank of rank 1, @matrices holds 'tensor<8x8xf32>'}}
  %y = motley.grouped_bias %x, @matrices map [0, 0] by %g : tensor<4x8xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that a bank of biases has one range.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @two [[@a, @b]]
func.func @grouped_bias_c1_ranges(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_bias' op needs vectors of 8 elements in one range, @two holds 2 of 'tensor<8xf32>'}}
  %y = motley.grouped_bias %x, @two map [0, 0] by %g : tensor<4x8xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that a member exists.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_bias_c1_member(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_bias' op maps a group to member 2 of a bank with 2}}
  %y = motley.grouped_bias %x, @bank map [0, 2] by %g : tensor<4x8xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that rows are as many as slots.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_bias_c1_bound(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_bias' op has 5 rows, its groups have the bound 4}}
  %y = motley.grouped_bias %x, @bank map [0, 1] by %g : tensor<5x8xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that the cotangent has the width of the vectors.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_sum_c1(%x: tensor<4x16xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_sum' op needs vectors of 16 elements in one range, @bank holds 1 of 'tensor<8xf32>'}}
  motley.grouped_sum %x into @bank map [0, 1] by %g add %add : tensor<4x16xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that the cotangent has a row per slot.
motley.variable @a : tensor<8xf32> init constant 0.0
motley.variable @b : tensor<8xf32> init constant 0.0
motley.bank @bank [[@a], [@b]]
func.func @grouped_sum_c1_bound(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_sum' op has 5 rows, its groups have the bound 4}}
  motley.grouped_sum %x into @bank map [0, 1] by %g add %add : tensor<5x8xf32>, !motley.groups<2, 4>
  return
}
