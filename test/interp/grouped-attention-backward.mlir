// RUN: motley-interp %s | FileCheck %s

// Tests the adjoint where it can be followed by hand: one document of two rows, queries 0, so row 0 sees itself and row 1 sees
// both with weight 1/2. Values 2, 6: outputs 2, 4. With dy = [1, 1]: dV = [1 + 1/2, 1/2]. Row 1: D = 4, so
// dS = [1/2 (2 - 4), 1/2 (6 - 4)] = [-1, 1]; with scale 1/2 and keys [3, 5], dQ = 1/2 (-3 + 5) = 1; dK = 0 as queries are 0.
// CHECK-LABEL: @one_head:
// CHECK-NEXT: dense<{{\[}}[0], [1]]> : tensor<2x1xf32>
// CHECK-NEXT: dense<{{\[}}[0], [0]]> : tensor<2x1xf32>
// CHECK-NEXT: dense<{{\[}}[1.5], [0.5]]> : tensor<2x1xf32>
func.func @one_head() -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>) {
  %live = arith.constant 2 : i32
  %d = motley.group_by live %live : (i32) -> !motley.groups<1, 2>
  %q = arith.constant dense<0.0> : tensor<2x1xf32>
  %k = arith.constant dense<[[3.0], [5.0]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[2.0], [6.0]]> : tensor<2x1xf32>
  %dy = arith.constant dense<1.0> : tensor<2x1xf32>
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 1 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f64} : (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, !motley.groups<1, 2>) -> (tensor<2x1xf32>, tensor<2x1xf32>)
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %a, %l over %d {heads = 1 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f64} : (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, !motley.groups<1, 2>) -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>)
  return %dq, %dk, %dv : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>
}

// Tests that heads which share a key head add up: equal keys, so weights are 1/2 whatever the queries [1, 3]. Row 1 alone has a
// cotangent, [1, 10]; dV = [11/2, 11/2]. Output 4 in both heads: dS = [-1, 1] and [-10, 10], dK = [-1 - 30, 1 + 30]; dQ = 0 as the
// keys are equal. The dead row stays dead.
// CHECK-LABEL: @shared_key_head:
// CHECK-NEXT: dense<{{\[}}[0, 0], [0, 0], [nan, nan]]> : tensor<3x2xf32>
// CHECK-NEXT: dense<{{\[}}[-31], [31], [nan]]> : tensor<3x1xf32>
// CHECK-NEXT: dense<{{\[}}[5.5], [5.5], [nan]]> : tensor<3x1xf32>
func.func @shared_key_head() -> (tensor<3x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>) {
  %live = arith.constant 2 : i32
  %d = motley.group_by live %live : (i32) -> !motley.groups<1, 3>
  %q = arith.constant dense<[[1.0, 3.0], [1.0, 3.0], [1.0, 3.0]]> : tensor<3x2xf32>
  %k = arith.constant dense<7.0> : tensor<3x1xf32>
  %v = arith.constant dense<[[2.0], [6.0], [5.0]]> : tensor<3x1xf32>
  %dy = arith.constant dense<[[0.0, 0.0], [1.0, 10.0], [5.0, 5.0]]> : tensor<3x2xf32>
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.000000e+00 : f64} : (tensor<3x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>, !motley.groups<1, 3>) -> (tensor<3x2xf32>, tensor<3x2xf32>)
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %a, %l over %d {heads = 2 : i64, kv_heads = 1 : i64, scale = 1.000000e+00 : f64} : (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x2xf32>, tensor<3x2xf32>, !motley.groups<1, 3>) -> (tensor<3x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>)
  return %dq, %dk, %dv : tensor<3x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>
}
