// RUN: motley-interp %s | FileCheck %s

// Tests that each branch holds the rows of its own groups only (two of the three groups belong to branch 1), and that merging
// takes each row from its owner.
// CHECK-LABEL: @split_merge:
// CHECK-NEXT: dense<{{\[}}[nan], [nan], [3], [nan]]> : tensor<4x1xf32>
// CHECK-NEXT: dense<{{\[}}[1], [2], [nan], [nan]]> : tensor<4x1xf32>
// CHECK-NEXT: dense<{{\[}}[20], [40], [3], [nan]]> : tensor<4x1xf32>
func.func @split_merge() -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) {
  %ids = arith.constant dense<[0, 2, 1, 0]> : tensor<4xi32>
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %other = arith.constant dense<[[20.0], [40.0], [60.0], [80.0]]> : tensor<4x1xf32>
  %live = arith.constant 3 : i32
  %g = motley.group_by %ids live %live : (tensor<4xi32>, i32) -> !motley.groups<3, 4>
  // Group 0 is row 0, group 1 (one row) is slot 1, group 2 is slot 2.
  %a, %b = motley.split_groups %x by %g owner [1, 1, 0] : (tensor<4x1xf32>, !motley.groups<3, 4>) -> (tensor<4x1xf32>, tensor<4x1xf32>)
  %y = motley.merge_groups %a, %other by %g owner [1, 1, 0] : (tensor<4x1xf32>, tensor<4x1xf32>, !motley.groups<3, 4>) -> tensor<4x1xf32>
  return %a, %b, %y : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
}
