// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-fuse-gather-combine))' --split-input-file | FileCheck %s

motley.variable @w0 : tensor<16x8xf32> init normal 0.02
motley.variable @w1 : tensor<16x8xf32> init normal 0.02
motley.bank @w [[@w0], [@w1]]

// Tests that products take over the gathers that they alone read: forward, backward, and either operand of an outer product.
// CHECK-LABEL: func.func @absorbed
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[DY:[a-z0-9]+]]: tensor<32x8xf32>, %[[T:[a-z0-9]+]]: !motley.groups<2, 40 of 32>
func.func @absorbed(%x: tensor<32x16xf32>, %dy: tensor<32x8xf32>, %t: !motley.groups<2, 40 of 32>, %add: i1) -> (tensor<40x8xf32>, tensor<40x16xf32>) {
  // CHECK-NOT: motley.gather_rows
  %s = motley.gather_rows %x by %t : (tensor<32x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<40x16xf32>
  // CHECK: %[[H:.*]] = motley.grouped_matmul @w ranges [0] map [0, 1] (%[[X]]) gathered by %[[T]] : (tensor<32x16xf32>, {{.*}}) -> tensor<40x8xf32>
  %h = motley.grouped_matmul @w ranges [0] map [0, 1] (%s) by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<40x8xf32>
  %d = motley.gather_rows %dy by %t : (tensor<32x8xf32>, !motley.groups<2, 40 of 32>) -> tensor<40x8xf32>
  // CHECK: %[[DS:.*]] = motley.grouped_matmul transposed @w ranges [0] map [0, 1] (%[[DY]]) gathered by %[[T]]
  %ds = motley.grouped_matmul transposed @w ranges [0] map [0, 1] (%d) by %t : (tensor<40x8xf32>, !motley.groups<2, 40 of 32>) -> tensor<40x16xf32>
  // CHECK: motley.grouped_outer %[[X]] gathered, (%[[H]]) into @w
  motley.grouped_outer %s, (%h) into @w ranges [0] map [0, 1] by %t add %add : tensor<40x16xf32>, (tensor<40x8xf32>), !motley.groups<2, 40 of 32>
  // CHECK: motley.grouped_outer %[[DS]], (%[[DY]]) gathered into @w
  motley.grouped_outer %ds, (%d) into @w ranges [0] map [0, 1] by %t add %add : tensor<40x16xf32>, (tensor<40x8xf32>), !motley.groups<2, 40 of 32>
  // CHECK: motley.grouped_outer %[[X]] gathered, (%[[DY]]) gathered into @w
  motley.grouped_outer %s, (%d) into @w ranges [0] map [0, 1] by %t add %add : tensor<40x16xf32>, (tensor<40x8xf32>), !motley.groups<2, 40 of 32>
  return %h, %ds : tensor<40x8xf32>, tensor<40x16xf32>
}

// -----

motley.variable @w0 : tensor<16x8xf32> init normal 0.02
motley.variable @w1 : tensor<16x8xf32> init normal 0.02
motley.variable @gain : tensor<16xf32> init constant 1.0
motley.bank @w [[@w0], [@w1]]
motley.bank @norm [[@gain]]

// Tests what keeps its gather: what a norm reads too, what a product over another table reads, and rows of a partition.
// CHECK-LABEL: func.func @norm_too
func.func @norm_too(%x: tensor<32x16xf32>, %t: !motley.groups<2, 40 of 32>) -> (tensor<40x8xf32>, tensor<40x16xf32>) {
  // CHECK: %[[S:.*]] = motley.gather_rows
  // CHECK: motley.grouped_matmul @w ranges [0] map [0, 1] (%[[S]]) by
  %s = motley.gather_rows %x by %t : (tensor<32x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<40x16xf32>
  %h = motley.grouped_matmul @w ranges [0] map [0, 1] (%s) by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<40x8xf32>
  %n, %r = motley.grouped_norm rms %s, gain @norm map [0, 0] by %t {epsilon = 1.0e-5 : f64} : tensor<40x16xf32>, !motley.groups<2, 40 of 32> -> tensor<40x1xf32>
  return %h, %n : tensor<40x8xf32>, tensor<40x16xf32>
}
// CHECK-LABEL: func.func @other_table
func.func @other_table(%x: tensor<40x16xf32>, %t: !motley.groups<2, 40 of 40>, %u: !motley.groups<2, 40 of 40>) -> tensor<40x8xf32> {
  // CHECK: %[[S:.*]] = motley.gather_rows
  // CHECK: motley.grouped_matmul @w ranges [0] map [0, 1] (%[[S]]) by
  %s = motley.gather_rows %x by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 40>) -> tensor<40x16xf32>
  %h = motley.grouped_matmul @w ranges [0] map [0, 1] (%s) by %u : (tensor<40x16xf32>, !motley.groups<2, 40 of 40>) -> tensor<40x8xf32>
  return %h : tensor<40x8xf32>
}
// CHECK-LABEL: func.func @partition
func.func @partition(%x: tensor<32x16xf32>, %t: !motley.groups<2, 32>) -> tensor<32x8xf32> {
  // CHECK: %[[S:.*]] = motley.gather_rows
  // CHECK: motley.grouped_matmul @w ranges [0] map [0, 1] (%[[S]]) by
  %s = motley.gather_rows %x by %t : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %h = motley.grouped_matmul @w ranges [0] map [0, 1] (%s) by %t : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  return %h : tensor<32x8xf32>
}

// -----

motley.variable @a0 : tensor<16x8xf32> init normal 0.02
motley.variable @b0 : tensor<16x8xf32> init normal 0.02
motley.bank @ab [[@a0, @b0]]

// Tests that a product takes over all of its inputs or none: %d is read by an activation, so %e stays with it, also for the outer
// product, whose cotangents they are; its input goes.
// CHECK-LABEL: func.func @all_or_none
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>
func.func @all_or_none(%x: tensor<32x16xf32>, %dy: tensor<32x8xf32>, %dz: tensor<32x8xf32>, %t: !motley.groups<1, 40 of 32>, %add: i1) -> (tensor<40x16xf32>, tensor<40x8xf32>) {
  // CHECK: %[[D:.*]] = motley.gather_rows
  // CHECK: %[[E:.*]] = motley.gather_rows
  // CHECK-NOT: motley.gather_rows
  // CHECK: motley.grouped_matmul transposed @ab ranges [0, 1] map [0] (%[[D]], %[[E]]) by
  // CHECK: motley.grouped_outer %[[X]] gathered, (%[[D]], %[[E]]) into @ab
  %d = motley.gather_rows %dy by %t : (tensor<32x8xf32>, !motley.groups<1, 40 of 32>) -> tensor<40x8xf32>
  %e = motley.gather_rows %dz by %t : (tensor<32x8xf32>, !motley.groups<1, 40 of 32>) -> tensor<40x8xf32>
  %s = motley.gather_rows %x by %t : (tensor<32x16xf32>, !motley.groups<1, 40 of 32>) -> tensor<40x16xf32>
  %dx = motley.grouped_matmul transposed @ab ranges [0, 1] map [0] (%d, %e) by %t : (tensor<40x8xf32>, tensor<40x8xf32>, !motley.groups<1, 40 of 32>) -> tensor<40x16xf32>
  motley.grouped_outer %s, (%d, %e) into @ab ranges [0, 1] map [0] by %t add %add : tensor<40x16xf32>, (tensor<40x8xf32>, tensor<40x8xf32>), !motley.groups<1, 40 of 32>
  %r = motley.silu %d : tensor<40x8xf32>
  return %dx, %r : tensor<40x16xf32>, tensor<40x8xf32>
}

// -----

// Tests sums: either operand may be the combined one, and of two combines in a sum one takes the other.
// CHECK-LABEL: func.func @sums
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[S:[a-z0-9]+]]: tensor<40x16xf32>
func.func @sums(%x: tensor<32x16xf32>, %s: tensor<40x16xf32>, %t: !motley.groups<2, 40 of 32>) -> (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>) {
  // CHECK-NEXT: %[[A:.*]] = motley.combine_rows %[[S]] by %{{.*}} plus %[[X]]
  // CHECK-NEXT: %[[B:.*]] = motley.combine_rows %[[S]] by %{{.*}} plus %[[X]]
  // CHECK-NEXT: %[[C:.*]] = motley.combine_rows %[[S]] by
  // CHECK-NEXT: %[[D:.*]] = motley.combine_rows %[[S]] by %{{.*}} plus %[[C]]
  // CHECK-NEXT: return %[[A]], %[[B]], %[[D]]
  %a = motley.combine_rows %s by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<32x16xf32>
  %left = arith.addf %a, %x : tensor<32x16xf32>
  %b = motley.combine_rows %s by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<32x16xf32>
  %right = arith.addf %x, %b : tensor<32x16xf32>
  %c = motley.combine_rows %s by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<32x16xf32>
  %d = motley.combine_rows %s by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<32x16xf32>
  %both = arith.addf %d, %c : tensor<32x16xf32>
  return %left, %right, %both : tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>
}
// Tests that a combine that is read twice, one with `otherwise`, and one by a partition leave the sum alone.
// CHECK-LABEL: func.func @other_sums
func.func @other_sums(%x: tensor<32x16xf32>, %s: tensor<40x16xf32>, %t: !motley.groups<2, 40 of 32>, %g: !motley.groups<2, 32>) -> (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>) {
  // CHECK-NOT: plus
  // CHECK-COUNT-3: arith.addf
  %a = motley.combine_rows %s by %t : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>) -> tensor<32x16xf32>
  %twice = arith.addf %a, %x : tensor<32x16xf32>
  %b = motley.combine_rows %s by %t otherwise %x : (tensor<40x16xf32>, !motley.groups<2, 40 of 32>, tensor<32x16xf32>) -> tensor<32x16xf32>
  %or = arith.addf %b, %x : tensor<32x16xf32>
  %c = motley.combine_rows %x by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %partition = arith.addf %c, %x : tensor<32x16xf32>
  // CHECK-NOT: plus
  // CHECK: return
  return %a, %twice, %or, %partition : tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>
}
