// RUN: motley-interp %s --set 'param @g0 = dense<1.0> : tensor<2xf32>' --set 'param @g1 = dense<[1.0, 10.0]> : tensor<2xf32>' --set 'param @b0 = dense<0.0> : tensor<2xf32>' --set 'param @b1 = dense<[0.5, -0.5]> : tensor<2xf32>' | FileCheck %s

motley.variable @g0 : tensor<2xf32> init constant 0.0
motley.variable @g1 : tensor<2xf32> init constant 0.0
motley.variable @b0 : tensor<2xf32> init constant 0.0
motley.variable @b1 : tensor<2xf32> init constant 0.0
motley.bank @gain [[@g0], [@g1]]
motley.bank @bias [[@b0], [@b1]]

// Tests the gain of each group and the statistics, one reciprocal for each head: (9 + 16) / 2 + 12.5 = 25, and 0 + 12.5.
// CHECK-LABEL: @rms:
// CHECK-NEXT: dense<{{\[}}[0.6, 0.8, 0, 0], [0.6, 8, 0, 0], [nan, nan, nan, nan]]> : tensor<3x4xf32>
// CHECK-NEXT: dense<{{\[}}[0.2, 0.282842712], [0.2, 0.282842712], [nan, nan]]> : tensor<3x2xf32>
func.func @rms() -> (tensor<3x4xf32>, tensor<3x2xf32>) {
  %x = arith.constant dense<[[3.0, 4.0, 0.0, 0.0], [3.0, 4.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]> : tensor<3x4xf32>
  %g = call @table() : () -> !motley.groups<2, 3>
  %y, %s = motley.grouped_norm rms %x, gain @gain map [0, 1] by %g {epsilon = 1.250000e+01 : f64, heads = 2 : i64} : tensor<3x4xf32>, !motley.groups<2, 3> -> tensor<3x2xf32>
  return %y, %s : tensor<3x4xf32>, tensor<3x2xf32>
}

// Tests mean and reciprocal side by side for each head, and a group without a member.
// CHECK-LABEL: @layer:
// CHECK-NEXT: dense<{{\[}}[nan, nan, nan, nan], [-0.1, 5.5, 0.5, -0.5], [nan, nan, nan, nan]]> : tensor<3x4xf32>
// CHECK-NEXT: dense<{{\[}}[nan, nan, nan, nan], [4, 0.2, 3, 0.25], [nan, nan, nan, nan]]> : tensor<3x4xf32>
func.func @layer() -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  // [1, 7] is [-3, 3] about 4, variance 9, and 9 + 16 = 25; [3, 3] has no variance.
  %x = arith.constant dense<[[1.0, 7.0, 3.0, 3.0], [1.0, 7.0, 3.0, 3.0], [1.0, 1.0, 1.0, 1.0]]> : tensor<3x4xf32>
  %g = call @table() : () -> !motley.groups<2, 3>
  %y, %s = motley.grouped_norm layer %x, gain @gain bias @bias map [-1, 1] by %g {epsilon = 1.600000e+01 : f64, heads = 2 : i64} : tensor<3x4xf32>, !motley.groups<2, 3> -> tensor<3x4xf32>
  return %y, %s : tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @table() -> !motley.groups<2, 3> {
  %ids = arith.constant dense<[0, 1, 0]> : tensor<3xi32>
  %live = arith.constant 2 : i32
  %g = motley.group_by %ids live %live : (tensor<3xi32>, i32) -> !motley.groups<2, 3>
  return %g : !motley.groups<2, 3>
}
