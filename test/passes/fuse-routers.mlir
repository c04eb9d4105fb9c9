// RUN: motley-opt %s --motley-fuse-grouped-matmul --split-input-file | FileCheck %s

motley.variable @text : tensor<16x4xf32> init normal 0.02
motley.variable @image : tensor<16x4xf32> init normal 0.02
motley.bank @bank.text [[@text]]
motley.bank @bank.image [[@image]]

// Tests that the routers of two modalities are one product though nothing merges their scores: gates of one table come from one
// operation, and whoever reads one branch alone (a choice) reads it through split_groups.
// CHECK: motley.bank @bank.text_image {{\[\[}}@text], [@image]]
// CHECK-LABEL: func.func @routers
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[I:[a-z0-9]+]]: tensor<32xi32>, %[[G:[a-z0-9]+]]: !motley.groups<2, 32>
func.func @routers(%x: tensor<32x16xf32>, %i: tensor<32xi32>, %g: !motley.groups<2, 32>) -> tensor<40xf32> {
  // CHECK: %[[S:.*]] = motley.grouped_matmul @bank.text_image ranges [0] map [0, 1] (%[[X]]) by %[[G]] precision f32
  // CHECK: %[[SCORES:.*]]:2 = motley.split_groups %[[S]] by %[[G]] owner [0, 1]
  // CHECK: %[[P:.*]] = motley.sigmoid %[[S]]
  // CHECK: %[[GATES:.*]]:2 = motley.split_groups %[[P]] by %[[G]] owner [0, 1]
  // CHECK: %[[CT:.*]] = motley.choose_tokens %[[SCORES]]#0 {{.*}} map [0, -1]
  // CHECK: %[[CI:.*]] = motley.choose_tokens %[[SCORES]]#1 {{.*}} map [-1, 0]
  // CHECK: %[[T:.*]] = motley.select(%[[CT]], %[[CI]])
  // CHECK: motley.slot_values(%[[GATES]]#0, %[[GATES]]#1) counts [4, 4] by %[[T]]
  // CHECK-NOT: motley.merge_groups
  %b:2 = motley.split_groups %x by %g owner [0, 1] : (tensor<32x16xf32>, !motley.groups<2, 32>) -> (tensor<32x16xf32>, tensor<32x16xf32>)
  %st = motley.grouped_matmul @bank.text ranges [0] map [0, -1] (%b#0) by %g precision f32 : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x4xf32>
  %pt = motley.sigmoid %st : tensor<32x4xf32>
  %ct = motley.choose_tokens %st index %i by %g map [0, -1] {capacity = 0.25 : f64} : (tensor<32x4xf32>, tensor<32xi32>, !motley.groups<2, 32>) -> tensor<32x4xi32>
  %si = motley.grouped_matmul @bank.image ranges [0] map [-1, 0] (%b#1) by %g precision f32 : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x4xf32>
  %pi = motley.sigmoid %si : tensor<32x4xf32>
  %ci = motley.choose_tokens %si index %i by %g map [-1, 0] {capacity = 0.25 : f64} : (tensor<32x4xf32>, tensor<32xi32>, !motley.groups<2, 32>) -> tensor<32x4xi32>
  %t = motley.select (%ct, %ci) counts [4, 4] by %g owner [0, 1] : (tensor<32x4xi32>, tensor<32x4xi32>, !motley.groups<2, 32>) -> !motley.groups<8, 40 of 32>
  %w = motley.slot_values (%pt, %pi) counts [4, 4] by %t : (tensor<32x4xf32>, tensor<32x4xf32>, !motley.groups<8, 40 of 32>) -> tensor<40xf32>
  return %w : tensor<40xf32>
}

// -----

motley.variable @text : tensor<16x4xf32> init normal 0.02
motley.variable @image : tensor<16x2xf32> init normal 0.02
motley.variable @speech : tensor<16x2xf32> init normal 0.02
motley.bank @bank.text [[@text]]
motley.bank @bank.image [[@image]]
motley.bank @bank.speech [[@speech]]

// Tests that routers of different widths, and gates of which one is a product and the other an activation, stay apart.
// CHECK-LABEL: func.func @apart
// CHECK-COUNT-2: motley.grouped_matmul
// CHECK-NOT: motley.split_groups
func.func @apart(%x: tensor<32x16xf32>, %i: tensor<32xi32>, %g: !motley.groups<2, 32>, %c: tensor<32x4xi32>, %d: tensor<32x2xi32>) -> tensor<40xf32> {
  %st = motley.grouped_matmul @bank.text ranges [0] map [0, -1] (%x) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x4xf32>
  %si = motley.grouped_matmul @bank.image ranges [0] map [-1, 0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x2xf32>
  %t = motley.select (%c, %d) counts [4, 2] by %g owner [0, 1] : (tensor<32x4xi32>, tensor<32x2xi32>, !motley.groups<2, 32>) -> !motley.groups<6, 40 of 32>
  %w = motley.slot_values (%st, %si) counts [4, 2] by %t : (tensor<32x4xf32>, tensor<32x2xf32>, !motley.groups<6, 40 of 32>) -> tensor<40xf32>
  return %w : tensor<40xf32>
}
// CHECK-LABEL: func.func @unlike
// CHECK-COUNT-2: motley.grouped_matmul
// CHECK-NOT: motley.split_groups
func.func @unlike(%x: tensor<32x16xf32>, %i: tensor<32xi32>, %g: !motley.groups<2, 32>, %d: tensor<32x2xi32>) -> tensor<40xf32> {
  %st = motley.grouped_matmul @bank.speech ranges [0] map [0, -1] (%x) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x2xf32>
  %si = motley.grouped_matmul @bank.image ranges [0] map [-1, 0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x2xf32>
  %pi = motley.relu %si : tensor<32x2xf32>
  %t = motley.select (%d, %d) counts [2, 2] by %g owner [0, 1] : (tensor<32x2xi32>, tensor<32x2xi32>, !motley.groups<2, 32>) -> !motley.groups<4, 40 of 32>
  %w = motley.slot_values (%st, %pi) counts [2, 2] by %t : (tensor<32x2xf32>, tensor<32x2xf32>, !motley.groups<4, 40 of 32>) -> tensor<40xf32>
  return %w : tensor<40xf32>
}
