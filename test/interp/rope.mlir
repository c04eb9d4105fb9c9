// RUN: motley-interp %s | FileCheck %s

// Tests the pairs (j, j + width / 2) of each head: with theta 1 both angles are the position. cos 1 = 0.540302306,
// sin 1 = 0.841470985; cos 2 = -0.416146837, sin 2 = 0.909297427.
// CHECK-LABEL: @halves:
// CHECK-NEXT: dense<{{\[}}[1, 1, 1, 1, 1, 1, 1, 1], [0.540302306, 0, 0.841470985, 0, 0, -0.841470985, 0, 0.540302306], [-0.416146837, -0.909297427, 0.909297427, -0.416146837, 0, 0, 0, 0]]> : tensor<3x8xf32>
// CHECK-NEXT: dense<{{\[}}[1, 1, 1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 1, 0, 0, 0, 0]]> : tensor<3x8xf32>
func.func @halves() -> (tensor<3x8xf32>, tensor<3x8xf32>) {
  %x = arith.constant dense<[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
                             [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
                             [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<3x8xf32>
  %position = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
  %y = motley.rope %x at %position {heads = 2 : i64, theta = 1.000000e+00 : f64} : tensor<3x8xf32>, tensor<3xi32>
  %back = motley.rope inverse %y at %position {heads = 2 : i64, theta = 1.000000e+00 : f64} : tensor<3x8xf32>, tensor<3xi32>
  return %y, %back : tensor<3x8xf32>, tensor<3x8xf32>
}

// Tests the second frequency: theta^(-2 / 4) with theta 4 is 1 / 2. At position 2 the angles are 2 and 1.
// CHECK-LABEL: @frequencies:
// CHECK-NEXT: dense<{{\[}}[-0.416146837, 0.540302306, 0.909297427, 0.841470985]]> : tensor<1x4xf32>
func.func @frequencies() -> tensor<1x4xf32> {
  %x = arith.constant dense<[[1.0, 1.0, 0.0, 0.0]]> : tensor<1x4xf32>
  %position = arith.constant dense<[2]> : tensor<1xi32>
  %y = motley.rope %x at %position {heads = 1 : i64, theta = 4.000000e+00 : f64} : tensor<1x4xf32>, tensor<1xi32>
  return %y : tensor<1x4xf32>
}
