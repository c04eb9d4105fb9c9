// RUN: motley-interp %s | FileCheck %s

// With a query of zeros all admitted keys weigh the same, so a result is the mean of the admitted values.

// Tests the masks: documents {0, 1, 2} and {3}; rows 1 and 2 share span 5.
// CHECK-LABEL: @masks:
// CHECK-NEXT: dense<{{\[}}[1], [2], [3], [10]]> : tensor<4x1xf32>
// CHECK-NEXT: dense<{{\[}}[1], [3], [3], [10]]> : tensor<4x1xf32>
// CHECK-NEXT: dense<{{\[}}[3], [3], [3], [10]]> : tensor<4x1xf32>
func.func @masks() -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) {
  %q = arith.constant dense<0.0> : tensor<4x1xf32>
  %v = arith.constant dense<[[1.0], [3.0], [5.0], [10.0]]> : tensor<4x1xf32>
  %document = arith.constant dense<[0, 0, 0, 1]> : tensor<4xi32>
  %span = arith.constant dense<[-1, 5, 5, -1]> : tensor<4xi32>
  %causal = motley.attention causal %q, %v, %v documents %document {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4xi32>) -> tensor<4x1xf32>
  %inspan = motley.attention span %q, %v, %v documents %document span %span {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4x1xf32>
  %full = motley.attention full %q, %v, %v documents %document {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4xi32>) -> tensor<4x1xf32>
  return %causal, %inspan, %full : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
}

// Tests that `order`, not the place of a row, decides what is past; equal orders see each other.
// CHECK-LABEL: @order:
// CHECK-NEXT: dense<{{\[}}[4], [3], [4]]> : tensor<3x1xf32>
func.func @order() -> tensor<3x1xf32> {
  %q = arith.constant dense<0.0> : tensor<3x1xf32>
  %v = arith.constant dense<[[1.0], [3.0], [8.0]]> : tensor<3x1xf32>
  %order = arith.constant dense<[7, 2, 7]> : tensor<3xi32>
  %y = motley.attention causal %q, %v, %v order %order {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3xi32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}

// Tests scores and shared key heads: heads 0, 1 read key head 0, heads 2, 3 key head 1. Keys differ by ln 3 along the query of
// heads 1 and 3, so weights are 1/4 and 3/4 there, 1/2 and 1/2 in heads 0 and 2.
// CHECK-LABEL: @heads:
// CHECK-NEXT: dense<{{\[}}[6, 7, 20, 30], [6, 7, 20, 30]]> : tensor<2x4xf32>
func.func @heads() -> tensor<2x4xf32> {
  %q = arith.constant dense<[[0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]]> : tensor<2x4xf32>
  // ln 3 = 1.0986122886681098 in f64; half of it, and scale 2.
  %zero = arith.constant dense<[[0.0, 0.0], [0.5493061443340549, 0.5493061443340549]]> : tensor<2x2xf64>
  %k = arith.truncf %zero : tensor<2x2xf64> to tensor<2x2xf32>
  %v = arith.constant dense<[[4.0, 0.0], [8.0, 40.0]]> : tensor<2x2xf32>
  %y = motley.attention full %q, %k, %v {heads = 4 : i64, kv_heads = 2 : i64, scale = 2.000000e+00 : f64} : (tensor<2x4xf32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// Tests the scale that is not given: 1 / sqrt 4. The score of the second key is 2 * ln 3 / 2.
// CHECK-LABEL: @default_scale:
// CHECK-NEXT: dense<{{\[}}[7, 0, 0, 0], [7, 0, 0, 0]]> : tensor<2x4xf32>
func.func @default_scale() -> tensor<2x4xf32> {
  %q = arith.constant dense<[[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]> : tensor<2x4xf32>
  %k64 = arith.constant dense<[[0.0, 0.0, 0.0, 0.0], [1.0986122886681098, 1.0986122886681098, 0.0, 0.0]]> : tensor<2x4xf64>
  %k = arith.truncf %k64 : tensor<2x4xf64> to tensor<2x4xf32>
  %v = arith.constant dense<[[4.0, 0.0, 0.0, 0.0], [8.0, 0.0, 0.0, 0.0]]> : tensor<2x4xf32>
  %y = motley.attention full %q, %k, %v {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
