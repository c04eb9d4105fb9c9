// RUN: motley-opt %s --motley-assign-layouts --motley-choose-kernels --motley-lower-to-plan --split-input-file | FileCheck %s
// RUN: motley-opt %s --motley-to-plan --split-input-file -o /dev/null

// Tests norms, bias, rope and tables, and the gradients of vectors and tables: the adjoint of a norm is two kernels.

motley.variable @e : tensor<128x32xf32> init normal 2.0e-02
motley.variable @g0 : tensor<32xf32> init constant 1.0
motley.variable @g1 : tensor<32xf32> init constant 1.0
motley.variable @b0 : tensor<32xf32> init constant 0.0
motley.variable @b1 : tensor<32xf32> init constant 0.0
motley.bank @bank.e [[@e]]
motley.bank @bank.g [[@g0], [@g1]]
motley.bank @bank.b [[@b0], [@b1]]
// CHECK-DAG: plan.kernel @norm_0 #plan.norm<layer, heads = 1, epsilon = 1.000000e-05 : f64, has_bias = true, map = [0, 1]>
// CHECK-DAG: plan.kernel @norm_gain_0 #plan.norm_gain<layer, heads = 1, has_bias = true, map = [0, 1]> {{.*}} access [read, read, read, read, read, read_write, read_write]
// CHECK-LABEL: plan.step @rows
// CHECK: plan.launch @embedding_0({{.*}}) factor 2
// CHECK: plan.launch @norm_0(%[[X:.*]], %[[GAIN:.*]], %[[BIAS:.*]], %[[LIST:.*]], %[[N:.*]], %[[S:.*]]) count
// CHECK: plan.launch @bias_0(%[[N]], %[[BIAS]], %[[LIST]], %[[Y:.*]]) count
// CHECK: plan.launch @rope_0(%[[Y]], %{{.*}}, %[[R:.*]]) factor 2
// CHECK: plan.launch @column_sum_0(%[[R]], %{{.*}}) factor 1
// CHECK: plan.launch @norm_backward_0(%[[R]], %[[X]], %[[S]], %[[GAIN]], %[[LIST]], %[[D:.*]]) count
// CHECK: plan.launch @norm_gain_0(%[[R]], %[[X]], %[[S]], %{{.*}}) factor 2
// CHECK: plan.launch @embedding_backward_0(%[[D]], {{.*}}) factor 2
func.func @rows(%token: tensor<64xi32> {motley.field = #motley.field<token>}, %modality: tensor<64xi32> {motley.field = #motley.field<modality>}, %position: tensor<64xi32> {motley.field = #motley.field<position>}, %live: i32 {motley.field = #motley.field<live>}, %add: i1 {motley.scalar = "add"}) -> tensor<64x32xf32> {
  %g = motley.group_by %modality live %live : (tensor<64xi32>, i32) -> !motley.groups<2, 64>
  %t = motley.group_by %token live %live : (tensor<64xi32>, i32) -> !motley.groups<128, 64>
  %x = motley.grouped_embedding @bank.e(%token) by %g : (tensor<64xi32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
  %n, %s = motley.grouped_norm layer %x, gain @bank.g bias @bank.b map [0, 1] by %g {epsilon = 1.0e-05 : f64} : tensor<64x32xf32>, !motley.groups<2, 64> -> tensor<64x2xf32>
  %y = motley.grouped_bias %n, @bank.b map [0, 0] by %g : tensor<64x32xf32>, !motley.groups<2, 64>
  %r = motley.rope %y at %position {heads = 4 : i64, theta = 1.0e+04 : f64} : tensor<64x32xf32>, tensor<64xi32>
  motley.grouped_sum %r into @bank.b map [0, 0] by %g add %add : tensor<64x32xf32>, !motley.groups<2, 64>
  %d = motley.grouped_norm_backward layer %r, %x, %s into gain @bank.g bias @bank.b map [0, 1] by %g add %add {epsilon = 1.0e-05 : f64} : tensor<64x32xf32>, tensor<64x2xf32>, !motley.groups<2, 64>
  motley.grouped_embedding_backward %d into @bank.e by %t add %add : tensor<64x32xf32>, !motley.groups<128, 64>
  return %d : tensor<64x32xf32>
}

// -----

// Tests attention: tiles of documents, units for each head; the adjoint is delta, query (heads) and key (key heads).

// CHECK: plan.kernel @tiles_0 #plan.tiles<row_tile = 32> [memref<65xi32>, memref<66x3xi32>, memref<1xi32>]
// CHECK: plan.kernel @attention_0 #plan.attention<causal, heads = 4, kv_heads = 2, scale = {{[^,]*}}, has_order = true, has_span = false>
// CHECK-LABEL: plan.step @attention
// CHECK: plan.launch @attention_0(%[[Q:.*]], %[[K:.*]], %[[V:.*]], %[[ROW:.*]], %[[OFFSET:.*]], %[[LIST:.*]], %[[ORDER:.*]], %[[Y:.*]], %[[L:.*]]) count %[[COUNT:.*]] factor 4
// CHECK: plan.launch @attention_delta_0(%[[Q]], %[[Y]], %[[DELTA:.*]]) factor 2
// CHECK: plan.launch @attention_query_0(%[[Q]], %[[Q]], %[[K]], %[[V]], %[[L]], %[[DELTA]], %[[ROW]], %[[OFFSET]], %[[LIST]], %[[ORDER]], %{{.*}}) count %[[COUNT]] factor 4
// CHECK: plan.launch @attention_key_0(%[[Q]], %[[Q]], %[[K]], %[[V]], %[[L]], %[[DELTA]], %[[ROW]], %[[OFFSET]], %[[LIST]], %[[ORDER]], %{{.*}}, %{{.*}}) count %[[COUNT]] factor 2
func.func @attention(%q: tensor<64x32xf32>, %k: tensor<64x16xf32>, %v: tensor<64x16xf32>, %document: tensor<64xi32>, %order: tensor<64xi32>, %live: i32) -> (tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>) {
  %d = motley.group_by %document live %live : (tensor<64xi32>, i32) -> !motley.groups<64, 64>
  %a, %l = motley.grouped_attention causal %q, %k, %v over %d order %order {heads = 4 : i64, kv_heads = 2 : i64, scale = 3.535534e-01 : f64} : (tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>, !motley.groups<64, 64>, tensor<64xi32>) -> (tensor<64x32xf32>, tensor<64x4xf32>)
  %dq, %dk, %dv = motley.grouped_attention_backward causal %q, %q, %k, %v, %a, %l over %d order %order {heads = 4 : i64, kv_heads = 2 : i64, scale = 3.535534e-01 : f64} : (tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>, tensor<64x32xf32>, tensor<64x4xf32>, !motley.groups<64, 64>, tensor<64xi32>) -> (tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>)
  return %dq, %dk, %dv : tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>
}

// -----

// Tests the head: windows of rows, the last one short; the first overwrites the gradient as the function says, the second adds.

motley.modality @text ids 0 to 100
motley.modality @image ids 100 to 128
motley.variable @h : tensor<32x128xf32> init normal 2.0e-02
motley.bank @bank.h [[@h]]
// CHECK-LABEL: plan.step @head
// CHECK-DAG: %[[TRUE:.*]] = plan.constant true
// CHECK-DAG: %[[ZERO:.*]] = plan.constant 0 : i64
// CHECK-DAG: %[[BEGIN0:.*]] = plan.constant 0 : i32
// CHECK-DAG: %[[BEGIN1:.*]] = plan.constant 256 : i32
// CHECK-DAG: %[[BEGIN1LONG:.*]] = plan.constant 256 : i64
// CHECK-DAG: %[[END:.*]] = plan.constant 320 : i32
// CHECK-DAG: %[[ADD:.*]] = plan.scalar "add" : i1
// CHECK-DAG: %[[SUMS:.*]] = plan.output "loss_sums" : memref<2x2xf64>
// CHECK-DAG: %[[X:.*]] = plan.input "arg0"
// CHECK: %[[LOGITS:.*]] = plan.alloc : memref<256x128xf32>
// CHECK: plan.launch @clamp_offsets_0(%[[OFFSET:.*]], %[[BEGIN0]], %[[BEGIN1]], %[[CLAMPED:.*]]) factor 1
// CHECK: %[[FIRST:.*]] = plan.window %[[LOGITS]] begin 0 : memref<256x128xf32> to memref<320x128xf32>
// CHECK: plan.launch @tiles_0(%[[CLAMPED]], %[[LIST:.*]], %{{.*}}) factor 1
// CHECK: plan.launch @matmul_0(%[[X]], %[[H:.*]], %[[LIST]], %[[FIRST]])
// CHECK: plan.launch @softmax_cross_entropy_0(%[[FIRST]], %[[TARGET:.*]], %[[CLAMPED]], %[[ZERO]], %[[DCE:.*]], %[[DZ:.*]], %[[CE:.*]], %[[Z:.*]]) factor 32
// CHECK: plan.launch @matmul_1(%[[FIRST]], %[[H]], %{{.*}}, %[[DX:.*]]) count
// CHECK: plan.launch @outer_0(%[[X]], %[[FIRST]], %[[CLAMPED]], %[[ADD]], %[[G:.*]]) factor
// CHECK: plan.launch @clamp_offsets_0(%[[OFFSET]], %[[BEGIN1]], %[[END]], %[[CLAMPED1:.*]]) factor 1
// CHECK: %[[SECOND:.*]] = plan.window %[[LOGITS]] begin 256
// CHECK: plan.launch @matmul_0(%[[X]], %[[H]], %{{.*}}, %[[SECOND]])
// CHECK: plan.launch @softmax_cross_entropy_0(%[[SECOND]], %[[TARGET]], %[[CLAMPED1]], %[[BEGIN1LONG]], %[[DCE]], %[[DZ]], %[[CE]], %[[Z]]) factor 8
// CHECK: plan.launch @matmul_1(%[[SECOND]], %[[H]], %{{.*}}, %[[DX]])
// CHECK: plan.launch @outer_0(%[[X]], %[[SECOND]], %[[CLAMPED1]], %[[TRUE]], %[[G]])
// CHECK: plan.launch @loss_sums_0(%[[CE]], %[[Z]], %{{.*}}, %[[TARGET]], %[[OFFSET]], %[[SUMS]]) factor 1
func.func @head(%x: tensor<320x32xf32>, %target: tensor<320xi32> {motley.field = #motley.field<target>}, %weight: tensor<320xf32> {motley.field = #motley.field<weight>}, %live: i32 {motley.field = #motley.field<live>}, %add: i1 {motley.scalar = "add"}) -> (tensor<2x2xf64>, tensor<320x32xf32>) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 320>
  %ce, %z, %dx = motley.grouped_cross_entropy_backward @bank.h(%x) by %g targets %target cotangents %weight, %weight add %add {z_loss = 1.0e-05 : f64} : (tensor<320x32xf32>, !motley.groups<1, 320>, tensor<320xi32>, tensor<320xf32>, tensor<320xf32>, i1) -> (tensor<320xf32>, tensor<320xf32>, tensor<320x32xf32>)
  %s = motley.loss_sums (%ce, %z) weights %weight targets %target by %g : (tensor<320xf32>, tensor<320xf32>, tensor<320xf32>, tensor<320xi32>, !motley.groups<1, 320>) -> tensor<2x2xf64>
  return %s, %dx : tensor<2x2xf64>, tensor<320x32xf32>
}

// -----

// Tests that without a backward the logits are only read.

motley.variable @h : tensor<32x128xf32> init normal 2.0e-02
motley.bank @bank.h [[@h]]
// CHECK: plan.kernel @softmax_cross_entropy_0 #plan.softmax_cross_entropy<z_loss = 0.000000e+00 : f64, backward = false> [memref<64x128xf32>, memref<64xi32>, memref<2xi32>, i64, memref<64xf32>, memref<64xf32>] access [read, read, read, read, write, write]
// CHECK-LABEL: plan.step @eval
// CHECK-NOT: grad
func.func @eval(%x: tensor<64x32xf32>, %target: tensor<64xi32>, %live: i32) -> tensor<64xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 64>
  %ce, %z = motley.grouped_cross_entropy @bank.h(%x) by %g targets %target {z_loss = 0.0 : f64} : (tensor<64x32xf32>, !motley.groups<1, 64>, tensor<64xi32>) -> (tensor<64xf32>, tensor<64xf32>)
  return %ce : tensor<64xf32>
}

// -----

// Tests init and update: launches say where each variable is, so variables of one shape share their kernel; partial sums
// of all banks are in one buffer.

motley.variable @a : tensor<40x48xf32> init normal 2.0e-02
motley.variable @b : tensor<40x64xf32> init uniform 1.0e-01
motley.variable @c : tensor<40x48xf32> init normal 1.0e-02
motley.variable @d : tensor<40x64xf32> init uniform 1.0e-01
motley.variable @g : tensor<32xf32> init constant 1.0
motley.bank @bank.w [[@a, @b], [@c, @d]]
motley.bank @bank.g [[@g]]
// CHECK: plan.kernel @initialise_0 #plan.initialise<normal, rows = 40, columns = 48>
// CHECK: plan.kernel @initialise_1 #plan.initialise<uniform, rows = 40, columns = 64>
// CHECK: plan.kernel @initialise_2 #plan.initialise<constant, rows = 1, columns = 32>
// CHECK-LABEL: plan.step @init
// The hashes of "a" and "b", as signed numbers.
// CHECK-DAG: %[[SEED:.*]] = plan.scalar "seed" : i64
// CHECK-DAG: %[[SCALE_A:.*]] = plan.constant 2.000000e-02 : f32
// CHECK-DAG: %[[SCALE_C:.*]] = plan.constant 0.00999999977 : f32
// CHECK-DAG: %[[SITE_A:.*]] = plan.constant -5808556873153909620 : i64
// CHECK-DAG: %[[SITE_B:.*]] = plan.constant -5808553574619024987 : i64
// CHECK-DAG: %[[ZERO:.*]] = plan.constant 0 : i64
// CHECK-DAG: %[[ONE:.*]] = plan.constant 1 : i64
// CHECK-DAG: %[[TWO:.*]] = plan.constant 2 : i64
// CHECK: plan.launch @initialise_0(%[[W:.*]], %[[SEED]], %[[SCALE_A]], %[[SITE_A]], %[[ZERO]], %[[ZERO]]) factor 2
// CHECK: plan.launch @initialise_1(%[[W]], %[[SEED]], %{{.*}}, %[[SITE_B]], %[[ZERO]], %[[TWO]]) factor 2
// CHECK: plan.launch @initialise_0(%[[W]], %[[SEED]], %[[SCALE_C]], %{{.*}}, %[[ONE]], %[[ZERO]]) factor 2
// CHECK: plan.launch @initialise_1(%[[W]], %[[SEED]], %{{.*}}, %{{.*}}, %[[ONE]], %[[TWO]]) factor 2
// CHECK: plan.launch @initialise_2({{.*}}) factor 1
func.func @init(%seed: i64 {motley.scalar = "seed"}) {
  motley.initialise @bank.w seed %seed
  motley.initialise @bank.g seed %seed
  return
}
// CHECK-LABEL: plan.step @update
// CHECK: %[[NORM:.*]] = plan.output "gradient_norm" : memref<1xf32>
// CHECK: %[[PARTIAL:.*]] = plan.alloc : memref<2xf64>
// CHECK: plan.launch @sum_squares_0(%[[G:.*]], %{{.*}}, %[[PARTIAL]]) factor 1
// CHECK: plan.launch @sum_squares_1(%{{.*}}, %{{.*}}, %[[PARTIAL]]) factor 1
// CHECK: plan.launch @norm_finish_0(%[[PARTIAL]], %[[NORM]]) factor 1
// CHECK: plan.launch @adamw_0(%{{.*}}, %[[G]], %{{.*}}, %{{.*}}, %[[NORM]], %{{.*}}, %{{.*}}) factor 1
func.func @update(%lr: f32 {motley.scalar = "learning_rate"}, %step: i64 {motley.scalar = "step"}) -> tensor<1xf32> {
  %norm = motley.gradient_norm [@bank.w, @bank.g] : tensor<1xf32>
  motley.adamw @bank.w norm %norm learning_rate %lr step %step {beta1 = 9.0e-01 : f64, beta2 = 9.5e-01 : f64, epsilon = 1.0e-08 : f64, weight_decay = 1.0e-01 : f64, clip = 1.0 : f64} : tensor<1xf32>
  return %norm : tensor<1xf32>
}
