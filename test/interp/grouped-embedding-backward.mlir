// RUN: motley-interp %s --function zeroed --print grad --set 'grad @table = dense<100.0> : tensor<3x2xf32>' | FileCheck %s --check-prefix=ZEROED
// RUN: motley-interp %s --function added --print grad --set 'grad @table = dense<100.0> : tensor<3x2xf32>' | FileCheck %s --check-prefix=ADDED

motley.variable @table : tensor<3x2xf32> init constant 0.0
motley.bank @bank [[@table]]

// Tests that rows of one token are summed, that a token without rows gets zeros, and that the dead row is not read. Rows stand
// in the order of modalities: rows 1, 3 and then 0, 2 of the input.
// ZEROED: grad @table = dense<{{\[}}[34, 38], [0, 0], [5, 6]]> : tensor<3x2xf32>
func.func @zeroed() {
  %add = arith.constant false
  call @backward(%add) : (i1) -> ()
  return
}

// ADDED: grad @table = dense<{{\[}}[134, 138], [100, 100], [105, 106]]> : tensor<3x2xf32>
func.func @added() {
  %add = arith.constant true
  call @backward(%add) : (i1) -> ()
  return
}

func.func @backward(%add: i1) {
  %token = arith.constant dense<[2, 0, 0, 0, 99]> : tensor<5xi32>
  %modality = arith.constant dense<[1, 0, 1, 0, 99]> : tensor<5xi32>
  // In the order of modalities: token 0, token 0, token 2, token 0.
  %dx = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [30.0, 32.0], [1000.0, 1000.0]]> : tensor<5x2xf32>
  %live = arith.constant 4 : i32
  %base = motley.group_by %modality live %live : (tensor<5xi32>, i32) -> !motley.groups<2, 5>
  %byinput = motley.group_by %token live %live : (tensor<5xi32>, i32) -> !motley.groups<3, 5>
  %bytoken = motley.reindex %byinput into %base : (!motley.groups<3, 5>, !motley.groups<2, 5>) -> !motley.groups<3, 5>
  motley.grouped_embedding_backward %dx into @bank by %bytoken add %add : tensor<5x2xf32>, !motley.groups<3, 5>
  return
}
