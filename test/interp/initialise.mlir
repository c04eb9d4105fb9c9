// RUN: motley-interp %s --function init --arg '1 : i64' --print param | FileCheck %s
// RUN: motley-interp %s --function nothing --seed 1 --print param | FileCheck %s
// RUN: motley-interp %s --function init --arg '4294967297 : i64' --print param | FileCheck %s --check-prefix=HIGH

motley.variable @c : tensor<2xf32> init constant 2.5
motley.variable @n : tensor<2x2xf32> init normal 2.0
motley.variable @u : tensor<3xf32> init uniform 0.5
motley.bank @vectors [[@c]]
motley.bank @matrices [[@n]]
motley.bank @uniforms [[@u]]

// Tests the rule of motley.variable, here and in --seed alike; the numbers come from a second implementation of it, in Python.
// CHECK: param @c = dense<[2.5, 2.5]> : tensor<2xf32>
// CHECK-NEXT: param @n = dense<{{\[}}[1.50099762, 2.66660281], [2.74140284, -0.683897826]]> : tensor<2x2xf32>
// CHECK-NEXT: param @u = dense<[-0.144777, -0.201480806, -0.383999884]> : tensor<3xf32>
// Tests that the high half of the seed matters.
// HIGH: param @u = dense<[-0.0410297513, 0.0332434773, -0.0114453435]> : tensor<3xf32>
func.func @init(%seed: i64) {
  motley.initialise @vectors seed %seed
  motley.initialise @matrices seed %seed
  motley.initialise @uniforms seed %seed
  return
}

func.func @nothing() {
  return
}
