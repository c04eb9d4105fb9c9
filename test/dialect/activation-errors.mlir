// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that an activation keeps the type.
func.func @types(%x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.silu' op all non-scalar operands/results must have the same shape and base type}}
  %y = "motley.silu"(%x) : (tensor<4x8xf32>) -> tensor<8x4xf32>
  return
}

// -----

// Tests that integers have no slope.
func.func @integers(%x: tensor<4x8xi32>) {
  // expected-error @below {{'motley.gelu_slope' op operand #0 must be f32 or a tensor of f32 with static, positive sizes, but got 'tensor<4x8xi32>'}}
  %y = motley.gelu_slope %x : tensor<4x8xi32>
  return
}

// -----

// Tests that a tensor is ranked and static.
func.func @unranked(%x: tensor<*xf32>) {
  // expected-error @below {{'motley.relu' op operand #0 must be f32 or a tensor of f32 with static, positive sizes, but got 'tensor<*xf32>'}}
  %y = motley.relu %x : tensor<*xf32>
  return
}
