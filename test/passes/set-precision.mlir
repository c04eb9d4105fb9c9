// RUN: motley-opt %s --motley-set-precision --split-input-file | FileCheck %s

// Tests that products take the precision of the module, forward, transposed and with the head, but for those that have their own.
module attributes {motley.precision = #motley<precision bf16>} {
  motley.variable @w : tensor<16x16xf32> init normal 0.02
  motley.variable @head : tensor<16x40xf32> init normal 0.02
  motley.bank @bank.w [[@w]]
  motley.bank @bank.head [[@head]]
  // CHECK-LABEL: func.func @products
  func.func @products(%x: tensor<32x16xf32>, %t: tensor<32xi32>, %live: i32) -> (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32xf32>) {
    %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
    // CHECK: motley.grouped_matmul @bank.w {{.*}} precision bf16 :
    %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
    // CHECK: motley.grouped_matmul @bank.w {{.*}} precision f32 :
    %b = motley.grouped_matmul @bank.w ranges [0] map [0] (%a) by %g precision f32 : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
    // CHECK: motley.grouped_matmul transposed @bank.w {{.*}} precision bf16 :
    %c = motley.grouped_matmul transposed @bank.w ranges [0] map [0] (%b) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
    // CHECK: motley.grouped_cross_entropy @bank.head{{.*}} precision bf16
    %ce, %z = motley.grouped_cross_entropy @bank.head(%c) by %g targets %t {z_loss = 0.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
    return %b, %c, %ce : tensor<32x16xf32>, tensor<32x16xf32>, tensor<32xf32>
  }
}

// -----

// Tests that f32, and a module that says nothing, leave products as they are.
module attributes {motley.precision = #motley<precision f32>} {
  motley.variable @w : tensor<16x16xf32> init normal 0.02
  motley.bank @bank.w [[@w]]
  // CHECK-LABEL: func.func @exact
  // CHECK-NOT: precision
  func.func @exact(%x: tensor<32x16xf32>, %live: i32) -> tensor<32x16xf32> {
    %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
    %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
    // CHECK: return
    return %a : tensor<32x16xf32>
  }
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]
// CHECK-LABEL: func.func @silent
// CHECK-NOT: precision
func.func @silent(%x: tensor<32x16xf32>, %live: i32) -> tensor<32x16xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // CHECK: return
  return %a : tensor<32x16xf32>
}

// -----

// Tests that the adjoints of a product, made later, have its precision.
// RUN: motley-opt %s --split-input-file --pass-pipeline='builtin.module(motley-set-precision,func.func(motley-differentiate))' | FileCheck %s --check-prefix=ADJOINT
module attributes {motley.precision = #motley<precision bf16>} {
  motley.modality @text ids 0 to 40
  motley.variable @w : tensor<16x16xf32> init normal 0.02
  motley.variable @router : tensor<16x16xf32> init normal 0.02
  motley.variable @head : tensor<16x40xf32> init normal 0.02
  motley.bank @bank.w [[@w]]
  motley.bank @bank.router [[@router]]
  motley.bank @bank.head [[@head]]
  // ADJOINT-LABEL: func.func @adjoints
  // ADJOINT: motley.grouped_cross_entropy_backward @bank.head{{.*}} precision bf16
  // ADJOINT-DAG: motley.grouped_outer {{.*}} into @bank.router {{.*}} precision f32
  // ADJOINT-DAG: motley.grouped_matmul transposed @bank.router {{.*}} precision f32
  // ADJOINT-DAG: motley.grouped_outer {{.*}} into @bank.w {{.*}} precision bf16
  // ADJOINT-DAG: motley.grouped_matmul transposed @bank.w {{.*}} precision bf16
  func.func @adjoints(%x: tensor<32x16xf32>, %t: tensor<32xi32>, %seed: tensor<32xf32>, %add: i1, %live: i32) -> tensor<32xf32> {
    %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
    %e = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
    %a = motley.grouped_matmul @bank.w ranges [0] map [0] (%e) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
    %b = motley.grouped_matmul @bank.router ranges [0] map [0] (%a) by %g precision f32 : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
    %ce, %z = motley.grouped_cross_entropy @bank.head(%b) by %g targets %t {z_loss = 0.0 : f64} : (tensor<32x16xf32>, !motley.groups<1, 32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
    motley.backward (%ce) cotangents (%seed) add %add : (tensor<32xf32>), (tensor<32xf32>)
    return %ce : tensor<32xf32>
  }
}
