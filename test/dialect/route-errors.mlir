// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a sum stands for each row.
func.func @row_sum_c1(%x: tensor<4x3xf32>) {
  // expected-error @below {{'motley.row_sum' op result has 5 rows, expected 4}}
  %y = motley.row_sum %x : tensor<4x3xf32> -> tensor<5xf32>
  return
}

// -----

func.func @row_broadcast_c1(%x: tensor<4xf32>) {
  // expected-error @below {{'motley.row_broadcast' op result has 5 rows, expected 4}}
  %y = motley.row_broadcast %x : tensor<4xf32> -> tensor<5x3xf32>
  return
}

// -----

// Tests that every score is chosen or not.
func.func @softmax_c1(%x: tensor<4x3xf32>, %c: tensor<4x2xi32>) {
  // expected-error @below {{'motley.softmax' op chosen has the shape 4x2, expected 4x3}}
  %y = motley.softmax %x chosen %c : tensor<4x3xf32>, tensor<4x2xi32>
  return
}

// -----

func.func @log_sum_exp_c1(%x: tensor<4x3xf32>) {
  // expected-error @below {{'motley.log_sum_exp' op result has 3 rows, expected 4}}
  %y = motley.log_sum_exp %x : tensor<4x3xf32> -> tensor<3xf32>
  return
}

// -----

// Tests that every row has a document.
func.func @mean_rows_c1(%x: tensor<4x3xf32>, %d: tensor<5xi32>) {
  // expected-error @below {{'motley.mean_rows' op documents has 5 rows, expected 4}}
  %y = motley.mean_rows %x documents %d : (tensor<4x3xf32>, tensor<5xi32>) -> tensor<4x3xf32>
  return
}

// -----

// Tests that every group is in the scope or not.
func.func @mean_rows_c1_map(%x: tensor<4x3xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.mean_rows' op maps 1 groups, the table has 2}}
  %y = motley.mean_rows %x by %g map [0] : (tensor<4x3xf32>, !motley.groups<2, 4>) -> tensor<4x3xf32>
  return
}

// -----

// Tests that a map needs groups.
func.func @mean_rows_c1_alone(%x: tensor<4x3xf32>) {
  // expected-error @below {{'motley.mean_rows' op needs `by` and `map` together}}
  %y = "motley.mean_rows"(%x) <{map = array<i64: 0>, operandSegmentSizes = array<i32: 1, 0, 0, 0>}> : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

// Tests that scopes are of these rows.
func.func @mean_rows_c1_over(%x: tensor<4x3xf32>, %d: !motley.groups<5, 5>) {
  // expected-error @below {{'motley.mean_rows' op has 4 rows, its groups have the bound 5}}
  %y = motley.mean_rows %x over %d : (tensor<4x3xf32>, !motley.groups<5, 5>) -> tensor<4x3xf32>
  return
}

// -----

// Tests that noise that is drawn knows the step.
func.func @noise_c1(%i: tensor<4xi32>, %seed: i64) {
  // expected-error @below {{'motley.noise' op needs seed and step together}}
  %n = motley.noise gumbel at %i seed %seed {site = 0 : i64} : (tensor<4xi32>, i64) -> tensor<4x3xf32>
  return
}

// -----

// Tests that a site fits in a counter.
func.func @noise_c1_site(%i: tensor<4xi32>) {
  // expected-error @below {{'motley.noise' op has site 4294967296, expected 0 to 2^32 - 1}}
  %n = motley.noise normal at %i {site = 4294967296 : i64} : (tensor<4xi32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @noise_c1_negative(%i: tensor<4xi32>) {
  // expected-error @below {{'motley.noise' op has site -1, expected 0 to 2^32 - 1}}
  %n = motley.noise normal at %i {site = -1 : i64} : (tensor<4xi32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @noise_c1_rows(%i: tensor<4xi32>) {
  // expected-error @below {{'motley.noise' op result has 5 rows, expected 4}}
  %n = motley.noise uniform at %i {site = 0 : i64} : (tensor<4xi32>) -> tensor<5x3xf32>
  return
}

// -----

func.func @one_hot_c1(%i: tensor<4xi32>) {
  // expected-error @below {{'motley.one_hot' op result has 5 rows, expected 4}}
  %c = motley.one_hot %i : (tensor<4xi32>) -> tensor<5x3xi32>
  return
}

// -----

// Tests that there is a bucket.
func.func @hash_c1(%i: tensor<4xi32>) {
  // expected-error @below {{'motley.hash' op has 0 buckets, expected 1 to 2147483647}}
  %b = motley.hash %i {buckets = 0 : i64, seed = 0 : i64} : tensor<4xi32>
  return
}

// -----

// Tests that a seed fits in a word.
func.func @hash_c1_seed(%i: tensor<4xi32>) {
  // expected-error @below {{'motley.hash' op has seed -1, expected 0 to 2^32 - 1}}
  %b = motley.hash %i {buckets = 2 : i64, seed = -1 : i64} : tensor<4xi32>
  return
}

// -----

// Tests that what is observed has a name.
func.func @observe_c1(%c: tensor<4x3xi32>) {
  // expected-error @below {{'motley.observe' op needs a name}}
  motley.observe "" %c : tensor<4x3xi32>
  return
}
