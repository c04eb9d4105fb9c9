// Tests that routing means the same at both levels, and that the gradients of level 2 are those of level 1: half of the rows of each
// document are kept, attend to each other, and go to experts of their modality; text's experts choose rows, an image's rows choose
// experts of bounded capacity. The losses agree to twelve digits. (Rows of one token are equal: the margin is zero, and ties are
// decided alike.)

// RUN: motley-opt %s --motley-to-grouped -o %t.mlir
// RUN: motley-interp %s --total loss --seed 3 --jitter 0.2 --precision 12 --margins > %t.level1
// RUN: motley-interp %t.mlir --total eval --seed 3 --jitter 0.2 --precision 12 --margins > %t.level2
// RUN: cmp %t.level1 %t.level2
// RUN: motley-interp %t.mlir --gradcheck eval --seed 3 --jitter 0.2 | FileCheck %s
// RUN: motley-interp %t.mlir --gradcheck eval --seed 4 --jitter 0.2 --live 32 | FileCheck %s
// RUN: motley-interp %t.mlir --gradcheck eval --seed 5 --jitter 0.2 --live 1 | FileCheck %s --check-prefix=ONE
// CHECK-COUNT-9: ok
// CHECK: over 9 variables, 0 wrong, 0 unused
// ONE: over 9 variables, 0 wrong

!i = tensor<32xi32>
!s = tensor<32xf32>
!x = tensor<32x8xf32>
module {
  motley.modality @text ids 0 to 20
  motley.modality @image ids 20 to 30
  motley.variable @embed : tensor<30x8xf32> init normal 1.0
  motley.variable @keep : tensor<8x1xf32> init normal 0.5
  motley.variable @router.text : tensor<8x2xf32> init normal 0.5
  motley.variable @router.image : tensor<8x2xf32> init normal 0.5
  motley.variable @a : tensor<8x8xf32> init normal 0.5
  motley.variable @b : tensor<8x8xf32> init normal 0.5
  motley.variable @c : tensor<8x8xf32> init normal 0.5
  motley.variable @d : tensor<8x8xf32> init normal 0.5
  motley.variable @head : tensor<8x30xf32> init normal 0.5
  motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0
  func.func @loss(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                  %weight: !s {motley.field = #motley.field<weight>}, %modality: !i {motley.field = #motley.field<modality>}, %document: !i {motley.field = #motley.field<document>},%index: !i {motley.field = #motley.field<index>},
                  %live: i32 {motley.field = #motley.field<live>}) -> (!s {motley.loss = "ce"}, !s {motley.loss = "z"}, !s {motley.loss = "balance"}) {
    %x = motley.embedding @embed(%token) : (!i) -> !x
    %k = motley.linear @keep(%x) precision f32 : (!x) -> tensor<32x1xf32>
    %kept = motley.choose_tokens %k index %index documents %document {capacity = 0.5 : f64} : (tensor<32x1xf32>, !i, !i) -> tensor<32x1xi32>
    %keep_gates = motley.sigmoid %k : tensor<32x1xf32>
    %keep_gate = motley.row_sum %keep_gates : tensor<32x1xf32> -> !s
    %y = motley.select_rows %kept (%x, %modality, %document, %index, %keep_gate) otherwise %x : (tensor<32x1xi32>, !x, !i, !i, !i, !s, !x) -> !x {
    ^bb0(%r: tensor<24x8xf32>, %m: tensor<24xi32>, %doc: tensor<24xi32>, %ix: tensor<24xi32>, %g: tensor<24xf32>):
      %attended = motley.attention causal %r, %r, %r documents %doc {heads = 2 : i64, kv_heads = 2 : i64} : (tensor<24x8xf32>, tensor<24x8xf32>, tensor<24x8xf32>, tensor<24xi32>) -> tensor<24x8xf32>
      %f = motley.by_modality %m : tensor<24xi32> -> (tensor<24x8xf32>) {
        %s = motley.linear @router.text(%attended) precision f32 : (tensor<24x8xf32>) -> tensor<24x2xf32>
        %chosen = motley.choose_tokens %s index %ix {capacity = 0.5 : f64} : (tensor<24x2xf32>, tensor<24xi32>) -> tensor<24x2xi32>
        %p = motley.sigmoid %s : tensor<24x2xf32>
        %e = motley.experts %chosen gates %p (%attended) : (tensor<24x2xi32>, tensor<24x2xf32>, tensor<24x8xf32>) -> tensor<24x8xf32> {
        ^bb0(%q: tensor<26x8xf32>):
          %l = motley.linear @a(%q) : (tensor<26x8xf32>) -> tensor<26x8xf32>
          motley.yield %l : tensor<26x8xf32>
        }, {
        ^bb0(%q: tensor<26x8xf32>):
          %l = motley.linear @b(%q) : (tensor<26x8xf32>) -> tensor<26x8xf32>
          motley.yield %l : tensor<26x8xf32>
        }
        motley.yield %e : tensor<24x8xf32>
      } case [@text], {
        %s = motley.linear @router.image(%attended) precision f32 : (tensor<24x8xf32>) -> tensor<24x2xf32>
        %chosen = motley.choose_experts %s {k = 1 : i64} : (tensor<24x2xf32>) -> tensor<24x2xi32>
        %limited = motley.limit_capacity priority %chosen scores %s index %ix {capacity = 0.5 : f64} : (tensor<24x2xi32>, tensor<24x2xf32>, tensor<24xi32>) -> tensor<24x2xi32>
        %p = motley.softmax %s : tensor<24x2xf32>
        %e = motley.experts %limited gates %p (%attended) : (tensor<24x2xi32>, tensor<24x2xf32>, tensor<24x8xf32>) -> tensor<24x8xf32> {
        ^bb0(%q: tensor<26x8xf32>):
          %l = motley.linear @c(%q) : (tensor<26x8xf32>) -> tensor<26x8xf32>
          motley.yield %l : tensor<26x8xf32>
        }, {
        ^bb0(%q: tensor<26x8xf32>):
          %l = motley.linear @d(%q) : (tensor<26x8xf32>) -> tensor<26x8xf32>
          motley.yield %l : tensor<26x8xf32>
        }
        motley.yield %e : tensor<24x8xf32>
      } case [@image]
      %wide = motley.row_broadcast %g : tensor<24xf32> -> tensor<24x8xf32>
      %gated = arith.mulf %f, %wide : tensor<24x8xf32>
      %out = arith.addf %r, %gated : tensor<24x8xf32>
      motley.yield %out : tensor<24x8xf32>
    }
    %ce, %z = motley.cross_entropy @head(%y) targets %target {z_loss = 1.000000e-02 : f64} : (!x, !i) -> (!s, !s)
    %kept_numbers = arith.sitofp %kept : tensor<32x1xi32> to tensor<32x1xf32>
    %mean = motley.mean_rows %kept_numbers documents %document : (tensor<32x1xf32>, !i) -> tensor<32x1xf32>
    %products = arith.mulf %mean, %keep_gates : tensor<32x1xf32>
    %balance = motley.row_sum %products : tensor<32x1xf32> -> !s
    return %ce, %z, %balance : !s, !s, !s
  }
}
