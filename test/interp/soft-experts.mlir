// RUN: motley-interp %s --function level1 --arg 'dense<[0, 1, 0, 1, 0]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=LEVEL1
// RUN: motley-interp %s --function level1 --arg 'dense<[0, 1, 0, 1, 0]> : tensor<5xi32>' --arg '0 : i32' | FileCheck %s --check-prefix=NONE
// RUN: motley-interp %s --function level1 --arg 'dense<[0, 0, 0, 0, 0]> : tensor<5xi32>' --arg '1 : i32' | FileCheck %s --check-prefix=ONE
// RUN: motley-interp %s --function level2 --arg 'dense<[0, 1, 0, 1, 0]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=LEVEL2
// RUN: motley-interp %s --function level2 --arg 'dense<[0, 0, 0, 0, 0]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=ABSENT

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 8

// Tests the softmax of columns over all live rows and over those of a case, and experts on weighted sums of them. Rows are 1, 2, 3, 4
// and a dead 100. Expert 0 negates its slot, whose rows weigh 1, 0, 1, 0: 4; expert 1 doubles its own, of the others: 6.
// A row takes the first slot once and the second 10 times; those of the first case weigh the sums of two rows each.
// LEVEL1: dense<{{\[}}[0.25, 0.1], [0.25, 0.2], [0.25, 0.3], [0.25, 0.4], [nan, nan]]>
// LEVEL1-NEXT: dense<{{\[}}[0.5, 0.25], [0.5, 0.333333333], [0.5, 0.75], [0.5, 0.666666667], [nan, nan]]>
// LEVEL1-NEXT: dense<{{\[}}[116], [116], [116], [116], [nan]]>
// LEVEL1-NEXT: dense<{{\[}}[-4], [120], [-4], [120], [nan]]>
// NONE-COUNT-2: dense<{{\[}}[nan, nan], [nan, nan], [nan, nan], [nan, nan], [nan, nan]]>
// NONE-COUNT-2: dense<{{\[}}[nan], [nan], [nan], [nan], [nan]]>
// ONE: dense<{{\[}}[1, 1], [nan, nan], [nan, nan], [nan, nan], [nan, nan]]>
// ONE-NEXT: dense<{{\[}}[1, 1], [nan, nan], [nan, nan], [nan, nan], [nan, nan]]>
// ONE-NEXT: dense<{{\[}}[-1], [nan], [nan], [nan], [nan]]>
// ONE-NEXT: dense<{{\[}}[-1], [nan], [nan], [nan], [nan]]>
func.func @level1(%modality: tensor<5xi32> {motley.field = #motley.field<modality>}, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x1xf32>, tensor<5x1xf32>) {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [100.0]]> : tensor<5x1xf32>
  %powers = arith.constant dense<[[1.0, 1.0], [1.0, 2.0], [1.0, 3.0], [1.0, 4.0], [1.0, 100.0]]> : tensor<5x2xf32>
  %l = math.log %powers : tensor<5x2xf32>
  %all = motley.softmax_rows %l : tensor<5x2xf32>
  %dispatch = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]> : tensor<5x2xf32>
  %combine = arith.constant dense<[[1.0, 10.0], [1.0, 10.0], [1.0, 10.0], [1.0, 10.0], [1.0, 10.0]]> : tensor<5x2xf32>
  %y = motley.soft_experts %dispatch, %combine (%x) : (tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x1xf32>) -> tensor<5x1xf32> {
  ^bb0(%a: tensor<2x1xf32>):
    %b = arith.negf %a : tensor<2x1xf32>
    motley.yield %b : tensor<2x1xf32>
  }, {
  ^bb0(%a: tensor<2x1xf32>):
    %b = arith.addf %a, %a : tensor<2x1xf32>
    motley.yield %b : tensor<2x1xf32>
  }
  %s, %z = motley.by_modality %modality : tensor<5xi32> -> (tensor<5x2xf32>, tensor<5x1xf32>) {
    %d = motley.softmax_rows %l : tensor<5x2xf32>
    %v = motley.soft_experts %dispatch, %combine (%x) : (tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x1xf32>) -> tensor<5x1xf32> {
    ^bb0(%a: tensor<2x1xf32>):
      %b = arith.negf %a : tensor<2x1xf32>
      motley.yield %b : tensor<2x1xf32>
    }, {
    ^bb0(%a: tensor<2x1xf32>):
      %b = arith.addf %a, %a : tensor<2x1xf32>
      motley.yield %b : tensor<2x1xf32>
    }
    motley.yield %d, %v : tensor<5x2xf32>, tensor<5x1xf32>
  } case [@text], {
    %d = motley.softmax_rows %l : tensor<5x2xf32>
    %v = motley.soft_experts %dispatch, %combine (%x) : (tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x1xf32>) -> tensor<5x1xf32> {
    ^bb0(%a: tensor<2x1xf32>):
      %b = arith.addf %a, %a : tensor<2x1xf32>
      motley.yield %b : tensor<2x1xf32>
    }
    motley.yield %d, %v : tensor<5x2xf32>, tensor<5x1xf32>
  } case [@image]
  return %all, %s, %y, %z : tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x1xf32>, tensor<5x1xf32>
}

// Tests branches: slots 0 and 1 are the text rows 0 and 2, slots 2 and 3 the image rows 1 and 3. Text has one column, image two.
// LEVEL2: dense<{{\[}}[4], [6], [60]]>
// LEVEL2-NEXT: dense<{{\[}}[4], [4], [66], [66], [nan]]>
// LEVEL2-NEXT: dense<{{\[}}[4], [12], [nan], [nan], [nan]]>
// LEVEL2-NEXT: dense<{{\[}}[nan, nan], [nan, nan], [12, 120], [24, 240], [nan, nan]]>
// LEVEL2-NEXT: dense<{{\[}}[nan, nan], [nan, nan], [0.5, 0.090909{{[0-9]+}}], [0.5, 0.90909{{[0-9]+}}], [nan, nan]]>
// LEVEL2-NEXT: dense<{{\[}}[nan, nan], [nan, nan], [-0.25, -0.1669421{{[0-9]+}}], [0.25, 0.1669421{{[0-9]+}}], [nan, nan]]>
// ABSENT: dense<{{\[}}[10], [0], [0]]>
// ABSENT-NEXT: dense<{{\[}}[10], [10], [10], [10], [nan]]>
func.func @level2(%modality: tensor<5xi32>, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<3x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x2xf32>) {
  %base = motley.group_by %modality live %live : (tensor<5xi32>, i32) -> !motley.groups<2, 5>
  %rows = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [100.0]]> : tensor<5x1xf32>
  %x = motley.gather_rows %rows by %base : (tensor<5x1xf32>, !motley.groups<2, 5>) -> tensor<5x1xf32>
  %w = arith.constant dense<1.0> : tensor<5x1xf32>
  %v = arith.constant dense<[[1.0, 10.0], [1.0, 10.0], [1.0, 10.0], [1.0, 10.0], [7.0, 7.0]]> : tensor<5x2xf32>
  %one = arith.constant dense<1.0> : tensor<5x2xf32>
  %u = motley.mix_rows (%w, %v) of %x by %base owner [0, 1] : (tensor<5x1xf32>, tensor<5x2xf32>, tensor<5x1xf32>, !motley.groups<2, 5>) -> tensor<3x1xf32>
  %y = motley.unmix_rows (%w, %one) of %u by %base owner [0, 1] : (tensor<5x1xf32>, tensor<5x2xf32>, tensor<3x1xf32>, !motley.groups<2, 5>) -> tensor<5x1xf32>
  %p, %q = motley.mix_products %x, %u by %base owner [0, 1] : (tensor<5x1xf32>, tensor<3x1xf32>, !motley.groups<2, 5>) -> (tensor<5x1xf32>, tensor<5x2xf32>)
  %logits = arith.constant dense<[[0.0, 5.0], [0.0, 5.0], [0.0, 0.0], [0.0, 2.302585092994046], [0.0, 0.0]]> : tensor<5x2xf32>
  %s = motley.softmax_rows %logits by %base map [-1, 0] : tensor<5x2xf32>, !motley.groups<2, 5>
  %ds = arith.constant dense<[[9.0, 9.0], [9.0, 9.0], [1.0, 0.0], [2.0, 2.02], [9.0, 9.0]]> : tensor<5x2xf32>
  %dl = motley.softmax_rows_backward %ds, %s by %base map [-1, 0] : tensor<5x2xf32>, !motley.groups<2, 5>
  return %u, %y, %p, %q, %s, %dl : tensor<3x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x2xf32>
}
