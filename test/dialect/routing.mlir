// RUN: motley-opt %s | motley-opt | FileCheck %s

// Tests the forms of routing that the examples of the descriptions don't show.

!x = tensor<4x3xf32>
!c = tensor<4x3xi32>
!i = tensor<4xi32>
!G = !motley.groups<2, 4>
!D = !motley.groups<4, 4>

motley.variable @w : tensor<3x3xf32> init normal 0.02

// Tests scopes of both levels.
// CHECK-LABEL: @scopes
func.func @scopes(%x: !x, %c: !c, %i: !i, %d: !i, %g: !G, %o: !D) {
  // CHECK: motley.mean_rows %{{.*}} documents %{{.*}} : (tensor<4x3xf32>, tensor<4xi32>) -> tensor<4x3xf32>
  %a = motley.mean_rows %x documents %d : (!x, !i) -> !x
  // CHECK: motley.mean_rows %{{.*}} by %{{.*}} map [0, -1] over %{{.*}} : (tensor<4x3xf32>, !motley.groups<2, 4>, !motley.groups<4, 4>) -> tensor<4x3xf32>
  %b = motley.mean_rows %x by %g map [0, -1] over %o : (!x, !G, !D) -> !x
  // CHECK: motley.choose_tokens %{{.*}} index %{{.*}} documents %{{.*}} {capacity = 1.000000e+00 : f64}
  %e = motley.choose_tokens %x index %i documents %d {capacity = 1.0 : f64} : (!x, !i, !i) -> !c
  // CHECK: motley.limit_capacity position %{{.*}} scores %{{.*}} index %{{.*}} documents %{{.*}} {capacity = 2.500000e-01 : f64}
  %f = motley.limit_capacity position %c scores %x index %i documents %d {capacity = 0.25 : f64} : (!c, !x, !i, !i) -> !c
  // CHECK: motley.limit_capacity reroute %{{.*}} scores %{{.*}} index %{{.*}} by %{{.*}} map [-1, 0] over %{{.*}} {capacity
  %h = motley.limit_capacity reroute %c scores %x index %i by %g map [-1, 0] over %o {capacity = 0.25 : f64} : (!c, !x, !i, !G, !D) -> !c
  return
}

// Tests that a row may be forbidden experts, and the kinds of noise.
// CHECK-LABEL: @scores
func.func @scores(%x: !x, %c: !c, %i: !i, %seed: i64, %step: i64) {
  // CHECK: motley.choose_experts %{{.*}} allowed %{{.*}} {k = 3 : i64} : (tensor<4x3xf32>, tensor<4x3xi32>) -> tensor<4x3xi32>
  %a = motley.choose_experts %x allowed %c {k = 3 : i64} : (!x, !c) -> !c
  // CHECK: motley.noise uniform at %{{.*}} {site = 4294967295 : i64} : (tensor<4xi32>) -> tensor<4x3xf32>
  %b = motley.noise uniform at %i {site = 4294967295 : i64} : (!i) -> !x
  // CHECK: motley.linear @w(%{{.*}}) precision f32 : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %d = motley.linear @w(%x) precision f32 : (!x) -> !x
  return
}

// Tests that an expert may read several inputs, integers too, that a column may have no body, that experts nest, and that values
// of rows may be constants from above.
// CHECK-LABEL: @nested
func.func @nested(%x: !x, %c: !c, %i: !i) {
  %one = arith.constant dense<1> : tensor<9x3xi32>
  // CHECK: motley.experts %{{.*}} (%{{.*}}, %{{.*}}) : (tensor<4x3xi32>, tensor<4x3xf32>, tensor<4xi32>) -> tensor<4x3xf32> {
  %y = motley.experts %c (%x, %i) : (!c, !x, !i) -> !x {
  ^bb0(%a: tensor<9x3xf32>, %j: tensor<9xi32>):
    %d = motley.one_hot %j : (tensor<9xi32>) -> tensor<9x3xi32>
    %s = arith.sitofp %one : tensor<9x3xi32> to tensor<9x3xf32>
    // CHECK: motley.experts %{{.*}} gates %{{.*}} (%{{.*}}) : (tensor<9x3xi32>, tensor<9x3xf32>, tensor<9x3xf32>) -> tensor<9x3xf32> {
    %z = motley.experts %d gates %s (%a) : (tensor<9x3xi32>, tensor<9x3xf32>, tensor<9x3xf32>) -> tensor<9x3xf32> {
    ^bb0(%b: tensor<5x3xf32>):
      motley.yield %b : tensor<5x3xf32>
    }
    motley.yield %z : tensor<9x3xf32>
  }, {
  ^bb0(%a: tensor<9x3xf32>, %j: tensor<9xi32>):
    motley.yield %a : tensor<9x3xf32>
  }
  return
}

// Tests selections of selections, rows that only add, and values of one branch.
// CHECK-LABEL: @selections
func.func @selections(%x: !x, %c: !c, %k: tensor<4x1xi32>, %s: tensor<2x3xi32>, %g: !G) {
  // CHECK: %[[KEPT:.*]] = motley.restrict %{{.*}} to %{{.*}} : (!motley.groups<2, 4>, tensor<4x1xi32>) -> !motley.groups<2, 2 of 4>
  %kept = motley.restrict %g to %k : (!G, tensor<4x1xi32>) -> !motley.groups<2, 2 of 4>
  // CHECK: motley.select(%{{.*}}) counts [2] by %[[KEPT]] owner [-1, 0] : (tensor<2x3xi32>, !motley.groups<2, 2 of 4>) -> !motley.groups<2, 3 of 2>
  %t = motley.select (%s) counts [2] by %kept owner [-1, 0] : (tensor<2x3xi32>, !motley.groups<2, 2 of 4>) -> !motley.groups<2, 3 of 2>
  %r = motley.gather_rows %x by %kept : (!x, !motley.groups<2, 2 of 4>) -> tensor<2x3xf32>
  // CHECK: motley.combine_rows %{{.*}} by %[[KEPT]] plus %{{.*}} : (tensor<2x3xf32>, !motley.groups<2, 2 of 4>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %p = motley.combine_rows %r by %kept plus %x : (tensor<2x3xf32>, !motley.groups<2, 2 of 4>, !x) -> !x
  // CHECK: motley.slot_values(%{{.*}}) counts [2] by %{{.*}} : (tensor<2x3xf32>, !motley.groups<2, 3 of 2>) -> tensor<3xf32>
  %w = motley.slot_values (%r) counts [2] by %t : (tensor<2x3xf32>, !motley.groups<2, 3 of 2>) -> tensor<3xf32>
  return
}
