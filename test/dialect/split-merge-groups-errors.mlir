// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that every group has an owner.
func.func @split_groups_c1(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.split_groups' op has 1 owners for 2 groups}}
  %a = motley.split_groups %x by %g owner [0] : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that an owner is one of the branches.
func.func @split_groups_c1_range(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.split_groups' op has owner 1, expected one of 1 branches}}
  %a = motley.split_groups %x by %g owner [0, 1] : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that splitting without branches is an error.
func.func @split_groups_c1_none(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.split_groups' op has owner 0, expected one of 0 branches}}
  motley.split_groups %x by %g owner [0, 0] : (tensor<4x8xf32>, !motley.groups<2, 4>) -> ()
  return
}

// -----

// Tests that branches have the type of the whole.
func.func @split_groups_c2(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.split_groups' op splits 'tensor<4x8xf32>' into 'tensor<4x9xf32>'}}
  %a = motley.split_groups %x by %g owner [0, 0] : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x9xf32>
  return
}

// -----

// Tests that rows are as many as slots.
func.func @split_groups_c2_bound(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.split_groups' op has 5 rows, its groups have the bound 4}}
  %a = motley.split_groups %x by %g owner [0, 0] : (tensor<5x8xf32>, !motley.groups<2, 4>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that an owner is not negative.
func.func @merge_groups_c1(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.merge_groups' op has owner -1, expected one of 1 branches}}
  %y = motley.merge_groups %x by %g owner [0, -1] : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that merging nothing is an error.
func.func @merge_groups_c1_none(%g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.merge_groups' op has owner 0, expected one of 0 branches}}
  %y = "motley.merge_groups"(%g) <{owner = array<i64: 0, 0>}> : (!motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that branches have the type of the whole.
func.func @merge_groups_c2(%x: tensor<4x8xf32>, %b: tensor<4x9xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.merge_groups' op merges 'tensor<4x9xf32>' into 'tensor<4x8xf32>'}}
  %y = motley.merge_groups %x, %b by %g owner [0, 1] : (tensor<4x8xf32>, tensor<4x9xf32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that rows are as many as slots.
func.func @merge_groups_c2_bound(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.merge_groups' op has 5 rows, its groups have the bound 4}}
  %y = motley.merge_groups %x by %g owner [0, 0] : (tensor<5x8xf32>, !motley.groups<2, 4>) -> tensor<5x8xf32>
  return
}
