// Tests noise against an independent implementation of the generator, at key (7, 5) and step 3, and that element (row, column)
// depends on the row's index alone; without a seed it is zero; the dead row stays dead.
// RUN: motley-interp %s --function drawn --precision 6 --arg '21474836487 : i64' --arg '3 : i64' --arg '2 : i32' | FileCheck %s
// CHECK: dense<{{\[}}[0.972088, 1.26031], [-0.879699, 1.02432], [nan, nan]]> : tensor<3x2xf32>
// CHECK-NEXT: dense<{{\[}}[0.837299, -0.306077], [-1.29773, -0.0215963], [nan, nan]]> : tensor<3x2xf32>
// CHECK-NEXT: dense<{{\[}}[-0.299562, 0.839164], [-0.0173675, 0.12786], [nan, nan]]> : tensor<3x2xf32>
// CHECK-NEXT: dense<{{\[}}[0, 0], [0, 0], [nan, nan]]> : tensor<3x2xf32>
func.func @drawn(%seed: i64, %step: i64, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %index = arith.constant dense<[4, 0, 9]> : tensor<3xi32>
  %g = motley.noise gumbel at %index seed %seed step %step {site = 0 : i64} : (tensor<3xi32>, i64, i64) -> tensor<3x2xf32>
  %n = motley.noise normal at %index seed %seed step %step {site = 1 : i64} : (tensor<3xi32>, i64, i64) -> tensor<3x2xf32>
  %u = motley.noise uniform at %index seed %seed step %step {site = 2 : i64} : (tensor<3xi32>, i64, i64) -> tensor<3x2xf32>
  %z = motley.noise gumbel at %index {site = 0 : i64} : (tensor<3xi32>) -> tensor<3x2xf32>
  return %g, %n, %u, %z : tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}
