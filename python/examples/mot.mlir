// A Mixture-of-Transformers of one layer, by hand: what mot.py traces to, smaller. Width 64, 2 heads, SwiGLU of 128,
// microbatches of 512 rows, the vocabulary of 'motley data emoji'.
//
//   motley train mot.mlir --data DIR --steps 200 --out RUN

!i = tensor<512xi32>
!loss = tensor<512xf32>
!x = tensor<512x64xf32>
!h = tensor<512x128xf32>

motley.modality @text ids 0 to 4096
motley.modality @image ids 4096 to 4608

motley.variable @embed : tensor<4608x64xf32> init normal 2.0e-02
motley.variable @head : tensor<64x4608xf32> init normal 2.0e-02
motley.variable @q.text : tensor<64x64xf32> init normal 2.0e-02
motley.variable @q.image : tensor<64x64xf32> init normal 2.0e-02
motley.variable @k.text : tensor<64x64xf32> init normal 2.0e-02
motley.variable @k.image : tensor<64x64xf32> init normal 2.0e-02
motley.variable @v.text : tensor<64x64xf32> init normal 2.0e-02
motley.variable @v.image : tensor<64x64xf32> init normal 2.0e-02
motley.variable @o.text : tensor<64x64xf32> init normal 1.4e-02
motley.variable @o.image : tensor<64x64xf32> init normal 1.4e-02
motley.variable @attn_norm.text : tensor<64xf32> init constant 1.0
motley.variable @attn_norm.image : tensor<64xf32> init constant 1.0
motley.variable @gate.text : tensor<64x128xf32> init normal 2.0e-02
motley.variable @gate.image : tensor<64x128xf32> init normal 2.0e-02
motley.variable @up.text : tensor<64x128xf32> init normal 2.0e-02
motley.variable @up.image : tensor<64x128xf32> init normal 2.0e-02
motley.variable @down.text : tensor<128x64xf32> init normal 1.4e-02
motley.variable @down.image : tensor<128x64xf32> init normal 1.4e-02
motley.variable @ffn_norm.text : tensor<64xf32> init constant 1.0
motley.variable @ffn_norm.image : tensor<64xf32> init constant 1.0

func.func @loss(%token: !i {motley.field = #motley.field<token>}, %target: !i {motley.field = #motley.field<target>},
                %modality: !i {motley.field = #motley.field<modality>},
                %document: !i {motley.field = #motley.field<document>}, %order: !i {motley.field = #motley.field<order>},
                %position: !i {motley.field = #motley.field<position>})
    -> (!loss {motley.loss = "ce"}, !loss {motley.loss = "z"}) {
  %x0 = motley.embedding @embed(%token) : (!i) -> !x

  // Attention: weights by modality, one softmax over all rows of a document.
  %q, %k, %v = motley.by_modality %modality : !i -> (!x, !x, !x) {
    %tq = motley.linear @q.text(%x0) : (!x) -> !x
    %tk = motley.linear @k.text(%x0) : (!x) -> !x
    %tv = motley.linear @v.text(%x0) : (!x) -> !x
    motley.yield %tq, %tk, %tv : !x, !x, !x
  } case [@text], {
    %iq = motley.linear @q.image(%x0) : (!x) -> !x
    %ik = motley.linear @k.image(%x0) : (!x) -> !x
    %iv = motley.linear @v.image(%x0) : (!x) -> !x
    motley.yield %iq, %ik, %iv : !x, !x, !x
  } case [@image]
  %qr = motley.rope %q at %position {heads = 2 : i64, theta = 1.0e+04 : f64} : !x, !i
  %kr = motley.rope %k at %position {heads = 2 : i64, theta = 1.0e+04 : f64} : !x, !i
  %a = motley.attention causal %qr, %kr, %v documents %document order %order {heads = 2 : i64, kv_heads = 2 : i64} : (!x, !x, !x, !i, !i) -> !x
  %n1 = motley.by_modality %modality : !i -> (!x) {
    %to = motley.linear @o.text(%a) : (!x) -> !x
    %tn = motley.norm rms %to gain @attn_norm.text {epsilon = 1.0e-05 : f64} : !x
    motley.yield %tn : !x
  } case [@text], {
    %io = motley.linear @o.image(%a) : (!x) -> !x
    %in = motley.norm rms %io gain @attn_norm.image {epsilon = 1.0e-05 : f64} : !x
    motley.yield %in : !x
  } case [@image]
  %x1 = arith.addf %x0, %n1 : !x

  // Feed-forward network, by modality with its norm.
  %n2 = motley.by_modality %modality : !i -> (!x) {
    %tg = motley.linear @gate.text(%x1) : (!x) -> !h
    %tu = motley.linear @up.text(%x1) : (!x) -> !h
    %ts = motley.silu %tg : !h
    %tm = arith.mulf %ts, %tu : !h
    %td = motley.linear @down.text(%tm) : (!h) -> !x
    %tn = motley.norm rms %td gain @ffn_norm.text {epsilon = 1.0e-05 : f64} : !x
    motley.yield %tn : !x
  } case [@text], {
    %ig = motley.linear @gate.image(%x1) : (!x) -> !h
    %iu = motley.linear @up.image(%x1) : (!x) -> !h
    %is = motley.silu %ig : !h
    %im = arith.mulf %is, %iu : !h
    %id = motley.linear @down.image(%im) : (!h) -> !x
    %in = motley.norm rms %id gain @ffn_norm.image {epsilon = 1.0e-05 : f64} : !x
    motley.yield %in : !x
  } case [@image]
  %x2 = arith.addf %x1, %n2 : !x

  %ce, %z = motley.cross_entropy @head(%x2) targets %target {z_loss = 1.0e-05 : f64} : (!x, !i) -> (!loss, !loss)
  return %ce, %z : !loss, !loss
}

motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-08 weight_decay 0.1 clip 1.0
