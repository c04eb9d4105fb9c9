// RUN: motley-opt %s --motley-choose-kernels --split-input-file | FileCheck %s
// RUN: motley-opt %s --motley-choose-kernels=wanted-units=1 --split-input-file | FileCheck %s --check-prefix=FEW

motley.variable @w : tensor<512x512xf32> init normal 2.0e-02
motley.variable @v : tensor<512x48xf32> init normal 2.0e-02
motley.bank @bank.w [[@w]]
motley.bank @bank.v [[@v]]

// Tests that many rows and columns get wide blocks, few narrow ones, and that fewer wanted units make blocks wider.
// CHECK-LABEL: @products
// FEW-LABEL: @products
func.func @products(%x: tensor<2048x512xf32>, %few: tensor<64x512xf32>, %add: i1, %live: i32) -> (tensor<2048x512xf32>, tensor<64x512xf32>, tensor<2048x48xf32>) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 2048>
  %f = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  // CHECK: grouped_matmul {{.*}}plan.choice = #plan.choice<row_tile = 128, panels_per_block = 4>
  %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<2048x512xf32>, !motley.groups<1, 2048>) -> tensor<2048x512xf32>
  // CHECK: grouped_matmul {{.*}}plan.choice = #plan.choice<row_tile = 128, panels_per_block = 1>
  // FEW: grouped_matmul
  // FEW: grouped_matmul {{.*}}plan.choice = #plan.choice<row_tile = 128, panels_per_block = 4>
  %z = motley.grouped_matmul @bank.w ranges [0] map [0] (%few) by %f : (tensor<64x512xf32>, !motley.groups<1, 64>) -> tensor<64x512xf32>
  // CHECK: grouped_matmul transposed {{.*}}plan.choice = #plan.choice<row_tile = 512, panels_per_block = 2>
  %d = motley.grouped_matmul transposed @bank.w ranges [0] map [0] (%y) by %g : (tensor<2048x512xf32>, !motley.groups<1, 2048>) -> tensor<2048x512xf32>
  // A block of two panels, of which the second is half empty: no wider block pays.
  // CHECK: grouped_matmul {{.*}}plan.choice = #plan.choice<row_tile = 128, panels_per_block = 1>
  // FEW: grouped_matmul transposed
  // FEW: grouped_matmul {{.*}}plan.choice = #plan.choice<row_tile = 128, panels_per_block = 2>
  %v = motley.grouped_matmul @bank.v ranges [0] map [0] (%d) by %g : (tensor<2048x512xf32>, !motley.groups<1, 2048>) -> tensor<2048x48xf32>
  // Blocks of an outer product stay wide, though that gives few units.
  // CHECK: grouped_outer {{.*}}plan.choice = #plan.choice<row_tile = 0, panels_per_block = 4>
  // FEW: grouped_outer {{.*}}plan.choice = #plan.choice<row_tile = 0, panels_per_block = 8>
  motley.grouped_outer %x, (%y) into @bank.w ranges [0] map [0] by %g add %add : tensor<2048x512xf32>, (tensor<2048x512xf32>), !motley.groups<1, 2048>
  return %d, %z, %v : tensor<2048x512xf32>, tensor<64x512xf32>, tensor<2048x48xf32>
}

// -----

// Tests that products of bf16 have long tiles and wide blocks, and that a tile never spans two groups.

motley.variable @a : tensor<512x1408xf32> init normal 2.0e-02
motley.variable @b : tensor<512x1408xf32> init normal 2.0e-02
motley.bank @bank.w [[@a], [@b]]
// CHECK-LABEL: @rounded
func.func @rounded(%x: tensor<2048x512xf32>, %ids: tensor<2048xi32>, %live: i32) -> (tensor<2048x1408xf32>, tensor<2048x1408xf32>, tensor<2048x512xf32>) {
  %one = motley.group_by live %live : (i32) -> !motley.groups<1, 2048>
  %many = motley.group_by %ids live %live : (tensor<2048xi32>, i32) -> !motley.groups<8, 2048>
  // CHECK: grouped_matmul {{.*}}plan.choice = #plan.choice<row_tile = 512, panels_per_block = 6>
  %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %one precision bf16 : (tensor<2048x512xf32>, !motley.groups<1, 2048>) -> tensor<2048x1408xf32>
  // CHECK: grouped_matmul {{.*}}plan.choice = #plan.choice<row_tile = 512, panels_per_block = 8>
  %z = motley.grouped_matmul @bank.w ranges [0] map [0, 1, 0, 1, 0, 1, 0, 1] (%x) by %many precision bf16 : (tensor<2048x512xf32>, !motley.groups<8, 2048>) -> tensor<2048x1408xf32>
  // CHECK: grouped_matmul transposed {{.*}}plan.choice = #plan.choice<row_tile = 512, panels_per_block = 4>
  %d = motley.grouped_matmul transposed @bank.w ranges [0] map [0, 1, 0, 1, 0, 1, 0, 1] (%z) by %many precision bf16 : (tensor<2048x1408xf32>, !motley.groups<8, 2048>) -> tensor<2048x512xf32>
  return %y, %z, %d : tensor<2048x1408xf32>, tensor<2048x1408xf32>, tensor<2048x512xf32>
}

// -----

// Tests that a head's window is no longer than the rows, that a choice made by hand is kept, and that elementwise operations have
// none.

motley.variable @w : tensor<32x128xf32> init normal 2.0e-02
motley.bank @bank.w [[@w]]
// CHECK-LABEL: @head
func.func @head(%x: tensor<64x32xf32>, %target: tensor<64xi32>, %live: i32) -> (tensor<64xf32>, tensor<64x128xf32>) {
  // CHECK: group_by
  // CHECK-NOT: plan.choice
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  %n = arith.addf %x, %x : tensor<64x32xf32>
  // CHECK: grouped_cross_entropy {{.*}}#plan.head_choice<window = 64, forward = <row_tile = 128, panels_per_block = 1>, transposed = <row_tile = 64, panels_per_block = 1>, outer = <row_tile = 0, panels_per_block = 4>>
  %ce, %z = motley.grouped_cross_entropy @bank.w(%n) by %g targets %target {z_loss = 0.0 : f64} : (tensor<64x32xf32>, !motley.groups<1, 64>, tensor<64xi32>) -> (tensor<64xf32>, tensor<64xf32>)
  // CHECK: #plan.choice<row_tile = 16, panels_per_block = 3>
  %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%n) by %g {plan.choice = #plan.choice<row_tile = 16, panels_per_block = 3>} : (tensor<64x32xf32>, !motley.groups<1, 64>) -> tensor<64x128xf32>
  return %ce, %y : tensor<64xf32>, tensor<64x128xf32>
}
