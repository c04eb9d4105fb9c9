// Tests --gradcheck where rows choose: a loss of level 1 against gradients of level 2 written by hand. The router starts at zero, so
// all scores are equal and every probe of it would change choices; frozen, they are as the gradient takes them.

// RUN: motley-interp %s --gradcheck loss --seed 3 --scalar z_router=0.25 --margins | FileCheck %s
// CHECK: margin 0 of motley.choose_experts
// CHECK-COUNT-6: ok
// CHECK: over 6 variables, 0 wrong, 0 unused

// Tests other choices, one live row, and no rounding although the module asks for it.
// RUN: motley-interp %s --gradcheck loss --seed 4 --jitter 0.3 --scalar z_router=0.25 | FileCheck %s --check-prefix=JITTER
// RUN: motley-interp %s --gradcheck loss --seed 5 --jitter 0.3 --live 2 --scalar z_router=0.25 | FileCheck %s --check-prefix=JITTER
// JITTER: over 6 variables, 0 wrong

// Tests noise, which only the function with the gradients has: it is the loss function too, and its gradients are those before the
// probes. The same noise is drawn each time; another seed gives another loss.
// RUN: motley-interp %s --gradcheck noisy --accumulate noisy --seed 3 --jitter 0.3 --scalar z_router=0.25 | FileCheck %s --check-prefix=NOISY
// NOISY-COUNT-6: ok
// NOISY: over 6 variables, 0 wrong, 0 unused
// RUN: motley-interp %s --total noisy --seed 3 --scalar z_router=0.25 > %t.1
// RUN: motley-interp %s --total noisy --seed 3 --scalar z_router=0.25 --scalar seed=3 --scalar step=1 > %t.2
// RUN: motley-interp %s --total noisy --seed 3 --scalar z_router=0.25 --scalar step=2 > %t.3
// RUN: cmp %t.1 %t.2 && not cmp %t.1 %t.3

// Tests that a scalar without a value is an error that says what to do.
// RUN: not motley-interp %s --gradcheck loss --seed 3 2>&1 | FileCheck %s --check-prefix=SCALAR
// SCALAR: error: argument 5 of 'loss' is neither a field nor live, add, inverse_normaliser, seed or step; give a scalar by --scalar NAME=VALUE
// RUN: not motley-interp %s --gradcheck loss --scalar z_router 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: --scalar 'z_router': expected NAME=VALUE with a number

!i = tensor<16xi32>
!s = tensor<16xf32>
!x = tensor<16x8xf32>
!e = tensor<16x3xf32>
!G = !motley.groups<1, 16>
!S = !motley.groups<3, 32 of 16>
!V = !motley.groups<20, 16>

module attributes {motley.precision = #motley<precision bf16>} {
  motley.variable @embed : tensor<20x8xf32> init normal 1.0
  motley.variable @router : tensor<8x3xf32> init constant 0.0
  motley.variable @first : tensor<8x8xf32> init normal 0.5
  motley.variable @second : tensor<8x8xf32> init normal 0.5
  motley.variable @third : tensor<8x8xf32> init normal 0.5
  motley.variable @head : tensor<8x20xf32> init normal 0.5
  motley.modality @text ids 0 to 20
  motley.bank @bank.embed [[@embed]]
  motley.bank @bank.router [[@router]]
  motley.bank @bank.experts [[@first], [@second], [@third]]
  motley.bank @bank.head [[@head]]

  func.func @loss(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                  %weight: !s {motley.field = #motley.field<weight>}, %index: !i {motley.field = #motley.field<index>},
                  %live: i32 {motley.field = #motley.field<live>}, %scale: f32 {motley.scalar = "z_router"}) -> (!s, !s, !s) {
    %x = motley.embedding @embed(%token) : (!i) -> !x
    %scores = motley.linear @router(%x) precision f32 : (!x) -> !e
    %c = motley.choose_experts %scores {k = 2 : i64} : (!e) -> tensor<16x3xi32>
    %p = motley.softmax %scores : !e
    %y = motley.experts %c gates %p (%x) : (tensor<16x3xi32>, !e, !x) -> !x {
    ^bb0(%a: tensor<32x8xf32>):
      %l = motley.linear @first(%a) : (tensor<32x8xf32>) -> tensor<32x8xf32>
      motley.yield %l : tensor<32x8xf32>
    }, {
    ^bb0(%a: tensor<32x8xf32>):
      %l = motley.linear @second(%a) : (tensor<32x8xf32>) -> tensor<32x8xf32>
      motley.yield %l : tensor<32x8xf32>
    }, {
    ^bb0(%a: tensor<32x8xf32>):
      %l = motley.linear @third(%a) : (tensor<32x8xf32>) -> tensor<32x8xf32>
      motley.yield %l : tensor<32x8xf32>
    }
    %x1 = arith.addf %x, %y : !x
    %ce, %z = motley.cross_entropy @head(%x1) targets %target {z_loss = 1.000000e-02 : f64} : (!x, !i) -> (!s, !s)
    %lse = motley.log_sum_exp %scores : !e -> !s
    %square = arith.mulf %lse, %lse : !s
    %zr = motley.scale %square by %scale : !s
    return %ce, %z, %zr : !s, !s, !s
  }

  func.func @accumulate(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                        %weight: !s {motley.field = #motley.field<weight>}, %live: i32 {motley.field = #motley.field<live>},
                        %scale: f32 {motley.scalar = "z_router"}, %add: i1, %inverse: f32 {motley.scalar = "inverse_normaliser"}) -> tensor<3x1xf64> {
    %none = arith.constant dense<0.0> : !e
    %sums = call @gradients(%token, %target, %weight, %none, %live, %scale, %add, %inverse) : (!i, !i, !s, !e, i32, f32, i1, f32) -> tensor<3x1xf64>
    return %sums : tensor<3x1xf64>
  }

  func.func @noisy(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                   %weight: !s {motley.field = #motley.field<weight>}, %index: !i {motley.field = #motley.field<index>},
                   %live: i32 {motley.field = #motley.field<live>}, %scale: f32 {motley.scalar = "z_router"}, %add: i1,
                   %inverse: f32 {motley.scalar = "inverse_normaliser"}, %seed: i64 {motley.scalar = "seed"},
                   %step: i64 {motley.scalar = "step"}) -> tensor<3x1xf64> {
    %base = motley.group_by live %live : (i32) -> !G
    %i = motley.gather_rows %index by %base : (!i, !G) -> !i
    %noise = motley.noise gumbel at %i seed %seed step %step {site = 0 : i64} : (!i, i64, i64) -> !e
    %sums = call @gradients(%token, %target, %weight, %noise, %live, %scale, %add, %inverse) : (!i, !i, !s, !e, i32, f32, i1, f32) -> tensor<3x1xf64>
    return %sums : tensor<3x1xf64>
  }

  func.func private @gradients(%token: !i, %target: !i, %weight: !s, %noise: !e, %live: i32, %scale: f32, %add: i1, %inverse: f32) -> tensor<3x1xf64> {
    %base = motley.group_by live %live : (i32) -> !G
    %bytoken = motley.group_by %token live %live : (!i, i32) -> !V
    %tok = motley.gather_rows %token by %base : (!i, !G) -> !i
    %tgt = motley.gather_rows %target by %base : (!i, !G) -> !i
    %w = motley.gather_rows %weight by %base : (!s, !G) -> !s
    %x = motley.grouped_embedding @bank.embed(%tok) by %base : (!i, !G) -> !x
    %scores0 = motley.grouped_matmul @bank.router ranges [0] map [0] (%x) by %base : (!x, !G) -> !e
    %scores = arith.addf %scores0, %noise : !e
    %c = motley.choose_experts %scores {k = 2 : i64} : (!e) -> tensor<16x3xi32>
    %p = motley.softmax %scores : !e
    %t = motley.select (%c) counts [3] by %base owner [0] : (tensor<16x3xi32>, !G) -> !S
    %gate = motley.slot_values (%p) counts [3] by %t : (!e, !S) -> tensor<32xf32>
    // What each expert says, and that times its gate.
    %h, %gated = motley.grouped_matmul @bank.experts ranges [0] map [0, 1, 2] (%x) gathered by %t extra (%gate) : (!x, !S, tensor<32xf32>) -> (tensor<32x8xf32>, tensor<32x8xf32>) epilogue {
    ^bb0(%acc: f32, %g: f32):
      %product = arith.mulf %acc, %g : f32
      motley.yield %acc, %product : f32, f32
    }
    %x1 = motley.combine_rows %gated by %t plus %x : (tensor<32x8xf32>, !S, !x) -> !x
    %lse = motley.log_sum_exp %scores : !e -> !s
    %square = arith.mulf %lse, %lse : !s
    %zr = motley.scale %square by %scale : !s

    %dloss = motley.scale %w by %inverse : !s
    %ce, %z, %dx1 = motley.grouped_cross_entropy_backward @bank.head(%x1) by %base targets %tgt cotangents %dloss, %dloss add %add {z_loss = 1.000000e-02 : f64} : (!x, !G, !i, !s, !s, i1) -> (!s, !s, !x)
    %sums = motley.loss_sums (%ce, %z, %zr) weights %w targets %tgt by %base : (!s, !s, !s, !s, !i, !G) -> tensor<3x1xf64>
    %dgated = motley.gather_rows %dx1 by %t : (!x, !S) -> tensor<32x8xf32>
    %gates = motley.row_broadcast %gate : tensor<32xf32> -> tensor<32x8xf32>
    %dh = arith.mulf %dgated, %gates : tensor<32x8xf32>
    %dgates = arith.mulf %dgated, %h : tensor<32x8xf32>
    %dgate = motley.row_sum %dgates : tensor<32x8xf32> -> tensor<32xf32>
    motley.grouped_outer %x gathered, (%dh) into @bank.experts ranges [0] map [0, 1, 2] by %t add %add : !x, (tensor<32x8xf32>), !S
    %dslots = motley.grouped_matmul transposed @bank.experts ranges [0] map [0, 1, 2] (%dh) by %t : (tensor<32x8xf32>, !S) -> tensor<32x8xf32>
    %dx2 = motley.combine_rows %dslots by %t plus %dx1 : (tensor<32x8xf32>, !S, !x) -> !x

    // Scores: by the gates, p (dp - sum(dp p)), and by the z-loss, 2 lse p; a row without target has none.
    %dp = motley.slot_values_backward %dgate counts [3] by %t : (tensor<32xf32>, !S) -> !e
    %pdp = arith.mulf %p, %dp : !e
    %sum = motley.row_sum %pdp : !e -> !s
    %wide = motley.row_broadcast %sum : !s -> !e
    %centred = arith.subf %dp, %wide : !e
    %dscores0 = arith.mulf %p, %centred : !e
    %zero = arith.constant dense<0> : !i
    %hastarget = arith.cmpi sge, %tgt, %zero : !i
    %nothing = arith.constant dense<0.0> : !s
    %dzr = arith.select %hastarget, %dloss, %nothing : tensor<16xi1>, !s
    %two = arith.constant dense<2.0> : !s
    %twice = arith.mulf %lse, %two : !s
    %slope0 = arith.mulf %twice, %dzr : !s
    %slope = motley.scale %slope0 by %scale : !s
    %slopes = motley.row_broadcast %slope : !s -> !e
    %dscores1 = arith.mulf %p, %slopes : !e
    %dscores = arith.addf %dscores0, %dscores1 : !e
    motley.grouped_outer %x, (%dscores) into @bank.router ranges [0] map [0] by %base add %add : !x, (!e), !G
    %dx3 = motley.grouped_matmul transposed @bank.router ranges [0] map [0] (%dscores) by %base : (!e, !G) -> !x
    %dx = arith.addf %dx2, %dx3 : !x
    motley.grouped_embedding_backward %dx into @bank.embed by %bytoken add %add : !x, !V
    return %sums : tensor<3x1xf64>
  }
}
