// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a cotangent has the type of its loss.
func.func @backward_c1(%ce: tensor<4xf32>, %d: tensor<5xf32>, %add: i1) {
  // expected-error @below {{'motley.backward' op has a loss of type 'tensor<4xf32>' and its cotangent of type 'tensor<5xf32>'}}
  motley.backward (%ce) cotangents (%d) add %add : (tensor<4xf32>), (tensor<5xf32>)
  return
}

// -----

// Tests that there is a loss.
func.func @backward_c1_empty(%add: i1) {
  // expected-error @below {{'motley.backward' op needs at least one loss}}
  "motley.backward"(%add) : (i1) -> ()
  return
}

// -----

// Tests that losses and cotangents are as many.
func.func @backward_count(%ce: tensor<4xf32>, %d: tensor<4xf32>, %add: i1) {
  // expected-error @below {{'motley.backward' op operand #2 must be 1-bit signless integer, but got 'tensor<4xf32>'}}
  "motley.backward"(%ce, %d, %ce, %add) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, i1) -> ()
  return
}
