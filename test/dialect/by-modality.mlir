// RUN: motley-opt %s | motley-opt | FileCheck %s

motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20
motley.modality @speech ids 20 to 30
motley.variable @w : tensor<8x8xf32> init normal 0.02

// Tests that one case may serve two modalities, yield several values, hold arithmetic and constants, and carry attributes.
// CHECK-LABEL: @several
func.func @several(%x: tensor<4x8xf32>, %m: tensor<4xi32>) -> tensor<4x8xf32> {
  // CHECK: %[[Y:.*]]:2 = motley.by_modality %{{.*}} {note = 1 : i64} : tensor<4xi32> -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK:   motley.yield %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4x8xf32>
  // CHECK: } case [@speech, @text], {
  // CHECK:   arith.constant
  // CHECK:   motley.yield
  // CHECK: } case [@image]
  %y:2 = motley.by_modality %m {note = 1 : i64} : tensor<4xi32> -> (tensor<4x8xf32>, tensor<4x8xf32>) {
    %a = motley.linear @w(%x) : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %b = motley.silu %a : tensor<4x8xf32>
    motley.yield %b, %a : tensor<4x8xf32>, tensor<4x8xf32>
  } case [@speech, @text], {
    %c = arith.constant dense<0.0> : tensor<4x8xf32>
    %d = arith.addf %x, %c : tensor<4x8xf32>
    motley.yield %d, %x : tensor<4x8xf32>, tensor<4x8xf32>
  } case [@image]
  // CHECK: return %[[Y]]#1
  return %y#1 : tensor<4x8xf32>
}
