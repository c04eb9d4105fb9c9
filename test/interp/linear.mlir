// RUN: motley-interp %s --set 'param @w = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>' --set 'param @b = dense<[0.5, 0.0, -0.5]> : tensor<3xf32>' | FileCheck %s

motley.variable @w : tensor<2x3xf32> init constant 0.0
motley.variable @b : tensor<3xf32> init constant 0.0

// CHECK-LABEL: @linear:
// CHECK-NEXT: dense<{{\[}}[1, 2, 3], [9, 12, 15]]> : tensor<2x3xf32>
// CHECK-NEXT: dense<{{\[}}[1.5, 2, 2.5], [9.5, 12, 14.5]]> : tensor<2x3xf32>
func.func @linear() -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %x = arith.constant dense<[[1.0, 0.0], [1.0, 2.0]]> : tensor<2x2xf32>
  %y = motley.linear @w(%x) : (tensor<2x2xf32>) -> tensor<2x3xf32>
  %z = motley.linear @w(%x) bias @b : (tensor<2x2xf32>) -> tensor<2x3xf32>
  return %y, %z : tensor<2x3xf32>, tensor<2x3xf32>
}
