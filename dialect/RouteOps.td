// Routing: how a row chooses experts, and what then runs on the chosen rows. Both levels use the operations on scores; at level 1
// they mean the live rows where they stand (a case, a selection), at level 2 `by` names those rows: the slots of the groups g with
// map[g] >= 0, all together.
//
// A choice is an integer matrix `chosen` [R, E]: 1 where the row goes to the expert, else 0. Choices have no derivative; gates do.
#ifndef MOTLEY_ROUTE_OPS
#define MOTLEY_ROUTE_OPS

include "dialect/MotleyBase.td"
include "dialect/MotleyInterfaces.td"

defvar HasAdjoint = DeclareOpInterfaceMethods<DifferentiableOpInterface>;

// ---- mathematics on each row

def RowSumOp : MotleyOp<"row_sum", [Pure, HasAdjoint]> {
  let summary = "the sum of each row";
  let description = [{
    y[r] = sum over d of x[r, d], in order of vectors of 16 columns (see KernelBuilder::sumColumns).

    Constraints:
    * C1: the result has the rows of the input.

    Example:

    ```mlir
    %y = motley.row_sum %x : tensor<64x4xf32> -> tensor<64xf32>
    ```
  }];
  let arguments = (ins Rows:$input);
  let results = (outs RowFloats:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def RowBroadcastOp : MotleyOp<"row_broadcast", [Pure, HasAdjoint]> {
  let summary = "one value for each row, in every column";
  let description = [{
    y[r, d] = x[r].

    Constraints:
    * C1: the result has the rows of the input.

    Example:

    ```mlir
    %y = motley.row_broadcast %x : tensor<64xf32> -> tensor<64x4xf32>
    ```
  }];
  let arguments = (ins RowFloats:$input);
  let results = (outs Rows:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def SoftmaxOp : MotleyOp<"softmax", [Pure, HasAdjoint, AllTypesMatch<["input", "result"]>]> {
  let summary = "softmax over the columns of each row";
  let description = [{
    y[r, e] = exp(x[r, e] - max) / sum over e' of exp(x[r, e'] - max), max and sum over the columns with chosen[r, e'] != 0 where it is
    given; the other columns get 0, and so does a row that chose none.

    Constraints:
    * C1: chosen has the shape of the input.

    Example:

    ```mlir
    %y = motley.softmax %x : tensor<64x4xf32>
    %z = motley.softmax %x chosen %c : tensor<64x4xf32>, tensor<64x4xi32>
    ```
  }];
  let arguments = (ins Rows:$input, Optional<RowsOfInts>:$chosen);
  let results = (outs Rows:$result);
  let assemblyFormat = "$input (`chosen` $chosen^)? attr-dict `:` type($input) (`,` type($chosen)^)?";
  let hasVerifier = 1;
}

def LogSumExpOp : MotleyOp<"log_sum_exp", [Pure, HasAdjoint]> {
  let summary = "log of the sum of exponentials of each row";
  let description = [{
    y[r] = max + log(sum over e of exp(x[r, e] - max)); its square is the router's z-loss (arXiv 2202.08906, equation 5).

    Constraints:
    * C1: the result has the rows of the input.

    Example:

    ```mlir
    %y = motley.log_sum_exp %x : tensor<64x4xf32> -> tensor<64xf32>
    ```
  }];
  let arguments = (ins Rows:$input);
  let results = (outs RowFloats:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def MeanRowsOp : MotleyOp<"mean_rows", [Pure, HasAdjoint, AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>]> {
  let summary = "the mean over rows, in every row";
  let description = [{
    y[r, d] = mean of x[q, d] over the rows q in the scope of r: all rows, or those of r's document (`documents`, level 1; `over`, level
    2). Rows are summed in ascending order, in f32. It is its own adjoint.

    With p the gates and c the choice as numbers, E row_sum(mean_rows(c) * p) averages to the load-balancing loss of arXiv
    2101.03961, equation 4.

    Constraints:
    * C1: documents have the rows of the input; `by` and `over` have them for their bound; map has one entry per group of `by`, and
      is there with it.

    Example:

    ```mlir
    %y = motley.mean_rows %x : (tensor<64x4xf32>) -> tensor<64x4xf32>
    %z = motley.mean_rows %x by %g map [0, -1] : (tensor<64x4xf32>, !motley.groups<2, 64>) -> tensor<64x4xf32>
    ```
  }];
  let arguments = (ins Rows:$input, Optional<RowInts>:$documents, Optional<GroupsType>:$groups, OptionalAttr<DenseI64ArrayAttr>:$map,
                       Optional<GroupsType>:$over);
  let results = (outs Rows:$result);
  let assemblyFormat = [{
    $input (`documents` $documents^)? (`by` $groups^ `map` $map)? (`over` $over^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def NoiseOp : MotleyOp<"noise", [Pure, AttrSizedOperandSegments]> {
  let summary = "random numbers for training; zeros in evaluation";
  let description = [{
    gumbel: -log(-log u); normal: of mean 0 and variance 1; uniform: in [-1, 1). Counter-based, independent of row order and threads:
    element (r, e) takes Philox4x32-10 with key (seed low, seed high) and counter (index[r], e, step, site), `u_j` as in
    motley.variable; gumbel is -log(-log u_0), uniform 2 u_0 - 1, normal sqrt(-2 ln u_0) cos(2 pi u_1). Without `seed` and `step`
    (level 1, eval) it is zero. `site` tells the noises of a model apart.

    Constraints:
    * C1: the result has the rows of the index; seed and step come together; 0 <= site < 2^32.

    Example:

    ```mlir
    %n = motley.noise gumbel at %index {site = 0 : i64} : (tensor<64xi32>) -> tensor<64x4xf32>
    %m = motley.noise normal at %index seed %seed step %step {site = 1 : i64} : (tensor<64xi32>, i64, i64) -> tensor<64x4xf32>
    ```
  }];
  let arguments = (ins NoiseKindAttr:$kind, RowInts:$index, Optional<I64>:$seed, Optional<I64>:$step, I64Attr:$site);
  let results = (outs Rows:$result);
  let assemblyFormat = "`` $kind `at` $index (`seed` $seed^)? (`step` $step^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

// ---- choices

def ChooseExpertsOp : MotleyOp<"choose_experts", [Pure]> {
  let summary = "each row takes its k best experts";
  let description = [{
    chosen[r, e] = 1 for the k experts of the highest scores[r, e], the lower e first among equals; NaN counts as less than any number.
    Where `allowed` is given, only experts with allowed[r, e] != 0 are taken, fewer than k if need be.

    Constraints:
    * C1: 1 <= k <= E; allowed and chosen have the shape of the scores.

    Example:

    ```mlir
    %c = motley.choose_experts %s {k = 2 : i64} : (tensor<64x4xf32>) -> tensor<64x4xi32>
    ```
  }];
  let arguments = (ins Rows:$scores, Optional<RowsOfInts>:$allowed, I64Attr:$k);
  let results = (outs RowsOfInts:$chosen);
  let assemblyFormat = "$scores (`allowed` $allowed^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def ChooseAboveOp : MotleyOp<"choose_above", [Pure]> {
  let summary = "each row takes the experts whose score is above a threshold";
  let description = [{
    chosen[r, e] = scores[r, e] > threshold; NaN is not.

    Constraints:
    * C1: the threshold is finite; chosen has the shape of the scores.

    Example:

    ```mlir
    %c = motley.choose_above %s {threshold = 5.000000e-01 : f64} : (tensor<64x4xf32>) -> tensor<64x4xi32>
    ```
  }];
  let arguments = (ins Rows:$scores, F64Attr:$threshold);
  let results = (outs RowsOfInts:$chosen);
  let assemblyFormat = "$scores attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def ChooseTopPOp : MotleyOp<"choose_top_p", [Pure]> {
  let summary = "each row takes the fewest experts whose scores reach p together";
  let description = [{
    In descending order of scores, the lower e first among equals, experts are taken until the sum of their scores is at least p (arXiv
    2403.07652, equation 4); at least one. Scores are probabilities; NaN counts as less than any number and adds nothing.

    Constraints:
    * C1: 0 < p <= 1; chosen has the shape of the scores.

    Example:

    ```mlir
    %c = motley.choose_top_p %s {p = 4.000000e-01 : f64} : (tensor<64x4xf32>) -> tensor<64x4xi32>
    ```
  }];
  let arguments = (ins Rows:$scores, F64Attr:$p);
  let results = (outs RowsOfInts:$chosen);
  let assemblyFormat = "$scores attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def ChooseTokensOp : MotleyOp<"choose_tokens", [Pure, AttrSizedOperandSegments]> {
  let summary = "each expert takes its best rows";
  let description = [{
    Expert choice (arXiv 2202.09368; arXiv 2407.21770, section 2.2): of the n rows in a scope (all, or one document) expert e takes the
    k = min(n, ceil(capacity n)) rows of the highest scores[r, e], the lower index[r] first among equals; NaN counts as less than
    any number. A product capacity * n within 2^-20 above an integer counts as that integer.

    Constraints:
    * C1: 0 < capacity <= 1; index and documents have the rows of the scores, chosen their shape.
    * C2: `by` and `over` have those rows for their bound; map has one entry per group of `by`, and is there with it.

    Example:

    ```mlir
    %c = motley.choose_tokens %s index %i {capacity = 2.500000e-01 : f64} : (tensor<64x4xf32>, tensor<64xi32>) -> tensor<64x4xi32>
    %d = motley.choose_tokens %s index %i by %g map [0, -1] over %documents {capacity = 2.500000e-01 : f64} : (tensor<64x4xf32>, tensor<64xi32>, !motley.groups<2, 64>, !motley.groups<64, 64>) -> tensor<64x4xi32>
    ```
  }];
  let arguments = (ins Rows:$scores, RowInts:$index, Optional<RowInts>:$documents, Optional<GroupsType>:$groups,
                       OptionalAttr<DenseI64ArrayAttr>:$map, Optional<GroupsType>:$over, F64Attr:$capacity);
  let results = (outs RowsOfInts:$chosen);
  let assemblyFormat = [{
    $scores `index` $index (`documents` $documents^)? (`by` $groups^ `map` $map)? (`over` $over^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LimitCapacityOp : MotleyOp<"limit_capacity", [Pure, AttrSizedOperandSegments]> {
  let summary = "bounds the rows of each expert, and says what becomes of the others";
  let description = [{
    Of the n rows in a scope (as in choose_tokens) an expert keeps at most ceil(capacity n) of those that chose it (rounded as there).
    `position`: the ones of the lowest index (arXiv 2101.03961). `priority`: the ones of the highest scores, then of the lowest
    index (arXiv 2106.05974, appendix C). `reroute`: rows in the order of their index, each keeps the experts that have room; for
    each expert that has none it takes, of the experts that it did not choose and that have room, the one of its highest score
    (the lower e among equals), if there is one.

    Constraints:
    * C1: 0 < capacity <= 1; scores, index and documents have the rows of chosen; scores and the result have its shape.
    * C2: as C2 of choose_tokens.

    Example:

    ```mlir
    %d = motley.limit_capacity priority %c scores %s index %i {capacity = 2.500000e-01 : f64} : (tensor<64x4xi32>, tensor<64x4xf32>, tensor<64xi32>) -> tensor<64x4xi32>
    ```
  }];
  let arguments = (ins OverflowAttr:$overflow, RowsOfInts:$chosen, Rows:$scores, RowInts:$index, Optional<RowInts>:$documents,
                       Optional<GroupsType>:$groups, OptionalAttr<DenseI64ArrayAttr>:$map, Optional<GroupsType>:$over,
                       F64Attr:$capacity);
  let results = (outs RowsOfInts:$result);
  let assemblyFormat = [{
    `` $overflow $chosen `scores` $scores `index` $index (`documents` $documents^)? (`by` $groups^ `map` $map)? (`over` $over^)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def OneHotOp : MotleyOp<"one_hot", [Pure]> {
  let summary = "the expert that an id names";
  let description = [{
    chosen[r, e] = (ids[r] == e): routing by task, by hash, by any field. An id outside of [0, E) chooses none.

    Constraints:
    * C1: chosen has the rows of the ids.

    Example:

    ```mlir
    %c = motley.one_hot %ids : (tensor<64xi32>) -> tensor<64x4xi32>
    ```
  }];
  let arguments = (ins RowInts:$ids);
  let results = (outs RowsOfInts:$chosen);
  let assemblyFormat = "$ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def HashOp : MotleyOp<"hash", [Pure, AllTypesMatch<["ids", "result"]>]> {
  let summary = "a fixed pseudo-random bucket for each id";
  let description = [{
    y[r] = h mod buckets with h the first word of Philox4x32-10 at key (seed, 0) and counter (ids[r], 0, 0, 0) (hash layers, arXiv
    2106.04426).

    Constraints:
    * C1: 1 <= buckets < 2^31; 0 <= seed < 2^32.

    Example:

    ```mlir
    %b = motley.hash %token {buckets = 4 : i64, seed = 0 : i64} : tensor<64xi32>
    ```
  }];
  let arguments = (ins RowInts:$ids, I64Attr:$buckets, I64Attr:$seed);
  let results = (outs RowInts:$result);
  let assemblyFormat = "$ids attr-dict `:` type($ids)";
  let hasVerifier = 1;
}

// ---- what runs on the chosen rows (level 1)

def ExpertsOp : MotleyOp<"experts", [Pure, AttrSizedOperandSegments]> {
  let summary = "a different computation for the rows of each expert, summed over a row's experts";
  let description = [{
    y[r] = sum over the experts e with chosen[r, e] != 0, ascending, of gates[r, e] * body_e(inputs[r]); without gates they are 1. A row
    that chose no expert gets 0. Each body is a graph of row operations on the rows of its expert: its arguments are the inputs on S
    slots, S bounding the rows of all experts together. Columns of chosen beyond the bodies are null experts: they compute
    nothing.

    Constraints:
    * C1: at least one body, and at most as many as chosen has columns; gates have the shape of chosen.
    * C2: all inputs have the rows of chosen; the arguments of each body are the inputs on S rows, one S for all.
    * C3: each body yields one tensor [S, D] for the result [R, D].
    * C4: a body holds what a case of by_modality may hold, and sees tensors of rows only through its arguments.

    Example:

    ```mlir
    %y = motley.experts %c gates %p (%x) : (tensor<64x2xi32>, tensor<64x2xf32>, tensor<64x32xf32>) -> tensor<64x32xf32> {
    ^bb0(%a: tensor<66x32xf32>):
      %b = motley.linear @first(%a) : (tensor<66x32xf32>) -> tensor<66x32xf32>
      motley.yield %b : tensor<66x32xf32>
    }, {
    ^bb0(%a: tensor<66x32xf32>):
      %b = motley.linear @second(%a) : (tensor<66x32xf32>) -> tensor<66x32xf32>
      motley.yield %b : tensor<66x32xf32>
    }
    ```
  }];
  let arguments = (ins RowsOfInts:$chosen, Optional<Rows>:$gates, Variadic<RowAny>:$inputs);
  let results = (outs Rows:$result);
  let regions = (region VariadicRegion<SizedRegion<1>>:$bodies);
  let assemblyFormat = "$chosen (`gates` $gates^)? ` ` `(` $inputs `)` attr-dict `:` functional-type(operands, results) $bodies";
  let hasRegionVerifier = 1;
}

def SelectRowsOp : MotleyOp<"select_rows", [Pure]> {
  let summary = "a computation among the chosen rows; the others pass";
  let description = [{
    The body runs on the rows with chosen[r, 0] != 0 alone: attention inside sees no other row. y[r] is what it yields for them, and
    otherwise[r] for the others (mixture-of-depths, arXiv 2404.02258; arXiv 2407.21770, section 2.3). Its arguments are the inputs
    on S rows, S bounding the chosen ones; fields of the rows that the body needs are among them.

    Constraints:
    * C1: chosen is [R, 1]; otherwise and the result have one type, of R rows.
    * C2: all inputs have R rows; the arguments of the body are the inputs on S rows, one S for all.
    * C3: the body yields one tensor of S rows with the width of the result.
    * C4: the body sees tensors of rows only through its arguments, and holds no embedding, loss or nested select_rows.

    Example:

    ```mlir
    %y = motley.select_rows %c (%x, %d) otherwise %x : (tensor<64x1xi32>, tensor<64x32xf32>, tensor<64xi32>, tensor<64x32xf32>) -> tensor<64x32xf32> {
    ^bb0(%a: tensor<17x32xf32>, %e: tensor<17xi32>):
      %b = motley.attention causal %a, %a, %a documents %e {heads = 4 : i64, kv_heads = 4 : i64} : (tensor<17x32xf32>, tensor<17x32xf32>, tensor<17x32xf32>, tensor<17xi32>) -> tensor<17x32xf32>
      motley.yield %b : tensor<17x32xf32>
    }
    ```
  }];
  let arguments = (ins RowsOfInts:$chosen, Variadic<RowAny>:$inputs, Rows:$otherwise);
  let results = (outs Rows:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$chosen ` ` `(` $inputs `)` `otherwise` $otherwise attr-dict `:` functional-type(operands, results) $body";
  let hasRegionVerifier = 1;
}

def ObserveOp : MotleyOp<"observe"> {
  let summary = "reports how many rows of each modality chose each expert";
  let description = [{
    Becomes count_chosen: an output of the step that the trainer reads behind it.

    Constraints:
    * C1: the name is not empty.

    Example:

    ```mlir
    motley.observe "blocks.0.ffn" %c : tensor<64x4xi32>
    ```
  }];
  let arguments = (ins StrAttr:$name, RowsOfInts:$chosen);
  let assemblyFormat = "$name $chosen attr-dict `:` type($chosen)";
  let hasVerifier = 1;
}

#endif // MOTLEY_ROUTE_OPS
