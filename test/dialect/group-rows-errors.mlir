// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that two tables of one function have one bound.
func.func @reindex_c1(%d: !motley.groups<8, 4>, %b: !motley.groups<2, 5>) {
  // expected-error @below {{'motley.reindex' op tables have bounds 4 and 5}}
  %r = motley.reindex %d into %b : (!motley.groups<8, 4>, !motley.groups<2, 5>) -> !motley.groups<8, 5>
  return
}

// -----

// Tests that rows are as many as slots.
func.func @gather_rows_c1(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.gather_rows' op has 5 rows, its groups have the bound 4}}
  %y = motley.gather_rows %x by %g : (tensor<5x8xf32>, !motley.groups<2, 4>) -> tensor<5x8xf32>
  return
}

// -----

func.func @combine_rows_c1(%x: tensor<3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.combine_rows' op has 3 rows, its groups have the bound 4}}
  %y = motley.combine_rows %x by %g : (tensor<3xi32>, !motley.groups<2, 4>) -> tensor<3xi32>
  return
}

// -----

// Tests that only what the runtime holds is permuted.
func.func @element(%x: tensor<4xf64>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.gather_rows' op operand #0 must be tensor of rows, f32 or i32, of rank 1 or 2, with static, positive sizes, but got 'tensor<4xf64>'}}
  %y = motley.gather_rows %x by %g : (tensor<4xf64>, !motley.groups<2, 4>) -> tensor<4xf64>
  return
}
