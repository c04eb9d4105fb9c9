// RUN: motley-interp %s --seed 1 --observations --function sum --arg 'dense<[[1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]]> : tensor<5x3xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=SUM
// RUN: motley-interp %s --seed 1 --observations --function sum --arg 'dense<[[1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]]> : tensor<5x3xi32>' --arg '0 : i32' | FileCheck %s --check-prefix=NONE
// RUN: motley-interp %s --seed 1 --function null --arg 'dense<[[1, 1], [1, 0], [0, 1], [0, 0]]> : tensor<4x2xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=NULL
// RUN: motley-interp %s --seed 1 --function cases --arg 'dense<[0, 1, 0, 1, 0]> : tensor<5xi32>' --arg '4 : i32' --observations | FileCheck %s --check-prefix=CASES

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 8
motley.variable @two : tensor<1x1xf32> init constant 2.0
motley.variable @three : tensor<1x1xf32> init constant 3.0

// Tests that a row's experts are summed with its gates, that one that nobody chose is run on nothing, and that a row without
// expert gets 0: row 0 is 0.5 * 2 * 1 + 0.25 * (-1).
// SUM: dense<{{\[}}[0.75], [2], [-0.75], [0], [nan]]>
// SUM-NEXT: chosen "ffn" = dense<{{\[}}[2, 0, 2]]> : tensor<1x3xf64>
// NONE: dense<{{\[}}[nan], [nan], [nan], [nan], [nan]]>
// NONE-NEXT: chosen "ffn" = dense<{{\[}}[0, 0, 0]]>
func.func @sum(%c: tensor<5x3xi32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<5x1xf32> {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<5x1xf32>
  %p = arith.constant dense<[[0.5, 0.0, 0.25], [0.5, 0.0, 0.25], [0.5, 0.0, 0.25], [0.5, 0.0, 0.25], [0.5, 0.0, 0.25]]> : tensor<5x3xf32>
  motley.observe "ffn" %c : tensor<5x3xi32>
  %y = motley.experts %c gates %p (%x) : (tensor<5x3xi32>, tensor<5x3xf32>, tensor<5x1xf32>) -> tensor<5x1xf32> {
  ^bb0(%a: tensor<10x1xf32>):
    %l = motley.linear @two(%a) : (tensor<10x1xf32>) -> tensor<10x1xf32>
    motley.yield %l : tensor<10x1xf32>
  }, {
  ^bb0(%a: tensor<10x1xf32>):
    %l = motley.linear @three(%a) : (tensor<10x1xf32>) -> tensor<10x1xf32>
    motley.yield %l : tensor<10x1xf32>
  }, {
  ^bb0(%a: tensor<10x1xf32>):
    %n = arith.negf %a : tensor<10x1xf32>
    motley.yield %n : tensor<10x1xf32>
  }
  return %y : tensor<5x1xf32>
}

// Tests that a column without body computes nothing, that rows of an expert are those that chose it (a mean over them shows), and
// that choices beyond the slots are dropped: with two slots and three choices, the last.
// NULL: dense<{{\[}}[1.5], [1.5], [0], [0]]>
// NULL-NEXT: dense<{{\[}}[1.5], [1.5], [0], [0]]>
func.func @null(%c: tensor<4x2xi32>, %live: i32 {motley.field = #motley.field<live>}) -> (tensor<4x1xf32>, tensor<4x1xf32>) {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x1xf32>) -> tensor<4x1xf32> {
  ^bb0(%a: tensor<4x1xf32>):
    %m = motley.mean_rows %a : (tensor<4x1xf32>) -> tensor<4x1xf32>
    motley.yield %m : tensor<4x1xf32>
  }
  %z = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x1xf32>) -> tensor<4x1xf32> {
  ^bb0(%a: tensor<2x1xf32>):
    %m = motley.mean_rows %a : (tensor<2x1xf32>) -> tensor<2x1xf32>
    motley.yield %m : tensor<2x1xf32>
  }, {
  ^bb0(%a: tensor<2x1xf32>):
    motley.yield %a : tensor<2x1xf32>
  }
  return %y, %z : tensor<4x1xf32>, tensor<4x1xf32>
}

// Tests experts in the cases of modalities, with routing among the rows of the case, nested once more: text rows are 0 and 2 (values
// 1 and 3), of which the expert takes the better half, row 2, and there inside again everything: 2 * 3.
// CASES: dense<{{\[}}[0], [2], [6], [4], [nan]]>
// CASES-NEXT: chosen "text" = dense<{{\[}}[1]]>
func.func @cases(%modality: tensor<5xi32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<5x1xf32> {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<5x1xf32>
  %i = arith.constant dense<[0, 1, 2, 3, 4]> : tensor<5xi32>
  %y = motley.by_modality %modality : tensor<5xi32> -> (tensor<5x1xf32>) {
    %c = motley.choose_tokens %x index %i {capacity = 0.5 : f64} : (tensor<5x1xf32>, tensor<5xi32>) -> tensor<5x1xi32>
    motley.observe "text" %c : tensor<5x1xi32>
    %e = motley.experts %c (%x, %i) : (tensor<5x1xi32>, tensor<5x1xf32>, tensor<5xi32>) -> tensor<5x1xf32> {
    ^bb0(%a: tensor<3x1xf32>, %j: tensor<3xi32>):
      %d = motley.choose_tokens %a index %j {capacity = 1.0 : f64} : (tensor<3x1xf32>, tensor<3xi32>) -> tensor<3x1xi32>
      %f = motley.experts %d (%a) : (tensor<3x1xi32>, tensor<3x1xf32>) -> tensor<3x1xf32> {
      ^bb0(%b: tensor<7x1xf32>):
        %l = motley.linear @two(%b) : (tensor<7x1xf32>) -> tensor<7x1xf32>
        motley.yield %l : tensor<7x1xf32>
      }
      motley.yield %f : tensor<3x1xf32>
    }
    motley.yield %e : tensor<5x1xf32>
  } case [@text], {
    motley.yield %x : tensor<5x1xf32>
  } case [@image]
  return %y : tensor<5x1xf32>
}

// Tests that a choice that comes from a dead row is an error where a live row needs it.
// RUN: not motley-interp %s --function dead --arg '2 : i32' 2>&1 | FileCheck %s --check-prefix=DEAD
// DEAD: error: the choice of live row 1 comes from a dead row
func.func @dead(%live: i32 {motley.field = #motley.field<live>}) -> tensor<2x1xf32> {
  %x = arith.constant dense<1.0> : tensor<2x1xf32>
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 2>
  %one = arith.constant 1 : i32
  %first = motley.group_by live %one : (i32) -> !motley.groups<1, 2>
  %s = motley.gather_rows %x by %first : (tensor<2x1xf32>, !motley.groups<1, 2>) -> tensor<2x1xf32>
  %c = motley.choose_above %s {threshold = 0.0 : f64} : (tensor<2x1xf32>) -> tensor<2x1xi32>
  %t = motley.select (%c) counts [1] by %g owner [0] : (tensor<2x1xi32>, !motley.groups<1, 2>) -> !motley.groups<1, 2 of 2>
  return %x : tensor<2x1xf32>
}
