// RUN: motley-opt %s --motley-lower-to-plan --split-input-file --verify-diagnostics

func.func @unknown(%x: tensor<64x32xf32>) -> tensor<2048xf32> {
  // expected-error @below {{has no kernel; the plan knows grouped operations, elementwise operations on f32 and constants}}
  %y = tensor.collapse_shape %x [[0, 1]] : tensor<64x32xf32> into tensor<2048xf32>
  return %y : tensor<2048xf32>
}

// -----

func.func @integers(%x: tensor<64xi32>) -> tensor<64xi32> {
  // expected-error @below {{has no kernel on these types; compute on static tensors of f32, or inside motley.map}}
  %y = arith.addi %x, %x : tensor<64xi32>
  return %y : tensor<64xi32>
}

// -----

func.func @constant() -> tensor<2xf32> {
  // expected-error @below {{has no place in a plan; expected a scalar, or a tensor of one f32}}
  %y = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

motley.variable @w : tensor<32x32xf32> init normal 2.0e-02
motley.bank @bank.w [[@w]]
func.func @no_layout(%x: tensor<64x32xf32>, %live: i32) -> tensor<64x32xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  // expected-error @below {{bank @bank.w has no layout; run motley-assign-layouts first}}
  // expected-error @below {{has no choice of kernel; run motley-choose-kernels first}}
  %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<64x32xf32>, !motley.groups<1, 64>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// -----

// expected-error @below {{argument 0 has type 'tensor<?x32xf32>', expected a static tensor or a scalar i1, i32, i64, f32}}
func.func @dynamic(%x: tensor<?x32xf32>) {
  return
}

// -----

func.func @returns_integers(%x: tensor<64xi32>) -> tensor<64xi32> {
  // expected-error @below {{returns operand 0 of type 'tensor<64xi32>', which no operation here computes}}
  return %x : tensor<64xi32>
}

// -----

func.func @twice_reindexed(%a: tensor<64xi32>, %b: tensor<64xi32>, %live: i32) {
  %g = motley.group_by %a live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  %h = motley.group_by %b live %live : (tensor<64xi32>, i32) -> !motley.groups<4, 64>
  %r = motley.reindex %h into %g : (!motley.groups<4, 64>, !motley.groups<2, 64>) -> !motley.groups<4, 64>
  // expected-error @below {{renumbers by a table that is reindexed itself}}
  %s = motley.reindex %g into %r : (!motley.groups<2, 64>, !motley.groups<4, 64>) -> !motley.groups<2, 64>
  return
}

// -----

func.func @reports_twice(%c: tensor<64x4xi32>, %live: i32) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  motley.count_chosen "ffn" %c by %g map [0] : tensor<64x4xi32>, !motley.groups<1, 64>
  // expected-error @below {{reports "ffn" twice; give each report a name of its own}}
  motley.count_chosen "ffn" %c by %g map [0] : tensor<64x4xi32>, !motley.groups<1, 64>
  return
}

// -----

func.func @no_scope(%s: tensor<64x4xf32>, %i: tensor<64xi32>) -> tensor<64x4xi32> {
  // expected-error @below {{does not say by a table which rows it means; run motley-group-modalities first}}
  %c = motley.choose_tokens %s index %i {capacity = 2.500000e-01 : f64} : (tensor<64x4xf32>, tensor<64xi32>) -> tensor<64x4xi32>
  return %c : tensor<64x4xi32>
}

// -----

func.func @converts(%a: tensor<64xi64>) -> tensor<64xf32> {
  // expected-error @below {{converts 'tensor<64xi64>' to 'tensor<64xf32>', expected a static tensor of i32 to one of f32}}
  %f = arith.sitofp %a : tensor<64xi64> to tensor<64xf32>
  return %f : tensor<64xf32>
}
