// RUN: motley-interp %s --seed 1 --function depths --arg 'dense<[[1], [0], [1], [1], [1]]> : tensor<5x1xi32>' --arg '4 : i32' | FileCheck %s
// RUN: motley-interp %s --seed 1 --function depths --arg 'dense<[[0], [0], [0], [0], [1]]> : tensor<5x1xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=NONE
// RUN: motley-interp %s --seed 1 --function modalities --arg 'dense<[[1], [0], [1], [1], [1]]> : tensor<5x1xi32>' --arg '4 : i32' | FileCheck %s --check-prefix=MODALITIES

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 8

// Tests that attention sees the chosen rows alone, inside their documents (rows 0 and 2 are one, row 3 another): full attention with
// equal scores is the mean. With two slots the third chosen row passes like one that wasn't.
// CHECK: dense<{{\[}}[2], [20], [2], [4], [nan]]>
// CHECK-NEXT: dense<{{\[}}[2], [20], [2], [40], [nan]]>
// NONE: dense<{{\[}}[10], [20], [30], [40], [nan]]>
// NONE-NEXT: dense<{{\[}}[10], [20], [30], [40], [nan]]>
func.func @depths(%c: tensor<5x1xi32>, %live: i32 {motley.field = #motley.field<live>}) -> (tensor<5x1xf32>, tensor<5x1xf32>) {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<5x1xf32>
  %o = arith.constant dense<[[10.0], [20.0], [30.0], [40.0], [50.0]]> : tensor<5x1xf32>
  %d = arith.constant dense<[6, 6, 6, 7, 7]> : tensor<5xi32>
  %y = motley.select_rows %c (%x, %d) otherwise %o : (tensor<5x1xi32>, tensor<5x1xf32>, tensor<5xi32>, tensor<5x1xf32>) -> tensor<5x1xf32> {
  ^bb0(%a: tensor<4x1xf32>, %e: tensor<4xi32>):
    %q = arith.constant dense<0.0> : tensor<4x1xf32>
    %b = motley.attention full %q, %a, %a documents %e {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4xi32>) -> tensor<4x1xf32>
    motley.yield %b : tensor<4x1xf32>
  }
  %z = motley.select_rows %c (%x) otherwise %o : (tensor<5x1xi32>, tensor<5x1xf32>, tensor<5x1xf32>) -> tensor<5x1xf32> {
  ^bb0(%a: tensor<2x1xf32>):
    %m = motley.mean_rows %a : (tensor<2x1xf32>) -> tensor<2x1xf32>
    motley.yield %m : tensor<2x1xf32>
  }
  return %y, %z : tensor<5x1xf32>, tensor<5x1xf32>
}

// Tests modalities and experts among the chosen rows: rows 0 and 3 are text, and the expert takes their better half, row 3, which
// gets the mean over itself; row 0 gets 0. Row 2 is an image.
// MODALITIES: dense<{{\[}}[0], [2], [-3], [4], [nan]]>
func.func @modalities(%c: tensor<5x1xi32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<5x1xf32> {
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<5x1xf32>
  %m = arith.constant dense<[0, 9, 1, 0, 9]> : tensor<5xi32>
  %i = arith.constant dense<[0, 1, 2, 3, 4]> : tensor<5xi32>
  %y = motley.select_rows %c (%x, %m, %i) otherwise %x : (tensor<5x1xi32>, tensor<5x1xf32>, tensor<5xi32>, tensor<5xi32>, tensor<5x1xf32>) -> tensor<5x1xf32> {
  ^bb0(%a: tensor<4x1xf32>, %n: tensor<4xi32>, %j: tensor<4xi32>):
    %b = motley.by_modality %n : tensor<4xi32> -> (tensor<4x1xf32>) {
      %d = motley.choose_tokens %a index %j {capacity = 0.5 : f64} : (tensor<4x1xf32>, tensor<4xi32>) -> tensor<4x1xi32>
      %e = motley.experts %d (%a) : (tensor<4x1xi32>, tensor<4x1xf32>) -> tensor<4x1xf32> {
      ^bb0(%f: tensor<6x1xf32>):
        %g = motley.mean_rows %f : (tensor<6x1xf32>) -> tensor<6x1xf32>
        motley.yield %g : tensor<6x1xf32>
      }
      motley.yield %e : tensor<4x1xf32>
    } case [@text], {
      %h = arith.negf %a : tensor<4x1xf32>
      motley.yield %h : tensor<4x1xf32>
    } case [@image]
    motley.yield %b : tensor<4x1xf32>
  }
  return %y : tensor<5x1xf32>
}
