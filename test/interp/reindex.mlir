// RUN: motley-interp %s | FileCheck %s

// Tests that documents keep their slots while their rows are named by where the modalities put them: base holds rows
// 1, 3, 0, 2, so row 0 is in slot 2, row 1 in slot 0, row 2 in slot 3, row 3 in slot 1.
// CHECK-LABEL: @reindex:
// CHECK-NEXT: groups row [2, 0, 3, 1] offset [0, 3, 4] inverse [1, 3, 0, 2] : !motley.groups<2, 4>
func.func @reindex() -> !motley.groups<2, 4> {
  %document = arith.constant dense<[0, 0, 0, 1]> : tensor<4xi32>
  %modality = arith.constant dense<[1, 0, 1, 0]> : tensor<4xi32>
  %live = arith.constant 4 : i32
  %base = motley.group_by %modality live %live : (tensor<4xi32>, i32) -> !motley.groups<2, 4>
  %byinput = motley.group_by %document live %live : (tensor<4xi32>, i32) -> !motley.groups<2, 4>
  %d = motley.reindex %byinput into %base : (!motley.groups<2, 4>, !motley.groups<2, 4>) -> !motley.groups<2, 4>
  return %d : !motley.groups<2, 4>
}
