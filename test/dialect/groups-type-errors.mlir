// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a table has a group.
// expected-error @below {{expected 1 to 2147483647 groups, got 0}}
func.func private @no_group(!motley.groups<0, 4>)

// -----

// Tests that a table has a slot.
// expected-error @below {{expected a bound of 1 to 2147483647 slots, got 0}}
func.func private @no_slot(!motley.groups<2, 0>)

// -----

// Tests that slots fit in i32.
// expected-error @below {{expected a bound of 1 to 2147483647 slots, got 2147483648}}
func.func private @many_slots(!motley.groups<2, 2147483648>)

// -----

// expected-error @below {{expected 1 to 2147483647 groups, got 2147483648}}
func.func private @many_groups(!motley.groups<2147483648, 4>)

// -----

// Tests that a selection takes from rows.
// expected-error @below {{expected 1 to 2147483647 rows to select from, got -1}}
func.func private @no_row(!motley.groups<2, 4 of -1>)

// -----

// expected-error @below {{expected 1 to 2147483647 rows to select from, got 2147483648}}
func.func private @many_rows(!motley.groups<2, 4 of 2147483648>)

// -----

// Tests that a number that doesn't fit in 64 bits is an error.
// expected-error @below {{integer value too large}}
// expected-error @below {{failed to parse GroupsType parameter 'bound' which is to be a `int64_t`}}
func.func private @huge(!motley.groups<2, 99999999999999999999999>)
