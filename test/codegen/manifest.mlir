// RUN: motleyc --from plan --emit so %s -o %t.so
// RUN: %python %S/Inputs/run_artifact.py %t.so | FileCheck %s

// Tests the linked artefact from outside: its trailer, its tables, its manifest, and a step that runs with a launch
// function written in Python.

motley.modality @text ids 0 to 40
motley.variable @a.q : tensor<8x40xf32> init normal 1.000000e-01
motley.variable @a.k : tensor<8x32xf32> init normal 1.000000e-01
motley.variable @b.q : tensor<8x40xf32> init normal 1.000000e-01
motley.variable @b.k : tensor<8x32xf32> init normal 1.000000e-01
motley.variable @gain : tensor<8xf32> init constant 1.000000e+00
motley.variable @embed : tensor<40x8xf32> init normal 1.000000e-01
motley.bank @bank.qk [[@a.q, @a.k], [@b.q, @b.k]] layout panels
motley.bank @bank.gain [[@gain]]
motley.bank @bank.embed [[@embed]] layout rows

plan.kernel @fill #plan.fill<1.500000e+00 : f32> [memref<10x5xf32>] access [write]
plan.kernel @fill_bank #plan.fill<2.500000e+00 : f32> [memref<2x3x8x32xf32>] access [write]
plan.step @zero arena 256 {
  %x = plan.output "x" : memref<10x5xf32>
  %w = plan.state @bank.qk param : memref<2x3x8x32xf32>
  %g = plan.state @bank.qk grad : memref<2x3x8x32xf32>
  plan.launch @fill (%x) factor 1 : memref<10x5xf32>
  plan.launch @fill_bank (%w) factor 1 : memref<2x3x8x32xf32>
  plan.launch @fill_bank (%g) factor 1 : memref<2x3x8x32xf32>
}

// CHECK: trailer ok
// CHECK: abi 2 levels 3 kernels 2 steps 1
// CHECK: state bank.qk slots param,grad shape [2, 3, 8, 32]
// CHECK-NEXT:   a.q member 0 panel 0 shape [8, 40]
// CHECK-NEXT:   a.k member 0 panel 2 shape [8, 32]
// CHECK-NEXT:   b.q member 1 panel 0 shape [8, 40]
// CHECK-NEXT:   b.k member 1 panel 2 shape [8, 32]
// CHECK: state bank.gain slots param shape [1, 8]
// CHECK-NEXT:   gain member 0 panel 0 shape [8]
// CHECK: state bank.embed slots param shape [40, 8]
// CHECK-NEXT:   embed member 0 panel 0 shape [40, 8] table
// CHECK: step zero symbol motley_step_zero arena 256 launches 3
// CHECK-NEXT:   output x f32 [10, 5]
// CHECK-NEXT:   state bank.qk param
// CHECK-NEXT:   state bank.qk grad
// CHECK: zero returned 0 after launches 0 1 1
// CHECK-NEXT:   buffer 0: 1.5 x 50
// CHECK-NEXT:   buffer 1: 2.5 x 1536
// CHECK-NEXT:   buffer 2: 2.5 x 1536
// CHECK: zero returned 7 after launches 0
