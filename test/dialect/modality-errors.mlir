// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a range of ids must not be empty.
// expected-error @below {{'motley.modality' op needs 0 <= begin < end < 2^31, got ids 5 to 5}}
motley.modality @modality_c1 ids 5 to 5

// -----

// Tests that ids are not negative.
// expected-error @below {{'motley.modality' op needs 0 <= begin < end < 2^31, got ids -1 to 5}}
motley.modality @modality_c1_negative ids -1 to 5

// -----

// Tests that an end below zero is not taken for a large one.
// expected-error @below {{'motley.modality' op needs 0 <= begin < end < 2^31, got ids 0 to -5}}
motley.modality @modality_c1_end ids 0 to -5

// -----

// Tests that ids fit in i32.
// expected-error @below {{'motley.modality' op needs 0 <= begin < end < 2^31, got ids 0 to 2147483648}}
motley.modality @modality_c1_large ids 0 to 2147483648

// -----

// Tests that ranges may touch but not overlap.
motley.modality @text ids 0 to 10
// expected-note @below {{ids 10 to 20 declared here}}
motley.modality @image ids 10 to 20
// expected-error @below {{'motley.modality' op ids 19 to 30 overlap those of @image}}
motley.modality @modality_c2 ids 19 to 30

// -----

// Tests that a modality without ids is an error of its own, whatever stands before it.
motley.modality @text ids 0 to 10
// expected-error @below {{'motley.modality' op requires attribute 'begin'}}
"motley.modality"() {sym_name = "image"} : () -> ()

// -----

// Tests that a modality stands in a module.
func.func @inside() {
  // expected-error @below {{'motley.modality' op expects parent op 'builtin.module'}}
  motley.modality @text ids 0 to 10
  return
}
