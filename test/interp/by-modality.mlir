// RUN: motley-interp %s --function cases --arg 'dense<[0, 1, 2, 0, 99]> : tensor<5xi32>' --arg '4 : i32' | FileCheck %s

motley.modality @text_ids ids 0 to 2
motley.modality @image_ids ids 10 to 20
motley.modality @speech_ids ids 20 to 30

// Tests that a case reads no row of another modality (text's mean is over rows 0 and 3), that one case may serve two modalities,
// that tensors from above are seen, and that dead rows stay dead.
// CHECK: dense<{{\[}}[101.5], [-100], [-100], [101.5], [nan]]> : tensor<5x1xf32>
func.func @cases(%modality: tensor<5xi32> {motley.field = #motley.field<modality>},
                 %live: i32 {motley.field = #motley.field<live>}) -> tensor<5x1xf32> {
  %above = arith.constant dense<100.0> : tensor<5x1xf32>
  %x = arith.constant dense<[[1.0], [8.0], [8.0], [2.0], [8.0]]> : tensor<5x1xf32>
  %y = motley.by_modality %modality : tensor<5xi32> -> (tensor<5x1xf32>) {
    %t = motley.mean_rows %x : (tensor<5x1xf32>) -> tensor<5x1xf32>
    %s = arith.addf %t, %above : tensor<5x1xf32>
    motley.yield %s : tensor<5x1xf32>
  } case [@text_ids], {
    %i = arith.negf %above : tensor<5x1xf32>
    motley.yield %i : tensor<5x1xf32>
  } case [@image_ids, @speech_ids]
  return %y : tensor<5x1xf32>
}
