// RUN: motley-opt %s | motley-opt | FileCheck %s

// Tests the forms of grouped operations that the examples of the descriptions don't show.

motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8x24xf32> init normal 0.02
motley.variable @v : tensor<8xf32> init constant 1.0
motley.variable @w : tensor<8xf32> init constant 0.0
motley.bank @matrices [[@a, @b]]
motley.bank @gain [[@v]]
motley.bank @bias [[@w]]

// Tests that ranges may be used in any order and of different widths, and that groups may be left out.
// CHECK-LABEL: @ranges
func.func @ranges(%x: tensor<4x8xf32>, %g: !motley.groups<3, 4>) {
  // CHECK: %[[Y:.*]]:2 = motley.grouped_matmul @matrices ranges [1, 0] map [-1, 0, 0] (%{{.*}}) by
  %y:2 = motley.grouped_matmul @matrices ranges [1, 0] map [-1, 0, 0] (%x) by %g : (tensor<4x8xf32>, !motley.groups<3, 4>) -> (tensor<4x24xf32>, tensor<4x8xf32>)
  // CHECK: motley.grouped_matmul transposed @matrices ranges [1, 0] map [-1, -1, -1] (%[[Y]]#0, %[[Y]]#1)
  %d = motley.grouped_matmul transposed @matrices ranges [1, 0] map [-1, -1, -1] (%y#0, %y#1) by %g : (tensor<4x24xf32>, tensor<4x8xf32>, !motley.groups<3, 4>) -> tensor<4x8xf32>
  return
}

// Tests that an epilogue may give several results, of a transposed product too, and hold constants.
// CHECK-LABEL: @epilogue
func.func @epilogue(%x: tensor<4x8xf32>, %g: !motley.groups<1, 4>) {
  // CHECK: motley.grouped_matmul transposed @matrices {{.*}} extra(%{{.*}}) : {{.*}} -> (tensor<4x8xf32>, tensor<4x8xf32>) epilogue {
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[EXTRA:.*]]: f32):
  // CHECK: motley.yield %{{.*}}, %[[ACC]] : f32, f32
  %y:2 = motley.grouped_matmul transposed @matrices ranges [0] map [0] (%x) by %g extra (%x) : (tensor<4x8xf32>, !motley.groups<1, 4>, tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) epilogue {
  ^bb0(%acc: f32, %extra: f32):
    %c = arith.constant 2.0 : f32
    %s = arith.mulf %extra, %c : f32
    %t = motley.silu_slope %s : f32
    motley.yield %t, %acc : f32, f32
  }
  return
}

// Tests that products read rows where they lie, round their operands, take one value for each row and give sums of panels.
// CHECK-LABEL: @gathered
func.func @gathered(%x: tensor<6x8xf32>, %y: tensor<4x24xf32>, %w: tensor<4xf32>, %t: !motley.groups<1, 4 of 6>, %add: i1) {
  // CHECK: motley.grouped_matmul @matrices ranges [1] map [0] (%{{.*}}) gathered by %{{.*}} precision bf16 extra(%{{.*}}) : (tensor<6x8xf32>, !motley.groups<1, 4 of 6>, tensor<4xf32>) -> (tensor<4x1xf32>, tensor<4x24xf32>) epilogue {
  %s:2 = motley.grouped_matmul @matrices ranges [1] map [0] (%x) gathered by %t precision bf16 extra (%w) : (tensor<6x8xf32>, !motley.groups<1, 4 of 6>, tensor<4xf32>) -> (tensor<4x1xf32>, tensor<4x24xf32>) epilogue {
  ^bb0(%acc: f32, %gate: f32):
    %z = arith.mulf %acc, %gate : f32
    motley.yield %z, %acc : f32, f32
  }
  // CHECK: motley.grouped_outer %{{.*}} gathered, (%{{.*}}) into @matrices ranges [1] map [0] by %{{.*}} precision bf16 add
  motley.grouped_outer %x gathered, (%y) into @matrices ranges [1] map [0] by %t precision bf16 add %add : tensor<6x8xf32>, (tensor<4x24xf32>), !motley.groups<1, 4 of 6>
  // CHECK: motley.grouped_outer %{{.*}}, (%{{.*}}) gathered into @matrices
  %g = motley.gather_rows %x by %t : (tensor<6x8xf32>, !motley.groups<1, 4 of 6>) -> tensor<4x8xf32>
  motley.grouped_outer %g, (%x) gathered into @matrices ranges [0] map [0] by %t precision f32 add %add : tensor<4x8xf32>, (tensor<6x8xf32>), !motley.groups<1, 4 of 6>
  return
}

// CHECK-LABEL: @norm
func.func @norm(%x: tensor<4x8xf32>, %g: !motley.groups<1, 4>, %add: i1) {
  // CHECK: motley.grouped_norm layer %{{.*}}, gain @gain bias @bias map [0] by %{{.*}} {epsilon = 1.000000e-05 : f64}
  %y, %s = motley.grouped_norm layer %x, gain @gain bias @bias map [0] by %g {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, !motley.groups<1, 4> -> tensor<4x2xf32>
  // CHECK: motley.grouped_norm_backward layer {{.*}} into gain @gain bias @bias map [0] by
  %d = motley.grouped_norm_backward layer %x, %x, %s into gain @gain bias @bias map [0] by %g add %add {epsilon = 1.0e-5 : f64} : tensor<4x8xf32>, tensor<4x2xf32>, !motley.groups<1, 4>
  return
}

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<4x8xf32>, %i: tensor<4xi32>, %g: !motley.groups<4, 4>) {
  // CHECK: motley.grouped_attention full %{{.*}}, %{{.*}}, %{{.*}} over %{{.*}} {heads
  %a, %l = motley.grouped_attention full %q, %q, %q over %g {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, !motley.groups<4, 4>) -> (tensor<4x8xf32>, tensor<4x2xf32>)
  // CHECK: motley.grouped_attention_backward span {{.*}} over %{{.*}} order %{{.*}} span %{{.*}} {heads
  %dq, %dk, %dv = motley.grouped_attention_backward span %q, %q, %q, %q, %a, %l over %g order %i span %i {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x2xf32>, !motley.groups<4, 4>, tensor<4xi32>, tensor<4xi32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>)
  return
}

// Tests that what is permuted may be integers or floats, of rank 1 or 2; and that a table may have more groups than slots.
// CHECK-LABEL: @rows
func.func @rows(%i: tensor<1xi32>, %m: tensor<1x2xi32>, %f: tensor<1xf32>, %live: i32) {
  // CHECK: motley.group_by %{{.*}} live %{{.*}} : (tensor<1xi32>, i32) -> !motley.groups<2147483647, 1>
  %g = motley.group_by %i live %live : (tensor<1xi32>, i32) -> !motley.groups<2147483647, 1>
  // CHECK: motley.gather_rows %{{.*}} : (tensor<1x2xi32>, !motley.groups<2147483647, 1>) -> tensor<1x2xi32>
  %a = motley.gather_rows %m by %g : (tensor<1x2xi32>, !motley.groups<2147483647, 1>) -> tensor<1x2xi32>
  // CHECK: motley.combine_rows %{{.*}} : (tensor<1xf32>, !motley.groups<2147483647, 1>) -> tensor<1xf32>
  %b = motley.combine_rows %f by %g : (tensor<1xf32>, !motley.groups<2147483647, 1>) -> tensor<1xf32>
  return
}

// CHECK-LABEL: @map
func.func @map(%x: tensor<2x3x4xf32>) {
  // CHECK: %{{.*}}:2 = motley.map(%{{.*}}) : (tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %y:2 = motley.map (%x) : (tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  ^bb0(%s: f32):
    %z = arith.constant 0.0 : f32
    %p = arith.cmpf ogt, %s, %z : f32
    %t = arith.select %p, %s, %z : f32
    motley.yield %t, %s : f32, f32
  }
  return
}
