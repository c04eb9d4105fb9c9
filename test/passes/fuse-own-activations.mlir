// An activation of the user's own in the towers of a by_modality: equal ones are one over all groups, and both forward and
// backward sit in the products.
//
// RUN: motley-opt --motley-to-grouped %s | FileCheck %s

!i = tensor<8xi32>
!x = tensor<8x4xf32>
!loss = tensor<8xf32>

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 8
motley.variable @embed : tensor<8x4xf32> init normal 1.0
motley.variable @head : tensor<4x8xf32> init normal 1.0
motley.variable @up.text : tensor<4x4xf32> init normal 1.0
motley.variable @up.image : tensor<4x4xf32> init normal 1.0
motley.variable @down.text : tensor<4x4xf32> init normal 1.0
motley.variable @down.image : tensor<4x4xf32> init normal 1.0

// CHECK-LABEL: func.func @eval
// CHECK: motley.grouped_matmul @bank.up ranges [0] map [0, 1] {{.*}} epilogue {
// CHECK: math.tanh
// CHECK: motley.grouped_matmul @bank.down ranges [0] map [0, 1]
// CHECK-NOT: motley.map
// CHECK-LABEL: func.func @accumulate
// CHECK: motley.grouped_matmul @bank.up ranges [0] map [0, 1] {{.*}} epilogue {
// CHECK: math.tanh
// CHECK: motley.grouped_matmul transposed @bank.down ranges [0] map [0, 1] {{.*}} extra({{.*}} epilogue {
// CHECK: math.tanh
// CHECK: arith.select
// CHECK-NOT: motley.map
// CHECK-NOT: motley.merge_groups
// CHECK-LABEL: func.func @update
func.func @loss(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                %modality: !i {motley.field = #motley.field<modality>}) -> (!loss {motley.loss = "ce"}) {
  %x = motley.embedding @embed(%token) : (!i) -> !x
  %e = tensor.empty() : !x
  %y = motley.by_modality %modality : !i -> (!x) {
    %u = motley.linear @up.text(%x) : (!x) -> !x
    %a = linalg.map ins(%u : !x) outs(%e : !x) (%s: f32, %o: f32) {
      %t = math.tanh %s : f32
      %m = arith.maximumf %t, %s : f32
      linalg.yield %m : f32
    }
    %d = motley.linear @down.text(%a) : (!x) -> !x
    motley.yield %d : !x
  } case [@text], {
    %u = motley.linear @up.image(%x) : (!x) -> !x
    %a = linalg.map ins(%u : !x) outs(%e : !x) (%s: f32, %o: f32) {
      %t = math.tanh %s : f32
      %m = arith.maximumf %t, %s : f32
      linalg.yield %m : f32
    }
    %d = motley.linear @down.image(%a) : (!x) -> !x
    motley.yield %d : !x
  } case [@image]
  %ce, %z = motley.cross_entropy @head(%y) targets %target {z_loss = 0.0 : f64} : (!x, !i) -> (!loss, !loss)
  return %ce : !loss
}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0
