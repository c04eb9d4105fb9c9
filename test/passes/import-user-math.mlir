// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-import-user-math))' --split-input-file | FileCheck %s

#rd = affine_map<(r, d) -> (r, d)>
#r = affine_map<(r, d) -> (r)>

// Tests an activation with a constant from outside, a power, and flags that would let sums change their order.
// CHECK-LABEL: func.func @activation
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>
func.func @activation(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK: %[[Y:.*]] = motley.map(%[[X]]) : (tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32):
  // CHECK: %[[Z:.*]] = arith.constant 0.000000e+00 : f32
  // CHECK-NEXT: %[[M:.*]] = arith.maximumf %[[A]], %[[Z]] : f32
  // CHECK-NEXT: %[[S:.*]] = arith.mulf %[[M]], %[[M]] : f32
  // CHECK-NEXT: %[[C:.*]] = arith.mulf %[[S]], %[[M]] : f32
  // CHECK-NEXT: motley.yield %[[C]] : f32
  // CHECK: return %[[Y]]
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#rd, #rd], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.maximumf %a, %zero fastmath<fast> : f32
    %three = arith.constant 3.0 : f32
    %p = math.powf %m, %three : f32
    linalg.yield %p : f32
  } -> tensor<8x4xf32>
  // CHECK-NOT: linalg
  return %y : tensor<8x4xf32>
}

// -----

#rd = affine_map<(r, d) -> (r, d)>
#dr = affine_map<(d, r) -> (r, d)>
#r = affine_map<(d, r) -> (r)>

// Tests loops in another order, a value of the row in every column, two results of which one is what was read.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>, %[[S:.*]]: tensor<8xf32>
func.func @rows(%x: tensor<8x4xf32>, %s: tensor<8xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  // CHECK: %[[B:.*]] = motley.row_broadcast %[[S]] : tensor<8xf32> -> tensor<8x4xf32>
  // CHECK: %[[Y:.*]] = motley.map(%[[X]], %[[B]])
  // CHECK: return %[[Y]], %[[B]]
  %e = tensor.empty() : tensor<8x4xf32>
  %y:2 = linalg.generic {indexing_maps = [#dr, #r, #dr, #dr], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<8x4xf32>, tensor<8xf32>) outs(%e, %e : tensor<8x4xf32>, tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32, %p: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m, %b : f32, f32
  } -> (tensor<8x4xf32>, tensor<8x4xf32>)
  return %y#0, %y#1 : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

#rd = affine_map<(r, d) -> (r, d)>
#r = affine_map<(r, d) -> (r)>

// Tests sums over columns: of a product, onto what was there; of the columns themselves, from zero.
// CHECK-LABEL: func.func @sums
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>, %[[Y:.*]]: tensor<8x4xf32>, %[[S:.*]]: tensor<8xf32>
func.func @sums(%x: tensor<8x4xf32>, %y: tensor<8x4xf32>, %s: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  // CHECK: %[[P:.*]] = motley.map(%[[X]], %[[Y]])
  // CHECK: %[[T:.*]] = motley.row_sum %[[P]] : tensor<8x4xf32> -> tensor<8xf32>
  // CHECK: %[[D:.*]] = arith.addf %[[T]], %[[S]] : tensor<8xf32>
  %dot = linalg.generic {indexing_maps = [#rd, #rd, #r], iterator_types = ["parallel", "reduction"]}
      ins(%x, %y : tensor<8x4xf32>, tensor<8x4xf32>) outs(%s : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %sum, %m : f32
    linalg.yield %t : f32
  } -> tensor<8xf32>
  // CHECK: %[[U:.*]] = motley.row_sum %[[X]]
  // CHECK: return %[[D]], %[[U]]
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %u = linalg.reduce { arith.addf } ins(%x : tensor<8x4xf32>) outs(%f : tensor<8xf32>) dimensions = [1]
  return %dot, %u : tensor<8xf32>, tensor<8xf32>
}

// -----

// Tests operations with names, and that maps which only one other map reads move into it.
// CHECK-LABEL: func.func @named
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>, %[[S:.*]]: tensor<8xf32>
func.func @named(%x: tensor<8x4xf32>, %s: tensor<8xf32>) -> tensor<8x4xf32> {
  // CHECK: %[[B:.*]] = motley.row_broadcast %[[S]]
  // CHECK: %[[Y:.*]] = motley.map(%[[X]], %[[B]]) : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[C:.*]]: f32):
  // CHECK-NEXT: %[[E:.*]] = math.exp %[[A]] : f32
  // CHECK-NEXT: %[[N:.*]] = arith.negf %[[E]] : f32
  // CHECK-NEXT: %[[M:.*]] = arith.mulf %[[N]], %[[C]] : f32
  // CHECK-NEXT: motley.yield %[[M]] : f32
  // CHECK: return %[[Y]]
  %e = tensor.empty() : tensor<8x4xf32>
  %a = linalg.exp ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %b = linalg.map { arith.negf } ins(%a : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>)
  %c = linalg.broadcast ins(%s : tensor<8xf32>) outs(%e : tensor<8x4xf32>) dimensions = [1]
  %d = linalg.elementwise kind=#linalg.elementwise_kind<mul> ins(%b, %c : tensor<8x4xf32>, tensor<8x4xf32>)
      outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %d : tensor<8x4xf32>
}

// -----

// Tests operations on whole tensors: a condition stands with the select that reads it, what has kernels on tensors stays.
// CHECK-LABEL: func.func @tensors
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>
func.func @tensors(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK: %[[T:.*]] = math.tanh %[[X]] : tensor<8x4xf32>
  // CHECK: %[[Y:.*]] = motley.map(%[[X]], %[[T]])
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
  // CHECK: %[[C:.*]] = arith.cmpf ogt, %[[A]], %{{.*}} : f32
  // CHECK: %[[S:.*]] = arith.select %[[C]], %[[B]], %[[A]] : f32
  // CHECK: motley.yield %[[S]]
  // CHECK: return %[[Y]]
  // CHECK-NOT: xi1
  %one = arith.constant dense<1.0> : tensor<8x4xf32>
  %t = math.tanh %x : tensor<8x4xf32>
  %c = arith.cmpf ogt, %x, %one : tensor<8x4xf32>
  %y = arith.select %c, %t, %x : tensor<8x4xi1>, tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

motley.modality @text ids 0 to 4
motley.modality @image ids 4 to 8

// Tests that cases of by_modality, bodies of experts and of select_rows are reached.
// CHECK-LABEL: func.func @regions
func.func @regions(%x: tensor<8x4xf32>, %m: tensor<8xi32>, %c: tensor<8x2xi32>, %g: tensor<8x2xf32>, %k: tensor<8x1xi32>)
    -> (tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>) {
  // CHECK-COUNT-4: motley.map
  // CHECK-NOT: linalg
  %a = motley.by_modality %m : tensor<8xi32> -> (tensor<8x4xf32>) {
    %e = tensor.empty() : tensor<8x4xf32>
    %y = linalg.abs ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
    motley.yield %y : tensor<8x4xf32>
  } case [@text], {
    motley.yield %x : tensor<8x4xf32>
  } case [@image]
  %b = motley.experts %c gates %g (%x) : (tensor<8x2xi32>, tensor<8x2xf32>, tensor<8x4xf32>) -> tensor<8x4xf32> {
  ^bb0(%s: tensor<8x4xf32>):
    %y = math.sqrt %s : tensor<8x4xf32>
    motley.yield %y : tensor<8x4xf32>
  }, {
  ^bb0(%s: tensor<8x4xf32>):
    %y = math.absf %s : tensor<8x4xf32>
    motley.yield %y : tensor<8x4xf32>
  }
  %d = motley.select_rows %k (%x) otherwise %x : (tensor<8x1xi32>, tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32> {
  ^bb0(%s: tensor<4x4xf32>):
    %y = math.sin %s : tensor<4x4xf32>
    motley.yield %y : tensor<4x4xf32>
  }
  return %a, %b, %d : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>
}
