// RUN: motley-opt %s | motley-opt | FileCheck %s

// Tests the forms of row operations that the examples of the descriptions don't show.

motley.variable @g : tensor<8xf32> init constant 1.0
motley.variable @head_gain : tensor<2xf32> init constant 1.0
motley.variable @w : tensor<8x1xf32> init normal 0.02

// CHECK-LABEL: @norm
func.func @norm(%x: tensor<1x8xf32>) {
  // A width of one head is the default and is not printed.
  // CHECK: motley.norm layer %{{.*}} gain @g {epsilon = 1.000000e-05 : f64} : tensor<1x8xf32>
  %a = motley.norm layer %x gain @g {epsilon = 1.0e-5 : f64} : tensor<1x8xf32>
  // CHECK: motley.norm rms %{{.*}} gain @head_gain {epsilon = 1.000000e-05 : f64, heads = 4 : i64}
  %b = motley.norm rms %x gain @head_gain {epsilon = 1.0e-5 : f64, heads = 4 : i64} : tensor<1x8xf32>
  return
}

// CHECK-LABEL: @rope
func.func @rope(%x: tensor<1x8xf32>, %p: tensor<1xi32>) {
  // CHECK: motley.rope inverse %{{.*}} at %{{.*}} {heads = 1 : i64, theta = 5.000000e+05 : f64}
  %y = motley.rope inverse %x at %p {heads = 1 : i64, theta = 5.0e5 : f64} : tensor<1x8xf32>, tensor<1xi32>
  return
}

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<4x8xf32>, %i: tensor<4xi32>) {
  // CHECK: motley.attention full %{{.*}}, %{{.*}}, %{{.*}} {heads = 2 : i64, kv_heads = 2 : i64}
  %a = motley.attention full %q, %q, %q {heads = 2 : i64, kv_heads = 2 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: motley.attention span %{{.*}}, %{{.*}}, %{{.*}} span %{{.*}} {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.000000e+00 : f64}
  %b = motley.attention span %q, %q, %q span %i {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xi32>) -> tensor<4x8xf32>
  // CHECK: motley.attention causal {{.*}} documents %{{.*}} order %{{.*}} span %{{.*}} {
  %c = motley.attention causal %q, %q, %q documents %i order %i span %i {heads = 2 : i64, kv_heads = 2 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4x8xf32>
  return
}

// Tests that a matrix may have one column, and a loss no z term.
// CHECK-LABEL: @narrow
func.func @narrow(%x: tensor<1x8xf32>, %t: tensor<1xi32>) {
  // CHECK: motley.linear @w(%{{.*}}) : (tensor<1x8xf32>) -> tensor<1x1xf32>
  %y = motley.linear @w(%x) : (tensor<1x8xf32>) -> tensor<1x1xf32>
  // CHECK: motley.cross_entropy @w(%{{.*}}) targets %{{.*}} {z_loss = 0.000000e+00 : f64}
  %ce, %z = motley.cross_entropy @w(%x) targets %t {z_loss = 0.0 : f64} : (tensor<1x8xf32>, tensor<1xi32>) -> (tensor<1xf32>, tensor<1xf32>)
  return
}

// Tests that activations take scalars and tensors of any rank alike.
// CHECK-LABEL: @activations
func.func @activations(%s: f32, %t: tensor<2x3x4xf32>) {
  // CHECK: motley.silu %{{.*}} : f32
  %a = motley.silu %s : f32
  // CHECK: motley.gelu %{{.*}} : tensor<2x3x4xf32>
  %b = motley.gelu %t : tensor<2x3x4xf32>
  // CHECK: motley.relu_slope %{{.*}} : f32
  %c = motley.relu_slope %s : f32
  return
}
