// Tests gradients of variables that one function reads at several places: the first write of a step overwrites, the others add,
// and fusing siblings keeps their order.
//
// RUN: motley-opt %s --motley-to-grouped -o %t.mlir
// RUN: motley-interp %t.mlir --gradcheck eval --accumulate accumulate --seed 5 --jitter 0.1 --live 21 | FileCheck %s
// CHECK: 0 wrong

!i = tensor<24xi32>
!x = tensor<24x8xf32>
motley.modality @text ids 0 to 20
motley.modality @image ids 20 to 30
motley.variable @embed : tensor<30x8xf32> init normal 0.5
motley.variable @a : tensor<8x8xf32> init normal 0.4
motley.variable @b : tensor<8x8xf32> init normal 0.4
motley.variable @gain : tensor<8xf32> init constant 1.0
motley.variable @head : tensor<8x30xf32> init normal 0.3
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

func.func @loss(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>}, %modality: !i {motley.field = #motley.field<modality>}) -> (tensor<24xf32> {motley.loss = "ce"}, tensor<24xf32> {motley.loss = "z"}) {
  %x = motley.embedding @embed(%token) : (!i) -> !x
  // One weight behind another and beside it: x A + silu(x B) A.
  %u = motley.linear @b(%x) : (!x) -> !x
  %s = motley.silu %u : !x
  %v = motley.linear @a(%s) : (!x) -> !x
  %w = motley.linear @a(%x) : (!x) -> !x
  %y = arith.addf %v, %w : !x
  // One norm twice, and one weight in the cases of both modalities.
  %n = motley.norm rms %y gain @gain {epsilon = 1.0e-5 : f64} : !x
  %m = motley.by_modality %modality : !i -> (!x) {
    %t = motley.linear @a(%n) : (!x) -> !x
    %r = motley.norm rms %t gain @gain {epsilon = 1.0e-5 : f64} : !x
    motley.yield %r : !x
  } case [@text], {
    %t = motley.linear @b(%n) : (!x) -> !x
    %r = motley.linear @a(%t) : (!x) -> !x
    motley.yield %r : !x
  } case [@image]
  %ce, %z = motley.cross_entropy @head(%m) targets %target {z_loss = 1.0e-3 : f64} : (!x, !i) -> (tensor<24xf32>, tensor<24xf32>)
  return %ce, %z : tensor<24xf32>, tensor<24xf32>
}
