// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that every group has a branch.
func.func @select_c1(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.select' op has 1 owners for 2 groups}}
  %t = motley.select (%c) counts [3] by %g owner [0] : (tensor<4x3xi32>, !motley.groups<2, 4>) -> !motley.groups<3, 8 of 4>
  return
}

// -----

// Tests that a branch exists.
func.func @select_c1_owner(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.select' op has owner 1, expected -1 or one of 1 branches}}
  %t = motley.select (%c) counts [3] by %g owner [0, 1] : (tensor<4x3xi32>, !motley.groups<2, 4>) -> !motley.groups<3, 8 of 4>
  return
}

// -----

// Tests that each branch says how many experts it has.
func.func @select_c1_counts(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.select' op has 1 counts for 2 branches}}
  %t = motley.select (%c, %c) counts [3] by %g owner [0, 1] : (tensor<4x3xi32>, tensor<4x3xi32>, !motley.groups<2, 4>) -> !motley.groups<3, 8 of 4>
  return
}

// -----

func.func @select_c1_columns(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.select' op counts 4 groups in a matrix of 3 columns}}
  %t = motley.select (%c) counts [4] by %g owner [0, 0] : (tensor<4x3xi32>, !motley.groups<2, 4>) -> !motley.groups<4, 8 of 4>
  return
}

// -----

func.func @select_c2(%c: tensor<5x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.select' op has a branch of 5 rows, expected 4}}
  %t = motley.select (%c) counts [3] by %g owner [0, 0] : (tensor<5x3xi32>, !motley.groups<2, 4>) -> !motley.groups<3, 8 of 4>
  return
}

// -----

// Tests that the result has a group for each expert.
func.func @select_c2_groups(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.select' op goes by '!motley.groups<4, 8 of 4>', expected a selection of 4 rows with 3 groups}}
  %t = motley.select (%c) counts [3] by %g owner [0, 0] : (tensor<4x3xi32>, !motley.groups<2, 4>) -> !motley.groups<4, 8 of 4>
  return
}

// -----

// Tests that experts don't partition rows.
func.func @select_c2_partition(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.select' op goes by '!motley.groups<3, 4>', expected a selection of 4 rows with 3 groups}}
  %t = motley.select (%c) counts [3] by %g owner [0, 0] : (tensor<4x3xi32>, !motley.groups<2, 4>) -> !motley.groups<3, 4>
  return
}

// -----

// Tests that a row is kept or not.
func.func @restrict_c1(%c: tensor<4x2xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.restrict' op chooses by 'tensor<4x2xi32>', expected one column of 4 rows}}
  %t = motley.restrict %g to %c : (!motley.groups<2, 4>, tensor<4x2xi32>) -> !motley.groups<2, 3 of 4>
  return
}

// -----

// Tests that groups stay.
func.func @restrict_c1_groups(%c: tensor<4x1xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.restrict' op gives '!motley.groups<3, 3 of 4>', expected a selection of 4 rows with 2 groups}}
  %t = motley.restrict %g to %c : (!motley.groups<2, 4>, tensor<4x1xi32>) -> !motley.groups<3, 3 of 4>
  return
}

// -----

// Tests that values are those that slots were chosen from.
func.func @slot_values_c1(%p: tensor<4x3xf32>, %t: !motley.groups<2, 8 of 4>) {
  // expected-error @below {{'motley.slot_values' op goes by '!motley.groups<2, 8 of 4>', expected a selection of 4 rows with 3 groups}}
  %w = motley.slot_values (%p) counts [3] by %t : (tensor<4x3xf32>, !motley.groups<2, 8 of 4>) -> tensor<8xf32>
  return
}

// -----

func.func @slot_values_c2(%p: tensor<4x3xf32>, %t: !motley.groups<3, 8 of 4>) {
  // expected-error @below {{'motley.slot_values' op has values for 4 slots, its groups have the bound 8}}
  %w = motley.slot_values (%p) counts [3] by %t : (tensor<4x3xf32>, !motley.groups<3, 8 of 4>) -> tensor<4xf32>
  return
}

// -----

func.func @slot_values_backward_c1(%w: tensor<8xf32>, %t: !motley.groups<3, 8 of 4>) {
  // expected-error @below {{'motley.slot_values_backward' op has a branch of 5 rows, expected 4}}
  %p = motley.slot_values_backward %w counts [3] by %t : (tensor<8xf32>, !motley.groups<3, 8 of 4>) -> tensor<5x3xf32>
  return
}

// -----

func.func @slot_values_backward_c2(%w: tensor<7xf32>, %t: !motley.groups<3, 8 of 4>) {
  // expected-error @below {{'motley.slot_values_backward' op has values for 7 slots, its groups have the bound 8}}
  %p = motley.slot_values_backward %w counts [3] by %t : (tensor<7xf32>, !motley.groups<3, 8 of 4>) -> tensor<4x3xf32>
  return
}

// -----

// Tests that what is counted has a name.
func.func @count_chosen_c1(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.count_chosen' op needs a name}}
  motley.count_chosen "" %c by %g map [0, -1] : tensor<4x3xi32>, !motley.groups<2, 4>
  return
}

// -----

func.func @count_chosen_c1_map(%c: tensor<4x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.count_chosen' op maps 1 groups, the table has 2}}
  motley.count_chosen "ffn" %c by %g map [0] : tensor<4x3xi32>, !motley.groups<2, 4>
  return
}

// -----

func.func @count_chosen_c1_rows(%c: tensor<5x3xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.count_chosen' op has values for 5 slots, its groups have the bound 4}}
  motley.count_chosen "ffn" %c by %g map [0, 0] : tensor<5x3xi32>, !motley.groups<2, 4>
  return
}
