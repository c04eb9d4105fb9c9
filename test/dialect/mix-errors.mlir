// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a map names every group.
func.func @softmax_rows_c1(%x: tensor<4x3xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.softmax_rows' op maps 1 groups, the table has 2}}
  %y = motley.softmax_rows %x by %g map [0] : tensor<4x3xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that groups come with a map.
func.func @softmax_rows_c1_alone(%x: tensor<4x3xf32>) {
  // expected-error @below {{'motley.softmax_rows' op needs `by` and `map` together}}
  %y = "motley.softmax_rows"(%x) <{map = array<i64: 0>}> : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

// Tests that rows are as many as slots.
func.func @softmax_rows_c1_bound(%x: tensor<5x3xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.softmax_rows' op has 5 rows, its groups have the bound 4}}
  %y = motley.softmax_rows %x by %g map [0, 0] : tensor<5x3xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that a map names every group.
func.func @softmax_rows_backward_c1(%x: tensor<4x3xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.softmax_rows_backward' op maps 3 groups, the table has 2}}
  %y = motley.softmax_rows_backward %x, %x by %g map [0, 0, 0] : tensor<4x3xf32>, !motley.groups<2, 4>
  return
}

// -----

// Tests that every expert has as many slots as the others.
func.func @soft_experts_c1(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.soft_experts' op has 2 bodies for 3 slots, expected a divisor of them}}
  %y = motley.soft_experts %w, %w (%x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }, {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that there is a body.
func.func @soft_experts_c1_none(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.soft_experts' op has 0 bodies for 3 slots}}
  %y = "motley.soft_experts"(%w, %w, %x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that rows take from the slots that they went to.
func.func @soft_experts_c1_combine(%w: tensor<4x3xf32>, %c: tensor<4x6xf32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.soft_experts' op combine has the shape 4x6, expected 4x3}}
  %y = motley.soft_experts %w, %c (%x) : (tensor<4x3xf32>, tensor<4x6xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that the input has the rows of the weights.
func.func @soft_experts_c2(%w: tensor<4x3xf32>, %x: tensor<5x8xf32>) {
  // expected-error @below {{'motley.soft_experts' op input has 5 rows, expected 4}}
  %y = motley.soft_experts %w, %w (%x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<5x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that the result has the rows of the weights.
func.func @soft_experts_c2_result(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.soft_experts' op result has 3 rows, expected 4}}
  %y = motley.soft_experts %w, %w (%x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>) -> tensor<3x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that a body sees all slots.
func.func @soft_experts_c2_argument(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.soft_experts' op a body has an argument of type 'tensor<1x8xf32>', expected 'tensor<3x8xf32>'}}
  %y = motley.soft_experts %w, %w (%x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<1x8xf32>):
    motley.yield %a : tensor<1x8xf32>
  }
  return
}

// -----

// Tests that a body yields what the rows are made of.
func.func @soft_experts_c3(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.soft_experts' op a body must yield one 'tensor<3x7xf32>'}}
  %y = motley.soft_experts %w, %w (%x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>) -> tensor<4x7xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that experts do not mix their slots by attention.
func.func @soft_experts_c4(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>) {
  %y = motley.soft_experts %w, %w (%x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    // expected-error @below {{'motley.attention' op looks beyond the rows of one expert; a body of motley.soft_experts holds row operations}}
    %b = motley.attention full %a, %a, %a {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
    motley.yield %b : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that a body sees no rows but its own.
func.func @soft_experts_c4_outside(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>, %z: tensor<3x8xf32>) {
  %y = motley.soft_experts %w, %w (%x) : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    // expected-error @below {{'arith.addf' op reads rows from outside of 'motley.soft_experts'; pass them as an input and use the argument of the body}}
    %b = arith.addf %a, %z : tensor<3x8xf32>
    motley.yield %b : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that every group has a size.
func.func @static_groups_c1() {
  // expected-error @below {{'motley.static_groups' op has 1 sizes for 2 groups}}
  %t = motley.static_groups [4] : !motley.groups<2, 4>
  return
}

// -----

// Tests that no group is empty.
func.func @static_groups_c1_empty() {
  // expected-error @below {{'motley.static_groups' op has a group of size 0, expected 1 to the bound 4}}
  %t = motley.static_groups [4, 0] : !motley.groups<2, 4>
  return
}

// -----

// Tests that sizes that wrap around are refused.
func.func @static_groups_c1_large() {
  // expected-error @below {{'motley.static_groups' op has a group of size 9223372036854775807, expected 1 to the bound 4}}
  %t = motley.static_groups [9223372036854775807, 9223372036854775807] : !motley.groups<2, 4>
  return
}

// -----

// Tests that the groups are all rows.
func.func @static_groups_c1_sum() {
  // expected-error @below {{'motley.static_groups' op has 3 rows in '!motley.groups<2, 4>', expected a partition of as many}}
  %t = motley.static_groups [1, 2] : !motley.groups<2, 4>
  return
}

// -----

// Tests that nothing is selected.
func.func @static_groups_c1_selection() {
  // expected-error @below {{'motley.static_groups' op has 4 rows in '!motley.groups<2, 4 of 4>', expected a partition of as many}}
  %t = motley.static_groups [2, 2] : !motley.groups<2, 4 of 4>
  return
}

// -----

// Tests that every group has an owner.
func.func @mix_rows_c1(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_rows' op has 1 owners for 2 groups}}
  %u = motley.mix_rows (%w) of %x by %g owner [0] : (tensor<4x3xf32>, tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<3x8xf32>
  return
}

// -----

// Tests that an owner is one of the branches.
func.func @mix_rows_c1_range(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_rows' op has owner 1, expected -1 or one of 1 branches}}
  %u = motley.mix_rows (%w) of %x by %g owner [0, 1] : (tensor<4x3xf32>, tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<3x8xf32>
  return
}

// -----

// Tests that there are weights.
func.func @mix_rows_c1_none(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_rows' op has no weights, expected those of one branch at least}}
  %u = "motley.mix_rows"(%x, %g) <{owner = array<i64: -1, -1>}> : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<3x8xf32>
  return
}

// -----

// Tests that weights are of these rows.
func.func @mix_rows_c2(%w: tensor<5x3xf32>, %x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_rows' op has weights of 5 rows, its groups have the bound 4}}
  %u = motley.mix_rows (%w) of %x by %g owner [0, 0] : (tensor<5x3xf32>, tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<3x8xf32>
  return
}

// -----

// Tests that the input is these rows.
func.func @mix_rows_c2_input(%w: tensor<4x3xf32>, %x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_rows' op has 5 rows, its groups have the bound 4}}
  %u = motley.mix_rows (%w) of %x by %g owner [0, 0] : (tensor<4x3xf32>, tensor<5x8xf32>, !motley.groups<2, 4>) -> tensor<3x8xf32>
  return
}

// -----

// Tests that every column has a slot.
func.func @mix_rows_c2_slots(%w: tensor<4x3xf32>, %x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_rows' op has slots 'tensor<5x8xf32>', expected 6 of width 8}}
  %u = motley.mix_rows (%w, %w) of %x by %g owner [0, 1] : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that an owner is one of the branches.
func.func @unmix_rows_c1(%w: tensor<4x3xf32>, %u: tensor<3x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.unmix_rows' op has owner -2, expected -1 or one of 1 branches}}
  %y = motley.unmix_rows (%w) of %u by %g owner [0, -2] : (tensor<4x3xf32>, tensor<3x8xf32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that rows are as wide as slots.
func.func @unmix_rows_c2(%w: tensor<4x3xf32>, %u: tensor<3x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.unmix_rows' op has slots 'tensor<3x8xf32>', expected 3 of width 7}}
  %y = motley.unmix_rows (%w) of %u by %g owner [0, 0] : (tensor<4x3xf32>, tensor<3x8xf32>, !motley.groups<2, 4>) -> tensor<4x7xf32>
  return
}

// -----

// Tests that there are weights to give.
func.func @mix_products_c1(%x: tensor<4x8xf32>, %u: tensor<3x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_products' op has no weights, expected those of one branch at least}}
  motley.mix_products %x, %u by %g owner [-1, -1] : (tensor<4x8xf32>, tensor<3x8xf32>, !motley.groups<2, 4>) -> ()
  return
}

// -----

// Tests that the weights of all branches meet all slots.
func.func @mix_products_c2(%x: tensor<4x8xf32>, %u: tensor<3x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mix_products' op has slots 'tensor<3x8xf32>', expected 4 of width 8}}
  %w, %v = motley.mix_products %x, %u by %g owner [0, 1] : (tensor<4x8xf32>, tensor<3x8xf32>, !motley.groups<2, 4>) -> (tensor<4x2xf32>, tensor<4x2xf32>)
  return
}
