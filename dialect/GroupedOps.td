// Level 2: operations that say which rows meet which weights.
//
// Common to all: rows are in slot order of `groups`; only `offset` is read (attention and the gradient of a table also read
// `row`: their groups are not the base partition). `map[g]` is the member of the bank that group g
// meets; -1 means that the rows of g are neither read nor written (they are dead in the results). `ranges` names the column
// ranges of the bank that the operation uses, in the order of its results (or inputs). Operations with `into` write the
// gradient of a bank: overwriting where `add` is false, adding where it is true; a member of the map whose groups have no rows
// gets zeros (or nothing is added), members and ranges that the operation does not name are left alone.
// Groups of one member are summed in group order.
#ifndef MOTLEY_GROUPED_OPS
#define MOTLEY_GROUPED_OPS

include "dialect/MotleyBase.td"
include "dialect/MotleyInterfaces.td"

class GroupedOp<string mnemonic, list<Trait> traits = []>
    : MotleyOp<mnemonic, [DeclareOpInterfaceMethods<SymbolUserOpInterface>] # traits>;

def GroupedMatmulOp : GroupedOp<"grouped_matmul", [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "rows times the matrix of their group";
  let description = [{
    Forward: for each range i and each row r of group g: acc_i[r] = x[r] W[map[g], ranges[i]]. Input [R, K], acc_i [R, N_i].
    `transposed`: acc[r] = sum over i of x_i[r] W[map[g], ranges[i]]^T. Inputs [R, N_i], one acc [R, K].

    Without an epilogue the results are the accumulators. With one, the region is applied elementwise: one f32 argument per
    accumulator, then one per extra operand (same rows, same columns; or [R], one for each row); it yields one f32 per result. A
    result [R, ceil(N / 32)] holds the sums of what is yielded over 32 columns each, in order, and over a rest.

    `gathered`: inputs have the rows of the groups, and slot s reads row[s]. `precision` bf16 rounds inputs and matrices to nearest
    even; products are summed in f32.

    Constraints:
    * C1: the symbol names a bank of matrices; ranges are distinct and in [0, number of ranges); map entries are in
      [-1, number of members); map has one entry per group.
    * C2: forward: one input [R, K]; transposed: one input [R, N_i] per range. R is the bound of the groups; inputs that are
      gathered have the rows of the groups instead.
    * C3: without an epilogue, forward has a result [R, N_i] per range, transposed one result [R, K], and there are no extras.
    * C4: with an epilogue, all accumulators, extras and results have one shape, but for extras [R] and results of sums, and the
      region's arguments and yields are as many as described, all f32.
    * C5: the region holds elementwise operations and constants, and sees nothing but its arguments.

    Example:

    ```mlir
    %q, %k = motley.grouped_matmul @qkv ranges [0, 1] map [0, 1] (%x) by %g : (tensor<64x32xf32>, !motley.groups<2, 64>) -> (tensor<64x32xf32>, tensor<64x32xf32>)
    %dx = motley.grouped_matmul transposed @qkv ranges [0, 1] map [0, 1] (%q, %k) by %g : (tensor<64x32xf32>, tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    %y = motley.grouped_matmul @o ranges [0] map [0, 0] (%x) by %g extra (%x) : (tensor<64x32xf32>, !motley.groups<2, 64>, tensor<64x32xf32>) -> tensor<64x32xf32> epilogue {
    ^bb0(%acc: f32, %residual: f32):
      %s = arith.addf %acc, %residual : f32
      motley.yield %s : f32
    }
    ```
  }];
  let arguments = (ins UnitAttr:$transposed, FlatSymbolRefAttr:$bank, DenseI64ArrayAttr:$ranges, DenseI64ArrayAttr:$map,
                       Variadic<Rows>:$inputs, GroupsType:$groups, Variadic<RowsOrFloats>:$extras, UnitAttr:$gathered,
                       OptionalAttr<PrecisionAttr>:$precision);
  let results = (outs Variadic<Rows>:$results);
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let builders = [OpBuilder<(ins "TypeRange":$results, "UnitAttr":$transposed, "FlatSymbolRefAttr":$bank, "DenseI64ArrayAttr":$ranges,
                                 "DenseI64ArrayAttr":$map, "ValueRange":$inputs, "Value":$groups, "ValueRange":$extras,
                                 "PrecisionAttr":$precision), [{
    build($_builder, $_state, results, transposed, bank, ranges, map, inputs, groups, extras, UnitAttr(), precision);
  }]>];
  let assemblyFormat = [{
    (`transposed` $transposed^)? $bank `ranges` $ranges `map` $map ` ` `(` $inputs `)` (`gathered` $gathered^)? `by` $groups
    (`precision` `` $precision^)? (`extra` `(` $extras^ `)`)? attr-dict `:` functional-type(operands, results) (`epilogue` $epilogue^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def GroupedOuterOp : GroupedOp<"grouped_outer"> {
  let summary = "gradient of the matrices of a bank";
  let description = [{
    For each member m and range i: G[m, ranges[i]] (+)= sum over the groups g with map[g] = m, over their rows r, of
    x[r]^T dy_i[r]. Input [R, K], cotangents [R, N_i]. `gathered_input`, `gathered_cotangents`: they have the rows of the groups, and
    slot s reads row[s]. `precision` is as in grouped_matmul; gradients are f32.

    Constraints:
    * C1: as C1 of grouped_matmul.
    * C2: input [R, K]; one cotangent [R, N_i] per range; R is the bound of the groups, or their rows for what is gathered.

    Example:

    ```mlir
    motley.grouped_outer %x, (%q, %k) into @qkv ranges [0, 1] map [0, 1] by %g add %add : tensor<64x32xf32>, (tensor<64x32xf32>, tensor<64x32xf32>), !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins Rows:$input, Variadic<Rows>:$cotangents, FlatSymbolRefAttr:$bank, DenseI64ArrayAttr:$ranges,
                       DenseI64ArrayAttr:$map, GroupsType:$groups, I1:$add, UnitAttr:$gathered_input,
                       UnitAttr:$gathered_cotangents, OptionalAttr<PrecisionAttr>:$precision);
  let builders = [OpBuilder<(ins "Value":$input, "ValueRange":$cotangents, "FlatSymbolRefAttr":$bank, "DenseI64ArrayAttr":$ranges,
                                 "DenseI64ArrayAttr":$map, "Value":$groups, "Value":$add, "PrecisionAttr":$precision), [{
    build($_builder, $_state, input, cotangents, bank, ranges, map, groups, add, UnitAttr(), UnitAttr(), precision);
  }]>];
  let assemblyFormat = [{
    $input (`gathered` $gathered_input^)? `,` `(` $cotangents `)` (`gathered` $gathered_cotangents^)? `into` $bank `ranges` $ranges
    `map` $map `by` $groups (`precision` `` $precision^)? `add` $add attr-dict
    `:` type($input) `,` `(` type($cotangents) `)` `,` type($groups)
  }];
  let hasVerifier = 1;
}

def GroupedBiasOp : GroupedOp<"grouped_bias", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "adds the bias of each row's group";
  let description = [{
    y[r] = x[r] + b[map[g]] for the rows r of group g. Bank of vectors [N] of one range, x and y [R, N].

    Constraints:
    * C1: the symbol names a bank of vectors of one range with N elements; map is as in grouped_matmul; R is the bound.

    Example:

    ```mlir
    %y = motley.grouped_bias %x, @b map [0, 1] by %g : tensor<64x32xf32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins Rows:$input, FlatSymbolRefAttr:$bank, DenseI64ArrayAttr:$map, GroupsType:$groups);
  let results = (outs Rows:$result);
  let assemblyFormat = "$input `,` $bank `map` $map `by` $groups attr-dict `:` type($input) `,` type($groups)";
}

def GroupedSumOp : GroupedOp<"grouped_sum"> {
  let summary = "gradient of the vectors of a bank that were added";
  let description = [{
    For each member m: G[m] (+)= sum over the groups g with map[g] = m, over their rows r, of dy[r].

    Constraints:
    * C1: as C1 of grouped_bias.

    Example:

    ```mlir
    motley.grouped_sum %dy into @b map [0, 1] by %g add %add : tensor<64x32xf32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins Rows:$cotangent, FlatSymbolRefAttr:$bank, DenseI64ArrayAttr:$map, GroupsType:$groups, I1:$add);
  let assemblyFormat = [{
    $cotangent `into` $bank `map` $map `by` $groups `add` $add attr-dict `:` type($cotangent) `,` type($groups)
  }];
}

def GroupedNormOp : GroupedOp<"grouped_norm", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "motley.norm with the gain of each row's group";
  let description = [{
    As motley.norm, gain (and bias) being member map[g] of a bank of vectors. `statistics` keeps what the adjoint needs:
    rms: [R, heads], 1 / sqrt(mean(x^2) + epsilon); layer: [R, 2 heads], for head h the mean in column 2h and
    1 / sqrt(var + epsilon) in column 2h + 1.

    Constraints:
    * C1: heads >= 1 divides D; epsilon is positive and finite; the banks hold vectors [D / heads], one range; map is as in grouped_matmul;
      R is the bound of the groups.
    * C2: statistics are [R, heads] for rms, [R, 2 heads] for layer; only `layer` has a bias.

    Example:

    ```mlir
    %y, %s = motley.grouped_norm rms %x, gain @g map [0, 1] by %g {epsilon = 1.000000e-05 : f64} : tensor<64x32xf32>, !motley.groups<2, 64> -> tensor<64x1xf32>
    ```
  }];
  let arguments = (ins NormKindAttr:$kind, Rows:$input, FlatSymbolRefAttr:$gain, OptionalAttr<FlatSymbolRefAttr>:$bias,
                       DenseI64ArrayAttr:$map, GroupsType:$groups, F64Attr:$epsilon, DefaultValuedAttr<I64Attr, "1">:$heads);
  let results = (outs Rows:$result, Rows:$statistics);
  let assemblyFormat = [{
    `` $kind $input `,` `gain` $gain (`bias` $bias^)? `map` $map `by` $groups attr-dict
    `:` type($input) `,` type($groups) `->` type($statistics)
  }];
}

def GroupedNormBackwardOp : GroupedOp<"grouped_norm_backward", [AllTypesMatch<["cotangent", "input", "result"]>]> {
  let summary = "adjoint of grouped_norm: the input's cotangent, and the gradients of gain and bias";
  let description = [{
    With n the normalised value, a = dy * gain and per head: rms: dx = rstd * (a - n mean(a n)); layer:
    dx = rstd * (a - mean(a) - n mean(a n)). Gain: G[m] (+)= sum over rows (and heads) of dy n; bias: of dy.

    Constraints:
    * C1: as C1 of grouped_norm.
    * C2: as C2 of grouped_norm.

    Example:

    ```mlir
    %dx = motley.grouped_norm_backward rms %dy, %x, %s into gain @g map [0, 1] by %g add %add {epsilon = 1.000000e-05 : f64} : tensor<64x32xf32>, tensor<64x1xf32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins NormKindAttr:$kind, Rows:$cotangent, Rows:$input, Rows:$statistics, FlatSymbolRefAttr:$gain,
                       OptionalAttr<FlatSymbolRefAttr>:$bias, DenseI64ArrayAttr:$map, GroupsType:$groups, I1:$add,
                       F64Attr:$epsilon, DefaultValuedAttr<I64Attr, "1">:$heads);
  let results = (outs Rows:$result);
  let assemblyFormat = [{
    `` $kind $cotangent `,` $input `,` $statistics `into` `gain` $gain (`bias` $bias^)? `map` $map `by` $groups `add` $add attr-dict
    `:` type($input) `,` type($statistics) `,` type($groups)
  }];
}

def GroupedAttentionOp : GroupedOp<"grouped_attention", [Pure, AttrSizedOperandSegments, AllTypesMatch<["query", "result"]>,
    DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "motley.attention over a table of documents";
  let description = [{
    As motley.attention, the documents being `groups`: slots of a document are in ascending `order`, and row[s] says where a
    slot's row lies. log_sum_exp [R, heads] is the natural logarithm of the sum of the exponentials of the scaled scores.

    Constraints:
    * C1: as C1 of attention.
    * C2: as C2 of attention; the bound of the groups is R; log_sum_exp is [R, heads].

    Example:

    ```mlir
    %a, %l = motley.grouped_attention causal %q, %k, %v over %d order %o {heads = 4 : i64, kv_heads = 2 : i64, scale = 3.535534e-01 : f64} : (tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>, !motley.groups<64, 64>, tensor<64xi32>) -> (tensor<64x32xf32>, tensor<64x4xf32>)
    ```
  }];
  let arguments = (ins MaskAttr:$mask, Rows:$query, Rows:$key, Rows:$value, GroupsType:$groups, Optional<RowInts>:$order,
                       Optional<RowInts>:$span, I64Attr:$heads, I64Attr:$kv_heads, F64Attr:$scale);
  let results = (outs Rows:$result, Rows:$log_sum_exp);
  let assemblyFormat = [{
    `` $mask $query `,` $key `,` $value `over` $groups (`order` $order^)? (`span` $span^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def GroupedAttentionBackwardOp : GroupedOp<"grouped_attention_backward", [Pure, AttrSizedOperandSegments]> {
  let summary = "adjoint of grouped_attention: cotangents of query, key and value";
  let description = [{
    With P = exp(scale q k^T - log_sum_exp) on admitted pairs, D[r] = dy[r] . y[r] per head: dV = P^T dy,
    dS = P * (dy V^T - D), dQ = scale dS K, dK = scale dS^T Q; heads that share a key head are summed in head order
    (arXiv 2205.14135, appendix B). Scores are computed again, never stored.

    Constraints:
    * C1: as in grouped_attention; cotangent and output have the type of the query; results have the types of query, key,
      value.

    Example:

    ```mlir
    %dq, %dk, %dv = motley.grouped_attention_backward causal %dy, %q, %k, %v, %a, %l over %d order %o {heads = 4 : i64, kv_heads = 2 : i64, scale = 3.535534e-01 : f64} : (tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>, tensor<64x32xf32>, tensor<64x4xf32>, !motley.groups<64, 64>, tensor<64xi32>) -> (tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>)
    ```
  }];
  let arguments = (ins MaskAttr:$mask, Rows:$cotangent, Rows:$query, Rows:$key, Rows:$value, Rows:$output, Rows:$log_sum_exp,
                       GroupsType:$groups, Optional<RowInts>:$order, Optional<RowInts>:$span, I64Attr:$heads,
                       I64Attr:$kv_heads, F64Attr:$scale);
  let results = (outs Rows:$dquery, Rows:$dkey, Rows:$dvalue);
  let assemblyFormat = [{
    `` $mask $cotangent `,` $query `,` $key `,` $value `,` $output `,` $log_sum_exp `over` $groups (`order` $order^)?
    (`span` $span^)? attr-dict `:` functional-type(operands, results)
  }];
}

def GroupedEmbeddingOp : GroupedOp<"grouped_embedding", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "looks up one row of a table for each live token";
  let description = [{
    y[r, :] = table[token[r], :] for the live rows of `groups`. The bank has one member and one range, the table [V, D].

    Constraints:
    * C1: the bank has one member and one range, of rank 2; the result is [R, D]; R is the bound of the groups.
    * C2 (when it runs): 0 <= token[r] < V for live rows.

    Example:

    ```mlir
    %x = motley.grouped_embedding @table(%token) by %g : (tensor<64xi32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$bank, RowInts:$tokens, GroupsType:$groups);
  let results = (outs Rows:$result);
  let assemblyFormat = "$bank `(` $tokens `)` `by` $groups attr-dict `:` functional-type(operands, results)";
}

def GroupedEmbeddingBackwardOp : GroupedOp<"grouped_embedding_backward"> {
  let summary = "gradient of an embedding table";
  let description = [{
    G[v] (+)= sum over the slots s of group v of dy[row[s]], in slot order: `groups` is the partition by token id (G = V),
    reindexed to where the rows are.

    Constraints:
    * C1: the bank is as in grouped_embedding; the groups are V; the cotangent is [R, D].

    Example:

    ```mlir
    motley.grouped_embedding_backward %dx into @table by %t add %add : tensor<64x32xf32>, !motley.groups<128, 64>
    ```
  }];
  let arguments = (ins Rows:$cotangent, FlatSymbolRefAttr:$bank, GroupsType:$groups, I1:$add);
  let assemblyFormat = "$cotangent `into` $bank `by` $groups `add` $add attr-dict `:` type($cotangent) `,` type($groups)";
}

def GroupedCrossEntropyOp : GroupedOp<"grouped_cross_entropy", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "motley.cross_entropy with the head in a bank";
  let description = [{
    As motley.cross_entropy for the live rows of `groups`. The bank has one member and one range, the head [K, V]. `precision` is that of
    the products with the head; the rest is f32.

    Constraints:
    * C1: the bank has one member and one range, of rank 2; types as in motley.cross_entropy; R is the bound of the groups.

    Example:

    ```mlir
    %ce, %z = motley.grouped_cross_entropy @head(%x) by %g targets %target {z_loss = 1.000000e-05 : f64} : (tensor<64x32xf32>, !motley.groups<2, 64>, tensor<64xi32>) -> (tensor<64xf32>, tensor<64xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$bank, Rows:$input, GroupsType:$groups, RowInts:$targets, F64Attr:$z_loss,
                       OptionalAttr<PrecisionAttr>:$precision);
  let results = (outs RowFloats:$ce, RowFloats:$z);
  let assemblyFormat = [{
    $bank `(` $input `)` `by` $groups `targets` $targets (`precision` `` $precision^)? attr-dict `:` functional-type(operands, results)
  }];
}

def GroupedCrossEntropyBackwardOp : GroupedOp<"grouped_cross_entropy_backward"> {
  let summary = "cross-entropy and its adjoint in one pass over the head";
  let description = [{
    Computes ce and z again together with dlogits[r] = (dce[r] + 2 z_loss lse dz[r]) softmax(logits[r]) - dce[r] onehot(target[r])
    (0 where target is -1), dx = dlogits W^T and the gradient of the head x^T dlogits. The forward operation becomes dead: the
    head is multiplied once.

    Constraints:
    * C1: as in grouped_cross_entropy; dce and dz are [R]; dx has the type of the input.

    Example:

    ```mlir
    %ce, %z, %dx = motley.grouped_cross_entropy_backward @head(%x) by %g targets %target cotangents %dce, %dz add %add {z_loss = 1.000000e-05 : f64} : (tensor<64x32xf32>, !motley.groups<2, 64>, tensor<64xi32>, tensor<64xf32>, tensor<64xf32>, i1) -> (tensor<64xf32>, tensor<64xf32>, tensor<64x32xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$bank, Rows:$input, GroupsType:$groups, RowInts:$targets, RowFloats:$dce,
                       RowFloats:$dz, I1:$add, F64Attr:$z_loss, OptionalAttr<PrecisionAttr>:$precision);
  let results = (outs RowFloats:$ce, RowFloats:$z, Rows:$dinput);
  let assemblyFormat = [{
    $bank `(` $input `)` `by` $groups `targets` $targets `cotangents` $dce `,` $dz (`precision` `` $precision^)? `add` $add attr-dict
    `:` functional-type(operands, results)
  }];
}

def LossSumsOp : MotleyOp<"loss_sums", [Pure]> {
  let summary = "weighted sums of losses by the modality of the target";
  let description = [{
    y[l, m] = sum over the live rows r whose target id lies in modality m of weight[r] * loss_l[r], in f64, in row order.
    Modalities are those of the module, in their order. Rows with target -1 count nowhere.

    Constraints:
    * C1: the result is tensor<LxMxf64> with L losses and M modalities, at least one of each; all row tensors have the bound of the groups.

    Example:

    ```mlir
    %s = motley.loss_sums (%ce, %z) weights %w targets %target by %g : (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xi32>, !motley.groups<2, 64>) -> tensor<2x2xf64>
    ```
  }];
  let arguments = (ins Variadic<RowFloats>:$losses, RowFloats:$weights, RowInts:$targets, GroupsType:$groups);
  let results = (outs LossTable:$sums);
  let assemblyFormat = [{
    `(` $losses `)` `weights` $weights `targets` $targets `by` $groups attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def ScaleOp : MotleyOp<"scale", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "a tensor times a scalar that is known when the step runs";
  let description = [{
    Example:

    ```mlir
    %y = motley.scale %x by %s : tensor<64xf32>
    ```
  }];
  let arguments = (ins Floats:$input, F32:$factor);
  let results = (outs Floats:$result);
  let assemblyFormat = "$input `by` $factor attr-dict `:` type($input)";
}

def MapOp : MotleyOp<"map", [Pure]> {
  let summary = "a fused chain of elementwise operations";
  let description = [{
    The region is applied to each element: one f32 argument per input, one f32 yield per result; all tensors have one shape.

    Constraints:
    * C1: at least one input and one result, all of one type; arguments and yields are as many, all f32.
    * C2: as C5 of grouped_matmul.

    Example:

    ```mlir
    %y = motley.map (%a, %b) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32> {
    ^bb0(%s: f32, %t: f32):
      %u = arith.addf %s, %t : f32
      motley.yield %u : f32
    }
    ```
  }];
  let arguments = (ins Variadic<Floats>:$inputs);
  let results = (outs Variadic<Floats>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type(operands, results) $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

#endif // MOTLEY_GROUPED_OPS
