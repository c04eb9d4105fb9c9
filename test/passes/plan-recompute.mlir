// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-plan-recompute),motley-verify-grouped)' | FileCheck %s --check-prefix=KEEP
// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-plan-recompute{budget=1000000}),motley-verify-grouped)' 2>&1 | FileCheck %s --check-prefix=KEEP
// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-plan-recompute{budget=560000}),cse,motley-verify-grouped)' 2>&1 | FileCheck %s
// RUN: not motley-opt %s --pass-pipeline='builtin.module(func.func(motley-plan-recompute{budget=400000}))' 2>&1 | FileCheck %s --check-prefix=LEAST
// RUN: sed 's/^module {/module attributes {plan.memory = 560000} {/' %s | motley-opt --pass-pipeline='builtin.module(func.func(motley-plan-recompute))' 2>&1 | FileCheck %s
// RUN: sed 's/^module {/module attributes {plan.memory = 0} {/' %s | not motley-opt --pass-pipeline='builtin.module(func.func(motley-plan-recompute))' 2>&1 | FileCheck %s --check-prefix=ATTRIBUTE

module {
motley.variable @table : tensor<2048x16xf32> init normal 0.02
motley.variable @gain : tensor<16xf32> init constant 1.0
motley.variable @first : tensor<16x128xf32> init normal 0.02
motley.variable @second : tensor<128x16xf32> init normal 0.02
motley.variable @router : tensor<16x4xf32> init normal 0.02
motley.variable @third.0 : tensor<16x128xf32> init normal 0.02
motley.variable @third.1 : tensor<16x128xf32> init normal 0.02
motley.variable @fourth.0 : tensor<128x16xf32> init normal 0.02
motley.variable @fourth.1 : tensor<128x16xf32> init normal 0.02
motley.variable @head : tensor<16x2048xf32> init normal 0.02
motley.modality @text ids 0 to 2048
motley.bank @bank.table [[@table]]
motley.bank @bank.gain [[@gain]]
motley.bank @bank.first [[@first]]
motley.bank @bank.second [[@second]]
motley.bank @bank.router [[@router]]
motley.bank @bank.third [[@third.0], [@third.1]]
motley.bank @bank.fourth [[@fourth.0], [@fourth.1]]
motley.bank @bank.head [[@head]]

// Without a budget, or with one that everything fits into, nothing changes.
// KEEP-NOT: remark
// KEEP-NOT: plan.recomputed

// Tests the message and the numbers: what was asked, what it takes, what is possible.
// LEAST: plan-recompute.mlir:[[# @LINE + 8]]:1: error: the activations of @accumulate do not fit into a memory of 400000 bytes: they take {{[0-9]+}} bytes, and at least {{[0-9]+}} where as much as possible is computed again; allow that much, or take fewer rows
// ATTRIBUTE: error: 'plan.memory' of the module is 0 : i64, expected a number of bytes above 0, as an i64

// Tests what is cloned, what is kept, and that a later CSE leaves both: hidden values of 64 x 128 and of 128 x 128 go, each
// product yields in the forward what the forward reads. Tables, choices, their scores and weights are made once.
// CHECK: remark: @accumulate computes 4 values of 196608 bytes again with {{[0-9]+}} FLOPs, so that activations take about 548120 bytes at once instead of 744216
// CHECK-LABEL: func.func @accumulate
// CHECK-NOT: plan.recomputed
func.func @accumulate(%token: tensor<64xi32> {motley.field = #motley.field<token>}, %target: tensor<64xi32> {motley.field = #motley.field<target>}, %live: i32 {motley.field = #motley.field<live>}, %weight: tensor<64xf32> {motley.field = #motley.field<weight>}, %add: i1 {motley.scalar = "add"}, %inverse: f32 {motley.scalar = "inverse_normaliser"}) -> tensor<2x1xf64> {
  // CHECK: motley.group_by live
  %t = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  %x = motley.grouped_embedding @bank.table(%token) by %t : (tensor<64xi32>, !motley.groups<1, 64>) -> tensor<64x16xf32>
  %n, %rms = motley.grouped_norm rms %x, gain @bank.gain map [0] by %t {epsilon = 1.0e-5 : f64} : tensor<64x16xf32>, !motley.groups<1, 64> -> tensor<64x1xf32>
  // CHECK: %[[FIRST:.*]] = motley.grouped_matmul @bank.first {{.*}} -> tensor<64x128xf32> epilogue
  %a:2 = motley.grouped_matmul @bank.first ranges [0] map [0] (%n) by %t : (tensor<64x16xf32>, !motley.groups<1, 64>) -> (tensor<64x128xf32>, tensor<64x128xf32>) epilogue {
  ^bb0(%acc: f32):
    %s = motley.silu %acc : f32
    motley.yield %acc, %s : f32, f32
  }
  // CHECK: motley.grouped_matmul @bank.second {{.*}}(%[[FIRST]])
  %y = motley.grouped_matmul @bank.second ranges [0] map [0] (%a#1) by %t : (tensor<64x128xf32>, !motley.groups<1, 64>) -> tensor<64x16xf32>
  // CHECK: %[[SCORES:.*]]:2 = motley.grouped_matmul @bank.router
  %p:2 = motley.grouped_matmul @bank.router ranges [0] map [0] (%y) by %t precision f32 : (tensor<64x16xf32>, !motley.groups<1, 64>) -> (tensor<64x4xf32>, tensor<64x4xf32>) epilogue {
  ^bb0(%acc: f32):
    %g = motley.sigmoid %acc : f32
    motley.yield %acc, %g : f32, f32
  }
  // CHECK: motley.choose_experts %[[SCORES]]#0
  %c = motley.choose_experts %p#0 {k = 2 : i64} : (tensor<64x4xf32>) -> tensor<64x4xi32>
  // CHECK: %[[CHOSEN:.*]] = motley.select
  %e = motley.select(%c) counts [2] by %t owner [0] : (tensor<64x4xi32>, !motley.groups<1, 64>) -> !motley.groups<2, 128 of 64>
  // CHECK: %[[WEIGHTS:.*]] = motley.slot_values
  %w = motley.slot_values(%p#1) counts [2] by %e : (tensor<64x4xf32>, !motley.groups<2, 128 of 64>) -> tensor<128xf32>
  // CHECK: %[[HIDDEN:.*]] = motley.grouped_matmul @bank.third {{.*}} gathered by %[[CHOSEN]] extra(%[[WEIGHTS]]) {{.*}} -> tensor<128x128xf32> epilogue
  %h:2 = motley.grouped_matmul @bank.third ranges [0] map [0, 1] (%y) gathered by %e extra(%w) : (tensor<64x16xf32>, !motley.groups<2, 128 of 64>, tensor<128xf32>) -> (tensor<128x128xf32>, tensor<128x128xf32>) epilogue {
  ^bb0(%acc: f32, %gate: f32):
    %s = motley.silu %acc : f32
    %m = arith.mulf %s, %gate : f32
    motley.yield %acc, %m : f32, f32
  }
  %o = motley.grouped_matmul @bank.fourth ranges [0] map [0, 1] (%h#1) by %e : (tensor<128x128xf32>, !motley.groups<2, 128 of 64>) -> tensor<128x16xf32>
  %z = motley.combine_rows %o by %e plus %y : (tensor<128x16xf32>, !motley.groups<2, 128 of 64>, tensor<64x16xf32>) -> tensor<64x16xf32>

  // CHECK: motley.scale
  // CHECK-NOT: motley.choose_experts
  // CHECK-NOT: motley.select
  // CHECK-NOT: = motley.slot_values(
  // CHECK-NOT: grouped_matmul @bank.router
  %seed = motley.scale %weight by %inverse : tensor<64xf32>
  // CHECK: motley.grouped_cross_entropy_backward
  %ce, %zz, %dz = motley.grouped_cross_entropy_backward @bank.head(%z) by %t targets %target cotangents %seed, %seed add %add {z_loss = 0.0 : f64} : (tensor<64x16xf32>, !motley.groups<1, 64>, tensor<64xi32>, tensor<64xf32>, tensor<64xf32>, i1) -> (tensor<64xf32>, tensor<64xf32>, tensor<64x16xf32>)
  // CHECK: %[[AGAIN:.*]]:2 = motley.grouped_matmul @bank.third {{.*}} gathered by %[[CHOSEN]] extra(%[[WEIGHTS]]) {plan.recomputed}
  // CHECK: motley.yield %{{.*}}, %{{.*}} : f32, f32
  // CHECK: motley.grouped_outer %[[AGAIN]]#1
  // CHECK: motley.silu_slope %[[AGAIN]]#0
  // CHECK-NOT: grouped_matmul @bank.second
  // CHECK: transposed @bank.second
  // CHECK-NEXT: %[[OTHER:.*]]:2 = motley.grouped_matmul @bank.first {{.*}} {plan.recomputed}
  // CHECK: motley.grouped_outer %[[OTHER]]#1
  // CHECK-NOT: plan.recomputed
  %dh = motley.grouped_matmul transposed @bank.fourth ranges [0] map [0, 1] (%dz) gathered by %e : (tensor<64x16xf32>, !motley.groups<2, 128 of 64>) -> tensor<128x128xf32>
  motley.grouped_outer %h#1, (%dz) gathered into @bank.fourth ranges [0] map [0, 1] by %e add %add : tensor<128x128xf32>, (tensor<64x16xf32>), !motley.groups<2, 128 of 64>
  %slope = motley.silu_slope %h#0 : tensor<128x128xf32>
  %da = arith.mulf %dh, %slope : tensor<128x128xf32>
  motley.grouped_outer %y gathered, (%da) into @bank.third ranges [0] map [0, 1] by %e add %add : tensor<64x16xf32>, (tensor<128x128xf32>), !motley.groups<2, 128 of 64>
  %dg = motley.grouped_matmul transposed @bank.third ranges [0] map [0, 1] (%da) by %e : (tensor<128x128xf32>, !motley.groups<2, 128 of 64>) -> tensor<128x16xf32>
  %dy = motley.combine_rows %dg by %e plus %dz : (tensor<128x16xf32>, !motley.groups<2, 128 of 64>, tensor<64x16xf32>) -> tensor<64x16xf32>
  %ds = motley.grouped_matmul transposed @bank.second ranges [0] map [0] (%dy) by %t : (tensor<64x16xf32>, !motley.groups<1, 64>) -> tensor<64x128xf32>
  motley.grouped_outer %a#1, (%dy) into @bank.second ranges [0] map [0] by %t add %add : tensor<64x128xf32>, (tensor<64x16xf32>), !motley.groups<1, 64>
  %slope1 = motley.silu_slope %a#0 : tensor<64x128xf32>
  %dp = arith.mulf %ds, %slope1 : tensor<64x128xf32>
  motley.grouped_outer %n, (%dp) into @bank.first ranges [0] map [0] by %t add %add : tensor<64x16xf32>, (tensor<64x128xf32>), !motley.groups<1, 64>
  %dn = motley.grouped_matmul transposed @bank.first ranges [0] map [0] (%dp) by %t : (tensor<64x128xf32>, !motley.groups<1, 64>) -> tensor<64x16xf32>
  %dx = motley.grouped_norm_backward rms %dn, %x, %rms into gain @bank.gain map [0] by %t add %add {epsilon = 1.0e-5 : f64} : tensor<64x16xf32>, tensor<64x1xf32>, !motley.groups<1, 64>
  // CHECK: motley.loss_sums
  %sums = motley.loss_sums (%ce, %zz) weights %weight targets %target by %t : (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xi32>, !motley.groups<1, 64>) -> tensor<2x1xf64>
  return %sums : tensor<2x1xf64>
}
}
