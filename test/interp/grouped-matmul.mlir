// RUN: motley-interp %s --set 'param @text.a = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>' --set 'param @text.b = dense<[[1.0], [1.0]]> : tensor<2x1xf32>' --set 'param @image.a = dense<[[10.0, 20.0], [30.0, 40.0]]> : tensor<2x2xf32>' --set 'param @image.b = dense<[[-1.0], [1.0]]> : tensor<2x1xf32>' | FileCheck %s

motley.variable @text.a : tensor<2x2xf32> init constant 0.0
motley.variable @text.b : tensor<2x1xf32> init constant 0.0
motley.variable @image.a : tensor<2x2xf32> init constant 0.0
motley.variable @image.b : tensor<2x1xf32> init constant 0.0
motley.bank @bank [[@text.a, @text.b], [@image.a, @image.b]]

// Tests that each group meets its own member, that results follow the order of the ranges, and that the dead row stays dead.
// CHECK-LABEL: @forward:
// CHECK-NEXT: dense<{{\[}}[3], [0], [nan]]> : tensor<3x1xf32>
// CHECK-NEXT: dense<{{\[}}[7, 10], [40, 60], [nan, nan]]> : tensor<3x2xf32>
func.func @forward() -> (tensor<3x1xf32>, tensor<3x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0], [1.0, 1.0], [5.0, 5.0]]> : tensor<3x2xf32>
  %g = call @table() : () -> !motley.groups<2, 3>
  %b, %a = motley.grouped_matmul @bank ranges [1, 0] map [0, 1] (%x) by %g : (tensor<3x2xf32>, !motley.groups<2, 3>) -> (tensor<3x1xf32>, tensor<3x2xf32>)
  return %b, %a : tensor<3x1xf32>, tensor<3x2xf32>
}

// Tests a tied use, both groups meeting member 1, and one that leaves group 0 alone.
// CHECK-LABEL: @maps:
// CHECK-NEXT: dense<{{\[}}[70, 100], [40, 60], [nan, nan]]> : tensor<3x2xf32>
// CHECK-NEXT: dense<{{\[}}[nan, nan], [4, 6], [nan, nan]]> : tensor<3x2xf32>
func.func @maps() -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0], [1.0, 1.0], [5.0, 5.0]]> : tensor<3x2xf32>
  %g = call @table() : () -> !motley.groups<2, 3>
  %tied = motley.grouped_matmul @bank ranges [0] map [1, 1] (%x) by %g : (tensor<3x2xf32>, !motley.groups<2, 3>) -> tensor<3x2xf32>
  %only = motley.grouped_matmul @bank ranges [0] map [-1, 0] (%x) by %g : (tensor<3x2xf32>, !motley.groups<2, 3>) -> tensor<3x2xf32>
  return %tied, %only : tensor<3x2xf32>, tensor<3x2xf32>
}

// Tests that transposed sums over the ranges: [1, 0] a^T + 10 b^T and [0, 1] a^T + 0 b^T.
// CHECK-LABEL: @transposed:
// CHECK-NEXT: dense<{{\[}}[11, 13], [20, 40], [nan, nan]]> : tensor<3x2xf32>
func.func @transposed() -> tensor<3x2xf32> {
  %a = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[[10.0], [0.0], [5.0]]> : tensor<3x1xf32>
  %g = call @table() : () -> !motley.groups<2, 3>
  %x = motley.grouped_matmul transposed @bank ranges [0, 1] map [0, 1] (%a, %b) by %g : (tensor<3x2xf32>, tensor<3x1xf32>, !motley.groups<2, 3>) -> tensor<3x2xf32>
  return %x : tensor<3x2xf32>
}

// Tests an epilogue with an extra operand and two results, one of which ignores the accumulator: that one too is dead in rows
// whose group meets no member.
// CHECK-LABEL: @epilogue:
// CHECK-NEXT: dense<{{\[}}[nan, nan], [14, 26], [nan, nan]]> : tensor<3x2xf32>
// CHECK-NEXT: dense<{{\[}}[nan, nan], [10, 20], [nan, nan]]> : tensor<3x2xf32>
func.func @epilogue() -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0], [1.0, 1.0], [5.0, 5.0]]> : tensor<3x2xf32>
  %e = arith.constant dense<[[1.0, 1.0], [10.0, 20.0], [5.0, 5.0]]> : tensor<3x2xf32>
  %g = call @table() : () -> !motley.groups<2, 3>
  %y, %z = motley.grouped_matmul @bank ranges [0] map [-1, 0] (%x) by %g extra (%e) : (tensor<3x2xf32>, !motley.groups<2, 3>, tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) epilogue {
  ^bb0(%acc: f32, %residual: f32):
    %s = arith.addf %acc, %residual : f32
    motley.yield %s, %residual : f32, f32
  }
  return %y, %z : tensor<3x2xf32>, tensor<3x2xf32>
}

// Group 0 is row 0, group 1 row 1, row 2 is dead.
func.func @table() -> !motley.groups<2, 3> {
  %ids = arith.constant dense<[0, 1, 0]> : tensor<3xi32>
  %live = arith.constant 2 : i32
  %g = motley.group_by %ids live %live : (tensor<3xi32>, i32) -> !motley.groups<2, 3>
  return %g : !motley.groups<2, 3>
}
