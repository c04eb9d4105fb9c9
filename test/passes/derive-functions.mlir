// RUN: motley-opt %s --motley-derive-functions --split-input-file --verify-diagnostics | FileCheck %s

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @table : tensor<40x16xf32> init normal 0.02
motley.bank @bank.table [[@table]]
motley.variable @head : tensor<16x40xf32> init normal 0.02
motley.bank @bank.head [[@head]]
// expected-warning @+1 {{variable @unread is read by no function: it is left out}}
motley.variable @unread : tensor<16xf32> init constant 1.0
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 frozen [@unread]

// Tests what is made: the loss function is consumed, weights join as an argument in slot order, sums are by modality.
// CHECK-NOT: @unread
// CHECK: motley.train @loss adamw {{.*}} clip 1.000000e+00 losses ["ce", "z"] functions ["eval", "accumulate", "update"]
// CHECK-LABEL: func.func @init(%{{.*}}: i64 {motley.scalar = "seed"})
// CHECK-NEXT: motley.initialise @bank.table
// CHECK-NEXT: motley.initialise @bank.head

// CHECK-LABEL: func.func @eval
// CHECK-SAME: #motley.field<weight>
// CHECK-SAME: -> tensor<2x2xf64>
// CHECK: %[[G:.*]] = motley.group_by
// CHECK: %[[W:.*]] = motley.gather_rows %{{.*}} by %[[G]] : (tensor<32xf32>
// CHECK: %[[CE:.*]], %[[Z:.*]] = motley.grouped_cross_entropy
// CHECK: %[[S:.*]] = motley.loss_sums(%[[CE]], %[[Z]]) weights %[[W]]
// CHECK-NEXT: return %[[S]]

// CHECK-LABEL: func.func @accumulate
// CHECK-SAME: %[[ADD:[a-z0-9]+]]: i1 {motley.scalar = "add"}, %[[INV:[a-z0-9]+]]: f32 {motley.scalar = "inverse_normaliser"})
// CHECK: %[[C:.*]] = motley.scale %{{.*}} by %[[INV]] : tensor<32xf32>
// CHECK-NEXT: motley.backward(%{{.*}}, %{{.*}}) cotangents(%[[C]], %[[C]]) add %[[ADD]]

// Tests that a table that is looked up does not decay, and a matrix does.
// CHECK-LABEL: func.func @update
// CHECK: %[[N:.*]] = motley.gradient_norm [@bank.table, @bank.head]
// CHECK: motley.adamw @bank.table norm %[[N]] {{.*}}weight_decay = 0.0
// CHECK: motley.adamw @bank.head norm %[[N]] {{.*}}weight_decay = 1.0
// CHECK: return %[[N]]
// CHECK-NOT: func.func @loss
func.func @loss(%token: tensor<32xi32> {motley.field = #motley.field<token>}, %target: tensor<32xi32> {motley.field = #motley.field<target>}, %m: tensor<32xi32> {motley.field = #motley.field<modality>}, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<32xf32> {motley.loss = "ce"}, tensor<32xf32> {motley.loss = "z"}) {
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %token_s = motley.gather_rows %token by %g : (tensor<32xi32>, !motley.groups<2, 32>) -> tensor<32xi32>
  %target_s = motley.gather_rows %target by %g : (tensor<32xi32>, !motley.groups<2, 32>) -> tensor<32xi32>
  %x = motley.grouped_embedding @bank.table(%token_s) by %g : (tensor<32xi32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %g targets %target_s {z_loss = 1.0e-5 : f64} : (tensor<32x16xf32>, !motley.groups<2, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  %a = motley.combine_rows %ce by %g : (tensor<32xf32>, !motley.groups<2, 32>) -> tensor<32xf32>
  %b = motley.combine_rows %z by %g : (tensor<32xf32>, !motley.groups<2, 32>) -> tensor<32xf32>
  return %a, %b : tensor<32xf32>, tensor<32xf32>
}

// -----

func.func @nothing(%w: tensor<32xf32> {motley.field = #motley.field<weight>}) -> (tensor<32xf32> {motley.loss = "none"}) { // expected-error {{goes by no table of rows: a loss function that is trained must read variables}}
  return %w : tensor<32xf32>
}
motley.train @nothing adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

motley.modality @text ids 0 to 40
motley.variable @head : tensor<16x40xf32> init normal 0.02
motley.bank @bank.head [[@head]]
func.func @eval() { return }
func.func @loss(%live: i32 {motley.field = #motley.field<live>}, %target: tensor<32xi32> {motley.field = #motley.field<target>}) -> (tensor<32xf32> {motley.loss = "ce"}) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %x = arith.constant dense<1.0> : tensor<32x16xf32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %g targets %target {z_loss = 0.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  return %ce : tensor<32xf32>
}
// expected-error @+1 {{derives @eval, but the module has one already; rename it}}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// -----

motley.modality @text ids 0 to 40
motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]
motley.variable @still : tensor<16x16xf32> init normal 0.02 rate 0.0
motley.bank @bank.still [[@still]]
motley.variable @head : tensor<16x40xf32> init normal 0.02 rate 0.5 decay 0.0
motley.bank @bank.head [[@head]]

// Tests phases: functions are shared where nothing differs; a bank that does not train has no update; a variable's missed steps
// add up over the phases that freeze it.
// CHECK: motley.train @loss {{.*}} until 10 frozen [@head] losses ["ce"] functions ["eval", "accumulate", "update"]
// CHECK: motley.train @loss {{.*}} until 15 losses ["ce"] functions ["eval", "accumulate.1", "update.1"]
// CHECK: motley.train @other {{.*}} until 18 losses ["ce"] functions ["eval.2", "accumulate.2", "update.2"]
// CHECK: motley.train @loss {{.*}} losses ["ce"] functions ["eval", "accumulate.1", "update.3"]
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 ema 0.5 until 10 frozen [@head]
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 ema 0.5 until 15
motley.train @other adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 ema 0.5 until 18
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 ema 0.5
// CHECK-LABEL: func.func @eval(
// CHECK-SAME: f32 {motley.scalar = "balance"}
// CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<32x16xf32>
// CHECK-NOT: motley.noise
// CHECK: arith.addf %{{.*}}, %[[ZERO]]

// Tests that noise has its scalars in accumulate.
// CHECK-LABEL: func.func @accumulate(
// CHECK-SAME: %[[SEED:[a-z0-9]+]]: i64 {motley.scalar = "seed"}, %[[STEP:[a-z0-9]+]]: i64 {motley.scalar = "step"})
// CHECK-SAME: attributes {motley.frozen = [@head]}
// CHECK: motley.noise gumbel at %{{.*}} seed %[[SEED]] step %[[STEP]]

// Tests that the average goes with the update.
// CHECK-LABEL: func.func @update(
// CHECK-SAME: attributes {motley.frozen = [@head]}
// CHECK: motley.gradient_norm [@bank.w] : tensor<1xf32>
// CHECK: motley.adamw @bank.w {{.*}}ema = 5.000000e-01 : f64
// CHECK-NOT: motley.adamw
// CHECK-LABEL: func.func @accumulate.1(
// CHECK-NOT: attributes
// CHECK: motley.group_by
// CHECK-LABEL: func.func @update.1(
// CHECK-SAME: attributes {motley.missed = {head = 10 : i64}}
// CHECK: motley.gradient_norm [@bank.w, @bank.head]

// CHECK-LABEL: func.func @update.3(
// CHECK-SAME: attributes {motley.missed = {head = 10 : i64, w = 3 : i64}}

// Tests that what the loss of a phase does not read is frozen in it.
// CHECK-LABEL: func.func @accumulate.2(
// CHECK-SAME: motley.frozen = [@w]
func.func @loss(%target: tensor<32xi32> {motley.field = #motley.field<target>}, %index: tensor<32xi32> {motley.field = #motley.field<index>}, %live: i32 {motley.field = #motley.field<live>}, %balance: f32 {motley.scalar = "balance"})
    -> (tensor<32xf32> {motley.loss = "ce"}) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %x = arith.constant dense<1.0> : tensor<32x16xf32>
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %n = motley.noise gumbel at %index {site = 0 : i64} : (tensor<32xi32>) -> tensor<32x16xf32>
  %b = arith.addf %a, %n : tensor<32x16xf32>
  %c = motley.grouped_matmul @bank.still ranges [0] map [0] (%b) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%c) by %g targets %target {z_loss = 0.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  %s = motley.scale %ce by %balance : tensor<32xf32>
  return %s : tensor<32xf32>
}
func.func @other(%target: tensor<32xi32> {motley.field = #motley.field<target>}, %live: i32 {motley.field = #motley.field<live>})
    -> (tensor<32xf32> {motley.loss = "ce"}) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %x = arith.constant dense<1.0> : tensor<32x16xf32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %g targets %target {z_loss = 0.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  return %ce : tensor<32xf32>
}

// -----

motley.variable @head : tensor<16x40xf32> init normal 0.02
motley.bank @bank.head [[@head]]
motley.modality @text ids 0 to 40
// expected-error @+1 {{trains nothing: all variables are frozen}}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0 frozen [@head]
func.func @loss(%target: tensor<32xi32> {motley.field = #motley.field<target>}, %live: i32 {motley.field = #motley.field<live>}) -> (tensor<32xf32> {motley.loss = "ce"}) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %x = arith.constant dense<1.0> : tensor<32x16xf32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %g targets %target {z_loss = 0.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  return %ce : tensor<32xf32>
}

// -----

motley.variable @head : tensor<16x40xf32> init normal 0.02
motley.bank @bank.head [[@head]]
motley.modality @text ids 0 to 40
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0
// expected-error @+1 {{takes the scalar "step", a name that training uses itself; rename it}}
func.func @loss(%target: tensor<32xi32> {motley.field = #motley.field<target>}, %live: i32 {motley.field = #motley.field<live>}, %step: f32 {motley.scalar = "step"}) -> (tensor<32xf32> {motley.loss = "ce"}) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %x = arith.constant dense<1.0> : tensor<32x16xf32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %g targets %target {z_loss = 0.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  %s = motley.scale %ce by %step : tensor<32xf32>
  return %s : tensor<32xf32>
}

// -----

motley.variable @w : tensor<16x40xf32> init normal 0.02
// expected-warning @+1 {{variable @unread is read by no function: it is left out}}
motley.variable @unread : tensor<16xf32> init constant 1.0
motley.bank @bank.w [[@w]]

// Tests that an unread variable is left out of a module that trains nothing too.
// CHECK: motley.variable @w
// CHECK-NOT: @unread
// CHECK-LABEL: func.func @head
func.func @head(%x: tensor<32x16xf32>, %live: i32) -> tensor<32x40xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x40xf32>
  return %y : tensor<32x40xf32>
}
