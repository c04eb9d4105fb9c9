// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that there is one table.
motley.variable @one : tensor<100x8xf32> init normal 0.02
motley.variable @two : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@one], [@two]]
func.func @grouped_embedding_c1(%t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_embedding' op needs a bank with one member and one range, @bank has 2 and 1}}
  %y = motley.grouped_embedding @bank(%t) by %g : (tensor<4xi32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that the bank exists.
func.func @grouped_embedding_c1_bank(%t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_embedding' op names @bank, which is not a motley.bank}}
  %y = motley.grouped_embedding @bank(%t) by %g : (tensor<4xi32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that the result has the width of the table.
motley.variable @table : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@table]]
func.func @grouped_embedding_c1_width(%t: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_embedding' op result has type 'tensor<4x9xf32>', expected 'tensor<4x8xf32>'}}
  %y = motley.grouped_embedding @bank(%t) by %g : (tensor<4xi32>, !motley.groups<2, 4>) -> tensor<4x9xf32>
  return
}

// -----

// Tests that rows are as many as slots.
motley.variable @table : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@table]]
func.func @grouped_embedding_c1_bound(%t: tensor<5xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_embedding' op has 5 rows, its groups have the bound 4}}
  %y = motley.grouped_embedding @bank(%t) by %g : (tensor<5xi32>, !motley.groups<2, 4>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that there is a group per row of the table.
motley.variable @table : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@table]]
func.func @grouped_embedding_backward_c1(%x: tensor<4x8xf32>, %g: !motley.groups<99, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_embedding_backward' op has 99 groups for a table of 100 rows}}
  motley.grouped_embedding_backward %x into @bank by %g add %add : tensor<4x8xf32>, !motley.groups<99, 4>
  return
}

// -----

// Tests that there is one table.
motley.variable @one : tensor<100x8xf32> init normal 0.02
motley.variable @two : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@one], [@two]]
func.func @grouped_embedding_backward_c1_bank(%x: tensor<4x8xf32>, %g: !motley.groups<100, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_embedding_backward' op needs a bank with one member and one range, @bank has 2 and 1}}
  motley.grouped_embedding_backward %x into @bank by %g add %add : tensor<4x8xf32>, !motley.groups<100, 4>
  return
}

// -----

// Tests that the cotangent has the width of the table.
motley.variable @table : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@table]]
func.func @grouped_embedding_backward_c1_width(%x: tensor<4x9xf32>, %g: !motley.groups<100, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_embedding_backward' op cotangent has type 'tensor<4x9xf32>', expected 'tensor<4x8xf32>'}}
  motley.grouped_embedding_backward %x into @bank by %g add %add : tensor<4x9xf32>, !motley.groups<100, 4>
  return
}

// -----

// Tests that rows are as many as slots.
motley.variable @table : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@table]]
func.func @grouped_embedding_backward_c1_bound(%x: tensor<5x8xf32>, %g: !motley.groups<100, 4>, %add: i1) {
  // expected-error @below {{'motley.grouped_embedding_backward' op has 5 rows, its groups have the bound 4}}
  motley.grouped_embedding_backward %x into @bank by %g add %add : tensor<5x8xf32>, !motley.groups<100, 4>
  return
}
