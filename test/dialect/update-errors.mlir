// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a bank is initialised, not a variable.
motley.variable @a : tensor<8x8xf32> init normal 0.02
func.func @initialise_c1(%seed: i64) {
  // expected-error @below {{'motley.initialise' op names @a, which is not a motley.bank}}
  motley.initialise @a seed %seed
  return
}

// -----

// Tests that the bank exists.
func.func @adamw_c1(%norm: tensor<1xf32>, %lr: f32, %step: i64) {
  // expected-error @below {{'motley.adamw' op names @nowhere, which is not a motley.bank}}
  motley.adamw @nowhere norm %norm learning_rate %lr step %step {beta1 = 0.9 : f64, beta2 = 0.95 : f64, epsilon = 1.0e-8 : f64, weight_decay = 0.1 : f64, clip = 1.0 : f64} : tensor<1xf32>
  return
}

// -----

// Tests that the numbers of AdamW are checked here as well.
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.bank @bank [[@a]]
func.func @adamw_c2(%norm: tensor<1xf32>, %lr: f32, %step: i64) {
  // expected-error @below {{'motley.adamw' op needs 0 <= beta1, beta2 < 1, got -1.000000e-01 and 9.500000e-01}}
  motley.adamw @bank norm %norm learning_rate %lr step %step {beta1 = -0.1 : f64, beta2 = 0.95 : f64, epsilon = 1.0e-8 : f64, weight_decay = 0.1 : f64, clip = 1.0 : f64} : tensor<1xf32>
  return
}

// -----

// Tests that the norm is one number.
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.bank @bank [[@a]]
func.func @adamw_norm(%norm: tensor<2xf32>, %lr: f32, %step: i64) {
  // expected-error @below {{'motley.adamw' op operand #0 must be tensor<1xf32>, but got 'tensor<2xf32>'}}
  motley.adamw @bank norm %norm learning_rate %lr step %step {beta1 = 0.9 : f64, beta2 = 0.95 : f64, epsilon = 1.0e-8 : f64, weight_decay = 0.1 : f64, clip = 1.0 : f64} : tensor<2xf32>
  return
}

// -----

// Tests that a norm is taken of something.
func.func @gradient_norm_c1() {
  // expected-error @below {{'motley.gradient_norm' op needs at least one bank}}
  %norm = motley.gradient_norm [] : tensor<1xf32>
  return
}

// -----

// Tests that banks exist.
func.func @gradient_norm_c1_missing() {
  // expected-error @below {{'motley.gradient_norm' op names @nowhere, which is not a motley.bank}}
  %norm = motley.gradient_norm [@nowhere] : tensor<1xf32>
  return
}

// -----

// Tests that no gradient counts twice.
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.bank @bank [[@a]]
func.func @gradient_norm_c1_twice() {
  // expected-error @below {{'motley.gradient_norm' op names @bank twice}}
  %norm = motley.gradient_norm [@bank, @bank] : tensor<1xf32>
  return
}
