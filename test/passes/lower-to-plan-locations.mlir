// RUN: motley-opt %s --motley-to-plan --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// Tests that launches and kernels have the place of the operation that they were made for, and buffers that of their value.

motley.variable @g : tensor<32xf32> init constant 1.0
motley.bank @bank.g [[@g]]
// CHECK: plan.kernel @tiles_0 {{.*}} loc("model.py":7:3)
// CHECK: plan.kernel @norm_0 {{.*}} loc("model.py":7:3)
// CHECK: arith.addf {{.*}} loc("model.py":8:5)
// CHECK-LABEL: plan.step @f
// CHECK: plan.input "arg0" {{.*}} loc("model.py":2:1)
// CHECK: plan.launch @norm_0{{.*}} loc("model.py":7:3)
// CHECK: plan.launch @map_0{{.*}} loc("model.py":8:5)
func.func @f(%x: tensor<64x32xf32> loc("model.py":2:1), %live: i32) -> tensor<64x32xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  %n, %s = motley.grouped_norm rms %x, gain @bank.g map [0] by %g {epsilon = 1.0e-05 : f64} : tensor<64x32xf32>, !motley.groups<1, 64> -> tensor<64x1xf32> loc("model.py":7:3)
  %y = arith.addf %n, %x : tensor<64x32xf32> loc("model.py":8:5)
  return %y : tensor<64x32xf32>
}
