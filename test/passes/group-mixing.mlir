// RUN: motley-opt %s --motley-group-modalities --split-input-file --verify-diagnostics | FileCheck %s
// RUN: motley-opt %s --motley-group-modalities --motley-hoist-groups --motley-keep-grouped-order --motley-fuse-grouped-matmul --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=FUSED

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @t0 : tensor<8x8xf32> init normal 0.02
motley.variable @t1 : tensor<8x8xf32> init normal 0.02
motley.variable @i0 : tensor<8x8xf32> init normal 0.02

// Tests that the soft experts of two cases stand in one table, bodies getting the slots of all, and that the softmax down the
// columns is over the rows of its case. Fused, the three experts are one product.
// CHECK-LABEL: func.func @towers
// CHECK: %[[BASE:.*]] = motley.group_by
// CHECK: %[[T:.*]]:2 = motley.split_groups %{{.*}} by %[[BASE]] owner [0, 1] : (tensor<32x4xf32>
// CHECK: %[[X:.*]]:2 = motley.split_groups %{{.*}} by %[[BASE]] owner [0, 1] : (tensor<32x8xf32>
// CHECK: %[[I:.*]]:2 = motley.split_groups %{{.*}} by %[[BASE]] owner [0, 1] : (tensor<32x3xf32>
// CHECK: %[[D:.*]] = motley.softmax_rows %[[T]]#0 by %[[BASE]] map [0, -1]
// CHECK: %[[ROWS:.*]] = motley.merge_groups %[[X]]#0, %[[X]]#1 by %[[BASE]] owner [0, 1]
// CHECK: %[[SLOTS:.*]] = motley.static_groups [2, 2, 3]
// CHECK: %[[U:.*]] = motley.mix_rows(%[[D]], %[[I]]#1) of %[[ROWS]] by %[[BASE]] owner [0, 1] : {{.*}} -> tensor<7x8xf32>
// CHECK: %[[PART:.*]]:3 = motley.split_groups %[[U]] by %[[SLOTS]] owner [0, 1, 2]
// CHECK: %[[A:.*]] = motley.grouped_matmul @bank.t0 ranges [0] map [0, -1, -1] (%[[PART]]#0) by %[[SLOTS]]
// CHECK: %[[B:.*]] = motley.grouped_matmul @bank.t1 ranges [0] map [-1, 0, -1] (%[[PART]]#1) by %[[SLOTS]]
// CHECK: %[[C:.*]] = motley.grouped_matmul @bank.i0 ranges [0] map [-1, -1, 0] (%[[PART]]#2) by %[[SLOTS]]
// CHECK: %[[V:.*]] = motley.merge_groups %[[A]], %[[B]], %[[C]] by %[[SLOTS]] owner [0, 1, 2]
// CHECK: motley.unmix_rows(%[[T]]#0, %[[I]]#1) of %[[V]] by %[[BASE]] owner [0, 1] : {{.*}} -> tensor<32x8xf32>
// FUSED-LABEL: func.func @towers
// FUSED: %[[U:.*]] = motley.mix_rows
// FUSED-NEXT: %[[V:.*]] = motley.grouped_matmul @bank.t0_t1_i0 ranges [0] map [0, 1, 2] (%[[U]])
// FUSED-NEXT: motley.unmix_rows(%{{.*}}, %{{.*}}) of %[[V]]
func.func @towers(%x: tensor<32x8xf32>, %wt: tensor<32x4xf32>, %wi: tensor<32x3xf32>, %modality: tensor<32xi32> {motley.field = #motley.field<modality>}) -> tensor<32x8xf32> {
  %y = motley.by_modality %modality : tensor<32xi32> -> (tensor<32x8xf32>) {
    %d = motley.softmax_rows %wt : tensor<32x4xf32>
    %z = motley.soft_experts %d, %wt (%x) : (tensor<32x4xf32>, tensor<32x4xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%a: tensor<4x8xf32>):
      %b = motley.linear @t0(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32>
      motley.yield %b : tensor<4x8xf32>
    }, {
    ^bb0(%a: tensor<4x8xf32>):
      %b = motley.linear @t1(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32>
      motley.yield %b : tensor<4x8xf32>
    }
    motley.yield %z : tensor<32x8xf32>
  } case [@text], {
    %z = motley.soft_experts %wi, %wi (%x) : (tensor<32x3xf32>, tensor<32x3xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%a: tensor<3x8xf32>):
      %b = motley.linear @i0(%a) : (tensor<3x8xf32>) -> tensor<3x8xf32>
      motley.yield %b : tensor<3x8xf32>
    }
    motley.yield %z : tensor<32x8xf32>
  } case [@image]
  return %y : tensor<32x8xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @a : tensor<8x8xf32> init normal 0.02

// Tests that a body whose constant says something of each slot keeps its own table, that choices inside go by it, and that rows of
// no soft expert are nobody's.
// CHECK-LABEL: func.func @apart
// CHECK: motley.static_groups [2]
// CHECK: motley.mix_rows(%{{.*}}) of %{{.*}} owner [0, -1]
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00], [2.000000e+00]]>
// CHECK: %[[SLOTS:.*]] = motley.static_groups [4]
// CHECK: motley.mix_rows(%{{.*}}) of %{{.*}} owner [-1, 0]
// CHECK: motley.choose_tokens %{{.*}} index %{{.*}} by %[[SLOTS]] map [0]
func.func @apart(%x: tensor<32x1xf32>, %w: tensor<32x2xf32>, %v: tensor<32x4xf32>, %modality: tensor<32xi32> {motley.field = #motley.field<modality>}) -> tensor<32x1xf32> {
  %y = motley.by_modality %modality : tensor<32xi32> -> (tensor<32x1xf32>) {
    %z = motley.soft_experts %w, %w (%x) : (tensor<32x2xf32>, tensor<32x2xf32>, tensor<32x1xf32>) -> tensor<32x1xf32> {
    ^bb0(%a: tensor<2x1xf32>):
      %c = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
      %b = arith.mulf %a, %c : tensor<2x1xf32>
      motley.yield %b : tensor<2x1xf32>
    }
    motley.yield %z : tensor<32x1xf32>
  } case [@text], {
    %z = motley.soft_experts %v, %v (%x) : (tensor<32x4xf32>, tensor<32x4xf32>, tensor<32x1xf32>) -> tensor<32x1xf32> {
    ^bb0(%a: tensor<4x1xf32>):
      %i = arith.constant dense<0> : tensor<4xi32>
      %c = motley.choose_tokens %a index %i {capacity = 0.5 : f64} : (tensor<4x1xf32>, tensor<4xi32>) -> tensor<4x1xi32>
      %b = arith.sitofp %c : tensor<4x1xi32> to tensor<4x1xf32>
      motley.yield %b : tensor<4x1xf32>
    }
    motley.yield %z : tensor<32x1xf32>
  } case [@image]
  return %y : tensor<32x1xf32>
}

// -----

motley.modality @text ids 0 to 24

// Tests that slots are of no document.
func.func @documents(%x: tensor<32x1xf32>, %w: tensor<32x2xf32>) -> tensor<32x1xf32> {
  %y = motley.soft_experts %w, %w (%x) : (tensor<32x2xf32>, tensor<32x2xf32>, tensor<32x1xf32>) -> tensor<32x1xf32> {
  ^bb0(%a: tensor<2x1xf32>):
    %d = arith.constant dense<0> : tensor<2xi32>
    // expected-error @below {{goes by documents inside of an expert, where a row may stand several times}}
    %b = motley.mean_rows %a documents %d : (tensor<2x1xf32>, tensor<2xi32>) -> tensor<2x1xf32>
    motley.yield %b : tensor<2x1xf32>
  }
  return %y : tensor<32x1xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40

// Tests that a value of one number a row is split, and merged, as matrices are.
// CHECK-LABEL: func.func @numbers
// CHECK: %[[S:.*]]:2 = motley.split_groups %{{.*}} owner [0, 1] : (tensor<32xf32>, !motley.groups<2, 32>) -> (tensor<32xf32>, tensor<32xf32>)
// CHECK: %[[A:.*]] = arith.addf %[[S]]#0, %[[S]]#0
// CHECK: %[[B:.*]] = arith.mulf %[[S]]#1, %[[S]]#1
// CHECK: motley.merge_groups %[[A]], %[[B]] by %{{.*}} owner [0, 1] : (tensor<32xf32>, tensor<32xf32>, !motley.groups<2, 32>) -> tensor<32xf32>
func.func @numbers(%s: tensor<32xf32>, %modality: tensor<32xi32> {motley.field = #motley.field<modality>}) -> tensor<32xf32> {
  %y = motley.by_modality %modality : tensor<32xi32> -> (tensor<32xf32>) {
    %t = arith.addf %s, %s : tensor<32xf32>
    motley.yield %t : tensor<32xf32>
  } case [@text], {
    %t = arith.mulf %s, %s : tensor<32xf32>
    motley.yield %t : tensor<32xf32>
  } case [@image]
  return %y : tensor<32xf32>
}
