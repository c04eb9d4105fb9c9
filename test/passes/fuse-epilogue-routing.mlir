// What routing adds to epilogues: factors of rows, sums over columns, and products that the backward computes again.
//
// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-fuse-epilogue))' --split-input-file | FileCheck %s

motley.variable @g : tensor<16x40xf32> init normal 0.02
motley.variable @u : tensor<16x40xf32> init normal 0.02
motley.bank @gu [[@g, @u]]

// Tests that a value for each row is an extra of that shape; it is not broadcast in memory.
// CHECK-LABEL: func.func @row_factor
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[W:[a-z0-9]+]]: tensor<32xf32>
func.func @row_factor(%x: tensor<32x16xf32>, %w: tensor<32xf32>, %t: !motley.groups<1, 32>) -> tensor<32x40xf32> {
  // CHECK-NOT: motley.row_broadcast
  // CHECK: %[[H:.*]] = motley.grouped_matmul @gu {{.*}} extra(%[[W]]) : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xf32>) -> tensor<32x40xf32> epilogue {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[F:.*]]: f32):
  // CHECK-NEXT: %[[M:.*]] = arith.mulf %[[A]], %[[B]] : f32
  // CHECK-NEXT: %[[FM:.*]] = arith.mulf %[[M]], %[[F]] : f32
  // CHECK-NEXT: motley.yield %[[FM]] : f32
  %a:2 = motley.grouped_matmul @gu ranges [0, 1] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> (tensor<32x40xf32>, tensor<32x40xf32>)
  %wide = motley.row_broadcast %w : tensor<32xf32> -> tensor<32x40xf32>
  %m = arith.mulf %a#0, %a#1 : tensor<32x40xf32>
  %y = arith.mulf %m, %wide : tensor<32x40xf32>
  return %y : tensor<32x40xf32>
}

// Tests that a factor that is only known behind the product stays out.
// CHECK-LABEL: func.func @late_factor
func.func @late_factor(%x: tensor<32x16xf32>, %t: !motley.groups<1, 32>) -> tensor<32x40xf32> {
  // CHECK: %[[A:.*]]:2 = motley.grouped_matmul @gu ranges [0, 1] map [0] (%{{.*}}) by %{{.*}} : (tensor<32x16xf32>, !motley.groups<1, 32>) -> (tensor<32x40xf32>, tensor<32x40xf32>)
  // CHECK-NEXT: %[[W:.*]] = motley.log_sum_exp %[[A]]#1
  // CHECK-NEXT: %[[WIDE:.*]] = motley.row_broadcast %[[W]]
  // CHECK-NEXT: arith.mulf %[[A]]#0, %[[WIDE]] : tensor<32x40xf32>
  %a:2 = motley.grouped_matmul @gu ranges [0, 1] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> (tensor<32x40xf32>, tensor<32x40xf32>)
  %w = motley.log_sum_exp %a#1 : tensor<32x40xf32> -> tensor<32xf32>
  %wide = motley.row_broadcast %w : tensor<32xf32> -> tensor<32x40xf32>
  %y = arith.mulf %a#0, %wide : tensor<32x40xf32>
  return %y : tensor<32x40xf32>
}

// Tests sums over columns: the epilogue sums 32 columns at a time, 40 of them are two panels, and the row_sum sums those. A sum of
// an accumulator goes the same way; the summed tensor is not stored.
// CHECK-LABEL: func.func @panel_sums
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[Y:[a-z0-9]+]]: tensor<32x40xf32>
func.func @panel_sums(%x: tensor<32x16xf32>, %y: tensor<32x40xf32>, %t: !motley.groups<1, 32>) -> (tensor<32xf32>, tensor<32xf32>) {
  // CHECK: %[[P:.*]]:2 = motley.grouped_matmul @gu {{.*}} extra(%[[Y]]) {{.*}} -> (tensor<32x2xf32>, tensor<32x2xf32>) epilogue {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[E:.*]]: f32):
  // CHECK-NEXT: %[[M:.*]] = arith.mulf %[[A]], %[[E]] : f32
  // CHECK-NEXT: motley.yield %[[M]], %[[B]] : f32, f32
  // CHECK: %[[S:.*]] = motley.row_sum %[[P]]#0 : tensor<32x2xf32> -> tensor<32xf32>
  // CHECK: %[[R:.*]] = motley.row_sum %[[P]]#1 : tensor<32x2xf32> -> tensor<32xf32>
  // CHECK: return %[[S]], %[[R]]
  %a:2 = motley.grouped_matmul @gu ranges [0, 1] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> (tensor<32x40xf32>, tensor<32x40xf32>)
  %m = arith.mulf %a#0, %y : tensor<32x40xf32>
  %s = motley.row_sum %m : tensor<32x40xf32> -> tensor<32xf32>
  %r = motley.row_sum %a#1 : tensor<32x40xf32> -> tensor<32xf32>
  return %s, %r : tensor<32xf32>, tensor<32xf32>
}

// Tests that what is summed is stored where something else reads it, beside its sums.
// CHECK-LABEL: func.func @summed_and_read
func.func @summed_and_read(%x: tensor<32x16xf32>, %y: tensor<32x40xf32>, %t: !motley.groups<1, 32>) -> (tensor<32xf32>, tensor<32x40xf32>) {
  // CHECK: %[[P:.*]]:2 = motley.grouped_matmul @gu {{.*}} -> (tensor<32x40xf32>, tensor<32x2xf32>) epilogue {
  // CHECK: %[[S:.*]] = motley.row_sum %[[P]]#1
  // CHECK: return %[[S]], %[[P]]#0
  %a:2 = motley.grouped_matmul @gu ranges [0, 1] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> (tensor<32x40xf32>, tensor<32x40xf32>)
  %m = arith.mulf %a#0, %a#1 : tensor<32x40xf32>
  %s = motley.row_sum %m : tensor<32x40xf32> -> tensor<32xf32>
  return %s, %m : tensor<32xf32>, tensor<32x40xf32>
}

// -----

motley.variable @g : tensor<16x40xf32> init normal 0.02
motley.variable @u : tensor<16x40xf32> init normal 0.02
motley.variable @d : tensor<40x16xf32> init normal 0.02
motley.bank @gu [[@g, @u]]
motley.bank @down [[@d]]

// Tests an expert with a gate, forward and backward. The forward keeps gate, up and the weighted product; h = silu(gate) up without the
// gate's factor, of which the gradient of the factor is made, is computed again in the backward and stored nowhere.
// CHECK-LABEL: func.func @expert
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[W:[a-z0-9]+]]: tensor<32xf32>
func.func @expert(%x: tensor<32x16xf32>, %w: tensor<32xf32>, %seed: tensor<32xf32>, %inv: f32 {motley.scalar = "inverse_normaliser"}, %dy: tensor<32x16xf32>, %t: !motley.groups<1, 32>) -> (tensor<32x16xf32>, tensor<32xf32>, tensor<32x40xf32>, tensor<32xf32>) {
  // CHECK: %[[H:.*]]:3 = motley.grouped_matmul @gu {{.*}} extra(%[[W]])
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[F:.*]]: f32):
  // CHECK-NEXT: %[[S:.*]] = motley.silu %[[A]] : f32
  // CHECK-NEXT: %[[M:.*]] = arith.mulf %[[S]], %[[B]] : f32
  // CHECK-NEXT: %[[FM:.*]] = arith.mulf %[[M]], %[[F]] : f32
  // CHECK-NEXT: motley.yield %[[A]], %[[B]], %[[FM]] : f32, f32, f32
  // CHECK: motley.grouped_matmul @down ranges [0] map [0] (%[[H]]#2)
  %a:2 = motley.grouped_matmul @gu ranges [0, 1] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> (tensor<32x40xf32>, tensor<32x40xf32>)
  %s = motley.silu %a#0 : tensor<32x40xf32>
  %h = arith.mulf %s, %a#1 : tensor<32x40xf32>
  %wide = motley.row_broadcast %w : tensor<32xf32> -> tensor<32x40xf32>
  %wh = arith.mulf %h, %wide : tensor<32x40xf32>
  %y = motley.grouped_matmul @down ranges [0] map [0] (%wh) by %t : (tensor<32x40xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // CHECK: motley.scale
  %scaled = motley.scale %seed by %inv : tensor<32xf32>
  // CHECK: %[[D:.*]]:2 = motley.grouped_matmul transposed @down {{.*}} extra(%[[H]]#0, %[[H]]#1, %[[W]]) {{.*}} -> (tensor<32x40xf32>, tensor<32x2xf32>) epilogue {
  // CHECK-NEXT: ^bb0(%[[DH:.*]]: f32, %[[GATE:.*]]: f32, %[[UP:.*]]: f32, %[[FACTOR:.*]]: f32):
  // CHECK: %[[SILU:.*]] = motley.silu %[[GATE]] : f32
  // CHECK: %[[AGAIN:.*]] = arith.mulf %[[SILU]], %[[UP]] : f32
  // CHECK: %[[DW:.*]] = arith.mulf %[[DH]], %[[AGAIN]] : f32
  // CHECK: %[[DM:.*]] = arith.mulf %[[DH]], %[[FACTOR]] : f32
  // CHECK: motley.yield %[[DM]], %[[DW]] : f32, f32
  // CHECK: motley.row_sum %[[D]]#1 : tensor<32x2xf32> -> tensor<32xf32>
  %dwh = motley.grouped_matmul transposed @down ranges [0] map [0] (%dy) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x40xf32>
  %dwide = arith.mulf %dwh, %h : tensor<32x40xf32>
  %dw = motley.row_sum %dwide : tensor<32x40xf32> -> tensor<32xf32>
  %dh = arith.mulf %dwh, %wide : tensor<32x40xf32>
  return %y, %dw, %dh, %scaled : tensor<32x16xf32>, tensor<32xf32>, tensor<32x40xf32>, tensor<32xf32>
}
