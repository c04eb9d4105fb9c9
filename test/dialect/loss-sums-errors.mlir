// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that there is a sum per loss and modality.
motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20
func.func @loss_sums_c1(%l: tensor<4xf32>, %w: tensor<4xf32>, %t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.loss_sums' op gives 'tensor<2x2xf64>', expected 'tensor<1x2xf64>'}}
  %s = motley.loss_sums (%l) weights %w targets %t by %g : (tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, !motley.groups<2, 4>) -> tensor<2x2xf64>
  return
}

// -----

// Tests that the module has modalities.
func.func @loss_sums_c1_modalities(%l: tensor<4xf32>, %w: tensor<4xf32>, %t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.loss_sums' op needs a loss and a motley.modality in its module, got 1 and 0}}
  %s = motley.loss_sums (%l) weights %w targets %t by %g : (tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, !motley.groups<2, 4>) -> tensor<1x2xf64>
  return
}

// -----

// Tests that a loss has an entry per slot.
motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20
func.func @loss_sums_c1_loss(%l: tensor<5xf32>, %w: tensor<4xf32>, %t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.loss_sums' op has 5 rows, its groups have the bound 4}}
  %s = motley.loss_sums (%l) weights %w targets %t by %g : (tensor<5xf32>, tensor<4xf32>, tensor<4xi32>, !motley.groups<2, 4>) -> tensor<1x2xf64>
  return
}

// -----

// Tests that every row has a target.
motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20
func.func @loss_sums_c1_target(%l: tensor<4xf32>, %w: tensor<4xf32>, %t: tensor<5xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.loss_sums' op has 5 rows, its groups have the bound 4}}
  %s = motley.loss_sums (%l) weights %w targets %t by %g : (tensor<4xf32>, tensor<4xf32>, tensor<5xi32>, !motley.groups<2, 4>) -> tensor<1x2xf64>
  return
}

// -----

// Tests that every row has a weight.
motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20
func.func @loss_sums_c1_weight(%l: tensor<4xf32>, %w: tensor<5xf32>, %t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.loss_sums' op has 5 rows, its groups have the bound 4}}
  %s = motley.loss_sums (%l) weights %w targets %t by %g : (tensor<4xf32>, tensor<5xf32>, tensor<4xi32>, !motley.groups<2, 4>) -> tensor<1x2xf64>
  return
}

// -----

// Tests that there is a loss.
motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20
func.func @loss_sums_c1_none(%w: tensor<4xf32>, %t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.loss_sums' op needs a loss and a motley.modality in its module, got 0 and 2}}
  %s = motley.loss_sums () weights %w targets %t by %g : (tensor<4xf32>, tensor<4xi32>, !motley.groups<2, 4>) -> tensor<1x2xf64>
  return
}
