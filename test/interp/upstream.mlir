// RUN: motley-interp %s | FileCheck %s

// Tests arithmetic of floats on tensors and scalars.
// CHECK-LABEL: @floats:
// CHECK-NEXT: dense<[4, 6]> : tensor<2xf32>
// CHECK-NEXT: dense<[-2, -2]> : tensor<2xf32>
// CHECK-NEXT: dense<[3, 8]> : tensor<2xf32>
// CHECK-NEXT: dense<[3, 4]> : tensor<2xf32>
// CHECK-NEXT: dense<[1, 2]> : tensor<2xf32>
// CHECK-NEXT: 2.71828183 : f32
func.func @floats() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, f32) {
  %a = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = arith.constant dense<[3.0, 4.0]> : tensor<2xf32>
  %one = arith.constant 1.0 : f32
  %0 = arith.addf %a, %b : tensor<2xf32>
  %1 = arith.subf %a, %b : tensor<2xf32>
  %2 = arith.mulf %a, %b : tensor<2xf32>
  %3 = arith.maximumf %a, %b : tensor<2xf32>
  %less = arith.cmpf olt, %a, %b : tensor<2xf32>
  %4 = arith.select %less, %a, %b : tensor<2xi1>, tensor<2xf32>
  %5 = math.exp %one : f32
  return %0, %1, %2, %3, %4, %5 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, f32
}

// Tests that integers wrap to their width, and that comparisons of unsigned values see all bits.
// CHECK-LABEL: @integers:
// CHECK-NEXT: -2147483648 : i32
// CHECK-NEXT: 1 : i1
// CHECK-NEXT: 0 : i1
// CHECK-NEXT: -1 : i64
// CHECK-NEXT: 4294967295 : i64
// CHECK-NEXT: -1 : f32
func.func @integers() -> (i32, i1, i1, i64, i64, f32) {
  %max = arith.constant 2147483647 : i32
  %one = arith.constant 1 : i32
  %minus = arith.constant -1 : i32
  %0 = arith.addi %max, %one : i32
  %1 = arith.cmpi ugt, %minus, %one : i32
  %2 = arith.cmpi sgt, %minus, %one : i32
  %3 = arith.extsi %minus : i32 to i64
  %4 = arith.extui %minus : i32 to i64
  %5 = arith.sitofp %minus : i32 to f32
  return %0, %1, %2, %3, %4, %5 : i32, i1, i1, i64, i64, f32
}

// Tests that float64 keeps what float32 would lose, and that a dead element spreads.
// CHECK-LABEL: @float64:
// CHECK-NEXT: 1 : f32
// CHECK-NEXT: dense<[8, dead]> : tensor<2xi32>
func.func @float64() -> (f32, tensor<2xi32>) {
  %big = arith.constant 1.0e9 : f32
  %one = arith.constant 1.0 : f32
  %sum = arith.addf %big, %one : f32
  %back = arith.subf %sum, %big : f32
  %ids = arith.constant dense<[4, 4]> : tensor<2xi32>
  %live = arith.constant 1 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 2>
  %moved = motley.gather_rows %ids by %g : (tensor<2xi32>, !motley.groups<1, 2>) -> tensor<2xi32>
  %twice = arith.addi %moved, %ids : tensor<2xi32>
  return %back, %twice : f32, tensor<2xi32>
}

// CHECK-LABEL: @tensors:
// CHECK-NEXT: dense<{{\[}}[1.5, 1.5], [1.5, 1.5]]> : tensor<2x2xf32>
// CHECK-NEXT: 6 : i32
// CHECK-NEXT: dense<[1.5, -1.5]> : tensor<2xf32>
func.func @tensors() -> (tensor<2x2xf32>, i32, tensor<2xf32>) {
  %x = arith.constant 1.5 : f32
  %minus = arith.negf %x : f32
  %0 = tensor.splat %x : tensor<2x2xf32>
  %t = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %row = arith.constant 1 : index
  %column = arith.constant 2 : index
  %1 = tensor.extract %t[%row, %column] : tensor<2x3xi32>
  %2 = tensor.from_elements %x, %minus : tensor<2xf32>
  return %0, %1, %2 : tensor<2x2xf32>, i32, tensor<2xf32>
}
