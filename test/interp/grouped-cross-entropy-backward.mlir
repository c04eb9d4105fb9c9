// RUN: motley-interp %s --function zeroed --print grad --set 'param @head = dense<[[0.0, 1.0986122886681098]]> : tensor<1x2xf64>' --set 'grad @head = dense<1.0> : tensor<1x2xf32>' | FileCheck %s --check-prefixes=CHECK,ZEROED
// RUN: motley-interp %s --function added --print grad --set 'param @head = dense<[[0.0, 1.0986122886681098]]> : tensor<1x2xf64>' --set 'grad @head = dense<1.0> : tensor<1x2xf32>' | FileCheck %s --check-prefixes=CHECK,ADDED

motley.variable @head : tensor<1x2xf32> init constant 0.0
motley.bank @bank [[@head]]

// Row 0, logits [0, ln 3], softmax [1/4, 3/4], target 0, dce 4: dlogits = [-3, 3], dx = 3 ln 3 = 3.29583687. Row 1 has no target.
// Row 2, x = 0, softmax [1/2, 1/2], lse = ln 2, target 1, dce 0, dz 1, z_loss 1/2: dlogits = ln 2 [1/2, 1/2], dx = ln 2 / 2 ln 3 =
// 0.380750005. Row 3 is dead. The gradient of the head is [-3, 3], as x is 0 in row 2.
// CHECK: dense<[1.38629436, 0, 0.693147181, nan]> : tensor<4xf32>
// CHECK-NEXT: dense<[0.960906028, 0, 0.240226507, nan]> : tensor<4xf32>
// CHECK-NEXT: dense<{{\[}}[3.29583687], [0], [0.380750005], [nan]]> : tensor<4x1xf32>
// ZEROED-NEXT: grad @head = dense<{{\[}}[-3, 3]]> : tensor<1x2xf32>
// ADDED-NEXT: grad @head = dense<{{\[}}[-2, 4]]> : tensor<1x2xf32>
func.func @backward(%add: i1) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>) {
  %x = arith.constant dense<[[1.0], [1.0], [0.0], [5.0]]> : tensor<4x1xf32>
  %target = arith.constant dense<[0, -1, 1, 99]> : tensor<4xi32>
  %dce = arith.constant dense<[4.0, 9.0, 0.0, 9.0]> : tensor<4xf32>
  %dz = arith.constant dense<[0.0, 9.0, 1.0, 9.0]> : tensor<4xf32>
  %live = arith.constant 3 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 4>
  %ce, %z, %dx = motley.grouped_cross_entropy_backward @bank(%x) by %g targets %target cotangents %dce, %dz add %add {z_loss = 5.000000e-01 : f64} : (tensor<4x1xf32>, !motley.groups<1, 4>, tensor<4xi32>, tensor<4xf32>, tensor<4xf32>, i1) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>)
  return %ce, %z, %dx : tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>
}

func.func @zeroed() -> (tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>) {
  %add = arith.constant false
  %r:3 = call @backward(%add) : (i1) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>)
  return %r#0, %r#1, %r#2 : tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>
}

func.func @added() -> (tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>) {
  %add = arith.constant true
  %r:3 = call @backward(%add) : (i1) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>)
  return %r#0, %r#1, %r#2 : tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>
}
