// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that there is one head.
motley.variable @one : tensor<100x8xf32> init normal 0.02
motley.variable @two : tensor<100x8xf32> init normal 0.02
motley.bank @bank [[@one], [@two]]
func.func @grouped_cross_entropy_c1(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.grouped_cross_entropy' op needs a bank with one member and one range, @bank has 2 and 1}}
  %ce, %z = motley.grouped_cross_entropy @bank(%x) by %g targets %t {z_loss = 0.0 : f64} : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that the input has the rows of the head as columns.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_c1_width(%x: tensor<4x9xf32>, %g: !motley.groups<2, 4>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.grouped_cross_entropy' op input has type 'tensor<4x9xf32>', expected 'tensor<4x8xf32>'}}
  %ce, %z = motley.grouped_cross_entropy @bank(%x) by %g targets %t {z_loss = 0.0 : f64} : (tensor<4x9xf32>, !motley.groups<2, 4>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that rows are as many as slots.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_c1_bound(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.grouped_cross_entropy' op has 5 rows, its groups have the bound 4}}
  %ce, %z = motley.grouped_cross_entropy @bank(%x) by %g targets %t {z_loss = 0.0 : f64} : (tensor<5x8xf32>, !motley.groups<2, 4>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that every row has a target.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_c1_target(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<3xi32>) {
  // expected-error @below {{'motley.grouped_cross_entropy' op has 4 rows, but a target or result has 3}}
  %ce, %z = motley.grouped_cross_entropy @bank(%x) by %g targets %t {z_loss = 0.0 : f64} : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<3xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that every row has a loss.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_c1_result(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.grouped_cross_entropy' op has 4 rows, but a target or result has 3}}
  %ce, %z = motley.grouped_cross_entropy @bank(%x) by %g targets %t {z_loss = 0.0 : f64} : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<4xi32>) -> (tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

// Tests that the weight of the z loss is a number.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_c1_z(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<4xi32>) {
  // expected-error @below {{'motley.grouped_cross_entropy' op needs a finite z_loss that is not negative, got nan}}
  %ce, %z = motley.grouped_cross_entropy @bank(%x) by %g targets %t {z_loss = 0x7FF8000000000000 : f64} : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// Tests that every row has a cotangent.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_backward_c1(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<4xi32>, %d: tensor<3xf32>, %add: i1) {
  // expected-error @below {{'motley.grouped_cross_entropy_backward' op has 4 rows, but a cotangent has 3}}
  %ce, %z, %dx = motley.grouped_cross_entropy_backward @bank(%x) by %g targets %t cotangents %d, %d add %add {z_loss = 0.0 : f64} : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<4xi32>, tensor<3xf32>, tensor<3xf32>, i1) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x8xf32>)
  return
}

// -----

// Tests that the cotangent of the input has its type.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_backward_c1_input(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<4xi32>, %d: tensor<4xf32>, %add: i1) {
  // expected-error @below {{'motley.grouped_cross_entropy_backward' op gives a cotangent of type 'tensor<4x9xf32>' for an input of type 'tensor<4x8xf32>'}}
  %ce, %z, %dx = motley.grouped_cross_entropy_backward @bank(%x) by %g targets %t cotangents %d, %d add %add {z_loss = 0.0 : f64} : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<4xi32>, tensor<4xf32>, tensor<4xf32>, i1) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x9xf32>)
  return
}

// -----

// Tests that every row has a target.
motley.variable @head : tensor<8x100xf32> init normal 0.02
motley.bank @bank [[@head]]
func.func @grouped_cross_entropy_backward_c1_target(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %t: tensor<3xi32>, %d: tensor<4xf32>, %add: i1) {
  // expected-error @below {{'motley.grouped_cross_entropy_backward' op has 4 rows, but a target or result has 3}}
  %ce, %z, %dx = motley.grouped_cross_entropy_backward @bank(%x) by %g targets %t cotangents %d, %d add %add {z_loss = 0.0 : f64} : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<3xi32>, tensor<4xf32>, tensor<4xf32>, i1) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x8xf32>)
  return
}
