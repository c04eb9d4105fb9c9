// RUN: motley-opt %s --motley-assign-layouts --split-input-file --verify-diagnostics | FileCheck %s

// Tests that what is multiplied gets panels, what is looked up rows, and that vectors are left alone.

motley.variable @w : tensor<32x48xf32> init normal 2.0e-02
motley.variable @e : tensor<128x32xf32> init normal 2.0e-02
motley.variable @h : tensor<32x128xf32> init normal 2.0e-02
motley.variable @g : tensor<32xf32> init constant 1.0
// CHECK: motley.bank @bank.w {{.*}} layout panels
motley.bank @bank.w [[@w]]
// CHECK: motley.bank @bank.e {{.*}} layout rows
motley.bank @bank.e [[@e]]
// CHECK: motley.bank @bank.h {{.*}} layout panels
motley.bank @bank.h [[@h]]
// CHECK: motley.bank @bank.g
// CHECK-NOT: layout
motley.bank @bank.g [[@g]]
// CHECK: func.func @f
func.func @f(%token: tensor<64xi32>, %live: i32) -> (tensor<64x48xf32>, tensor<64xf32>) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  %x = motley.grouped_embedding @bank.e(%token) by %g : (tensor<64xi32>, !motley.groups<1, 64>) -> tensor<64x32xf32>
  %n, %s = motley.grouped_norm rms %x, gain @bank.g map [0] by %g {epsilon = 1.0e-05 : f64} : tensor<64x32xf32>, !motley.groups<1, 64> -> tensor<64x1xf32>
  %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%n) by %g : (tensor<64x32xf32>, !motley.groups<1, 64>) -> tensor<64x48xf32>
  %ce, %z = motley.grouped_cross_entropy @bank.h(%n) by %g targets %token {z_loss = 0.0 : f64} : (tensor<64x32xf32>, !motley.groups<1, 64>, tensor<64xi32>) -> (tensor<64xf32>, tensor<64xf32>)
  return %y, %ce : tensor<64x48xf32>, tensor<64xf32>
}

// -----

// Tests that a matrix that only init and update touch gets panels, and that a layout written by hand stays.

motley.variable @w : tensor<32x48xf32> init normal 2.0e-02
motley.variable @e : tensor<128x32xf32> init normal 2.0e-02
// CHECK: motley.bank @bank.w {{.*}} layout panels
motley.bank @bank.w [[@w]]
// CHECK: motley.bank @bank.e {{.*}} layout rows
motley.bank @bank.e [[@e]] layout rows

// -----

// Tests that a table cannot be a factor as well, though the two uses are in two functions.

motley.variable @e : tensor<32x32xf32> init normal 2.0e-02
motley.bank @bank.e [[@e]]
func.func @lookup(%token: tensor<64xi32>, %live: i32) -> tensor<64x32xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  // expected-note @below {{looked up as a table here}}
  %x = motley.grouped_embedding @bank.e(%token) by %g : (tensor<64xi32>, !motley.groups<1, 64>) -> tensor<64x32xf32>
  return %x : tensor<64x32xf32>
}
func.func @multiply(%x: tensor<64x32xf32>, %live: i32) -> tensor<64x32xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  // expected-error @below {{bank @bank.e is multiplied as a matrix here and looked up as a table elsewhere; use two variables, one for each}}
  %y = motley.grouped_matmul @bank.e ranges [0] map [0] (%x) by %g : (tensor<64x32xf32>, !motley.groups<1, 64>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// -----

motley.variable @w : tensor<32x32xf32> init normal 2.0e-02
// expected-error @below {{has layout rows and is multiplied as a matrix}}
motley.bank @bank.w [[@w]] layout rows
func.func @multiply(%x: tensor<64x32xf32>, %live: i32) -> tensor<64x32xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<64x32xf32>, !motley.groups<1, 64>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}
