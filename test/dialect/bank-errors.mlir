// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that a bank has a member.
// expected-error @below {{'motley.bank' op needs at least one member}}
motley.bank @bank_c1 []

// -----

// Tests that a member lists variables.
// expected-error @below {{'motley.bank' op member 0 must list at least one variable}}
motley.bank @bank_c1_entry [@a]

// -----

// expected-error @below {{'motley.bank' op member 0 must list at least one variable}}
motley.bank @bank_c1_empty [[]]

// -----

// Tests that members have the same number of ranges.
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8x8xf32> init normal 0.02
motley.variable @c : tensor<8x8xf32> init normal 0.02
// expected-error @below {{'motley.bank' op member 1 has 1 ranges, member 0 has 2}}
motley.bank @bank_c1_ranges [[@a, @b], [@c]]

// -----

// Tests that entries are symbols.
// expected-error @below {{'motley.bank' op member 0, range 0 must name a motley.variable, got 3 : i64}}
motley.bank @bank_c2 [[3]]

// -----

// Tests that entries name variables that are there.
// expected-error @below {{'motley.bank' op member 0, range 0 must name a motley.variable, got @nowhere}}
motley.bank @bank_c2_missing [[@nowhere]]

// -----

// Tests that the name of another operation is not taken for a variable.
func.func private @f()
// expected-error @below {{'motley.bank' op member 0, range 0 must name a motley.variable, got @f}}
motley.bank @bank_c2_function [[@f]]

// -----

// Tests that the members of a range have one type.
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
// expected-error @below {{'motley.bank' op range 0 holds @b of type 'tensor<8x16xf32>' beside @a of type 'tensor<8x8xf32>'}}
motley.bank @bank_c3 [[@a], [@b]]

// -----

// Tests that the ranges of a member have the same rows.
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<16x8xf32> init normal 0.02
// expected-error @below {{'motley.bank' op member 0 holds @b of type 'tensor<16x8xf32>', whose rows differ from those of @a of type 'tensor<8x8xf32>'}}
motley.bank @bank_c3_rows [[@a, @b]]

// -----

// Tests that vectors and matrices don't mix.
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8xf32> init normal 0.02
// expected-error @below {{'motley.bank' op member 0 holds @b of type 'tensor<8xf32>', whose rows differ from those of @a of type 'tensor<8x8xf32>'}}
motley.bank @bank_c3_rank [[@a, @b]]

// -----

// Tests that a variable stands once in a bank.
motley.variable @a : tensor<8x8xf32> init normal 0.02
// expected-error @below {{'motley.bank' op holds @a twice}}
motley.bank @bank_c4 [[@a], [@a]]

// -----

// Tests that a variable lives in one bank.
motley.variable @a : tensor<8x8xf32> init normal 0.02
// expected-note @below {{the other bank}}
motley.bank @other [[@a]]
// expected-error @below {{'motley.bank' op holds @a, which @other holds too}}
motley.bank @bank_c4_two [[@a]]

// -----

// Tests that vectors have no layout.
motley.variable @a : tensor<8xf32> init normal 0.02
// expected-error @below {{'motley.bank' op has a layout, but holds vectors of type 'tensor<8xf32>'}}
motley.bank @bank_c5 [[@a]] layout panels

// -----

// Tests that an operation above a broken bank leaves the error to the bank.
func.func @use(%x: tensor<4x8xf32>, %g: !motley.groups<1, 4>) {
  %y = motley.grouped_bias %x, @broken map [0] by %g : tensor<4x8xf32>, !motley.groups<1, 4>
  return
}
// expected-error @below {{'motley.bank' op member 0, range 0 must name a motley.variable, got @nowhere}}
motley.bank @broken [[@nowhere]]

// -----

// Tests the same for a bank that isn't even a list of lists.
func.func @use(%x: tensor<4x8xf32>, %g: !motley.groups<1, 4>) {
  %y = motley.grouped_bias %x, @broken map [0] by %g : tensor<4x8xf32>, !motley.groups<1, 4>
  return
}
// expected-error @below {{'motley.bank' op member 0 must list at least one variable}}
motley.bank @broken ["text"]
