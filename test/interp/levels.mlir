// Tests that a model written at level 1 means the same after the passes of level 2, and that the gradients derived from it are
// right: untied norms, projections, SwiGLU for text and a wider MLP with biases for images, both losses.

// RUN: motley-interp %s --total loss --seed 7 --jitter 0.1 --precision 11 > %t.model
// RUN: motley-opt %s --motley-to-grouped -o %t.mlir
// RUN: motley-interp %t.mlir --total eval --seed 7 --jitter 0.1 --precision 11 > %t.grouped
// RUN: diff %t.model %t.grouped
// RUN: motley-interp %t.mlir --gradcheck eval --seed 7 --jitter 0.1 --samples 4 | FileCheck %s
// RUN: motley-interp %t.mlir --gradcheck eval --seed 8 --jitter 0.1 --samples 4 --live 1 --tolerance 1e-5 | FileCheck %s --check-prefix=ONE
// CHECK-COUNT-22: {{^}}ok
// CHECK: over 22 variables, 0 wrong, 0 unused
// ONE: 0 wrong

motley.modality @text ids 0 to 12
motley.modality @image ids 12 to 20
motley.variable @embed : tensor<20x8xf32> init normal 1.0
motley.variable @text.norm1 : tensor<8xf32> init constant 1.0
motley.variable @image.norm1 : tensor<8xf32> init constant 1.0
motley.variable @text.q : tensor<8x8xf32> init normal 0.4
motley.variable @text.k : tensor<8x4xf32> init normal 0.4
motley.variable @text.v : tensor<8x4xf32> init normal 0.4
motley.variable @image.q : tensor<8x8xf32> init normal 0.4
motley.variable @image.k : tensor<8x4xf32> init normal 0.4
motley.variable @image.v : tensor<8x4xf32> init normal 0.4
motley.variable @qgain : tensor<4xf32> init constant 1.0
motley.variable @o : tensor<8x8xf32> init normal 0.4
motley.variable @norm2.gain : tensor<8xf32> init constant 1.0
motley.variable @norm2.bias : tensor<8xf32> init constant 0.0
motley.variable @text.gate : tensor<8x12xf32> init normal 0.4
motley.variable @text.up : tensor<8x12xf32> init normal 0.4
motley.variable @text.down : tensor<12x8xf32> init normal 0.4
motley.variable @image.up : tensor<8x16xf32> init normal 0.4
motley.variable @image.up.bias : tensor<16xf32> init constant 0.0
motley.variable @image.down : tensor<16x8xf32> init normal 0.4
motley.variable @image.down.bias : tensor<8xf32> init constant 0.0
motley.variable @norm3 : tensor<8xf32> init constant 1.0
motley.variable @head : tensor<8x20xf32> init normal 0.4

!i = tensor<24xi32>
!s = tensor<24xf32>
!x = tensor<24x8xf32>
!k = tensor<24x4xf32>

motley.train @loss adamw beta1 9.000000e-01 beta2 9.500000e-01 epsilon 1.000000e-08 weight_decay 1.000000e-01 clip 1.000000e+00

func.func @loss(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                %modality: !i {motley.field = #motley.field<modality>}, %document: !i {motley.field = #motley.field<document>},
                %span: !i {motley.field = #motley.field<span>}, %order: !i {motley.field = #motley.field<order>},
                %position: !i {motley.field = #motley.field<position>}, %live: i32 {motley.field = #motley.field<live>})
    -> (!s {motley.loss = "ce"}, !s {motley.loss = "z"}) {
  %x0 = motley.embedding @embed(%token) : (!i) -> !x
  %n1 = motley.by_modality %modality : !i -> (!x) {
    %t = motley.norm rms %x0 gain @text.norm1 {epsilon = 1.000000e-05 : f64} : !x
    motley.yield %t : !x
  } case [@text], {
    %t = motley.norm rms %x0 gain @image.norm1 {epsilon = 1.000000e-05 : f64} : !x
    motley.yield %t : !x
  } case [@image]
  %q0, %k0, %v = motley.by_modality %modality : !i -> (!x, !k, !k) {
    %a = motley.linear @text.q(%n1) : (!x) -> !x
    %b = motley.linear @text.k(%n1) : (!x) -> !k
    %c = motley.linear @text.v(%n1) : (!x) -> !k
    motley.yield %a, %b, %c : !x, !k, !k
  } case [@text], {
    %a = motley.linear @image.q(%n1) : (!x) -> !x
    %b = motley.linear @image.k(%n1) : (!x) -> !k
    %c = motley.linear @image.v(%n1) : (!x) -> !k
    motley.yield %a, %b, %c : !x, !k, !k
  } case [@image]
  %q1 = motley.norm rms %q0 gain @qgain {epsilon = 1.000000e-05 : f64, heads = 2 : i64} : !x
  %q = motley.rope %q1 at %position {heads = 2 : i64, theta = 1.000000e+02 : f64} : !x, !i
  %k = motley.rope %k0 at %position {heads = 1 : i64, theta = 1.000000e+02 : f64} : !k, !i
  %a = motley.attention span %q, %k, %v documents %document order %order span %span {heads = 2 : i64, kv_heads = 1 : i64} : (!x, !k, !k, !i, !i, !i) -> !x
  %ao = motley.linear @o(%a) : (!x) -> !x
  %x1 = arith.addf %x0, %ao : !x
  %n2 = motley.norm layer %x1 gain @norm2.gain bias @norm2.bias {epsilon = 1.000000e-05 : f64} : !x
  %f = motley.by_modality %modality : !i -> (!x) {
    %g = motley.linear @text.gate(%n2) : (!x) -> tensor<24x12xf32>
    %u = motley.linear @text.up(%n2) : (!x) -> tensor<24x12xf32>
    %sg = motley.silu %g : tensor<24x12xf32>
    %m = arith.mulf %sg, %u : tensor<24x12xf32>
    %d = motley.linear @text.down(%m) : (tensor<24x12xf32>) -> !x
    motley.yield %d : !x
  } case [@text], {
    %u = motley.linear @image.up(%n2) bias @image.up.bias : (!x) -> tensor<24x16xf32>
    %ge = motley.gelu %u : tensor<24x16xf32>
    %d = motley.linear @image.down(%ge) bias @image.down.bias : (tensor<24x16xf32>) -> !x
    motley.yield %d : !x
  } case [@image]
  %x2 = arith.addf %x1, %f : !x
  %n3 = motley.norm rms %x2 gain @norm3 {epsilon = 1.000000e-05 : f64} : !x
  %ce, %z = motley.cross_entropy @head(%n3) targets %target {z_loss = 1.000000e-02 : f64} : (!x, !i) -> (!s, !s)
  return %ce, %z : !s, !s
}
