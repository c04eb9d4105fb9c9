// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that rows are renumbered by a table of these rows.
func.func @reindex_c1(%d: !motley.groups<8, 4>, %b: !motley.groups<2, 5>) {
  // expected-error @below {{'motley.reindex' op renumbers the rows of '!motley.groups<8, 4>' by a table of 5 rows; expected a partition of as many}}
  %r = motley.reindex %d into %b : (!motley.groups<8, 4>, !motley.groups<2, 5>) -> !motley.groups<8, 5>
  return
}

// -----

// Tests that slots of a selection are not renumbered.
func.func @reindex_c1_selection(%d: !motley.groups<8, 4 of 5>, %b: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.reindex' op renumbers the rows of '!motley.groups<8, 4 of 5>' by a table of 4 rows; expected a partition of as many}}
  %r = motley.reindex %d into %b : (!motley.groups<8, 4 of 5>, !motley.groups<2, 4>) -> !motley.groups<8, 4>
  return
}

// -----

// Tests that the result has the slots of the other table for its rows.
func.func @reindex_c1_result(%d: !motley.groups<8, 4>, %b: !motley.groups<2, 3 of 4>) {
  // expected-error @below {{'motley.reindex' op gives '!motley.groups<8, 4>', expected '!motley.groups<8, 3>'}}
  %r = motley.reindex %d into %b : (!motley.groups<8, 4>, !motley.groups<2, 3 of 4>) -> !motley.groups<8, 4>
  return
}

// -----

// Tests that rows are those of the table.
func.func @gather_rows_c1(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.gather_rows' op has 5 rows, its groups take from 4}}
  %y = motley.gather_rows %x by %g : (tensor<5x8xf32>, !motley.groups<2, 4>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that there is a result for each slot.
func.func @gather_rows_c1_result(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4 of 5>) {
  // expected-error @below {{'motley.gather_rows' op gives 'tensor<5x8xf32>', expected 'tensor<4x8xf32>'}}
  %y = motley.gather_rows %x by %g : (tensor<5x8xf32>, !motley.groups<2, 4 of 5>) -> tensor<5x8xf32>
  return
}

// -----

func.func @combine_rows_c1(%x: tensor<3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.combine_rows' op has 3 rows, its groups have the bound 4}}
  %y = motley.combine_rows %x by %g : (tensor<3xi32>, !motley.groups<2, 4>) -> tensor<3xi32>
  return
}

// -----

// Tests that there is a result for each row.
func.func @combine_rows_c1_result(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4 of 5>) {
  // expected-error @below {{'motley.combine_rows' op gives 'tensor<4x8xf32>', expected 'tensor<5x8xf32>'}}
  %y = motley.combine_rows %x by %g : (tensor<4x8xf32>, !motley.groups<2, 4 of 5>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that other values of rows have the type of the result.
func.func @combine_rows_c1_plus(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4 of 5>) {
  // expected-error @below {{'motley.combine_rows' op takes 'tensor<4x8xf32>' for the rows of a result 'tensor<5x8xf32>'}}
  %y = motley.combine_rows %x by %g plus %x : (tensor<4x8xf32>, !motley.groups<2, 4 of 5>, tensor<4x8xf32>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that rows are either added to or passed.
func.func @combine_rows_c2(%x: tensor<4x8xf32>, %z: tensor<5x8xf32>, %g: !motley.groups<2, 4 of 5>) {
  // expected-error @below {{'motley.combine_rows' op has both `otherwise` and `plus`}}
  %y = motley.combine_rows %x by %g otherwise %z plus %z : (tensor<4x8xf32>, !motley.groups<2, 4 of 5>, tensor<5x8xf32>, tensor<5x8xf32>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that ids are not summed.
func.func @combine_rows_c2_integers(%x: tensor<4xi32>, %g: !motley.groups<2, 4 of 5>) {
  // expected-error @below {{'motley.combine_rows' op sums rows of 'i32', expected f32}}
  %y = motley.combine_rows %x by %g : (tensor<4xi32>, !motley.groups<2, 4 of 5>) -> tensor<5xi32>
  return
}

// -----

// Tests that only what the runtime holds is permuted.
func.func @element(%x: tensor<4xf64>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.gather_rows' op operand #0 must be tensor of rows, f32 or i32, of rank 1 or 2, with static, positive sizes, but got 'tensor<4xf64>'}}
  %y = motley.gather_rows %x by %g : (tensor<4xf64>, !motley.groups<2, 4>) -> tensor<4xf64>
  return
}
