// RUN: motley-interp %s --function overflow --arg 'dense<[[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]]> : tensor<5x3xi32>' --arg 'dense<[3, 2, 1, 0, 0]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s
// RUN: motley-interp %s --function overflow --arg 'dense<[[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]]> : tensor<5x3xi32>' --arg 'dense<[3, 2, 1, 0, 0]> : tensor<5xi32>' --arg '1 : i32' | FileCheck %s --check-prefix=ONE

// Tests the policies where four rows chose expert 0 and two expert 1, and each has room for two. Rows are numbered backwards.
// position: rows 3 and 2 keep expert 0. priority: rows 0 and 2 have the highest scores, row 2 by its index.
// reroute: rows 3 and 2 fill expert 0. Row 1 keeps expert 1 (row 2 has it too) and gets expert 2 in place of 0, though its
// score is NaN; row 0 finds expert 1 full and gets 2.
// CHECK: dense<{{\[}}[0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0], [dead, dead, dead]]>
// CHECK-NEXT: dense<{{\[}}[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0], [dead, dead, dead]]>
// CHECK-NEXT: dense<{{\[}}[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0], [dead, dead, dead]]>
// ONE-COUNT-3: dense<{{\[}}[1, 0, 0], [dead, dead, dead],
func.func @overflow(%c: tensor<5x3xi32>, %index: tensor<5xi32>, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>) {
  %s = arith.constant dense<[[4.0, 3.0, 1.0], [2.0, 1.0, 0x7FC00000], [2.0, 1.0, 1.0], [0x7FC00000, 1.0, 1.0], [9.0, 9.0, 9.0]]> : tensor<5x3xf32>
  %position = motley.limit_capacity position %c scores %s index %index {capacity = 0.5 : f64} : (tensor<5x3xi32>, tensor<5x3xf32>, tensor<5xi32>) -> tensor<5x3xi32>
  %priority = motley.limit_capacity priority %c scores %s index %index {capacity = 0.5 : f64} : (tensor<5x3xi32>, tensor<5x3xf32>, tensor<5xi32>) -> tensor<5x3xi32>
  %reroute = motley.limit_capacity reroute %c scores %s index %index {capacity = 0.5 : f64} : (tensor<5x3xi32>, tensor<5x3xf32>, tensor<5xi32>) -> tensor<5x3xi32>
  return %position, %priority, %reroute : tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>
}

// Tests that a row that is turned away twice takes two others, the best first, that equals go to the lower expert, and that a row for
// which nothing has room drops out. Documents have room of their own.
// RUN: motley-interp %s --function twice --margins | FileCheck %s --check-prefix=TWICE
// TWICE: dense<{{\[}}[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]>
// TWICE-NEXT: dense<{{\[}}[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0]]>
// TWICE-NEXT: margin 0 of motley.limit_capacity at row 1
func.func @twice() -> (tensor<4x5xi32>, tensor<4x5xi32>) {
  %c = arith.constant dense<[[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]> : tensor<4x5xi32>
  %s = arith.constant dense<[[0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0, 1.0], [0.0, 0.0, 1.0, 2.0, 1.0], [0.0, 0.0, 3.0, 1.0, 1.0]]> : tensor<4x5xf32>
  %i = arith.constant dense<[0, 1, 2, 3]> : tensor<4xi32>
  %d = arith.constant dense<[0, 0, 1, 1]> : tensor<4xi32>
  %a = motley.limit_capacity reroute %c scores %s index %i {capacity = 0.25 : f64} : (tensor<4x5xi32>, tensor<4x5xf32>, tensor<4xi32>) -> tensor<4x5xi32>
  %b = motley.limit_capacity reroute %c scores %s index %i documents %d {capacity = 0.25 : f64} : (tensor<4x5xi32>, tensor<4x5xf32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4x5xi32>
  return %a, %b : tensor<4x5xi32>, tensor<4x5xi32>
}
