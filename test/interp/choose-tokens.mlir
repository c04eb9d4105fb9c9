// RUN: motley-interp %s --function level1 --arg 'dense<[3, 2, 1, 0, 0]> : tensor<5xi32>' --arg 'dense<[0, 0, 7, 7, 7]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=LEVEL1
// RUN: motley-interp %s --function level1 --arg 'dense<[3, 2, 1, 0, 0]> : tensor<5xi32>' --arg 'dense<[0, 0, 7, 7, 7]> : tensor<5xi32>' --arg '1 : i32' | FileCheck %s --check-prefix=ONE
// RUN: motley-interp %s --function level1 --arg 'dense<[3, 2, 1, 0, 0]> : tensor<5xi32>' --arg 'dense<[0, 0, 7, 7, 7]> : tensor<5xi32>' --arg '0 : i32' | FileCheck %s --check-prefix=NONE

// Tests that of equals the row of the lower index wins (rows are numbered backwards here), that NaN comes last, that half of four
// rows are two and half of a document of two one, and that 0.3 of 4 rows are 2.
// LEVEL1: dense<{{\[}}[0, 1, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1], [dead, dead, dead]]>
// LEVEL1-NEXT: dense<{{\[}}[0, 1, 0], [1, 0, 1], [0, 1, 0], [1, 0, 1], [dead, dead, dead]]>
// LEVEL1-NEXT: dense<{{\[}}[0, 1, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1], [dead, dead, dead]]>
// LEVEL1-NEXT: dense<{{\[}}[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1], [dead, dead, dead]]>
// ONE: dense<{{\[}}[1, 1, 1], [dead, dead, dead], [dead, dead, dead],
// NONE: dense<{{\[}}[dead, dead, dead], [dead, dead, dead], [dead, dead, dead],
func.func @level1(%index: tensor<5xi32> {motley.field = #motley.field<index>}, %documents: tensor<5xi32> {motley.field = #motley.field<document>},
                  %live: i32 {motley.field = #motley.field<live>}) -> (tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>) {
  %s = arith.constant dense<[[1.0, 5.0, 0x7FC00000], [1.0, 0x7FC00000, 0x7FC00000], [1.0, 4.0, 0x7FC00000], [1.0, 3.0, 0x7FC00000], [9.0, 9.0, 9.0]]> : tensor<5x3xf32>
  %half = motley.choose_tokens %s index %index {capacity = 0.5 : f64} : (tensor<5x3xf32>, tensor<5xi32>) -> tensor<5x3xi32>
  %each = motley.choose_tokens %s index %index documents %documents {capacity = 0.5 : f64} : (tensor<5x3xf32>, tensor<5xi32>, tensor<5xi32>) -> tensor<5x3xi32>
  %third = motley.choose_tokens %s index %index {capacity = 0.3 : f64} : (tensor<5x3xf32>, tensor<5xi32>) -> tensor<5x3xi32>
  %all = motley.choose_tokens %s index %index {capacity = 1.0 : f64} : (tensor<5x3xf32>, tensor<5xi32>) -> tensor<5x3xi32>
  return %half, %each, %third, %all : tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>, tensor<5x3xi32>
}

// Tests the rounding: what is above an integer by the rounding of a float counts as that integer, even above 0; more doesn't.
// RUN: motley-interp %s --function rounding | FileCheck %s --check-prefix=ROUNDING
// ROUNDING: dense<{{\[}}[0], [0], [0], [0], [0], [0], [0], [0], [0], [1]]>
// ROUNDING-NEXT: dense<{{\[}}[0], [0], [0], [0], [0], [0], [0], [0], [0], [0]]>
// ROUNDING-NEXT: dense<{{\[}}[0], [0], [0], [0], [0], [0], [0], [0], [1], [1]]>
func.func @rounding() -> (tensor<10x1xi32>, tensor<10x1xi32>, tensor<10x1xi32>) {
  %s = arith.constant dense<[[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0], [9.0]]> : tensor<10x1xf32>
  %i = arith.constant dense<0> : tensor<10xi32>
  %a = motley.choose_tokens %s index %i {capacity = 0.10000000149 : f64} : (tensor<10x1xf32>, tensor<10xi32>) -> tensor<10x1xi32>
  %b = motley.choose_tokens %s index %i {capacity = 4.76837158203125e-08 : f64} : (tensor<10x1xf32>, tensor<10xi32>) -> tensor<10x1xi32>
  %c = motley.choose_tokens %s index %i {capacity = 0.1000002 : f64} : (tensor<10x1xf32>, tensor<10xi32>) -> tensor<10x1xi32>
  return %a, %b, %c : tensor<10x1xi32>, tensor<10x1xi32>, tensor<10x1xi32>
}

// Tests level 2: only rows of the groups that are mapped, document by document; the margin is that of the closest expert.
// RUN: motley-interp %s --function level2 --margins | FileCheck %s --check-prefix=LEVEL2
// LEVEL2: dense<{{\[}}[0], [1], [1], [dead], [dead], [dead]]>
// LEVEL2-NEXT: dense<{{\[}}[0], [0], [1], [dead], [dead], [dead]]>
// LEVEL2-NEXT: margin 0.5 of motley.choose_tokens
func.func @level2() -> (tensor<6x1xi32>, tensor<6x1xi32>) {
  %modality = arith.constant dense<[0, 1, 0, 1, 0, 9]> : tensor<6xi32>
  %document = arith.constant dense<[0, 0, 0, 1, 1, 9]> : tensor<6xi32>
  %index = arith.constant dense<[0, 1, 2, 3, 4, 5]> : tensor<6xi32>
  %scores = arith.constant dense<[[1.0], [9.0], [2.0], [8.0], [2.5], [9.0]]> : tensor<6x1xf32>
  %live = arith.constant 5 : i32
  %base = motley.group_by %modality live %live : (tensor<6xi32>, i32) -> !motley.groups<2, 6>
  %bydocument = motley.group_by %document live %live : (tensor<6xi32>, i32) -> !motley.groups<2, 6>
  %documents = motley.reindex %bydocument into %base : (!motley.groups<2, 6>, !motley.groups<2, 6>) -> !motley.groups<2, 6>
  %s = motley.gather_rows %scores by %base : (tensor<6x1xf32>, !motley.groups<2, 6>) -> tensor<6x1xf32>
  %i = motley.gather_rows %index by %base : (tensor<6xi32>, !motley.groups<2, 6>) -> tensor<6xi32>
  %each = motley.choose_tokens %s index %i by %base map [0, -1] over %documents {capacity = 0.5 : f64} : (tensor<6x1xf32>, tensor<6xi32>, !motley.groups<2, 6>, !motley.groups<2, 6>) -> tensor<6x1xi32>
  %all = motley.choose_tokens %s index %i by %base map [0, -1] {capacity = 0.25 : f64} : (tensor<6x1xf32>, tensor<6xi32>, !motley.groups<2, 6>) -> tensor<6x1xi32>
  return %each, %all : tensor<6x1xi32>, tensor<6x1xi32>
}
