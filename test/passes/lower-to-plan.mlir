// RUN: motley-opt %s --motley-assign-layouts --motley-choose-kernels --motley-lower-to-plan --split-input-file | FileCheck %s
// RUN: motley-opt %s --motley-to-plan --split-input-file | FileCheck %s --check-prefix=WHOLE

// Tests that arguments become fields, scalars and inputs, results outputs that their producer writes, constants parts of
// regions, and that equal kernels are declared once.

// CHECK: plan.kernel @map_0 #plan.map<num_inputs = 2> [memref<64x32xf32>, memref<64x32xf32>, memref<64x32xf32>] access [read, read, write] body {
// CHECK: arith.addf
// CHECK: plan.kernel @map_1 #plan.map<num_inputs = 1>
// CHECK: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: arith.mulf %{{.*}}, %[[HALF]]
// CHECK: plan.kernel @map_2 #plan.map<num_inputs = 2> [memref<64x32xf32>, f32, memref<64x32xf32>]
// CHECK-NOT: plan.kernel
// CHECK-LABEL: plan.step @elementwise
// WHOLE-LABEL: plan.step @elementwise arena 8192
// CHECK-DAG: %[[X:.*]] = plan.input "arg0" : memref<64x32xf32>
// CHECK-DAG: %[[S:.*]] = plan.scalar "learning_rate" : f32
// CHECK-DAG: %[[R0:.*]] = plan.output "result0"
// CHECK-DAG: %[[R1:.*]] = plan.output "result1"
// CHECK: plan.launch @map_0(%[[X]], %[[X]], %[[A:.*]]) factor 1 {bytes = 24576 : i64, flops = 2048 : i64}
// CHECK: plan.launch @map_1(%[[A]], %[[B:[^)]*]])
// CHECK: plan.launch @map_2(%[[B]], %[[S]], %[[R0]])
// CHECK: plan.launch @map_0(%[[R0]], %[[B]], %[[R1]])
func.func @elementwise(%x: tensor<64x32xf32>, %s: f32 {motley.scalar = "learning_rate"}) -> (tensor<64x32xf32>, tensor<64x32xf32>) {
  %half = arith.constant dense<0.5> : tensor<64x32xf32>
  %a = arith.addf %x, %x : tensor<64x32xf32>
  %b = arith.mulf %a, %half : tensor<64x32xf32>
  %c = motley.scale %b by %s : tensor<64x32xf32>
  %d = arith.addf %c, %b : tensor<64x32xf32>
  return %c, %d : tensor<64x32xf32>, tensor<64x32xf32>
}

// -----

// Tests that a returned argument and a constant are copied, and that a map takes its region with it.

// CHECK: plan.kernel @map_0 #plan.map<num_inputs = 1> [memref<64xf32>, memref<64xf32>]
// CHECK: ^bb0(%[[E:.*]]: f32):
// CHECK: %[[TWO:.*]] = arith.constant 2.0
// CHECK: arith.addf %[[E]], %[[TWO]]
// CHECK: plan.kernel @map_1 #plan.map<num_inputs = 1> [memref<64xf32>, memref<64xf32>]
// CHECK: plan.kernel @fill_0 #plan.fill<1.000000e+00 : f32> [memref<64xf32>] access [write]
// CHECK-LABEL: plan.step @copies
// CHECK: %[[X:.*]] = plan.input "arg0"
// CHECK: plan.launch @map_1(%[[X]], %{{.*}})
// CHECK: plan.launch @fill_0(%[[ONE:.*]]) factor 1
// CHECK: plan.launch @map_1(%[[ONE]], %{{.*}})
func.func @copies(%x: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) {
  %one = arith.constant dense<1.0> : tensor<64xf32>
  %y = motley.map (%x) : (tensor<64xf32>) -> tensor<64xf32> {
  ^bb0(%e: f32):
    %two = arith.constant 2.0 : f32
    %q = arith.addf %e, %two : f32
    motley.yield %q : f32
  }
  return %y, %x, %one : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

// Tests products: tables are three buffers, tiles are made once for each table and row tile, ranges name panels, and an epilogue goes
// into the kernel. Two products of the same form share a kernel.

motley.modality @text ids 0 to 100
motley.modality @image ids 100 to 128
motley.variable @text.q : tensor<32x40xf32> init normal 2.0e-02
motley.variable @image.q : tensor<32x40xf32> init normal 2.0e-02
motley.variable @text.k : tensor<32x64xf32> init normal 2.0e-02
motley.variable @image.k : tensor<32x64xf32> init normal 2.0e-02
motley.bank @bank.qk [[@text.q, @text.k], [@image.q, @image.k]]
// CHECK: plan.kernel @group_by_0 #plan.group_by
// CHECK: plan.kernel @tiles_0 #plan.tiles<row_tile = 128> [memref<3xi32>, memref<3x3xi32>, memref<1xi32>] access [read, write, write]
// CHECK: plan.kernel @matmul_0 #plan.matmul<forward, panels = [0, 2], map = [0, 1], panels_per_block = 1, column_blocks = 4> [memref<64x32xf32>, memref<2x4x32x32xf32>, memref<3x3xi32>, memref<64x40xf32>, memref<64x64xf32>] access [read, read, read, write, write]
// CHECK: plan.kernel @tiles_1 #plan.tiles<row_tile = 64>
// CHECK: plan.kernel @matmul_1 #plan.matmul<transposed, panels = [2], map = [1, -1], panels_per_block = 1, column_blocks = 1> [memref<64x64xf32>, memref<2x4x32x32xf32>, memref<3x3xi32>, memref<64x32xf32>, memref<64x32xf32>] access [read, read, read, read, write] body {
// CHECK: plan.kernel @outer_0 #plan.outer<panels = [0, 2], map = [0, 1], panels_per_block = 4> [memref<64x32xf32>, memref<64x40xf32>, memref<64x64xf32>, memref<3xi32>, i1, memref<2x4x32x32xf32>] access [read, read, read, read, read, read_write]
// CHECK-LABEL: plan.step @products
// CHECK-DAG: %[[MODALITY:.*]] = plan.field modality : memref<64xi32>
// CHECK-DAG: %[[LIVE:.*]] = plan.scalar "live" : i32
// CHECK-DAG: %[[ADD:.*]] = plan.scalar "add" : i1
// CHECK-DAG: %[[X:.*]] = plan.input "arg0"
// CHECK-DAG: %[[W:.*]] = plan.state @bank.qk param : memref<2x4x32x32xf32>
// CHECK-DAG: %[[G:.*]] = plan.state @bank.qk grad
// CHECK: plan.launch @group_by_0(%[[MODALITY]], %[[LIVE]], %[[ROW:.*]], %[[OFFSET:.*]], %[[INVERSE:.*]]) factor 1
// CHECK: plan.launch @tiles_0(%[[OFFSET]], %[[LIST:.*]], %[[COUNT:.*]]) factor 1
// CHECK: plan.launch @matmul_0(%[[X]], %[[W]], %[[LIST]], %[[Q:.*]], %[[K:.*]]) count %[[COUNT]] factor 4 {bytes = {{[0-9]+}} : i64, flops = 425984 : i64}
// CHECK: plan.launch @tiles_1(%[[OFFSET]], %[[LIST64:.*]], %[[COUNT64:.*]]) factor 1
// CHECK: plan.launch @matmul_1(%[[K]], %[[W]], %[[LIST64]], %[[X]], %[[D:.*]]) count %[[COUNT64]] factor 1
// CHECK: plan.launch @outer_0(%[[X]], %[[Q]], %[[K]], %[[OFFSET]], %[[ADD]], %[[G]]) factor 4
// CHECK-NOT: @tiles_
// CHECK: plan.launch @matmul_0(%[[D]], %[[W]], %[[LIST]]
func.func @products(%x: tensor<64x32xf32>, %modality: tensor<64xi32> {motley.field = #motley.field<modality>}, %live: i32 {motley.field = #motley.field<live>}, %add: i1 {motley.scalar = "add"}) -> (tensor<64x40xf32>, tensor<64x64xf32>) {
  %g = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  %q, %k = motley.grouped_matmul @bank.qk ranges [0, 1] map [0, 1] (%x) by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> (tensor<64x40xf32>, tensor<64x64xf32>)
  %d = motley.grouped_matmul transposed @bank.qk ranges [1] map [1, -1] (%k) by %g extra (%x) : (tensor<64x64xf32>, !motley.groups<2, 64>, tensor<64x32xf32>) -> tensor<64x32xf32> epilogue {
  ^bb0(%acc: f32, %residual: f32):
    %s = arith.addf %acc, %residual : f32
    motley.yield %s : f32
  }
  motley.grouped_outer %x, (%q, %k) into @bank.qk ranges [0, 1] map [0, 1] by %g add %add : tensor<64x32xf32>, (tensor<64x40xf32>, tensor<64x64xf32>), !motley.groups<2, 64>
  %q2, %k2 = motley.grouped_matmul @bank.qk ranges [0, 1] map [0, 1] (%d) by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> (tensor<64x40xf32>, tensor<64x64xf32>)
  return %q2, %k2 : tensor<64x40xf32>, tensor<64x64xf32>
}

// -----

// Tests branches: split_groups copies nothing, merge_groups of one buffer neither, of two it is a kernel. Rows go into slot order and
// back through row and inverse; a reindexed table shares its offsets.

// CHECK-LABEL: plan.step @branches
// CHECK: plan.launch @group_by_0(%{{.*}}, %{{.*}}, %[[ROW:.*]], %[[OFFSET:.*]], %[[INVERSE:.*]]) factor 1
// CHECK: plan.launch @permute_0(%[[X:.*]], %[[ROW]], %[[OFFSET]], %[[S:.*]]) factor 1
// CHECK: plan.launch @map_0(%[[S]], %[[N:.*]]) factor 1
// CHECK: plan.launch @merge_0(%[[S]], %[[N]], %{{.*}}, %[[M:.*]]) count %{{.*}} factor 1
// CHECK: plan.launch @permute_0(%[[M]], %[[INVERSE]], %[[OFFSET]], %{{.*}}) factor 1
// CHECK: plan.launch @group_by_1(%{{.*}}, %{{.*}}, %[[DROW:.*]], %[[DOFFSET:.*]], %{{.*}})
// CHECK: plan.launch @reindex_0(%[[DROW]], %[[DOFFSET]], %[[INVERSE]], %[[RROW:.*]]) factor 1
// CHECK: plan.launch @permute_1(%{{.*}}, %[[RROW]], %[[DOFFSET]], %{{.*}}) factor 1
func.func @branches(%x: tensor<64x32xf32>, %modality: tensor<64xi32>, %document: tensor<64xi32>, %live: i32) -> (tensor<64x32xf32>, tensor<64xi32>) {
  %g = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  %s = motley.gather_rows %x by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
  %b:2 = motley.split_groups %s by %g owner [0, 1] : (tensor<64x32xf32>, !motley.groups<2, 64>) -> (tensor<64x32xf32>, tensor<64x32xf32>)
  %n = arith.negf %b#1 : tensor<64x32xf32>
  %same = motley.merge_groups %b#0, %b#1 by %g owner [0, 1] : (tensor<64x32xf32>, tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
  %m = motley.merge_groups %same, %n by %g owner [0, 1] : (tensor<64x32xf32>, tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
  %y = motley.combine_rows %m by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
  %d = motley.group_by %document live %live : (tensor<64xi32>, i32) -> !motley.groups<64, 64>
  %r = motley.reindex %d into %g : (!motley.groups<64, 64>, !motley.groups<2, 64>) -> !motley.groups<64, 64>
  %p = motley.gather_rows %document by %r : (tensor<64xi32>, !motley.groups<64, 64>) -> tensor<64xi32>
  return %y, %p : tensor<64x32xf32>, tensor<64xi32>
}
