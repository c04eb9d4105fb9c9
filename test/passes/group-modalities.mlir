// RUN: motley-opt %s --motley-group-modalities --split-input-file --verify-diagnostics | FileCheck %s

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @w : tensor<16x8xf32> init normal 0.02
motley.variable @text.v : tensor<16x8xf32> init normal 0.02
motley.variable @image.v : tensor<16x8xf32> init normal 0.02

// Tests that a variable gets a bank of its own beside its declaration.
// CHECK: motley.variable @w
// CHECK-NEXT: motley.bank @bank.w {{\[\[}}@w]]

// Tests that an operation outside of by_modality meets the same member in every group of the base partition, between a
// gather and a combine, and that a missing `live` argument is added.
// CHECK-LABEL: func.func @both
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[M:[a-z0-9]+]]: tensor<32xi32> {motley.field = #motley.field<modality>}, %[[LIVE:[a-z0-9]+]]: i32 {motley.field = #motley.field<live>}
func.func @both(%x: tensor<32x16xf32>, %m: tensor<32xi32> {motley.field = #motley.field<modality>}) -> (tensor<32x8xf32>, tensor<32x8xf32>) {
  // CHECK: %[[G:.*]] = motley.group_by %[[M]] live %[[LIVE]] : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  // CHECK: %[[S:.*]] = motley.gather_rows %[[X]] by %[[G]]
  // CHECK: %[[P:.*]] = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%[[S]]) by %[[G]]
  // CHECK: motley.combine_rows %[[P]] by %[[G]]
  %y = motley.linear @w(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
  // CHECK: %[[SPLIT:.*]]:2 = motley.split_groups %{{.*}} by %[[H:.*]] owner [0, 1]
  // CHECK: %[[T:.*]] = motley.grouped_matmul @bank.text.v ranges [0] map [0, -1] (%[[SPLIT]]#0) by %[[H]]
  // CHECK: %[[I:.*]] = motley.grouped_matmul @bank.image.v ranges [0] map [-1, 0] (%[[SPLIT]]#1) by %[[H]]
  // CHECK: motley.merge_groups %[[T]], %[[I]] by %[[H]] owner [0, 1]
  %z = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %t = motley.linear @text.v(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
    motley.yield %t : tensor<32x8xf32>
  } case [@text], {
    %i = motley.linear @image.v(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
    motley.yield %i : tensor<32x8xf32>
  } case [@image]
  return %y, %z : tensor<32x8xf32>, tensor<32x8xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.modality @speech ids 40 to 50
motley.variable @a : tensor<16x8xf32> init normal 0.02
motley.variable @b : tensor<16x8xf32> init normal 0.02

// Tests that a tower shared by two modalities maps both groups to one member.
// CHECK-LABEL: func.func @shared_tower
func.func @shared_tower(%x: tensor<32x16xf32>, %m: tensor<32xi32>) -> tensor<32x8xf32> {
  // CHECK: motley.split_groups %{{.*}} owner [0, 1, 0]
  // CHECK: motley.grouped_matmul @bank.a ranges [0] map [0, -1, 0]
  // CHECK: motley.grouped_matmul @bank.b ranges [0] map [-1, 0, -1]
  %z = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %t = motley.linear @a(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
    motley.yield %t : tensor<32x8xf32>
  } case [@text, @speech], {
    %i = motley.linear @b(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
    motley.yield %i : tensor<32x8xf32>
  } case [@image]
  return %z : tensor<32x8xf32>
}

// -----

motley.variable @w : tensor<16x8xf32> init normal 0.02

// Tests that without by_modality all live rows are one group, and that functions without operations of level 1 are left alone.
// CHECK-LABEL: func.func @dense
// CHECK: motley.group_by live %{{.*}} : (i32) -> !motley.groups<1, 32>
func.func @dense(%x: tensor<32x16xf32>) -> tensor<32x8xf32> {
  %y = motley.linear @w(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
  return %y : tensor<32x8xf32>
}
// CHECK-LABEL: func.func @alone(%{{.*}}: tensor<32x16xf32>) ->
// CHECK-NEXT: return
func.func @alone(%x: tensor<32x16xf32>) -> tensor<32x16xf32> {
  return %x : tensor<32x16xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.variable @w : tensor<16x8xf32> init normal 0.02

func.func @two_partitions(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %n: tensor<32xi32>) {
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %t = motley.linear @w(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
    motley.yield %t : tensor<32x8xf32>
  } case [@text]
  // expected-error @+1 {{goes by other modalities than an earlier one of this function; a function has one base partition}}
  %z = motley.by_modality %n : tensor<32xi32> -> (tensor<32x8xf32>) {
    %t = motley.linear @w(%x) : (tensor<32x16xf32>) -> tensor<32x8xf32>
    motley.yield %t : tensor<32x8xf32>
  } case [@text]
  return
}
