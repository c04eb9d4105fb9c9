// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that inputs have one type.
func.func @map_c1(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{'motley.map' op has inputs of types 'tensor<4x8xf32>' and 'tensor<4x9xf32>'}}
  %y = motley.map (%a, %b) : (tensor<4x8xf32>, tensor<4x9xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32, %t: f32):
    motley.yield %s : f32
  }
  return
}

// -----

// Tests that results have the type of the inputs.
func.func @map_c1_result(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{'motley.map' op gives 'tensor<4x9xf32>' from 'tensor<4x8xf32>'}}
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x9xf32> {
  ^bb0(%s: f32):
    motley.yield %s : f32
  }
  return
}

// -----

// Tests that there is an input.
func.func @map_c1_none(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{'motley.map' op needs an input and a result, got 0 and 1}}
  %y = motley.map () : () -> tensor<4x8xf32> {
  ^bb0:
    %c = arith.constant 0.0 : f32
    motley.yield %c : f32
  }
  return
}

// -----

// Tests that there is a result.
func.func @map_c1_no_result(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{'motley.map' op needs an input and a result, got 1 and 0}}
  "motley.map"(%a) ({
  ^bb0(%s: f32):
    motley.yield %s : f32
  }) : (tensor<4x8xf32>) -> ()
  return
}

// -----

// Tests that the region has an argument per input.
func.func @map_c1_arguments(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{'motley.map' op has a region of 2 arguments, expected 1}}
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32, %t: f32):
    motley.yield %s : f32
  }
  return
}

// -----

// Tests that the region yields a value per result.
func.func @map_c1_yield(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{'motley.map' op has 1 results, its region must yield as many}}
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32):
    motley.yield %s, %s : f32, f32
  }
  return
}

// -----

// Tests that a map yields numbers, not tensors.
func.func @map_c1_type(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{'motley.map' op has a region on 'tensor<4x8xf32>', expected f32}}
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32):
    %c = arith.constant dense<0.0> : tensor<4x8xf32>
    motley.yield %c : tensor<4x8xf32>
  }
  return
}

// -----

// Tests that a block without operations is an error, not a crash.
func.func @map_empty(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  // expected-error @below {{empty block: expect at least a terminator}}
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32):
  }
  return
}

// -----

// Tests that a map is applied to each element.
func.func @map_c2(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32):
    // expected-error @below {{'tensor.from_elements' op is not elementwise, so it cannot stand in a region that is applied to each element}}
    %t = tensor.from_elements %s : tensor<1xf32>
    motley.yield %s : f32
  }
  return
}

// -----

// Tests that a map sees nothing outside.
func.func @map_c2_capture(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32):
    // expected-error @below {{'arith.addf' op reads a value from outside a region that sees only its arguments}}
    %t = arith.addf %s, %o : f32
    motley.yield %t : f32
  }
  return
}

// -----

// Tests that what is yielded comes from inside.
func.func @map_c2_yield(%a: tensor<4x8xf32>, %b: tensor<4x9xf32>, %o: f32) {
  %y = motley.map (%a) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%s: f32):
    // expected-error @below {{'motley.yield' op reads a value from outside a region that sees only its arguments}}
    motley.yield %o : f32
  }
  return
}
