// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-differentiate))' --split-input-file --verify-diagnostics | FileCheck %s

motley.modality @text ids 0 to 40
motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]
motley.variable @head : tensor<16x40xf32> init normal 0.02
motley.bank @bank.head [[@head]]

// Tests that the forward of the loss goes where its adjoint computes it again, that a product has two adjoints, that uses add up
// in reverse, and that the first write of a gradient takes the function's flag and the second adds.
// CHECK-LABEL: func.func @twice
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[T:[a-z0-9]+]]: tensor<32xi32>, %[[D:[a-z0-9]+]]: tensor<32xf32>, %[[LIVE:[a-z0-9]+]]: i32, %[[ADD:[a-z0-9]+]]: i1
func.func @twice(%x: tensor<32x16xf32>, %t: tensor<32xi32>, %d: tensor<32xf32>, %live: i32, %add: i1) -> tensor<2x1xf64> {
  // CHECK: %[[G:.*]] = motley.group_by
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: %[[A:.*]] = motley.grouped_matmul @bank.w ranges [0] map [0] (%[[X]])
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // CHECK: %[[B:.*]] = motley.grouped_matmul @bank.w ranges [0] map [0] (%[[A]])
  %b = motley.grouped_matmul @bank.w ranges [0] map [0] (%a) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // CHECK: %[[Y:.*]] = arith.addf %[[A]], %[[B]]
  %y = arith.addf %a, %b : tensor<32x16xf32>
  // CHECK-NOT: motley.grouped_cross_entropy @
  %ce, %z = motley.grouped_cross_entropy @bank.head(%y) by %g targets %t {z_loss = 1.0e-5 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  %s = motley.loss_sums(%ce, %z) weights %d targets %t by %g : (tensor<32xf32>, tensor<32xf32>, tensor<32xf32>, tensor<32xi32>, !motley.groups<1, 32>) -> tensor<2x1xf64>
  // CHECK: %[[CE:.*]], %[[Z:.*]], %[[DY:.*]] = motley.grouped_cross_entropy_backward @bank.head(%[[Y]]) {{.*}} cotangents %[[D]], %[[D]] add %[[ADD]]
  motley.backward (%ce, %z) cotangents (%d, %d) add %add : (tensor<32xf32>, tensor<32xf32>), (tensor<32xf32>, tensor<32xf32>)
  // CHECK: motley.grouped_outer %[[A]], (%[[DY]]) into @bank.w ranges [0] map [0] by %[[G]] add %[[ADD]]
  // CHECK: %[[DB:.*]] = motley.grouped_matmul transposed @bank.w ranges [0] map [0] (%[[DY]])
  // CHECK: %[[DA:.*]] = arith.addf %[[DY]], %[[DB]]
  // CHECK: %[[TRUE:.*]] = arith.constant true
  // CHECK: motley.grouped_outer %[[X]], (%[[DA]]) into @bank.w ranges [0] map [0] by %[[G]] add %[[TRUE]]
  // CHECK: motley.loss_sums(%[[CE]], %[[Z]])
  return %s : tensor<2x1xf64>
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests that what has no derivative is an error at its line.
func.func @no_derivative(%x: tensor<32x16xf32>, %c: tensor<32xf32>, %live: i32, %add: i1) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // expected-error @+1 {{'tensor.collapse_shape' has no derivative here, and the loss depends on it}}
  %f = tensor.collapse_shape %a [[0, 1]] : tensor<32x16xf32> into tensor<512xf32>
  %d = arith.constant dense<1.0> : tensor<512xf32>
  motley.backward (%f) cotangents (%d) add %add : (tensor<512xf32>), (tensor<512xf32>)
  return
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests a map: its adjoint is one map that reads its inputs and computes the forward again; what nobody asks for (the gradient of
// an input that depends on no variable) is not computed.
// CHECK-LABEL: func.func @map
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[C:[a-z0-9]+]]: tensor<32x16xf32>
func.func @map(%x: tensor<32x16xf32>, %c: tensor<32x16xf32>, %live: i32, %add: i1) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  // CHECK: %[[A:.*]] = motley.grouped_matmul @bank.w
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // CHECK: %[[SEED:.*]] = motley.row_broadcast
  %y = motley.map (%a, %c) : (tensor<32x16xf32>, tensor<32x16xf32>) -> tensor<32x16xf32> {
  ^bb0(%s: f32, %t: f32):
    %e = math.exp %s : f32
    %m = arith.maximumf %e, %t : f32
    motley.yield %m : f32
  }
  // CHECK-NEXT: %[[DA:.*]] = motley.map(%[[A]], %[[C]], %[[SEED]]) : (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>) -> tensor<32x16xf32> {
  // CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[T:.*]]: f32, %[[DY:.*]]: f32):
  // CHECK-NEXT: %[[E:.*]] = math.exp %[[S]] : f32
  // CHECK-NEXT: %[[P:.*]] = arith.cmpf ogt, %[[E]], %[[T]] : f32
  // CHECK-NEXT: %[[Z:.*]] = arith.constant 0.000000e+00 : f32
  // CHECK-NEXT: %[[DE:.*]] = arith.select %[[P]], %[[DY]], %[[Z]] : f32
  // CHECK-NEXT: %[[DS:.*]] = arith.mulf %[[DE]], %[[E]] : f32
  // CHECK-NEXT: motley.yield %[[DS]] : f32
  // CHECK: motley.grouped_outer %[[X]], (%[[DA]]) into @bank.w
  %s = motley.row_sum %y : tensor<32x16xf32> -> tensor<32xf32>
  %d = arith.constant dense<1.0> : tensor<32xf32>
  motley.backward (%s) cotangents (%d) add %add : (tensor<32xf32>), (tensor<32xf32>)
  return
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests that what has no derivative inside a map is an error at its own line.
func.func @no_derivative_inside(%x: tensor<32x16xf32>, %live: i32, %add: i1) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %y = motley.map (%a) : (tensor<32x16xf32>) -> tensor<32x16xf32> {
  ^bb0(%s: f32):
    // expected-error @+1 {{'math.acosh' has no derivative here, and the loss depends on it}}
    %e = math.acosh %s : f32
    motley.yield %e : f32
  }
  %s = motley.row_sum %y : tensor<32x16xf32> -> tensor<32xf32>
  %d = arith.constant dense<1.0> : tensor<32xf32>
  motley.backward (%s) cotangents (%d) add %add : (tensor<32xf32>), (tensor<32xf32>)
  return
}

// -----

motley.modality @text ids 0 to 40
motley.variable @low : tensor<16x16xf32> init normal 0.02 rate 0.0
motley.bank @bank.low [[@low]]
motley.variable @gain.text : tensor<16xf32> init constant 1.0
motley.variable @gain.image : tensor<16xf32> init constant 1.0
motley.bank @bank.gain [[@gain.text], [@gain.image]]
motley.variable @a.text : tensor<16x16xf32> init normal 0.02
motley.variable @b.text : tensor<16x16xf32> init normal 0.02
motley.variable @a.image : tensor<16x16xf32> init normal 0.02 rate 0.0
motley.variable @b.image : tensor<16x16xf32> init normal 0.02
motley.bank @bank.ab [[@a.text, @b.text], [@a.image, @b.image]]

// Tests freezing: a member gets no gradient where its variable is frozen, so two ranges of different members are two products; a
// frozen layer passes the cotangent on; nothing is differentiated below the lowest variable that trains.
// CHECK-LABEL: func.func @frozen
func.func @frozen(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %d: tensor<32xf32>, %live: i32, %add: i1) attributes {motley.frozen = [@b.text, @gain.text]} {
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %0 = motley.grouped_matmul @bank.low ranges [0] map [0, 0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  // CHECK: %[[A:.*]]:2 = motley.grouped_matmul @bank.ab ranges [0, 1] map [0, 1]
  %a, %b = motley.grouped_matmul @bank.ab ranges [0, 1] map [0, 1] (%0) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> (tensor<32x16xf32>, tensor<32x16xf32>)
  %p = arith.mulf %a, %b : tensor<32x16xf32>
  %y, %s = motley.grouped_norm rms %p, gain @bank.gain map [0, 1] by %g {epsilon = 1.0e-5 : f64} : tensor<32x16xf32>, !motley.groups<2, 32> -> tensor<32x1xf32>
  %l = motley.row_sum %y : tensor<32x16xf32> -> tensor<32xf32>
  motley.backward (%l) cotangents (%d) add %add : (tensor<32xf32>), (tensor<32xf32>)
  // CHECK: motley.grouped_norm_backward
  // CHECK: motley.grouped_outer {{.*}} into @bank.ab ranges [0] map [0, -1]
  // CHECK: motley.grouped_outer {{.*}} into @bank.ab ranges [1] map [-1, 1]
  // CHECK-NOT: motley.grouped_matmul transposed
  // CHECK-NOT: motley.grouped_outer
  // CHECK: return
  return
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02 rate 0.0
motley.bank @bank.w [[@w]]

// Tests that a loss below which nothing trains is refused.
func.func @nothing(%x: tensor<32x16xf32>, %d: tensor<32xf32>, %live: i32, %add: i1) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %l = motley.row_sum %a : tensor<32x16xf32> -> tensor<32xf32>
  // expected-error @+1 {{asks for gradients of losses below which no variable trains: all are frozen}}
  motley.backward (%l) cotangents (%d) add %add : (tensor<32xf32>), (tensor<32xf32>)
  return
}

// -----

motley.modality @text ids 0 to 40
motley.variable @head : tensor<16x40xf32> init normal 0.02
motley.bank @bank.head [[@head]]

// Tests that what computes with a loss moves behind the adjoint that computes the loss.
// CHECK-LABEL: func.func @scaled
// CHECK: %[[DZ:.*]] = motley.scale %{{.*}} by %[[C:arg[0-9]+]]
// CHECK: %{{.*}}, %[[Z:.*]], %{{.*}} = motley.grouped_cross_entropy_backward {{.*}} cotangents %{{.*}}, %[[DZ]]
// CHECK-NEXT: %[[S:.*]] = motley.scale %[[Z]] by %[[C]]
// CHECK: motley.loss_sums(%{{.*}}, %[[S]])
func.func @scaled(%x: tensor<32x16xf32>, %t: tensor<32xi32>, %d: tensor<32xf32>, %live: i32, %add: i1, %c: f32) -> tensor<2x1xf64> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %g targets %t {z_loss = 1.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  %s = motley.scale %z by %c : tensor<32xf32>
  %sums = motley.loss_sums(%ce, %s) weights %d targets %t by %g : (tensor<32xf32>, tensor<32xf32>, tensor<32xf32>, tensor<32xi32>, !motley.groups<1, 32>) -> tensor<2x1xf64>
  motley.backward (%ce, %s) cotangents (%d, %d) add %add : (tensor<32xf32>, tensor<32xf32>), (tensor<32xf32>, tensor<32xf32>)
  return %sums : tensor<2x1xf64>
}

// -----

motley.modality @text ids 0 to 40
motley.variable @head : tensor<16x40xf32> init normal 0.02
motley.bank @bank.head [[@head]]

// Tests that the forward of a loss stays where its cotangent depends on the loss.
// CHECK-LABEL: func.func @squared
// CHECK: %{{.*}}, %[[Z:.*]] = motley.grouped_cross_entropy @
// CHECK: arith.mulf %[[Z]], %[[Z]]
// CHECK: motley.grouped_cross_entropy_backward
func.func @squared(%x: tensor<32x16xf32>, %t: tensor<32xi32>, %d: tensor<32xf32>, %live: i32, %add: i1) -> tensor<1x1xf64> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %g targets %t {z_loss = 1.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  %s = arith.mulf %z, %z : tensor<32xf32>
  %sums = motley.loss_sums(%s) weights %d targets %t by %g : (tensor<32xf32>, tensor<32xf32>, tensor<32xi32>, !motley.groups<1, 32>) -> tensor<1x1xf64>
  motley.backward (%s) cotangents (%d) add %add : (tensor<32xf32>), (tensor<32xf32>)
  return %sums : tensor<1x1xf64>
}

// -----

motley.variable @token : tensor<40x16xf32> init normal 0.02
motley.bank @bank.token [[@token]]
motley.variable @other : tensor<40x16xf32> init normal 0.02
motley.bank @bank.other [[@other]]
motley.variable @short : tensor<8x16xf32> init normal 0.02
motley.bank @bank.short [[@short]]

// Tests that tables of one vocabulary share the rows by token, and that one of another size gets its own.
// CHECK-LABEL: func.func @embeddings
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<32xi32>
func.func @embeddings(%t: tensor<32xi32>, %d: tensor<32xf32>, %live: i32, %add: i1) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %a = motley.grouped_embedding @bank.token(%t) by %g : (tensor<32xi32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %b = motley.grouped_embedding @bank.other(%t) by %g : (tensor<32xi32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %c = motley.grouped_embedding @bank.short(%t) by %g : (tensor<32xi32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %p = arith.mulf %a, %b : tensor<32x16xf32>
  %q = arith.mulf %p, %c : tensor<32x16xf32>
  %s = motley.row_sum %q : tensor<32x16xf32> -> tensor<32xf32>
  // CHECK: %[[SHORT:.*]] = motley.group_by %[[T]] live {{.*}} -> !motley.groups<8, 32>
  // CHECK: motley.grouped_embedding_backward {{.*}} into @bank.short by %[[SHORT]]
  // CHECK: %[[WHOLE:.*]] = motley.group_by %[[T]] live {{.*}} -> !motley.groups<40, 32>
  // CHECK: motley.grouped_embedding_backward {{.*}} into @bank.other by %[[WHOLE]]
  // CHECK-NOT: motley.group_by
  // CHECK: motley.grouped_embedding_backward {{.*}} into @bank.token by %[[WHOLE]]
  motley.backward (%s) cotangents (%d) add %add : (tensor<32xf32>), (tensor<32xf32>)
  return
}

// -----

motley.variable @token : tensor<40x16xf32> init normal 0.02
motley.bank @bank.token [[@token]]

// Tests that a table of chosen rows is refused.
func.func @embedding_of_chosen_rows(%t: tensor<32xi32>, %c: tensor<32x1xi32>, %d: tensor<32xf32>, %live: i32, %add: i1) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %k = motley.restrict %g to %c : (!motley.groups<1, 32>, tensor<32x1xi32>) -> !motley.groups<1, 32 of 32>
  // expected-error @+1 {{has a gradient only over all rows, in a table that motley.group_by makes; look the tokens up before rows are chosen}}
  %a = motley.grouped_embedding @bank.token(%t) by %k : (tensor<32xi32>, !motley.groups<1, 32 of 32>) -> tensor<32x16xf32>
  %s = motley.row_sum %a : tensor<32x16xf32> -> tensor<32xf32>
  motley.backward (%s) cotangents (%d) add %add : (tensor<32xf32>), (tensor<32xf32>)
  return
}
