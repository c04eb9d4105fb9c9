// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a field has one integer per row.
// expected-error @below {{'func.func' op argument 0 is the field token and has type 'tensor<4xf32>', expected a static tensor<Rxi32>}}
func.func private @field_type(tensor<4xf32> {motley.field = #motley.field<token>})

// -----

// Tests that weights are f32.
// expected-error @below {{'func.func' op argument 0 is the field weight and has type 'tensor<4xi32>', expected a static tensor<Rxf32>}}
func.func private @weight_type(tensor<4xi32> {motley.field = #motley.field<weight>})

// -----

// Tests that the number of live rows is a scalar.
// expected-error @below {{'func.func' op argument 0 is the field live and has type 'tensor<1xi32>', expected i32}}
func.func private @live_type(tensor<1xi32> {motley.field = #motley.field<live>})

// -----

// Tests that R is static.
// expected-error @below {{'func.func' op argument 0 is the field token and has type 'tensor<?xi32>', expected a static tensor<Rxi32>}}
func.func private @dynamic_rows(tensor<?xi32> {motley.field = #motley.field<token>})

// -----

// Tests that a field is not a string.
// expected-error @below {{'func.func' op argument 0: motley.field must be a #motley.field}}
func.func private @field_string(tensor<4xi32> {motley.field = "token"})

// -----

// Tests that a misspelt attribute is not taken for absent.
// expected-error @below {{'func.func' op argument 0 carries unknown 'motley.feild'}}
func.func private @argument_unknown(tensor<4xi32> {motley.feild = #motley.field<token>})

// -----

// expected-error @below {{'func.func' op result 0 carries unknown 'motley.los'; a loss is named by motley.loss = "name"}}
func.func private @result_unknown() -> (tensor<4xf32> {motley.los = "ce"})

// -----

// Tests that an operation carries none of them.
// expected-error @below {{'func.func' op carries 'motley.field', which belongs on an argument}}
func.func private @on_operation() attributes {motley.field = #motley.field<token>}

// -----

// Tests that a field must exist.
// expected-error @below {{expected ::mlir::motley::Field to be one of: token, target, weight, modality, document, span, order, position, index, live}}
// expected-error @below {{failed to parse FieldAttr parameter 'value' which is to be a `::mlir::motley::Field`}}
func.func private @field_unknown(tensor<4xi32> {motley.field = #motley.field<tokens>})
