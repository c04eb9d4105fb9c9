// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-fuse-epilogue))' --split-input-file | FileCheck %s

motley.variable @g : tensor<16x8xf32> init normal 0.02
motley.variable @u : tensor<16x8xf32> init normal 0.02
motley.variable @d : tensor<8x16xf32> init normal 0.02
motley.bank @gu [[@g, @u]]
motley.bank @down [[@d]]

// Tests SwiGLU and the residual: both chains sit in the products, and only what is read leaves.
// CHECK-LABEL: func.func @ffn
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>
func.func @ffn(%x: tensor<32x16xf32>, %live: i32) -> tensor<32x16xf32> {
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: %[[H:.*]] = motley.grouped_matmul @gu ranges [0, 1] map [0] (%[[X]]) {{.*}} -> tensor<32x8xf32> epilogue {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
  // CHECK-NEXT: %[[S:.*]] = motley.silu %[[A]] : f32
  // CHECK-NEXT: %[[M:.*]] = arith.mulf %[[S]], %[[B]] : f32
  // CHECK-NEXT: motley.yield %[[M]] : f32
  %a:2 = motley.grouped_matmul @gu ranges [0, 1] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> (tensor<32x8xf32>, tensor<32x8xf32>)
  %s = motley.silu %a#0 : tensor<32x8xf32>
  %m = arith.mulf %s, %a#1 : tensor<32x8xf32>
  // CHECK: motley.grouped_matmul @down ranges [0] map [0] (%[[H]]) by %{{.*}} extra(%[[X]])
  // CHECK: arith.addf %{{.*}}, %{{.*}} : f32
  %y = motley.grouped_matmul @down ranges [0] map [0] (%m) by %t : (tensor<32x8xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %r = arith.addf %x, %y : tensor<32x16xf32>
  // CHECK-NOT: arith.addf %{{.*}} : tensor
  return %r : tensor<32x16xf32>
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests the border between forward and backward: the slope of a forward value is not pulled into the forward product, it is
// computed again in the product of the backward; the activation is not stored.
// CHECK-LABEL: func.func @border
func.func @border(%x: tensor<32x16xf32>, %w: tensor<32xf32>, %inv: f32 {motley.scalar = "inverse_normaliser"}, %live: i32) -> (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32xf32>) {
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: %[[A:.*]]:2 = motley.grouped_matmul @bank.w
  // CHECK: %[[S:.*]] = motley.silu
  // CHECK: motley.yield %{{.*}}, %[[S]]
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %s = motley.silu %a : tensor<32x16xf32>
  // CHECK: motley.scale
  %seed = motley.scale %w by %inv : tensor<32xf32>
  // CHECK: motley.grouped_matmul transposed @bank.w {{.*}} extra(%[[A]]#0)
  // CHECK: motley.silu_slope %{{.*}} : f32
  %d = motley.grouped_matmul transposed @bank.w ranges [0] map [0] (%s) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %slope = motley.silu_slope %a : tensor<32x16xf32>
  %da = arith.mulf %d, %slope : tensor<32x16xf32>
  return %s, %da, %seed : tensor<32x16xf32>, tensor<32x16xf32>, tensor<32xf32>
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests what is left alone: an operand that is made behind the product, a shape that is not the product's.
// CHECK-LABEL: func.func @alone
func.func @alone(%x: tensor<32x16xf32>, %live: i32) -> tensor<32x16xf32> {
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: motley.grouped_matmul @bank.w
  // CHECK-NOT: epilogue
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %b = motley.gather_rows %x by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // CHECK: arith.addf %{{.*}} : tensor<32x16xf32>
  %c = arith.addf %a, %b : tensor<32x16xf32>
  return %c : tensor<32x16xf32>
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.variable @v : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]
motley.bank @bank.v [[@v]]

// Tests an activation of the user's own, and its adjoint: the forward keeps the accumulator alone, the backward computes from it.
// CHECK-LABEL: func.func @own
func.func @own(%x: tensor<32x16xf32>, %w: tensor<32xf32>, %inv: f32 {motley.scalar = "inverse_normaliser"}, %live: i32) -> (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32xf32>) {
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: %[[A:.*]]:2 = motley.grouped_matmul @bank.w {{.*}} epilogue {
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32):
  // CHECK-NEXT: %[[S:.*]] = math.sin %[[ACC]] : f32
  // CHECK-NEXT: motley.yield %[[ACC]], %[[S]] : f32, f32
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %s = motley.map (%a) : (tensor<32x16xf32>) -> tensor<32x16xf32> {
  ^bb0(%e: f32):
    %f = math.sin %e : f32
    motley.yield %f : f32
  }
  %seed = motley.scale %w by %inv : tensor<32xf32>
  // CHECK: motley.grouped_matmul transposed @bank.v {{.*}} extra(%[[A]]#0)
  // CHECK-NEXT: ^bb0(%[[DS:.*]]: f32, %[[E:.*]]: f32):
  // CHECK-NEXT: %[[C:.*]] = math.cos %[[E]] : f32
  // CHECK-NEXT: %[[D:.*]] = arith.mulf %[[DS]], %[[C]] : f32
  // CHECK-NEXT: motley.yield %[[D]] : f32
  // CHECK-NOT: motley.map
  %ds = motley.grouped_matmul transposed @bank.v ranges [0] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %da = motley.map (%a, %ds) : (tensor<32x16xf32>, tensor<32x16xf32>) -> tensor<32x16xf32> {
  ^bb0(%e: f32, %d: f32):
    %c = math.cos %e : f32
    %g = arith.mulf %d, %c : f32
    motley.yield %g : f32
  }
  return %s, %da, %seed : tensor<32x16xf32>, tensor<32x16xf32>, tensor<32xf32>
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests a map of several results: all leave the product that feeds it.
// CHECK-LABEL: func.func @results
func.func @results(%x: tensor<32x16xf32>, %y: tensor<32x16xf32>, %live: i32) -> (tensor<32x16xf32>, tensor<32x16xf32>) {
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: %[[R:.*]]:2 = motley.grouped_matmul @bank.w {{.*}} extra(%{{.*}}) {{.*}} epilogue {
  // CHECK: return %[[R]]#0, %[[R]]#1
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %r:2 = motley.map (%y, %a) : (tensor<32x16xf32>, tensor<32x16xf32>) -> (tensor<32x16xf32>, tensor<32x16xf32>) {
  ^bb0(%e: f32, %d: f32):
    %c = arith.addf %e, %d : f32
    %g = arith.mulf %d, %c : f32
    motley.yield %c, %g : f32, f32
  }
  return %r#0, %r#1 : tensor<32x16xf32>, tensor<32x16xf32>
}

// -----

motley.variable @w : tensor<16x3xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests that the sum of each row stays outside of a forward product where no result is as wide as the matrix: nothing else tells
// its columns.
// CHECK-LABEL: func.func @sums
func.func @sums(%x: tensor<32x16xf32>, %live: i32) -> (tensor<32xf32>, tensor<32xf32>, tensor<32x3xf32>) {
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: %[[A:.*]] = motley.grouped_matmul @bank.w {{.*}} -> tensor<32x3xf32> epilogue {
  // CHECK: motley.row_sum %[[A]] : tensor<32x3xf32> -> tensor<32xf32>
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x3xf32>
  %s = motley.sigmoid %a : tensor<32x3xf32>
  %r = motley.row_sum %s : tensor<32x3xf32> -> tensor<32xf32>
  // CHECK: %[[B:.*]]:2 = motley.grouped_matmul @bank.w {{.*}} -> (tensor<32x3xf32>, tensor<32x1xf32>) epilogue {
  // CHECK: motley.row_sum %[[B]]#1 : tensor<32x1xf32> -> tensor<32xf32>
  %b = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %t : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x3xf32>
  %u = motley.sigmoid %b : tensor<32x3xf32>
  %q = motley.row_sum %u : tensor<32x3xf32> -> tensor<32xf32>
  return %r, %q, %u : tensor<32xf32>, tensor<32xf32>, tensor<32x3xf32>
}
