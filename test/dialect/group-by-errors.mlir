// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that the table has a slot for each row.
func.func @group_by_c1(%m: tensor<4xi32>, %live: i32) {
  // expected-error @below {{'motley.group_by' op groups 4 rows into a table of bound 5}}
  %g = motley.group_by %m live %live : (tensor<4xi32>, i32) -> !motley.groups<2, 5>
  return
}

// -----

// Tests that without ids there is one group.
func.func @group_by_c1_ids(%live: i32) {
  // expected-error @below {{'motley.group_by' op without ids makes one group, got 2}}
  %g = motley.group_by live %live : (i32) -> !motley.groups<2, 4>
  return
}
