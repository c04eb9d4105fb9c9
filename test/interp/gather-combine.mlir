// RUN: motley-interp %s | FileCheck %s

// Tests that rows move into slot order and back, and that the dead row holds nothing, floats or integers.
// CHECK-LABEL: @there_and_back:
// CHECK-NEXT: dense<{{\[}}[3, 4], [7, 8], [1, 2], [5, 6], [nan, nan]]> : tensor<5x2xf32>
// CHECK-NEXT: dense<{{\[}}[1, 2], [3, 4], [5, 6], [7, 8], [nan, nan]]> : tensor<5x2xf32>
// CHECK-NEXT: dense<[11, 13, 10, 12, dead]> : tensor<5xi32>
func.func @there_and_back() -> (tensor<5x2xf32>, tensor<5x2xf32>, tensor<5xi32>) {
  %modality = arith.constant dense<[1, 0, 1, 0, 0]> : tensor<5xi32>
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 9.0]]> : tensor<5x2xf32>
  %ids = arith.constant dense<[10, 11, 12, 13, 14]> : tensor<5xi32>
  %live = arith.constant 4 : i32
  %g = motley.group_by %modality live %live : (tensor<5xi32>, i32) -> !motley.groups<2, 5>
  %slots = motley.gather_rows %x by %g : (tensor<5x2xf32>, !motley.groups<2, 5>) -> tensor<5x2xf32>
  %back = motley.combine_rows %slots by %g : (tensor<5x2xf32>, !motley.groups<2, 5>) -> tensor<5x2xf32>
  %moved = motley.gather_rows %ids by %g : (tensor<5xi32>, !motley.groups<2, 5>) -> tensor<5xi32>
  return %slots, %back, %moved : tensor<5x2xf32>, tensor<5x2xf32>, tensor<5xi32>
}
