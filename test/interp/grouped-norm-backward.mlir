// RUN: motley-interp %s --function rms --print grad --set 'param @g0 = dense<1.0> : tensor<2xf32>' --set 'param @g1 = dense<[1.0, 10.0]> : tensor<2xf32>' --set 'grad @g0 = dense<5.0> : tensor<2xf32>' | FileCheck %s --check-prefix=RMS
// RUN: motley-interp %s --function layer --print grad --set 'param @g1 = dense<[1.0, 10.0]> : tensor<2xf32>' --set 'grad @g0 = dense<5.0> : tensor<2xf32>' --set 'grad @b1 = dense<5.0> : tensor<2xf32>' | FileCheck %s --check-prefix=LAYER

motley.variable @g0 : tensor<2xf32> init constant 0.0
motley.variable @g1 : tensor<2xf32> init constant 0.0
motley.variable @b0 : tensor<2xf32> init constant 0.0
motley.variable @b1 : tensor<2xf32> init constant 0.0
motley.bank @gain [[@g0], [@g1]]
motley.bank @bias [[@b0], [@b1]]

// Tests head 0 of row 1: n = [0.6, 0.8], a = dy * gain = [1, 10], mean(a n) = (0.6 + 8) / 2 = 4.3,
// dx = 0.2 (a - n 4.3) = [0.2 (1 - 2.58), 0.2 (10 - 3.44)] = [-0.316, 1.312]; gain: dy n = [0.6, 0.8]. Head 1 has n = 0: dx = rstd a.
// Row 0 has no cotangent: its member gets zeros. Row 2 is dead.
// RMS: dense<{{\[}}[0, 0, 0, 0], [-0.316, 1.312, 0.282842712, 5.65685425], [nan, nan, nan, nan]]> : tensor<3x4xf32>
// RMS-NEXT: grad @g0 = dense<[0, 0]>
// RMS-NEXT: grad @g1 = dense<[0.6, 0.8]>
func.func @rms() -> tensor<3x4xf32> {
  %x = arith.constant dense<[[3.0, 4.0, 0.0, 0.0], [3.0, 4.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]> : tensor<3x4xf32>
  %dy = arith.constant dense<[[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 2.0], [9.0, 9.0, 9.0, 9.0]]> : tensor<3x4xf32>
  %add = arith.constant false
  %g = call @table() : () -> !motley.groups<2, 3>
  %y, %s = motley.grouped_norm rms %x, gain @gain map [0, 1] by %g {epsilon = 1.250000e+01 : f64, heads = 2 : i64} : tensor<3x4xf32>, !motley.groups<2, 3> -> tensor<3x2xf32>
  %dx = motley.grouped_norm_backward rms %dy, %x, %s into gain @gain map [0, 1] by %g add %add {epsilon = 1.250000e+01 : f64, heads = 2 : i64} : tensor<3x4xf32>, tensor<3x2xf32>, !motley.groups<2, 3>
  return %dx : tensor<3x4xf32>
}

// Tests n = [-0.6, 0.6], a = [1, 20]: mean a = 10.5, mean(a n) = 5.7, dx = 0.2 (a - 10.5 - n 5.7) = [-1.216, 1.216];
// gain: dy n = [-0.6, 1.2] on 0, bias: dy = [1, 2] on 5. Group 0 meets no member, and `add` leaves member 0 alone.
// LAYER: dense<{{\[}}[nan, nan], [-1.216, 1.216], [nan, nan]]> : tensor<3x2xf32>
// LAYER-NEXT: grad @g0 = dense<[5, 5]>
// LAYER-NEXT: grad @g1 = dense<[-0.6, 1.2]>
// LAYER-NEXT: grad @b0 = dense<[0, 0]>
// LAYER-NEXT: grad @b1 = dense<[6, 7]>
func.func @layer() -> tensor<3x2xf32> {
  %x = arith.constant dense<[[3.0, 4.0], [1.0, 7.0], [1.0, 1.0]]> : tensor<3x2xf32>
  %dy = arith.constant dense<[[9.0, 9.0], [1.0, 2.0], [9.0, 9.0]]> : tensor<3x2xf32>
  %add = arith.constant true
  %g = call @table() : () -> !motley.groups<2, 3>
  %y, %s = motley.grouped_norm layer %x, gain @gain bias @bias map [-1, 1] by %g {epsilon = 1.600000e+01 : f64} : tensor<3x2xf32>, !motley.groups<2, 3> -> tensor<3x2xf32>
  %dx = motley.grouped_norm_backward layer %dy, %x, %s into gain @gain bias @bias map [-1, 1] by %g add %add {epsilon = 1.600000e+01 : f64} : tensor<3x2xf32>, tensor<3x2xf32>, !motley.groups<2, 3>
  return %dx : tensor<3x2xf32>
}

func.func @table() -> !motley.groups<2, 3> {
  %ids = arith.constant dense<[0, 1, 0]> : tensor<3xi32>
  %live = arith.constant 2 : i32
  %g = motley.group_by %ids live %live : (tensor<3xi32>, i32) -> !motley.groups<2, 3>
  return %g : !motley.groups<2, 3>
}
