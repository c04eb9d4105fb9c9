// Level 1: what a model is written in. Row operations on ranked tensors; weights are named by their variables.
#ifndef MOTLEY_MODEL_OPS
#define MOTLEY_MODEL_OPS

include "dialect/MotleyBase.td"
include "dialect/MotleyInterfaces.td"

def EmbeddingOp : MotleyOp<"embedding", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "looks up one row of a table for each token";
  let description = [{
    y[r, :] = table[token[r], :]. Table [V, D], token [R], y [R, D].

    Constraints:
    * C1: the symbol names a motley.variable of rank 2.
    * C2: the result is [R, D] with the R of the tokens and the D of the table.

    Example:

    ```mlir
    %x = motley.embedding @embed(%token) : (tensor<64xi32>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$table, RowInts:$tokens);
  let results = (outs Rows:$result);
  let assemblyFormat = "$table `(` $tokens `)` attr-dict `:` functional-type(operands, results)";
}

def LinearOp : MotleyOp<"linear", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "matrix product with a variable, and a bias";
  let description = [{
    y = x W + b. x [R, K], W [K, N], b [N], y [R, N]. `precision` says what the product rounds its operands to; without it the module
    decides (set-precision). Routers ask for f32.

    Constraints:
    * C1: the symbols name variables, W of rank 2 and b of rank 1.
    * C2: x has the K of W; the result is [R, N]; b has N elements.

    Example:

    ```mlir
    %y = motley.linear @w(%x) : (tensor<64x32xf32>) -> tensor<64x48xf32>
    %z = motley.linear @w(%x) bias @b : (tensor<64x32xf32>) -> tensor<64x48xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, Rows:$input, OptionalAttr<FlatSymbolRefAttr>:$bias, OptionalAttr<PrecisionAttr>:$precision);
  let results = (outs Rows:$result);
  let assemblyFormat = "$weight `(` $input `)` (`bias` $bias^)? (`precision` `` $precision^)? attr-dict `:` functional-type(operands, results)";
}

def NormOp : MotleyOp<"norm", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "RMSNorm or LayerNorm over each row, or over each head of a row";
  let description = [{
    With D' = D / heads, for each row and head over its D' elements: rms: y = x / sqrt(mean(x^2) + epsilon) * gain
    (arXiv 1910.07467); layer: y = (x - mean) / sqrt(var + epsilon) * gain + bias (arXiv 1607.06450). heads > 1 is QK-norm: the
    gain [D'] is shared by the heads.

    Constraints:
    * C1: heads >= 1 divides D; epsilon is positive and finite.
    * C2: the symbols name variables of rank 1 of D / heads elements.
    * C3: only `layer` has a bias.

    Example:

    ```mlir
    %y = motley.norm rms %x gain @g {epsilon = 1.000000e-05 : f64} : tensor<64x32xf32>
    %z = motley.norm layer %x gain @g bias @b {epsilon = 1.000000e-05 : f64, heads = 1 : i64} : tensor<64x32xf32>
    ```
  }];
  let arguments = (ins NormKindAttr:$kind, Rows:$input, FlatSymbolRefAttr:$gain, OptionalAttr<FlatSymbolRefAttr>:$bias,
                       F64Attr:$epsilon, DefaultValuedAttr<I64Attr, "1">:$heads);
  let results = (outs Rows:$result);
  let assemblyFormat = "`` $kind $input `gain` $gain (`bias` $bias^)? attr-dict `:` type($input)";
}

def RopeOp : MotleyOp<"rope", [Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "rotary position embedding";
  let description = [{
    In each head of width D' = D / heads, with j < D'/2 and angle = position[r] * theta^(-2 j / D'), the pair
    (x[j], x[j + D'/2]) is turned by the angle: y[j] = x[j] cos - x[j + D'/2] sin, y[j + D'/2] = x[j + D'/2] cos + x[j] sin
    (arXiv 2104.09864; halves, as in Llama's released weights). `inverse` turns back: it is the adjoint.

    Constraints:
    * C1: heads >= 1 divides D, and D / heads is even.
    * C2: theta is positive and finite; positions have the R of the input.

    Example:

    ```mlir
    %y = motley.rope %x at %position {heads = 4 : i64, theta = 1.000000e+04 : f64} : tensor<64x32xf32>, tensor<64xi32>
    ```
  }];
  let arguments = (ins Rows:$input, RowInts:$position, I64Attr:$heads, F64Attr:$theta, UnitAttr:$inverse);
  let results = (outs Rows:$result);
  let assemblyFormat = "(`inverse` $inverse^)? $input `at` $position attr-dict `:` type($input) `,` type($position)";
  let hasVerifier = 1;
}

def AttentionOp : MotleyOp<"attention", [Pure, AttrSizedOperandSegments, AllTypesMatch<["query", "result"]>]> {
  let summary = "scaled dot-product attention inside each document";
  let description = [{
    For each row and head: softmax over the admitted keys of scale * q k^T, times v. Key c is admitted to query r when both are
    in one document (without `documents`, all live rows are one) and: `causal`: order[c] <= order[r]; `span`: that, or both in
    the same span >= 0; `full`: always. Without `order`, rows are compared by their place. Head h reads key head
    h / (heads / kv_heads). Query [R, heads * D'], key and value [R, kv_heads * D']; scale is 1 / sqrt(D') unless given.

    Constraints:
    * C1: kv_heads divides heads, heads divides the query's width; key and value are [R, kv_heads * D'].
    * C2: `span` needs spans; fields have the R of the query; scale is finite.

    Example:

    ```mlir
    %a = motley.attention causal %q, %k, %v documents %d order %o {heads = 4 : i64, kv_heads = 2 : i64} : (tensor<64x32xf32>, tensor<64x16xf32>, tensor<64x16xf32>, tensor<64xi32>, tensor<64xi32>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins MaskAttr:$mask, Rows:$query, Rows:$key, Rows:$value, Optional<RowInts>:$documents,
                       Optional<RowInts>:$order, Optional<RowInts>:$span, I64Attr:$heads, I64Attr:$kv_heads,
                       OptionalAttr<F64Attr>:$scale);
  let results = (outs Rows:$result);
  let assemblyFormat = [{
    `` $mask $query `,` $key `,` $value (`documents` $documents^)? (`order` $order^)? (`span` $span^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def ByModalityOp : MotleyOp<"by_modality", [Pure, SingleBlock, NoRegionArguments,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a different computation for the rows of each modality";
  let description = [{
    Each case names one or more modalities and holds row operations for their rows; it sees values from above and yields one
    tensor per result. A row of the result comes from the case that names the row's modality.

    Constraints:
    * C1: every modality of the module appears in exactly one case; the field has the R of the results.
    * C2: a case yields values of the result types, at least one.
    * C3: a case holds row operations: linear, norm, rope, elementwise arithmetic and activations, routing and
      experts, and no embedding, attention, loss, select_rows or nested by_modality.

    Example:

    ```mlir
    %y = motley.by_modality %modality : tensor<64xi32> -> (tensor<64x48xf32>) {
      %t = motley.linear @text.w(%x) : (tensor<64x32xf32>) -> tensor<64x48xf32>
      motley.yield %t : tensor<64x48xf32>
    } case [@text], {
      %i = motley.linear @image.w(%x) : (tensor<64x32xf32>) -> tensor<64x48xf32>
      motley.yield %i : tensor<64x48xf32>
    } case [@image]
    ```
  }];
  let arguments = (ins RowInts:$modality, ArrayAttr:$cases);
  let results = (outs Variadic<RowsOrFloats>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$bodies);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def YieldOp : MotleyOp<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "the values of a region";
  let description = [{
    Tensors in a case of by_modality, an expert or select_rows; scalars in an epilogue, a map or the body of a plan.kernel.

    Constraints:
    * C1: the parent is a motley.by_modality, motley.experts, motley.soft_experts, motley.select_rows, motley.grouped_matmul, motley.map
      or plan.kernel.
    * C2: there is at least one value.

    Example:

    ```mlir
    motley.yield %x : tensor<64x32xf32>
    ```
  }];
  let arguments = (ins Variadic<FloatOrTensor>:$values);
  let assemblyFormat = "$values `:` type($values) attr-dict";
  let hasVerifier = 1;
}

def CrossEntropyOp : MotleyOp<"cross_entropy", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "next-token loss of each row under an output head";
  let description = [{
    With logits = x W [R, V] and lse = log sum exp logits: ce[r] = lse - logits[r, target[r]], z[r] = z_loss * lse^2
    (arXiv 2204.02311, section 5). Both are 0 where target[r] is -1. The logits are never stored as a whole.

    Constraints:
    * C1: the symbol names a variable [K, V] with the K of the input.
    * C2: targets and both results have the R of the input; z_loss is finite and not negative.

    Example:

    ```mlir
    %ce, %z = motley.cross_entropy @head(%x) targets %target {z_loss = 1.000000e-05 : f64} : (tensor<64x32xf32>, tensor<64xi32>) -> (tensor<64xf32>, tensor<64xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$head, Rows:$input, RowInts:$targets, F64Attr:$z_loss);
  let results = (outs RowFloats:$ce, RowFloats:$z);
  let assemblyFormat = [{
    $head `(` $input `)` `targets` $targets attr-dict `:` functional-type(operands, results)
  }];
}

class ActivationOp<string mnemonic, list<Trait> traits = []>
    : MotleyOp<mnemonic, [Pure, Elementwise, SameOperandsAndResultType] # traits> {
  let arguments = (ins FloatOrTensor:$input);
  let results = (outs FloatOrTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
defvar Differentiable = DeclareOpInterfaceMethods<DifferentiableOpInterface>;

def SiluOp : ActivationOp<"silu", [Differentiable]> {
  let summary = "x / (1 + exp(-x))";
  let description = [{
    On a tensor or a scalar (arXiv 1606.08415).

    Example:

    ```mlir
    %y = motley.silu %x : tensor<64x32xf32>
    ```
  }];
}
def SiluSlopeOp : ActivationOp<"silu_slope"> {
  let summary = "derivative of silu: s (1 + x (1 - s)) with s = 1 / (1 + exp(-x))";
  let description = [{
    Example:

    ```mlir
    %y = motley.silu_slope %x : tensor<64x32xf32>
    ```
  }];
}
def SigmoidOp : ActivationOp<"sigmoid", [Differentiable]> {
  let summary = "1 / (1 + exp(-x))";
  let description = [{
    Example:

    ```mlir
    %y = motley.sigmoid %x : tensor<64x32xf32>
    ```
  }];
}
def GeluOp : ActivationOp<"gelu", [Differentiable]> {
  let summary = "x * (1 + erf(x / sqrt 2)) / 2";
  let description = [{
    The exact form, not the tanh approximation (arXiv 1606.08415).

    Example:

    ```mlir
    %y = motley.gelu %x : tensor<64x32xf32>
    ```
  }];
}
def GeluSlopeOp : ActivationOp<"gelu_slope"> {
  let summary = "derivative of gelu: (1 + erf(x / sqrt 2)) / 2 + x exp(-x^2 / 2) / sqrt(2 pi)";
  let description = [{
    Example:

    ```mlir
    %y = motley.gelu_slope %x : tensor<64x32xf32>
    ```
  }];
}
def ReluOp : ActivationOp<"relu", [Differentiable]> {
  let summary = "max(x, 0)";
  let description = [{
    NaN stays NaN.

    Example:

    ```mlir
    %y = motley.relu %x : tensor<64x32xf32>
    ```
  }];
}
def ReluSlopeOp : ActivationOp<"relu_slope"> {
  let summary = "derivative of relu: 1 where x > 0, NaN where x is NaN, else 0";
  let description = [{
    Example:

    ```mlir
    %y = motley.relu_slope %x : tensor<64x32xf32>
    ```
  }];
}

#endif // MOTLEY_MODEL_OPS
