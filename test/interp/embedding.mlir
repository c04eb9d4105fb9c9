// RUN: motley-interp %s --set 'param @table = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>' | FileCheck %s

motley.variable @table : tensor<3x2xf32> init constant 0.0
motley.bank @bank [[@table]]

// Tests that a token may be looked up twice, and never means that one is not at all.
// CHECK-LABEL: @embedding:
// CHECK-NEXT: dense<{{\[}}[5, 6], [1, 2], [5, 6]]> : tensor<3x2xf32>
func.func @embedding() -> tensor<3x2xf32> {
  %token = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  %y = motley.embedding @table(%token) : (tensor<3xi32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// Tests that a dead row is not looked up: its token is out of range.
// CHECK-LABEL: @grouped_embedding:
// CHECK-NEXT: dense<{{\[}}[3, 4], [5, 6], [nan, nan]]> : tensor<3x2xf32>
func.func @grouped_embedding() -> tensor<3x2xf32> {
  %token = arith.constant dense<[1, 2, 99]> : tensor<3xi32>
  %live = arith.constant 2 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 3>
  %y = motley.grouped_embedding @bank(%token) by %g : (tensor<3xi32>, !motley.groups<1, 3>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
