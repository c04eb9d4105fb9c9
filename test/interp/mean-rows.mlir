// RUN: motley-interp %s --function level1 --arg 'dense<[0, 1, 0, 1, 0]> : tensor<5xi32>' --arg 'dense<[3, 3, 8, 8, 9]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=LEVEL1
// RUN: motley-interp %s --function level1 --arg 'dense<[0, 1, 0, 1, 0]> : tensor<5xi32>' --arg 'dense<[3, 3, 8, 8, 9]> : tensor<5xi32>' --arg '0 : i32' | FileCheck %s --check-prefix=NONE
// RUN: motley-interp %s --function level1 --arg 'dense<[1, 1, 0, 1, 0]> : tensor<5xi32>' --arg 'dense<[3, 3, 8, 8, 9]> : tensor<5xi32>' --arg '1 : i32' | FileCheck %s --check-prefix=ONE
// RUN: motley-interp %s --function level2 --arg 'dense<[0, 1, 0, 1, 0]> : tensor<5xi32>' --arg 'dense<[0, 0, 1, 1, 0]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=LEVEL2

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 8

// Tests means over all live rows, over documents, and over the rows of a case.
// LEVEL1: dense<{{\[}}[2.5], [2.5], [2.5], [2.5], [nan]]>
// LEVEL1-NEXT: dense<{{\[}}[1.5], [1.5], [3.5], [3.5], [nan]]>
// LEVEL1-NEXT: dense<{{\[}}[2], [3], [2], [3], [nan]]>
// NONE-COUNT-3: dense<{{\[}}[nan], [nan], [nan], [nan], [nan]]>
// ONE: dense<{{\[}}[1], [nan], [nan], [nan], [nan]]>
// ONE-NEXT: dense<{{\[}}[1], [nan], [nan], [nan], [nan]]>
// ONE-NEXT: dense<{{\[}}[1], [nan], [nan], [nan], [nan]]>
func.func @level1(%modality: tensor<5xi32> {motley.field = #motley.field<modality>}, %documents: tensor<5xi32> {motley.field = #motley.field<document>},
                  %live: i32 {motley.field = #motley.field<live>}) -> (tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>) {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [100.0]]> : tensor<5x1xf32>
  %all = motley.mean_rows %x : (tensor<5x1xf32>) -> tensor<5x1xf32>
  %each = motley.mean_rows %x documents %documents : (tensor<5x1xf32>, tensor<5xi32>) -> tensor<5x1xf32>
  %case = motley.by_modality %modality : tensor<5xi32> -> (tensor<5x1xf32>) {
    %m = motley.mean_rows %x : (tensor<5x1xf32>) -> tensor<5x1xf32>
    motley.yield %m : tensor<5x1xf32>
  } case [@text], {
    %m = motley.mean_rows %x : (tensor<5x1xf32>) -> tensor<5x1xf32>
    motley.yield %m : tensor<5x1xf32>
  } case [@image]
  return %all, %each, %case : tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>
}

// Tests that groups with -1 are outside of the scope, and that documents divide what is inside: slots 0 and 1 are the text rows 0
// and 2, of documents 0 and 1; slots 2 and 3 are rows 1 and 3.
// LEVEL2: dense<{{\[}}[2], [2], [nan], [nan], [nan]]>
// LEVEL2-NEXT: dense<{{\[}}[1], [3], [nan], [nan], [nan]]>
// LEVEL2-NEXT: dense<{{\[}}[1.5], [3.5], [1.5], [3.5], [nan]]>
func.func @level2(%modality: tensor<5xi32>, %document: tensor<5xi32>, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>) {
  %rows = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [100.0]]> : tensor<5x1xf32>
  %base = motley.group_by %modality live %live : (tensor<5xi32>, i32) -> !motley.groups<2, 5>
  %bydocument = motley.group_by %document live %live : (tensor<5xi32>, i32) -> !motley.groups<2, 5>
  %documents = motley.reindex %bydocument into %base : (!motley.groups<2, 5>, !motley.groups<2, 5>) -> !motley.groups<2, 5>
  %x = motley.gather_rows %rows by %base : (tensor<5x1xf32>, !motley.groups<2, 5>) -> tensor<5x1xf32>
  %text = motley.mean_rows %x by %base map [0, -1] : (tensor<5x1xf32>, !motley.groups<2, 5>) -> tensor<5x1xf32>
  %each = motley.mean_rows %x by %base map [0, -1] over %documents : (tensor<5x1xf32>, !motley.groups<2, 5>, !motley.groups<2, 5>) -> tensor<5x1xf32>
  %both = motley.mean_rows %x by %base map [0, 0] over %documents : (tensor<5x1xf32>, !motley.groups<2, 5>, !motley.groups<2, 5>) -> tensor<5x1xf32>
  return %text, %each, %both : tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>
}
