// RUN: motley-interp %s --print grad --seed 1 | FileCheck %s

motley.variable @ones : tensor<1x33xf32> init constant 1.0
motley.variable @tens : tensor<1x33xf32> init constant 10.0
motley.bank @wide [[@ones], [@tens]]

// Both functions: slots 0, 1, 2 are row 1 for the first expert, rows 0 and 1 for the second; slot 3 is dead, and so is row 2.
func.func private @table() -> !motley.groups<2, 4 of 3> {
  %live = arith.constant 2 : i32
  %base = motley.group_by live %live : (i32) -> !motley.groups<1, 3>
  %c = arith.constant dense<[[0, 1], [1, 1], [1, 1]]> : tensor<3x2xi32>
  %t = motley.select (%c) counts [2] by %base owner [0] : (tensor<3x2xi32>, !motley.groups<1, 3>) -> !motley.groups<2, 4 of 3>
  return %t : !motley.groups<2, 4 of 3>
}

// Tests a product of rows that are read where they lie, with a value for each row and sums over 32 columns and a rest of 1; then
// one of 33 columns into one, transposed, whose sum is the result itself.
// CHECK-LABEL: @product:
// CHECK-NEXT: dense<{{\[}}[3200, 100], [6400, 200], [192000, 6000], [nan, nan]]> : tensor<4x2xf32>
// CHECK-NEXT: dense<{{\[}}[66], [330], [660], [nan]]> : tensor<4x1xf32>
// CHECK-NEXT: grad @ones
func.func @product() -> (tensor<4x2xf32>, tensor<4x1xf32>) {
  %t = call @table() : () -> !motley.groups<2, 4 of 3>
  %x = arith.constant dense<[[1.0], [2.0], [7.0]]> : tensor<3x1xf32>
  %gate = arith.constant dense<[50.0, 20.0, 300.0, 7.0]> : tensor<4xf32>
  %sums = motley.grouped_matmul @wide ranges [0] map [0, 1] (%x) gathered by %t extra (%gate) : (tensor<3x1xf32>, !motley.groups<2, 4 of 3>, tensor<4xf32>) -> tensor<4x2xf32> epilogue {
  ^bb0(%acc: f32, %g: f32):
    %z = arith.mulf %acc, %g : f32
    motley.yield %z : f32
  }
  %row = arith.constant dense<[1.0, 2.0, 7.0]> : tensor<3xf32>
  %dy = motley.row_broadcast %row : tensor<3xf32> -> tensor<3x33xf32>
  %dx = motley.grouped_matmul transposed @wide ranges [0] map [0, 1] (%dy) gathered by %t : (tensor<3x33xf32>, !motley.groups<2, 4 of 3>) -> tensor<4x1xf32>
  return %sums, %dx : tensor<4x2xf32>, tensor<4x1xf32>
}

// Tests outer products where either side is read where it lies: @ones gets 2 * 100 of slot 0; @tens gets 1 * 100 + 2 * 100 of slots 1
// and 2, and then 1 * 1000 + 2 * 2000.
// CHECK-LABEL: @outer:
// CHECK-NEXT: grad @ones = dense<{{\[}}[200, 200,
// CHECK-NEXT: grad @tens = dense<{{\[}}[5300, 5300,
func.func @outer() {
  %t = call @table() : () -> !motley.groups<2, 4 of 3>
  %x = arith.constant dense<[[1.0], [2.0], [7.0]]> : tensor<3x1xf32>
  %slots = motley.gather_rows %x by %t : (tensor<3x1xf32>, !motley.groups<2, 4 of 3>) -> tensor<4x1xf32>
  %dslots = arith.constant dense<100.0> : tensor<4x33xf32>
  %row = arith.constant dense<[1000.0, 2000.0, 7.0]> : tensor<3xf32>
  %drows = motley.row_broadcast %row : tensor<3xf32> -> tensor<3x33xf32>
  %false = arith.constant false
  %true = arith.constant true
  motley.grouped_outer %x gathered, (%dslots) into @wide ranges [0] map [0, 1] by %t add %false : tensor<3x1xf32>, (tensor<4x33xf32>), !motley.groups<2, 4 of 3>
  motley.grouped_outer %slots, (%drows) gathered into @wide ranges [0] map [-1, 1] by %t add %true : tensor<4x1xf32>, (tensor<3x33xf32>), !motley.groups<2, 4 of 3>
  return
}
