// Experts and selections of rows become tables; their bodies, branches over one.
//
// RUN: motley-opt %s --motley-group-modalities --split-input-file --verify-diagnostics | FileCheck %s

motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8x8xf32> init normal 0.02

// Tests experts outside of by_modality. The third column of the choice is a null expert: it has no group. Gates stand before
// the bodies and multiply what the last product of each reads, (w x) W for w (x W).
// CHECK-LABEL: func.func @top
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<32x3xi32>, %[[P:[a-z0-9]+]]: tensor<32x3xf32>, %[[X:[a-z0-9]+]]: tensor<32x8xf32>, %[[LIVE:[a-z0-9]+]]: i32
func.func @top(%c: tensor<32x3xi32>, %p: tensor<32x3xf32>, %x: tensor<32x8xf32>) -> tensor<32x8xf32> {
  // CHECK: %[[BASE:.*]] = motley.group_by live %[[LIVE]] : (i32) -> !motley.groups<1, 32>
  // CHECK-DAG: %[[CS:.*]] = motley.gather_rows %[[C]] by %[[BASE]]
  // CHECK-DAG: %[[PS:.*]] = motley.gather_rows %[[P]] by %[[BASE]]
  // CHECK-DAG: %[[XS:.*]] = motley.gather_rows %[[X]] by %[[BASE]]
  // CHECK: %[[T:.*]] = motley.select(%[[CS]]) counts [2] by %[[BASE]] owner [0] {{.*}} -> !motley.groups<2, 64 of 32>
  // CHECK: %[[ROWS:.*]] = motley.gather_rows %[[XS]] by %[[T]] {{.*}} -> tensor<64x8xf32>
  // CHECK: %[[PART:.*]]:2 = motley.split_groups %[[ROWS]] by %[[T]] owner [0, 1]
  // CHECK: %[[W:.*]] = motley.slot_values(%[[PS]]) counts [2] by %[[T]] {{.*}} -> tensor<64xf32>
  // CHECK: %[[WIDE:.*]] = motley.row_broadcast %[[W]] : tensor<64xf32> -> tensor<64x8xf32>
  // CHECK: %[[FACTOR:.*]]:2 = motley.split_groups %[[WIDE]] by %[[T]] owner [0, 1]
  // CHECK: %[[WA:.*]] = arith.mulf %[[PART]]#0, %[[FACTOR]]#0
  // CHECK: %[[YA:.*]] = motley.grouped_matmul @bank.a ranges [0] map [0, -1] (%[[WA]]) by %[[T]]
  // CHECK: %[[WB:.*]] = arith.mulf %[[PART]]#1, %[[FACTOR]]#1
  // CHECK: %[[YB:.*]] = motley.grouped_matmul @bank.b ranges [0] map [-1, 0] (%[[WB]]) by %[[T]]
  // CHECK: %[[Y:.*]] = motley.merge_groups %[[YA]], %[[YB]] by %[[T]] owner [0, 1]
  // CHECK: %[[SUM:.*]] = motley.combine_rows %[[Y]] by %[[T]] {{.*}} -> tensor<32x8xf32>
  // CHECK: %[[BACK:.*]] = motley.combine_rows %[[SUM]] by %[[BASE]]
  // CHECK: return %[[BACK]]
  %y = motley.experts %c gates %p (%x) : (tensor<32x3xi32>, tensor<32x3xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
  ^bb0(%q: tensor<64x8xf32>):
    %l = motley.linear @a(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
    motley.yield %l : tensor<64x8xf32>
  }, {
  ^bb0(%q: tensor<64x8xf32>):
    %l = motley.linear @b(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
    motley.yield %l : tensor<64x8xf32>
  }
  return %y : tensor<32x8xf32>
}

// -----

motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @bias : tensor<8xf32> init normal 0.02

// Tests where gates stay behind: a body that ends in an activation, in a bias, or in a product that something else reads too.
// CHECK-LABEL: func.func @behind
func.func @behind(%c: tensor<32x3xi32>, %p: tensor<32x3xf32>, %x: tensor<32x8xf32>) -> tensor<32x8xf32> {
  // CHECK: %[[PART:.*]]:3 = motley.split_groups
  // CHECK: %[[FACTOR:.*]]:3 = motley.split_groups
  // CHECK: %[[A:.*]] = motley.grouped_matmul @bank.a ranges [0] map [0, -1, -1] (%[[PART]]#0)
  // CHECK: %[[S:.*]] = motley.silu %[[A]]
  // CHECK: %[[B:.*]] = motley.grouped_matmul @bank.a ranges [0] map [-1, 0, -1] (%[[PART]]#1)
  // CHECK: %[[BIAS:.*]] = motley.grouped_bias %[[B]], @bank.bias map [-1, 0, -1]
  // CHECK: %[[D:.*]] = motley.grouped_matmul @bank.a ranges [0] map [-1, -1, 0] (%[[PART]]#2)
  // CHECK: %[[E:.*]] = arith.addf %[[D]], %[[D]]
  // CHECK-DAG: %[[WS:.*]] = arith.mulf %[[S]], %[[FACTOR]]#0
  // CHECK-DAG: %[[WB:.*]] = arith.mulf %[[BIAS]], %[[FACTOR]]#1
  // CHECK-DAG: %[[WE:.*]] = arith.mulf %[[E]], %[[FACTOR]]#2
  // CHECK: motley.merge_groups %[[WS]], %[[WB]], %[[WE]]
  %y = motley.experts %c gates %p (%x) : (tensor<32x3xi32>, tensor<32x3xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
  ^bb0(%q: tensor<96x8xf32>):
    %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
    %s = motley.silu %l : tensor<96x8xf32>
    motley.yield %s : tensor<96x8xf32>
  }, {
  ^bb0(%q: tensor<96x8xf32>):
    %l = motley.linear @a(%q) bias @bias : (tensor<96x8xf32>) -> tensor<96x8xf32>
    motley.yield %l : tensor<96x8xf32>
  }, {
  ^bb0(%q: tensor<96x8xf32>):
    %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
    %s = arith.addf %l, %l : tensor<96x8xf32>
    motley.yield %s : tensor<96x8xf32>
  }
  return %y : tensor<32x8xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8x8xf32> init normal 0.02
motley.variable @c : tensor<8x8xf32> init normal 0.02
motley.variable @d : tensor<8x8xf32> init normal 0.02
motley.variable @r2 : tensor<8x2xf32> init normal 0.02

// Tests that the experts of both cases share one table, behind the routers of both; text's groups come first. Cases share the
// rows: two experts take a quarter each of at most 32, and each of the four may round up once, 16 + 4 slots, to which the bodies
// are resized, constants included. The router keeps its precision; each case observes its own choice.
// CHECK-LABEL: func.func @equal
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x8xf32>, %[[M:[a-z0-9]+]]: tensor<32xi32>, %[[I:[a-z0-9]+]]: tensor<32xi32>
func.func @equal(%x: tensor<32x8xf32>, %m: tensor<32xi32>, %i: tensor<32xi32>) -> tensor<32x8xf32> {
  // CHECK: %[[BASE:.*]] = motley.group_by %[[M]]
  // CHECK: %[[PART:.*]]:2 = motley.split_groups %{{.*}} by %[[BASE]] owner [0, 1]
  // CHECK: %[[ST:.*]] = motley.grouped_matmul @bank.r2 ranges [0] map [0, -1] (%[[PART]]#0) by %[[BASE]] precision f32
  // CHECK: %[[CT:.*]] = motley.choose_tokens %[[ST]] index %[[IS:.*]] by %[[BASE]] map [0, -1]
  // CHECK: motley.count_chosen "text" %[[CT]] by %[[BASE]] map [0, -1]
  // CHECK: %[[SI:.*]] = motley.grouped_matmul @bank.r2 ranges [0] map [-1, 0] (%[[PART]]#1) by %[[BASE]] precision f32
  // CHECK: %[[CI:.*]] = motley.choose_tokens %[[SI]] index %[[IS]] by %[[BASE]] map [-1, 0]
  // CHECK: motley.count_chosen "image" %[[CI]] by %[[BASE]] map [-1, 0]
  // CHECK: %[[T:.*]] = motley.select(%[[CT]], %[[CI]]) counts [2, 2] by %[[BASE]] owner [0, 1] {{.*}} -> !motley.groups<4, 20 of 32>
  // CHECK-NOT: motley.select
  // CHECK: %[[WHOLE:.*]] = motley.merge_groups %[[PART]]#0, %[[PART]]#1 by %[[BASE]] owner [0, 1]
  // CHECK: motley.gather_rows %[[WHOLE]] by %[[T]] {{.*}} -> tensor<20x8xf32>
  // CHECK: motley.split_groups %{{.*}} by %[[T]] owner [0, 1, 2, 3]
  // CHECK: motley.slot_values(%{{.*}}, %{{.*}}) counts [2, 2] by %[[T]]
  // CHECK: motley.grouped_matmul @bank.a ranges [0] map [0, -1, -1, -1]
  // CHECK: motley.grouped_matmul @bank.b ranges [0] map [-1, 0, -1, -1]
  // CHECK: motley.grouped_matmul @bank.c ranges [0] map [-1, -1, 0, -1]
  // CHECK: arith.constant dense<2.000000e+00> : tensor<20x8xf32>
  // CHECK: motley.grouped_matmul @bank.d ranges [0] map [-1, -1, -1, 0]
  // CHECK: motley.merge_groups %{{.*}} by %[[T]] owner [0, 1, 2, 3]
  // CHECK: %[[SUM:.*]] = motley.combine_rows %{{.*}} by %[[T]]
  // CHECK: %[[OUT:.*]]:2 = motley.split_groups %[[SUM]] by %[[BASE]] owner [0, 1]
  // CHECK: motley.merge_groups %[[OUT]]#0, %[[OUT]]#1 by %[[BASE]] owner [0, 1]
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %s = motley.linear @r2(%x) precision f32 : (tensor<32x8xf32>) -> tensor<32x2xf32>
    %c = motley.choose_tokens %s index %i {capacity = 0.25 : f64} : (tensor<32x2xf32>, tensor<32xi32>) -> tensor<32x2xi32>
    %p = motley.sigmoid %s : tensor<32x2xf32>
    motley.observe "text" %c : tensor<32x2xi32>
    %e = motley.experts %c gates %p (%x) : (tensor<32x2xi32>, tensor<32x2xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<18x8xf32>):
      %l = motley.linear @a(%q) : (tensor<18x8xf32>) -> tensor<18x8xf32>
      motley.yield %l : tensor<18x8xf32>
    }, {
    ^bb0(%q: tensor<18x8xf32>):
      %l = motley.linear @b(%q) : (tensor<18x8xf32>) -> tensor<18x8xf32>
      motley.yield %l : tensor<18x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %s = motley.linear @r2(%x) precision f32 : (tensor<32x8xf32>) -> tensor<32x2xf32>
    %c = motley.choose_tokens %s index %i {capacity = 0.25 : f64} : (tensor<32x2xf32>, tensor<32xi32>) -> tensor<32x2xi32>
    %p = motley.sigmoid %s : tensor<32x2xf32>
    motley.observe "image" %c : tensor<32x2xi32>
    %e = motley.experts %c gates %p (%x) : (tensor<32x2xi32>, tensor<32x2xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<18x8xf32>):
      %l = motley.linear @c(%q) : (tensor<18x8xf32>) -> tensor<18x8xf32>
      motley.yield %l : tensor<18x8xf32>
    }, {
    ^bb0(%q: tensor<18x8xf32>):
      %two = arith.constant dense<2.0> : tensor<18x8xf32>
      %h = arith.mulf %q, %two : tensor<18x8xf32>
      %l = motley.linear @d(%h) : (tensor<18x8xf32>) -> tensor<18x8xf32>
      motley.yield %l : tensor<18x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  return %y : tensor<32x8xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @r2 : tensor<8x2xf32> init normal 0.02

// Tests that a constant from above, which one value serves bodies of several sizes, is resized in each body and stays what it
// is outside. (Here the slots of one case are as many as all rows.)
// CHECK-LABEL: func.func @constants_from_above
func.func @constants_from_above(%x: tensor<18x8xf32>, %m: tensor<18xi32>, %i: tensor<18xi32>) -> (tensor<18x8xf32>, tensor<18x8xf32>) {
  // CHECK: arith.constant dense<2.000000e+00> : tensor<18x8xf32>
  // CHECK-NOT: dense<2.000000e+00> : tensor<18x8xf32>
  // CHECK: motley.select({{.*}} -> !motley.groups<4, 22 of 18>
  // CHECK: arith.constant dense<2.000000e+00> : tensor<22x8xf32>
  // CHECK: arith.mulf {{.*}} : tensor<22x8xf32>
  // CHECK: arith.constant dense<2.000000e+00> : tensor<22x8xf32>
  // CHECK: arith.subf {{.*}} : tensor<22x8xf32>
  %two = arith.constant dense<2.0> : tensor<18x8xf32>
  %h = arith.mulf %x, %two : tensor<18x8xf32>
  %y = motley.by_modality %m : tensor<18xi32> -> (tensor<18x8xf32>) {
    %s = motley.linear @r2(%x) precision f32 : (tensor<18x8xf32>) -> tensor<18x2xf32>
    %c = motley.choose_tokens %s index %i {capacity = 0.5 : f64} : (tensor<18x2xf32>, tensor<18xi32>) -> tensor<18x2xi32>
    %e = motley.experts %c (%x) : (tensor<18x2xi32>, tensor<18x8xf32>) -> tensor<18x8xf32> {
    ^bb0(%q: tensor<18x8xf32>):
      %a = arith.mulf %q, %two : tensor<18x8xf32>
      motley.yield %a : tensor<18x8xf32>
    }, {
    ^bb0(%q: tensor<18x8xf32>):
      motley.yield %q : tensor<18x8xf32>
    }
    motley.yield %e : tensor<18x8xf32>
  } case [@text], {
    %s = motley.linear @r2(%x) precision f32 : (tensor<18x8xf32>) -> tensor<18x2xf32>
    %c = motley.choose_tokens %s index %i {capacity = 0.5 : f64} : (tensor<18x2xf32>, tensor<18xi32>) -> tensor<18x2xi32>
    %e = motley.experts %c (%x) : (tensor<18x2xi32>, tensor<18x8xf32>) -> tensor<18x8xf32> {
    ^bb0(%q: tensor<18x8xf32>):
      %a = arith.subf %two, %q : tensor<18x8xf32>
      motley.yield %a : tensor<18x8xf32>
    }, {
    ^bb0(%q: tensor<18x8xf32>):
      motley.yield %q : tensor<18x8xf32>
    }
    motley.yield %e : tensor<18x8xf32>
  } case [@image]
  return %y, %h : tensor<18x8xf32>, tensor<18x8xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.modality @speech ids 40 to 50
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8x8xf32> init normal 0.02
motley.variable @c : tensor<8x8xf32> init normal 0.02
motley.variable @d : tensor<8x8xf32> init normal 0.02
motley.variable @r3 : tensor<8x3xf32> init normal 0.02
motley.variable @r1 : tensor<8x1xf32> init normal 0.02

// Tests unequal numbers of experts beside a case without any: its rows are in no group, and its result is merged as it is.
// CHECK-LABEL: func.func @unequal
func.func @unequal(%x: tensor<32x8xf32>, %m: tensor<32xi32>, %i: tensor<32xi32>) -> tensor<32x8xf32> {
  // CHECK: %[[BASE:.*]] = motley.group_by {{.*}} -> !motley.groups<3, 32>
  // CHECK: %[[PART:.*]]:3 = motley.split_groups %{{.*}} by %[[BASE]] owner [0, 1, 2]
  // CHECK: %[[D:.*]] = motley.grouped_matmul @bank.d ranges [0] map [-1, 0, -1] (%[[PART]]#1) by %[[BASE]]
  // CHECK: %[[T:.*]] = motley.select(%{{.*}}, %{{.*}}) counts [3, 1] by %[[BASE]] owner [0, -1, 1] {{.*}} -> !motley.groups<4, 28 of 32>
  // CHECK: motley.merge_groups %[[PART]]#0, %[[PART]]#2 by %[[BASE]] owner [0, 0, 1]
  // CHECK: motley.slot_values(%{{.*}}, %{{.*}}) counts [3, 1] by %[[T]]
  // CHECK: motley.grouped_matmul @bank.c ranges [0] map [-1, -1, 0, -1]
  // CHECK: motley.grouped_matmul @bank.a ranges [0] map [-1, -1, -1, 0]
  // CHECK: %[[OUT:.*]]:2 = motley.split_groups %{{.*}} by %[[BASE]] owner [0, 0, 1]
  // CHECK: motley.merge_groups %[[OUT]]#0, %[[D]], %[[OUT]]#1 by %[[BASE]] owner [0, 1, 2]
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %s = motley.linear @r3(%x) precision f32 : (tensor<32x8xf32>) -> tensor<32x3xf32>
    %c = motley.choose_tokens %s index %i {capacity = 0.25 : f64} : (tensor<32x3xf32>, tensor<32xi32>) -> tensor<32x3xi32>
    %p = motley.sigmoid %s : tensor<32x3xf32>
    %e = motley.experts %c gates %p (%x) : (tensor<32x3xi32>, tensor<32x3xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<27x8xf32>):
      %l = motley.linear @a(%q) : (tensor<27x8xf32>) -> tensor<27x8xf32>
      motley.yield %l : tensor<27x8xf32>
    }, {
    ^bb0(%q: tensor<27x8xf32>):
      %l = motley.linear @b(%q) : (tensor<27x8xf32>) -> tensor<27x8xf32>
      motley.yield %l : tensor<27x8xf32>
    }, {
    ^bb0(%q: tensor<27x8xf32>):
      %l = motley.linear @c(%q) : (tensor<27x8xf32>) -> tensor<27x8xf32>
      motley.yield %l : tensor<27x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %l = motley.linear @d(%x) : (tensor<32x8xf32>) -> tensor<32x8xf32>
    motley.yield %l : tensor<32x8xf32>
  } case [@image], {
    %s = motley.linear @r1(%x) precision f32 : (tensor<32x8xf32>) -> tensor<32x1xf32>
    %c = motley.choose_tokens %s index %i {capacity = 0.25 : f64} : (tensor<32x1xf32>, tensor<32xi32>) -> tensor<32x1xi32>
    %p = motley.sigmoid %s : tensor<32x1xf32>
    %e = motley.experts %c gates %p (%x) : (tensor<32x1xi32>, tensor<32x1xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<9x8xf32>):
      %l = motley.linear @a(%q) : (tensor<9x8xf32>) -> tensor<9x8xf32>
      motley.yield %l : tensor<9x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@speech]
  return %y : tensor<32x8xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @a : tensor<8x8xf32> init normal 0.02

// Tests what keeps the experts of two cases apart: fields that differ; slots that may be too few, of which each case drops by its
// own count; constants that differ from slot to slot; gates on one side. Equal fields do not.
// CHECK-LABEL: func.func @same_field
// CHECK-COUNT-1: motley.select(
// CHECK-NOT: motley.select(
func.func @same_field(%x: tensor<32x8xf32>, %m: tensor<32xi32>, %i: tensor<32xi32>, %c: tensor<32x1xi32>) -> tensor<32x8xf32> {
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %e = motley.experts %c (%x, %i) : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<32x8xf32>, %at: tensor<32xi32>):
      %l = motley.rope %q at %at {heads = 1 : i64, theta = 1.0e4 : f64} : tensor<32x8xf32>, tensor<32xi32>
      motley.yield %l : tensor<32x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %e = motley.experts %c (%x, %i) : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<32x8xf32>, %at: tensor<32xi32>):
      %l = motley.rope %q at %at {heads = 1 : i64, theta = 1.0e4 : f64} : tensor<32x8xf32>, tensor<32xi32>
      motley.yield %l : tensor<32x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  return %y : tensor<32x8xf32>
}
// CHECK-LABEL: func.func @other_field
// CHECK: motley.select(%{{.*}}) counts [1] by %{{.*}} owner [0, -1]
// CHECK: motley.select(%{{.*}}) counts [1] by %{{.*}} owner [-1, 0]
func.func @other_field(%x: tensor<32x8xf32>, %m: tensor<32xi32>, %i: tensor<32xi32>, %j: tensor<32xi32>, %c: tensor<32x1xi32>) -> tensor<32x8xf32> {
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %e = motley.experts %c (%x, %i) : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<32x8xf32>, %at: tensor<32xi32>):
      %l = motley.rope %q at %at {heads = 1 : i64, theta = 1.0e4 : f64} : tensor<32x8xf32>, tensor<32xi32>
      motley.yield %l : tensor<32x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %e = motley.experts %c (%x, %j) : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<32x8xf32>, %at: tensor<32xi32>):
      %l = motley.rope %q at %at {heads = 1 : i64, theta = 1.0e4 : f64} : tensor<32x8xf32>, tensor<32xi32>
      motley.yield %l : tensor<32x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  return %y : tensor<32x8xf32>
}
// CHECK-LABEL: func.func @few_slots
// CHECK: motley.select(%{{.*}}) counts [1] by %{{.*}} owner [0, -1] {{.*}}<1, 31 of 32>
// CHECK: motley.select(%{{.*}}) counts [1] by %{{.*}} owner [-1, 0] {{.*}}<1, 32 of 32>
func.func @few_slots(%x: tensor<32x8xf32>, %m: tensor<32xi32>, %c: tensor<32x1xi32>) -> tensor<32x8xf32> {
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %e = motley.experts %c (%x) : (tensor<32x1xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<31x8xf32>):
      %l = motley.linear @a(%q) : (tensor<31x8xf32>) -> tensor<31x8xf32>
      motley.yield %l : tensor<31x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %e = motley.experts %c (%x) : (tensor<32x1xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<32x8xf32>):
      %l = motley.linear @a(%q) : (tensor<32x8xf32>) -> tensor<32x8xf32>
      motley.yield %l : tensor<32x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  return %y : tensor<32x8xf32>
}
// CHECK-LABEL: func.func @constants
// CHECK-COUNT-2: motley.select({{.*}}<1, 2 of 2>
func.func @constants(%x: tensor<2x8xf32>, %m: tensor<2xi32>, %c: tensor<2x1xi32>) -> tensor<2x8xf32> {
  %y = motley.by_modality %m : tensor<2xi32> -> (tensor<2x8xf32>) {
    %e = motley.experts %c (%x) : (tensor<2x1xi32>, tensor<2x8xf32>) -> tensor<2x8xf32> {
    ^bb0(%q: tensor<2x8xf32>):
      %at = arith.constant dense<[3, 4]> : tensor<2xi32>
      %l = motley.rope %q at %at {heads = 1 : i64, theta = 1.0e4 : f64} : tensor<2x8xf32>, tensor<2xi32>
      motley.yield %l : tensor<2x8xf32>
    }
    motley.yield %e : tensor<2x8xf32>
  } case [@text], {
    %e = motley.experts %c (%x) : (tensor<2x1xi32>, tensor<2x8xf32>) -> tensor<2x8xf32> {
    ^bb0(%q: tensor<2x8xf32>):
      motley.yield %q : tensor<2x8xf32>
    }
    motley.yield %e : tensor<2x8xf32>
  } case [@image]
  return %y : tensor<2x8xf32>
}
// CHECK-LABEL: func.func @gated_case
// CHECK-COUNT-2: motley.select(%{{.*}}) counts [1]
// CHECK: motley.slot_values
func.func @gated_case(%x: tensor<32x8xf32>, %m: tensor<32xi32>, %c: tensor<32x1xi32>, %p: tensor<32x1xf32>) -> tensor<32x8xf32> {
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %e = motley.experts %c (%x) : (tensor<32x1xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<32x8xf32>):
      %l = motley.linear @a(%q) : (tensor<32x8xf32>) -> tensor<32x8xf32>
      motley.yield %l : tensor<32x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %e = motley.experts %c gates %p (%x) : (tensor<32x1xi32>, tensor<32x1xf32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<32x8xf32>):
      %l = motley.linear @a(%q) : (tensor<32x8xf32>) -> tensor<32x8xf32>
      motley.yield %l : tensor<32x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  return %y : tensor<32x8xf32>
}

// Tests how slots are bounded: of two cases where each row takes two of three, every row has two at most; of documents each may
// round up, so every row may go to every expert; a limited choice has the smaller of both bounds.
// CHECK-LABEL: func.func @bounds
// CHECK: motley.select({{.*}}<6, 70 of 32>
// CHECK: motley.select({{.*}}<6, 102 of 32>
// CHECK: motley.select({{.*}}<6, 30 of 32>
func.func @bounds(%x: tensor<32x8xf32>, %s: tensor<32x3xf32>, %m: tensor<32xi32>, %d: tensor<32xi32>, %i: tensor<32xi32>) -> (tensor<32x8xf32>, tensor<32x8xf32>, tensor<32x8xf32>) {
  %k = motley.choose_experts %s {k = 2 : i64} : (tensor<32x3xf32>) -> tensor<32x3xi32>
  %t = motley.choose_tokens %s index %i documents %d {capacity = 0.25 : f64} : (tensor<32x3xf32>, tensor<32xi32>, tensor<32xi32>) -> tensor<32x3xi32>
  %u = motley.limit_capacity position %k scores %s index %i {capacity = 0.25 : f64} : (tensor<32x3xi32>, tensor<32x3xf32>, tensor<32xi32>) -> tensor<32x3xi32>
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %e = motley.experts %k (%x) : (tensor<32x3xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<64x8xf32>):
      %l = motley.linear @a(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
      motley.yield %l : tensor<64x8xf32>
    }, {
    ^bb0(%q: tensor<64x8xf32>):
      %l = motley.linear @a(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
      motley.yield %l : tensor<64x8xf32>
    }, {
    ^bb0(%q: tensor<64x8xf32>):
      %l = motley.linear @a(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
      motley.yield %l : tensor<64x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %e = motley.experts %k (%x) : (tensor<32x3xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<64x8xf32>):
      %l = motley.linear @a(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
      motley.yield %l : tensor<64x8xf32>
    }, {
    ^bb0(%q: tensor<64x8xf32>):
      %l = motley.linear @a(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
      motley.yield %l : tensor<64x8xf32>
    }, {
    ^bb0(%q: tensor<64x8xf32>):
      %l = motley.linear @a(%q) : (tensor<64x8xf32>) -> tensor<64x8xf32>
      motley.yield %l : tensor<64x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  %z = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %e = motley.experts %t (%x) : (tensor<32x3xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<96x8xf32>):
      %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
      motley.yield %l : tensor<96x8xf32>
    }, {
    ^bb0(%q: tensor<96x8xf32>):
      %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
      motley.yield %l : tensor<96x8xf32>
    }, {
    ^bb0(%q: tensor<96x8xf32>):
      %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
      motley.yield %l : tensor<96x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %e = motley.experts %t (%x) : (tensor<32x3xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<96x8xf32>):
      %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
      motley.yield %l : tensor<96x8xf32>
    }, {
    ^bb0(%q: tensor<96x8xf32>):
      %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
      motley.yield %l : tensor<96x8xf32>
    }, {
    ^bb0(%q: tensor<96x8xf32>):
      %l = motley.linear @a(%q) : (tensor<96x8xf32>) -> tensor<96x8xf32>
      motley.yield %l : tensor<96x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  %w = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    %e = motley.experts %u (%x) : (tensor<32x3xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<24x8xf32>):
      %l = motley.linear @a(%q) : (tensor<24x8xf32>) -> tensor<24x8xf32>
      motley.yield %l : tensor<24x8xf32>
    }, {
    ^bb0(%q: tensor<24x8xf32>):
      %l = motley.linear @a(%q) : (tensor<24x8xf32>) -> tensor<24x8xf32>
      motley.yield %l : tensor<24x8xf32>
    }, {
    ^bb0(%q: tensor<24x8xf32>):
      %l = motley.linear @a(%q) : (tensor<24x8xf32>) -> tensor<24x8xf32>
      motley.yield %l : tensor<24x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@text], {
    %e = motley.experts %u (%x) : (tensor<32x3xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<24x8xf32>):
      %l = motley.linear @a(%q) : (tensor<24x8xf32>) -> tensor<24x8xf32>
      motley.yield %l : tensor<24x8xf32>
    }, {
    ^bb0(%q: tensor<24x8xf32>):
      %l = motley.linear @a(%q) : (tensor<24x8xf32>) -> tensor<24x8xf32>
      motley.yield %l : tensor<24x8xf32>
    }, {
    ^bb0(%q: tensor<24x8xf32>):
      %l = motley.linear @a(%q) : (tensor<24x8xf32>) -> tensor<24x8xf32>
      motley.yield %l : tensor<24x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  } case [@image]
  return %y, %z, %w : tensor<32x8xf32>, tensor<32x8xf32>, tensor<32x8xf32>
}
