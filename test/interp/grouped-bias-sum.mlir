// RUN: motley-interp %s --function bias --set 'param @b0 = dense<[1.0, 2.0]> : tensor<2xf32>' --set 'param @b1 = dense<[10.0, 20.0]> : tensor<2xf32>' | FileCheck %s --check-prefix=BIAS
// RUN: motley-interp %s --function zeroed --print grad --set 'grad @b0 = dense<7.0> : tensor<2xf32>' --set 'grad @b1 = dense<7.0> : tensor<2xf32>' | FileCheck %s --check-prefix=ZEROED
// RUN: motley-interp %s --function added --print grad --set 'grad @b0 = dense<7.0> : tensor<2xf32>' --set 'grad @b1 = dense<7.0> : tensor<2xf32>' | FileCheck %s --check-prefix=ADDED

motley.variable @b0 : tensor<2xf32> init constant 0.0
motley.variable @b1 : tensor<2xf32> init constant 0.0
motley.bank @bank [[@b0], [@b1]]

// Tests that groups 0 and 2 meet member 1, group 1 none, and that the dead row stays dead.
// BIAS: dense<{{\[}}[11, 21], [nan, nan], [13, 23], [nan, nan]]> : tensor<4x2xf32>
func.func @bias() -> tensor<4x2xf32> {
  %x = arith.constant dense<[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]]> : tensor<4x2xf32>
  %g = call @table() : () -> !motley.groups<3, 4>
  %y = motley.grouped_bias %x, @bank map [1, -1, 1] by %g : tensor<4x2xf32>, !motley.groups<3, 4>
  return %y : tensor<4x2xf32>
}

// ZEROED: grad @b0 = dense<[7, 7]>
// ZEROED-NEXT: grad @b1 = dense<[4, 8]>
func.func @zeroed() {
  %add = arith.constant false
  call @sum(%add) : (i1) -> ()
  return
}

// ADDED: grad @b0 = dense<[7, 7]>
// ADDED-NEXT: grad @b1 = dense<[11, 15]>
func.func @added() {
  %add = arith.constant true
  call @sum(%add) : (i1) -> ()
  return
}

func.func @sum(%add: i1) {
  %dy = arith.constant dense<[[1.0, 2.0], [9.0, 9.0], [3.0, 6.0], [9.0, 9.0]]> : tensor<4x2xf32>
  %g = call @table() : () -> !motley.groups<3, 4>
  motley.grouped_sum %dy into @bank map [1, -1, 1] by %g add %add : tensor<4x2xf32>, !motley.groups<3, 4>
  return
}

func.func @table() -> !motley.groups<3, 4> {
  %ids = arith.constant dense<[0, 1, 2, 0]> : tensor<4xi32>
  %live = arith.constant 3 : i32
  %g = motley.group_by %ids live %live : (tensor<4xi32>, i32) -> !motley.groups<3, 4>
  return %g : !motley.groups<3, 4>
}
