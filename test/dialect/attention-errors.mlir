// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that heads divide the width.
func.func @attention_c1(%q: tensor<4x8xf32>) {
  // expected-error @below {{'motley.attention' op has 3 heads, which do not divide the width 8 of the query}}
  %a = motley.attention causal %q, %q, %q {heads = 3 : i64, kv_heads = 1 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that key heads divide heads.
func.func @attention_c1_kv(%q: tensor<4x8xf32>) {
  // expected-error @below {{'motley.attention' op has 3 key heads, which do not divide 4 heads}}
  %a = motley.attention causal %q, %q, %q {heads = 4 : i64, kv_heads = 3 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that there is a key head.
func.func @attention_c1_zero(%q: tensor<4x8xf32>) {
  // expected-error @below {{'motley.attention' op has 0 key heads, which do not divide 4 heads}}
  %a = motley.attention causal %q, %q, %q {heads = 4 : i64, kv_heads = 0 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that keys have the width of the key heads.
func.func @attention_c1_key(%q: tensor<4x8xf32>) {
  // expected-error @below {{'motley.attention' op key has type 'tensor<4x8xf32>', expected 'tensor<4x4xf32>'}}
  %a = motley.attention causal %q, %q, %q {heads = 4 : i64, kv_heads = 2 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that values have the rows of the query.
func.func @attention_c1_value(%q: tensor<4x8xf32>, %v: tensor<5x8xf32>) {
  // expected-error @below {{'motley.attention' op value has type 'tensor<5x8xf32>', expected 'tensor<4x8xf32>'}}
  %a = motley.attention causal %q, %q, %v {heads = 4 : i64, kv_heads = 4 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<5x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that a mask by span has spans.
func.func @attention_c2(%q: tensor<4x8xf32>) {
  // expected-error @below {{'motley.attention' op with mask span needs the spans of the rows}}
  %a = motley.attention span %q, %q, %q {heads = 4 : i64, kv_heads = 4 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that fields have one entry per row.
func.func @attention_c2_rows(%q: tensor<4x8xf32>, %d: tensor<5xi32>) {
  // expected-error @below {{'motley.attention' op has a field of 5 rows, the query has 4}}
  %a = motley.attention causal %q, %q, %q documents %d {heads = 4 : i64, kv_heads = 4 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<5xi32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that the scale is a number.
func.func @attention_c2_scale(%q: tensor<4x8xf32>) {
  // expected-error @below {{'motley.attention' op needs a finite scale, got nan}}
  %a = motley.attention causal %q, %q, %q {heads = 4 : i64, kv_heads = 4 : i64, scale = 0x7FF8000000000000 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that a mask must exist.
func.func @mask(%q: tensor<4x8xf32>) {
  // expected-error @below {{custom op 'motley.attention' expected ::mlir::motley::Mask to be one of: causal, span, full}}
  // expected-error @below {{custom op 'motley.attention' failed to parse MaskAttr parameter 'value' which is to be a `::mlir::motley::Mask`}}
  %a = motley.attention window %q, %q, %q {heads = 4 : i64, kv_heads = 4 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}
