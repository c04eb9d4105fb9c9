// RUN: motley-interp %s --set 'param @head = dense<[[0.0, 1.0986122886681098]]> : tensor<1x2xf64>' | FileCheck %s

motley.variable @head : tensor<1x2xf32> init constant 0.0
motley.bank @bank [[@head]]

// Tests logits [0, ln 3] in row 0: the sum of exponentials is 4, so target 0 costs ln 4 = 1.38629436 and target 1 costs
// ln 4 - ln 3 = 0.287682072; z is 0.5 (ln 4)^2 = 0.960906028. No target, no loss. Row 2 has logits 0 and the loss ln 2.
// CHECK-LABEL: @cross_entropy:
// CHECK-NEXT: dense<[1.38629436, 0.287682072, 0.693147181, 0]> : tensor<4xf32>
// CHECK-NEXT: dense<[0.960906028, 0.960906028, 0.240226507, 0]> : tensor<4xf32>
func.func @cross_entropy() -> (tensor<4xf32>, tensor<4xf32>) {
  %x = arith.constant dense<[[1.0], [1.0], [0.0], [1.0]]> : tensor<4x1xf32>
  %target = arith.constant dense<[0, 1, 1, -1]> : tensor<4xi32>
  %ce, %z = motley.cross_entropy @head(%x) targets %target {z_loss = 5.000000e-01 : f64} : (tensor<4x1xf32>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %ce, %z : tensor<4xf32>, tensor<4xf32>
}

// Tests that the dead row, whose target is out of range, has no loss.
// CHECK-LABEL: @grouped_cross_entropy:
// CHECK-NEXT: dense<[1.38629436, 0, nan]> : tensor<3xf32>
// CHECK-NEXT: dense<[0.960906028, 0, nan]> : tensor<3xf32>
func.func @grouped_cross_entropy() -> (tensor<3xf32>, tensor<3xf32>) {
  %x = arith.constant dense<1.0> : tensor<3x1xf32>
  %target = arith.constant dense<[0, -1, 99]> : tensor<3xi32>
  %live = arith.constant 2 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 3>
  %ce, %z = motley.grouped_cross_entropy @bank(%x) by %g targets %target {z_loss = 5.000000e-01 : f64} : (tensor<3x1xf32>, !motley.groups<1, 3>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %ce, %z : tensor<3xf32>, tensor<3xf32>
}

// Tests that large logits don't overflow.
// CHECK-LABEL: @large:
// CHECK-NEXT: dense<1098.61229> : tensor<f64>
func.func @large() -> tensor<f64> {
  %x = arith.constant dense<1000.0> : tensor<1x1xf32>
  %target = arith.constant dense<0> : tensor<1xi32>
  %ce, %z = motley.cross_entropy @head(%x) targets %target {z_loss = 0.000000e+00 : f64} : (tensor<1x1xf32>, tensor<1xi32>) -> (tensor<1xf32>, tensor<1xf32>)
  %zero = arith.constant 0 : index
  %loss = tensor.extract %ce[%zero] : tensor<1xf32>
  %wide = arith.extf %loss : f32 to f64
  %y = tensor.from_elements %wide : tensor<f64>
  return %y : tensor<f64>
}
