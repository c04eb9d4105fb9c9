// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that heads divide the width.
func.func @grouped_attention_c1(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention' op needs key heads that divide heads, and heads that divide the width, got 3, 3 and 8}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 3 : i64, kv_heads = 3 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that key heads divide heads.
func.func @grouped_attention_c1_kv(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention' op needs key heads that divide heads, and heads that divide the width, got 8, 4 and 8}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 4 : i64, kv_heads = 8 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that no heads are no division by zero.
func.func @grouped_attention_c1_zero(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention' op needs key heads that divide heads, and heads that divide the width, got 0, 4 and 8}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 4 : i64, kv_heads = 0 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that keys have the width of the key heads.
func.func @grouped_attention_c1_key(%q: tensor<4x8xf32>, %k: tensor<4x6xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention' op key has type 'tensor<4x6xf32>', expected 'tensor<4x8xf32>'}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x6xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that a mask by span has spans.
func.func @grouped_attention_c2(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention' op with mask span needs the spans of the rows}}
  %a, %l = motley.grouped_attention span %q, %k, %v over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that fields have one entry per row.
func.func @grouped_attention_c2_order(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>, %o: tensor<3xi32>) {
  // expected-error @below {{'motley.grouped_attention' op has a field of 3 rows, the query has 4}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d order %o {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>, tensor<3xi32>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that spans have one entry per row.
func.func @grouped_attention_c2_span(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>, %o: tensor<3xi32>) {
  // expected-error @below {{'motley.grouped_attention' op has a field of 3 rows, the query has 4}}
  %a, %l = motley.grouped_attention span %q, %k, %v over %d span %o {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>, tensor<3xi32>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that the scale is a number.
func.func @grouped_attention_c2_scale(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention' op needs a finite scale, got INF}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 0x7FF0000000000000 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that rows are as many as slots.
func.func @grouped_attention_c2_bound(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 5>) {
  // expected-error @below {{'motley.grouped_attention' op has 4 rows, its groups have the bound 5}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 5>) -> (tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that there is one log-sum-exp per head.
func.func @grouped_attention_c2_lse(%q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention' op log_sum_exp has type 'tensor<4x1xf32>', expected 'tensor<4x4xf32>'}}
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x1xf32>)
  return
}

// -----

// Tests that the cotangent of the query has its type.
func.func @grouped_attention_backward_c1(%dy: tensor<4x8xf32>, %q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %y: tensor<4x8xf32>, %l: tensor<4x4xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention_backward' op cotangent of the query has type 'tensor<4x4xf32>', expected 'tensor<4x8xf32>'}}
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %y, %l over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x4xf32>, !motley.groups<4, 4>) -> (tensor<4x4xf32>, tensor<4x8xf32>, tensor<4x8xf32>)
  return
}

// -----

// Tests that the cotangent of the key has its type.
func.func @grouped_attention_backward_c1_key(%dy: tensor<4x8xf32>, %q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %y: tensor<4x8xf32>, %l: tensor<4x4xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention_backward' op cotangent of the key has type 'tensor<4x4xf32>', expected 'tensor<4x8xf32>'}}
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %y, %l over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x4xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x4xf32>, tensor<4x8xf32>)
  return
}

// -----

// Tests that the cotangent of the value has its type.
func.func @grouped_attention_backward_c1_value(%dy: tensor<4x8xf32>, %q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %y: tensor<4x8xf32>, %l: tensor<4x4xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention_backward' op cotangent of the value has type 'tensor<4x4xf32>', expected 'tensor<4x8xf32>'}}
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %y, %l over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x4xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x4xf32>)
  return
}

// -----

// Tests that the cotangent has the type of the query.
func.func @grouped_attention_backward_c1_cotangent(%dy: tensor<4x4xf32>, %q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %y: tensor<4x8xf32>, %l: tensor<4x4xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention_backward' op cotangent has type 'tensor<4x4xf32>', expected 'tensor<4x8xf32>'}}
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %y, %l over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x4xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x4xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>)
  return
}

// -----

// Tests that the output has the type of the query.
func.func @grouped_attention_backward_c1_output(%dy: tensor<4x8xf32>, %q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %y: tensor<4x4xf32>, %l: tensor<4x4xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention_backward' op output has type 'tensor<4x4xf32>', expected 'tensor<4x8xf32>'}}
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %y, %l over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>)
  return
}

// -----

// Tests that there is one log-sum-exp per head.
func.func @grouped_attention_backward_c1_lse(%dy: tensor<4x8xf32>, %q: tensor<4x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %y: tensor<4x8xf32>, %l: tensor<4x2xf32>, %d: !motley.groups<4, 4>) {
  // expected-error @below {{'motley.grouped_attention_backward' op log_sum_exp has type 'tensor<4x2xf32>', expected 'tensor<4x4xf32>'}}
  %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %y, %l over %d {heads = 4 : i64, kv_heads = 4 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x2xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>)
  return
}
