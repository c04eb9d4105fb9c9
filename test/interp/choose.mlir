// RUN: motley-interp %s --function rows --arg 'dense<[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0x7FC00000, -1.0, 0x7FC00000], [0.0, 0.25, 0.75], [1.0, 1.0, 1.0]]> : tensor<5x3xf32>' --arg 'dense<[[0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 1], [1, 1, 1]]> : tensor<5x3xi32>' --arg '4 : i32' | FileCheck %s
// RUN: motley-interp %s --function rows --arg 'dense<0.5> : tensor<5x3xf32>' --arg 'dense<0> : tensor<5x3xi32>' --arg '0 : i32' --margins | FileCheck %s --check-prefix=NONE

// Tests that ties go to the lower expert, that NaN is less than -1 and chosen last, that only allowed experts are taken (fewer than k
// if need be), that a threshold must be exceeded, and that top-p takes at least one and stops as soon as p is reached. Without a
// live row nothing is chosen.
// NONE-COUNT-4: dense<{{\[}}[dead, dead, dead], [dead, dead, dead], [dead, dead, dead], [dead, dead, dead], [dead, dead, dead]]>
// NONE: margin inf: no choice depended on a difference
func.func @rows(%s: tensor<5x3xf32>, %allowed: tensor<5x3xi32>, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>) {
  // CHECK: dense<{{\[}}[1, 1, 0], [1, 1, 0], [1, 1, 0], [0, 1, 1], [dead, dead, dead]]>
  %k = motley.choose_experts %s {k = 2 : i64} : (tensor<5x3xf32>) -> tensor<5x3xi32>
  // CHECK-NEXT: dense<{{\[}}[0, 1, 1], [1, 0, 0], [1, 0, 1], [0, 1, 1], [dead, dead, dead]]>
  %a = motley.choose_experts %s allowed %allowed {k = 2 : i64} : (tensor<5x3xf32>, tensor<5x3xi32>) -> tensor<5x3xi32>
  // CHECK-NEXT: dense<{{\[}}[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [dead, dead, dead]]>
  %t = motley.choose_above %s {threshold = 0.25 : f64} : (tensor<5x3xf32>) -> tensor<5x3xi32>
  // CHECK-NEXT: dense<{{\[}}[1, 1, 0], [1, 1, 0], [1, 1, 1], [0, 0, 1], [dead, dead, dead]]>
  %p = motley.choose_top_p %s {p = 0.75 : f64} : (tensor<5x3xf32>) -> tensor<5x3xi32>
  return %k, %a, %t, %p : tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>
}

// Tests the margins: of k, the last taken and the first left; of a threshold, the nearest score; of p, the sums as well.
// RUN: motley-interp %s --function margin_k --margins | FileCheck %s --check-prefix=MARGIN-K
// MARGIN-K: margin 0.125 of motley.choose_experts at row 1
func.func @margin_k() -> tensor<2x3xi32> {
  %s = arith.constant dense<[[1.0, 3.0, 2.0], [0.5, 0.625, 0.25]]> : tensor<2x3xf32>
  %c = motley.choose_experts %s {k = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xi32>
  return %c : tensor<2x3xi32>
}
// RUN: motley-interp %s --function margin_threshold --margins | FileCheck %s --check-prefix=MARGIN-T
// MARGIN-T: margin 0.0625 of motley.choose_above at row 0
func.func @margin_threshold() -> tensor<1x3xi32> {
  %s = arith.constant dense<[[1.0, 0.4375, 0x7FC00000]]> : tensor<1x3xf32>
  %c = motley.choose_above %s {threshold = 0.5 : f64} : (tensor<1x3xf32>) -> tensor<1x3xi32>
  return %c : tensor<1x3xi32>
}
// RUN: motley-interp %s --function margin_p --margins | FileCheck %s --check-prefix=MARGIN-P
// MARGIN-P: margin 0.03125 of motley.choose_top_p at row 0
func.func @margin_p() -> tensor<1x3xi32> {
  %s = arith.constant dense<[[0.25, 0.5, 0.125]]> : tensor<1x3xf32>
  %c = motley.choose_top_p %s {p = 0.71875 : f64} : (tensor<1x3xf32>) -> tensor<1x3xi32>
  return %c : tensor<1x3xi32>
}

// Tests routing by ids: those outside choose nothing. Hash values by an independent implementation of the generator.
// RUN: motley-interp %s --function ids | FileCheck %s --check-prefix=IDS
// IDS: dense<{{\[}}[0, 1], [0, 0], [0, 0], [1, 0], [0, 0]]> : tensor<5x2xi32>
// IDS-NEXT: dense<[4, 2, 1, 0, 4]> : tensor<5xi32>
func.func @ids() -> (tensor<5x2xi32>, tensor<5xi32>) {
  %i = arith.constant dense<[1, 2, -1, 0, 2147483647]> : tensor<5xi32>
  %c = motley.one_hot %i : (tensor<5xi32>) -> tensor<5x2xi32>
  %j = arith.constant dense<[0, 1, 2, -1, 0]> : tensor<5xi32>
  %h = motley.hash %j {buckets = 5 : i64, seed = 9 : i64} : tensor<5xi32>
  return %c, %h : tensor<5x2xi32>, tensor<5xi32>
}
