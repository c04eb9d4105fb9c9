// Tests what a function gives before and after its rows are brought into the order of tables, where that is easily got wrong.
//
// RUN: motley-opt %s --pass-pipeline='builtin.module(motley-group-modalities,func.func(motley-hoist-groups),cse,func.func(motley-keep-grouped-order))' -o %t.mlir

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 8
motley.variable @two : tensor<1x1xf32> init constant 2.0
motley.variable @three : tensor<1x1xf32> init constant 3.0

// Experts of two cases that read different fields: row 3, text, is turned by the angle 3, and so is row 2, an image.
// RUN: motley-interp %s --seed 1 --function fields --arg 'dense<[0, 1, 1, 0, 1, 0]> : tensor<6xi32>' --arg 'dense<[0, 1, 2, 3, 4, 5]> : tensor<6xi32>' --arg 'dense<[7, 5, 3, 2, 1, 9]> : tensor<6xi32>' --arg 'dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]> : tensor<6x4xf32>' --arg '5 : i32' > %t.fields
// RUN: FileCheck %s --check-prefix=FIELDS < %t.fields
// RUN: motley-interp %t.mlir --seed 1 --function fields --arg 'dense<[0, 1, 1, 0, 1, 0]> : tensor<6xi32>' --arg 'dense<[0, 1, 2, 3, 4, 5]> : tensor<6xi32>' --arg 'dense<[7, 5, 3, 2, 1, 9]> : tensor<6xi32>' --arg 'dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]> : tensor<6x4xf32>' --arg '5 : i32' | diff %t.fields -
// FIELDS: dense<{{\[}}[1, 2, 3, 4], [{{.*}}], [-1.41335252, -2.08508837, {{.*}}], [-1.41335252, -2.08508837, {{.*}}], [
func.func @fields(%modality: tensor<6xi32>, %i: tensor<6xi32>, %j: tensor<6xi32>, %x: tensor<6x4xf32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<6x4xf32> {
  %one = arith.constant dense<1> : tensor<6xi32>
  %c = motley.one_hot %one : (tensor<6xi32>) -> tensor<6x2xi32>
  %y = motley.by_modality %modality : tensor<6xi32> -> (tensor<6x4xf32>) {
    %e = motley.experts %c (%x, %i) : (tensor<6x2xi32>, tensor<6x4xf32>, tensor<6xi32>) -> tensor<6x4xf32> {
    ^bb0(%a: tensor<6x4xf32>, %p: tensor<6xi32>):
      motley.yield %a : tensor<6x4xf32>
    }, {
    ^bb0(%a: tensor<6x4xf32>, %p: tensor<6xi32>):
      %r = motley.rope %a at %p {heads = 1 : i64, theta = 10.0 : f64} : tensor<6x4xf32>, tensor<6xi32>
      motley.yield %r : tensor<6x4xf32>
    }
    motley.yield %e : tensor<6x4xf32>
  } case [@text], {
    %e = motley.experts %c (%x, %j) : (tensor<6x2xi32>, tensor<6x4xf32>, tensor<6xi32>) -> tensor<6x4xf32> {
    ^bb0(%a: tensor<6x4xf32>, %p: tensor<6xi32>):
      motley.yield %a : tensor<6x4xf32>
    }, {
    ^bb0(%a: tensor<6x4xf32>, %p: tensor<6xi32>):
      %r = motley.rope %a at %p {heads = 1 : i64, theta = 10.0 : f64} : tensor<6x4xf32>, tensor<6xi32>
      motley.yield %r : tensor<6x4xf32>
    }
    motley.yield %e : tensor<6x4xf32>
  } case [@image]
  return %y : tensor<6x4xf32>
}

// Shares of documents: each has one row of each modality, whose share of one half is one row. All are chosen.
// RUN: motley-interp %s --seed 1 --function documents --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '8 : i32' > %t.documents
// RUN: FileCheck %s --check-prefix=DOCUMENTS < %t.documents
// RUN: motley-interp %t.mlir --seed 1 --function documents --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '8 : i32' | diff %t.documents -
// DOCUMENTS: dense<{{\[}}[2], [4], [6], [8], [10], [12], [14], [16]]>
func.func @documents(%modality: tensor<8xi32>, %d: tensor<8xi32>, %x: tensor<8x1xf32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<8x1xf32> {
  %i = arith.constant dense<[0,1,2,3,4,5,6,7]> : tensor<8xi32>
  %y = motley.by_modality %modality : tensor<8xi32> -> (tensor<8x1xf32>) {
    %c = motley.choose_tokens %x index %i documents %d {capacity = 0.5 : f64} : (tensor<8x1xf32>, tensor<8xi32>, tensor<8xi32>) -> tensor<8x1xi32>
    %e = motley.experts %c (%x) : (tensor<8x1xi32>, tensor<8x1xf32>) -> tensor<8x1xf32> {
    ^bb0(%a: tensor<4x1xf32>):
      %l = motley.linear @two(%a) : (tensor<4x1xf32>) -> tensor<4x1xf32>
      motley.yield %l : tensor<4x1xf32>
    }
    motley.yield %e : tensor<8x1xf32>
  } case [@text], {
    %c = motley.choose_tokens %x index %i documents %d {capacity = 0.5 : f64} : (tensor<8x1xf32>, tensor<8xi32>, tensor<8xi32>) -> tensor<8x1xi32>
    %e = motley.experts %c (%x) : (tensor<8x1xi32>, tensor<8x1xf32>) -> tensor<8x1xf32> {
    ^bb0(%a: tensor<4x1xf32>):
      %l = motley.linear @two(%a) : (tensor<4x1xf32>) -> tensor<4x1xf32>
      motley.yield %l : tensor<4x1xf32>
    }
    motley.yield %e : tensor<8x1xf32>
  } case [@image]
  return %y : tensor<8x1xf32>
}

// Slots for three of the four that are chosen in each case: each drops its own last one.
// RUN: motley-interp %s --seed 1 --function dropped --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '8 : i32' > %t.dropped
// RUN: FileCheck %s --check-prefix=DROPPED < %t.dropped
// RUN: motley-interp %t.mlir --seed 1 --function dropped --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '8 : i32' | diff %t.dropped -
// DROPPED: dense<{{\[}}[2], [4], [6], [8], [10], [12], [0], [0]]>
func.func @dropped(%modality: tensor<8xi32>, %d: tensor<8xi32>, %x: tensor<8x1xf32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<8x1xf32> {
  %i = arith.constant dense<[0,1,2,3,4,5,6,7]> : tensor<8xi32>
  %y = motley.by_modality %modality : tensor<8xi32> -> (tensor<8x1xf32>) {
    %c = motley.choose_tokens %x index %i documents %d {capacity = 0.5 : f64} : (tensor<8x1xf32>, tensor<8xi32>, tensor<8xi32>) -> tensor<8x1xi32>
    %e = motley.experts %c (%x) : (tensor<8x1xi32>, tensor<8x1xf32>) -> tensor<8x1xf32> {
    ^bb0(%a: tensor<3x1xf32>):
      %l = motley.linear @two(%a) : (tensor<3x1xf32>) -> tensor<3x1xf32>
      motley.yield %l : tensor<3x1xf32>
    }
    motley.yield %e : tensor<8x1xf32>
  } case [@text], {
    %c = motley.choose_tokens %x index %i documents %d {capacity = 0.5 : f64} : (tensor<8x1xf32>, tensor<8xi32>, tensor<8xi32>) -> tensor<8x1xi32>
    %e = motley.experts %c (%x) : (tensor<8x1xi32>, tensor<8x1xf32>) -> tensor<8x1xf32> {
    ^bb0(%a: tensor<3x1xf32>):
      %l = motley.linear @two(%a) : (tensor<3x1xf32>) -> tensor<3x1xf32>
      motley.yield %l : tensor<3x1xf32>
    }
    motley.yield %e : tensor<8x1xf32>
  } case [@image]
  return %y : tensor<8x1xf32>
}

// Documents that are computed, in a function whose rows change their order.
// RUN: motley-interp %s --seed 1 --function computed_documents --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '7 : i32' > %t.computed_documents
// RUN: motley-interp %t.mlir --seed 1 --function computed_documents --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '7 : i32' | diff %t.computed_documents -
func.func @computed_documents(%modality: tensor<8xi32>, %d: tensor<8xi32>, %x: tensor<8x1xf32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<8x1xf32> {
  %y = motley.by_modality %modality : tensor<8xi32> -> (tensor<8x1xf32>) {
    %l = motley.linear @two(%x) : (tensor<8x1xf32>) -> tensor<8x1xf32>
    motley.yield %l : tensor<8x1xf32>
  } case [@text], {
    %l = motley.linear @three(%x) : (tensor<8x1xf32>) -> tensor<8x1xf32>
    motley.yield %l : tensor<8x1xf32>
  } case [@image]
  %h = motley.hash %d {buckets = 4 : i64, seed = 3 : i64} : tensor<8xi32>
  %a = motley.attention full %y, %y, %y documents %h {heads = 1 : i64, kv_heads = 1 : i64} : (tensor<8x1xf32>, tensor<8x1xf32>, tensor<8x1xf32>, tensor<8xi32>) -> tensor<8x1xf32>
  return %a : tensor<8x1xf32>
}

// Modalities that are computed, by more than they themselves.
// RUN: motley-interp %s --seed 1 --function computed_modalities --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '7 : i32' > %t.computed_modalities
// RUN: motley-interp %t.mlir --seed 1 --function computed_modalities --arg 'dense<[0, 1, 0, 1, 0, 1, 0, 1]> : tensor<8xi32>' --arg 'dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi32>' --arg 'dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>' --arg '7 : i32' | diff %t.computed_modalities -
func.func @computed_modalities(%modality: tensor<8xi32>, %d: tensor<8xi32>, %x: tensor<8x1xf32>, %live: i32 {motley.field = #motley.field<live>}) -> tensor<8x1xf32> {
  %h = motley.hash %d {buckets = 2 : i64, seed = 3 : i64} : tensor<8xi32>
  %y = motley.by_modality %h : tensor<8xi32> -> (tensor<8x1xf32>) {
    %l = motley.linear @two(%x) : (tensor<8x1xf32>) -> tensor<8x1xf32>
    motley.yield %l : tensor<8x1xf32>
  } case [@text], {
    %l = motley.linear @three(%x) : (tensor<8x1xf32>) -> tensor<8x1xf32>
    motley.yield %l : tensor<8x1xf32>
  } case [@image]
  return %y : tensor<8x1xf32>
}
