// RUN: motley-opt %s | motley-opt | FileCheck %s

// Tests that every family of kernels prints as it was written: numbers of 64 bits, flags, lists.

// CHECK: #plan.initialise<normal, rows = 32, columns = 48>
plan.kernel @initialise_0 #plan.initialise<normal, rows = 32, columns = 48> [memref<2x4x32x32xf32>, i64, f32, i64, i64, i64] access [read_write, read, read, read, read, read]
// CHECK: #plan.group_by [memref<64xi32>
plan.kernel @group_by_0 #plan.group_by [memref<64xi32>, i32, memref<64xi32>, memref<3xi32>, memref<64xi32>] access [read, read, write, write, write]
// CHECK: #plan.loss_sums<begins = [0, 100], ends = [100, 128]>
plan.kernel @loss_sums_0 #plan.loss_sums<begins = [0, 100], ends = [100, 128]> [memref<64xf32>, memref<64xf32>, memref<64xi32>, memref<3xi32>, memref<1x2xf64>] access [read, read, read, read, write]
// CHECK: #plan.norm<layer, heads = 2, epsilon = 1.000000e-05 : f64, has_bias = true, map = [0, -1]>
plan.kernel @norm_0 #plan.norm<layer, heads = 2, epsilon = 1.0e-05 : f64, has_bias = true, map = [0, -1]> [memref<64x32xf32>, memref<1x16xf32>, memref<1x16xf32>, memref<3x3xi32>, memref<64x32xf32>, memref<64x4xf32>] access [read, read, read, read, write, write]
// CHECK: #plan.matmul<transposed, panels = [0, 2], map = [0, 1], panels_per_block = 1, column_blocks = 1>
// CHECK-SAME: body {
plan.kernel @matmul_0 #plan.matmul<transposed, panels = [0, 2], map = [0, 1], panels_per_block = 1, column_blocks = 1> [memref<64x64xf32>, memref<64x32xf32>, memref<2x4x32x32xf32>, memref<3x3xi32>, memref<64x32xf32>, memref<64x32xf32>] access [read, read, read, read, read, write] body {
^bb0(%acc: f32, %residual: f32):
  %s = arith.addf %acc, %residual : f32
  motley.yield %s : f32
}
// CHECK: #plan.attention<span, heads = 4, kv_heads = 2, scale = {{[^,]*}}, has_order = true, has_span = true>
plan.kernel @attention_0 #plan.attention<span, heads = 4, kv_heads = 2, scale = 3.535534e-01 : f64, has_order = true, has_span = true> [memref<64x32xf32>, memref<64x16xf32>, memref<64x16xf32>, memref<64xi32>, memref<65xi32>, memref<66x3xi32>, memref<64xi32>, memref<64xi32>, memref<64x32xf32>, memref<64x4xf32>] access [read, read, read, read, read, read, read, read, write, write]
// CHECK: #plan.adamw<beta1 = 9.000000e-01 : f64, beta2 = {{[^,]*}}, epsilon = 1.000000e-08 : f64, weight_decay = 1.000000e-01 : f64, clip = 1.000000e+00 : f64>
plan.kernel @adamw_0 #plan.adamw<beta1 = 9.0e-01 : f64, beta2 = 9.5e-01 : f64, epsilon = 1.0e-08 : f64, weight_decay = 1.0e-01 : f64, clip = 1.0 : f64> [memref<1x32xf32>, memref<1x32xf32>, memref<1x32xf32>, memref<1x32xf32>, memref<1xf32>, f32, i64] access [read_write, read, read_write, read_write, read, read, read]

// CHECK-LABEL: plan.step @all arena 8192
plan.step @all arena 8192 {
  // CHECK: plan.field modality : memref<64xi32>
  %ids = plan.field modality : memref<64xi32>
  // CHECK: plan.scalar "live" : i32
  %live = plan.scalar "live" : i32
  // CHECK: plan.constant 3 : i64
  %three = plan.constant 3 : i64
  // CHECK: plan.alloc at 0 : memref<64xi32>
  %row = plan.alloc at 0 : memref<64xi32>
  %offset = plan.alloc at 256 : memref<3xi32>
  // CHECK: plan.alloc : memref<64xi32>
  %inverse = plan.alloc : memref<64xi32>
  // CHECK: plan.launch @group_by_0({{.*}}) count %{{.*}} factor 1 {bytes = 12 : i64, flops = 1 : i64}
  plan.launch @group_by_0 (%ids, %live, %row, %offset, %inverse) count %offset factor 1 {bytes = 12 : i64, flops = 1 : i64} : memref<64xi32>, i32, memref<64xi32>, memref<3xi32>, memref<64xi32>, memref<3xi32>
}
