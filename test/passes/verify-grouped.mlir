// RUN: motley-opt %s --motley-verify-grouped --split-input-file --verify-diagnostics

// Tests that tables of different ids are no error, nor equal ones in two functions.

func.func @fine(%a: tensor<64xi32>, %b: tensor<64xi32>, %live: i32) {
  %g = motley.group_by %a live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  %h = motley.group_by %b live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  return
}
func.func @fine_too(%a: tensor<64xi32>, %live: i32) {
  %g = motley.group_by %a live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  return
}

// -----

motley.variable @w : tensor<32x48xf32> init normal 2.0e-02
func.func @model_level(%x: tensor<64x32xf32>) -> tensor<64x48xf32> {
  // expected-error @below {{is of the model level and must have become grouped operations}}
  %y = motley.linear @w(%x) : (tensor<64x32xf32>) -> tensor<64x48xf32>
  return %y : tensor<64x48xf32>
}

// -----

func.func @twice(%a: tensor<64xi32>, %live: i32) {
  %g = motley.group_by %a live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  // expected-error @below {{makes a table a second time; share the first}}
  %h = motley.group_by %a live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  return
}

// -----

// expected-error @below {{passes groups over its border; make them inside, from ids}}
func.func @border(%g: !motley.groups<2, 64>) {
  return
}
