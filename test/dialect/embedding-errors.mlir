// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that the table exists.
func.func @embedding_c1(%token: tensor<4xi32>) {
  // expected-error @below {{'motley.embedding' op table @nowhere is not a motley.variable of this module}}
  %x = motley.embedding @nowhere(%token) : (tensor<4xi32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that a table has rank 2.
// expected-note @below {{declared here}}
motley.variable @table : tensor<8xf32> init normal 0.02
func.func @embedding_c1_rank(%token: tensor<4xi32>) {
  // expected-error @below {{'motley.embedding' op table @table has type 'tensor<8xf32>', expected rank 2}}
  %x = motley.embedding @table(%token) : (tensor<4xi32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that the result has the width of the table.
motley.variable @table : tensor<100x8xf32> init normal 0.02
func.func @embedding_c2(%token: tensor<4xi32>) {
  // expected-error @below {{'motley.embedding' op gives 'tensor<4x9xf32>', expected 4 rows of 8}}
  %x = motley.embedding @table(%token) : (tensor<4xi32>) -> tensor<4x9xf32>
  return
}

// -----

// Tests that the result has the rows of the tokens.
motley.variable @table : tensor<100x8xf32> init normal 0.02
func.func @embedding_c2_rows(%token: tensor<4xi32>) {
  // expected-error @below {{'motley.embedding' op gives 'tensor<5x8xf32>', expected 4 rows of 8}}
  %x = motley.embedding @table(%token) : (tensor<4xi32>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that row tensors are static.
motley.variable @table : tensor<100x8xf32> init normal 0.02
func.func @dynamic_rows(%token: tensor<?xi32>) {
  // expected-error @below {{'motley.embedding' op operand #0 must be tensor<Rxi32> with static, positive sizes, but got 'tensor<?xi32>'}}
  %x = motley.embedding @table(%token) : (tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

// Tests that there is a row.
motley.variable @table : tensor<100x8xf32> init normal 0.02
func.func @no_rows(%token: tensor<0xi32>) {
  // expected-error @below {{'motley.embedding' op operand #0 must be tensor<Rxi32> with static, positive sizes, but got 'tensor<0xi32>'}}
  %x = motley.embedding @table(%token) : (tensor<0xi32>) -> tensor<0x8xf32>
  return
}
