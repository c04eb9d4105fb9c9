// RUN: motley-interp %s | FileCheck %s

// Tests values at -1, 0 and 2, computed apart from the formulas of the descriptions.
// CHECK-LABEL: @activations:
// CHECK-NEXT: dense<[-0.268941421, 0, 1.76159416]> : tensor<3xf32>
// CHECK-NEXT: dense<[0.0723294881, 0.5, 1.09078425]> : tensor<3xf32>
// CHECK-NEXT: dense<[-0.158655254, 0, 1.95449974]> : tensor<3xf32>
// CHECK-NEXT: dense<[-0.0833154706, 0.5, 1.0852318]> : tensor<3xf32>
// CHECK-NEXT: dense<[0, 0, 2]> : tensor<3xf32>
// CHECK-NEXT: dense<[0, 0, 1]> : tensor<3xf32>
func.func @activations() -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %x = arith.constant dense<[-1.0, 0.0, 2.0]> : tensor<3xf32>
  %0 = motley.silu %x : tensor<3xf32>
  %1 = motley.silu_slope %x : tensor<3xf32>
  %2 = motley.gelu %x : tensor<3xf32>
  %3 = motley.gelu_slope %x : tensor<3xf32>
  %4 = motley.relu %x : tensor<3xf32>
  %5 = motley.relu_slope %x : tensor<3xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

// Tests that NaN stays NaN, on a scalar.
// CHECK-LABEL: @relu_nan:
// CHECK-NEXT: nan : f32
func.func @relu_nan() -> f32 {
  %x = arith.constant 0x7FC00000 : f32
  %y = motley.relu %x : f32
  return %y : f32
}
