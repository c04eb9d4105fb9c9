// Kernel families. Sizes are read from the operand types of the plan.kernel; an attribute holds what types don't say.
// "operands" lists a kernel's operands in order. R rows, D width, G groups, H heads, L = offset[G] live rows.
// What differs between launches of one shape (a position, a name's hash, a scale) is a scalar operand and no parameter, so
// that the number of kernels grows neither with the layers nor with the windows of a head.
// `tiles` is a list memref<Tx3xi32> of (group, first slot, count); its length lies in another buffer, which the launch names.
#ifndef PLAN_KERNELS
#define PLAN_KERNELS

include "dialect/PlanBase.td"
include "dialect/MotleyBase.td"

// ---- tables: integers, one unit each unless said otherwise

def GroupByFamily : Family<"GroupBy", "group_by"> {
  let summary = "operands: [ids R i32,] live i32, row R, offset G+1, inverse R. Stable counting sort; ids are absent when G is 1";
}
def ReindexFamily : Family<"Reindex", "reindex"> {
  let summary = "operands: row R, offset G+1, into_inverse R, out_row R: out_row[s] = into_inverse[row[s]] for s < L";
}
def PermuteFamily : Family<"Permute", "permute"> {
  let summary = "operands: x [R] or [R, D] (i32 or f32), index R, offset G+1, y: y[s] = x[index[s]] for s < L; units: blocks of 256 rows";
}
def TilesFamily : Family<"Tiles", "tiles"> {
  let summary = "operands: offset G+1, list Tx3, count 1: cuts each group into tiles of at most row_tile slots, in order; T = ceil(R / row_tile) + G";
  let parameters = (ins "int64_t":$row_tile);
  let assemblyFormat = "`<` struct(params) `>`";
}
def ClampOffsetsFamily : Family<"ClampOffsets", "clamp_offsets"> {
  let summary = "operands: offset G+1, begin i32, end i32, out G+1: out[g] = min(max(offset[g], begin), end): the part of each group inside a window of slots";
}

// ---- matrices. A bank of matrices is memref<M x P x K x 32>: member, panel, row, column in panel.
// `panels` has the first panel of each range that the kernel uses; `map` the member of each group (-1: the tile is skipped).
//
// How to cut them, from one core with AVX-512 (K = 512, N = 512 and 3 x 512, 1000 rows; share of the measured fma peak):
// * forward: 95-98% with row tiles of 64 to 512 and 4 to 16 panels a block alike: cut by the number of units wanted.
// * transposed: every unit packs its panels of W^T, so tiles should be long: 88-95% at 128 rows, 91-96% at 512. Panels a
//   block: any.
// * outer: every unit packs its rows of x, so blocks should be wide: 87-89% at 4 panels, 89-92% at 8, 92-93% at 16.

def MatmulFamily : Family<"Matmul", "matmul"> {
  let summary = "the grouped GEMM, forward or transposed";
  let description = [{
    forward: operands: x RxK, bank, tiles, extras RxN..., results RxN_i... Unit u is tile u / column_blocks, column block
    u % column_blocks; a column block is `panels_per_block` panels of every range when the kernel has an epilogue; without
    one each range is cut into blocks on its own, ranges one after the other. transposed: operands: x_i RxN_i..., bank, tiles, extras RxK..., results
    RxK...; a column block is 32 * panels_per_block columns of K. The kernel's region, if any, is the epilogue.

    With `gathered` the source rows (row, memref<S>) follow the tiles: slot s reads row[s] of the inputs. An extra memref<R> has one
    value for each row. A result memref<R x P> with P = ceil(N / 32) != N gets the sum of each row over the living columns of each
    panel: lanes j and j + 16 of a panel are added, then the 16 lanes by halves. bf16 rounds the inputs and the bank's matrices to
    nearest even as they are read.
  }];
  let parameters = (ins "::mlir::plan::MatmulForm":$form, ArrayRefParameter<"int64_t">:$panels, ArrayRefParameter<"int64_t">:$map,
                        "int64_t":$panels_per_block, "int64_t":$column_blocks, DefaultValuedParameter<"bool", "false">:$gathered,
                        DefaultValuedParameter<"::mlir::motley::Precision", "::mlir::motley::Precision::f32">:$precision);
  let assemblyFormat = "`<` $form `,` `panels` `=` `[` $panels `]` `,` `map` `=` `[` $map `]` `,` `panels_per_block` `=` $panels_per_block `,` `column_blocks` `=` $column_blocks (`gathered` `=` $gathered^)? (`precision` `=` $precision^)? `>`";
}
def OuterFamily : Family<"Outer", "outer"> {
  let summary = "operands: x RxK, dy_i RxN_i..., [row S,] offset G+1, add i1, gradient bank. Gradient of the matrices";
  let description = [{
    Units are static: (member that occurs in map, ascending) x column block (each range cut on its own into blocks
    of `panels_per_block` panels, ranges one after the other); members that no group maps to are not touched. Groups of a member are summed in group order; a
    member without rows gets zeros where add is false. With `gathered_input` or `gathered_cotangents` the source rows are an operand, and
    slot s reads row[s] there.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$panels, ArrayRefParameter<"int64_t">:$map, "int64_t":$panels_per_block,
                        DefaultValuedParameter<"bool", "false">:$gathered_input, DefaultValuedParameter<"bool", "false">:$gathered_cotangents,
                        DefaultValuedParameter<"::mlir::motley::Precision", "::mlir::motley::Precision::f32">:$precision);
  let assemblyFormat = "`<` `panels` `=` `[` $panels `]` `,` `map` `=` `[` $map `]` `,` `panels_per_block` `=` $panels_per_block (`gathered_input` `=` $gathered_input^)? (`gathered_cotangents` `=` $gathered_cotangents^)? (`precision` `=` $precision^)? `>`";
}

// ---- routing. `chosen` is memref<RxE> of i32. Selections have row S, offset G+1, and for each of R rows its slots: they are
// slot[begin[r]] to slot[begin[r + 1]], ascending (begin R+1, slot S; dead rows have none).

def SelectFamily : Family<"Select", "select"> {
  let summary = "operands: chosen_i..., base offset B+1, row S, offset G+1, begin R+1, slot S; one unit. See motley.select; `counts` has the groups of each chosen, `owner` the chosen that each base group reads, or -1";
  let parameters = (ins ArrayRefParameter<"int64_t">:$counts, ArrayRefParameter<"int64_t">:$owner);
  let assemblyFormat = "`<` `counts` `=` `[` $counts `]` `,` `owner` `=` `[` $owner `]` `>`";
}
def RestrictFamily : Family<"Restrict", "restrict"> {
  let summary = "operands: chosen Rx1, base offset G+1, row S, offset G+1, begin R+1, slot S; one unit. See motley.restrict";
}
def ReindexSelectionFamily : Family<"ReindexSelection", "reindex_selection"> {
  let summary = "operands: row R, offset G+1, begin R+1, slot S, out_row S, out_offset G+1; one unit: rows that have a slot, named by it; the others drop out";
}
def CombineFamily : Family<"Combine", "combine"> {
  let summary = "operands: x SxD, [otherwise RxD | plus RxD,] offset G+1 of the rows' own table (its end bounds the live rows), begin R+1, slot S, y RxD; units: blocks of 64 rows. See motley.combine_rows";
  let parameters = (ins DefaultValuedParameter<"bool", "false">:$has_otherwise, DefaultValuedParameter<"bool", "false">:$has_plus);
  let assemblyFormat = "`<` (`otherwise` `=` $has_otherwise^)? (`plus` `=` $has_plus^)? `>`";
}
def SlotValuesFamily : Family<"SlotValues", "slot_values"> {
  let summary = "operands: values_i RxE_i..., row S, offset G+1, w S; units: groups. See motley.slot_values";
  let parameters = (ins ArrayRefParameter<"int64_t">:$counts);
  let assemblyFormat = "`<` `[` $counts `]` `>`";
}
def SlotValuesBackwardFamily : Family<"SlotValuesBackward", "slot_values_backward"> {
  let summary = "operands: dw S, row S, offset G+1, dvalues_i RxE_i...; units: columns of all dvalues, each zeroed over R rows before its slots are written. See motley.slot_values_backward";
  let parameters = (ins ArrayRefParameter<"int64_t">:$counts);
  let assemblyFormat = "`<` `[` $counts `]` `>`";
}
def CountChosenFamily : Family<"CountChosen", "count_chosen"> {
  let summary = "operands: chosen RxE, offset G+1, counts GxE f64; units: groups. See motley.count_chosen";
  let parameters = (ins ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` `[` $map `]` `>`";
}
def ChooseExpertsFamily : Family<"ChooseExperts", "choose_experts"> {
  let summary = "operands: scores RxE, [allowed RxE i32,] chosen RxE; units: blocks of 64 rows. See motley.choose_experts";
  let parameters = (ins "int64_t":$k, "bool":$has_allowed);
  let assemblyFormat = "`<` struct(params) `>`";
}
def ChooseAboveFamily : Family<"ChooseAbove", "choose_above"> {
  let summary = "operands: scores RxE, chosen RxE; units: blocks of 64 rows. See motley.choose_above";
  let parameters = (ins "::mlir::FloatAttr":$threshold);
  let assemblyFormat = "`<` $threshold `>`";
}
def ChooseTopPFamily : Family<"ChooseTopP", "choose_top_p"> {
  let summary = "operands: scores RxE, chosen RxE; units: blocks of 64 rows. See motley.choose_top_p";
  let parameters = (ins "::mlir::FloatAttr":$p);
  let assemblyFormat = "`<` $p `>`";
}
def ChooseTokensFamily : Family<"ChooseTokens", "choose_tokens"> {
  let summary = "operands: scores RxE, index R, offset G+1, [row R, document offset D+1,] chosen RxE; unit u: expert u % E of scope u / E (of one scope, or of D documents: units are D * E). See motley.choose_tokens; rows of groups with map -1 are left alone";
  let parameters = (ins "::mlir::FloatAttr":$capacity, "bool":$has_documents, ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` $capacity `,` `has_documents` `=` $has_documents `,` `map` `=` `[` $map `]` `>`";
}
def LimitCapacityFamily : Family<"LimitCapacity", "limit_capacity"> {
  let summary = "operands: chosen RxE, scores RxE, index R, offset G+1, [row R, document offset D+1,] result RxE; units: scopes. See motley.limit_capacity";
  let parameters = (ins "::mlir::motley::Overflow":$overflow, "::mlir::FloatAttr":$capacity, "bool":$has_documents, ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` $overflow `,` $capacity `,` `has_documents` `=` $has_documents `,` `map` `=` `[` $map `]` `>`";
}
def OneHotFamily : Family<"OneHot", "one_hot"> {
  let summary = "operands: ids R, chosen RxE; units: blocks of 64 rows. See motley.one_hot";
}
def HashFamily : Family<"Hash", "hash"> {
  let summary = "operands: ids R, seed i64, y R; units: blocks of 64 rows. See motley.hash";
  let parameters = (ins "int64_t":$buckets);
  let assemblyFormat = "`<` struct(params) `>`";
}
def NoiseFamily : Family<"Noise", "noise"> {
  let summary = "operands: index R, seed i64, step i64, site i64, y RxE; units: blocks of 64 rows. See motley.noise";
  let parameters = (ins "::mlir::motley::NoiseKind":$kind);
  let assemblyFormat = "`<` $kind `>`";
}
def RowSumFamily : Family<"RowSum", "row_sum"> {
  let summary = "operands: x RxD, y R; units: blocks of 64 rows. See motley.row_sum";
}
def RowBroadcastFamily : Family<"RowBroadcast", "row_broadcast"> {
  let summary = "operands: x R, y RxD; units: blocks of 64 rows";
}
def SoftmaxFamily : Family<"Softmax", "softmax"> {
  let summary = "operands: x RxE, [chosen RxE,] y RxE; units: blocks of 64 rows. See motley.softmax";
  let parameters = (ins "bool":$has_chosen);
  let assemblyFormat = "`<` struct(params) `>`";
}
def LogSumExpFamily : Family<"LogSumExp", "log_sum_exp"> {
  let summary = "operands: x RxE, y R; units: blocks of 64 rows. See motley.log_sum_exp";
}
def MeanRowsFamily : Family<"MeanRows", "mean_rows"> {
  let summary = "operands: x RxE, offset G+1, [row R, document offset D+1,] y RxE; units: scopes. See motley.mean_rows";
  let parameters = (ins "bool":$has_documents, ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` `has_documents` `=` $has_documents `,` `map` `=` `[` $map `]` `>`";
}
def SoftmaxRowsFamily : Family<"SoftmaxRows", "softmax_rows"> {
  let summary = "operands: x RxS, offset G+1, y RxS; units: blocks of 16 columns. See motley.softmax_rows";
  let parameters = (ins ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` `[` $map `]` `>`";
}
def SoftmaxRowsBackwardFamily : Family<"SoftmaxRowsBackward", "softmax_rows_backward"> {
  let summary = "operands: dy RxS, y RxS, offset G+1, dx RxS; units: blocks of 16 columns. See motley.softmax_rows_backward";
  let parameters = (ins ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` `[` $map `]` `>`";
}
def ToFloatFamily : Family<"ToFloat", "to_float"> {
  let summary = "operands: x i32, y f32 of the same shape: the integers as floats (arith.sitofp); units: blocks of 4096 elements";
}

// ---- soft mixing. Branch i has weights RxS_i; S is the sum of the S_i, and `owner` has the branch of each group, or -1.

def StaticGroupsFamily : Family<"StaticGroups", "static_groups"> {
  let summary = "operands: row S, offset G+1; one unit. See motley.static_groups";
  let parameters = (ins ArrayRefParameter<"int64_t">:$sizes);
  let assemblyFormat = "`<` `[` $sizes `]` `>`";
}
def MixRowsFamily : Family<"MixRows", "mix_rows"> {
  let summary = "operands: weights_i RxS_i..., x RxD, offset G+1, slots SxD; units: (blocks of 4 slots of each branch) x blocks of 64 columns. See motley.mix_rows";
  let parameters = (ins ArrayRefParameter<"int64_t">:$owner);
  let assemblyFormat = "`<` `[` $owner `]` `>`";
}
def UnmixRowsFamily : Family<"UnmixRows", "unmix_rows"> {
  let summary = "operands: weights_i RxS_i..., slots SxD, offset G+1, y RxD; units: blocks of 64 rows. See motley.unmix_rows";
  let parameters = (ins ArrayRefParameter<"int64_t">:$owner);
  let assemblyFormat = "`<` `[` $owner `]` `>`";
}
def MixProductsFamily : Family<"MixProducts", "mix_products"> {
  let summary = "operands: x RxD, slots SxD, offset G+1, weights_i RxS_i...; units: blocks of 64 rows. See motley.mix_products";
  let parameters = (ins ArrayRefParameter<"int64_t">:$owner);
  let assemblyFormat = "`<` `[` $owner `]` `>`";
}

// ---- elementwise

def MapFamily : Family<"Map", "map"> {
  let summary = "operands: num_inputs inputs (buffers of one shape, or f32 scalars), then results; the kernel's region is applied to each element; units: blocks of 4096 elements";
  let parameters = (ins "int64_t":$num_inputs);
  let assemblyFormat = "`<` struct(params) `>`";
}
def FillFamily : Family<"Fill", "fill"> {
  let summary = "operands: y: y[...] = value; units: blocks of 4096 elements";
  let parameters = (ins "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $value `>`";
}
def MergeFamily : Family<"Merge", "merge"> {
  let summary = "operands: inputs RxD or R..., tiles, y of their shape: rows of group g from input owner[g]; units: tiles";
  let parameters = (ins ArrayRefParameter<"int64_t">:$owner);
  let assemblyFormat = "`<` `[` $owner `]` `>`";
}

// ---- vectors. A bank of vectors is memref<M x N>.

def BiasFamily : Family<"Bias", "bias"> {
  let summary = "operands: x RxN, bank MxN, tiles, y RxN; units: tiles";
  let parameters = (ins ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` `[` $map `]` `>`";
}
def ColumnSumFamily : Family<"ColumnSum", "column_sum"> {
  let summary = "operands: dy RxN, offset G+1, add i1, gradient MxN; units: (member in map) x blocks of 64 columns";
  let parameters = (ins ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` `[` $map `]` `>`";
}
def NormFamily : Family<"Norm", "norm"> {
  let summary = "operands: x RxD, gain MxN, [bias MxN,] tiles, y RxD, statistics RxS; units: tiles. See motley.grouped_norm";
  let parameters = (ins "::mlir::motley::NormKind":$kind, "int64_t":$heads, "::mlir::FloatAttr":$epsilon, "bool":$has_bias, ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` $kind `,` `heads` `=` $heads `,` `epsilon` `=` $epsilon `,` `has_bias` `=` $has_bias `,` `map` `=` `[` $map `]` `>`";
}
def NormBackwardFamily : Family<"NormBackward", "norm_backward"> {
  let summary = "operands: dy RxD, x RxD, statistics RxS, gain MxN, tiles, dx RxD; units: tiles. See motley.grouped_norm_backward";
  let parameters = (ins "::mlir::motley::NormKind":$kind, "int64_t":$heads, ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` $kind `,` `heads` `=` $heads `,` `map` `=` `[` $map `]` `>`";
}
def NormGainFamily : Family<"NormGain", "norm_gain"> {
  let summary = "operands: dy RxD, x RxD, statistics RxS, offset G+1, add i1, gain gradient MxN, [bias gradient MxN]; units: (member in map) x blocks of 64 columns of N (the last may be partial); rows in order";
  let parameters = (ins "::mlir::motley::NormKind":$kind, "int64_t":$heads, "bool":$has_bias, ArrayRefParameter<"int64_t">:$map);
  let assemblyFormat = "`<` $kind `,` `heads` `=` $heads `,` `has_bias` `=` $has_bias `,` `map` `=` `[` $map `]` `>`";
}

// ---- attention

def RopeFamily : Family<"Rope", "rope"> {
  let summary = "operands: x RxD, position R, y RxD; units: blocks of 32 rows. See motley.rope";
  let parameters = (ins "int64_t":$heads, "::mlir::FloatAttr":$theta, "bool":$inverse);
  let assemblyFormat = "`<` `heads` `=` $heads `,` `theta` `=` $theta `,` `inverse` `=` $inverse `>`";
}
class AttentionPart<string cppName, string keyword> : Family<cppName, keyword> {
  let parameters = (ins "::mlir::motley::Mask":$mask, "int64_t":$heads, "int64_t":$kv_heads, "::mlir::FloatAttr":$scale, "bool":$has_order, "bool":$has_span);
  let assemblyFormat = "`<` $mask `,` `heads` `=` $heads `,` `kv_heads` `=` $kv_heads `,` `scale` `=` $scale `,` `has_order` `=` $has_order `,` `has_span` `=` $has_span `>`";
}
def AttentionFamily : AttentionPart<"Attention", "attention"> {
  let summary = "operands: q, k, v, row R, offset G+1, tiles (of documents), [order R,] [span R,] y, log_sum_exp RxH; unit u: tile u / heads, head u % heads";
}
def AttentionDeltaFamily : Family<"AttentionDelta", "attention_delta"> {
  let summary = "operands: dy RxD, y RxD, delta RxH: delta[r, h] = dy . y over head h; units: blocks of 32 rows";
  let parameters = (ins "int64_t":$heads);
  let assemblyFormat = "`<` struct(params) `>`";
}
def AttentionQueryFamily : AttentionPart<"AttentionQuery", "attention_query"> {
  let summary = "operands: dy, q, k, v, log_sum_exp, delta, row, offset, tiles, [order,] [span,] dq; unit u: tile u / heads, head u % heads";
}
def AttentionKeyFamily : AttentionPart<"AttentionKey", "attention_key"> {
  let summary = "operands: dy, q, k, v, log_sum_exp, delta, row, offset, tiles, [order,] [span,] dk, dv; unit u: tile (of keys) u / kv_heads, key head u % kv_heads";
}

// ---- tables of weights, losses. A table is memref<V x D>.

def EmbeddingFamily : Family<"Embedding", "embedding"> {
  let summary = "operands: table VxD, token R, offset G+1, y RxD for rows < L; units: blocks of 32 rows";
}
def EmbeddingBackwardFamily : Family<"EmbeddingBackward", "embedding_backward"> {
  let summary = "operands: dy RxD, row R, offset V+1, add i1, gradient VxD; units: blocks of 64 table rows. Rows without slots get zeros where add is false";
}
def SoftmaxCrossEntropyFamily : Family<"SoftmaxCrossEntropy", "softmax_cross_entropy"> {
  let summary = "operands: logits RxV (a window: only rows of the clamped offsets exist), target R, offset G+1 (clamped), begin i64, [dce R, dz R,] ce R, z R; units: blocks of 8 rows counted from begin; with cotangents the logits are overwritten by dlogits";
  let parameters = (ins "::mlir::FloatAttr":$z_loss, "bool":$backward);
  let assemblyFormat = "`<` `z_loss` `=` $z_loss `,` `backward` `=` $backward `>`";
}
def LossSumsFamily : Family<"LossSums", "loss_sums"> {
  let summary = "operands: losses R..., weight R, target R, offset G+1, sums LxM f64; modality m owns the ids [begins[m], ends[m]); one unit";
  let parameters = (ins ArrayRefParameter<"int64_t">:$begins, ArrayRefParameter<"int64_t">:$ends);
  let assemblyFormat = "`<` `begins` `=` `[` $begins `]` `,` `ends` `=` `[` $ends `]` `>`";
}

// ---- update. Banks are seen as flat memrefs here: the step passes them with their own type.

def SumSquaresFamily : Family<"SumSquares", "sum_squares"> {
  let summary = "operands: gradient (any shape, n elements), first i64, partial memref<B x f64>: partial[first + u] = sum of squares of block u of 65536 elements; units: ceil(n / 65536)";
}
def NormFinishFamily : Family<"NormFinish", "norm_finish"> {
  let summary = "operands: partial memref<B x f64>, norm memref<1xf32>: square root of the sum, in order; one unit";
}
def RunAttr : AttrDef<PlanDialect, "Run"> {
  let mnemonic = "run";
  let summary = "elements [from, to) of a bank that one rule updates: rate is a factor of the learning rate, and `missed` steps did not train them";
  let parameters = (ins "int64_t":$from, "int64_t":$to, "::mlir::FloatAttr":$rate, "::mlir::FloatAttr":$decay, "int64_t":$missed);
  let assemblyFormat = "`<` $from `to` $to `rate` $rate `decay` $decay `missed` $missed `>`";
}
def AdamWFamily : Family<"AdamW", "adamw"> {
  let summary = "operands: param, grad, m, v, [ema,] (one type, n elements), norm 1, learning_rate f32, step i64; units: blocks of 16384 elements, cut at the ends of runs. Without runs all elements are updated, with rate 1 and weight_decay. See motley.adamw";
  let parameters = (ins "::mlir::FloatAttr":$beta1, "::mlir::FloatAttr":$beta2, "::mlir::FloatAttr":$epsilon, "::mlir::FloatAttr":$weight_decay, "::mlir::FloatAttr":$clip,
                        OptionalParameter<"::mlir::FloatAttr">:$ema, OptionalParameter<"::mlir::ArrayAttr">:$runs);
  let assemblyFormat = "`<` `beta1` `=` $beta1 `,` `beta2` `=` $beta2 `,` `epsilon` `=` $epsilon `,` `weight_decay` `=` $weight_decay `,` `clip` `=` $clip (`ema` `=` $ema^)? (`runs` `=` $runs^)? `>`";
}
def InitialiseFamily : Family<"Initialise", "initialise"> {
  let summary = "operands: param of the bank, seed i64, scale f32, site i64, member i64, panel i64. Fills one variable: rows x columns, at member and panel of a matrix bank (its padding too), at member of a vector bank (rows is 1), or the whole table; units: blocks of 32 rows. site is the FNV-1a hash of the name. See motley.variable";
  let parameters = (ins "::mlir::motley::Init":$init, "int64_t":$rows, "int64_t":$columns);
  let assemblyFormat = "`<` $init `,` `rows` `=` $rows `,` `columns` `=` $columns `>`";
}

#endif // PLAN_KERNELS
