// RUN: motley-interp %s | FileCheck %s

#rd = affine_map<(r, d) -> (r, d)>
#r = affine_map<(r, d) -> (r)>
#d = affine_map<(r, d) -> (d)>

// Tests a body on every element, with a value of the row and two results.
// CHECK-LABEL: @elementwise:
// CHECK-NEXT: dense<{{\[}}[10, 20], [60, 80]]> : tensor<2x2xf32>
// CHECK-NEXT: dense<{{\[}}[1, 0], [0, 0]]> : tensor<2x2xf32>
func.func @elementwise() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %s = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %y:2 = linalg.generic {indexing_maps = [#rd, #r, #rd, #rd], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<2x2xf32>, tensor<2xf32>) outs(%e, %e : tensor<2x2xf32>, tensor<2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32, %p: f32):
    %m = arith.mulf %a, %b : f32
    %c = arith.cmpf olt, %a, %two : f32
    %n = arith.uitofp %c : i1 to f32
    linalg.yield %m, %n : f32, f32
  } -> (tensor<2x2xf32>, tensor<2x2xf32>)
  return %y#0, %y#1 : tensor<2x2xf32>, tensor<2x2xf32>
}

// Tests sums over either dimension onto what was there, and loops in another order.
// CHECK-LABEL: @reductions:
// CHECK-NEXT: dense<[106, 215]> : tensor<2xf32>
// CHECK-NEXT: dense<[5, 7, 9]> : tensor<3xf32>
// CHECK-NEXT: dense<21> : tensor<f32>
// CHECK-NEXT: dense<{{\[}}[1, 4], [2, 5], [3, 6]]> : tensor<3x2xf32>
func.func @reductions() -> (tensor<2xf32>, tensor<3xf32>, tensor<f32>, tensor<3x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %s = arith.constant dense<[100.0, 200.0]> : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [#rd, #r], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x3xf32>) outs(%s : tensor<2xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %t = arith.addf %a, %sum : f32
    linalg.yield %t : f32
  } -> tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3xf32>) -> tensor<3xf32>
  %z = linalg.generic {indexing_maps = [#rd, #d], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<2x3xf32>) outs(%f : tensor<3xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %t = arith.addf %a, %sum : f32
    linalg.yield %t : f32
  } -> tensor<3xf32>
  %n = arith.constant dense<0.0> : tensor<f32>
  %all = linalg.reduce { arith.addf } ins(%x : tensor<2x3xf32>) outs(%n : tensor<f32>) dimensions = [0, 1]
  %g = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%g : tensor<3x2xf32>) permutation = [1, 0]
  return %y, %z, %all, %t : tensor<2xf32>, tensor<3xf32>, tensor<f32>, tensor<3x2xf32>
}

// Tests that nothing is in a new tensor, and that a sum with it has no value.
// CHECK-LABEL: @empty:
// CHECK-NEXT: dense<[nan, nan]> : tensor<2xf32>
// CHECK-NEXT: dense<[1, 16]> : tensor<2xf32>
func.func @empty() -> (tensor<2xf32>, tensor<2xf32>) {
  %x = arith.constant dense<[-1.0, 4.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %y = linalg.map { arith.addf } ins(%x, %e : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>)
  %i = arith.constant dense<2> : tensor<2xi32>
  %p = math.fpowi %x, %i : tensor<2xf32>, tensor<2xi32>
  return %y, %p : tensor<2xf32>, tensor<2xf32>
}
