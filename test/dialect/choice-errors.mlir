// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a row takes an expert, and no more than there are.
func.func @choose_experts_c1(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_experts' op takes 0 of 3 experts}}
  %c = motley.choose_experts %s {k = 0 : i64} : (tensor<4x3xf32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_experts_c1_many(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_experts' op takes 4 of 3 experts}}
  %c = motley.choose_experts %s {k = 4 : i64} : (tensor<4x3xf32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_experts_c1_negative(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_experts' op takes -1 of 3 experts}}
  %c = motley.choose_experts %s {k = -1 : i64} : (tensor<4x3xf32>) -> tensor<4x3xi32>
  return
}

// -----

// Tests that every expert is allowed or not.
func.func @choose_experts_c1_allowed(%s: tensor<4x3xf32>, %a: tensor<4x2xi32>) {
  // expected-error @below {{'motley.choose_experts' op allowed has the shape 4x2, expected 4x3}}
  %c = motley.choose_experts %s allowed %a {k = 1 : i64} : (tensor<4x3xf32>, tensor<4x2xi32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_experts_c1_result(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_experts' op result has the shape 3x4, expected 4x3}}
  %c = motley.choose_experts %s {k = 1 : i64} : (tensor<4x3xf32>) -> tensor<3x4xi32>
  return
}

// -----

// Tests that a threshold can be exceeded.
func.func @choose_above_c1(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_above' op needs a finite threshold, got INF}}
  %c = motley.choose_above %s {threshold = 0x7FF0000000000000 : f64} : (tensor<4x3xf32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_above_c1_result(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_above' op result has the shape 4x2, expected 4x3}}
  %c = motley.choose_above %s {threshold = 0.0 : f64} : (tensor<4x3xf32>) -> tensor<4x2xi32>
  return
}

// -----

// Tests that p is a probability, and that something is asked for.
func.func @choose_top_p_c1(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_top_p' op has p 0.000000e+00, expected more than 0 and at most 1}}
  %c = motley.choose_top_p %s {p = 0.0 : f64} : (tensor<4x3xf32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_top_p_c1_above(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_top_p' op has p 1.500000e+00, expected more than 0 and at most 1}}
  %c = motley.choose_top_p %s {p = 1.5 : f64} : (tensor<4x3xf32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_top_p_c1_result(%s: tensor<4x3xf32>) {
  // expected-error @below {{'motley.choose_top_p' op result has the shape 5x3, expected 4x3}}
  %c = motley.choose_top_p %s {p = 0.5 : f64} : (tensor<4x3xf32>) -> tensor<5x3xi32>
  return
}

// -----

// Tests that a capacity is a share of the rows, not a number of them.
func.func @choose_tokens_c1(%s: tensor<4x3xf32>, %i: tensor<4xi32>) {
  // expected-error @below {{'motley.choose_tokens' op has capacity 2.000000e+00, expected more than 0 and at most 1: a share of the rows}}
  %c = motley.choose_tokens %s index %i {capacity = 2.0 : f64} : (tensor<4x3xf32>, tensor<4xi32>) -> tensor<4x3xi32>
  return
}

// -----

// Tests that NaN is no capacity.
func.func @choose_tokens_c1_nan(%s: tensor<4x3xf32>, %i: tensor<4xi32>) {
  // expected-error @below {{'motley.choose_tokens' op has capacity nan, expected more than 0 and at most 1: a share of the rows}}
  %c = motley.choose_tokens %s index %i {capacity = 0x7FF8000000000000 : f64} : (tensor<4x3xf32>, tensor<4xi32>) -> tensor<4x3xi32>
  return
}

// -----

// Tests that every row has a place among equals.
func.func @choose_tokens_c1_index(%s: tensor<4x3xf32>, %i: tensor<3xi32>) {
  // expected-error @below {{'motley.choose_tokens' op index has 3 rows, expected 4}}
  %c = motley.choose_tokens %s index %i {capacity = 0.5 : f64} : (tensor<4x3xf32>, tensor<3xi32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_tokens_c1_documents(%s: tensor<4x3xf32>, %i: tensor<4xi32>, %d: tensor<3xi32>) {
  // expected-error @below {{'motley.choose_tokens' op documents has 3 rows, expected 4}}
  %c = motley.choose_tokens %s index %i documents %d {capacity = 0.5 : f64} : (tensor<4x3xf32>, tensor<4xi32>, tensor<3xi32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_tokens_c1_result(%s: tensor<4x3xf32>, %i: tensor<4xi32>) {
  // expected-error @below {{'motley.choose_tokens' op result has the shape 4x1, expected 4x3}}
  %c = motley.choose_tokens %s index %i {capacity = 0.5 : f64} : (tensor<4x3xf32>, tensor<4xi32>) -> tensor<4x1xi32>
  return
}

// -----

func.func @choose_tokens_c2(%s: tensor<4x3xf32>, %i: tensor<4xi32>, %g: !motley.groups<2, 5>) {
  // expected-error @below {{'motley.choose_tokens' op has 4 rows, its groups have the bound 5}}
  %c = motley.choose_tokens %s index %i by %g map [0, -1] {capacity = 0.5 : f64} : (tensor<4x3xf32>, tensor<4xi32>, !motley.groups<2, 5>) -> tensor<4x3xi32>
  return
}

// -----

func.func @choose_tokens_c2_map(%s: tensor<4x3xf32>, %i: tensor<4xi32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.choose_tokens' op maps 3 groups, the table has 2}}
  %c = motley.choose_tokens %s index %i by %g map [0, -1, 0] {capacity = 0.5 : f64} : (tensor<4x3xf32>, tensor<4xi32>, !motley.groups<2, 4>) -> tensor<4x3xi32>
  return
}

// -----

func.func @limit_capacity_c1(%c: tensor<4x3xi32>, %s: tensor<4x3xf32>, %i: tensor<4xi32>) {
  // expected-error @below {{'motley.limit_capacity' op has capacity 0.000000e+00, expected more than 0 and at most 1: a share of the rows}}
  %d = motley.limit_capacity position %c scores %s index %i {capacity = 0.0 : f64} : (tensor<4x3xi32>, tensor<4x3xf32>, tensor<4xi32>) -> tensor<4x3xi32>
  return
}

// -----

// Tests that every choice has a score.
func.func @limit_capacity_c1_scores(%c: tensor<4x3xi32>, %s: tensor<4x2xf32>, %i: tensor<4xi32>) {
  // expected-error @below {{'motley.limit_capacity' op scores has the shape 4x2, expected 4x3}}
  %d = motley.limit_capacity priority %c scores %s index %i {capacity = 0.5 : f64} : (tensor<4x3xi32>, tensor<4x2xf32>, tensor<4xi32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @limit_capacity_c1_index(%c: tensor<4x3xi32>, %s: tensor<4x3xf32>, %i: tensor<5xi32>) {
  // expected-error @below {{'motley.limit_capacity' op index has 5 rows, expected 4}}
  %d = motley.limit_capacity reroute %c scores %s index %i {capacity = 0.5 : f64} : (tensor<4x3xi32>, tensor<4x3xf32>, tensor<5xi32>) -> tensor<4x3xi32>
  return
}

// -----

func.func @limit_capacity_c1_result(%c: tensor<4x3xi32>, %s: tensor<4x3xf32>, %i: tensor<4xi32>) {
  // expected-error @below {{'motley.limit_capacity' op result has the shape 4x4, expected 4x3}}
  %d = motley.limit_capacity reroute %c scores %s index %i {capacity = 0.5 : f64} : (tensor<4x3xi32>, tensor<4x3xf32>, tensor<4xi32>) -> tensor<4x4xi32>
  return
}

// -----

func.func @limit_capacity_c2(%c: tensor<4x3xi32>, %s: tensor<4x3xf32>, %i: tensor<4xi32>, %d: !motley.groups<3, 3>) {
  // expected-error @below {{'motley.limit_capacity' op has 4 rows, its groups have the bound 3}}
  %e = motley.limit_capacity position %c scores %s index %i over %d {capacity = 0.5 : f64} : (tensor<4x3xi32>, tensor<4x3xf32>, tensor<4xi32>, !motley.groups<3, 3>) -> tensor<4x3xi32>
  return
}
