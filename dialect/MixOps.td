// Soft mixing (arXiv 2308.00951): every expert gets slots that are weighted means of rows, and every row a weighted sum of what the
// experts make of them. Nothing is chosen, so the weights have derivatives. Slots are rows of a space of their own, all of them live.
//
// At level 2 the rows that mix are those of the groups g with owner[g] = i, with the weights of branch i: experts of several
// modalities have their slots in one tensor, branch after branch, and so share their products.
#ifndef MOTLEY_MIX_OPS
#define MOTLEY_MIX_OPS

include "dialect/MotleyBase.td"
include "dialect/MotleyInterfaces.td"

def SoftmaxRowsOp : MotleyOp<"softmax_rows", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "softmax over the rows of each column";
  let description = [{
    y[r, s] = exp(x[r, s] - max) / sum over q of exp(x[q, s] - max), max and sum over the rows q that are live where it stands (a case, a
    selection); at level 2 those of the groups g of `by` with map[g] >= 0. Rows are summed in ascending order, in f32.

    Constraints:
    * C1: the bound of the groups is R; map has one entry per group, and is there with them.

    Example:

    ```mlir
    %y = motley.softmax_rows %x : tensor<64x4xf32>
    %z = motley.softmax_rows %x by %g map [0, -1] : tensor<64x4xf32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins Rows:$input, Optional<GroupsType>:$groups, OptionalAttr<DenseI64ArrayAttr>:$map);
  let results = (outs Rows:$result);
  let assemblyFormat = "$input (`by` $groups^ `map` $map)? attr-dict `:` type($input) (`,` type($groups)^)?";
  let hasVerifier = 1;
}

def SoftmaxRowsBackwardOp : MotleyOp<"softmax_rows_backward", [Pure, AllTypesMatch<["cotangent", "output", "result"]>]> {
  let summary = "adjoint of softmax_rows";
  let description = [{
    dx[r, s] = y[r, s] (dy[r, s] - sum over q of dy[q, s] y[q, s]), over the same rows.

    Constraints:
    * C1: the bound of the groups is R; map has one entry per group.

    Example:

    ```mlir
    %dx = motley.softmax_rows_backward %dy, %y by %g map [0, -1] : tensor<64x4xf32>, !motley.groups<2, 64>
    ```
  }];
  let arguments = (ins Rows:$cotangent, Rows:$output, GroupsType:$groups, DenseI64ArrayAttr:$map);
  let results = (outs Rows:$result);
  let assemblyFormat = "$cotangent `,` $output `by` $groups `map` $map attr-dict `:` type($cotangent) `,` type($groups)";
  let hasVerifier = 1;
}

def SoftExpertsOp : MotleyOp<"soft_experts", [Pure]> {
  let summary = "experts on mixtures of all rows, mixed back into rows";
  let description = [{
    With S columns of weights and E bodies, body e runs on the slots [e p, (e + 1) p), p = S / E, all of them live:

    u[s] = sum over the live rows q of dispatch[q, s] inputs[q]; v[s] = body_e(u)[s]; y[r] = sum over s of combine[r, s] v[s].

    Soft MoE has dispatch = softmax_rows(l) and combine = softmax(l) of one matrix of logits l (arXiv 2308.00951, equations 1 to 3).
    Without live rows the slots are 0. A row sees all other rows, later ones too.

    Constraints:
    * C1: at least one body; their number divides S; combine has the shape of dispatch.
    * C2: input and result have the rows of dispatch; the argument of each body is the input on S rows.
    * C3: each body yields one tensor [S, D] for the result [R, D].
    * C4: as C4 of experts.

    Example:

    ```mlir
    %y = motley.soft_experts %d, %c (%x) : (tensor<64x6xf32>, tensor<64x6xf32>, tensor<64x32xf32>) -> tensor<64x32xf32> {
    ^bb0(%a: tensor<6x32xf32>):
      %b = motley.linear @first(%a) : (tensor<6x32xf32>) -> tensor<6x32xf32>
      motley.yield %b : tensor<6x32xf32>
    }, {
    ^bb0(%a: tensor<6x32xf32>):
      %b = motley.linear @second(%a) : (tensor<6x32xf32>) -> tensor<6x32xf32>
      motley.yield %b : tensor<6x32xf32>
    }
    ```
  }];
  let arguments = (ins Rows:$dispatch, Rows:$combine, Rows:$input);
  let results = (outs Rows:$result);
  let regions = (region VariadicRegion<SizedRegion<1>>:$bodies);
  let assemblyFormat = "$dispatch `,` $combine ` ` `(` $input `)` attr-dict `:` functional-type(operands, results) $bodies";
  let hasRegionVerifier = 1;
}

// ---- level 2

def StaticGroupsOp : MotleyOp<"static_groups", [Pure]> {
  let summary = "groups whose sizes are known before anything runs";
  let description = [{
    Group g holds the next sizes[g] rows, all rows are live: row[s] = s. The slots of soft experts fall into such groups.

    Constraints:
    * C1: one size per group, each at least 1; they sum to the bound of the result, which is a partition.

    Example:

    ```mlir
    %t = motley.static_groups [2, 2, 3, 3] : !motley.groups<4, 10>
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$sizes);
  let results = (outs GroupsType:$groups);
  let assemblyFormat = "$sizes attr-dict `:` type($groups)";
  let hasVerifier = 1;
}

def MixRowsOp : MotleyOp<"mix_rows", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "slots that are weighted sums of rows";
  let description = [{
    Branch i has the weights[i], and a slot for each of their columns; slots are numbered branch after branch, f_i being the first of
    branch i. u[f_i + s] = sum of weights[i][r, s] x[r] over the rows r of the groups g with owner[g] = i, in row order, in f32; 0 where
    there are none.

    Constraints:
    * C1: owner has one entry per group, each -1 or a branch; there is at least one branch.
    * C2: weights and input have the bound of the groups for their rows; the result has a row for each column of the weights, and the
      width of the input.

    Example:

    ```mlir
    %u = motley.mix_rows (%w, %v) of %x by %base owner [0, 1] : (tensor<64x4xf32>, tensor<64x6xf32>, tensor<64x32xf32>, !motley.groups<2, 64>) -> tensor<10x32xf32>
    ```
  }];
  let arguments = (ins Variadic<Rows>:$weights, Rows:$input, GroupsType:$groups, DenseI64ArrayAttr:$owner);
  let results = (outs Rows:$result);
  let assemblyFormat = "`(` $weights `)` `of` $input `by` $groups `owner` $owner attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def UnmixRowsOp : MotleyOp<"unmix_rows", [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "rows that are weighted sums of slots";
  let description = [{
    y[r] = sum over s of weights[i][r, s] u[f_i + s] for the rows r of the groups g with owner[g] = i >= 0, in the order of s, in f32;
    branches and slots are as in mix_rows. Other rows are dead.

    Constraints:
    * C1: as C1 of mix_rows.
    * C2: as C2 of mix_rows, with slots and result for its result and input.

    Example:

    ```mlir
    %y = motley.unmix_rows (%w, %v) of %u by %base owner [0, 1] : (tensor<64x4xf32>, tensor<64x6xf32>, tensor<10x32xf32>, !motley.groups<2, 64>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins Variadic<Rows>:$weights, Rows:$slots, GroupsType:$groups, DenseI64ArrayAttr:$owner);
  let results = (outs Rows:$result);
  let assemblyFormat = "`(` $weights `)` `of` $slots `by` $groups `owner` $owner attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MixProductsOp : MotleyOp<"mix_products", [Pure]> {
  let summary = "products of rows with slots: the cotangents of the weights of mix_rows and unmix_rows";
  let description = [{
    w[i][r, s] = sum over d of x[r, d] u[f_i + s, d] for the rows r of the groups g with owner[g] = i; other rows are dead. Branches and
    slots are as in mix_rows.

    Constraints:
    * C1: as C1 of mix_rows.
    * C2: as C2 of mix_rows, with the results for the weights and slots for its result.

    Example:

    ```mlir
    %w, %v = motley.mix_products %x, %u by %base owner [0, 1] : (tensor<64x32xf32>, tensor<10x32xf32>, !motley.groups<2, 64>) -> (tensor<64x4xf32>, tensor<64x6xf32>)
    ```
  }];
  let arguments = (ins Rows:$input, Rows:$slots, GroupsType:$groups, DenseI64ArrayAttr:$owner);
  let results = (outs Variadic<Rows>:$weights);
  let assemblyFormat = "$input `,` $slots `by` $groups `owner` $owner attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // MOTLEY_MIX_OPS
