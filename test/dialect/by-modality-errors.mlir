// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that every modality has a case.
motley.modality @text ids 0 to 10
// expected-note @below {{modality declared here}}
motley.modality @image ids 10 to 20
func.func @by_modality_c1(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  // expected-error @below {{'motley.by_modality' op has no case for @image}}
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    motley.yield %x : tensor<4x8xf32>
  } case [@text]
  return
}

// -----

// Tests that a modality has one case.
motley.modality @text ids 0 to 10
func.func @by_modality_c1_twice(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  // expected-error @below {{'motley.by_modality' op has two cases for @text}}
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    motley.yield %x : tensor<4x8xf32>
  } case [@text], {
    motley.yield %x : tensor<4x8xf32>
  } case [@text]
  return
}

// -----

// Tests that a misspelt modality is answered with those that exist.
motley.modality @text ids 0 to 10
motley.modality @image ids 10 to 20
func.func @by_modality_c1_unknown(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  // expected-error @below {{'motley.by_modality' op has a case for @txt, which is not a modality of this module; it declares @text @image}}
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    motley.yield %x : tensor<4x8xf32>
  } case [@txt, @image]
  return
}

// -----

// Tests that a case names a modality.
motley.modality @text ids 0 to 10
func.func @by_modality_c1_empty(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  // expected-error @below {{'motley.by_modality' op has a case that names no modality}}
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    motley.yield %x : tensor<4x8xf32>
  } case []
  return
}

// -----

// Tests that every row has a modality.
motley.modality @text ids 0 to 10
func.func @by_modality_c1_rows(%x: tensor<4x8xf32>, %m: tensor<5xi32>) {
  // expected-error @below {{'motley.by_modality' op has 5 modalities for 4 rows}}
  %y = motley.by_modality %m : tensor<5xi32> -> (tensor<4x8xf32>) {
    motley.yield %x : tensor<4x8xf32>
  } case [@text]
  return
}

// -----

// Tests that a case yields the types of the results.
motley.modality @text ids 0 to 10
func.func @by_modality_c2(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x9xf32>) {
    // expected-error @below {{'motley.yield' op yields other types than the results of by_modality}}
    motley.yield %x : tensor<4x8xf32>
  } case [@text]
  return
}

// -----

// Tests that there is a result.
motley.modality @text ids 0 to 10
func.func @by_modality_c2_none(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  // expected-error @below {{'motley.by_modality' op needs at least one result}}
  "motley.by_modality"(%m) <{cases = [[@text]]}> ({
    motley.yield %x : tensor<4x8xf32>
  }) : (tensor<4xi32>) -> ()
  return
}

// -----

// Tests that attention stands outside.
motley.modality @text ids 0 to 10
func.func @by_modality_c3(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    // expected-error @below {{'motley.attention' op mixes rows, so it cannot stand in a case of by_modality; move it outside}}
    %a = motley.attention causal %x, %x, %x {heads = 4 : i64, kv_heads = 4 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    motley.yield %a : tensor<4x8xf32>
  } case [@text]
  return
}

// -----

// Tests that a case has a region, and a region a case.
func.func @cases(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  // expected-error @below {{'motley.by_modality' op has 0 cases and 1 regions}}
  %y = "motley.by_modality"(%m) <{cases = []}> ({
    motley.yield %x : tensor<4x8xf32>
  }) : (tensor<4xi32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that a region is not empty.
func.func @empty(%m: tensor<4xi32>) {
  // expected-error @below {{'motley.by_modality' op region #0 ('bodies') failed to verify constraint: region with 1 blocks}}
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
  } case [@text]
  return
}

// -----

// Tests that cases are not given as an attribute.
func.func @attribute(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  // expected-error @below {{custom op 'motley.by_modality' attribute 'cases' occurs more than once in the attribute list}}
  %y = motley.by_modality %m {cases = []} : tensor<4xi32> -> (tensor<4x8xf32>) {
    motley.yield %x : tensor<4x8xf32>
  } case [@text]
  return
}

// -----

// Tests that cases don't nest.
motley.modality @text ids 0 to 10
func.func @by_modality_c3_nested(%x: tensor<4x8xf32>, %m: tensor<4xi32>) {
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    // expected-error @below {{'motley.by_modality' op mixes rows, so it cannot stand in a case of by_modality; move it outside}}
    %z = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
      motley.yield %x : tensor<4x8xf32>
    } case [@text]
    motley.yield %z : tensor<4x8xf32>
  } case [@text]
  return
}

// -----

// Tests that a case looks up no tokens: its table may be as long as its own modality is.
motley.modality @text ids 0 to 10
motley.variable @table : tensor<10x8xf32> init constant 0.0
func.func @by_modality_c3_embedding(%t: tensor<4xi32>, %m: tensor<4xi32>) {
  %y = motley.by_modality %m : tensor<4xi32> -> (tensor<4x8xf32>) {
    // expected-error @below {{'motley.embedding' op cannot stand in motley.by_modality; look the tokens up before it and pass the rows in}}
    %e = motley.embedding @table(%t) : (tensor<4xi32>) -> tensor<4x8xf32>
    motley.yield %e : tensor<4x8xf32>
  } case [@text]
  return
}
