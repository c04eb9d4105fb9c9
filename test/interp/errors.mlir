// Tests that every mistake in a program or on the command line is one message that says where, what and what was expected.

// RUN: not motley-interp %s --function id_out_of_range 2>&1 | FileCheck %s --check-prefix=ID
// RUN: not motley-interp %s --function live_out_of_range 2>&1 | FileCheck %s --check-prefix=LIVE
// RUN: not motley-interp %s --function token_out_of_range 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: not motley-interp %s --function target_out_of_range 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not motley-interp %s --function target_dead 2>&1 | FileCheck %s --check-prefix=DEAD
// RUN: not motley-interp %s --function modality_out_of_range --arg 'dense<[0, 1]> : tensor<2xi32>' 2>&1 | FileCheck %s --check-prefix=MODALITY
// RUN: not motley-interp %s --function row_missing 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not motley-interp %s --function unknown 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not motley-interp %s --function recursive 2>&1 | FileCheck %s --check-prefix=RECURSIVE
// RUN: not motley-interp %s --function bodyless 2>&1 | FileCheck %s --check-prefix=BODYLESS
// RUN: not motley-interp %s --function step_zero 2>&1 | FileCheck %s --check-prefix=STEP
// RUN: not motley-interp %s --function index_out_of_range 2>&1 | FileCheck %s --check-prefix=INDEX
// RUN: not motley-interp %s --function nowhere 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: not motley-interp %s --function modality_out_of_range 2>&1 | FileCheck %s --check-prefix=FEW
// RUN: not motley-interp %s --function modality_out_of_range --arg '1.0 : f32' 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not motley-interp %s --function unknown --arg 'dense<[0, 1]>' 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not motley-interp %s --function unknown --set 'param @none = 1.0 : f32' 2>&1 | FileCheck %s --check-prefix=VARIABLE
// RUN: not motley-interp %s --function unknown --set 'param @table = 1.0 : f32' 2>&1 | FileCheck %s --check-prefix=SHAPE

motley.modality @text ids 0 to 2
motley.variable @table : tensor<3x2xf32> init constant 0.0
motley.variable @head : tensor<2x3xf32> init constant 0.0
motley.bank @bank.table [[@table]]
motley.bank @bank.head [[@head]]

// ID: errors.mlir:[[@LINE+4]]:8: error: id 5 of row 1 is not in [0, 2)
func.func @id_out_of_range() -> !motley.groups<2, 2> {
  %ids = arith.constant dense<[0, 5]> : tensor<2xi32>
  %live = arith.constant 2 : i32
  %g = motley.group_by %ids live %live : (tensor<2xi32>, i32) -> !motley.groups<2, 2>
  return %g : !motley.groups<2, 2>
}

// LIVE: error: the live count 3 is not in [0, 2]
func.func @live_out_of_range() -> !motley.groups<1, 2> {
  %live = arith.constant 3 : i32
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 2>
  return %g : !motley.groups<1, 2>
}

// TOKEN: error: token 3 of row 1 is not in [0, 3)
func.func @token_out_of_range() -> tensor<2x2xf32> {
  %token = arith.constant dense<[2, 3]> : tensor<2xi32>
  %y = motley.embedding @table(%token) : (tensor<2xi32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// TARGET: error: target -2 of row 0 is not in [-1, 3)
func.func @target_out_of_range() -> tensor<1xf32> {
  %x = arith.constant dense<1.0> : tensor<1x2xf32>
  %target = arith.constant dense<-2> : tensor<1xi32>
  %ce, %z = motley.cross_entropy @head(%x) targets %target {z_loss = 0.000000e+00 : f64} : (tensor<1x2xf32>, tensor<1xi32>) -> (tensor<1xf32>, tensor<1xf32>)
  return %ce : tensor<1xf32>
}

// DEAD: error: target of live row 1 comes from a dead row
func.func @target_dead() -> tensor<2xf32> {
  %x = arith.constant dense<1.0> : tensor<2x2xf32>
  %target = arith.constant dense<0> : tensor<2xi32>
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i32
  %short = motley.group_by live %one : (i32) -> !motley.groups<1, 2>
  %long = motley.group_by live %two : (i32) -> !motley.groups<1, 2>
  %moved = motley.gather_rows %target by %short : (tensor<2xi32>, !motley.groups<1, 2>) -> tensor<2xi32>
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x) by %long targets %moved {z_loss = 0.000000e+00 : f64} : (tensor<2x2xf32>, !motley.groups<1, 2>, tensor<2xi32>) -> (tensor<2xf32>, tensor<2xf32>)
  return %ce : tensor<2xf32>
}

// MODALITY: error: modality 1 of row 1 is not in [0, 1)
// FEW: error: function 'modality_out_of_range' takes 1 arguments, got 0
// TYPE: error: argument 0 of 'modality_out_of_range' is a 'tensor<2xi32>', got floats of shape []
func.func @modality_out_of_range(%modality: tensor<2xi32>) -> tensor<2x2xf32> {
  %x = arith.constant dense<1.0> : tensor<2x2xf32>
  %y = motley.by_modality %modality : tensor<2xi32> -> (tensor<2x2xf32>) {
    %s = motley.silu %x : tensor<2x2xf32>
    motley.yield %s : tensor<2x2xf32>
  } case [@text]
  return %y : tensor<2x2xf32>
}

// MISSING: error: row 1 has a slot in the table but none in the one it is reindexed into
func.func @row_missing() -> !motley.groups<1, 2> {
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i32
  %short = motley.group_by live %one : (i32) -> !motley.groups<1, 2>
  %long = motley.group_by live %two : (i32) -> !motley.groups<1, 2>
  %g = motley.reindex %long into %short : (!motley.groups<1, 2>, !motley.groups<1, 2>) -> !motley.groups<1, 2>
  return %g : !motley.groups<1, 2>
}

// UNKNOWN: errors.mlir:[[@LINE+7]]:8: error: the interpreter has no meaning for 'tensor.rank'
// NOWHERE: error: no function 'nowhere' in the module
// TEXT: error: --arg: cannot read 'dense<[0, 1]>' as a value such as
// VARIABLE: error: --set 'param @none = 1.0 : f32': expected 'param|grad|m|v @VARIABLE = VALUE' with a variable of the module
// SHAPE: error: --set 'param @table = 1.0 : f32': expected floats of the variable's shape
func.func @unknown() -> index {
  %x = arith.constant dense<0.0> : tensor<2xf32>
  %r = tensor.rank %x : tensor<2xf32>
  return %r : index
}

// RECURSIVE: error: calls are nested deeper than 64; is 'recursive' recursive?
func.func @recursive() {
  call @recursive() : () -> ()
  return
}

// BODYLESS: error: the interpreter runs functions of one block, 'bodyless' has 0
func.func private @bodyless()

// STEP: error: steps count from 1, got 0
func.func @step_zero() {
  %lr = arith.constant 1.0 : f32
  %step = arith.constant 0 : i64
  %norm = arith.constant dense<1.0> : tensor<1xf32>
  motley.adamw @bank.head norm %norm learning_rate %lr step %step {beta1 = 5.000000e-01 : f64, beta2 = 7.500000e-01 : f64, epsilon = 5.000000e-01 : f64, weight_decay = 1.000000e-01 : f64, clip = 6.500000e+00 : f64} : tensor<1xf32>
  return
}

// INDEX: error: index 2 of dimension 0 is not in [0, 2)
func.func @index_out_of_range() -> f32 {
  %x = arith.constant dense<1.0> : tensor<2xf32>
  %i = arith.constant 2 : index
  %y = tensor.extract %x[%i] : tensor<2xf32>
  return %y : f32
}
