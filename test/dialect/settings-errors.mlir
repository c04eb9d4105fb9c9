// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that settings and the digest belong on a module and are text, settings a JSON object.
// expected-error @below {{'builtin.module' op carries 'motley.settings', which belongs on a module and is a string that holds a JSON object}}
module attributes {motley.settings = "warmup 3"} {
}

// -----

// expected-error @below {{'builtin.module' op carries 'motley.settings', which belongs on a module and is a string that holds a JSON object}}
module attributes {motley.settings = "[3]"} {
}

// -----

// expected-error @below {{'builtin.module' op carries 'motley.digest', which belongs on a module and is a string}}
module attributes {motley.digest = 3 : i64} {
}

// -----

// expected-error @below {{'func.func' op carries 'motley.settings', which belongs on a module}}
func.func private @f() attributes {motley.settings = "{}"}
