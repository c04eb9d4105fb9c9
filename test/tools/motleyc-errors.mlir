// Tests that a mistake on the command line is one message and exit code 1.

// RUN: not motleyc 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: motleyc: error: no file to compile; motleyc --help says how
// RUN: not motleyc --colour %s 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: motleyc: error: unknown option --colour; motleyc --help lists them
// RUN: not motleyc %s %s 2>&1 | FileCheck %s --check-prefix=TWO
// TWO: motleyc: error: one file at a time
// RUN: not motleyc --emit wasm %s 2>&1 | FileCheck %s --check-prefix=EMIT
// EMIT: motleyc: error: cannot emit 'wasm', expected motley, grouped, plan, kernel, llvm, asm, obj or so
// RUN: not motleyc --target=cuda %s 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: motleyc: error: unknown target 'cuda', expected cpu
// RUN: not motleyc --from plan --emit grouped %s 2>&1 | FileCheck %s --check-prefix=LATER
// LATER: motleyc: error: cannot emit grouped from plan, which is later
// RUN: not motleyc --memory=2GB %s 2>&1 | FileCheck %s --check-prefix=MEMORY
// MEMORY: motleyc: error: --memory is '2GB', expected a number of bytes above 0
// RUN: not motleyc --memory 5 --from grouped %s 2>&1 | FileCheck %s --check-prefix=GROUPED
// GROUPED: motleyc: error: --memory is for what is made of the motley level, got --from grouped --emit so
// RUN: not motleyc --emit 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: motleyc: error: --emit needs a value
// RUN: not motleyc %t.absent 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: motleyc: error: cannot open input file
// RUN: not motleyc --emit so - < %s 2>&1 | FileCheck %s --check-prefix=OUTPUT
// OUTPUT: motleyc: error: -o FILE is needed for so from standard input

// Tests that a mistake in the module shows the line and a caret, at the user's own place, and nothing of ours.

// RUN: not motleyc --emit plan %s -o %t.plan 2>&1 | FileCheck %s --check-prefix=MODULE
// MODULE: model.py:12:8: error: {{.*}}bank @bank.e is looked up as a table here and multiplied as a matrix elsewhere
// MODULE-NEXT: motleyc-errors.mlir:[[# @LINE + 6]]:8: note: multiplied as a matrix here
// MODULE-NEXT: {{^}}  %y = motley.linear @e(%x)
// MODULE-NEXT: {{^}}       ^
// MODULE-NOT: see current operation
motley.variable @e : tensor<32x32xf32> init normal 0.02
func.func @f(%x: tensor<64x32xf32>, %t: tensor<64xi32>) -> tensor<64x32xf32> {
  %y = motley.linear @e(%x) : (tensor<64x32xf32>) -> tensor<64x32xf32>
  %z = motley.embedding @e(%t) : (tensor<64xi32>) -> tensor<64x32xf32> loc("model.py":12:8)
  %s = arith.addf %y, %z : tensor<64x32xf32>
  return %s : tensor<64x32xf32>
}
