// Tests --gradcheck on a small model written at level 2 by hand: two modalities in slot order, embedding, layer norm, QK-norm,
// rope, attention with spans and shared key heads, bias, gelu, head with z loss. Every adjoint of the dialect is in it.

// RUN: motley-interp %s --gradcheck eval --seed 3 --jitter 0.1 | FileCheck %s
// RUN: motley-interp %s --gradcheck eval --seed 4 --jitter 0.1 --live 24 | FileCheck %s
// CHECK-COUNT-15: ok
// CHECK: over 15 variables, 0 wrong, 0 unused

// Tests that a wrong gradient is found, one that `add` overwrites, and one that nobody writes.
// RUN: not motley-interp %s --gradcheck eval --seed 3 --accumulate wrong | FileCheck %s --check-prefix=WRONG
// WRONG-DAG: wrong head error
// WRONG-DAG: wrong embed error nan
// WRONG: over 15 variables, 15 wrong, 0 unused
// RUN: not motley-interp %s --gradcheck eval --seed 3 --accumulate overwrites 2>&1 | FileCheck %s --check-prefix=ADD
// ADD: error: with add, the gradient of 'head' at element 0 went from {{.*}}, expected twice as much
// RUN: not motley-interp %s --gradcheck eval --seed 3 --accumulate other_loss 2>&1 | FileCheck %s --check-prefix=LOSS
// LOSS: error: reports a loss of {{.*}}, but 'eval' gives

motley.modality @text ids 0 to 12
motley.modality @image ids 12 to 20
motley.variable @embed : tensor<20x8xf32> init normal 1.0
motley.variable @text.gain : tensor<8xf32> init constant 1.0
motley.variable @text.shift : tensor<8xf32> init constant 0.0
motley.variable @image.gain : tensor<8xf32> init constant 1.0
motley.variable @image.shift : tensor<8xf32> init constant 0.0
motley.variable @text.q : tensor<8x8xf32> init normal 0.4
motley.variable @text.k : tensor<8x4xf32> init normal 0.4
motley.variable @text.v : tensor<8x4xf32> init normal 0.4
motley.variable @image.q : tensor<8x8xf32> init normal 0.4
motley.variable @image.k : tensor<8x4xf32> init normal 0.4
motley.variable @image.v : tensor<8x4xf32> init normal 0.4
motley.variable @qgain : tensor<4xf32> init constant 1.0
motley.variable @o : tensor<8x8xf32> init normal 0.4
motley.variable @bias : tensor<8xf32> init constant 0.0
motley.variable @head : tensor<8x20xf32> init normal 0.4
motley.bank @bank.embed [[@embed]]
motley.bank @bank.gain [[@text.gain], [@image.gain]]
motley.bank @bank.shift [[@text.shift], [@image.shift]]
motley.bank @bank.qkv [[@text.q, @text.k, @text.v], [@image.q, @image.k, @image.v]]
motley.bank @bank.qgain [[@qgain]]
motley.bank @bank.o [[@o]]
motley.bank @bank.bias [[@bias]]
motley.bank @bank.head [[@head]]

!i = tensor<24xi32>
!s = tensor<24xf32>
!x = tensor<24x8xf32>
!k = tensor<24x4xf32>
!B = !motley.groups<2, 24>
!D = !motley.groups<24, 24>
!T = !motley.groups<20, 24>

func.func @eval(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                %weight: !s {motley.field = #motley.field<weight>}, %modality: !i {motley.field = #motley.field<modality>},
                %document: !i {motley.field = #motley.field<document>}, %span: !i {motley.field = #motley.field<span>},
                %order: !i {motley.field = #motley.field<order>}, %position: !i {motley.field = #motley.field<position>},
                %live: i32 {motley.field = #motley.field<live>}) -> tensor<2x2xf64> {
  %base = motley.group_by %modality live %live : (!i, i32) -> !B
  %bydocument = motley.group_by %document live %live : (!i, i32) -> !D
  %docs = motley.reindex %bydocument into %base : (!D, !B) -> !D
  %tok = motley.gather_rows %token by %base : (!i, !B) -> !i
  %tgt = motley.gather_rows %target by %base : (!i, !B) -> !i
  %w = motley.gather_rows %weight by %base : (!s, !B) -> !s
  %spn = motley.gather_rows %span by %base : (!i, !B) -> !i
  %ord = motley.gather_rows %order by %base : (!i, !B) -> !i
  %pos = motley.gather_rows %position by %base : (!i, !B) -> !i
  %x0 = motley.grouped_embedding @bank.embed(%tok) by %base : (!i, !B) -> !x
  %n, %ns = motley.grouped_norm layer %x0, gain @bank.gain bias @bank.shift map [0, 1] by %base {epsilon = 1.000000e-05 : f64} : !x, !B -> tensor<24x2xf32>
  %q0, %k, %v = motley.grouped_matmul @bank.qkv ranges [0, 1, 2] map [0, 1] (%n) by %base : (!x, !B) -> (!x, !k, !k)
  %q1, %qs = motley.grouped_norm rms %q0, gain @bank.qgain map [0, 0] by %base {epsilon = 1.000000e-05 : f64, heads = 2 : i64} : !x, !B -> tensor<24x2xf32>
  %q = motley.rope %q1 at %pos {heads = 2 : i64, theta = 1.000000e+02 : f64} : !x, !i
  %a, %l = motley.grouped_attention span %q, %k, %v over %docs order %ord span %spn {heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f64} : (!x, !k, !k, !D, !i, !i) -> (!x, tensor<24x2xf32>)
  %o = motley.grouped_matmul @bank.o ranges [0] map [0, 0] (%a) by %base : (!x, !B) -> !x
  %b = motley.grouped_bias %o, @bank.bias map [0, 0] by %base : !x, !B
  %g = motley.gelu %b : !x
  %x1 = arith.addf %x0, %g : !x
  %ce, %z = motley.grouped_cross_entropy @bank.head(%x1) by %base targets %tgt {z_loss = 1.000000e-02 : f64} : (!x, !B, !i) -> (!s, !s)
  %sums = motley.loss_sums (%ce, %z) weights %w targets %tgt by %base : (!s, !s, !s, !i, !B) -> tensor<2x2xf64>
  return %sums : tensor<2x2xf64>
}

func.func @accumulate(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                      %weight: !s {motley.field = #motley.field<weight>}, %modality: !i {motley.field = #motley.field<modality>},
                      %document: !i {motley.field = #motley.field<document>}, %span: !i {motley.field = #motley.field<span>},
                      %order: !i {motley.field = #motley.field<order>}, %position: !i {motley.field = #motley.field<position>},
                      %live: i32 {motley.field = #motley.field<live>}, %add: i1, %inverse: f32) -> tensor<2x2xf64> {
  %base = motley.group_by %modality live %live : (!i, i32) -> !B
  %bydocument = motley.group_by %document live %live : (!i, i32) -> !D
  %docs = motley.reindex %bydocument into %base : (!D, !B) -> !D
  %bytoken0 = motley.group_by %token live %live : (!i, i32) -> !T
  %bytoken = motley.reindex %bytoken0 into %base : (!T, !B) -> !T
  %tok = motley.gather_rows %token by %base : (!i, !B) -> !i
  %tgt = motley.gather_rows %target by %base : (!i, !B) -> !i
  %w = motley.gather_rows %weight by %base : (!s, !B) -> !s
  %spn = motley.gather_rows %span by %base : (!i, !B) -> !i
  %ord = motley.gather_rows %order by %base : (!i, !B) -> !i
  %pos = motley.gather_rows %position by %base : (!i, !B) -> !i
  %x0 = motley.grouped_embedding @bank.embed(%tok) by %base : (!i, !B) -> !x
  %n, %ns = motley.grouped_norm layer %x0, gain @bank.gain bias @bank.shift map [0, 1] by %base {epsilon = 1.000000e-05 : f64} : !x, !B -> tensor<24x2xf32>
  %q0, %k, %v = motley.grouped_matmul @bank.qkv ranges [0, 1, 2] map [0, 1] (%n) by %base : (!x, !B) -> (!x, !k, !k)
  %q1, %qs = motley.grouped_norm rms %q0, gain @bank.qgain map [0, 0] by %base {epsilon = 1.000000e-05 : f64, heads = 2 : i64} : !x, !B -> tensor<24x2xf32>
  %q = motley.rope %q1 at %pos {heads = 2 : i64, theta = 1.000000e+02 : f64} : !x, !i
  %a, %l = motley.grouped_attention span %q, %k, %v over %docs order %ord span %spn {heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f64} : (!x, !k, !k, !D, !i, !i) -> (!x, tensor<24x2xf32>)
  %o = motley.grouped_matmul @bank.o ranges [0] map [0, 0] (%a) by %base : (!x, !B) -> !x
  %b = motley.grouped_bias %o, @bank.bias map [0, 0] by %base : !x, !B
  %g = motley.gelu %b : !x
  %x1 = arith.addf %x0, %g : !x

  %dloss = motley.scale %w by %inverse : !s
  %ce, %z, %dx1 = motley.grouped_cross_entropy_backward @bank.head(%x1) by %base targets %tgt cotangents %dloss, %dloss add %add {z_loss = 1.000000e-02 : f64} : (!x, !B, !i, !s, !s, i1) -> (!s, !s, !x)
  %sums = motley.loss_sums (%ce, %z) weights %w targets %tgt by %base : (!s, !s, !s, !i, !B) -> tensor<2x2xf64>
  %slope = motley.gelu_slope %b : !x
  %db = arith.mulf %dx1, %slope : !x
  motley.grouped_sum %db into @bank.bias map [0, 0] by %base add %add : !x, !B
  motley.grouped_outer %a, (%db) into @bank.o ranges [0] map [0, 0] by %base add %add : !x, (!x), !B
  %da = motley.grouped_matmul transposed @bank.o ranges [0] map [0, 0] (%db) by %base : (!x, !B) -> !x
  %dq, %dk, %dv = motley.grouped_attention_backward span %da, %q, %k, %v, %a, %l over %docs order %ord span %spn {heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f64} : (!x, !x, !k, !k, !x, tensor<24x2xf32>, !D, !i, !i) -> (!x, !k, !k)
  %dq1 = motley.rope inverse %dq at %pos {heads = 2 : i64, theta = 1.000000e+02 : f64} : !x, !i
  %dq0 = motley.grouped_norm_backward rms %dq1, %q0, %qs into gain @bank.qgain map [0, 0] by %base add %add {epsilon = 1.000000e-05 : f64, heads = 2 : i64} : !x, tensor<24x2xf32>, !B
  motley.grouped_outer %n, (%dq0, %dk, %dv) into @bank.qkv ranges [0, 1, 2] map [0, 1] by %base add %add : !x, (!x, !k, !k), !B
  %dn = motley.grouped_matmul transposed @bank.qkv ranges [0, 1, 2] map [0, 1] (%dq0, %dk, %dv) by %base : (!x, !k, !k, !B) -> !x
  %dnorm = motley.grouped_norm_backward layer %dn, %x0, %ns into gain @bank.gain bias @bank.shift map [0, 1] by %base add %add {epsilon = 1.000000e-05 : f64} : !x, tensor<24x2xf32>, !B
  %dx0 = arith.addf %dx1, %dnorm : !x
  motley.grouped_embedding_backward %dx0 into @bank.embed by %bytoken add %add : !x, !T
  return %sums : tensor<2x2xf64>
}

// The head gets the rows of the wrong tensor; nothing else is written.
func.func @wrong(%modality: !i {motley.field = #motley.field<modality>}, %live: i32, %add: i1) {
  %base = motley.group_by %modality live %live : (!i, i32) -> !B
  %x = arith.constant dense<1.0> : !x
  %d = arith.constant dense<1.0> : tensor<24x20xf32>
  motley.grouped_outer %x, (%d) into @bank.head ranges [0] map [0, 0] by %base add %add : !x, (tensor<24x20xf32>), !B
  return
}

func.func @overwrites(%modality: !i {motley.field = #motley.field<modality>}, %live: i32, %add: i1) {
  %false = arith.constant false
  call @wrong(%modality, %live, %false) : (!i, i32, i1) -> ()
  return
}

func.func @other_loss(%modality: !i {motley.field = #motley.field<modality>}, %live: i32, %add: i1) -> tensor<2x2xf64> {
  %x = arith.constant dense<1.0> : tensor<2x2xf64>
  return %x : tensor<2x2xf64>
}
