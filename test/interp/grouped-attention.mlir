// RUN: motley-interp %s | FileCheck %s

// Tests that documents are read through their rows: rows stand as 1, 3 | 0, 2 of the input, document 0 is {0, 1, 2}. Row 4 is
// dead. With a query of zeros a causal result is the mean of the values up to the row in the document: inputs 2, 4, 9 give
// 2, 3, 5. Document 1 is input row 3 alone. The sum of exponentials is the number of admitted keys; ln 2 = 0.693147181,
// ln 3 = 1.09861229.
// CHECK-LABEL: @causal:
// CHECK-NEXT: dense<{{\[}}[3], [70], [2], [5], [nan]]> : tensor<5x1xf32>
// CHECK-NEXT: dense<{{\[}}[0.693147181], [0], [0], [1.09861229], [nan]]> : tensor<5x1xf32>
// CHECK-NEXT: dense<{{\[}}[3], [70], [2], [5], [nan]]> : tensor<5x1xf32>
func.func @causal() -> (tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>) {
  %document = arith.constant dense<[0, 0, 0, 1, 99]> : tensor<5xi32>
  %modality = arith.constant dense<[1, 0, 1, 0, 99]> : tensor<5xi32>
  %live = arith.constant 4 : i32
  %base = motley.group_by %modality live %live : (tensor<5xi32>, i32) -> !motley.groups<2, 5>
  %byinput = motley.group_by %document live %live : (tensor<5xi32>, i32) -> !motley.groups<2, 5>
  %d = motley.reindex %byinput into %base : (!motley.groups<2, 5>, !motley.groups<2, 5>) -> !motley.groups<2, 5>
  %q = arith.constant dense<0.0> : tensor<5x1xf32>
  %v = arith.constant dense<[[4.0], [70.0], [2.0], [9.0], [1.0e9]]> : tensor<5x1xf32>
  %a, %l = motley.grouped_attention causal %q, %v, %v over %d {heads = 1 : i64, kv_heads = 1 : i64, scale = 1.000000e+00 : f64} : (tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>, !motley.groups<2, 5>) -> (tensor<5x1xf32>, tensor<5x1xf32>)
  // The same with the order, which has moved with the rows.
  %order = arith.constant dense<[0, 1, 2, 0, 0]> : tensor<5xi32>
  %o = motley.gather_rows %order by %base : (tensor<5xi32>, !motley.groups<2, 5>) -> tensor<5xi32>
  %b, %m = motley.grouped_attention causal %q, %v, %v over %d order %o {heads = 1 : i64, kv_heads = 1 : i64, scale = 1.000000e+00 : f64} : (tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>, !motley.groups<2, 5>, tensor<5xi32>) -> (tensor<5x1xf32>, tensor<5x1xf32>)
  return %a, %l, %b : tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>
}
