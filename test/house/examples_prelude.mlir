// The module around the example of each operation: its names, then a module in which EXAMPLE stands for the example's text.
// -----
// motley.modality motley.variable
EXAMPLE
// -----
// motley.bank
motley.variable @text.o : tensor<32x32xf32> init normal 0.02
motley.variable @text.q : tensor<32x32xf32> init normal 0.02
motley.variable @text.k : tensor<32x32xf32> init normal 0.02
motley.variable @text.v : tensor<32x32xf32> init normal 0.02
motley.variable @image.o : tensor<32x32xf32> init normal 0.02
motley.variable @image.q : tensor<32x32xf32> init normal 0.02
motley.variable @image.k : tensor<32x32xf32> init normal 0.02
motley.variable @image.v : tensor<32x32xf32> init normal 0.02
EXAMPLE
// -----
// motley.train
motley.variable @embed : tensor<128x32xf32> init normal 0.02
func.func private @loss(tensor<64xi32> {motley.field = #motley.field<token>}, tensor<64xi32> {motley.field = #motley.field<target>}, i32 {motley.field = #motley.field<live>}) -> (tensor<64xf32> {motley.loss = "ce"}, tensor<64xf32> {motley.loss = "z"})
EXAMPLE
// -----
// motley.backward
func.func @example(%ce: tensor<64xf32>, %z: tensor<64xf32>, %dce: tensor<64xf32>, %dz: tensor<64xf32>, %add: i1) {
EXAMPLE
  return
}
// -----
// motley.gradient_norm
motley.variable @text.q : tensor<32x32xf32> init normal 0.02
motley.variable @text.o : tensor<32x32xf32> init normal 0.02
motley.bank @bank.q [[@text.q]]
motley.bank @bank.o [[@text.o]]
func.func @example() {
EXAMPLE
  return
}
// -----
// motley.initialise motley.adamw
motley.variable @text.q : tensor<32x32xf32> init normal 0.02
motley.bank @bank.q [[@text.q]]
func.func @example(%seed: i64, %norm: tensor<1xf32>, %lr: f32, %step: i64) {
EXAMPLE
  return
}
// -----
// motley.embedding
motley.variable @embed : tensor<128x32xf32> init normal 0.02
func.func @example(%token: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.linear
motley.variable @w : tensor<32x48xf32> init normal 0.02
motley.variable @b : tensor<48xf32> init constant 0.0
func.func @example(%x: tensor<64x32xf32>) {
EXAMPLE
  return
}
// -----
// motley.norm
motley.variable @g : tensor<32xf32> init constant 1.0
motley.variable @b : tensor<32xf32> init constant 0.0
func.func @example(%x: tensor<64x32xf32>) {
EXAMPLE
  return
}
// -----
// motley.rope
func.func @example(%x: tensor<64x32xf32>, %position: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.attention
func.func @example(%q: tensor<64x32xf32>, %k: tensor<64x16xf32>, %v: tensor<64x16xf32>, %d: tensor<64xi32>, %o: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.by_modality
motley.modality @text ids 0 to 4096
motley.modality @image ids 4096 to 4608
motley.variable @text.w : tensor<32x48xf32> init normal 0.02
motley.variable @image.w : tensor<32x48xf32> init normal 0.02
func.func @example(%x: tensor<64x32xf32>, %modality: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.yield
motley.modality @text ids 0 to 4096
func.func @example(%x: tensor<64x32xf32>, %modality: tensor<64xi32>) {
  %y = motley.by_modality %modality : tensor<64xi32> -> (tensor<64x32xf32>) {
EXAMPLE
  } case [@text]
  return
}
// -----
// motley.cross_entropy
motley.variable @head : tensor<32x128xf32> init normal 0.02
func.func @example(%x: tensor<64x32xf32>, %target: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.silu motley.silu_slope motley.sigmoid motley.gelu motley.gelu_slope motley.relu motley.relu_slope
func.func @example(%x: tensor<64x32xf32>) {
EXAMPLE
  return
}
// -----
// motley.group_by
func.func @example(%modality: tensor<64xi32>, %live: i32) {
EXAMPLE
  return
}
// -----
// motley.reindex
func.func @example(%documents: !motley.groups<64, 64>, %base: !motley.groups<2, 64>, %kept: !motley.groups<2, 17 of 64>) {
EXAMPLE
  return
}
// -----
// motley.gather_rows motley.combine_rows motley.split_groups
func.func @example(%x: tensor<64x32xf32>, %g: !motley.groups<2, 64>, %s: tensor<17x32xf32>, %t: !motley.groups<2, 17 of 64>) {
EXAMPLE
  return
}
// -----
// motley.merge_groups
func.func @example(%a: tensor<64x32xf32>, %b: tensor<64x32xf32>, %g: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.select
func.func @example(%text: tensor<64x4xi32>, %image: tensor<64x4xi32>, %base: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.restrict
func.func @example(%base: !motley.groups<2, 64>, %chosen: tensor<64x1xi32>) {
EXAMPLE
  return
}
// -----
// motley.slot_values motley.slot_values_backward
func.func @example(%p: tensor<64x4xf32>, %q: tensor<64x4xf32>, %dw: tensor<72xf32>, %t: !motley.groups<8, 72 of 64>) {
EXAMPLE
  return
}
// -----
// motley.count_chosen
func.func @example(%chosen: tensor<64x4xi32>, %base: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.row_sum motley.softmax motley.log_sum_exp motley.mean_rows
func.func @example(%x: tensor<64x4xf32>, %c: tensor<64x4xi32>, %g: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.softmax_rows
func.func @example(%x: tensor<64x4xf32>, %g: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.softmax_rows_backward
func.func @example(%dy: tensor<64x4xf32>, %y: tensor<64x4xf32>, %g: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.soft_experts
motley.variable @first : tensor<32x32xf32> init normal 0.02
motley.variable @second : tensor<32x32xf32> init normal 0.02
func.func @example(%d: tensor<64x6xf32>, %c: tensor<64x6xf32>, %x: tensor<64x32xf32>) {
EXAMPLE
  return
}
// -----
// motley.static_groups
func.func @example() {
EXAMPLE
  return
}
// -----
// motley.mix_rows
func.func @example(%w: tensor<64x4xf32>, %v: tensor<64x6xf32>, %x: tensor<64x32xf32>, %base: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.unmix_rows
func.func @example(%w: tensor<64x4xf32>, %v: tensor<64x6xf32>, %u: tensor<10x32xf32>, %base: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.mix_products
func.func @example(%x: tensor<64x32xf32>, %u: tensor<10x32xf32>, %base: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.row_broadcast
func.func @example(%x: tensor<64xf32>) {
EXAMPLE
  return
}
// -----
// motley.noise
func.func @example(%index: tensor<64xi32>, %seed: i64, %step: i64) {
EXAMPLE
  return
}
// -----
// motley.choose_experts motley.choose_above motley.choose_top_p motley.choose_tokens
func.func @example(%s: tensor<64x4xf32>, %i: tensor<64xi32>, %g: !motley.groups<2, 64>, %documents: !motley.groups<64, 64>) {
EXAMPLE
  return
}
// -----
// motley.limit_capacity motley.observe
func.func @example(%c: tensor<64x4xi32>, %s: tensor<64x4xf32>, %i: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.one_hot motley.hash
func.func @example(%ids: tensor<64xi32>, %token: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.experts
motley.variable @first : tensor<32x32xf32> init normal 0.02
motley.variable @second : tensor<32x32xf32> init normal 0.02
func.func @example(%c: tensor<64x2xi32>, %p: tensor<64x2xf32>, %x: tensor<64x32xf32>) {
EXAMPLE
  return
}
// -----
// motley.select_rows
func.func @example(%c: tensor<64x1xi32>, %x: tensor<64x32xf32>, %d: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.grouped_matmul
motley.variable @text.q : tensor<32x32xf32> init normal 0.02
motley.variable @text.k : tensor<32x32xf32> init normal 0.02
motley.variable @image.q : tensor<32x32xf32> init normal 0.02
motley.variable @image.k : tensor<32x32xf32> init normal 0.02
motley.variable @text.o : tensor<32x32xf32> init normal 0.02
motley.bank @qkv [[@text.q, @text.k], [@image.q, @image.k]]
motley.bank @o [[@text.o]]
func.func @example(%x: tensor<64x32xf32>, %g: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.grouped_outer
motley.variable @text.q : tensor<32x32xf32> init normal 0.02
motley.variable @text.k : tensor<32x32xf32> init normal 0.02
motley.variable @image.q : tensor<32x32xf32> init normal 0.02
motley.variable @image.k : tensor<32x32xf32> init normal 0.02
motley.bank @qkv [[@text.q, @text.k], [@image.q, @image.k]]
func.func @example(%x: tensor<64x32xf32>, %q: tensor<64x32xf32>, %k: tensor<64x32xf32>, %g: !motley.groups<2, 64>, %add: i1) {
EXAMPLE
  return
}
// -----
// motley.grouped_bias motley.grouped_sum motley.grouped_norm_backward
motley.variable @text.b : tensor<32xf32> init constant 0.0
motley.variable @image.b : tensor<32xf32> init constant 0.0
motley.variable @text.g : tensor<32xf32> init constant 1.0
motley.variable @image.g : tensor<32xf32> init constant 1.0
motley.bank @b [[@text.b], [@image.b]]
motley.bank @g [[@text.g], [@image.g]]
func.func @example(%x: tensor<64x32xf32>, %dy: tensor<64x32xf32>, %s: tensor<64x1xf32>, %g: !motley.groups<2, 64>, %add: i1) {
EXAMPLE
  return
}
// -----
// motley.grouped_norm
motley.variable @text.g : tensor<32xf32> init constant 1.0
motley.variable @image.g : tensor<32xf32> init constant 1.0
motley.bank @g [[@text.g], [@image.g]]
func.func @example(%x: tensor<64x32xf32>, %g: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.grouped_attention
func.func @example(%q: tensor<64x32xf32>, %k: tensor<64x16xf32>, %v: tensor<64x16xf32>, %d: !motley.groups<64, 64>, %o: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.grouped_attention_backward
func.func @example(%dy: tensor<64x32xf32>, %q: tensor<64x32xf32>, %k: tensor<64x16xf32>, %v: tensor<64x16xf32>, %a: tensor<64x32xf32>, %l: tensor<64x4xf32>, %d: !motley.groups<64, 64>, %o: tensor<64xi32>) {
EXAMPLE
  return
}
// -----
// motley.grouped_embedding motley.grouped_embedding_backward
motley.variable @embed : tensor<128x32xf32> init normal 0.02
motley.bank @table [[@embed]]
func.func @example(%token: tensor<64xi32>, %g: !motley.groups<2, 64>, %dx: tensor<64x32xf32>, %t: !motley.groups<128, 64>, %add: i1) {
EXAMPLE
  return
}
// -----
// motley.grouped_cross_entropy motley.grouped_cross_entropy_backward
motley.variable @output : tensor<32x128xf32> init normal 0.02
motley.bank @head [[@output]]
func.func @example(%x: tensor<64x32xf32>, %g: !motley.groups<2, 64>, %target: tensor<64xi32>, %dce: tensor<64xf32>, %dz: tensor<64xf32>, %add: i1) {
EXAMPLE
  return
}
// -----
// motley.loss_sums
motley.modality @text ids 0 to 4096
motley.modality @image ids 4096 to 4608
func.func @example(%ce: tensor<64xf32>, %z: tensor<64xf32>, %w: tensor<64xf32>, %target: tensor<64xi32>, %g: !motley.groups<2, 64>) {
EXAMPLE
  return
}
// -----
// motley.scale
func.func @example(%x: tensor<64xf32>, %s: f32) {
EXAMPLE
  return
}
// -----
// motley.map
func.func @example(%a: tensor<64x32xf32>, %b: tensor<64x32xf32>) {
EXAMPLE
  return
}
// -----
// plan.kernel
EXAMPLE
// -----
// plan.step
plan.kernel @fill_0 #plan.fill<0.000000e+00 : f32> [memref<64x32xf32>] access [write]
EXAMPLE
// -----
// plan.field plan.state plan.output plan.input plan.scalar plan.constant plan.alloc
motley.variable @text.q : tensor<512x512xf32> init normal 0.02
motley.variable @image.q : tensor<512x512xf32> init normal 0.02
motley.bank @bank.q [[@text.q], [@image.q]] layout panels
plan.step @example {
EXAMPLE
}
// -----
// plan.window
plan.step @example {
  %b = plan.alloc : memref<256x512xf32>
EXAMPLE
}
// -----
// plan.launch
plan.kernel @norm_0 #plan.permute [memref<64x32xf32>, memref<2x32xf32>] access [read, write]
plan.step @example {
  %x = plan.alloc : memref<64x32xf32>
  %g = plan.alloc : memref<2x32xf32>
  %n = plan.alloc : memref<1xi32>
EXAMPLE
}
