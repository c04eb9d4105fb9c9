// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a body is of an expert.
func.func @experts_c1(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.experts' op has 2 bodies for 1 columns of chosen}}
  %y = motley.experts %c (%x) : (tensor<4x1xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a : tensor<6x8xf32>
  }, {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that there is a body.
func.func @experts_c1_none(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.experts' op has 0 bodies for 1 columns of chosen}}
  %y = "motley.experts"(%c, %x) <{operandSegmentSizes = array<i32: 1, 0, 1>}> : (tensor<4x1xi32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that every expert has a gate.
func.func @experts_c1_gates(%c: tensor<4x2xi32>, %p: tensor<4x1xf32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.experts' op gates has the shape 4x1, expected 4x2}}
  %y = motley.experts %c gates %p (%x) : (tensor<4x2xi32>, tensor<4x1xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that all inputs have the same rows.
func.func @experts_c2(%c: tensor<4x2xi32>, %x: tensor<5x8xf32>) {
  // expected-error @below {{'motley.experts' op has an input of 5 rows, chosen has 4}}
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<5x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that a body gets every input.
func.func @experts_c2_arguments(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.experts' op a body has 1 arguments for 2 inputs}}
  %y = motley.experts %c (%x, %x) : (tensor<4x2xi32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that all bodies have the slots of all experts.
func.func @experts_c2_slots(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.experts' op a body has an argument of type 'tensor<3x8xf32>', expected 'tensor<6x8xf32>'}}
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a : tensor<6x8xf32>
  }, {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that a body yields rows of the width of the result.
func.func @experts_c3(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.experts' op a body must yield one 'tensor<6x9xf32>'}}
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x8xf32>) -> tensor<4x9xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that an expert is one graph.
func.func @experts_c3_two(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.experts' op a body must yield one 'tensor<6x8xf32>'}}
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    motley.yield %a, %a : tensor<6x8xf32>, tensor<6x8xf32>
  }
  return
}

// -----

// Tests that rows of an expert don't meet.
func.func @experts_c4(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>) {
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    // expected-error @below {{'motley.attention' op looks beyond the rows of one expert; a body of motley.experts holds row operations}}
    %b = motley.attention full %a, %a, %a {heads = 4 : i64, kv_heads = 4 : i64} : (tensor<6x8xf32>, tensor<6x8xf32>, tensor<6x8xf32>) -> tensor<6x8xf32>
    motley.yield %b : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that a body calls nothing that might look at other rows.
func.func private @f(tensor<6x8xf32>) -> tensor<6x8xf32>
func.func @experts_c4_call(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>) {
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    // expected-error @below {{'func.call' op looks beyond the rows of one expert; a body of motley.experts holds row operations}}
    %b = func.call @f(%a) : (tensor<6x8xf32>) -> tensor<6x8xf32>
    motley.yield %b : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that rows come in through arguments, and that constants need not.
func.func @experts_c4_outside(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>, %z: tensor<6x8xf32>) {
  %one = arith.constant dense<1.0> : tensor<6x8xf32>
  %y = motley.experts %c (%x) : (tensor<4x2xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6x8xf32>):
    %b = arith.addf %a, %one : tensor<6x8xf32>
    // expected-error @below {{'arith.addf' op reads rows from outside of 'motley.experts'; pass them as an input and use the argument of the body}}
    %d = arith.addf %b, %z : tensor<6x8xf32>
    motley.yield %d : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that a row is selected or not.
func.func @select_rows_c1(%c: tensor<4x2xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.select_rows' op needs chosen of one column, got 2}}
  %y = motley.select_rows %c (%x) otherwise %x : (tensor<4x2xi32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that the other rows have the width of the result.
func.func @select_rows_c1_otherwise(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>, %z: tensor<4x9xf32>) {
  // expected-error @below {{'motley.select_rows' op gives 'tensor<4x8xf32>' from `otherwise` of type 'tensor<4x9xf32>' over 4 rows}}
  %y = motley.select_rows %c (%x) otherwise %z : (tensor<4x1xi32>, tensor<4x8xf32>, tensor<4x9xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

func.func @select_rows_c2(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>, %d: tensor<3xi32>) {
  // expected-error @below {{'motley.select_rows' op has an input of 3 rows, chosen has 4}}
  %y = motley.select_rows %c (%x, %d) otherwise %x : (tensor<4x1xi32>, tensor<4x8xf32>, tensor<3xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>, %e: tensor<3xi32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

func.func @select_rows_c2_slots(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>, %d: tensor<4xi32>) {
  // expected-error @below {{'motley.select_rows' op the body has an argument of type 'tensor<4xi32>', expected 'tensor<3xi32>'}}
  %y = motley.select_rows %c (%x, %d) otherwise %x : (tensor<4x1xi32>, tensor<4x8xf32>, tensor<4xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>, %e: tensor<4xi32>):
    motley.yield %a : tensor<3x8xf32>
  }
  return
}

// -----

func.func @select_rows_c3(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>) {
  // expected-error @below {{'motley.select_rows' op the body must yield one 'tensor<3x8xf32>'}}
  %y = motley.select_rows %c (%x) otherwise %x : (tensor<4x1xi32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    %s = motley.row_sum %a : tensor<3x8xf32> -> tensor<3xf32>
    motley.yield %s : tensor<3xf32>
  }
  return
}

// -----

// Tests that selections don't nest.
func.func @select_rows_c4(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>) {
  %y = motley.select_rows %c (%x, %c) otherwise %x : (tensor<4x1xi32>, tensor<4x8xf32>, tensor<4x1xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>, %d: tensor<3x1xi32>):
    // expected-error @below {{'motley.select_rows' op cannot stand in motley.select_rows}}
    %z = motley.select_rows %d (%a) otherwise %a : (tensor<3x1xi32>, tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32> {
    ^bb0(%b: tensor<2x8xf32>):
      motley.yield %b : tensor<2x8xf32>
    }
    motley.yield %z : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that a field of the rows is an input too.
func.func @select_rows_c4_outside(%c: tensor<4x1xi32>, %x: tensor<4x8xf32>, %p: tensor<3xi32>) {
  %y = motley.select_rows %c (%x) otherwise %x : (tensor<4x1xi32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3x8xf32>):
    // expected-error @below {{'motley.rope' op reads rows from outside of 'motley.select_rows'; pass them as an input and use the argument of the body}}
    %z = motley.rope %a at %p {heads = 1 : i64, theta = 100.0 : f64} : tensor<3x8xf32>, tensor<3xi32>
    motley.yield %z : tensor<3x8xf32>
  }
  return
}

// -----

// Tests that an expert looks up no tokens.
motley.variable @table : tensor<10x8xf32> init constant 0.0
func.func @experts_c4_embedding(%c: tensor<4x2xi32>, %t: tensor<4xi32>) {
  %y = motley.experts %c (%t) : (tensor<4x2xi32>, tensor<4xi32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<6xi32>):
    // expected-error @below {{'motley.embedding' op cannot stand in motley.experts; look the tokens up before it and pass the rows in}}
    %e = motley.embedding @table(%a) : (tensor<6xi32>) -> tensor<6x8xf32>
    motley.yield %e : tensor<6x8xf32>
  }
  return
}

// -----

// Tests that no tokens are looked up for the rows of a selection.
motley.variable @table : tensor<10x8xf32> init constant 0.0
func.func @select_rows_c4_embedding(%c: tensor<4x1xi32>, %t: tensor<4xi32>, %x: tensor<4x8xf32>) {
  %y = motley.select_rows %c (%t) otherwise %x : (tensor<4x1xi32>, tensor<4xi32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<3xi32>):
    // expected-error @below {{'motley.embedding' op cannot stand in motley.select_rows; look the tokens up before it and pass the rows in}}
    %e = motley.embedding @table(%a) : (tensor<3xi32>) -> tensor<3x8xf32>
    motley.yield %e : tensor<3x8xf32>
  }
  return
}
