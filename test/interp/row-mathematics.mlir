// RUN: motley-interp %s --function scores --precision 6 --arg 'dense<[[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [1000.0, 0.0, 1000.0], [1.0, 0x7FC00000, 2.0], [7.0, 7.0, 7.0]]> : tensor<5x3xf32>' --arg 'dense<[[1, 0, 1], [0, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]]> : tensor<5x3xi32>' --arg '4 : i32' | FileCheck %s

// Tests by hand: e^-2 = 0.135335, e^-1 = 0.367879; large scores don't overflow; NaN spreads through its row, unless it isn't chosen;
// a row that chose nothing gets zeros; the dead row stays dead.
func.func @scores(%x: tensor<5x3xf32>, %chosen: tensor<5x3xi32>, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<5x3xf32>, tensor<5x3xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5x2xf32>, tensor<5x3xf32>) {
  // CHECK: dense<{{\[}}[0.0900306, 0.244728, 0.665241], [0.333333, 0.333333, 0.333333], [0.5, 0, 0.5], [nan, nan, nan], [nan, nan, nan]]>
  %all = motley.softmax %x : tensor<5x3xf32>
  // CHECK-NEXT: dense<{{\[}}[0.119203, 0, 0.880797], [0, 0, 0], [1, 0, 0], [0.268941, 0, 0.731059], [nan, nan, nan]]>
  %some = motley.softmax %x chosen %chosen : tensor<5x3xf32>, tensor<5x3xi32>
  // CHECK-NEXT: dense<[3.40761, 6.09861, 1000.69, nan, nan]>
  %lse = motley.log_sum_exp %x : tensor<5x3xf32> -> tensor<5xf32>
  // CHECK-NEXT: dense<[6, 15, 2000, nan, nan]>
  %sum = motley.row_sum %x : tensor<5x3xf32> -> tensor<5xf32>
  // CHECK-NEXT: dense<{{\[}}[6, 6], [15, 15], [2000, 2000], [nan, nan], [nan, nan]]>
  %wide = motley.row_broadcast %sum : tensor<5xf32> -> tensor<5x2xf32>
  // CHECK-NEXT: dense<{{\[}}[0.731059, 0.880797, 0.952574], [0.993307, 0.993307, 0.993307], [1, 0.5, 1], [0.731059, nan, 0.880797],
  %sigmoid = motley.sigmoid %x : tensor<5x3xf32>
  return %all, %some, %lse, %sum, %wide, %sigmoid
      : tensor<5x3xf32>, tensor<5x3xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5x2xf32>, tensor<5x3xf32>
}
