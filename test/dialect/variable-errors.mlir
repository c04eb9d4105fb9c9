// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a variable has a rank of 1 or 2.
// expected-error @below {{'motley.variable' op has type 'tensor<f32>', expected a static f32 tensor of rank 1 or 2 with positive sizes and at most 2^40 elements}}
motley.variable @variable_c1 : tensor<f32> init constant 0.0

// -----

// expected-error @below {{'motley.variable' op has type 'tensor<2x3x4xf32>', expected a static f32 tensor of rank 1 or 2 with positive sizes and at most 2^40 elements}}
motley.variable @variable_c1_rank : tensor<2x3x4xf32> init constant 0.0

// -----

// Tests that sizes are static.
// expected-error @below {{'motley.variable' op has type 'tensor<?x8xf32>', expected a static f32 tensor of rank 1 or 2 with positive sizes and at most 2^40 elements}}
motley.variable @variable_c1_dynamic : tensor<?x8xf32> init constant 0.0

// -----

// Tests that sizes are positive.
// expected-error @below {{'motley.variable' op has type 'tensor<0xf32>', expected a static f32 tensor of rank 1 or 2 with positive sizes and at most 2^40 elements}}
motley.variable @variable_c1_empty : tensor<0xf32> init constant 0.0

// -----

// Tests that only f32 is trained.
// expected-error @below {{'motley.variable' op has type 'tensor<8xbf16>', expected a static f32 tensor of rank 1 or 2 with positive sizes and at most 2^40 elements}}
motley.variable @variable_c1_element : tensor<8xbf16> init constant 0.0

// -----

// Tests that sizes are multiplied without overflow.
// expected-error @below {{'motley.variable' op has type 'tensor<4294967296x4294967296xf32>', expected a static f32 tensor of rank 1 or 2 with positive sizes and at most 2^40 elements}}
motley.variable @variable_c1_large : tensor<4294967296x4294967296xf32> init constant 0.0

// -----

// Tests that what looks like a tensor but isn't ranked is refused.
// expected-error @below {{'motley.variable' op attribute 'type' failed to satisfy constraint: type attribute of ranked tensor of any type values}}
motley.variable @variable_unranked : tensor<*xf32> init constant 0.0

// -----

// Tests that a spread is not negative.
// expected-error @below {{'motley.variable' op needs a finite scale that is not negative, got -1.000000e+00}}
motley.variable @variable_c2 : tensor<8xf32> init normal -1.0

// -----

// Tests that a constant is finite, though it may be negative.
motley.variable @negative : tensor<8xf32> init constant -1.0
// expected-error @below {{'motley.variable' op needs a finite scale, got INF}}
motley.variable @variable_c2_infinite : tensor<8xf32> init constant 0x7FF0000000000000

// -----

// expected-error @below {{'motley.variable' op needs a finite scale that is not negative, got nan}}
motley.variable @variable_c2_nan : tensor<8xf32> init uniform 0x7FF8000000000000

// -----

// Tests that an unknown start is named.
// expected-error @below {{custom op 'motley.variable' expected ::mlir::motley::Init to be one of: constant, normal, uniform}}
// expected-error @below {{custom op 'motley.variable' failed to parse InitAttr parameter 'value' which is to be a `::mlir::motley::Init`}}
motley.variable @variable_init : tensor<8xf32> init zeros 0.0

// -----

// Tests that a rate is not negative.
// expected-error @below {{'motley.variable' op needs a finite rate that is not negative, got -1.000000e+00}}
motley.variable @variable_c3 : tensor<8xf32> init constant 0.0 rate -1.0

// -----

// Tests that decay is a number.
// expected-error @below {{'motley.variable' op needs a finite decay that is not negative, got nan}}
motley.variable @variable_c3_decay : tensor<8xf32> init constant 0.0 rate 0.0 decay 0x7FF8000000000000
