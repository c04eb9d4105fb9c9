// RUN: motley-opt %s --motley-assign-layouts --motley-choose-kernels --motley-lower-to-plan --split-input-file --verify-diagnostics | FileCheck %s

// Tests soft mixing: units are counted by blocks of columns, of slots times columns, and of rows; what goes by rows reads the live
// end from the rows' table. Branches share the rows, so the largest bounds the work.

// CHECK-DAG: plan.kernel @softmax_rows_0 #plan.softmax_rows<[0, -1]> [memref<100x17xf32>, memref<3xi32>, memref<100x17xf32>] access [read, read, write]
// CHECK-DAG: plan.kernel @mix_rows_0 #plan.mix_rows<[0, 1]> [memref<100x17xf32>, memref<100x4xf32>, memref<100x70xf32>, memref<3xi32>, memref<21x70xf32>] access [read, read, read, read, write]
// CHECK-DAG: plan.kernel @mix_products_0 #plan.mix_products<[0, 1]> [memref<100x70xf32>, memref<21x70xf32>, memref<3xi32>, memref<100x17xf32>, memref<100x4xf32>] access [read, read, read, write, write]
// CHECK-LABEL: plan.step @mixing
// CHECK: plan.launch @group_by_0(%{{.*}}, %{{.*}}, %{{.*}}, %[[OFFSET:.*]], %{{.*}})
// CHECK: plan.launch @softmax_rows_0(%[[L:.*]], %[[OFFSET]], %[[D:.*]]) factor 2
// CHECK: plan.launch @mix_rows_0(%[[D]], %[[V:.*]], %[[X:.*]], %[[OFFSET]], %[[U:.*]]) factor 12 {bytes = {{[0-9]+}} : i64, flops = 238000 : i64}
// CHECK: plan.launch @unmix_rows_0(%[[D]], %[[V]], %[[U]], %[[OFFSET]], %{{.*}}) factor 2
// CHECK: plan.launch @mix_products_0(%[[X]], %[[U]], %[[OFFSET]], %[[P:.*]], %{{.*}}) factor 2
// CHECK: plan.launch @softmax_rows_backward_0(%[[P]], %[[D]], %[[OFFSET]], %{{.*}}) factor 2
func.func @mixing(%l: tensor<100x17xf32>, %v: tensor<100x4xf32>, %x: tensor<100x70xf32>, %modality: tensor<100xi32>, %live: i32) -> (tensor<100x70xf32>, tensor<100x17xf32>, tensor<100x4xf32>) {
  %base = motley.group_by %modality live %live : (tensor<100xi32>, i32) -> !motley.groups<2, 100>
  %d = motley.softmax_rows %l by %base map [0, -1] : tensor<100x17xf32>, !motley.groups<2, 100>
  %u = motley.mix_rows (%d, %v) of %x by %base owner [0, 1] : (tensor<100x17xf32>, tensor<100x4xf32>, tensor<100x70xf32>, !motley.groups<2, 100>) -> tensor<21x70xf32>
  %y = motley.unmix_rows (%d, %v) of %u by %base owner [0, 1] : (tensor<100x17xf32>, tensor<100x4xf32>, tensor<21x70xf32>, !motley.groups<2, 100>) -> tensor<100x70xf32>
  %p, %q = motley.mix_products %x, %u by %base owner [0, 1] : (tensor<100x70xf32>, tensor<21x70xf32>, !motley.groups<2, 100>) -> (tensor<100x17xf32>, tensor<100x4xf32>)
  %dl = motley.softmax_rows_backward %p, %d by %base map [0, -1] : tensor<100x17xf32>, !motley.groups<2, 100>
  return %y, %dl, %q : tensor<100x70xf32>, tensor<100x17xf32>, tensor<100x4xf32>
}

// -----

// Tests that a table known now is gathered and combined by without permuting anything else.

// CHECK-LABEL: plan.step @slots
// CHECK: plan.launch @static_groups_0(%[[ROW:.*]], %[[OFFSET:.*]]) factor 1
// CHECK: plan.launch @permute_0(%{{.*}}, %[[ROW]], %[[OFFSET]], %[[S:.*]])
// CHECK: plan.launch @permute_0(%[[S]], %[[ROW]], %[[OFFSET]], %{{.*}})
func.func @slots(%x: tensor<10x8xf32>) -> tensor<10x8xf32> {
  %t = motley.static_groups [2, 2, 6] : !motley.groups<3, 10>
  %s = motley.gather_rows %x by %t : (tensor<10x8xf32>, !motley.groups<3, 10>) -> tensor<10x8xf32>
  %y = motley.combine_rows %s by %t : (tensor<10x8xf32>, !motley.groups<3, 10>) -> tensor<10x8xf32>
  return %y : tensor<10x8xf32>
}

// -----

// Tests that a softmax that names no rows has no kernel.

func.func @no_table(%x: tensor<10x8xf32>) -> tensor<10x8xf32> {
  // expected-error @below {{does not say by a table which rows it means; run motley-group-modalities first}}
  %y = motley.softmax_rows %x : tensor<10x8xf32>
  return %y : tensor<10x8xf32>
}

// -----

// Tests a merge of one number a row.

// CHECK: plan.kernel @merge_0 #plan.merge<[0, 1]> [memref<10xf32>, memref<10xf32>, memref<{{.*}}x3xi32>, memref<10xf32>]
// CHECK-LABEL: plan.step @numbers
func.func @numbers(%a: tensor<10xf32>, %b: tensor<10xf32>, %modality: tensor<10xi32>, %live: i32) -> tensor<10xf32> {
  %base = motley.group_by %modality live %live : (tensor<10xi32>, i32) -> !motley.groups<2, 10>
  %y = motley.merge_groups %a, %b by %base owner [0, 1] : (tensor<10xf32>, tensor<10xf32>, !motley.groups<2, 10>) -> tensor<10xf32>
  return %y : tensor<10xf32>
}
