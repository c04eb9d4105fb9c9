// RUN: motley-interp %s | FileCheck %s

// CHECK-LABEL: @scale:
// CHECK-NEXT: dense<[0.5, -1]> : tensor<2xf32>
func.func @scale() -> tensor<2xf32> {
  %x = arith.constant dense<[1.0, -2.0]> : tensor<2xf32>
  %s = arith.constant 0.5 : f32
  %y = motley.scale %x by %s : tensor<2xf32>
  return %y : tensor<2xf32>
}

// Tests a chain with constants inside, and a result that is the same everywhere.
// CHECK-LABEL: @map:
// CHECK-NEXT: dense<[111, 122]> : tensor<2xf32>
// CHECK-NEXT: dense<[100, 100]> : tensor<2xf32>
func.func @map() -> (tensor<2xf32>, tensor<2xf32>) {
  %a = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y, %z = motley.map (%a, %b) : (tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  ^bb0(%s: f32, %t: f32):
    %h = arith.constant 100.0 : f32
    %ten = arith.constant 10.0 : f32
    %u = arith.mulf %s, %ten : f32
    %v = arith.addf %u, %t : f32
    %w = arith.addf %v, %h : f32
    motley.yield %w, %h : f32, f32
  }
  return %y, %z : tensor<2xf32>, tensor<2xf32>
}
