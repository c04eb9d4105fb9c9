// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that the bank holds matrices.
func.func @grouped_outer_c1(%x: tensor<4x8xf32>, %c: tensor<4x16xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_outer' op names @nowhere, which is not a motley.bank}}
  motley.grouped_outer %x, (%c) into @nowhere ranges [0] map [0, 1] by %g add %add : tensor<4x8xf32>, (tensor<4x16xf32>), !motley.groups<2, 4>
  return
}

// -----

// Tests that a range exists.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_outer_c1_range(%x: tensor<4x8xf32>, %c: tensor<4x16xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_outer' op names range -1, expected distinct ranges below 2}}
  motley.grouped_outer %x, (%c) into @bank ranges [-1] map [0, 1] by %g add %add : tensor<4x8xf32>, (tensor<4x16xf32>), !motley.groups<2, 4>
  return
}

// -----

// Tests that every group has a member.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_outer_c1_map(%x: tensor<4x8xf32>, %c: tensor<4x16xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_outer' op maps 3 groups, the table has 2}}
  motley.grouped_outer %x, (%c) into @bank ranges [0] map [0, 1, 1] by %g add %add : tensor<4x8xf32>, (tensor<4x16xf32>), !motley.groups<2, 4>
  return
}

// -----

// Tests that every range has a cotangent.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_outer_c2(%x: tensor<4x8xf32>, %c: tensor<4x16xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_outer' op has 1 cotangents for 2 ranges}}
  motley.grouped_outer %x, (%c) into @bank ranges [0, 1] map [0, 1] by %g add %add : tensor<4x8xf32>, (tensor<4x16xf32>), !motley.groups<2, 4>
  return
}

// -----

// Tests that the input has the rows of the matrices as columns.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_outer_c2_input(%x: tensor<4x8xf32>, %c: tensor<4x16xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_outer' op input has type 'tensor<4x16xf32>', expected 'tensor<4x8xf32>'}}
  motley.grouped_outer %c, (%c) into @bank ranges [0] map [0, 1] by %g add %add : tensor<4x16xf32>, (tensor<4x16xf32>), !motley.groups<2, 4>
  return
}

// -----

// Tests that a cotangent has the columns of its range.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_outer_c2_cotangent(%x: tensor<4x8xf32>, %c: tensor<4x16xf32>, %g: !motley.groups<2, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_outer' op cotangent has type 'tensor<4x16xf32>', expected 'tensor<4x24xf32>'}}
  motley.grouped_outer %x, (%c) into @bank ranges [1] map [0, 1] by %g add %add : tensor<4x8xf32>, (tensor<4x16xf32>), !motley.groups<2, 4>
  return
}

// -----

// Tests that what is gathered has the rows that slots are taken from, and the rest the slots.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.bank @bank [[@a]]
func.func @grouped_outer_c2_gathered(%x: tensor<6x8xf32>, %d: tensor<6x16xf32>, %g: !motley.groups<1, 4 of 6>, %add: i1) {
  // expected-error @below {{'motley.grouped_outer' op cotangent has type 'tensor<6x16xf32>', expected 'tensor<4x16xf32>'}}
  motley.grouped_outer %x gathered, (%d) into @bank ranges [0] map [0] by %g add %add : tensor<6x8xf32>, (tensor<6x16xf32>), !motley.groups<1, 4 of 6>
  return
}
