// Tests that branches merge operand by operand: one of them may read a value twice where the other reads two.
//
// RUN: motley-opt %s --motley-to-grouped | FileCheck %s

// CHECK: %[[X:.*]] = motley.gather_rows %arg0
// CHECK: %[[BOTH:.*]] = motley.merge_groups
// CHECK: arith.mulf %[[X]], %[[BOTH]]
motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
func.func @f(%x: tensor<6x4xf32>, %y: tensor<6x4xf32>, %m: tensor<6xi32> {motley.field = #motley.field<modality>}) -> tensor<6x4xf32> {
  %z = motley.by_modality %m : tensor<6xi32> -> (tensor<6x4xf32>) {
    %a = arith.mulf %x, %x : tensor<6x4xf32>
    motley.yield %a : tensor<6x4xf32>
  } case [@text], {
    %a = arith.mulf %x, %y : tensor<6x4xf32>
    motley.yield %a : tensor<6x4xf32>
  } case [@image]
  return %z : tensor<6x4xf32>
}
