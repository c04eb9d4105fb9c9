// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-hoist-groups))' | FileCheck %s

// Tests that equal tables become one at the start, and that a table of other ids stays another.
// CHECK-LABEL: func.func @equal
// CHECK-NEXT: %[[A:.*]] = motley.group_by %{{.*}} -> !motley.groups<2, 32>
// CHECK-NEXT: %[[B:.*]] = motley.group_by %{{.*}} -> !motley.groups<32, 32>
// CHECK-NOT: motley.group_by
func.func @equal(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %d: tensor<32xi32>, %live: i32) -> (tensor<32x16xf32>, tensor<32x16xf32>) {
  %0 = arith.addf %x, %x : tensor<32x16xf32>
  %a = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  // CHECK: motley.gather_rows %{{.*}} by %[[A]]
  %1 = motley.gather_rows %0 by %a : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %b = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  // CHECK: motley.gather_rows %{{.*}} by %[[A]]
  %2 = motley.gather_rows %1 by %b : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %c = motley.group_by %d live %live : (tensor<32xi32>, i32) -> !motley.groups<32, 32>
  // CHECK: motley.gather_rows %{{.*}} by %[[B]]
  %3 = motley.gather_rows %2 by %c : (tensor<32x16xf32>, !motley.groups<32, 32>) -> tensor<32x16xf32>
  return %2, %3 : tensor<32x16xf32>, tensor<32x16xf32>
}

// Tests that a table of computed ids is made behind them, and that another number of groups is another table.
// CHECK-LABEL: func.func @computed
// CHECK-NEXT: %[[IDS:.*]] = arith.addi
// CHECK-NEXT: motley.group_by %[[IDS]] {{.*}}groups<2, 32>
// CHECK-NEXT: motley.group_by %[[IDS]] {{.*}}groups<3, 32>
func.func @computed(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %live: i32) -> tensor<32x16xf32> {
  %ids = arith.addi %m, %m : tensor<32xi32>
  %0 = arith.addf %x, %x : tensor<32x16xf32>
  %a = motley.group_by %ids live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %1 = motley.gather_rows %0 by %a : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %b = motley.group_by %ids live %live : (tensor<32xi32>, i32) -> !motley.groups<3, 32>
  %2 = motley.gather_rows %1 by %b : (tensor<32x16xf32>, !motley.groups<3, 32>) -> tensor<32x16xf32>
  return %2 : tensor<32x16xf32>
}
