// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-plan-recompute{budget=400000}),motley-verify-grouped)' 2>&1 | FileCheck %s
// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-plan-recompute{budget=430000}),motley-verify-grouped)' 2>&1 | FileCheck %s --check-prefix=MAP

motley.modality @text ids 0 to 2048
motley.variable @query : tensor<512x128xf32> init normal 0.02
motley.variable @up : tensor<512x128xf32> init normal 0.02
motley.variable @down : tensor<128x128xf32> init normal 0.02
motley.variable @gain : tensor<128xf32> init constant 1.0
motley.variable @head : tensor<128x1024xf32> init normal 0.02
motley.bank @bank.query [[@query]]
motley.bank @bank.up [[@up]]
motley.bank @bank.down [[@down]]
motley.bank @bank.gain [[@gain]]
motley.bank @bank.head [[@head]]

// Tests what is cheap to compute again: a rotation by way of its norm, whose input is kept, and what an epilogue computes
// from an accumulator that is kept, apart from its product. The norm's statistics come from its clone.
// Where one of them is enough, it is the cheaper one.
// CHECK-LABEL: func.func @accumulate
// MAP-LABEL: func.func @accumulate
func.func @accumulate(%x: tensor<64x512xf32>, %position: tensor<64xi32> {motley.field = #motley.field<position>}, %target: tensor<64xi32> {motley.field = #motley.field<target>}, %live: i32 {motley.field = #motley.field<live>}, %weight: tensor<64xf32> {motley.field = #motley.field<weight>}, %add: i1 {motley.scalar = "add"}, %inverse: f32 {motley.scalar = "inverse_normaliser"}) -> tensor<2x1xf64> {
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  // CHECK: %[[Q:.*]] = motley.grouped_matmul @bank.query
  %q = motley.grouped_matmul @bank.query ranges [0] map [0] (%x) by %t : (tensor<64x512xf32>, !motley.groups<1, 64>) -> tensor<64x128xf32>
  %n, %rms = motley.grouped_norm rms %q, gain @bank.gain map [0] by %t {epsilon = 1.0e-5 : f64} : tensor<64x128xf32>, !motley.groups<1, 64> -> tensor<64x1xf32>
  %r = motley.rope %n at %position {heads = 4 : i64, theta = 1.0e4 : f64} : tensor<64x128xf32>, tensor<64xi32>
  // CHECK: %[[H:.*]]:2 = motley.grouped_matmul @bank.up {{.*}} epilogue
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32):
  // CHECK: motley.yield %[[A]], %{{.*}} : f32, f32
  // CHECK-NOT: motley.map
  %h:2 = motley.grouped_matmul @bank.up ranges [0] map [0] (%x) by %t : (tensor<64x512xf32>, !motley.groups<1, 64>) -> (tensor<64x128xf32>, tensor<64x128xf32>) epilogue {
  ^bb0(%acc: f32):
    %s = motley.silu %acc : f32
    motley.yield %acc, %s : f32, f32
  }
  // CHECK: motley.grouped_matmul @bank.down {{.*}}(%[[H]]#1)
  %y = motley.grouped_matmul @bank.down ranges [0] map [0] (%h#1) by %t extra(%r) : (tensor<64x128xf32>, !motley.groups<1, 64>, tensor<64x128xf32>) -> tensor<64x128xf32> epilogue {
  ^bb0(%acc: f32, %residual: f32):
    %s = arith.addf %acc, %residual : f32
    motley.yield %s : f32
  }
  %seed = motley.scale %weight by %inverse : tensor<64xf32>
  // CHECK: motley.grouped_cross_entropy_backward
  // MAP: motley.grouped_cross_entropy_backward
  %ce, %z, %dy = motley.grouped_cross_entropy_backward @bank.head(%y) by %t targets %target cotangents %seed, %seed add %add {z_loss = 0.0 : f64} : (tensor<64x128xf32>, !motley.groups<1, 64>, tensor<64xi32>, tensor<64xf32>, tensor<64xf32>, i1) -> (tensor<64xf32>, tensor<64xf32>, tensor<64x128xf32>)
  // CHECK: %[[S:.*]] = motley.map(%[[H]]#0) {plan.recomputed}
  // CHECK: motley.silu
  // CHECK: motley.grouped_outer %[[S]]
  // MAP: motley.map{{.*}}plan.recomputed
  // MAP-NOT: plan.recomputed
  motley.grouped_outer %h#1, (%dy) into @bank.down ranges [0] map [0] by %t add %add : tensor<64x128xf32>, (tensor<64x128xf32>), !motley.groups<1, 64>
  %dh = motley.grouped_matmul transposed @bank.down ranges [0] map [0] (%dy) by %t : (tensor<64x128xf32>, !motley.groups<1, 64>) -> tensor<64x128xf32>
  // CHECK: motley.silu_slope %[[H]]#0
  %slope = motley.silu_slope %h#0 : tensor<64x128xf32>
  %da = arith.mulf %dh, %slope : tensor<64x128xf32>
  motley.grouped_outer %x, (%da) into @bank.up ranges [0] map [0] by %t add %add : tensor<64x512xf32>, (tensor<64x128xf32>), !motley.groups<1, 64>
  // CHECK: %[[N:.*]], %[[RMS:.*]] = motley.grouped_norm rms %[[Q]], {{.*}}plan.recomputed
  // CHECK-NEXT: %[[R:.*]] = motley.rope %[[N]] {{.*}}plan.recomputed
  // CHECK-NEXT: arith.mulf %{{.*}}, %[[R]]
  // CHECK: motley.grouped_norm_backward rms %{{.*}}, %[[Q]], %[[RMS]]
  // CHECK-NOT: plan.recomputed
  %dr = arith.mulf %dy, %r : tensor<64x128xf32>
  %dq = motley.grouped_norm_backward rms %dr, %q, %rms into gain @bank.gain map [0] by %t add %add {epsilon = 1.0e-5 : f64} : tensor<64x128xf32>, tensor<64x1xf32>, !motley.groups<1, 64>
  motley.grouped_outer %x, (%dq) into @bank.query ranges [0] map [0] by %t add %add : tensor<64x512xf32>, (tensor<64x128xf32>), !motley.groups<1, 64>
  %sums = motley.loss_sums (%ce, %z) weights %weight targets %target by %t : (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xi32>, !motley.groups<1, 64>) -> tensor<2x1xf64>
  return %sums : tensor<2x1xf64>
}
