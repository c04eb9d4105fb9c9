// RUN: motley-interp %s | FileCheck %s

// Tests that rows of a group keep their order, and that the dead row (of an impossible id) has no slot.
// CHECK-LABEL: @uneven:
// CHECK-NEXT: groups row [1, 4, 0, 2, 3] offset [0, 2, 2, 5] inverse [2, 0, 3, 4, 1, -1] : !motley.groups<3, 6>
func.func @uneven() -> !motley.groups<3, 6> {
  %ids = arith.constant dense<[2, 0, 2, 2, 0, 77]> : tensor<6xi32>
  %live = arith.constant 5 : i32
  %g = motley.group_by %ids live %live : (tensor<6xi32>, i32) -> !motley.groups<3, 6>
  return %g : !motley.groups<3, 6>
}

// Tests that without ids all live rows are one group.
// CHECK-LABEL: @one_group:
// CHECK-NEXT: groups row [0, 1] offset [0, 2] inverse [0, 1, -1] : !motley.groups<1, 3>
func.func @one_group() -> !motley.groups<1, 3> {
  %live = arith.constant 2 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 3>
  return %g : !motley.groups<1, 3>
}

// Tests that no live row gives empty groups.
// CHECK-LABEL: @nothing_live:
// CHECK-NEXT: groups row [] offset [0, 0, 0] inverse [-1, -1] : !motley.groups<2, 2>
func.func @nothing_live() -> !motley.groups<2, 2> {
  %ids = arith.constant dense<[1, 0]> : tensor<2xi32>
  %live = arith.constant 0 : i32
  %g = motley.group_by %ids live %live : (tensor<2xi32>, i32) -> !motley.groups<2, 2>
  return %g : !motley.groups<2, 2>
}
