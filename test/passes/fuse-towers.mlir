// Towers that some modalities share beside norms that none do: branches are merged under two owners in one function, and gain
// and bias of a norm share one map.
//
// RUN: motley-opt --motley-to-grouped %s | FileCheck %s

!i = tensor<8xi32>
!x = tensor<8x4xf32>
!loss = tensor<8xf32>

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 6
motley.modality @speech ids 6 to 8
motley.variable @embed : tensor<8x4xf32> init normal 1.0
motley.variable @head : tensor<4x8xf32> init normal 1.0
motley.variable @gain.text : tensor<4xf32> init constant 1.0
motley.variable @gain.image : tensor<4xf32> init constant 1.0
motley.variable @gain.speech : tensor<4xf32> init constant 1.0
motley.variable @bias.text : tensor<4xf32> init constant 0.0
motley.variable @bias.image : tensor<4xf32> init constant 0.0
motley.variable @bias.speech : tensor<4xf32> init constant 0.0
motley.variable @w.text : tensor<4x4xf32> init normal 1.0
motley.variable @w.image : tensor<4x4xf32> init normal 1.0

// CHECK-LABEL: func.func @eval
// CHECK: motley.grouped_norm layer {{.*}} gain @bank.gain bias @bank.bias map [0, 1, 2]
// CHECK: motley.grouped_matmul @bank.w ranges [0] map [0, 1, 0]
// CHECK-LABEL: func.func @accumulate
// CHECK-DAG: motley.grouped_outer {{.*}} into @bank.w ranges [0] map [0, 1, 0]
// CHECK-DAG: motley.grouped_matmul transposed @bank.w ranges [0] map [0, 1, 0]
// CHECK-DAG: motley.grouped_norm_backward layer {{.*}} into gain @bank.gain bias @bank.bias map [0, 1, 2]
func.func @loss(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                %modality: !i {motley.field = #motley.field<modality>}) -> (!loss {motley.loss = "ce"}) {
  %x = motley.embedding @embed(%token) : (!i) -> !x
  %n = motley.by_modality %modality : !i -> (!x) {
    %t = motley.norm layer %x gain @gain.text bias @bias.text {epsilon = 1.0e-05 : f64} : !x
    motley.yield %t : !x
  } case [@text], {
    %t = motley.norm layer %x gain @gain.image bias @bias.image {epsilon = 1.0e-05 : f64} : !x
    motley.yield %t : !x
  } case [@image], {
    %t = motley.norm layer %x gain @gain.speech bias @bias.speech {epsilon = 1.0e-05 : f64} : !x
    motley.yield %t : !x
  } case [@speech]
  %y = motley.by_modality %modality : !i -> (!x) {
    %t = motley.linear @w.text(%n) : (!x) -> !x
    motley.yield %t : !x
  } case [@text, @speech], {
    %t = motley.linear @w.image(%n) : (!x) -> !x
    motley.yield %t : !x
  } case [@image]
  %ce, %z = motley.cross_entropy @head(%y) targets %target {z_loss = 0.0 : f64} : (!x, !i) -> (!loss, !loss)
  return %ce : !loss
}

motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-08 weight_decay 0.1 clip 1.0
