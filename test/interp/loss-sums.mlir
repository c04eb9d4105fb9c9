// RUN: motley-interp %s | FileCheck %s

motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20

// Tests that a row counts under the modality of its target, and nowhere without one or when dead.
// CHECK-LABEL: @loss_sums:
// CHECK-NEXT: dense<{{\[}}[5, 6], [50, 60]]> : tensor<2x2xf64>
func.func @loss_sums() -> tensor<2x2xf64> {
  %live = arith.constant 4 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 5>
  %a = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
  %b = arith.constant dense<[10.0, 20.0, 30.0, 40.0, 50.0]> : tensor<5xf32>
  %w = arith.constant dense<[1.0, 3.0, 1.0, 1.0, 1.0]> : tensor<5xf32>
  %target = arith.constant dense<[9, 10, -1, 0, 99]> : tensor<5xi32>
  %s = motley.loss_sums (%a, %b) weights %w targets %target by %g : (tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xi32>, !motley.groups<1, 5>) -> tensor<2x2xf64>
  return %s : tensor<2x2xf64>
}

// Tests that no live row gives zeros.
// CHECK-LABEL: @nothing_live:
// CHECK-NEXT: dense<{{\[}}[0, 0]]> : tensor<1x2xf64>
func.func @nothing_live() -> tensor<1x2xf64> {
  %live = arith.constant 0 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 2>
  %a = arith.constant dense<1.0> : tensor<2xf32>
  %target = arith.constant dense<0> : tensor<2xi32>
  %s = motley.loss_sums (%a) weights %a targets %target by %g : (tensor<2xf32>, tensor<2xf32>, tensor<2xi32>, !motley.groups<1, 2>) -> tensor<1x2xf64>
  return %s : tensor<1x2xf64>
}
