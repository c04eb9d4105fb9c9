// RUN: motley-interp %s --function experts --observations | FileCheck %s --check-prefix=EXPERTS
// RUN: rm -rf %t && motley-interp %s --function experts --outputs %t && ls %t/chosen %t/results | FileCheck %s --check-prefix=FILES
// RUN: motley-interp %s --function kept | FileCheck %s --check-prefix=KEPT

// Tests two branches of one table: text rows 0, 2, 4 are slots 0, 1, 2 of the base, image rows 1 and 3 slots 3 and 4. Text has two
// experts and slot 1 both; of the image's columns the last is a null expert, and the first is nobody's.
// EXPERTS: groups row [1, 0, 1, 2, 4] offset [0, 1, 4, 4, 5] inverse {{\[}}[1], [0, 2], [3], [], [4], []] : !motley.groups<4, 7 of 6>
// Values of the slots: text[1][0], text[0][1], text[1][1], text[2][1], image[4][1]; and back.
// EXPERTS-NEXT: dense<[2.25, 1.5, 2.5, 3.5, 50.5, nan, nan]>
// EXPERTS-NEXT: dense<{{\[}}[0, 1.5], [2.25, 2.5], [0, 3.5], [0, 0], [0, 0], [nan, nan]]>
// EXPERTS-NEXT: dense<{{\[}}[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 50.5, 0], [nan, nan, nan]]>
// Rows there and back: a row of two slots doubles, one of none is 0, passes another, or only gets what is added.
// EXPERTS-NEXT: dense<{{\[}}[3], [1], [3], [5], [4], [nan], [nan]]>
// EXPERTS-NEXT: dense<{{\[}}[1], [6], [5], [0], [4], [nan]]>
// EXPERTS-NEXT: dense<{{\[}}[1], [6], [5], [2], [4], [nan]]>
// EXPERTS-NEXT: dense<{{\[}}[2], [9], [10], [2], [8], [nan]]>
// EXPERTS-NEXT: chosen "text" = dense<{{\[}}[1, 3], [0, 0]]> : tensor<2x2xf64>
// EXPERTS-NEXT: chosen "image" = dense<{{\[}}[0, 0, 0], [0, 1, 1]]> : tensor<2x3xf64>
// FILES: chosen:
// FILES-NEXT: image.npy
// FILES-NEXT: text.npy
// FILES: results:
// FILES-NEXT: 0.begin.npy
// FILES-NEXT: 0.offset.npy
// FILES-NEXT: 0.row.npy
// FILES-NEXT: 0.slot.npy
!T = !motley.groups<4, 7 of 6>
func.func @experts() -> (!T, tensor<7xf32>, tensor<6x2xf32>, tensor<6x3xf32>, tensor<7x1xf32>, tensor<6x1xf32>, tensor<6x1xf32>, tensor<6x1xf32>) {
  %modality = arith.constant dense<[0, 1, 0, 1, 0, 9]> : tensor<6xi32>
  %live = arith.constant 5 : i32
  %base = motley.group_by %modality live %live : (tensor<6xi32>, i32) -> !motley.groups<2, 6>
  %text = arith.constant dense<[[0, 1], [1, 1], [0, 1], [1, 1], [1, 1], [1, 1]]> : tensor<6x2xi32>
  %image = arith.constant dense<[[1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 1], [0, 1, 0], [1, 1, 1]]> : tensor<6x3xi32>
  %t = motley.select (%text, %image) counts [2, 2] by %base owner [0, 1] : (tensor<6x2xi32>, tensor<6x3xi32>, !motley.groups<2, 6>) -> !T
  motley.count_chosen "text" %text by %base map [0, -1] : tensor<6x2xi32>, !motley.groups<2, 6>
  motley.count_chosen "image" %image by %base map [-1, 0] : tensor<6x3xi32>, !motley.groups<2, 6>
  %p = arith.constant dense<[[1.25, 1.5], [2.25, 2.5], [3.25, 3.5], [4.25, 4.5], [5.25, 5.5], [6.25, 6.5]]> : tensor<6x2xf32>
  %q = arith.constant dense<[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [3.0, 3.0, 3.0], [4.0, 4.0, 4.0], [50.0, 50.5, 50.25], [6.0, 6.0, 6.0]]> : tensor<6x3xf32>
  %w = motley.slot_values (%p, %q) counts [2, 2] by %t : (tensor<6x2xf32>, tensor<6x3xf32>, !T) -> tensor<7xf32>
  %dp, %dq = motley.slot_values_backward %w counts [2, 2] by %t : (tensor<7xf32>, !T) -> (tensor<6x2xf32>, tensor<6x3xf32>)
  %input = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]> : tensor<6x1xf32>
  %x = motley.gather_rows %input by %base : (tensor<6x1xf32>, !motley.groups<2, 6>) -> tensor<6x1xf32>
  %s = motley.gather_rows %x by %t : (tensor<6x1xf32>, !T) -> tensor<7x1xf32>
  %y = motley.combine_rows %s by %t : (tensor<7x1xf32>, !T) -> tensor<6x1xf32>
  %o = motley.combine_rows %s by %t otherwise %x : (tensor<7x1xf32>, !T, tensor<6x1xf32>) -> tensor<6x1xf32>
  %a = motley.combine_rows %s by %t plus %x : (tensor<7x1xf32>, !T, tensor<6x1xf32>) -> tensor<6x1xf32>
  return %t, %w, %dp, %dq, %s, %y, %o, %a : !T, tensor<7xf32>, tensor<6x2xf32>, tensor<6x3xf32>, tensor<7x1xf32>, tensor<6x1xf32>, tensor<6x1xf32>, tensor<6x1xf32>
}

// Tests a selection of a partition: text slots 0, 1, 2 and image slots 3, 4, of which 1, 2 and 4 are kept. Documents of the kept rows:
// rows 0, 1, 2 of the input are document 0, of which row 2 (slot 1) is left; rows 3 and 4 (slots 4 and 2) are document 1.
// A selection of the kept rows: branch 0 has none, branch 1 the image's. Then too few slots: the last ones drop out.
// KEPT: groups row [1, 2, 4] offset [0, 2, 3] inverse {{\[}}[], [0], [1], [], [2], []] : !motley.groups<2, 4 of 6>
// KEPT-NEXT: groups row [0, 2, 1] offset [0, 1, 3] inverse [0, 2, 1, -1] : !motley.groups<2, 4>
// KEPT-NEXT: groups row [2, 2] offset [0, 1, 2] inverse {{\[}}[], [], [0, 1], []] : !motley.groups<2, 3 of 4>
// KEPT-NEXT: groups row [1] offset [0, 1, 1] inverse {{\[}}[], [0], [], [], [], []] : !motley.groups<2, 1 of 6>
// KEPT-NEXT: groups row [0, 1, 2, 3, 4] offset [0, 5, 5] inverse {{\[}}[0], [1], [2], [3], [4], []] : !motley.groups<2, 5 of 6>
func.func @kept() -> (!motley.groups<2, 4 of 6>, !motley.groups<2, 4>, !motley.groups<2, 3 of 4>, !motley.groups<2, 1 of 6>, !motley.groups<2, 5 of 6>) {
  %modality = arith.constant dense<[0, 1, 0, 1, 0, 9]> : tensor<6xi32>
  %document = arith.constant dense<[0, 0, 0, 1, 1, 9]> : tensor<6xi32>
  %live = arith.constant 5 : i32
  %base = motley.group_by %modality live %live : (tensor<6xi32>, i32) -> !motley.groups<2, 6>
  %bydocument = motley.group_by %document live %live : (tensor<6xi32>, i32) -> !motley.groups<2, 6>
  %documents = motley.reindex %bydocument into %base : (!motley.groups<2, 6>, !motley.groups<2, 6>) -> !motley.groups<2, 6>
  %c = arith.constant dense<[[0], [1], [1], [0], [1], [1]]> : tensor<6x1xi32>
  %kept = motley.restrict %base to %c : (!motley.groups<2, 6>, tensor<6x1xi32>) -> !motley.groups<2, 4 of 6>
  %d = motley.reindex %documents into %kept : (!motley.groups<2, 6>, !motley.groups<2, 4 of 6>) -> !motley.groups<2, 4>
  %all = arith.constant dense<1> : tensor<4x2xi32>
  %t = motley.select (%all) counts [2] by %kept owner [-1, 0] : (tensor<4x2xi32>, !motley.groups<2, 4 of 6>) -> !motley.groups<2, 3 of 4>
  %few = motley.restrict %base to %c : (!motley.groups<2, 6>, tensor<6x1xi32>) -> !motley.groups<2, 1 of 6>
  %every = arith.constant dense<1> : tensor<6x2xi32>
  %full = motley.select (%every) counts [2] by %base owner [0, 0] : (tensor<6x2xi32>, !motley.groups<2, 6>) -> !motley.groups<2, 5 of 6>
  return %kept, %d, %t, %few, %full : !motley.groups<2, 4 of 6>, !motley.groups<2, 4>, !motley.groups<2, 3 of 4>, !motley.groups<2, 1 of 6>, !motley.groups<2, 5 of 6>
}

// Tests that without a live row there is no slot, nothing is counted, and nothing comes to life.
// RUN: motley-interp %s --function none --arg '0 : i32' --observations | FileCheck %s --check-prefix=NONE
// NONE: groups row [] offset [0, 0, 0] inverse {{\[}}[], []] : !motley.groups<2, 3 of 2>
// NONE-NEXT: dense<[nan, nan, nan]>
// NONE-NEXT: dense<{{\[}}[nan, nan], [nan, nan]]>
// NONE-NEXT: dense<{{\[}}[nan], [nan]]>
// NONE-NEXT: dense<{{\[}}[nan], [nan]]>
// NONE-NEXT: chosen "ffn" = dense<{{\[}}[0, 0]]>
// RUN: motley-interp %s --function none --arg '1 : i32' --observations | FileCheck %s --check-prefix=ONE
// ONE: groups row [0, 0] offset [0, 1, 2] inverse {{\[}}[0, 1], []] : !motley.groups<2, 3 of 2>
// ONE-NEXT: dense<[0.25, 0.75, nan]>
// ONE-NEXT: dense<{{\[}}[0.25, 0.75], [nan, nan]]>
// ONE-NEXT: dense<{{\[}}[10], [nan]]>
// ONE-NEXT: dense<{{\[}}[15], [nan]]>
// ONE-NEXT: chosen "ffn" = dense<{{\[}}[1, 1]]>
func.func @none(%live: i32) -> (!motley.groups<2, 3 of 2>, tensor<3xf32>, tensor<2x2xf32>, tensor<2x1xf32>, tensor<2x1xf32>) {
  %base = motley.group_by live %live : (i32) -> !motley.groups<1, 2>
  %s = arith.constant dense<[[0.25, 0.75], [9.0, 9.0]]> : tensor<2x2xf32>
  %scores = motley.gather_rows %s by %base : (tensor<2x2xf32>, !motley.groups<1, 2>) -> tensor<2x2xf32>
  %c = motley.choose_experts %scores {k = 2 : i64} : (tensor<2x2xf32>) -> tensor<2x2xi32>
  motley.count_chosen "ffn" %c by %base map [0] : tensor<2x2xi32>, !motley.groups<1, 2>
  %t = motley.select (%c) counts [2] by %base owner [0] : (tensor<2x2xi32>, !motley.groups<1, 2>) -> !motley.groups<2, 3 of 2>
  %w = motley.slot_values (%scores) counts [2] by %t : (tensor<2x2xf32>, !motley.groups<2, 3 of 2>) -> tensor<3xf32>
  %d = motley.slot_values_backward %w counts [2] by %t : (tensor<3xf32>, !motley.groups<2, 3 of 2>) -> tensor<2x2xf32>
  %x = arith.constant dense<5.0> : tensor<2x1xf32>
  %rows = motley.gather_rows %x by %base : (tensor<2x1xf32>, !motley.groups<1, 2>) -> tensor<2x1xf32>
  %slots = motley.gather_rows %rows by %t : (tensor<2x1xf32>, !motley.groups<2, 3 of 2>) -> tensor<3x1xf32>
  %y = motley.combine_rows %slots by %t : (tensor<3x1xf32>, !motley.groups<2, 3 of 2>) -> tensor<2x1xf32>
  %z = motley.combine_rows %slots by %t plus %rows : (tensor<3x1xf32>, !motley.groups<2, 3 of 2>, tensor<2x1xf32>) -> tensor<2x1xf32>
  return %t, %w, %d, %y, %z : !motley.groups<2, 3 of 2>, tensor<3xf32>, tensor<2x2xf32>, tensor<2x1xf32>, tensor<2x1xf32>
}

// Tests that no document is renumbered by a table in which a row stands twice.
// RUN: not motley-interp %s --function twice --arg '1 : i32' 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: row 0 has 2 slots in the table it is reindexed into, expected at most one
func.func @twice(%live: i32) -> !motley.groups<1, 2> {
  %base = motley.group_by live %live : (i32) -> !motley.groups<1, 1>
  %c = arith.constant dense<1> : tensor<1x2xi32>
  %t = motley.select (%c) counts [2] by %base owner [0] : (tensor<1x2xi32>, !motley.groups<1, 1>) -> !motley.groups<2, 2 of 1>
  %d = motley.reindex %base into %t : (!motley.groups<1, 1>, !motley.groups<2, 2 of 1>) -> !motley.groups<1, 2>
  return %d : !motley.groups<1, 2>
}
