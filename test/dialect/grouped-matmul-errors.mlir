// RUN: motley-opt %s -split-input-file -verify-diagnostics

// Tests that the bank exists.
func.func @grouped_matmul_c1(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op names @nowhere, which is not a motley.bank}}
  %y = motley.grouped_matmul @nowhere ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that a bank of vectors is not multiplied.
motley.variable @v : tensor<16xf32> init constant 1.0
motley.bank @vectors [[@v]]
func.func @grouped_matmul_c1_rank(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op needs a bank of rank 2, @vectors holds 'tensor<16xf32>'}}
  %y = motley.grouped_matmul @vectors ranges [0] map [0, 0] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that a range exists.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c1_range(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op names range 2, expected distinct ranges below 2}}
  %y = motley.grouped_matmul @bank ranges [2] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that a range is used once.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c1_twice(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op names range 0, expected distinct ranges below 2}}
  %y:2 = motley.grouped_matmul @bank ranges [0, 0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> (tensor<4x16xf32>, tensor<4x16xf32>)
  return
}

// -----

// Tests that a range is named.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c1_empty(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op names no column range}}
  motley.grouped_matmul @bank ranges [] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> ()
  return
}

// -----

// Tests that a member exists.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c1_member(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op maps a group to member 2 of a bank with 2}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 2] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that -1 is the only negative member.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c1_negative(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op maps a group to member -2 of a bank with 2}}
  %y = motley.grouped_matmul @bank ranges [0] map [-2, 0] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that every group has a member.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c1_map(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op maps 1 groups, the table has 2}}
  %y = motley.grouped_matmul @bank ranges [0] map [0] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that forward reads one input.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c2(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has 2 inputs, expected 1}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x, %x) by %g : (tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that an input is named.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c2_none(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has 0 inputs, expected 1}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] () by %g : (!motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that the input has the rows of the matrices as columns.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c2_width(%x: tensor<4x9xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op input has type 'tensor<4x9xf32>', expected 'tensor<4x8xf32>'}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x9xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that rows are as many as slots.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c2_bound(%x: tensor<5x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op input has type 'tensor<5x8xf32>', expected 'tensor<4x8xf32>'}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<5x8xf32>, !motley.groups<2, 4>) -> tensor<5x16xf32>
  return
}

// -----

// Tests that transposed reads an input per range.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c2_transposed(%x: tensor<4x16xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has 1 inputs, expected 2}}
  %y = motley.grouped_matmul transposed @bank ranges [0, 1] map [0, 1] (%x) by %g : (tensor<4x16xf32>, !motley.groups<2, 4>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that forward gives a result per range.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c3(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has 1 results, expected 2}}
  %y = motley.grouped_matmul @bank ranges [0, 1] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that a result has the columns of its range.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c3_width(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op result has type 'tensor<4x16xf32>', expected 'tensor<4x24xf32>'}}
  %y = motley.grouped_matmul @bank ranges [1] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that extra operands are for an epilogue.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c3_extra(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %e: tensor<4x16xf32>) {
  // expected-error @below {{'motley.grouped_matmul' op has extra operands but no epilogue}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g extra (%e) : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that ranges under an epilogue have one width.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c4(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has an epilogue over ranges of 16 and 24 columns}}
  %y = motley.grouped_matmul @bank ranges [0, 1] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32, %t: f32):
    %u = arith.mulf %s, %t : f32
    motley.yield %u : f32
  }
  return
}

// -----

// Tests that extra operands have the shape of the accumulators.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c4_extra(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op extra operand has type 'tensor<4x8xf32>', expected 'tensor<4x16xf32>'}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g extra (%x) : (tensor<4x8xf32>, !motley.groups<2, 4>, tensor<4x8xf32>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32, %t: f32):
    %u = arith.mulf %s, %t : f32
    motley.yield %u : f32
  }
  return
}

// -----

// Tests that the region has an argument per accumulator.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c4_arguments(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has a region of 2 arguments, expected 1}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32, %t: f32):
    motley.yield %s : f32
  }
  return
}

// -----

// Tests that the region yields a value per result.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c4_yield(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has 1 results, its region must yield as many}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32):
    motley.yield %s, %s : f32, f32
  }
  return
}

// -----

// Tests that the region computes on f32.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c4_type(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op has a region on 'f64', expected f32}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f64):
    %t = arith.truncf %s : f64 to f32
    motley.yield %t : f32
  }
  return
}

// -----

// Tests that a block without operations is an error, not a crash.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @empty_block(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{empty block: expect at least a terminator}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32):
  }
  return
}

// -----

// Tests that an epilogue is one block.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @two_blocks(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op region #0 ('epilogue') failed to verify constraint: region with at most 1 blocks}}
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32):
    motley.yield %s : f32
  ^bb1:
    motley.yield %s : f32
  }
  return
}

// -----

// Tests that an epilogue is applied to each element.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func private @f(f32) -> f32
func.func @grouped_matmul_c5(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>) {
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32):
    // expected-error @below {{'func.call' op is not elementwise, so it cannot stand in a region that is applied to each element}}
    %t = func.call @f(%s) : (f32) -> f32
    motley.yield %t : f32
  }
  return
}

// -----

// Tests that an epilogue sees nothing outside.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.variable @b : tensor<8x16xf32> init normal 0.02
motley.variable @c : tensor<8x24xf32> init normal 0.02
motley.variable @d : tensor<8x24xf32> init normal 0.02
motley.bank @bank [[@a, @c], [@b, @d]]
func.func @grouped_matmul_c5_capture(%x: tensor<4x8xf32>, %g: !motley.groups<2, 4>, %o: f32) {
  %y = motley.grouped_matmul @bank ranges [0] map [0, 1] (%x) by %g : (tensor<4x8xf32>, !motley.groups<2, 4>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32):
    // expected-error @below {{'arith.mulf' op reads a value from outside a region that sees only its arguments}}
    %t = arith.mulf %s, %o : f32
    motley.yield %t : f32
  }
  return
}

// -----

// Tests that gathered inputs have the rows that slots are taken from.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.bank @bank [[@a]]
func.func @grouped_matmul_c2_gathered(%x: tensor<4x8xf32>, %g: !motley.groups<1, 4 of 6>) {
  // expected-error @below {{'motley.grouped_matmul' op input has type 'tensor<4x8xf32>', expected 'tensor<6x8xf32>'}}
  %y = motley.grouped_matmul @bank ranges [0] map [0] (%x) gathered by %g : (tensor<4x8xf32>, !motley.groups<1, 4 of 6>) -> tensor<4x16xf32>
  return
}

// -----

// Tests that a result of sums has one for every 32 columns, rounded up.
motley.variable @a : tensor<8x40xf32> init normal 0.02
motley.bank @bank [[@a]]
func.func @grouped_matmul_c4_sums(%x: tensor<4x8xf32>, %g: !motley.groups<1, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op result has type 'tensor<4x1xf32>', expected 'tensor<4x40xf32>'}}
  %y = motley.grouped_matmul @bank ranges [0] map [0] (%x) by %g : (tensor<4x8xf32>, !motley.groups<1, 4>) -> tensor<4x1xf32> epilogue {
  ^bb0(%s: f32):
    motley.yield %s : f32
  }
  return
}

// -----

// Tests that an extra of one value for each row has the rows of the table.
motley.variable @a : tensor<8x16xf32> init normal 0.02
motley.bank @bank [[@a]]
func.func @grouped_matmul_c4_rows(%x: tensor<4x8xf32>, %w: tensor<5xf32>, %g: !motley.groups<1, 4>) {
  // expected-error @below {{'motley.grouped_matmul' op extra operand has type 'tensor<5xf32>', expected 'tensor<4x16xf32>'}}
  %y = motley.grouped_matmul @bank ranges [0] map [0] (%x) by %g extra (%w) : (tensor<4x8xf32>, !motley.groups<1, 4>, tensor<5xf32>) -> tensor<4x16xf32> epilogue {
  ^bb0(%s: f32, %t: f32):
    motley.yield %s : f32
  }
  return
}
