// RUN: motley-interp %s --set 'param @gain = dense<[1.0, 10.0]> : tensor<2xf32>' --set 'param @bias = dense<[0.5, -0.5]> : tensor<2xf32>' --set 'param @wide = dense<1.0> : tensor<4xf32>' | FileCheck %s

motley.variable @gain : tensor<2xf32> init constant 0.0
motley.variable @bias : tensor<2xf32> init constant 0.0
motley.variable @wide : tensor<4xf32> init constant 0.0

// Tests two heads under one gain; epsilon is large to keep numbers round.
// CHECK-LABEL: @rms:
// CHECK-NEXT: dense<{{\[}}[0.6, 8, 0, 0]]> : tensor<1x4xf32>
func.func @rms() -> tensor<1x4xf32> {
  // (9 + 16) / 2 + 12.5 = 25: [3, 4] / 5.
  %x = arith.constant dense<[[3.0, 4.0, 0.0, 0.0]]> : tensor<1x4xf32>
  %y = motley.norm rms %x gain @gain {epsilon = 1.250000e+01 : f64, heads = 2 : i64} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// Tests that layer takes the mean away: [1, 7] is [-3, 3] about 4, variance 9, and 9 + 16 = 25.
// CHECK-LABEL: @layer:
// CHECK-NEXT: dense<{{\[}}[-0.1, 5.5]]> : tensor<1x2xf32>
func.func @layer() -> tensor<1x2xf32> {
  %x = arith.constant dense<[[1.0, 7.0]]> : tensor<1x2xf32>
  %y = motley.norm layer %x gain @gain bias @bias {epsilon = 1.600000e+01 : f64} : tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// Tests that one head spans the row: mean square (1 + 4 + 4 + 16) / 4 = 6.25.
// CHECK-LABEL: @one_head:
// CHECK-NEXT: dense<{{\[}}[0.4, 0.8, -0.8, 1.6]]> : tensor<1x4xf32>
func.func @one_head() -> tensor<1x4xf32> {
  %x = arith.constant dense<[[1.0, 2.0, -2.0, 4.0]]> : tensor<1x4xf32>
  %y = motley.norm rms %x gain @wide {epsilon = 1.000000e-30 : f64} : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
